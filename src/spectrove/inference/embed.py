"""From spectra to vectors, the first step of every question and of every base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.encoders.base import Input
from spectrove.errors import Refusal
from spectrove.knowledge import DEFAULT_VIEW
from spectrove.spectra import CORE_COLUMNS, SpectrumSet

#: Spectra encoded together.
BATCH = 1024


@dataclass(frozen=True)
class Embedded:
    """Embedded spectra, their vectors in the same order, and the refusals.

    Attributes:
        embeddings: Vectors of the default view.
        views: Vectors by view, including the default view; other views may lack some of the spectra.
        unmade: Refusals by further views.
    """

    spectra: SpectrumSet
    embeddings: Embeddings
    refusals: tuple[Refusal, ...] = ()
    views: dict[str, Embeddings] = field(default_factory=dict)
    unmade: tuple[Refusal, ...] = ()

    @property
    def whole(self) -> Embedded:
        """The spectra with a vector in every view; the others are refused."""
        keep = np.ones(len(self.spectra), dtype=bool)
        for vectors in self.views.values():
            keep &= np.isin(self.spectra.object_id, vectors.object_id)
        views = {v: e.take(np.isin(e.object_id, self.spectra.object_id[keep])) for v, e in self.views.items()}
        refusals = (*self.refusals, *self.unmade)
        return Embedded(self.spectra.take(keep), self.embeddings.take(keep), refusals, views)

    def among(self, object_id: NDArray[np.str_], refused: Sequence[Refusal]) -> Embedded:
        """The spectra with one of these ids; the others are refused for the reasons given."""
        keep = np.isin(self.spectra.object_id, object_id)
        views = {view: vectors.take(keep) for view, vectors in self.views.items()}
        refusals = (*self.refusals, *refused)
        return Embedded(self.spectra.take(keep), self.embeddings.take(keep), refusals, views)


def embed(spectra: SpectrumSet, encoder: Encoder, views: Mapping[str, Encoder] | None = None) -> Embedded:
    """Vectors of all spectra that the encoder accepts; the others are refused by name.

    Only flux, ivar, mask, wavelength, LSF and, for rest-frame encoders, the redshift are read.

    Args:
        views: Encoders of further views. A spectrum refused by one of them is kept.
    """
    index, prepared, vectors, refusals = vectors_of(spectra, encoder)
    kept = _with_flags(spectra.take(index), prepared)
    made, unmade = {DEFAULT_VIEW: vectors}, []
    for view, other in (views or {}).items():
        _, _, made[view], refused = vectors_of(kept, other)
        unmade += [Refusal(r.name, f"view {view}: {r.error}") for r in refused]
    return Embedded(kept, vectors, tuple(refusals), made, tuple(unmade))


def vectors_of(
    spectra: SpectrumSet, encoder: Encoder
) -> tuple[NDArray[np.int64], Input, Embeddings, list[Refusal]]:
    """The spectra that the encoder accepts, prepared and encoded, and the reasons for refusing the others."""
    prepared, refusals = encoder.prepare(spectra)
    embeddings = encoder.encode(prepared)
    finite: NDArray[np.bool_] = np.all(np.isfinite(embeddings.vectors), axis=1)
    for name in embeddings.object_id[~finite].tolist():
        refusals.append(
            Refusal(
                name,
                f"{name}: {encoder.name} gives no finite vector. Check the file's flux and ivar for extremes.",
            )
        )
    index = _in_order(spectra, prepared.object_id)[finite]
    return index, prepared.take(finite), embeddings.take(finite), refusals


def _in_order(spectra: SpectrumSet, object_id: NDArray[np.str_]) -> NDArray[np.int64]:
    """Positions in `spectra` of these ids, in the order of the set."""
    left = iter(range(len(spectra)))
    return np.array([next(i for i in left if spectra.object_id[i] == name) for name in object_id], dtype=int)


def _with_flags(spectra: SpectrumSet, prepared: Input) -> SpectrumSet:
    """The spectra with the flags of the preparation added."""
    flags = [
        list(dict.fromkeys([*(own or ()), *new]))
        for own, new in zip(spectra.column("flags"), prepared.flags, strict=True)
    ]
    place = spectra.rows.column_names.index("flags")
    return spectra.with_rows(spectra.rows.set_column(place, "flags", pa.array(flags, CORE_COLUMNS["flags"])))


def embed_queries(spectra: SpectrumSet, encoders: Mapping[str, Encoder]) -> Embedded:
    """Vectors of the queries in all of these views; a query without one of them is refused.

    Args:
        encoders: Encoder of each view, that of the default view (or the only one) first.
    """
    (first, encoder), *others = encoders.items()
    embedded = embed(spectra, encoder, dict(others))
    views = {view: embedded.views[DEFAULT_VIEW if view == first else view] for view in encoders}
    answered = replace(embedded, views=views).whole
    return replace(answered, spectra=_told_of_columns(answered.spectra, encoders))


def _told_of_columns(spectra: SpectrumSet, encoders: Mapping[str, Encoder]) -> SpectrumSet:
    """The spectra, flagged where vectors are made of catalog columns."""
    for encoder in encoders.values():
        if encoder.columns:
            spectra = _with_flags(spectra, encoder.prepare(spectra)[0])
    return spectra


def in_batches(spectra: SpectrumSet, size: int = BATCH) -> Iterator[SpectrumSet]:
    """The spectra of a large set, in batches."""
    return (spectra.take(np.arange(i, min(i + size, len(spectra)))) for i in range(0, len(spectra), size))
