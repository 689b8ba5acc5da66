"""Which pixels the network's labels depend on, by its gradients; and whether lines hold more of that than chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from spectrove.stars.network.model import TOGETHER, LabelsEstimator, _level
from spectrove.stars.network.shown import shown
from spectrove.stars.quantities import LABELS

Floats = NDArray[np.float64]


class Enrichment(NamedTuple):
    """How much of a saliency lies in some windows.

    Attributes:
        ratio: Mean in the windows over the mean of all pixels.
        chance: The same with all windows shifted together along the spectrum, 95% quantile.
        p_value: Share of the shifts with at least this ratio.
    """

    ratio: float
    chance: float
    p_value: float


def saliency(estimator: LabelsEstimator, flux: NDArray, used: NDArray) -> Floats:
    """Mean absolute gradient of each label with respect to each pixel, (3, n_pixels), in the order of `LABELS`.

    Labels are in standard units and fluxes over their mean; of the temperature it is that of its inverse.

    Args:
        estimator: Networks.
        flux, used: Spectra at rest on the common pixels, (n_stars, n_pixels).
    """
    flux = flux / _level(flux, used)
    total = np.zeros((len(LABELS), flux.shape[1]))
    for i in range(0, len(flux), TOGETHER):
        some, good = (torch.as_tensor(a[i : i + TOGETHER], dtype=torch.float32) for a in (flux, used))
        some.requires_grad_(True)
        seen = shown(some, good)
        mean = torch.stack([member(seen)[0] for member in estimator.members]).mean(dim=0)
        for j in range(len(LABELS)):
            (gradient,) = torch.autograd.grad(mean[:, j].sum(), some, retain_graph=True)
            total[j] += gradient.abs().sum(dim=0).double().numpy()
    return total / max(len(flux), 1)


def enrichment(
    values: NDArray,
    wavelength: NDArray,
    windows: Sequence[tuple[float, float]],
    n_shifts: int = 400,
    seed: int = 0,
) -> Enrichment:
    """How much more of a saliency lies in windows than in the same windows elsewhere.

    Args:
        values: Of each pixel, (n_pixels,).
        wavelength: Of each pixel, angstrom.
        windows: Lowest and highest wavelength of each.
        n_shifts: Random shifts of all windows along the pixels, around their end.
        seed: Of the shifts.
    """
    inside = np.zeros(len(values), bool)
    for low, high in windows:
        inside |= (wavelength >= low) & (wavelength <= high)
    middle = values.mean()
    ratio = values[inside].mean() / middle
    shifts = np.random.default_rng(seed).integers(1, len(values), n_shifts)
    others = np.array([values[np.roll(inside, shift)].mean() for shift in shifts]) / middle
    return Enrichment(
        float(ratio), float(np.quantile(others, 0.95)), float((1 + (others >= ratio).sum()) / (1 + n_shifts))
    )
