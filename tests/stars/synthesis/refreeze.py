"""Makes frozen.json anew: python tests/stars/synthesis/refreeze.py, only when spectra are meant to change."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spectrove.stars.settings import SETTINGS
from spectrove.stars.synthesis.spectrum import synthesise
from spectrove.stars.synthesis.star import Star

STARS = (
    {"teff": 5777, "logg": 4.44, "fe_h": 0.0, "microturbulence": 1.0},
    {"teff": 4300, "logg": 1.5, "fe_h": -0.5, "microturbulence": 1.7, "alpha_fe": 0.2},
    {
        "teff": 6500, "logg": 4.0, "fe_h": -1.5, "microturbulence": 1.5, "alpha_fe": 0.3,
        "x_fe": {"Ni": -0.1, "Al": 0.2},
    },
    {"teff": 7500, "logg": 4.0, "fe_h": 0.2, "microturbulence": 2.0},
)  # fmt: skip


def main() -> None:
    """Writes every hundredth pixel."""
    entries = []
    for values in STARS:
        star = Star(**values)  # type: ignore[arg-type]
        flux = {
            name: np.round(synthesise(star, setting.pixels(0.05)).flux[::100], 4).tolist()
            for name, setting in SETTINGS.items()
        }
        entries.append(json.dumps({"star": values, "flux": flux}))
    Path(__file__).with_name("frozen.json").write_text("[\n" + ",\n".join(entries) + "\n]\n")


if __name__ == "__main__":
    main()
