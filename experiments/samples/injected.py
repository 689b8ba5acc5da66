"""Lenses and outliers injected into real host spectra, with hosts left as they are for controls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spectrove.errors import SpectrumError
from spectrove.galaxies.mock import OUTLIER_KINDS, inject_lens, inject_outlier
from spectrove.spectra import Spectrum, SpectrumSet


def with_lenses(
    hosts: SpectrumSet,
    seed: int,
    share: float = 0.5,
    backgrounds: Sequence[str] = ("galaxy",),
    **options: Any,
) -> SpectrumSet:
    """The hosts, a share of them with the lines of a galaxy behind; column `lens` says which.

    Which hosts are chosen depends on the seed alone, not on what is put behind them.

    Args:
        hosts: Red galaxies with redshifts.
        seed: Of what is chosen and drawn.
        share: Of the hosts that become lenses.
        backgrounds: What `inject_lens` puts behind them, in turn by chance.
        options: More for `inject_lens`.
    """

    def change(spectrum: Spectrum, rng: np.random.Generator) -> Spectrum:
        # A single one takes no chance: the stream that draws the lens stays what it was.
        background = str(rng.choice(list(backgrounds))) if len(backgrounds) > 1 else backgrounds[0]
        return inject_lens(spectrum, rng, background=background, **options)  # type: ignore[arg-type]

    return _inject(hosts, "lens", seed, share, change)


def with_outliers(hosts: SpectrumSet, seed: int, share: float = 0.2) -> SpectrumSet:
    """The hosts, a share of them turned into outliers of all kinds in turn; column `outlier` says which."""
    return _inject(
        hosts, "outlier", seed, share, lambda s, rng: inject_outlier(s, str(rng.choice(OUTLIER_KINDS)), rng)
    )


def _inject(
    hosts: SpectrumSet,
    label: str,
    seed: int,
    share: float,
    change: Callable[[Spectrum, np.random.Generator], Spectrum],
) -> SpectrumSet:
    """Each host once, changed or as it was, so that no object has a twin in the set.

    Chance goes by a stream per object, so that the set does not depend on the order of the hosts.
    """
    spectra = []
    for host in hosts:
        rng = np.random.default_rng([seed, *host.object_id.encode()])
        row = dict(host.row) | {label: "none"}
        spectrum = Spectrum.stored(
            host.object_id, host.wavelength, host.flux, host.ivar, host.mask, host.lsf, row
        )
        if rng.random() < share:
            try:
                spectrum = change(spectrum, rng)
            except SpectrumError:
                continue  # a host without redshift or good pixels can carry nothing
        spectra.append(spectrum)
    return SpectrumSet.from_spectra(spectra)
