"""The labelled stars: MILES and half of a plate of LAMOST, as `$SPECTROVE_DATA/stars` has them."""

from __future__ import annotations

import csv
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.quantities import LABELS

#: MILES has no errors. Its spectra have a signal-to-noise ratio of 100 and more in a pixel of .9 angstrom.
MILES_SN = 100.0

#: Folds, by star.
FOLDS = 5


@dataclass(frozen=True)
class Labelled:
    """Stars with labels.

    Attributes:
        spectra: In vacuum.
        labels: Teff in K, log g, [Fe/H], as `LABELS`; NaN where unknown; (n_stars, 3).
        star: The name of each star; one star is in one fold.
    """

    spectra: SpectrumSet
    labels: NDArray[np.float64]
    star: tuple[str, ...]

    def take(self, chosen: NDArray) -> Labelled:
        """The chosen stars."""
        index = np.flatnonzero(chosen) if np.asarray(chosen).dtype == bool else np.asarray(chosen)
        return Labelled(self.spectra.take(index), self.labels[index], tuple(self.star[i] for i in index))

    def take_labelled(self) -> Labelled:
        """Those with all labels."""
        return self.take(np.asarray(np.isfinite(self.labels).all(axis=1)))

    @property
    def fold(self) -> NDArray[np.int64]:
        """The fold of each star, by its name."""
        return np.array([zlib.crc32(name.encode()) % FOLDS for name in self.star])

    @property
    def is_fgk(self) -> NDArray[np.bool_]:
        """Teff of 4000 to 7000 K."""
        return (self.labels[:, 0] >= 4000) & (self.labels[:, 0] <= 7000)


def folder() -> Path:
    """Where the stars are."""
    return Path(os.environ["SPECTROVE_DATA"]) / "stars"


def miles() -> Labelled:
    """MILES: 983 stars at rest in air, flux calibrated, with Teff, log g and [Fe/H] of 944."""
    with np.load(folder() / "miles_labelled.npz", allow_pickle=False) as stored:
        wave, flux, ids = stored["wave"], stored["flux"], stored["miles_id"]
    with (folder() / "miles_params.csv").open(encoding="utf8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    known = [i for i, name in enumerate(ids) if str(name) in rows]
    told = [rows[str(ids[i])] for i in known]
    labels = np.array([[float(row[name] or "nan") for name in ("teff", "logg", "feh")] for row in told])
    spectra = [
        Spectrum(
            wave, flux[i].astype(float), ivar=np.where(flux[i] > 0, (MILES_SN / np.maximum(flux[i], 1e-9)) ** 2, 0.0),
            z=0.0, medium="air", object_id=f"MILES-{ids[i]}", flux_unit="relative", star=row["name"],
            spectral_type=row["spt"], **dict(zip(LABELS, _known(label), strict=True)),
        )
        for i, row, label in zip(known, told, labels, strict=True)
    ]  # fmt: skip
    return Labelled(SpectrumSet.from_spectra(spectra), labels, tuple(row["name"] for row in told))


def lamost(medium: str = "vacuum") -> Labelled:
    """LAMOST DR1: 61 stars of a plate, in vacuum, with their velocities in them, and labels of the survey's pipeline.

    Args:
        medium: What wavelengths are taken to be in; "air" is wrong, to see what follows.
    """
    with np.load(folder() / "lamost_labelled.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    columns = {str(name): i for i, name in enumerate(arrays["label_names"])}
    labels = arrays["labels"][:, [columns[name] for name in ("teff", "logg", "feh")]]
    names = [str(name) for name in arrays["filename"]]
    spectra = [
        Spectrum(
            arrays["wave"], flux.astype(float), ivar=ivar.astype(float), medium=medium, object_id=name,
            flux_unit="relative", snr_g=float(row[columns["snrg"]]),
        )
        for flux, ivar, name, row in zip(arrays["flux"], arrays["ivar"], names, arrays["labels"], strict=True)
    ]  # fmt: skip
    return Labelled(SpectrumSet.from_spectra(spectra), labels, tuple(names))


def noisy(stars: Labelled, signal_to_noise: float, seed: int) -> Labelled:
    """The same with noise of this ratio in each pixel of .9 angstrom."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(len(stars.spectra)):
        one = stars.spectra[i]
        error = np.maximum(one.flux, 0) / signal_to_noise
        made.append(
            Spectrum(
                one.wavelength, one.flux + error * rng.normal(size=len(error)), z=0.0, object_id=one.object_id,
                ivar=np.where((one.ivar > 0) & (error > 0), 1 / np.maximum(error, 1e-9) ** 2, 0.0),
                flux_unit="relative",
            )
        )  # fmt: skip
    return Labelled(SpectrumSet.from_spectra(made), stars.labels, stars.star)


def _known(label: NDArray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in label]
