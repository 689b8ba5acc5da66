"""The encoder of sources: what counts say of the spectrum before the telescope, in a few numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from spectrove.encoders.base import Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.xray.vectors.base import EnergyEncoder, Singles
from spectrove.xray.vectors.energies import EnergyBins, EnergyCounts
from spectrove.xray.vectors.features import VERSION, features, n_features

KIND = "source_network"

Floats = NDArray[np.floating]

#: erg per keV.
ERG = 1.602176634e-9

#: Limits of the logarithm of a predicted variance.
LOG_VARIANCE = (-7.0, 3.0)


class SourceNetworkRecipe(EnergyBins):
    """The table [source_network] of an encoder recipe.

    Attributes:
        n_dimensions: Length of the vector; its first number is the logarithm of the flux.
        quantities: Columns of the truth that the network learns to estimate, see `truth.QUANTITIES`.
        width, depth: Of the network that reads counts.
        decoder_width: Of the one that reads the vector.
        flux_weight: Standard deviation of the first number; that of the others is 1 on average.
        whitening: Power by which the other numbers are brought to equal scatter.
        version: Of the features; raised whenever equal counts give other ones.
    """

    n_dimensions: int = Field(8, ge=2)
    quantities: tuple[str, ...] = ("nh", "gamma", "kt", "kt_other", "fe_ew", "hr_hm", "hr_ms", "hr_hs")
    width: int = Field(160, ge=8)
    depth: int = Field(3, ge=1)
    decoder_width: int = Field(128, ge=8)
    flux_weight: float = Field(0.5, ge=0)
    whitening: float = Field(0.5, ge=0, le=1)
    version: int = VERSION

    @model_validator(mode="after")
    def _known(self) -> SourceNetworkRecipe:
        if self.n_bins % 16:
            raise ValueError(f"n_bins ({self.n_bins}) must be divisible by 16")
        if self.version != VERSION:
            raise ValueError(f"version is {self.version}, this program makes features of version {VERSION}")
        return self

    @property
    def n_shapes(self) -> int:
        """Functions of the photon spectrum that are learned: root and logarithm of the share of each pair of bins."""
        return self.n_bins


class Decoded(NamedTuple):
    """What a vector says of a source.

    Attributes:
        mean, log_variance: Of quantities, then functions of the spectrum, in standard units, (n, n_targets).
        log_share: Logarithm of each bin's share of the photons, (n, n_bins).
    """

    mean: Tensor
    log_variance: Tensor
    log_share: Tensor


class SourceNetwork(nn.Module):
    """Residual layers from features to a few numbers, and from these to a source."""

    def __init__(self, settings: SourceNetworkRecipe) -> None:
        super().__init__()
        n, width, inner = n_features(settings.n_bins), settings.width, settings.n_dimensions - 1
        self.n_targets = len(settings.quantities) + settings.n_shapes
        self.read = nn.Linear(n, width)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
            )
            for _ in range(settings.depth)
        )
        self.squeeze = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, inner))
        hidden = settings.decoder_width
        self.decoder = nn.Sequential(
            nn.Linear(inner, hidden), nn.GELU(), nn.Linear(hidden, hidden), nn.GELU(),
            nn.Linear(hidden, 2 * self.n_targets + settings.n_bins),
        )  # fmt: skip

    def forward(self, shown: Tensor) -> Tensor:
        """The numbers of standardised features, (n, n_dimensions - 1)."""
        x = self.read(shown)
        for layer in self.layers:
            x = x + layer(x)
        return self.squeeze(x)

    def decode(self, numbers: Tensor) -> Decoded:
        """The source that numbers of `forward` stand for."""
        out, k = self.decoder(numbers), self.n_targets
        return Decoded(out[:, :k], out[:, k : 2 * k].clamp(*LOG_VARIANCE), out[:, 2 * k :].log_softmax(dim=1))


class SourceNetworkEncoder(EnergyEncoder):
    """Flux, and what else a network read of the spectrum before the telescope.

    Weights: those of `SourceNetwork`; float32.input_mean and float32.input_scale (n_features,);
    float32.whiten_mean (n_dimensions - 1,) and float32.whiten_axes (n_dimensions - 1, n_dimensions - 1);
    float32.flux (2,), mean and deviation of the log fluxes; float32.quantity_mean and float32.quantity_scale
    (n_quantities,), their zero points and units.
    """

    table = SourceNetworkRecipe
    settings: SourceNetworkRecipe

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        self.module = SourceNetwork(self.settings).eval()
        shapes = {name: tuple(t.shape) for name, t in self.module.state_dict().items()}
        check_shapes(recipe, self.weights, shapes | own_shapes(self.settings))
        self.module.load_state_dict({n: torch.from_numpy(self.weights[n].astype(np.float32)) for n in shapes})
        self.module.double()

    @property
    def dtype(self) -> str:
        return "float64"

    @property
    def n_dimensions(self) -> int:
        return self.settings.n_dimensions

    def quantities(self, prepared: EnergyCounts) -> dict[str, tuple[Floats, Floats]]:
        """Mean and one-sigma error of each quantity as the network estimates it, (n_spectra,) each, by name.

        In the units of `bank.quantities_of`. An estimate where a quantity does not apply to a source means nothing.

        Raises:
            FingerprintError: If the spectra were prepared otherwise.
        """
        self._check(prepared)
        names, w = self.settings.quantities, self.weights
        parts = [self._source(prepared.take(rows))[1] for rows in self._batches(len(prepared))]
        k = len(names)
        mean, variance = (
            np.concatenate([np.zeros((0, k)), *(part[i][:, :k].numpy() for part in parts)]) for i in (0, 1)
        )
        mean = mean * w["float32.quantity_scale"] + w["float32.quantity_mean"]
        error = np.exp(variance / 2) * w["float32.quantity_scale"]
        return {name: (mean[:, i], error[:, i]) for i, name in enumerate(names)}

    def _source(self, batch: EnergyCounts) -> tuple[Tensor, Decoded]:
        shown = features(batch.counts, batch.behind, batch.exposed)
        shown = (shown - self.weights["float32.input_mean"]) / self.weights["float32.input_scale"]
        # In float64, so that a spectrum has the same vector in any company: sums of float32 depend on the batch.
        with torch.inference_mode():
            numbers = self.module(torch.from_numpy(shown.astype(np.float64)))
            return numbers, self.module.decode(numbers)

    def _vectors(self, batch: EnergyCounts) -> NDArray:
        numbers, decoded = self._source(batch)
        log_flux = log_flux_of(
            batch.counts, batch.behind, batch.exposed, decoded.log_share.numpy(), self.settings
        )
        centre, spread = self.weights["float32.flux"]
        others = (numbers.numpy() - self.weights["float32.whiten_mean"]) @ self.weights["float32.whiten_axes"]
        first = self.settings.flux_weight * (log_flux - centre) / spread
        return np.concatenate([first[:, None], others], axis=1)


def own_shapes(settings: SourceNetworkRecipe) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights beside those of the network."""
    n, inner, k = n_features(settings.n_bins), settings.n_dimensions - 1, len(settings.quantities)
    shapes: dict[str, tuple[int, ...]] = {"input_mean": (n,), "input_scale": (n,), "flux": (2,)}
    shapes |= {"whiten_mean": (inner,), "whiten_axes": (inner, inner)}
    shapes |= {"quantity_mean": (k,), "quantity_scale": (k,)}
    return {f"float32.{name}": shape for name, shape in shapes.items()}


def log_flux_of(
    counts: Singles, behind: Singles, exposed: Singles, log_share: Floats, bins: EnergyBins
) -> Floats:
    """log10 of the absorbed energy flux in the range of the bins, erg / (cm2 s), (n_spectra,).

    All counts above the background, as photons of the spectrum that was decoded. Less than one count counts as one.
    """
    share = np.exp(log_share)
    energy = share @ ((bins.edges[1:] + bins.edges[:-1]) / 2)
    seen = np.maximum((share * exposed).sum(axis=1), 1e-30)
    above = np.maximum((counts - behind).sum(axis=1), 1)
    return np.log10(above.astype(float) * energy / seen * ERG)
