"""Spectra made worse in a known way; chance goes by object, so that order and neighbours do not matter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.spectra import Mask, Spectrum, SpectrumSet

#: Pixels of the shortest and longest run that is taken out.
RUNS = (40, 200)


@dataclass(frozen=True)
class Spoil:
    """What is done to queries (never to the base) before they are embedded.

    Attributes:
        sn: Noise is added until the median S/N per pixel is no higher than this.
        redshift: One sigma of a Gaussian error of the redshift, over 1 + z.
        masked: Share of the pixels that is taken out, in runs of 40 to 200.
    """

    sn: float | None = None
    redshift: float = 0.0
    masked: float = 0.0


def spoiled(spectra: SpectrumSet, how: Spoil, seed: int = 0) -> SpectrumSet:
    """The same objects, their pixels and redshifts as `how` says."""
    if how == Spoil():
        return spectra
    flux, ivar, mask = (np.array(getattr(spectra, name)) for name in ("flux", "ivar", "mask"))
    z = np.array(spectra.z)
    for i, name in enumerate(spectra.object_id.tolist()):
        span = slice(int(spectra.offsets[i]), int(spectra.offsets[i + 1]))
        rng = np.random.default_rng([seed, *name.encode()])
        if how.sn is not None:
            flux[span], ivar[span] = noisier(spectra[i], how.sn, rng)
        if how.masked:
            gone = runs(spectra[i].good, how.masked, rng)
            ivar[span][gone] = 0
            mask[span][gone] |= int(Mask.NODATA)
        if how.redshift:
            z[i] += how.redshift * (1 + z[i]) * rng.standard_normal()
    rows = spectra.rows.set_column(
        spectra.rows.column_names.index("z"), "z", pa.array(z, pa.float64(), from_pandas=True)
    )
    return replace(spectra, flux=flux, ivar=ivar, mask=mask, rows=rows)


def median_sn(spectrum: Spectrum) -> float:
    """Median S/N per good pixel; 0 where there is none."""
    good = spectrum.good
    if not good.any():
        return 0.0
    return float(np.median(spectrum.flux[good].astype(float) * np.sqrt(spectrum.ivar[good].astype(float))))


def noisier(
    spectrum: Spectrum, sn: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Flux and ivar with every error larger by one factor, so that the median S/N is `sn` or what it was."""
    times = median_sn(spectrum) / sn
    if times <= 1:
        return spectrum.flux, spectrum.ivar
    ivar = spectrum.ivar.astype(float)
    sigma = np.where(ivar > 0, 1 / np.sqrt(np.where(ivar > 0, ivar, 1)), 0.0)
    noise = np.sqrt(times**2 - 1) * sigma * rng.standard_normal(len(sigma))
    return (spectrum.flux + noise).astype(np.float32), (ivar / times**2).astype(np.float32)


def runs(good: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Pixels to take out: runs at random places until so large a share of the good ones is gone."""
    gone, wanted = np.zeros(len(good), bool), share * np.count_nonzero(good)
    while np.count_nonzero(gone & good) < wanted:
        length = int(rng.integers(RUNS[0], RUNS[1] + 1))
        missing = int(np.ceil(wanted - np.count_nonzero(gone & good)))
        start = int(rng.integers(len(good)))
        gone[start : start + min(length, missing)] = True
    return gone
