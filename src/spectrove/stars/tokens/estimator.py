"""Labels and reddening of stars from what Gaia's BP sees of them, or would see: see `domain.OwnEstimator`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from spectrove.stars.tokens.vocabulary import LABELS, NAMES

if TYPE_CHECKING:
    from spectrove.posterior import Posterior
    from spectrove.spectra import SpectrumSet


class TokensEstimator:
    """The network on tokens; the coefficients of BP are all that is known, and each answer is a normal distribution."""

    title = "a network on tokens of Gaia's BP, trained on mock stars"
    quantities: tuple[str, ...] = LABELS

    def posterior(self, spectra: SpectrumSet, n_draws: int = 0) -> Posterior:
        """Teff in K, log g, [Fe/H] and log10 E(B-V) of each star whose flux is calibrated and covers BP.

        Raises:
            ParameterError: GaiaXPy's files, which say what BP sees, are not there.
        """
        from spectrove.stars.tokens.infer import StarTokens
        from spectrove.stars.tokens.spectra import seen_by_bp, tokens_of

        del n_draws  # a normal distribution needs none
        seen, refused = seen_by_bp(spectra)
        value, error = tokens_of(seen)
        known = {name: (value[:, i], error[:, i]) for i, name in enumerate(NAMES) if name.startswith("bp_")}
        found = StarTokens.load().infer(known, LABELS, [str(name) for name in seen.object_id])
        return replace(found, refusals=(*found.refusals, *refused))
