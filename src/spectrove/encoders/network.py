"""The contract of every network, and the encoder with a trained network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe, NetworkRecipe
from spectrove.preprocess import Prepared


class SpectrumNetwork(nn.Module, ABC):
    """Network from spectra to vectors, and from a vector to the whole spectrum and to its measurements.

    A subclass computes tokens in `places`; the steps from tokens to the vector and from the vector to its predictions
    are the same for all. Gaps and bad pixels have `ivar` 0, which marks their flux as unknown.
    """

    def __init__(self, recipe: NetworkRecipe, n_pixels: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.n_pixels = n_pixels
        self.n_patches = (n_pixels - recipe.patch) // recipe.stride + 1
        self.n_inputs = recipe.inputs.count("+") + 1
        self.n_dimensions = recipe.bottleneck or recipe.width

    def _add_heads(self, n_places: int, width: int) -> None:
        """Add the layers after `places`; to be called at the end of __init__ of a subclass."""
        recipe = self.recipe
        if recipe.bottleneck:
            if self.joins_places:
                self.squeeze = nn.Linear(width, recipe.squeeze)
                # The last layer of the vector is nonlinear (ARCHITECTURE.md gives the gain): linear functions of the
                # vector then include ratios and limits that a linear metric can use.
                self.to_vector: nn.Module = nn.Sequential(
                    nn.Linear(n_places * recipe.squeeze, recipe.bottleneck), nn.GELU()
                )
            else:
                self.to_vector = nn.Linear(width, recipe.bottleneck)
            self.decode: nn.Module = nn.Sequential(
                nn.Linear(recipe.bottleneck, recipe.decoder_width),
                nn.GELU(),
                nn.Linear(recipe.decoder_width, self.n_pixels),
            )
        if recipe.measurements:
            self.to_measurements = nn.Linear(recipe.bottleneck, len(recipe.measurements))

    @property
    @abstractmethod
    def joins_places(self) -> bool:
        """Whether the vector is made from the concatenated positions rather than from their mean."""

    @abstractmethod
    def places(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features along the spectrum, (n_spectra, n_places, width), and mask of valid ones, (n_spectra, n_places)."""

    def pool(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None = None) -> Tensor:
        """The vector of each spectrum, (n_spectra, n_dimensions).

        Args:
            flux: Scaled flux, (n_spectra, n_pixels).
            ivar: Its inverse variance, same shape; 0 if not observed.
            hidden: Mask of the patches hidden from the network, bool (n_spectra, n_patches).
        """
        x, counted = self.places(flux, ivar, hidden)
        weight = counted[..., None].to(x.dtype)
        if self.recipe.bottleneck and self.joins_places:
            return self.to_vector(nn.functional.gelu(self.squeeze(x) * weight).flatten(1))
        mean = (x * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return self.to_vector(mean) if self.recipe.bottleneck else mean

    def reconstruct(self, vector: Tensor) -> Tensor:
        """Scaled flux of the whole spectrum from vectors, (n_spectra, n_pixels)."""
        return self.decode(vector)

    def measure(self, vector: Tensor) -> Tensor:
        """Measurements in their standard units (mean 0, deviation 1 over the training spectra)."""
        return self.to_measurements(vector)

    def patches(self, values: Tensor) -> Tensor:
        """(n_spectra, n_pixels) -> (n_spectra, n_patches, patch); pixels after the last complete patch are not used."""
        return values.unfold(1, self.recipe.patch, self.recipe.stride)

    def observed(self, valid: Tensor) -> Tensor:
        """Patches with at least one observed pixel, bool (n_spectra, n_patches)."""
        return self.patches(valid).any(dim=2)

    def inputs(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """Input channels of each pixel, (n_spectra, n_inputs, n_pixels)."""
        valid = (ivar > 0).to(flux.dtype)
        # log(1 + ivar) of scaled flux is limited to about 7 by the systematic error of the recipe.
        return torch.stack([flux * valid, valid, torch.log1p(ivar) / 7][: self.n_inputs], dim=1)

    def without(self, ivar: Tensor, hidden: Tensor | None) -> Tensor:
        """`ivar` with 0 in every hidden patch."""
        if hidden is None:
            return ivar
        if self.recipe.stride != self.recipe.patch:
            raise ValueError("hidden patches of a network of convolutions must not overlap")
        pixels = hidden.repeat_interleave(self.recipe.patch, dim=1)
        pixels = nn.functional.pad(pixels, (0, self.n_pixels - pixels.shape[1]))
        return ivar.masked_fill(pixels, 0)


class NetworkEncoder(Encoder):
    """A trained network and the whitening of its vectors.

    Weights: those of the network; `float32.whiten_mean` (n_dimensions,) and `float32.whiten_axes` (n_dimensions,
    n_dimensions), with vectors `(pooled - mean) @ axes`; and, with measurements, `float32.measure_centre` and
    `float32.measure_scale` (n_measurements,), their zero points and units.
    """

    batch_size = 16  # measured: 16 to 64 are equally fast

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more) -> None:
        super().__init__(recipe, weights, **more)
        network = recipe.network
        assert network is not None  # the recipe's own validation
        self.module = build_network(recipe).eval()
        width = self.module.n_dimensions
        shapes = {name: tuple(t.shape) for name, t in self.module.state_dict().items()}
        extra: dict[str, tuple[int, ...]] = {
            "float32.whiten_mean": (width,), "float32.whiten_axes": (width, width),
        }  # fmt: skip
        if network.measurements:
            extra |= {f"float32.measure_{part}": (len(network.measurements),) for part in ("centre", "scale")}
        check_shapes(recipe, self.weights, shapes | extra)
        self.module.load_state_dict({n: torch.from_numpy(self.weights[n].astype(np.float32)) for n in shapes})
        self._mean, self._axes = self.weights["float32.whiten_mean"], self.weights["float32.whiten_axes"]
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.compute_dtype = torch.float32
        self.module.to(self.device)

    @property
    def n_dimensions(self) -> int:
        return len(self._mean)

    @property
    def dtype(self) -> str:
        return str(self.compute_dtype).removeprefix("torch.")

    def measurements(self, prepared: Prepared) -> dict[str, NDArray[np.float32]]:
        """Measurements predicted by the network, by name, in the units of `MEASUREMENTS`; (n_spectra,) each.

        Raises:
            FingerprintError: If the spectra were prepared otherwise.
        """
        self._check(prepared)
        names = self.recipe.network.measurements  # type: ignore[union-attr]
        if not names:
            return {}
        parts = []
        for rows in self._batches(len(prepared)):
            pooled = self._pooled(prepared.take(rows))
            with torch.inference_mode():
                parts.append(self.module.measure(pooled).float().cpu().numpy())
        table = np.concatenate(parts) if parts else np.zeros((0, len(names)), np.float32)
        table = table * self.weights["float32.measure_scale"] + self.weights["float32.measure_centre"]
        return {name: table[:, j] for j, name in enumerate(names)}

    def _each(
        self, vectors: Callable[[NDArray[np.int64]], NDArray], batches: Sequence[NDArray[np.int64]]
    ) -> list[NDArray]:
        """The vectors of each batch; on a CPU one thread per batch, twice as fast as threads within a batch."""
        threads = torch.get_num_threads()
        if threads == 1 or len(batches) < 2 or self.device.type != "cpu":
            return super()._each(vectors, batches)
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                return list(pool.map(vectors, batches))
        finally:
            torch.set_num_threads(threads)

    def _vectors(self, batch: Prepared) -> NDArray:
        return (self._pooled(batch).float().cpu().numpy() - self._mean) @ self._axes

    def _pooled(self, batch: Prepared) -> Tensor:
        lower = self.compute_dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.compute_dtype, enabled=lower):
            return self.module.pool(
                torch.from_numpy(batch.flux).to(self.device), torch.from_numpy(batch.ivar).to(self.device)
            )


def build_network(recipe: EncoderRecipe) -> SpectrumNetwork:
    """A network of the recipe's kind with random weights."""
    from spectrove.encoders.kinds import NETWORKS

    assert recipe.network is not None  # the recipe's own validation
    return NETWORKS[recipe.kind](recipe.network, recipe.on_grid.n_pixels)


def whitening(pooled: NDArray, power: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and axes that whiten pooled vectors by a power of their principal deviations.

    Args:
        pooled: Vectors of the training spectra, (n_spectra, width).
        power: 0 leaves vectors unchanged (mean 0, axes the identity), 1 gives equal variance on every axis.

    Returns:
        mean (width,), axes (width, width).
    """
    width = pooled.shape[1]
    if power == 0:
        return np.zeros(width, np.float32), np.eye(width, dtype=np.float32)
    mean = pooled.mean(axis=0)
    spread = np.cov((pooled - mean).astype(np.float64), rowvar=False, bias=True).reshape(width, width)
    variance, axes = np.linalg.eigh(spread)
    deviation, axes = np.sqrt(np.maximum(variance[::-1], 0)), axes[:, ::-1]
    # Axes narrower than a thousandth of the widest are rounding errors and must not be amplified.
    deviation = np.maximum(deviation, max(1e-3 * deviation[0], 1e-12))
    return mean.astype(np.float32), (axes * deviation**-power).astype(np.float32)
