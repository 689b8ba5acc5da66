"""What the network is shown of a star: lines, and the shape of the continuum beyond what dust and calibration do."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from spectrove.stars.continuum import WIDTH

#: Pixels of the continuum's shape that are joined into one, and the order of the polynomial in log wavelength that is
#: taken off the logarithm of the flux: dust and flux calibration are smooth, breaks and bands are not.
JOINED, ORDER = 32, 2

#: Lines are clipped here, and brought to about unit scatter.
_CLIP, _LINE_SCALE, _SHAPE_SCALE = 1.5, 4.0, 4.0


class Shown(NamedTuple):
    """N stars as the network sees them.

    Attributes:
        lines: Lines over the continuum, 0 where not used, (n, n_pixels).
        used: 1 where a pixel is used, same shape.
        shape: The continuum beyond a parabola, then 1 for each number of it that is known, (n, 2 * n_pixels // JOINED).
    """

    lines: Tensor
    used: Tensor
    shape: Tensor


def shown(flux: Tensor, used: Tensor) -> Shown:
    """What is seen of fluxes in any unit; `used` is 1 or 0; both (n, n_pixels)."""
    continuum = _means(flux, used)
    fine = (used > 0) & (continuum > 0)
    lines = torch.where(fine, flux / torch.where(fine, continuum, 1.0) - 1, 0.0)
    return Shown(_LINE_SCALE * lines.clamp(-_CLIP, _CLIP), used, _shape(flux, used))


def _means(flux: Tensor, used: Tensor) -> Tensor:
    """Running means of the used pixels, as `continuum.means`."""
    half = WIDTH // 2

    def sums(values: Tensor) -> Tensor:
        added = torch.cumsum(pad(values.double(), (half + 1, half)), dim=1)
        return added[:, WIDTH:] - added[:, :-WIDTH]

    return (sums(flux * used) / sums(used).clamp(min=1)).float()


def _shape(flux: Tensor, used: Tensor) -> Tensor:
    n = flux.shape[1] // JOINED * JOINED
    count = used[:, :n].reshape(len(flux), -1, JOINED).sum(dim=2)
    mean = (flux * used)[:, :n].reshape(len(flux), -1, JOINED).sum(dim=2) / count.clamp(min=1)
    known = (count > JOINED / 4) & (mean > 0)
    level = torch.where(known, torch.log10(torch.where(known, mean, 1.0)), 0.0)
    powers = torch.linspace(-1, 1, level.shape[1], device=flux.device)[:, None] ** torch.arange(
        ORDER + 1, device=flux.device
    )
    weight = known.to(flux.dtype)
    gram = torch.einsum("np,pi,pj->nij", weight, powers, powers) + 1e-4 * torch.eye(
        ORDER + 1, device=flux.device
    )
    smooth = torch.linalg.solve(gram, torch.einsum("np,pi->ni", level * weight, powers)[..., None])[..., 0]
    return torch.cat([_SHAPE_SCALE * (level - smooth @ powers.T) * weight, weight], dim=1)
