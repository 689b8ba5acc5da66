"""Batches of spectra embedded by other processes, on this machine or a cluster, as this process would do it.

A batch is a task: it goes to a worker whole, as this process would take it whole, so that the vectors are the same to
the last bit. Workers load encoders by the names that this process uses, once each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import tee

from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal
from spectrove.inference.embed import Embedded, embed, vectors_of
from spectrove.pipeline.shipped import load_encoder
from spectrove.processes import map_chunks
from spectrove.spectra import SpectrumSet

#: Place and fingerprint of an encoder.
Place = tuple[str, str]


def embedded(
    batches: Iterable[SpectrumSet],
    main: Encoder,
    views: Mapping[str, Encoder],
    cluster: str | None = None,
    workers: int | None = None,
) -> Iterator[tuple[SpectrumSet, Embedded]]:
    """Each batch, and its vectors as `embed` makes them.

    Args:
        batches: Sets of spectra.
        main, views: As in `embed`. Vectors of catalog columns are made by this process.
        cluster: As in `processes.map_chunks`; None for this machine.
        workers: Processes of this machine that embed; without a cluster one, which is this process, if None.
    """
    if cluster is None and (workers or 1) == 1:
        for batch in batches:
            yield batch, embed(batch, main, views)
        return
    given, sent = tee(batches)
    own = {view: encoder for view, encoder in views.items() if encoder.columns}
    places = {view: place_of(encoder) for view, encoder in views.items() if view not in own}
    tasks = ((batch, place_of(main), places) for batch in sent)
    for batch, made in zip(given, map_chunks(_embed, tasks, workers, cluster), strict=True):
        yield batch, _with_own(made, own)


def place_of(encoder: Encoder) -> Place:
    """By which a worker finds an encoder."""
    return encoder.name, encoder.fingerprint


@lru_cache(8)
def encoder_at(place: Place) -> Encoder:
    """The encoder at a place, which has to be the one that this process has."""
    name, fingerprint = place
    encoder = load_encoder(name)
    if encoder.fingerprint != fingerprint:
        raise KnowledgeError(
            f"encoder {name}: a worker of the cluster finds {encoder.fingerprint} there, expected {fingerprint}. Give "
            "a folder that all workers see, with the same content."
        )
    return encoder


def _embed(batch: SpectrumSet, main: Place, views: Mapping[str, Place]) -> Embedded:
    return embed(batch, encoder_at(main), {view: encoder_at(place) for view, place in views.items()})


def _with_own(made: Embedded, own: Mapping[str, Encoder]) -> Embedded:
    """The same with vectors of catalog columns."""
    views, unmade = dict(made.views), list(made.unmade)
    for view, encoder in own.items():
        _, _, views[view], refused = vectors_of(made.spectra, encoder)
        unmade += [Refusal(r.name, f"view {view}: {r.error}") for r in refused]
    return replace(made, views=views, unmade=tuple(unmade))
