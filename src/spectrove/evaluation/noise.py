"""Spectra made noisier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spectrove.spectra import SpectrumSet


def degrade(spectra: SpectrumSet, median_sn: float, seed: int) -> SpectrumSet:
    """The spectra with noise added until each one's median S/N per pixel is `median_sn`.

    The noise is a multiple of each pixel's own, so that sky lines stay where they are, and ivar says the truth about
    it. Spectra that are no better than that stay as they are. Every object has a stream of chance of its own; nothing
    of a row is touched, so labels stay those of the good spectrum.
    """
    flux, ivar = spectra.flux.copy(), spectra.ivar.copy()
    for i, object_id in enumerate(spectra.object_id.tolist()):
        span = slice(int(spectra.offsets[i]), int(spectra.offsets[i + 1]))
        good = spectra[i].good
        sigma = 1 / np.sqrt(np.where(ivar[span] > 0, ivar[span], np.inf).astype(float))
        if not good.any():
            continue
        times = float(np.median(flux[span][good] / sigma[good])) / median_sn
        if times <= 1:
            continue
        rng = np.random.default_rng([seed, *object_id.encode()])
        added = sigma * np.sqrt(times**2 - 1) * rng.standard_normal(len(sigma))
        flux[span] += added.astype(np.float32)
        ivar[span] /= np.float32(times**2)
    return replace(spectra, flux=flux, ivar=ivar)
