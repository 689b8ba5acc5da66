"""Hunts among many batches of spectra by the workers of a cluster, with the answers of a single process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import tee
from pathlib import Path
from typing import Any

from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.files import Uri
from spectrove.pipeline import hunt
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.chunks import Place, encoder_at, place_of
from spectrove.pipeline.kinds import open_base
from spectrove.processes import map_chunks
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target


def hunted_among(
    base: KnowledgeBase,
    batches: Iterable[tuple[SpectrumSet, dict[str, Any]]],
    target: Target | str,
    cluster: str,
    **options: Any,
) -> Iterator[tuple[SpectrumSet, Answers]]:
    """Each batch, and its answers as `hunt` gives them.

    What is fitted on the base is fitted here, with the first batch, and read from the base by the workers.

    Args:
        base: A base in a folder or an object store that the workers reach under the same name.
        batches: Sets of spectra, each with estimates of redshifts that are missing, by object id.
        target: What is hunted.
        cluster: As in `processes.map_chunks`.
        options: As for `hunt`.

    Raises:
        KnowledgeError: The base is in memory.
    """
    if isinstance(base.path, Uri) and base.path.in_memory:
        raise KnowledgeError(
            f"{base.path}: --cluster {cluster}: a base in memory is seen by this process alone. Make it in a folder."
        )
    rest = iter(batches)
    if (first := next(rest, None)) is None:
        return
    batch, redshifts = first
    version = base.version
    answers = hunt(base, batch, target, redshifts=redshifts, **options)
    yield batch, answers
    encoders: Mapping[str, Encoder] = options.pop("encoder", None) or {}
    places = {view: place_of(encoder) for view, encoder in encoders.items() if not encoder.columns}
    given, sent = tee(rest)
    place = base.path.resolve() if isinstance(base.path, Path) else base.path
    asked = (str(place), version, target, places, options)
    tasks = ((*asked, batch, redshifts) for batch, redshifts in sent)
    for (batch, _), said in zip(given, map_chunks(_hunt, tasks, cluster=cluster), strict=True):
        yield batch, replace(answers, **said)


@lru_cache(2)
def _base(path: str) -> KnowledgeBase:
    return open_base(path, KnowledgeBase)


def _hunt(
    path: str,
    version: int,
    target: Target | str,
    encoders: Mapping[str, Place],
    options: Mapping[str, Any],
    batch: SpectrumSet,
    redshifts: dict[str, Any],
) -> dict[str, Any]:
    """What the answers to a batch say; the rest of them is the same for all batches."""
    known = {view: encoder_at(place) for view, place in encoders.items()}
    base = _base(path)
    if base.version < version:
        _base.cache_clear()
        if (base := _base(path)).version < version:
            raise KnowledgeError(
                f"{path}: a worker finds version {base.version} of the base, expected {version} or later. Give all "
                "workers the same base, on a disk that they share or in an object store."
            )
    answers = hunt(base, batch, target, encoder=known, redshifts=redshifts, **options)
    said = ("spectra", "predictions", "refusals", "neighbors")
    return {name: getattr(answers, name) for name in said}
