"""The abstracts of a base: kept beside it, each set under a digest that the base's own column of numbers names.

The base has a column `n_papers`, the number of abstracts that are linked to an object. Its source says which abstracts
these are, so that rollback brings back the abstracts of a version, and `kb label --drop n_papers` takes them off.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.explanation.mentions import Mention
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import ColumnsAdded, Source
from spectrove.literature.abstracts import Abstracts
from spectrove.literature.alignment import Alignment
from spectrove.literature.linking import Link
from spectrove.literature.texts import SemanticEncoder

#: Folder of the files, and the column that says how many abstracts are linked to an object.
FOLDER, COLUMN = "papers", "n_papers"

#: The entry of the column's source that names the files.
KEY = "papers"


@dataclass(frozen=True)
class Library:
    """Abstracts with their vectors and their links to the objects of a base.

    Attributes:
        abstracts: The papers.
        links: Sorted by paper and object.
        encoder: Of texts.
        vectors: Of the abstracts, (n_papers, n_dimensions), unit length.
        alignment: Spectra and texts in one space, if it was fitted.
        about: What was done and found, as plain values.
    """

    abstracts: Abstracts
    links: tuple[Link, ...]
    encoder: SemanticEncoder
    vectors: NDArray[np.float32]
    alignment: Alignment | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {paper: i for i, paper in enumerate(self.abstracts.table.column("paper_id").to_pylist())}

    @cached_property
    def _of_object(self) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = defaultdict(list)
        for link in self.links:
            found[link.object_id].append(link)
        for links in found.values():
            links.sort(
                key=lambda one: (-one.confidence, -(self.paper(one.paper_id)["year"] or 0), one.paper_id)
            )
        return dict(found)

    @cached_property
    def _of_paper(self) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = defaultdict(list)
        for link in self.links:
            found[link.paper_id].append(link)
        return dict(found)

    def __len__(self) -> int:
        return len(self.abstracts)

    def paper(self, paper_id: str) -> dict[str, Any]:
        """What is known of a paper: paper_id, title, abstract, year, url."""
        return self.abstracts.table.slice(self._rows[paper_id], 1).to_pylist()[0]

    def about_object(self, object_id: str) -> list[Link]:
        """The links of an object, the surest first, then the newest paper."""
        return self._of_object.get(object_id, [])

    def objects_of(self, paper_id: str) -> list[Link]:
        """The links of a paper."""
        return self._of_paper.get(paper_id, [])

    def mentions(self, object_ids: Iterable[str], most: int) -> tuple[Mention, ...]:
        """Papers that speak of these objects, those of the first object first, each paper once, `most` of them.

        Every object has its surest paper before any has its second.
        """
        columns = [self.about_object(name) for name in dict.fromkeys(object_ids)]
        deepest = max(map(len, columns), default=0)
        turn = (links[i] for i in range(deepest) for links in columns if i < len(links))
        chosen: dict[str, Link] = {}
        for link in turn:
            chosen.setdefault(link.paper_id, link)
            if len(chosen) == most:
                break
        return tuple(self.mention(link) for link in chosen.values())

    def mention(self, link: Link) -> Mention:
        """A link with what is known of its paper."""
        paper = self.paper(link.paper_id)
        return Mention(
            link.object_id, link.paper_id, paper["title"], paper["year"], paper["url"], link.name, link.sentence,
            link.how, link.confidence,
        )  # fmt: skip

    def nearest(self, text: str, n: int) -> list[tuple[str, float]]:
        """The abstracts most alike a text: id and cosine, the most alike first.

        Raises:
            KnowledgeError: No word of the text is in the abstracts.
        """
        query = self.encoder.encode([text])[0]
        if not query.any():
            raise KnowledgeError(
                f"{text!r}: none of these words is in the {len(self):,} abstracts. Say it in other words."
            )
        likeness = self.vectors @ query
        ids = self.abstracts.table.column("paper_id")
        order = np.lexsort((np.arange(len(likeness)), -likeness))[:n]
        return [(ids[int(i)].as_py(), float(likeness[i])) for i in order]

    def vectors_of(self, paper_ids: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of these papers, (n, n_dimensions)."""
        return self.vectors[[self._rows[paper] for paper in paper_ids]]


def current(base: KnowledgeBase) -> Library | None:
    """The abstracts of the current version of a base; None if it has none."""
    digest = _digest_of(base)
    return base.remember(("papers", digest), lambda: _read(base, digest)) if digest else None


def has_papers(base: KnowledgeBase) -> bool:
    """Whether abstracts are attached to the current version of a base."""
    return bool(_digest_of(base))


def attach(base: KnowledgeBase, library: Library, source: Source, dry_run: bool = False) -> ColumnsAdded:
    """Keep the abstracts with the base as one new version: files first, then the column that names them."""
    counts: dict[str, int] = defaultdict(int)
    for link in library.links:
        counts[link.object_id] += 1
    ids = base.rows(None, []).column("object_id").to_pylist()
    table = pa.table({"object_id": ids, COLUMN: pa.array([counts[name] for name in ids], pa.int32())})
    content = _contents(library)
    digest = blake2b(b"".join(content.values()), digest_size=6).hexdigest()
    named = Source(source.name, source.version, {**source.details, KEY: digest})
    if dry_run:
        return base.add_columns(table, named, existing="renew", dry_run=True)
    for name, data in content.items():
        base.files.write(f"{FOLDER}/{digest}-{name}", data)
    if COLUMN in base.columns and not base.add_columns(table, named, existing="renew", dry_run=True).altered:
        base.drop_columns([COLUMN])  # other abstracts with the same links: the column has to name them
    return base.add_columns(table, named, existing="renew", operation="papers")


def _digest_of(base: KnowledgeBase) -> str:
    entries = base.sources_of(COLUMN)
    return next((entry[KEY] for entry in reversed(entries) if entry.get(KEY)), "")


def _contents(library: Library) -> dict[str, bytes]:
    """The files of a library by name."""
    from safetensors.numpy import save

    encoder = library.encoder
    arrays = {
        "vectors": library.vectors.astype(np.float16),
        "weight": encoder.weight,
        "components": encoder.components.astype(np.float16),
    }
    about = {"about": dict(library.about), "terms": list(encoder.terms)}
    files = {
        "abstracts.parquet": _parquet(library.abstracts.table),
        "links.parquet": _parquet(_link_table(library.links)),
        "vectors.safetensors": save({name: np.ascontiguousarray(a) for name, a in arrays.items()}),
        "about.json": json.dumps(about, sort_keys=True).encode(),
    }
    return files | (
        {} if library.alignment is None else {"alignment.safetensors": library.alignment.to_bytes()}
    )


def _read(base: KnowledgeBase, digest: str) -> Library:
    import pyarrow.parquet as pq
    from safetensors.numpy import load

    def content(name: str) -> bytes:
        return base.files.read(f"{FOLDER}/{digest}-{name}")

    try:
        about = json.loads(content("about.json"))
        arrays = load(content("vectors.safetensors"))
        table, links = (
            pq.read_table(pa.BufferReader(content(f"{n}.parquet"))) for n in ("abstracts", "links")
        )
    except FileNotFoundError as error:
        raise KnowledgeError(
            f"{base.path}: the abstracts that column {COLUMN} names ({digest}) are not in its folder {FOLDER}. Attach "
            f"them again with kb papers, or take the column off with kb label {base.path} --drop {COLUMN}."
        ) from error
    try:
        alignment = Alignment.from_bytes(content("alignment.safetensors"))
    except FileNotFoundError:
        alignment = None
    encoder = SemanticEncoder(
        tuple(about["terms"]), arrays["weight"], arrays["components"].astype(np.float32)
    )
    vectors = arrays["vectors"].astype(np.float32)
    rows = tuple(Link(**row) for row in links.to_pylist())
    return Library(Abstracts(table), rows, encoder, vectors, alignment, about["about"])


def _link_table(links: Sequence[Link]) -> pa.Table:
    names = ("object_id", "paper_id", "name", "sentence", "how", "confidence")
    columns = {name: [getattr(link, name) for link in links] for name in names}
    kinds = {name: pa.float64() if name == "confidence" else pa.string() for name in names}
    return pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})


def _parquet(table: pa.Table) -> bytes:
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()
