"""spectrove kb label, kb labels: columns of a table joined to a base, and what labels it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import CatalogError, KnowledgeError
from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import print_json, say

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.label import Labelled
    from spectrove.pipeline.photometry import FitsJoined

#: Names, and classes, that people are shown.
NAMED, MOST_VALUES = 3, 8


class On(StrEnum):
    """What a join may be limited to: the keys of `catalog.matching.KEYS`, without importing what reads catalogs."""

    OBJECT_ID = "object_id"
    POSITION = "position"
    SPECOBJID = "specobjid"
    TARGETID = "targetid"
    PLATE_MJD_FIBRE = "plate-mjd-fibre"
    PATH = "path"


From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="TABLE",
        help="CSV, FITS, Parquet, ECSV, VOTable or HATS; with --value also a list of ids.",
    ),
]
Columns = Annotated[
    list[str], typer.Option("--column", metavar="NAME", help="A column of the table. Repeatable.")
]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="Name of the column in the base.")]
OnKey = Annotated[
    On | None, typer.Option("--on", help="Join on this alone; by default on whatever identifies the objects.")
]
Value = Annotated[
    str | None, typer.Option("--value", metavar="VALUE", help="A constant for every object of the table.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace values of the base that differ.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")]
Drop = Annotated[
    list[str], typer.Option("--drop", metavar="NAME", help="Remove a column that was added so. Repeatable.")
]


def label(
    kb: options.Base,
    table: From = None,
    column: Columns = [],  # noqa: B006 (typer reads it, nobody changes it)
    name: As = None,
    on: OnKey = None,
    value: Value = None,
    overwrite: Overwrite = False,
    dry_run: DryRun = False,
    drop: Drop = [],  # noqa: B006
    as_json: options.Json = False,
) -> None:
    """Add labels or numbers of a table to a base; a table of sed fit as a whole, without --column.

    Nothing is encoded again; rollback undoes it, and so does --drop for a column that is new.
    """
    if drop:
        if table or column or name or on or value is not None or overwrite or dry_run:
            raise UsageError(
                KnowledgeError("kb label --drop takes no other option than --json. Leave the others out.")
            )
        return _drop(kb, drop, as_json)
    if table is not None and not table.exists():
        raise UsageError(CatalogError(f"{table}: there is no such table. Correct the path."))
    if table is not None and not column and name is None and value is None and _is_of_fits(table):
        _join_fits(kb, table, JoinOptions(on.value if on else None, overwrite, dry_run, as_json))
        return
    if table is None or not column:
        raise UsageError(
            KnowledgeError(
                "kb label takes --from TABLE and --column NAME, or --drop NAME. Give the missing ones. Only a table "
                "of fits of photometry is joined as a whole, without --column."
            )
        )
    base = open_base(kb)
    from spectrove.pipeline.label import matched

    before = base.version
    # What the request gets wrong is found before anything is written; a later error is one of the base or the disk.
    with usage_errors():
        found = matched(
            base, table, column, name=name, on=on.value if on else None, value=value, overwrite=overwrite
        )
        done = found.added(base, dry_run=True)
    if not dry_run and done.change.altered:
        done = found.added(base)
    if as_json:
        print_json(done.to_dict())
        return
    change = done.change
    views = _views_behind(base, list(change.columns)) if change.altered and not dry_run else []
    for line in (*report(done, overwrite), *views):
        say(line)
    say(f" {_outcome(kb, change.altered, dry_run, change.version, before)}")


@dataclass(frozen=True)
class JoinOptions:
    """How fits are joined."""

    on: str | None
    overwrite: bool
    dry_run: bool
    as_json: bool


def _is_of_fits(table: Path) -> bool:
    from spectrove.sed.in_base import are_results

    return table.is_file() and are_results(table)


def _join_fits(kb: Path, table: Path, chosen: JoinOptions) -> None:
    """Join a table of fits as a whole."""
    base = open_base(kb)
    from spectrove.pipeline.photometry import join_fits

    before = base.version
    with usage_errors():
        done = join_fits(base, table, on=chosen.on, overwrite=chosen.overwrite, dry_run=True)
    if not chosen.dry_run and done.altered:
        done = join_fits(base, table, on=chosen.on, overwrite=chosen.overwrite)
    if chosen.as_json:
        print_json(done.to_dict())
        return
    views = _views_behind(base, done.columns) if done.altered and not done.dry_run else []
    for line in (*fits_report(done), *views):
        say(line)
    say(f" {_outcome(kb, done.altered, done.dry_run, done.version_of_base, before)}")


def labels(kb: options.Base, as_json: options.Json = False) -> None:
    """List labels and added numbers, with their sources."""
    found = open_base(kb).labels()
    if as_json:
        for name, about in found.items():
            print_json({"column": name, **about})
        return
    if not found:
        say(f" {kb} has no labels; add some with kb label {kb} --from TABLE --column NAME")
        return
    rows = [("column", "type", "objects", "values", "sources")]
    from spectrove.inference.numbers.columns import MEASURED

    of_bands = {name for name in found if name.startswith(tuple(_of_bands()))}
    others = {name: a for name, a in found.items() if not name.startswith(MEASURED) and name not in of_bands}
    rows += [(name, a["type"], str(a["n"]), values_text(a), sources_text(a)) for name, a in others.items()]
    for line in text.columns(rows) if others else ():
        say(line)
    if of_bands:
        say(
            f" {text.count(len(of_bands), 'column', 'columns')} of single bands: {_some(sorted(of_bands))}; "
            "each with --json"
        )
    if names := measured_of(list(found)):
        first = found[f"{MEASURED}{names[0]}"]
        say(f" {measured_text(list(found))}; {sources_text(first)}; each with --json")


def _of_bands() -> list[str]:
    from spectrove.sed.in_base import OF_BANDS

    return list(OF_BANDS.values())


def measured_of(columns: Sequence[str]) -> list[str]:
    """What Spectrove measured and stored, without the columns of errors."""
    from spectrove.inference.numbers.columns import MEASURED

    names = [name.removeprefix(MEASURED) for name in columns if name.startswith(MEASURED)]
    return [name for name in names if not name.endswith("_err") or name.removesuffix("_err") not in names]


def measured_text(columns: Sequence[str]) -> str:
    """The columns of measurements as one sentence."""
    names = measured_of(columns)
    return f"{text.count(len(names), 'quantity', 'quantities')} as measured_NAME, with errors: {_some(names)}"


def report(done: Labelled, overwrite: bool) -> list[str]:
    """Lines about what came of labelling."""
    how = ", ".join(f"{n} by {key}" for key, n in done.matched.items())
    objects = text.count(sum(done.matched.values()), "object", "objects")
    lines = [f" {done.source}: {text.count(done.rows, 'row', 'rows')}, {objects} of the base found ({how})"]
    if done.unplaced:
        lines.append(
            f" {text.count(done.unplaced, 'object', 'objects')} of the base without a position (ra, dec), by which "
            "the rows of a HATS catalog are found"
        )
    if done.unmatched:
        lines.append(
            f" {text.count(len(done.unmatched), 'row matches', 'rows match')} no object: {_some(done.unmatched)}"
        )
    if done.shared:
        first = next(iter(done.shared))
        lines.append(
            f" {text.count(len(done.shared), 'row matches', 'rows match')} several objects, each of which it labels: "
            f"{first} is {_some(done.shared[first])}"
        )
    for name, change in done.change.columns.items():
        what = "new column, " if change.created else ""
        lines.append(f" {name}: {what}{change.new} new, {change.same} the same, {change.differ} different")
        if change.differ:
            lines[-1] += " (replaced)" if overwrite else " (kept as they were; --overwrite replaces them)"
        if ids := done.contradicted.get(name):
            objects = text.count(len(ids), "object", "objects")
            lines.append(f" {name}: rows contradict each other about {objects}, no value: {_some(ids)}")
        if n := done.unknown.get(name):
            lines.append(f' {name}: {text.count(n, "value stands", "values stand")} for "not known"')
    return lines


def fits_report(done: FitsJoined) -> list[str]:
    """Lines about what came of joining fits."""
    how = ", ".join(f"{n} by {key}" for key, n in done.matched.items())
    objects = text.count(sum(done.matched.values()), "object", "objects")
    lines = [f" {done.source}: {text.count(done.rows, 'fit', 'fits')}, {objects} of the base found ({how})"]
    if done.by_id:
        lines.append(f" joined by id, because {done.by_id}")
    if done.unmatched:
        some = _some(done.unmatched)
        lines.append(f" {text.count(len(done.unmatched), 'fit is', 'fits are')} about no object: {some}")
    if done.shared:
        first = next(iter(done.shared))
        lines.append(
            f" {text.count(len(done.shared), 'fit is', 'fits are')} about several objects, each of which has it: "
            f"{first} is {_some(done.shared[first])}"
        )
    lines += [
        f" {text.count(len(ids), 'object', 'objects')} {what}: {_some(ids)}"
        for ids, what in (
            (done.contradicted, "got none, several different fits being about each"),
            (done.kept, "keep another fit (--overwrite replaces it)"),
            (done.replaced, "have this fit in place of another"),
            (
                done.elsewhere,
                "have another redshift in the base than in the fit, which is of another object or wrong",
            ),
        )
        if ids
    ]
    given, others = ([f"{floor:g}" for floor in some] for some in done.floors)
    if others and others != given:
        lines.append(
            f" these fits have an error floor of {', '.join(given)}, others in the base of {', '.join(others)}: errors "
            "and chi2 do not compare"
        )
    if not done.states_units:
        lines.append(
            " the table states no units; those of sed fit are taken (masses in dex of Msun, fluxes in mJy)"
        )
    lines.append(
        f" {done.new} new, {done.same} the same, {len(done.replaced)} replaced, {len(done.kept)} kept; "
        f"{text.count(len(done.columns), 'column', 'columns')}: bayes_log_mass, bayes_log_mass_err, ... sed_chi2"
    )
    return lines


def _views_behind(base: KnowledgeBase, columns: Sequence[str]) -> list[str]:
    """Lines about views of columns that were made before the columns changed."""
    from spectrove.pipeline.column_views import columns_in, views_made_of

    return [
        f" view {view} keeps the values that its columns had: make it again with kb view --name {view} --columns "
        f"{','.join(columns_in(base, [view]))}"
        for view in views_made_of(base, list(columns))
    ]


def _outcome(kb: Path, altered: bool, dry_run: bool, version: int, before: int) -> str:
    if not altered:
        return f"nothing to change; {kb} stays at version {version}"
    if dry_run:
        return "nothing was written (--dry-run)"
    return f"version {version}; go back with kb rollback {kb} {before}"


def _some(names: Any) -> str:
    shown = [str(name) for name in list(names)[:NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _drop(kb: Path, names: list[str], as_json: bool) -> None:
    base = open_base(kb)
    before = base.version
    with usage_errors():
        base.check_droppable(names)
    version = base.drop_columns(names)
    if as_json:
        print_json({"dropped": names, "version": version})
    say(
        f" {', '.join(names)} removed; version {version}; bring back with kb rollback {kb} {before}",
        as_json=as_json,
    )


def values_text(about: dict[str, Any]) -> str:
    """Classes with their counts, or the range of numbers."""
    if "values" in about:
        shown = [f"{name} {n}" for name, n in list(about["values"].items())[:MOST_VALUES]]
        more = len(about["values"]) - len(shown)
        return ", ".join(shown) + (f", and {more} more" if more else "")
    if "median" in about:
        return (
            f"{about['min']:.4g} to {about['max']:.4g}, median {about['median']:.4g}" if about["n"] else "-"
        )
    return f"{about['different']} different"


def sources_text(about: dict[str, Any]) -> str:
    """Sources with their counts, and the version of the base in which they came."""
    said = [
        f"{s['source']} {s['n']}" + (f" (version {s['base_version']})" if s["base_version"] else "")
        for s in about["sources"]
    ]
    if about["disagree"]:
        said.append(f"they disagree about {about['disagree']}")
    return ", ".join(said) or "with the spectra"
