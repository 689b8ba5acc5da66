"""The coordinates in which a question measured its distances, for spectra and for gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders import Encoder, NetworkEncoder
from spectrove.encoders.pca import RIDGE, PcaEncoder
from spectrove.inference.metric.linear import LinearMetric
from spectrove.preprocess import Prepared
from spectrove.spectra import SpectrumSet

if TYPE_CHECKING:
    from torch import Tensor

#: Distances that differ by less than this, relative to them, are the same: the rest is rounding.
SAME = 1e-3


@dataclass(frozen=True)
class Prepareds:
    """The same spectra prepared for each view."""

    views: Mapping[str, Prepared]

    def __getitem__(self, view: str) -> Prepared:
        return self.views[view]

    def __len__(self) -> int:
        return len(next(iter(self.views.values())))

    @property
    def object_id(self) -> NDArray[np.str_]:
        """Shape (n_spectra,)."""
        return next(iter(self.views.values())).object_id

    @property
    def coverage(self) -> list[tuple[float, float]]:
        """Ends of what was observed of the first spectrum, by view, angstrom in the frame of the first view."""
        return [tuple(p.coverage[0].tolist()) for p in self.views.values()]

    def take(self, index: Sequence[int]) -> Prepareds:
        """The chosen spectra, in the order asked for."""
        return Prepareds({view: p.take(np.asarray(index)) for view, p in self.views.items()})


@dataclass(frozen=True)
class Coordinates:
    """Views side by side, each times its factor, then a metric or none; distances times a unit.

    Attributes:
        encoders: View to what makes its vectors, in the order of the space.
        factors: View to what its vectors are multiplied by.
        metric: The metric that the question used for this query.
        unit: What distances are multiplied by: metrics of other folds are in the unit of the first.
    """

    encoders: Mapping[str, Encoder]
    factors: Mapping[str, float]
    metric: LinearMetric | None = None
    unit: float = 1.0

    def prepared(self, spectra: SpectrumSet) -> Prepareds:
        """The spectra that every view's encoder takes, prepared for each."""
        made = {view: encoder.prepare(spectra)[0] for view, encoder in self.encoders.items()}
        shared = [
            name for name in spectra.object_id.tolist() if all(name in p.object_id for p in made.values())
        ]
        order = {view: [p.object_id.tolist().index(name) for name in shared] for view, p in made.items()}
        return Prepareds({view: p.take(np.array(order[view], dtype=int)) for view, p in made.items()})

    def vectors(self, prepared: Prepareds) -> NDArray[np.float64]:
        """Places in these coordinates, (n_spectra, n_dimensions)."""
        parts = [
            encoder.encode(prepared[view]).vectors.astype(np.float64) * self.factors[view]
            for view, encoder in self.encoders.items()
        ]
        joined = np.hstack(parts)
        moved = joined if self.metric is None else (joined - self.metric.mean) @ self.metric.matrix
        return moved * self.unit

    def distances(self, prepared: Prepareds, other: Prepareds) -> NDArray[np.float64]:
        """From each of the spectra to one other, (n_spectra,)."""
        return np.sqrt(((self.vectors(prepared) - self.vectors(other)) ** 2).sum(axis=1))

    def grids(self, prepared: Prepareds) -> dict[str, NDArray[np.float64]]:
        """View to the wavelengths of its pixels, rest angstrom where the redshift is known."""
        return {view: self.rest_wavelength(view, prepared) for view in self.encoders}

    def rest_frame(self, prepared: Prepareds) -> bool:
        """Whether wavelengths are in the rest frame of the first spectrum."""
        return all(e.frame == "rest" for e in self.encoders.values()) or bool(
            np.isfinite(prepared[next(iter(self.encoders))].z[0])
        )

    def rest_wavelength(self, view: str, prepared: Prepareds) -> NDArray[np.float64]:
        """Wavelengths of a view's pixels in the rest frame of the first spectrum, if its redshift is known."""
        own = prepared[view]
        z = own.z[0] if self.encoders[view].frame == "observed" and np.isfinite(own.z[0]) else 0.0
        return own.wavelength / (1 + z)

    def differentiable(self) -> tuple[str, ...]:
        """The views whose vectors have gradients: networks, and those that are linear in the flux."""
        return tuple(v for v, e in self.encoders.items() if isinstance(e, NetworkEncoder | PcaEncoder))

    def differentiable_vectors(self, prepared: Prepareds, views: Sequence[str]) -> Callable[..., Tensor]:
        """A function from (flux, log(1 + ivar)) of these views, (n, n_pixels) float64 each, to places, with gradients.

        The vectors of the other views are those of the first spectrum.
        """
        import torch

        own = prepared.take([0])
        fixed = {
            view: torch.from_numpy(e.encode(own[view]).vectors.astype(np.float64))
            for view, e in self.encoders.items()
            if view not in views
        }
        makers = {view: _maker(self.encoders[view]) for view in views}
        metric = self.metric and [torch.from_numpy(a) for a in (self.metric.mean, self.metric.matrix)]

        def vectors(*given: Tensor) -> Tensor:
            pairs = dict(zip(views, zip(given[::2], given[1::2], strict=True), strict=True))
            n = len(given[0])
            parts = [
                (makers[view](*pairs[view]) if view in pairs else fixed[view].expand(n, -1)) * factor
                for view, factor in self.factors.items()
            ]
            joined = torch.cat(parts, dim=1)
            return (joined if not metric else (joined - metric[0]) @ metric[1]) * self.unit

        return vectors


def replaced(own: Prepareds, other: Prepareds, chosen: Mapping[str, NDArray[np.bool_]]) -> Prepareds:
    """Copies of the first spectrum with the other's pixels where chosen, one for each row of (n, n_pixels)."""
    made = {}
    for view, where in chosen.items():
        mine, theirs = own[view].take(np.zeros(len(where), dtype=int)), other[view]
        made[view] = replace(
            mine,
            flux=np.where(where, theirs.flux[0], mine.flux),
            ivar=np.where(where, theirs.ivar[0], mine.ivar),
            valid=np.where(where, theirs.valid[0], mine.valid),
        )
    return Prepareds(made)


def coordinates(
    encoders: Mapping[str, Encoder],
    factors: Mapping[str, float],
    metrics: Sequence[LinearMetric],
    query: SpectrumSet,
    others: SpectrumSet,
    distance: Mapping[str, float],
) -> Coordinates | None:
    """The coordinates in which these distances were measured; None if none of the metrics gives them again.

    A query that is an object of the base is answered in the metric that has not seen its fold; which one that was is
    found by the distances themselves.

    Args:
        encoders, factors: By view.
        metrics: Those of the question, that for strangers first; none where distances are plain.
        query: One spectrum.
        others: Spectra with known distances.
        distance: Object id to its distance from the query.
    """
    best: tuple[float, Coordinates] | None = None
    for number, metric in enumerate(metrics or [None]):
        tried = Coordinates(encoders, factors, metric)
        own, theirs = tried.prepared(query), tried.prepared(others)
        if not len(own) or not len(theirs):
            return None
        known = np.array([distance[name] for name in theirs.object_id.tolist()])
        made = tried.distances(theirs, own)
        ratio = known[made > 0] / made[made > 0]
        # Only folds have a unit of their own.
        unit = float(np.median(ratio)) if number and len(ratio) > 1 else 1.0
        off = float(np.max(np.abs(made * unit - known), initial=0) / max(float(known.max()), 1e-12))
        if best is None or off < best[0]:
            best = off, replace(tried, unit=unit)
        if off < SAME and number == 0:
            break
    assert best is not None
    return best[1] if best[0] < SAME else None


def _maker(encoder: Encoder) -> Callable[[Tensor, Tensor], Tensor]:
    """From flux and log(1 + ivar), (n, n_pixels) float64 each, to the encoder's vectors."""
    return _network(encoder) if isinstance(encoder, NetworkEncoder) else _pca(encoder)


def _network(encoder: NetworkEncoder) -> Callable[[Tensor, Tensor], Tensor]:
    import torch

    mean, axes = (
        torch.from_numpy(encoder.weights[f"float32.whiten_{part}"].astype(np.float64))
        for part in ("mean", "axes")
    )

    def vectors(flux: Tensor, depth: Tensor) -> Tensor:
        here, single = encoder.device, torch.float32
        pooled = encoder.module.pool(flux.to(here, single), torch.expm1(depth).to(here, single))
        return (pooled.cpu().double() - mean) @ axes

    return vectors


def _pca(encoder: Encoder) -> Callable[[Tensor, Tensor], Tensor]:
    """`encoders.pca.scores` as torch sees it."""
    import torch

    mean, components, deviation = (
        torch.from_numpy(encoder.weights[name].astype(np.float64))
        for name in ("mean", "components", "deviation")
    )
    k = len(components)
    scale = deviation**-encoder.recipe.pca.whitening  # type: ignore[union-attr]
    products = (components[:, None] * components[None]).reshape(k * k, -1)

    def vectors(flux: Tensor, depth: Tensor) -> Tensor:
        ivar = torch.expm1(depth)
        normal = (ivar @ products.T).reshape(-1, k, k)
        information = normal.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None] / k
        ridge = (RIDGE * information + 1e-12) * torch.eye(k, dtype=torch.float64)
        right = (ivar * (flux - mean)) @ components.T
        return torch.linalg.solve(normal + ridge, right[..., None])[..., 0] * scale

    return vectors
