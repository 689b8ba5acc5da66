"""The network: tokens that are known look at each other, a token that is wanted looks at them.

A wanted token begins with what a mixture of Gaussians says of it, and the network says by how much that is off.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from spectrove.stars.tokens.mixture import Mixture
from spectrove.stars.tokens.recipe import TokensRecipe
from spectrove.stars.tokens.vocabulary import NAMES

#: Limits of the logarithm of a predicted error, and of a given one, in standard deviations of the mock stars.
LOG_SIGMA, LEAST_ERROR = (-7.0, 2.0), 1e-3

#: Known values beyond this many standard deviations are brought here: the network has seen none.
LARGEST = 8.0


class Attention(nn.Module):
    """Tokens that look at others, and what they make of it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_looking, self.before_thinking = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.looked = nn.Linear(width, width)
        self.thinking = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))

    def forward(self, tokens: Tensor, others: Tensor | None, present: Tensor | None) -> Tensor:
        """Tokens (n, k, width) after they have looked at others (n, m, width), None for each other.

        `present` is whether each of the others is there, (n, m); None where all are.
        """
        seen = self.before_looking(tokens)
        key, value = (
            self._heads(part) for part in self.key_value(seen if others is None else others).chunk(2, -1)
        )
        mask = None if present is None else present[:, None, None, :]
        found = scaled_dot_product_attention(self._heads(self.query(seen)), key, value, mask)
        tokens = tokens + self.looked(found.transpose(1, 2).flatten(2))
        return tokens + self.thinking(self.before_thinking(tokens))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class TokenNetwork(nn.Module):
    """From known tokens to the mean and error of wanted ones."""

    centre: Tensor
    spread: Tensor

    def __init__(self, recipe: TokensRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        n, width = len(NAMES), recipe.width
        self.register_buffer("centre", torch.zeros(n))
        self.register_buffer("spread", torch.ones(n))
        self.times_value, self.times_error, self.name = (
            nn.Parameter(torch.randn(n, width) * size) for size in (1.0, 0.1, 0.5)
        )
        self.start = Mixture(recipe.components, n)
        self.asked, self.start_mean, self.start_error = (
            nn.Parameter(torch.randn(n, width) * 0.5) for _ in range(3)
        )
        self.nothing = nn.Parameter(torch.zeros(width))
        self.thinking = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.encoder = nn.ModuleList(Attention(width, recipe.heads) for _ in range(recipe.encoder))
        self.decoder = nn.ModuleList(Attention(width, recipe.heads) for _ in range(recipe.decoder))
        self.known = nn.LayerNorm(width)
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, 2)
        )
        for parameter in self.head[-1].parameters():  # so that it begins with what the mixture says
            nn.init.zeros_(parameter)

    def encode(
        self, name: Tensor, value: Tensor, error: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """What is made of known tokens, (n, k + 1, width), one of which stands for the star, and which are there.

        Args:
            name: Places of the tokens in the vocabulary, (n, k).
            value, error: On the scale of the network, in standard deviations of the mock stars; (n, k).
            present: Which of them are known; None where all are.
        """
        error = error.clamp(LEAST_ERROR, 1 / LEAST_ERROR)
        size = torch.log10(error)
        value = (value / (1 + error**2)).clamp(
            -LARGEST, LARGEST
        )  # what is known of it beside the spread of stars
        token = (
            value[..., None] * self.times_value[name]
            + size[..., None] * self.times_error[name]
            + self.name[name]
        )
        token = token + self.thinking(token)
        token = torch.cat([self.nothing.expand(len(token), 1, -1), token], dim=1)
        if present is not None:
            present = torch.cat([torch.ones_like(present[:, :1]), present], dim=1)
        for layer in self.encoder:
            token = layer(token, None, present)
        return self.known(token), present

    def forward(
        self, name: Tensor, value: Tensor, error: Tensor, wanted: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the error of wanted tokens (places, (n, m)), in standard deviations; both (n, m)."""
        start, log_start = self.start(name, value, error, wanted, present)
        known, present = self.encode(name, value, error, present)
        token = (
            self.asked[wanted]
            + start[..., None] * self.start_mean[wanted]
            + log_start[..., None] * self.start_error[wanted]
        )
        for layer in self.decoder:
            token = layer(token, known, present)
        more, log_sigma = self.head(token).unbind(-1)
        return start + more * log_start.exp(), (log_start + log_sigma).clamp(*LOG_SIGMA)


def moments(seen: NDArray) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each token on the scale of the network."""
    return torch.as_tensor(seen.mean(axis=0)).float(), torch.as_tensor(np.std(seen, axis=0)).float()
