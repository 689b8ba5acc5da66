"""The encoder with a trained network, and the table of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.cnn import SpectrumCnn, SpectrumHybrid
from spectrove.encoders.masked_transformer import MaskedTransformer
from spectrove.encoders.network import SpectrumNetwork
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.preprocess import Prepared

#: Network of each kind. A new one needs one file and one line here, and one in `recipe.TABLES`.
NETWORKS: dict[str, type[SpectrumNetwork]] = {
    "masked_transformer": MaskedTransformer,
    "cnn": SpectrumCnn,
    "hybrid": SpectrumHybrid,
}


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
