"""Spectra of one object taken more than once, in which nothing changed: exposures in SDSS files, and mock repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from spectrove.galaxies.mock import MockRecipe
from spectrove.galaxies.mock.galaxies import draw_galaxy
from spectrove.galaxies.mock.noise import draw_exposure, observe
from spectrove.galaxies.mock.survey import _light  # the light of one galaxy at two exposures
from spectrove.readers.assemble import FLUX_UNIT, sky_line_bits
from spectrove.readers.sdss import FATAL_BITS as FATAL
from spectrove.spectra import Mask, Spectrum, SpectrumSet


def exposures(path: Path) -> list[Spectrum]:
    """The single exposures of a full SDSS file, blue and red camera joined, with the redshift of the file.

    Each is on pixels of 1e-4 dex like the coadded spectrum: single frames have pixels of their own, a little uneven.
    """
    with fits.open(path, memmap=False) as file:
        row = file[2].data[0]
        frames = [(hdu.name, hdu.data) for hdu in file[4:] if hdu.name[:2] in ("B1", "B2", "R1", "R2")]
    # Red and blue frames of one exposure have numbers of their own in some files: they are matched in their order.
    blue = [parts for parts in frames if parts[0][0] == "B"]
    red = [parts for parts in frames if parts[0][0] == "R"]
    return [_joined(path, k, [b[1], r[1]], row) for k, (b, r) in enumerate(zip(blue, red, strict=False))]


def _joined(path: Path, k: int, parts: list[Any], row: Any) -> Spectrum:
    """One exposure of both cameras, joined at 6000 angstrom."""
    columns: dict[str, list[Any]] = {name: [] for name in ("wavelength", "flux", "ivar", "mask", "lsf")}
    for data in parts:
        wavelength = 10.0 ** np.asarray(data["loglam"], float)
        order = np.argsort(wavelength)
        bad = (np.asarray(data["mask"]) & FATAL != 0) | ~(np.asarray(data["ivar"]) > 0)
        for name, values in (
            ("wavelength", wavelength), ("flux", data["flux"]), ("ivar", np.where(bad, 0, data["ivar"])),
            ("mask", np.where(bad, int(Mask.NODATA), 0)),
            ("lsf", np.asarray(data["wdisp"]) * 1e-4 * np.log(10) * wavelength),
        ):  # fmt: skip
            columns[name].append(np.asarray(values)[order])
    middle = 6000.0
    keep = [columns["wavelength"][0] < middle, columns["wavelength"][1] >= middle]
    made = {
        name: np.concatenate([v[k] for v, k in zip(values, keep, strict=True)])
        for name, values in columns.items()
    }
    name = f"{path.name.split('.')[0].removeprefix('spec-')}/{k}"
    about = {"z": float(row["Z"]), "ra": float(row["PLUG_RA"]), "dec": float(row["PLUG_DEC"]), "flux_unit": FLUX_UNIT,
             "object": name.split("/")[0], "plate": int(row["PLATE"]), "calibrated": True, "flags": []}  # fmt: skip
    return Spectrum.stored(
        name, made["wavelength"].astype(float), made["flux"].astype(np.float32), made["ivar"].astype(np.float32),
        made["mask"].astype(np.int32), made["lsf"].astype(np.float32), about,
    )  # fmt: skip


def mock_epochs(i: int, recipe: MockRecipe, seed: int, n: int = 2) -> SpectrumSet:
    """n epochs of the i-th mock galaxy: other exposures, noise, calibration and sky, the same light."""
    rng = np.random.default_rng([seed, i])
    names = list(recipe.classes)
    galaxy = draw_galaxy(str(rng.choice(names)), recipe, rng)
    light_seed = int(rng.integers(2**31))
    spectra = []
    for k in range(n):
        exposure = draw_exposure(rng)
        light, truth = _light(galaxy, exposure, recipe, np.random.default_rng(light_seed))
        seen = observe(light, exposure, recipe.noise, rng)
        mask = sky_line_bits(exposure.wavelength)
        mask[seen.and_mask != 0] |= int(Mask.BADPIXEL)
        mask[seen.ivar == 0] |= int(Mask.NODATA)
        row = {"z": float(truth["truth_z"]), "ra": 10.0 + i * 0.1, "dec": 0.0, "mjd": 52000 + k, "object": f"mock-{i}",
               "flux_unit": FLUX_UNIT, "calibrated": True, "flags": []}  # fmt: skip
        spectra.append(
            Spectrum.stored(
                f"mock-{i}/{k}", exposure.wavelength, seen.flux, seen.ivar, mask,
                exposure.lsf.astype(np.float32), row,
            )
        )  # fmt: skip
    return SpectrumSet.from_spectra(spectra)
