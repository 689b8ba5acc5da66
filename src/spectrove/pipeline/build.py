"""Knowledge bases from spectra: create, add, encode again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal
from spectrove.inference.embed import BATCH, Embedded, vectors_of
from spectrove.knowledge import DEFAULT_VIEW, KnowledgeBase
from spectrove.knowledge.claim import claimed
from spectrove.knowledge.files import place_of
from spectrove.knowledge.schema import DEFAULT_DOMAIN
from spectrove.pipeline.chunks import embedded
from spectrove.pipeline.column_views import spectral_views
from spectrove.pipeline.domains import domain_called
from spectrove.pipeline.encoders import encoders_of, loaded
from spectrove.pipeline.kinds import kind_of_set
from spectrove.pipeline.reencoding import Block, KeptBlocks, joined
from spectrove.pipeline.shipped import load_encoder, shipped_encoders
from spectrove.pipeline.vectors import Vectors
from spectrove.spectra import SpectrumSet

Progress = Callable[[int], None]


def standard_views(domain: str = DEFAULT_DOMAIN) -> dict[str, str]:
    """Further views of a new base of this kind of light, and their encoders, where these come with the package."""
    return {view: name for view, name in domain_called(domain).views.items() if name in shipped_encoders()}


def create(
    path: Path | str,
    batches: Iterable[SpectrumSet],
    encoder: Encoder | str | None = None,
    *,
    views: Mapping[str, Encoder | str] | None = None,
    domain: str | None = None,
    progress: Progress | None = None,
    cluster: str | None = None,
    workers: int | None = None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new knowledge base from batches of spectra; `progress` is called with the number added.

    Args:
        encoder: Encoder of the view "shape"; that of the domain if None. Spectra that it refuses are left out.
        views: Encoders of further views; `standard_views` if None.
        domain: The kind of light; that of the first batch if None.
        cluster: "local" or the address of a scheduler of dask: its workers embed, and this process writes.
        workers: Processes that embed, beside this one if there are several; of a cluster on this machine its workers.
    """
    first, batches = _first_of(batches)
    domain = domain or (DEFAULT_DOMAIN if first is None else kind_of_set(first))
    encoders = encoders_for(domain, encoder, views)
    others = {view: made for view, made in encoders.items() if view != DEFAULT_VIEW}
    main = encoders[DEFAULT_VIEW]
    return _base_of(path, embedded(batches, main, others, cluster, workers), main.name, domain, progress)


def create_from_vectors(
    path: Path | str,
    batches: Iterable[SpectrumSet],
    vectors: Vectors,
    *,
    views: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new knowledge base of spectra whose vectors are there already; `vectors.check` has found that they fit.

    Args:
        path, batches, progress: As in `create`.
        vectors: Of these spectra, and maybe of others.
        views: The views of the base, "shape" first; all that `vectors` holds if None.
    """
    names = tuple(vectors.about.views) if views is None else tuple(views)
    name, _ = vectors.about.views[names[0]]
    return _base_of(path, vectors.matched(batches, names), name, vectors.about.domain, progress)


def encoders_for(
    domain: str, encoder: Encoder | str | None, views: Mapping[str, Encoder | str] | None
) -> dict[str, Encoder]:
    """The encoder of each view of a new base, that of "shape" first; the domain's where None is given."""
    main = _loaded(domain_called(domain).encoder if encoder is None else encoder, domain)
    return {DEFAULT_VIEW: main, **loaded(standard_views(domain) if views is None else views)}


def _base_of(
    path: Path | str,
    parts: Iterable[tuple[SpectrumSet, Embedded]],
    encoder: str,
    domain: str,
    progress: Progress | None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new base of batches with their vectors; in a folder no other process makes it meanwhile."""
    place = place_of(path)
    with claimed(place) if isinstance(place, Path) else nullcontext():
        return _filled(path, parts, encoder, domain, progress)


def _filled(
    path: Path | str,
    parts: Iterable[tuple[SpectrumSet, Embedded]],
    encoder: str,
    domain: str,
    progress: Progress | None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    base: KnowledgeBase | None = None
    refusals: list[Refusal] = []
    for batch, made in parts:
        refusals += made.refusals
        if len(made.spectra):
            if base is None:
                # A base stopped before `complete` is recognised as incomplete.
                base = KnowledgeBase.create(
                    path, made.spectra, made.views, encoder=encoder, domain=domain, complete=False
                )
            else:
                base.add(made.spectra, made.views)
        if progress:
            progress(len(batch))
    if base is None:
        reason = f" The first reason: {refusals[0].error}" if refusals else ""
        raise KnowledgeError(
            f"{path}: no spectrum could be added ({len(refusals)} refused), so no base was made.{reason}"
        )
    base.optimize()
    base.complete()
    return base, refusals


def _first_of(batches: Iterable[SpectrumSet]) -> tuple[SpectrumSet | None, Iterable[SpectrumSet]]:
    """The first batch, and all of them."""
    rest = iter(batches)
    first = next(rest, None)
    return first, rest if first is None else chain([first], rest)


def _loaded(encoder: Encoder | str, domain: str) -> Encoder:
    if encoder == "":
        raise KnowledgeError(
            f"create: the domain {domain_called(domain).name} names no encoder of a new base. Name one or its folder."
        )
    return load_encoder(encoder) if isinstance(encoder, str) else encoder


def add(
    base: KnowledgeBase,
    batches: Iterable[SpectrumSet],
    *,
    upsert: bool = False,
    progress: Progress | None = None,
    cluster: str | None = None,
    workers: int | None = None,
) -> list[Refusal]:
    """Refusals after adding spectra to a base, embedded with its own encoders; `cluster`, `workers` as in `create`."""
    encoders = encoders_of(base, base.views)
    main = encoders.pop(base.space().views[0])
    refusals: list[Refusal] = []
    for batch, made in embedded(batches, main, encoders, cluster, workers):
        refusals += made.refusals
        if len(made.spectra):
            write = base.upsert if upsert else base.add
            write(made.spectra, made.views)
        if progress:
            progress(len(batch))
    return refusals


def reencode(
    base: KnowledgeBase,
    views: Mapping[str, Encoder | str] | None = None,
    *,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Refusals after encoding views of a base again from its stored spectra, or adding views, as one new version.

    `views` gives the encoder of each view; if None all views of spectra are encoded again by their own encoders. No
    object is removed: one that an encoder refuses has no vector in that view, and the flag `view_missing`.

    Vectors are kept with the base until all are there, so that an interrupted call is gone on with by the next one. It
    begins anew, with a warning, if the spectra of the base changed in between or the encoders are others.
    """
    encoders = encoders_of(base, spectral_views(base)) if views is None else loaded(views)
    since, ids = base.version, base.rows(columns=[]).column("object_id").to_pylist()
    kept = KeptBlocks(base, encoders, ids, BATCH)
    parts: dict[str, list[Embeddings]] = {view: [] for view in encoders}
    refusals: list[Refusal] = []
    for number, start in enumerate(range(0, len(ids), BATCH)):
        block = kept.read(number)
        if block is None:
            block = _encoded(base, ids[start : start + BATCH], encoders)
            kept.write(number, block)
        for view, vectors in block[0].items():
            parts[view].append(vectors)
        refusals += block[1]
        if progress:
            progress(len(ids[start : start + BATCH]))
    base.reencode({view: joined(found) for view, found in parts.items()}, since=since)
    kept.clear()
    return refusals


def _encoded(base: KnowledgeBase, ids: Sequence[str], encoders: Mapping[str, Encoder]) -> Block:
    """Vectors of some objects by view, and what was refused."""
    spectra = base.spectra(ids)
    vectors, refusals = {}, []
    for view, encoder in encoders.items():
        _, _, vectors[view], refused = vectors_of(spectra, encoder)
        refusals += [Refusal(r.name, f"view {view}: {r.error}") for r in refused]
    return vectors, refusals
