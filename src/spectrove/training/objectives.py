"""What a network is asked to do in training, a few lines each; a recipe says how much each counts."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from spectrove.encoders.network import SpectrumNetwork
from spectrove.encoders.recipe import TrainingRecipe

#: Error of a measurement, in its own deviations, at which it counts half.
HALF_WEIGHT = 0.15

#: Residual, in deviations, beyond which Huber's loss is linear.
HUBER = 0.1


class Batch(NamedTuple):
    """Spectra as drawn, as the network sees them, and what is known of them.

    Attributes:
        flux, ivar: Scaled flux and inverse variance, (n_spectra, n_pixels); what reconstruction is compared with.
        seen_flux, seen_ivar: The same with noise and gaps added, which is what the network gets.
        hidden: Patches kept from it, bool (n_spectra, n_patches).
        values, errors: Measurements in standard units, (n_spectra, n_measurements); NaN where unknown.
        teacher: Vectors of the teacher, (n_spectra, any) or None.
    """

    flux: Tensor
    ivar: Tensor
    seen_flux: Tensor
    seen_ivar: Tensor
    hidden: Tensor
    values: Tensor
    errors: Tensor
    teacher: Tensor | None = None


class Objectives(nn.Module):
    """The weighted sum of a recipe's objectives, with the layers that only training needs."""

    def __init__(self, network: SpectrumNetwork, plan: TrainingRecipe, teacher_width: int = 0) -> None:
        super().__init__()
        self.network, self.plan = network, plan
        self.to_teacher = nn.Linear(network.n_dimensions, teacher_width) if teacher_width else None

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of each objective that counts, and "loss", their weighted sum."""
        weights, network, losses = self.plan.objectives, self.network, {}
        if not network.recipe.bottleneck:
            losses["reconstruction"] = hidden_reconstruction(network, batch, self.plan.loss)
        else:
            vector = network.pool(batch.seen_flux, batch.seen_ivar, batch.hidden)
            if weights.reconstruction:
                losses["reconstruction"] = whole_reconstruction(
                    network.reconstruct(vector), batch, self.plan.loss
                )
            if weights.measurements:
                losses["measurements"] = measurement(network.measure(vector), batch.values, batch.errors)
            if weights.consistency:
                clean = network.pool(batch.flux, batch.ivar).detach()
                losses["consistency"] = consistency(vector, clean)
            if weights.distillation and batch.teacher is not None and self.to_teacher is not None:
                losses["distillation"] = torch.square(self.to_teacher(vector).float() - batch.teacher).mean()
        losses["loss"] = torch.stack([getattr(weights, name) * loss for name, loss in losses.items()]).sum()
        return losses


def hidden_reconstruction(network: SpectrumNetwork, batch: Batch, weighting: str) -> Tensor:
    """Mean weighted squared error over the observed pixels of hidden patches (the published objective)."""
    predicted = network.decode_hidden(batch.seen_flux, batch.seen_ivar, batch.hidden).float()  # type: ignore[operator]
    weight = network.patches(_weight(batch.ivar, weighting)) * batch.hidden[..., None]
    pixels = (network.patches(batch.ivar > 0) & batch.hidden[..., None]).sum().clamp(min=1)
    return (weight * torch.square(predicted - network.patches(batch.flux))).sum() / pixels


def whole_reconstruction(predicted: Tensor, batch: Batch, weighting: str) -> Tensor:
    """Mean weighted squared error over all observed pixels, hidden or visible, decoded from the vector."""
    error = _weight(batch.ivar, weighting) * torch.square(predicted.float() - batch.flux)
    return error.sum() / (batch.ivar > 0).sum().clamp(min=1)


def _weight(ivar: Tensor, weighting: str) -> Tensor:
    """ "ivar": by inverse variance (a reduced chi-square); "mse": observed pixels alike."""
    return ivar if weighting == "ivar" else (ivar > 0).to(ivar.dtype)


def measurement(predicted: Tensor, values: Tensor, errors: Tensor) -> Tensor:
    """Mean error of the measurements that are known, each counting less the worse it was measured.

    Huber's loss: labels from single-Gaussian fits have tails.
    """
    known = torch.isfinite(values)
    weight = torch.where(known, 1 / (1 + torch.square(errors / HALF_WEIGHT)), 0.0)
    wanted = torch.where(known, values, 0.0).clamp(-5, 5)
    error = nn.functional.smooth_l1_loss(predicted.float(), wanted, reduction="none", beta=HUBER)
    return (weight * error).sum() / weight.sum().clamp(min=1e-6)


def consistency(vector: Tensor, clean: Tensor) -> Tensor:
    """How far noise and gaps move a vector, over how far spectra lie apart."""
    spread = clean.float().var(dim=0).sum().clamp(min=1e-6)
    return torch.square(vector.float() - clean.float()).sum(dim=1).mean() / spread
