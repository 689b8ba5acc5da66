"""Makes src/spectrove/galaxies/data/epochs.json: significances of mock pairs of epochs in which nothing changed.

`python scripts/epochs_null.py [PAIRS]` from the root of the repository.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.samples.repeats import mock_epochs
from spectrove.galaxies.mock import load_recipe
from spectrove.galaxies.variability import VARIABILITY
from spectrove.inference.differences.changes import line_changes, sky_pixels, still_pixels
from spectrove.inference.differences.pairs import gridded, pair_of
from spectrove.processes import map_chunks

PATH = Path(__file__).parents[1] / "src/spectrove/galaxies/data/epochs.json"

#: Seed of the pairs; experiments use others.
SEED, PAIRS = 314, 2400


def significances(i: int, seed: int = SEED) -> tuple[float, float, float]:
    """Lower signal-to-noise ratio, and the best significance of narrow and of broad lines, of one pair."""
    epochs = mock_epochs(i, load_recipe("test"), seed)
    z = float(epochs.z[0])
    made = gridded(epochs, z)
    pair = pair_of(
        made, 0, 1, still_pixels(made.wavelength, VARIABILITY), sky_pixels(made.wavelength, z, VARIABILITY)
    )
    assert pair is not None
    changes = line_changes(pair, VARIABILITY)
    best = [
        max((abs(c.z) for c in changes if bool(c.broad) == broad), default=0.0) for broad in (False, True)
    ]
    return min(pair.sn), best[0], best[1]


def main() -> None:
    """Write the table."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS
    rows = np.array(list(map_chunks(significances, ((i,) for i in range(n)), 2)))
    rows = rows[np.argsort(rows[:, 0])]
    about = {"made_by": "scripts/epochs_null.py", "seed": SEED, "recipe": "test"}
    values = {name: np.round(rows[:, k], 2).tolist() for k, name in enumerate(("sn", "narrow", "broad"))}
    PATH.write_text(json.dumps({**about, **values}, separators=(",", ":")) + "\n", "utf-8")
    narrow, broad = np.quantile(rows[:, 1:], 0.99, axis=0)
    print(f"wrote {PATH}: {n} pairs, 99% of narrow below {narrow:.2f}, of broad below {broad:.2f}")


if __name__ == "__main__":
    main()
