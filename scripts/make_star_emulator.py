"""Computes emulator.safetensors in src/spectrove/stars/data: a network that gives spectra of stars.

    python scripts/make_star_emulator.py [FOLDER] [OUTPUT.safetensors]

Computes 5,000 spectra to learn and 800 to test with, a tenth of a second each, into FOLDER (build/stars/emulator, which
git ignores), trains the network, and prints by how much it is off for the stars to test with. Both can be stopped: the
same command goes on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spectrove.stars.emulator.network import load_emulator
from spectrove.stars.emulator.spectra import computed, learning_recipe
from spectrove.stars.emulator.training import errors, regions, save_emulator, train
from spectrove.stars.mock.recipe import load_recipe

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "stars" / "emulator"
OUTPUT = ROOT / "src" / "spectrove" / "stars" / "data" / "emulator.safetensors"

#: Stars to learn and to test with, and mock stars to test with.
LEARN, TEST, MOCKS = 5_000, 500, 300


def tell(what: str, every: int) -> Callable[[int, int], None]:
    """Prints every so many."""

    def progress(done: int, total: int) -> None:
        if done % every == 0 or done == total:
            print(
                f"\r{what}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True
            )

    return progress


def tell_errors(what: str, off: np.ndarray) -> None:
    """Prints the errors of spectra."""
    print(
        f"{what}: rms over all {np.sqrt(np.mean(off**2)):.2e}, of a spectrum: median {np.median(off):.2e}, 95% "
        f"{np.quantile(off, 0.95):.2e}, largest {off.max():.2e}"
    )


def main(folder: Path, output: Path) -> None:
    """Writes the emulator and prints its errors."""
    recipe = learning_recipe()
    test_labels, test_flux = computed(folder, "test", TEST, recipe, tell("spectra to test with", 10))
    labels, flux = computed(folder, "learn", LEARN, recipe, tell("spectra to learn", 10))
    emulator, report = train(labels, flux, folder / f"run-{LEARN}", progress=tell("training", 100))
    save_emulator(emulator, output, report)
    shipped = load_emulator(output)
    off = errors(shipped, test_labels, test_flux)
    print(
        f"{output.name}: {output.stat().st_size} bytes, {LEARN} spectra, {report['seconds']:.0f} s of training"
    )
    print(f"learned to {report['log'][-1]['rms']:.2e} rms")
    tell_errors(f"{TEST} unseen stars of its own recipe", off)
    mock_labels, mock_flux = computed(
        folder / "mocks", "test", MOCKS, load_recipe("test"), tell("mock stars", 10)
    )
    tell_errors(f"{MOCKS} mock stars of the recipe test", errors(shipped, mock_labels, mock_flux))
    print("five parts of equal number along each label:")
    for name, start, end, median, most in regions(test_labels, off):
        print(f"  {name:16s} {start:8.2f} to {end:8.2f}: median {median:.2e}, 95% {most:.2e}")


if __name__ == "__main__":
    arguments = [Path(a) for a in sys.argv[1:]]
    main(arguments[0] if arguments else FOLDER, arguments[1] if len(arguments) > 1 else OUTPUT)
