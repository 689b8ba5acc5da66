"""Labels of stars in two settings of GIRAFFE, and the spectra that they have in local thermodynamic equilibrium."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ShapeError
from spectrove.stars.settings import SETTINGS
from spectrove.stars.synthesis.star import Star

Floats = NDArray[np.float64]

#: Elements whose [X/Fe] is a label.
ELEMENTS = ("al", "mg", "ca", "ni", "ti", "si")

#: What decides a spectrum, with units: of an element [X/Fe]; of the broadening one sigma of a Gaussian in velocity,
#: which is rotation, large motions and errors of the stated resolution in one.
LABELS: dict[str, str] = {
    "teff": "K",
    "logg": "dex",
    "fe_h": "dex",
    **dict.fromkeys(ELEMENTS, "dex"),
    "microturbulence": "km/s",
    "broadening": "km/s",
}

#: Those that are asked of a star; the others are nuisances.
ASKED = tuple(LABELS)[:9]

#: Angstrom between pixels, and between those that spectra are computed at before they are broadened.
PIXEL, FINE = 0.1, 0.05

#: Elements that follow the mean of Mg, Si, Ca and Ti, as they have no label: O, Ne, S, Ar.
_OTHER_ALPHA = ("mg", "si", "ca", "ti")

#: km / s beyond the ends of a setting that are computed, so that broadening sees what lies there.
_MARGIN = 60.0


def pixels() -> Floats:
    """Vacuum wavelengths of the pixels of both settings, one after the other, angstrom, (n_pixels,)."""
    return np.concatenate([setting.pixels(PIXEL) for setting in SETTINGS.values()])


def star_of(labels: NDArray) -> Star:
    """The star of one row of labels, in the order of `LABELS`; its broadening is not part of it.

    Raises:
        ShapeError: If it has not that many numbers.
    """
    row = np.asarray(labels, float)
    if row.shape != (len(LABELS),):
        raise ShapeError(f"labels have shape {row.shape}, expected ({len(LABELS)},): {', '.join(LABELS)}.")
    values = dict(zip(LABELS, row.tolist(), strict=True))
    return Star(
        values["teff"],
        values["logg"],
        values["fe_h"],
        values["microturbulence"],
        alpha_fe=sum(values[x] for x in _OTHER_ALPHA) / len(_OTHER_ALPHA),
        x_fe={x.capitalize(): values[x] for x in ELEMENTS},
    )


def lte_spectrum(labels: NDArray) -> Floats:
    """Flux over continuum of a star in local thermodynamic equilibrium at each setting's resolution, (n_pixels,).

    Args:
        labels: In the order of `LABELS`, (n_labels,).

    Raises:
        ParameterError: The star lies outside of the model atmospheres.
        ShapeError: It has another number of labels.
    """
    from spectrove.stars.synthesis.broadening import broaden
    from spectrove.stars.synthesis.spectrum import synthesise

    star, parts = star_of(labels), []
    for setting in SETTINGS.values():
        margin = setting.high * _MARGIN / 2.99792458e5
        fine = np.arange(setting.low - margin, setting.high + margin, FINE)
        flux = synthesise(star, fine).flux
        parts.append(
            broaden(
                fine,
                flux,
                at=setting.pixels(PIXEL),
                resolution=setting.resolution,
                gaussian=float(labels[-1]),
            )
        )
    return np.concatenate(parts)


def lte_spectra(labels: NDArray, progress: Callable[[int, int], None] = lambda done, total: None) -> NDArray:
    """`lte_spectrum` of many stars, (n_stars, n_pixels), single precision; a tenth of a second each.

    Args:
        labels: (n_stars, n_labels).
        progress: Told how many are done, of how many.
    """
    flux = np.empty((len(labels), len(pixels())), np.float32)
    for i, row in enumerate(labels):
        flux[i] = lte_spectrum(row)
        progress(i + 1, len(labels))
    return flux


def kept_lte_spectra(
    path: Path, labels: NDArray, progress: Callable[[int, int], None] = lambda done, total: None
) -> NDArray:
    """`lte_spectra` from a file that holds them; they are computed and put there if it is not there.

    Args:
        path: Of the file, .npy.
        labels: (n_stars, n_labels).
        progress: Told how many are done, of how many.

    Raises:
        ShapeError: The file holds another number of spectra, or other pixels.
    """
    if not path.exists():
        flux = lte_spectra(labels, progress)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        with unfinished.open("wb") as file:
            np.save(file, flux)
        unfinished.replace(path)
    found = np.load(path, allow_pickle=False)
    if found.shape != (len(labels), len(pixels())):
        raise ShapeError(
            f"{path}: spectra have shape {found.shape}, expected ({len(labels)}, {len(pixels())}). Remove the file."
        )
    return np.asarray(found, np.float32)
