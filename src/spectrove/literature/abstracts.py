"""Tables of abstracts, and tables of links between abstracts and objects, as files that people have."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from spectrove.errors import CatalogError

#: What is known of a paper, and the columns that hold it, the surest first.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "paper_id": ("paper_id", "abstract_id", "bibcode", "arxiv_id", "id", "doi"),
    "title": ("title",),
    "abstract": ("abstract", "summary", "text"),
    "year": ("year", "date", "published", "pubdate", "update_date"),
    "url": ("url", "link"),
}

#: Columns of a table of links.
LINK_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "paper_id": COLUMNS["paper_id"],
    "object": ("object_id", "object", "name", "source"),
    "name": ("name_in_abstract", "name_in_text", "matched_name", "name"),
}

_ARXIV = re.compile(r"(?:arxiv:)?(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?", re.IGNORECASE)
_BIBCODE = re.compile(r"\d{4}[A-Za-z&.]{5}.{9}[A-Z.]")


@dataclass(frozen=True)
class Abstracts:
    """Papers with their abstracts.

    Attributes:
        table: Columns paper_id, title, abstract, year (int; null if unknown) and url, a row for each paper.
        left_out: Rows without an id, or without a title and an abstract, or that repeat an id.
    """

    table: pa.Table
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.table)

    def texts(self) -> list[str]:
        """Title and abstract of each paper."""
        titles, texts = (self.table.column(name).to_pylist() for name in ("title", "abstract"))
        return [f"{title}. {text}" for title, text in zip(titles, texts, strict=True)]


def read_abstracts(path: Path) -> Abstracts:
    """The abstracts of a file: CSV (also .gz), Parquet or JSON Lines.

    Raises:
        CatalogError: It cannot be read, or has no column of ids or of abstracts.
    """
    return abstracts_of(_read(path), str(path))


def abstracts_of(table: pa.Table, where: str) -> Abstracts:
    """The abstracts of a table that has a column of each of `COLUMNS`; year and url may be missing.

    Raises:
        CatalogError: There is no column of ids or of abstracts.
    """
    found = _columns(table, COLUMNS)
    if missing := [name for name in ("paper_id", "abstract") if name not in found]:
        raise CatalogError(
            f"{where}: no column {' or '.join(COLUMNS[missing[0]])} among {', '.join(table.column_names)}. "
            "Name the columns paper_id, title, abstract, year, url."
        )
    rows = zip(*(_texts(table, found.get(name)) for name in COLUMNS), strict=True)
    kept: dict[str, tuple[str, str, str, int | None, str]] = {}
    for paper, title, text, year, url in rows:
        if paper and (text or title) and paper not in kept:
            kept[paper] = (paper, title, text, _year(year), url or address_of(paper))
    if not kept:
        raise CatalogError(
            f"{where}: none of {len(table)} rows has an id and an abstract. Check the columns."
        )
    columns = list(zip(*kept.values(), strict=True))
    kinds = [pa.string(), pa.string(), pa.string(), pa.int32(), pa.string()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    return Abstracts(pa.table(arrays, names=list(COLUMNS)), len(table) - len(kept))


def read_links(path: Path) -> list[tuple[str, str, str]]:
    """Links of a file: id of the paper, name or id of the object, and the name that the abstract has ("" if not given).

    Raises:
        CatalogError: It cannot be read, or lacks the column of papers or of objects.
    """
    table = _read(path)
    found = _columns(table, LINK_COLUMNS)
    if missing := [name for name in ("paper_id", "object") if name not in found]:
        raise CatalogError(
            f"{path}: no column {' or '.join(LINK_COLUMNS[missing[0]])} among {', '.join(table.column_names)}. "
            "Name the columns paper_id and object_id."
        )
    return list(zip(*(_texts(table, found.get(name)) for name in LINK_COLUMNS), strict=True))


def address_of(paper_id: str) -> str:
    """Where a paper can be read, if its id is that of arXiv, a bibcode or a DOI; else ""."""
    if arxiv := _ARXIV.fullmatch(paper_id):
        return f"https://arxiv.org/abs/{arxiv[1]}"
    if paper_id.startswith("10.") and "/" in paper_id:
        return f"https://doi.org/{paper_id}"
    return f"https://ui.adsabs.harvard.edu/abs/{paper_id}" if _BIBCODE.fullmatch(paper_id) else ""


def _read(path: Path) -> pa.Table:
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    if not path.is_file():
        raise CatalogError(f"{path}: there is no such file. Correct the path.")
    try:
        if kind == ".parquet":
            import pyarrow.parquet as pq

            return pq.read_table(path)
        if kind in (".jsonl", ".json", ".ndjson"):
            import pyarrow.json as json

            return json.read_json(path)
        if kind in (".csv", ".tsv"):
            return _read_csv(path, "\t" if kind == ".tsv" else ",")
    except (pa.ArrowInvalid, OSError) as error:
        raise CatalogError(
            f"{path}: cannot be read ({str(error).splitlines()[0]}). Check the file."
        ) from error
    raise CatalogError(
        f"{path}: the suffix {kind or '(none)'} names no table, expected .csv, .tsv, .jsonl (also .gz) or .parquet."
    )


def _read_csv(path: Path, delimiter: str) -> pa.Table:
    """All columns as text: read as numbers, arXiv 2101.00010 would become 2101.0001 and an object 007 become 7."""
    import pyarrow.csv as csv

    parse = csv.ParseOptions(newlines_in_values=True, delimiter=delimiter)
    read = csv.ReadOptions(block_size=1 << 26)
    with csv.open_csv(path, parse_options=parse, read_options=read) as table:
        names = table.schema.names
    convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    return csv.read_csv(path, parse_options=parse, read_options=read, convert_options=convert)


def _columns(table: pa.Table, wanted: Mapping[str, Sequence[str]]) -> dict[str, str]:
    there = {name.lower(): name for name in table.column_names}
    return {
        name: there[next(s for s in spellings if s in there)]
        for name, spellings in wanted.items()
        if any(s in there for s in spellings)
    }


def _texts(table: pa.Table, column: str | None) -> list[str]:
    """A column as text without blanks around it, "" where it is unknown or missing."""
    if column is None:
        return [""] * len(table)
    values = table.column(column)
    if not pa.types.is_string(values.type):
        values = pc.cast(values, pa.string())
    return [(value or "").strip() for value in values.to_pylist()]


def _year(text: str) -> int | None:
    found = re.search(r"\b(1[89]\d\d|20\d\d)\b", text)
    return int(found[1]) if found else None
