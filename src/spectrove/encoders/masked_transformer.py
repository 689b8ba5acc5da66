"""The masked Transformer: patches of a spectrum are tokens, which are combined to the vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectrove.encoders.network import SpectrumNetwork
from spectrove.encoders.recipe import NetworkRecipe


class MaskedTransformer(SpectrumNetwork):
    """Patches -> linear projection + learned positions -> Transformer -> mean of the tokens -> vector.

    Source: GalSpecEncoder-KB (Tang et al. 2025) with `bottleneck = 0`, where a linear decoder gives each hidden
    patch from its own token. With a bottleneck the whole spectrum is decoded from the vector alone, and hidden
    patches are left out of attention, as in a masked autoencoder (He et al. 2022).
    """

    def __init__(self, recipe: NetworkRecipe, n_pixels: int) -> None:
        super().__init__(recipe, n_pixels)
        self.project = nn.Linear(self.n_inputs * recipe.patch, recipe.width)
        self.position = nn.Parameter(0.02 * torch.randn(self.n_patches, recipe.width))
        self.layers = transformer_layers(recipe)
        self.final_norm = nn.LayerNorm(recipe.width) if recipe.norm == "pre" else nn.Identity()
        self._add_heads(self.n_patches, recipe.width)
        if not recipe.bottleneck:
            self.mask_token = nn.Parameter(0.02 * torch.randn(recipe.width))
            self.decode = nn.Linear(recipe.width, recipe.patch)

    @property
    def joins_places(self) -> bool:
        return self.recipe.pooling == "places"

    def tokens(self, flux: Tensor, ivar: Tensor, attended: Tensor, replaced: Tensor | None = None) -> Tensor:
        """Encoded tokens, (n_spectra, n_patches, width).

        Args:
            flux: Scaled flux, (n_spectra, n_pixels).
            ivar: Its inverse variance, same shape.
            attended: Mask of the patches in the attention, bool (n_spectra, n_patches).
            replaced: Mask of the patches replaced by the mask token, same shape.
        """
        pieces = self.inputs(flux, ivar).unfold(2, self.recipe.patch, self.recipe.stride)
        x = self.project(pieces.transpose(1, 2).flatten(2))
        if replaced is not None:
            x = torch.where(replaced[..., None], self.mask_token.to(x.dtype), x)
        x = x + self.position.to(x.dtype)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~attended)
        return self.final_norm(x)

    def places(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        attended = self.observed(ivar > 0)
        if hidden is not None:
            attended = attended & ~hidden
        return self.tokens(flux, ivar, attended), attended

    def decode_hidden(self, flux: Tensor, ivar: Tensor, hidden: Tensor) -> Tensor:
        """Flux of every patch from its own token, the mask token for hidden ones; (n_spectra, n_patches, patch)."""
        return self.decode(self.tokens(flux, ivar, self.observed(ivar > 0), hidden))


def transformer_layers(recipe: NetworkRecipe, width: int | None = None) -> nn.ModuleList:
    """`recipe.depth` layers of self-attention of this width (that of the recipe if None)."""
    width = width or recipe.width
    return nn.ModuleList(
        nn.TransformerEncoderLayer(
            width,
            recipe.heads,
            int(width * recipe.mlp_ratio),
            recipe.dropout,
            "gelu",
            batch_first=True,
            norm_first=recipe.norm == "pre",
        )
        for _ in range(recipe.depth)
    )
