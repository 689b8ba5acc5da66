"""Where in a spectrum a flow looks for each label, and whether that is where the label changes the spectrum.

The sensitivity to a pixel is the derivative of the posterior's mean by its flux. The truth to hold it against is the
synthesis: pixels in which more of an element changes the flux by more than 30% of its largest change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.stars.flow.model import Flow
from spectrove.stars.labels import ASKED, ELEMENTS, LABELS, lte_spectra, pixels

Floats = NDArray[np.float64]

#: Share of the largest change above which a pixel counts as changed.
CHANGED = 0.3

#: dex by which an element is changed.
STEP = 0.1


@dataclass(frozen=True)
class Agreement:
    """How well sensitivities to pixels tell those that a label changes.

    Attributes:
        auc: Probability that a changed pixel has a larger sensitivity than another.
        null: The same with the changed pixels shifted in a circle, (n_shifts,).
        concentration: Mean sensitivity of the changed pixels over that of all.
    """

    auc: float
    null: Floats
    concentration: float

    @property
    def p_value(self) -> float:
        """Share of the shifts that reach as much, never below that of one."""
        return float((1 + (self.null >= self.auc).sum()) / (1 + len(self.null)))


def sensitivities(
    flow: Flow, flux: NDArray, error: float, labels: Sequence[str] = ASKED
) -> dict[str, Floats]:
    """Mean absolute derivative of each label's posterior mean by the flux of each pixel, (n_pixels,) each.

    Args:
        flow: Which.
        flux: Spectra over their continuum at `labels.pixels()`, (n_spectra, n_pixels).
        error: One sigma of a pixel.
        labels: Names among `labels.ASKED`.

    Raises:
        ParameterError: A label is not among these.
    """
    if unknown := [name for name in labels if name not in ASKED]:
        raise ParameterError(f"label {unknown[0]!r}, expected one of {', '.join(ASKED)}.")
    shown = torch.as_tensor(np.asarray(flux), dtype=torch.float32).requires_grad_(True)
    n_settings = len(flow.basis.rows)
    errors = torch.full((len(shown), n_settings), float(error))
    mean, _ = flow.labels(flow.given(shown, errors, torch.ones_like(errors)))
    found = {}
    for name in labels:
        (slope,) = torch.autograd.grad(mean[:, ASKED.index(name)].sum(), shown, retain_graph=True)
        found[name] = slope.abs().mean(dim=0).double().numpy()
    return found


def true_derivatives(labels: NDArray, element: str, step: float = STEP) -> Floats:
    """Mean absolute change of computed spectra with [X/Fe] of an element, per dex, (n_pixels,).

    Args:
        labels: Stars, in the order of `labels.LABELS`, (n_stars, n_labels). Two spectra are computed of each.
        element: One of `labels.ELEMENTS`.
        step: dex between the two.

    Raises:
        ParameterError: It is none of these.
    """
    if element not in ELEMENTS:
        raise ParameterError(f"element {element!r}, expected one of {', '.join(ELEMENTS)}.")
    column = list(LABELS).index(element)
    less, more = (np.array(labels, float) for _ in range(2))
    less[:, column] -= step / 2
    more[:, column] += step / 2
    change = (lte_spectra(more).astype(float) - lte_spectra(less).astype(float)) / step
    return np.asarray(abs(change).mean(axis=0))


def agreement(sensitivity: Floats, derivative: Floats, shifts: int = 200, seed: int = 0) -> Agreement:
    """How well sensitivities tell the pixels in which a label changes spectra.

    Args:
        sensitivity: (n_pixels,).
        derivative: True change by the label, same shape.
        shifts: Of the null: the changed pixels moved in a circle by random numbers of pixels.
        seed: Of these.
    """
    changed = derivative > CHANGED * derivative.max()
    rank = np.asarray(np.argsort(np.argsort(sensitivity, kind="stable"), kind="stable") + 1.0, np.float64)
    moves = np.random.default_rng(seed).integers(len(pixels()) // 50, len(changed), shifts)
    null = np.array([_auc(rank, np.roll(changed, move)) for move in moves])
    return Agreement(_auc(rank, changed), null, float(sensitivity[changed].mean() / sensitivity.mean()))


def _auc(rank: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the curve of true against false positives, from ranks."""
    n, others = int(positive.sum()), int((~positive).sum())
    return float((rank[positive].sum() - n * (n + 1) / 2) / max(n * others, 1))
