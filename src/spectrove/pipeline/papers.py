"""Papers of a base: abstracts are attached and linked to its objects, as one version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.errors import KnowledgeError, did_you_mean
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import Source
from spectrove.literature.abstracts import Abstracts, abstracts_of, read_abstracts, read_links
from spectrove.literature.ads import Ads
from spectrove.literature.library import COLUMN, Library, attach
from spectrove.literature.linking import Linked, Objects, link
from spectrove.literature.names import spellings
from spectrove.literature.texts import fit_texts
from spectrove.pipeline.paper_alignment import alignment_of

#: Columns in which a base may have names of its objects beside their ids.
NAME_COLUMNS = (
    "object", "name", "names", "main_id", "catalog_name", "name_cat", "simbad", "simbad_name", "source_name",
    "target_name", "object_name", "targname", "cscv2_name",
)  # fmt: skip

#: Ambiguous names, and positions, that a report names.
TOLD = 5


@dataclass(frozen=True)
class PapersAttached:
    """What came of attaching abstracts.

    Attributes:
        source: Name of the file, and `version` the start of its SHA-256.
        papers: Abstracts, and `left_out` rows without an id or a text, or that repeat an id.
        linked: The links, and what could not be linked.
        objects: Objects of the base.
        names: Columns whose values were looked for beside the ids.
        version: The version of the base.
        dry_run: Whether nothing was written.
        alignment: How well spectra and texts find each other, in a sentence; "" if they were not aligned.
    """

    source: str
    version_of_source: str
    papers: int
    left_out: int
    linked: Linked
    objects: int
    names: tuple[str, ...]
    version: int
    dry_run: bool
    alignment: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command prints them with --json."""
        links = self.linked.links
        return {
            "source": self.source, "source_version": self.version_of_source, "papers": self.papers,
            "left_out": self.left_out, "names": list(self.names), "links": len(links),
            "by": {how: sum(one.how == how for one in links) for how in ("name", "position", "list")},
            "papers_linked": len({one.paper_id for one in links}),
            "objects_linked": len({one.object_id for one in links}), "objects": self.objects,
            "ambiguous": {name: list(ids) for name, ids in self.linked.ambiguous.items()},
            "crowded": dict(self.linked.crowded), "unnamed": self.linked.unnamed,
            "strangers": self.linked.strangers, "version": self.version, "dry_run": self.dry_run,
            "alignment": self.alignment or None,
        }  # fmt: skip


def attach_papers(
    base: KnowledgeBase,
    abstracts: str | PathLike[str] | pa.Table | Abstracts | Ads,
    *,
    links: str | PathLike[str] | Sequence[tuple[str, str, str]] | None = None,
    names: Sequence[str] = (),
    source: str = "",
    align: bool = False,
    dry_run: bool = False,
) -> PapersAttached:
    """Attach abstracts to a base as one new version, link them to its objects, and make vectors of them.

    Objects are found by their ids, by the names in columns such as `object` or `catalog_name`, and by positions that
    names in a text hold (J2000). A link is weak evidence: it says that a text has the
    name, not what it says of the object.

    Args:
        base: The base.
        abstracts: A file (.csv, .tsv, .jsonl, each also .gz, or .parquet) or a table with columns paper_id, title,
            abstract, year, url, of which the last two may be missing. Or the Astrophysics Data System, which is asked
            for papers on the objects that have names.
        links: A file, or triples, of paper, object and name in the text, which are linked whatever the text says.
        names: Further columns of the base with names.
        source: What the provenance calls a table; a file has its own name.
        align: Also fit a space that spectra share with texts on the links, and measure it on links left out.
        dry_run: True to say what would come of it; nothing is written.

    Raises:
        CatalogError: A file cannot be read or lacks a column.
        KnowledgeError: The base has no such column, there are too few abstracts, or too few links to align.
    """
    columns = name_columns(base, names)
    objects = objects_of(base, columns)
    listed = read_links(Path(links)) if isinstance(links, str | PathLike) else list(links or ())
    if isinstance(abstracts, Ads):
        abstracts, more = abstracts.abstracts_on(_asked_of(objects))
        listed, source = listed + more, source or "ads"
    papers, origin = _abstracts(abstracts, source)
    linked = link(papers, objects, listed)
    encoder = fit_texts(papers.texts())
    # Kept in half precision; so that answers are the same before and after the base was closed, so from now on.
    vectors = encoder.encode(papers.texts()).astype(np.float16).astype(np.float32)
    about = {"source": origin.name, "objects": len(objects.object_id), "names": list(columns)}
    library = Library(papers, tuple(linked.links), encoder, vectors, None, about)
    if align:
        library = replace(library, alignment=alignment_of(base, library))
    change = attach(base, library, origin, dry_run)
    return PapersAttached(
        origin.name, origin.version, len(papers), papers.left_out, linked, len(objects.object_id), columns,
        change.version, dry_run, "" if library.alignment is None else str(library.alignment.about["sentence"]),
    )  # fmt: skip


def name_columns(base: KnowledgeBase, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The columns of a base that hold names of its objects.

    Raises:
        KnowledgeError: One that was named is not there.
    """
    there = {name.lower(): name for name in base.columns}
    for name in more:
        if name not in base.columns:
            raise KnowledgeError(f"{base.path}: no column {name}{did_you_mean(name, base.columns)}")
    usual = [there[name] for name in NAME_COLUMNS if name in there]
    return tuple(dict.fromkeys([*usual, *more]))


def objects_of(base: KnowledgeBase, columns: Sequence[str]) -> Objects:
    """Ids, names and positions of the objects of a base."""
    places = [name for name in ("ra", "dec") if name in base.columns]
    table = base.rows(None, [*columns, *places])
    ids = [str(name) for name in table.column("object_id").to_pylist()]
    named = [[str(v or "") for v in table.column(name).to_pylist()] for name in columns]
    ra, dec = (
        np.array(table.column(name).to_pylist() if len(places) == 2 else [None] * len(ids), dtype=float)
        for name in ("ra", "dec")
    )
    return Objects(ids, list(zip(ids, *named, strict=True)), ra, dec)


def _asked_of(objects: Objects) -> list[tuple[str, str]]:
    """Id and name of the objects that have a name beside their id, or one that says enough to be looked for."""
    named = [
        (names[0], next((n for n in (*names[1:], names[0]) if n and spellings(n)), ""))
        for names in objects.names
    ]
    if not (found := [(object_id, name) for object_id, name in named if name]):
        raise KnowledgeError(
            "no object has a name that can be asked for. Join names with kb label, or name their column with --names."
        )
    return found


def _abstracts(given: Any, source: str) -> tuple[Abstracts, Source]:
    """The abstracts, and where they come from."""
    if isinstance(given, str | PathLike):
        path = Path(given)
        papers = read_abstracts(path)
        digest = sha256(path.read_bytes()).hexdigest()[:12]
        return papers, Source(source or path.name.split(".")[0], digest, {"file": path.name})
    papers = given if isinstance(given, Abstracts) else abstracts_of(given, source or "table of abstracts")
    digest = sha256("".join(papers.table.column("paper_id").to_pylist()).encode()).hexdigest()[:12]
    return papers, Source(source or "abstracts", digest, {})


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def report(done: PapersAttached) -> list[str]:
    """Sentences about what came of attaching."""
    said = done.to_dict()
    by = ", ".join(f"{n:,} by {how}" for how, n in said["by"].items() if n) or "none"
    columns = f", {', '.join(done.names)}" if done.names else ""
    left = (
        f" ({_counted(done.left_out, 'row')} left out: no id, no text, or an id a second time)"
        if done.left_out
        else ""
    )
    lines = [
        f"{done.source}: {_counted(done.papers, 'abstract')}{left}",
        f"{_counted(said['links'], 'link')} ({by}): {_counted(said['papers_linked'], 'abstract')} "
        f"speak{'s' * (said['papers_linked'] == 1)} of {said['objects_linked']:,} of "
        f"{done.objects:,} objects, looked for by object_id{columns} and position",
        "a link is weak evidence: a text has the name, whatever it says of the object",
    ]
    for name, ids in list(done.linked.ambiguous.items())[:TOLD]:
        some = f"{', '.join(ids[:3])}{', ...' if len(ids) > 3 else ''}"
        lines.append(f"{name} is the name of {len(ids)} objects ({some}), all linked")
    for name, n in list(done.linked.crowded.items())[:TOLD]:
        lines.append(f"{name} fits the position of {n} objects: none of them is linked")
    lines += _counts(said)
    return [*lines, *([f"aligned: {done.alignment}"] if done.alignment else [])]


def _counts(said: Mapping[str, Any]) -> list[str]:
    more = []
    for key, what in (
        ("ambiguous", "names of several objects"),
        ("crowded", "positions that fit several objects"),
    ):
        if len(said[key]) > TOLD:
            more.append(f"{len(said[key])} {what} in all; --json lists them")
    if said["unnamed"]:
        more.append(
            f"{said['unnamed']:,} objects have neither a position nor a name that says enough to be looked for"
        )
    if said["strangers"]:
        more.append(
            f"{said['strangers']:,} rows of the table of links name a paper or an object that is not there"
        )
    return more


def drop_hint(path: Any) -> str:
    """How to take the papers off."""
    return f"kb label {path} --drop {COLUMN}"
