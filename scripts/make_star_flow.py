"""Computes flow_lte.safetensors and flow.safetensors in src/spectrove/stars/data: flows from spectra to labels.

    python scripts/make_star_flow.py [--folder FOLDER] [--output FOLDER]

`flow_lte` learns mock stars of the recipe "train": 320,000 spectra from the emulator, 20,000 steps and 6,000 of the
flow. What the emulator is off by at 2,000 computed stars is noise to it; 2,000 others check its widths. `flow` starts
from it, and learns those of the recipe "real", with the depths of the real Sun, off by 15%. Spectra and states are kept
in FOLDER (build/stars/flow, which git ignores): a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from spectrove.stars.flow.recipe import FlowRecipe
from spectrove.stars.flow.training import train

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "src" / "spectrove" / "stars" / "data"

#: The recipe of each; every flow but the first starts from the first.
RECIPES = {
    "flow_lte": FlowRecipe(),
    "flow": FlowRecipe(mocks="real", pool=80_000, steps=6_000, shaping=4_000, learning_rate=1e-3, seed=1),
}


def main() -> None:
    """Writes both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "stars" / "flow")
    parser.add_argument("--output", type=Path, default=DATA)
    given = parser.parse_args()
    first = None
    for name, recipe in RECIPES.items():
        began = time.monotonic()

        def told(done: int, total: int, name: str = name, began: float = began) -> None:
            if done % 500 == 0 or done == total:
                print(
                    f"{name}: step {done} of {total}, {time.monotonic() - began:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )

        flow, report = train(recipe, given.folder / name, told, start=first, stars=given.folder / "computed")
        first = first or flow
        path = given.output / f"{name}.safetensors"
        flow.save(path, {name: report[name] for name in ("log", "seconds", "widening", "errors")})
        last = {name: value for entry in report["log"] for name, value in entry.items()}
        print(
            f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {report['seconds']:.0f} s, minus log density of the "
            f"normal {last['normal']}, of the flow {last['flow']}, widening {report['widening']}, "
            f"errors {report['errors']}"
        )


if __name__ == "__main__":
    main()
