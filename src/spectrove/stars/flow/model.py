"""The network: a normal distribution of the labels of a spectrum, and a flow that gives it its shape."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from spectrove.errors import RecipeError, SpectroveError
from spectrove.stars.flow.recipe import FlowRecipe
from spectrove.stars.flow.shown import Basis, seen
from spectrove.stars.labels import ASKED, LABELS, pixels
from spectrove.stars.settings import SETTINGS

try:
    from zuko.flows import NSF
except ImportError as error:
    raise SpectroveError(
        "posteriors of stars need zuko, which is not installed: pip install 'spectrove[stars]'"
    ) from error

#: Labels that are asked, and all of them: these follow in `LABELS`.
N_ASKED, N_LABELS = len(ASKED), len(LABELS)

#: Least spread of a label, of its spread among the mock stars.
_LEAST = 1e-3

#: Spectra whose labels are drawn together.
TOGETHER = 64


#: Least share of the normal distribution beyond a sample.
_EDGE = 1e-7


class Normal(NamedTuple):
    """A normal distribution of the labels of each spectrum, in units of their spread among the mock stars.

    Attributes:
        mean: (n_spectra, n_labels).
        factor: Lower triangular; it times its transpose is the covariance, (n_spectra, n_labels, n_labels).
    """

    mean: Tensor
    factor: Tensor

    def minus_log_density(self, labels: Tensor) -> Tensor:
        """Of labels, (n_spectra,), without the constant."""
        off = torch.linalg.solve_triangular(self.factor, (labels - self.mean)[..., None], upper=False)[..., 0]
        return 0.5 * (off**2).sum(dim=1) + self.factor.diagonal(dim1=1, dim2=2).log().sum(dim=1)


class FlowNetwork(nn.Module):
    """From components of spectra to their labels.

    A perceptron with ways around gives a context and a normal distribution of all labels, nuisances too. The flow is
    one of what is left of the nine labels that are asked, over that distribution: it needs to know of shapes alone.
    """

    def __init__(self, recipe: FlowRecipe) -> None:
        super().__init__()
        self.recipe = recipe
        width, n_given = recipe.hidden, sum(recipe.components) + 2 * len(SETTINGS)
        self.first = nn.Linear(n_given, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(recipe.blocks)
        )
        self.context = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, recipe.context))
        self.normal = nn.Sequential(
            nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, N_LABELS + N_LABELS * (N_LABELS + 1) // 2),
        )  # fmt: skip
        self.straight = nn.Linear(n_given, N_LABELS)
        self.flow = NSF(
            N_ASKED, recipe.context, bins=recipe.bins, transforms=recipe.transforms, passes=2, randperm=True,
            hidden_features=(recipe.units, recipe.units),
        )  # fmt: skip

    def forward(self, given: Tensor) -> tuple[Normal, Tensor]:
        """The normal distribution, and the context, (n_spectra, n_context)."""
        values = self.trunk(given)
        return self.normal_of(given, values), self.context(values)

    def trunk(self, given: Tensor) -> Tensor:
        """What both are made of, (n_spectra, n_hidden)."""
        values = self.first(given)
        for block in self.blocks:
            values = values + block(values)
        return values

    def normal_of(self, given: Tensor, values: Tensor) -> Normal:
        """The normal distribution from what `trunk` gave."""
        numbers = self.normal(values)
        rows, columns = torch.tril_indices(N_LABELS, N_LABELS)
        factor = numbers.new_zeros((len(given), N_LABELS, N_LABELS))
        factor[:, rows, columns] = numbers[:, N_LABELS:]
        diagonal = torch.nn.functional.softplus(factor.diagonal(dim1=1, dim2=2)) + _LEAST
        return Normal(
            numbers[:, :N_LABELS] + self.straight(given), factor.tril(-1) + torch.diag_embed(diagonal)
        )

    def normal_loss(self, given: Tensor, labels: Tensor) -> Tensor:
        """Mean of minus the logarithm of the normal density of true labels."""
        return self.normal_of(given, self.trunk(given)).minus_log_density(labels).mean()

    def flow_loss(self, given: Tensor, labels: Tensor) -> Tensor:
        """The same of the flow, over the normal distribution, which it does not move."""
        with torch.no_grad():
            values = self.trunk(given)
            normal = self.normal_of(given, values)
            off = (labels - normal.mean)[:, :N_ASKED, None]
            off = torch.linalg.solve_triangular(normal.factor[:, :N_ASKED, :N_ASKED], off, upper=False)[
                ..., 0
            ]
        return -self.flow(self.context(values)).log_prob(off).mean()


class Flow:
    """A trained network with its components and units.

    Attributes:
        recipe: How it was made.
        network: In the mode of evaluation.
        basis: Components that it looks at.
        centre, spread: Mean and one sigma of each label among the mock stars, (n_labels,).
        widening: By which draws are wider than the flow says, (n_asked,), and ...
        errors: ... errors than the normal distribution says, (n_labels,): found with mock stars of their own.
        low, high: Least and largest label of the mock stars, (n_labels,).
    """

    def __init__(
        self, recipe: FlowRecipe, network: FlowNetwork, basis: Basis, units: Mapping[str, Tensor]
    ) -> None:
        self.recipe, self.network, self.basis = recipe, network.eval().requires_grad_(False), basis
        self.centre, self.spread = units["centre"], units["spread"]
        self.widening, self.errors = units["widening"], units["errors"]
        self.low, self.high = units["low"], units["high"]

    def given(self, flux: Tensor, error: Tensor, has: Tensor) -> Tensor:
        """What the network is given of spectra, differentiable in their flux.

        Args:
            flux: In any unit, without missing pixels, (n_spectra, n_pixels).
            error: One sigma of a pixel of .1 A, in the unit of the flux, (n_spectra, n_settings).
            has: 1 where a setting is there, same shape.
        """
        components, level = self.basis.components(flux)
        relative = torch.where(has > 0, error / level.clamp(min=1e-30), 1.0)
        return seen(
            components, relative.clamp(min=1 / self.recipe.signal_to_noise[1]), has, self.basis.spread
        )

    def labels(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and covariance of all labels, (n_spectra, n_labels) and (n_spectra, n_labels, n_labels)."""
        normal, _ = self.network(given)
        factor = (self.spread * self.errors)[:, None] * normal.factor
        return normal.mean * self.spread + self.centre, factor @ factor.transpose(1, 2)

    def draws(self, given: Tensor, n: int, seeds: Sequence[int]) -> Tensor:
        """Samples of the posterior of the asked labels, (n_spectra, n, n_asked); the same for a seed.

        Samples of a spectrum fill its posterior more evenly than independent ones: points of Sobol's sequence, moved by
        a step and in an order of its own. The same points for all would be off alike for all, and so would intervals.

        Args:
            given: What the network is given, (n_spectra, n_given).
            n: Samples of each.
            seeds: One of each spectrum, 0 to 2^63 - 1: spectra that have the same are not independent.
        """
        if not len(given):  # a split of nothing is one part
            return torch.zeros((0, n, N_ASKED))
        found = []
        for part, own in zip(given.split(TOGETHER), _split(seeds, TOGETHER), strict=True):
            normal, context = self.network(part)
            mean, factor = normal.mean[:, None, :N_ASKED], normal.factor[:, None, :N_ASKED, :N_ASKED]
            base = torch.stack([_normal_points(n, seed) for seed in own])
            with_context = context[:, None].expand(-1, n, -1)
            off = self.network.flow(with_context).transform.inv(base)
            apart = (factor @ off[..., None])[..., 0] * self.widening
            found.append((mean + apart) * self.spread[:N_ASKED] + self.centre[:N_ASKED])
        return torch.cat(found)

    def save(self, path: Path, report: Mapping[str, Any]) -> None:
        """Write components and weights in half precision, units in single, and the report."""
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        tensors |= {f"rows.{i}": rows for i, rows in enumerate(self.basis.rows)}
        stored = {n: t.half() if t.is_floating_point() and t.numel() > 200 else t for n, t in tensors.items()}
        stored |= {f"spread.{i}": spread for i, spread in enumerate(self.basis.spread)}
        stored |= {"mean": self.basis.mean}
        stored |= {
            f"units.{n}": getattr(self, n) for n in ("centre", "spread", "widening", "errors", "low", "high")
        }
        about = {
            "recipe": self.recipe.model_dump_json(), "labels": json.dumps(list(LABELS)),
            "report": json.dumps(dict(report)),
        }  # fmt: skip
        part = path.with_name(path.name + ".part")
        save_file({n: t.contiguous() for n, t in stored.items()}, part, about)
        part.chmod(0o644)  # safetensors writes files that their owner alone may read
        part.replace(path)

    @staticmethod
    def load(path: Path) -> Flow:
        """What `save` wrote.

        Raises:
            RecipeError: It is for other labels or pixels.
        """
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if json.loads(about.get("labels", "[]")) != list(LABELS) or stored["mean"].shape != pixels().shape:
            raise RecipeError(
                f"{path}: made for labels {about.get('labels')}, expected {list(LABELS)}. Make it anew."
            )
        recipe = FlowRecipe.model_validate_json(about["recipe"])
        stored = {n: t.float() if t.dtype == torch.float16 else t for n, t in stored.items()}
        network = FlowNetwork(recipe)
        network.load_state_dict(_below(stored, "network."))
        rows, spread = (
            tuple(stored[f"{name}.{i}"] for i in range(len(SETTINGS))) for name in ("rows", "spread")
        )
        return Flow(recipe, network, Basis(stored["mean"], rows, spread), _below(stored, "units."))


@lru_cache(maxsize=8)
def _points(n: int) -> Tensor:
    """Points that fill a cube evenly, (n, n_asked), double."""
    return torch.quasirandom.SobolEngine(N_ASKED, scramble=True, seed=0).draw(n, dtype=torch.float64)


def _normal_points(n: int, seed: int) -> Tensor:
    """Points of a normal distribution, (n, n_asked): independent of those of another seed."""
    generator = torch.Generator().manual_seed(seed)
    step = torch.rand(N_ASKED, generator=generator, dtype=torch.float64)
    order = torch.randperm(n, generator=generator)
    return torch.special.ndtri(((_points(n)[order] + step) % 1).clamp(_EDGE, 1 - _EDGE)).float()


def _split(seeds: Sequence[int], size: int) -> list[Sequence[int]]:
    return [seeds[i : i + size] for i in range(0, len(seeds), size)]


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
