"""Computes atmospheres.safetensors in src/spectrove/stars/data: networks that give model atmospheres of stars.

    python scripts/make_star_atmospheres.py [FOLDER] [OUTPUT.safetensors]

Takes the wheel of atmosnet 1.0.1 (Nidever 2021, MIT licence) from PyPI into FOLDER (build/stars, which git ignores),
unless it is there, compares its hash, and converts the four networks that a synthesis needs, of the model for cool
stars, from the pickle in it. The pickle is read by a reader that makes arrays and nothing else. What was converted is
compared with what the networks in the pickle give.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "stars"
OUTPUT = ROOT / "src" / "spectrove" / "stars" / "data" / "atmospheres.safetensors"

WHEEL = "atmosnet-1.0.1-py2.py3-none-any.whl"
SHA256 = "96415df839a8077a63a57aca0ef23c18a4c18212ff4d5743fc2f7b19757287b0"
INSIDE = "atmosnet/data/atmosnet_c3k_300neurons_cool.pkl"

#: Networks that are taken, by the column of an ATLAS model that each gives.
COLUMNS = {0: "column_mass", 1: "temperature", 2: "gas_pressure", 3: "electron_density"}
LABELS = ["TEFF", "LOGG", "FE_H", "ALPHA_FE"]


class ArraysOnly(pickle.Unpickler):
    """Reads numpy arrays, numbers, texts, lists and dictionaries; whatever else a pickle asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """The few names that arrays need."""
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("dill._dill", "_import_module"):
            return str
        if (module, name) == ("dill._dill", "_get_attr"):
            return _reconstruct
        raise pickle.UnpicklingError(f"{INSIDE}: asks for {module}.{name}, expected arrays alone.")


def _reconstruct(module: str, name: str) -> Any:
    if name != "_reconstruct":
        raise pickle.UnpicklingError(f"{INSIDE}: asks for {module}.{name}, expected arrays alone.")
    return np.empty(0).__reduce__()[0]


def networks(folder: Path) -> list[dict[str, Any]]:
    """The networks of the package, one for each column; its wheel is taken from PyPI if it is not in the folder."""
    wheel = folder / WHEEL
    if not wheel.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), "atmosnet==1.0.1"]
        subprocess.run(command, check=True)
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{wheel}: found SHA-256 {found}, expected {SHA256}. Nothing was read.")
    with zipfile.ZipFile(wheel) as archive:
        return ArraysOnly(io.BytesIO(archive.read(INSIDE))).load()


def converted(all_networks: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Weights by name in single precision, and the limits that parameters are scaled with."""
    first = all_networks[0]
    arrays = {"low": np.asarray(first["x_min"], np.float32), "high": np.asarray(first["x_max"], np.float32)}
    for column, name in COLUMNS.items():
        one = all_networks[column]
        same = all(np.array_equal(one[key], first[key]) for key in ("x_min", "x_max"))
        if one["labels"] != LABELS or one["column"] != column or not same:
            sys.exit(
                f"{INSIDE}: network {column} has labels {one['labels']}, expected {LABELS} with one scaling."
            )
        for layer in range(3):
            arrays[f"{name}.weight_{layer}"] = np.asarray(one[f"w_array_{layer}"], np.float32)
            arrays[f"{name}.bias_{layer}"] = np.asarray(one[f"b_array_{layer}"], np.float32)
    return arrays


def original(network: dict[str, Any], labels: np.ndarray) -> np.ndarray:
    """log10 of what a network of the package gives, as the package computes it."""
    hidden = (labels - network["x_min"]) / (network["x_max"] - network["x_min"]) - 0.5
    for layer in range(2):
        hidden = network[f"w_array_{layer}"] @ hidden + network[f"b_array_{layer}"]
        hidden = hidden * (hidden > 0) + 0.01 * hidden * (hidden < 0)
    return network["w_array_2"] @ hidden + network["b_array_2"]


def largest_difference(all_networks: list[dict[str, Any]], n: int = 500) -> float:
    """Of log10, between the package and ours, over n stars within the limits."""
    from spectrove.stars.synthesis.atmosphere import LIMITS, model_atmosphere

    rng, worst = np.random.default_rng(0), 0.0
    low, high = np.array(list(LIMITS.values())).T
    for labels in rng.uniform(low, high, (n, len(LIMITS))):
        ours = model_atmosphere(*labels)
        for column, name in COLUMNS.items():
            there = original(all_networks[column], labels)
            worst = max(worst, float(np.abs(np.log10(getattr(ours, name)) - there).max()))
    return worst


def main(folder: Path, output: Path) -> None:
    """Writes the networks, compares them with the package's and prints how well they agree."""
    there = networks(folder)
    save_file(converted(there), output)
    print(f"{output.name}: {output.stat().st_size} bytes")
    if output == OUTPUT:
        print(f"largest difference of log10 from atmosnet over 500 stars: {largest_difference(there):.1e}")


if __name__ == "__main__":
    arguments = [Path(a) for a in sys.argv[1:]]
    main(arguments[0] if arguments else FOLDER, arguments[1] if len(arguments) > 1 else OUTPUT)
