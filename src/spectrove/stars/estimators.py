"""What reads labels off spectra of stars, as posteriors: see `domain.OwnEstimator`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spectrove.errors import Refusal
from spectrove.stars.measuring import FLAGS, LEAST_SEEN, MEASURES, measured
from spectrove.stars.oddities.evidence import FLAGS as ODD
from spectrove.stars.quantities import LABELS

if TYPE_CHECKING:
    from spectrove.posterior import Posterior
    from spectrove.spectra import SpectrumSet


#: Why labels cannot be read, after the name of a spectrum.
_WITHOUT_VELOCITY = (
    "no radial velocity explains its lines, and the networks trained on MILES need one to bring the star to rest. Give "
    "a spectrum of a star with more signal."
)
_FEW_PIXELS = (
    f"fewer than {LEAST_SEEN:.0%} of the pixels from 3560 to 7390 angstrom are good, and the networks trained on MILES "
    "read labels off these. Give a spectrum with more good pixels there."
)


class NetworkEstimator:
    """The networks that learned from MILES: a normal distribution for each label, independent of the others."""

    title = "networks trained on MILES"
    quantities: tuple[str, ...] = LABELS

    def posterior(self, spectra: SpectrumSet, n_draws: int = 0) -> Posterior:
        """Teff in K, log g and [Fe/H] of each star that has a velocity; a normal distribution needs no samples."""
        from spectrove.posterior import Posterior

        del n_draws

        numbers = measured(spectra)
        first = 2 * next(i for i, measure in enumerate(MEASURES) if measure.name == LABELS[0])
        values = numbers[:, first : first + 2 * len(LABELS)].reshape(-1, len(LABELS), 2)
        flags = [
            tuple(f for f, is_set in zip(FLAGS, row, strict=True) if is_set > 0)
            for row in numbers[:, 2 * len(MEASURES) :]
        ]
        read = np.isfinite(values).all(axis=(1, 2))
        covariance = np.zeros((len(values), len(LABELS), len(LABELS)))
        covariance[:, range(len(LABELS)), range(len(LABELS))] = values[:, :, 1] ** 2
        refusals = tuple(
            Refusal(
                str(spectra.object_id[i]),
                f"{spectra.object_id[i]}: {_WITHOUT_VELOCITY if 'velocity_failed' in flags[i] else _FEW_PIXELS}",
            )
            for i in np.flatnonzero(~read)
        )
        return Posterior(
            spectra.object_id[read], LABELS, values[read, :, 0], covariance[read], None,
            [flags[i] for i in np.flatnonzero(read)], frozenset({"outside_labels", "learned_from", *ODD.values()}),
            refusals,
        )  # fmt: skip
