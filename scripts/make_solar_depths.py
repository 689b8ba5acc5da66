"""Computes solar_depths.npz in src/spectrove/stars/data: how deep lines of the real Sun are over computed.

    python scripts/make_solar_depths.py UVES_Sun-1_cleaned_norm.txt [OUTPUT.npz]

Reads air wavelength and normalised flux of a spectrum of the Sun by UVES, as TSFitPy (Gerber et al. 2023, A&A 669, A43)
distributes it. Depths of both are brought to the resolution of HR10 and averaged over `LENGTH`; their ratio is cut off
at `LIMITS`. Where no spectrum is at hand, and where there are no lines, it is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from spectrove.pixels.air import air_to_vacuum
from spectrove.stars.labels import FINE, PIXEL, pixels
from spectrove.stars.settings import SETTINGS
from spectrove.stars.synthesis.broadening import broaden
from spectrove.stars.synthesis.spectrum import synthesise
from spectrove.stars.synthesis.star import Star

OUTPUT = Path(__file__).resolve().parents[1] / "src" / "spectrove" / "stars" / "data" / "solar_depths.npz"

#: Angstrom, one sigma, over which depths are averaged; what is added to both, so that a continuum has a ratio of 1.
LENGTH, FLOOR = 0.15, 0.01

#: Least and largest ratio.
LIMITS = (0.4, 2.5)

SUN = Star(5777, 4.44, 0.0, 1.0)


def main(path: Path, output: Path) -> None:
    """Writes the ratio and prints what it is worth for the Sun itself."""
    wavelength, observed = np.loadtxt(path, unpack=True)
    wavelength = air_to_vacuum(wavelength)
    ratio, start = np.ones(len(pixels())), 0
    for setting in SETTINGS.values():
        at = setting.pixels(PIXEL)
        here = slice(start, start + len(at))
        start += len(at)
        if wavelength[0] > at[0] - 1 or wavelength[-1] < at[-1] + 1:
            print(f"{setting.name}: not in the spectrum, left at 1")
            continue
        fine = np.arange(at[0] - 1, at[-1] + 1, FINE)
        computed = broaden(
            fine, synthesise(SUN, fine).flux, at=at, resolution=setting.resolution, gaussian=2.5
        )
        near = (wavelength > at[0] - 1) & (wavelength < at[-1] + 1)
        real = broaden(wavelength[near], observed[near], at=at, resolution=setting.resolution)
        depths = [gaussian_filter1d(1 - x, LENGTH / PIXEL) for x in (real, computed)]
        ratio[here] = np.clip((depths[0] + FLOOR) / (depths[1] + FLOOR), *LIMITS)
        corrected = 1 - (1 - computed) * ratio[here]
        before, after = (np.sqrt(np.mean((x - real) ** 2)) for x in (computed, corrected))
        print(f"{setting.name}: rms of the Sun {before:.4f}, with the ratio {after:.4f}")
    np.savez_compressed(output, ratio=ratio.astype(np.float16))
    print(f"{output.name}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else OUTPUT)
