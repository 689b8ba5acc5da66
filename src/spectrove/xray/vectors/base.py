"""What the encoders of this room share: counts in energy bins as their input."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders.base import Encoder, Weights
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import Refusal
from spectrove.xray.counts import CountSet
from spectrove.xray.vectors.energies import EnergyBins, EnergyCounts, energy_counts

Singles = NDArray[np.float32]


class EnergyEncoder(Encoder):
    """An encoder whose input are `EnergyCounts`; its own table is a subclass of `EnergyBins`."""

    #: The class of its own table.
    table: ClassVar[type[EnergyBins]] = EnergyBins

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        #: Its own table.
        self.settings = self.table.model_validate(self.recipe.own or {})

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        return recipe.model_copy(update={"own": cls.table.model_validate(recipe.own or {}).model_dump()})

    @property
    def frame(self) -> str:
        return "observed"

    @property
    def preparation(self) -> str:
        return self.settings.preparation

    def prepare(self, spectra: Any) -> tuple[EnergyCounts, list[Refusal]]:
        """Counts in energy bins, and the reasons for refusing those that are no counts or have none."""
        if isinstance(spectra, CountSet):
            return energy_counts(spectra, self.settings)
        sentence = (
            "fluxes on wavelengths, expected counts with a response. Use a base of that kind of spectra."
        )
        empty, _ = energy_counts(CountSet.from_counts([]), self.settings)
        return empty, [Refusal(str(name), f"{name}: {sentence}") for name in spectra.object_id]

    @abstractmethod
    def _vectors(self, batch: EnergyCounts) -> NDArray: ...


def rates_between_0_and_1(batch: EnergyCounts) -> Singles:
    """Count rates without background, each spectrum stretched from its lowest to its highest bin, (n_spectra, n_bins).

    The response is not divided out.

    Source:
        The input of arXiv 2510.14102 and 2603.04516.
    """
    net = batch.counts - batch.behind
    low, high = net.min(axis=1, keepdims=True), net.max(axis=1, keepdims=True)
    return np.asarray((net - low) / np.maximum(high - low, 1e-6), np.float32)


def root_shares(batch: EnergyCounts) -> Singles:
    """Square root of each bin's share of the photons, background and area divided out, (n_spectra, n_bins)."""
    seen = batch.exposed > 0
    photons = np.maximum(batch.counts - batch.behind, 0) / np.where(seen, batch.exposed, 1) * seen
    return np.sqrt(photons / np.maximum(photons.sum(axis=1, keepdims=True), 1e-30)).astype(np.float32)
