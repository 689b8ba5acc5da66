"""What a mixture of Gaussians says of wanted tokens: in closed form for any known ones. The network starts from it."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

#: Added to variances, in those of the stars: no component is trusted better than a hundredth of their spread.
_FLOOR = 1e-4

#: Rounds of the fit, and the error of what is unknown.
_ROUNDS, _UNKNOWN = 25, 1e3


class Mixture(nn.Module):
    """Gaussians in the space of all tokens, in standard deviations of the stars."""

    weight: Tensor
    mean: Tensor
    covariance: Tensor

    def __init__(self, components: int, n: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.full((components,), 1 / components))
        self.register_buffer("mean", torch.zeros(components, n))
        self.register_buffer("covariance", torch.eye(n).repeat(components, 1, 1))

    def fit(self, values: NDArray[np.float64], seed: int) -> None:
        """Fit to true values of all tokens, (n_stars, n_tokens), by expectation and maximisation."""
        from sklearn.mixture import GaussianMixture

        found = GaussianMixture(
            len(self.weight), reg_covar=_FLOOR, max_iter=_ROUNDS, tol=0.0, random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it might still become better
            found.fit(values)
        for name, value in (
            ("weight", found.weights_),
            ("mean", found.means_),
            ("covariance", found.covariances_),
        ):
            getattr(self, name).copy_(torch.as_tensor(value))

    @torch.no_grad()
    def forward(
        self, name: Tensor, value: Tensor, error: Tensor, wanted: Tensor, present: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the error of wanted tokens; arguments are those of `TokenNetwork.forward`."""
        if present is not None:
            value, error = value.masked_fill(~present, 0.0), error.masked_fill(~present, _UNKNOWN)
        value, noise = value.double(), error.double() ** 2
        likely, means, variances = [], [], []
        for weight, centre, covariance in zip(
            self.weight.double(), self.mean.double(), self.covariance.double(), strict=True
        ):
            known = covariance[name[:, :, None], name[:, None, :]] + torch.diag_embed(noise)
            between = covariance[name[:, :, None], wanted[:, None, :]]
            root = torch.linalg.cholesky(known)
            off = value - centre[name]
            solved = torch.linalg.solve_triangular(
                root, torch.cat([off[..., None], between], -1), upper=False
            )
            off, between = solved[..., 0], solved[..., 1:]
            likely.append(
                torch.log(weight) - root.diagonal(dim1=-2, dim2=-1).log().sum(-1) - 0.5 * (off**2).sum(-1)
            )
            means.append(centre[wanted] + (off[..., None] * between).sum(dim=1))
            variances.append(covariance.diagonal()[wanted] - (between**2).sum(dim=1))
        share = torch.softmax(torch.stack(likely), dim=0)[..., None]
        mean = (share * torch.stack(means)).sum(dim=0)
        second = (share * (torch.stack(variances).clamp(min=0) + torch.stack(means) ** 2)).sum(dim=0)
        variance = (second - mean**2).clamp(min=math.exp(-14))
        return mean.float(), 0.5 * variance.log().float()
