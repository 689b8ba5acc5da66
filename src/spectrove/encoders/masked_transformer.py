"""The masked Transformer: patches of a spectrum are tokens, their mean makes the vector."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe, NetworkRecipe


class MaskedTransformer(nn.Module):
    """Patches -> linear projection + learned positions -> Transformer -> mean of the tokens -> vector.

    Source: GalSpecEncoder-KB (Tang et al. 2025) with `bottleneck = 0`, where a linear decoder gives each hidden
    patch from its own token. With a bottleneck the whole spectrum is decoded from the vector alone, and hidden
    patches are left out of attention, as in a masked autoencoder (He et al. 2022).
    """

    def __init__(self, recipe: NetworkRecipe, n_pixels: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.n_patches = (n_pixels - recipe.patch) // recipe.stride + 1
        channels = 2 if recipe.inputs == "flux+valid" else 1
        self.project = nn.Linear(channels * recipe.patch, recipe.width)
        self.position = nn.Parameter(0.02 * torch.randn(self.n_patches, recipe.width))
        self.layers = nn.ModuleList(_layer(recipe) for _ in range(recipe.depth))
        self.final_norm = nn.LayerNorm(recipe.width) if recipe.norm == "pre" else nn.Identity()
        self.n_dimensions = recipe.bottleneck or recipe.width
        if recipe.bottleneck:
            self.to_vector = nn.Linear(recipe.width, recipe.bottleneck)
            self.decode: nn.Module = nn.Sequential(
                nn.Linear(recipe.bottleneck, recipe.decoder_width),
                nn.GELU(),
                nn.Linear(recipe.decoder_width, n_pixels),
            )
        else:
            self.mask_token = nn.Parameter(0.02 * torch.randn(recipe.width))
            self.decode = nn.Linear(recipe.width, recipe.patch)

    def patches(self, values: Tensor) -> Tensor:
        """(n_spectra, n_pixels) -> (n_spectra, n_patches, patch); pixels after the last whole patch are unseen."""
        return values.unfold(1, self.recipe.patch, self.recipe.stride)

    def tokens(self, flux: Tensor, valid: Tensor, attended: Tensor, replaced: Tensor | None = None) -> Tensor:
        """Encoded tokens, (n_spectra, n_patches, width).

        Args:
            flux: Scaled flux, (n_spectra, n_pixels).
            valid: Observed pixels, bool, same shape.
            attended: Patches that take part in attention, bool (n_spectra, n_patches).
            replaced: Patches whose content the mask token hides, same shape.
        """
        inputs = self.patches(flux * valid)
        if self.recipe.inputs == "flux+valid":
            inputs = torch.cat([inputs, self.patches(valid).to(inputs.dtype)], dim=2)
        x = self.project(inputs)
        if replaced is not None:
            x = torch.where(replaced[..., None], self.mask_token.to(x.dtype), x)
        x = x + self.position.to(x.dtype)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~attended)
        return self.final_norm(x)

    def observed(self, valid: Tensor) -> Tensor:
        """Patches with at least one observed pixel, bool (n_spectra, n_patches)."""
        return self.patches(valid).any(dim=2)

    def pool(self, flux: Tensor, valid: Tensor, hidden: Tensor | None = None) -> Tensor:
        """The vector of each spectrum, (n_spectra, n_dimensions), from patches that are observed and not hidden."""
        attended = self.observed(valid) if hidden is None else self.observed(valid) & ~hidden
        x = self.tokens(flux, valid, attended)
        weight = attended[..., None].to(x.dtype)
        mean = (x * weight).sum(dim=1) / weight.sum(dim=1)
        return self.to_vector(mean) if self.recipe.bottleneck else mean

    def decode_hidden(self, flux: Tensor, valid: Tensor, hidden: Tensor) -> Tensor:
        """Flux of every patch from its own token, hidden ones seen as the mask token; (n_spectra, n_patches, patch)."""
        return self.decode(self.tokens(flux, valid, self.observed(valid), hidden))

    def decode_whole(self, flux: Tensor, valid: Tensor, hidden: Tensor) -> Tensor:
        """Flux of every pixel from the vector of the patches that are not hidden; (n_spectra, n_pixels)."""
        return self.decode(self.pool(flux, valid, hidden))


def _layer(recipe: NetworkRecipe) -> nn.Module:
    return nn.TransformerEncoderLayer(
        recipe.width,
        recipe.heads,
        int(recipe.width * recipe.mlp_ratio),
        recipe.dropout,
        "gelu",
        batch_first=True,
        norm_first=recipe.norm == "pre",
    )


class MaskedTransformerEncoder(Encoder):
    """A trained `MaskedTransformer` and the whitening of its pooled vectors.

    Weights: those of the network, and `float32.whiten_mean` (n_dimensions,), `float32.whiten_axes` (n_dimensions,
    n_dimensions): vectors are `(pooled - mean) @ axes`.
    """

    batch_size = 64  # measured: larger batches of 47 tokens leave the cache

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more) -> None:
        super().__init__(recipe, weights, **more)
        network = recipe.network
        assert network is not None  # the recipe's own validation
        self.module = MaskedTransformer(network, recipe.preprocess.n_pixels).eval()
        width = self.module.n_dimensions
        shapes = {name: tuple(t.shape) for name, t in self.module.state_dict().items()}
        whiten = {"float32.whiten_mean": (width,), "float32.whiten_axes": (width, width)}
        check_shapes(recipe, self.weights, shapes | whiten)
        self.module.load_state_dict({n: torch.from_numpy(self.weights[n].astype(np.float32)) for n in shapes})
        self._mean, self._axes = (self.weights[name] for name in whiten)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.compute_dtype = torch.float32
        self.module.to(self.device)

    @property
    def n_dimensions(self) -> int:
        return len(self._mean)

    @property
    def dtype(self) -> str:
        return str(self.compute_dtype).removeprefix("torch.")

    def _vectors(self, flux: NDArray[np.float32], ivar: NDArray[np.float32]) -> NDArray:
        lower = self.compute_dtype != torch.float32
        with torch.inference_mode(), torch.autocast(self.device.type, self.compute_dtype, enabled=lower):
            pooled = self.module.pool(
                torch.from_numpy(flux).to(self.device), torch.from_numpy(ivar > 0).to(self.device)
            )
        return (pooled.float().cpu().numpy() - self._mean) @ self._axes


def whitening(pooled: NDArray, power: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and axes that whiten pooled vectors by a power of their principal deviations.

    Args:
        pooled: Vectors of the training spectra, (n_spectra, width).
        power: 0 leaves vectors as they are (mean 0, axes the identity), 1 makes every axis equally wide.

    Returns:
        mean (width,), axes (width, width).
    """
    width = pooled.shape[1]
    if power == 0:
        return np.zeros(width, np.float32), np.eye(width, dtype=np.float32)
    mean = pooled.mean(axis=0)
    _, deviation, axes = np.linalg.svd((pooled - mean).astype(np.float64), full_matrices=False)
    deviation = deviation / np.sqrt(len(pooled))
    # Axes narrower than a thousandth of the widest are rounding, and must not be blown up.
    deviation = np.maximum(deviation, 1e-3 * deviation[0])
    return mean.astype(np.float32), (axes.T * deviation**-power).astype(np.float32)
