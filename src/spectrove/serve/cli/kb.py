"""spectrove kb: Make, change and look at knowledge bases."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Annotated, Any

import typer

from spectrove.serve import background, text
from spectrove.serve.bases import open_base
from spectrove.serve.cli import measure, options
from spectrove.serve.cli.create import add, create, encoder_place, named_views, views_text
from spectrove.serve.cli.curate import curate
from spectrove.serve.cli.label import label, labels, measured_of, measured_text
from spectrove.serve.cli.objects import export, list_objects, show
from spectrove.serve.cli.papers import papers
from spectrove.serve.cli.prepare import prepare
from spectrove.serve.describing import about_base
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import print_json, print_refusals, say
from spectrove.serve.progress import progress_bar

NewEncoder = Annotated[
    str | None,
    typer.Option("--encoder", metavar="NAME|DIR", help="Compute the view shape with this encoder."),
]
NewView = Annotated[
    list[str], typer.Option("--view", metavar="NAME=ENCODER", help="Compute or add this view. Repeatable.")
]
ViewName = Annotated[str, typer.Option("--name", metavar="NAME", help="Of the view.")]
ViewColumns = Annotated[
    str,
    typer.Option("--columns", metavar="NAMES", help="Columns of numbers, with commas; never labels or ids."),
]
Doomed = Annotated[str, typer.Option("--where", metavar="SQL", help='Which objects; "true" means all.')]
Version = Annotated[int, typer.Argument(metavar="VERSION", help="A number from kb versions.")]
Forget = Annotated[
    float | None,
    typer.Option("--forget-older-than", min=0, metavar="DAYS", help="Also remove versions older than this."),
]

Background = Annotated[
    bool, typer.Option("--background", help="Go on in the background; kb info says whether it runs.")
]
Again = Annotated[
    bool, typer.Option("--prepare", help="Also repeat kb prepare for what it was prepared for before.")
]

#: Values of a label column that kb info shows.
MOST_VALUES = 12


def reencode(
    kb: options.Base,
    encoder: NewEncoder = None,
    view: NewView = [],  # noqa: B006
    as_json: options.Json = False,
) -> None:
    """Make views anew from the stored spectra, or add views.

    Without options every view is made anew by its own encoder. Rollback brings the old ones back.
    """
    base = open_base(kb)
    from spectrove import pipeline
    from spectrove.knowledge import DEFAULT_VIEW
    from spectrove.pipeline.column_views import spectral_views

    wanted = named_views(view) | ({DEFAULT_VIEW: encoder_place(encoder)} if encoder else {})
    encoders = pipeline.loaded(wanted) if wanted else pipeline.encoders_of(base, spectral_views(base))
    before = base.version
    with progress_bar("embedding", len(base)) as advance:
        refusals = pipeline.reencode(base, encoders, progress=advance)
    print_refusals(refusals, {}, as_json=as_json)
    if as_json:
        print_json({"made": list(encoders), "encoders": base.encoders, "version": base.version})
    objects = text.count(len(base), "object", "objects")
    back = f"go back with kb rollback {kb} {before}"
    say(f" {objects}, {views_text(base)}; version {base.version}; {back}", as_json=as_json)


def view(kb: options.Base, name: ViewName, columns: ViewColumns, as_json: options.Json = False) -> None:
    """Add a view made of catalog columns, as one version.

    Only questions that name it use it (--view shape=1,NAME=1): such answers depend on the catalog too, and say so.
    """
    base = open_base(kb)
    from spectrove.pipeline.column_views import add_view

    before = base.version
    with usage_errors():
        version, known = add_view(base, name, options.named(columns))
    if as_json:
        print_json({"view": name, "columns": known, "objects": len(base), "version": version})
    having = ", ".join(f"{column} of {n}" for column, n in known.items())
    back = f"go back with kb rollback {kb} {before}"
    say(f" view {name}: {having} among {len(base)} objects; version {version}; {back}", as_json=as_json)


def delete(kb: options.Base, where: Doomed, as_json: options.Json = False) -> None:
    """Delete objects; rollback brings them back."""
    base = open_base(kb)
    before = base.version
    with usage_errors():
        base.count(where or "")
    n = base.delete(where)
    if as_json:
        print_json({"deleted": n, "version": base.version})
    back = f"; bring them back with kb rollback {kb} {before}" if n else ""
    say(f" {text.count(n, 'object', 'objects')} deleted, {len(base)} left{back}", as_json=as_json)


def info(kb: options.Base, as_json: options.Json = False) -> None:
    """What a base holds."""
    base = open_base(kb)
    if as_json:
        print_json(about_base(base))
        return
    from spectrove.pipeline.prepare import prepared

    found, ready, indexed = base.info(), prepared(base), base.index_state()
    views = [
        (
            f"view {name}",
            f"{view['encoder']}: {view['rows']} vectors of {view['dimensions']}, fingerprint {view['fingerprint']}",
        )
        for name, view in found["views"].items()
    ]
    rows = [
        ("objects", str(found["rows"])),
        *views,
        *(
            (f"index {name}", _index_text(view.get("index"), indexed["views"][name]["why"]))
            for name, view in found["views"].items()
        ),
        *([("index", indexed["making"]["sentence"])] if indexed["making"] else []),
        ("version", f"{found['version']} (created {found['created']})"),
        ("size", f"{found['bytes'] / 1e6:.1f} MB"),
        *([("prepared", ready.sentence)] if ready else []),
        *((f"label {name}", values_text(values)) for name, values in found["labels"].items()),
        *((f"from {name}", what) for name, what in joined_text(found["sources"])),
        ("columns", _columns_text(found["columns"])),
    ]
    for line in text.columns([(name, str(value)) for name, value in rows]):
        say(line)


def versions(kb: options.Base, as_json: options.Json = False) -> None:
    """List the versions that rollback can return to."""
    listed = open_base(kb).versions()
    if as_json:
        for version in listed:
            print_json(version)
        return
    rows = [("version", "objects", "made by", "at")]
    rows += [(str(v["version"]), str(v["rows"]), made_by(v), v["timestamp"]) for v in listed]
    for line in text.columns(rows):
        say(line)


def rollback(kb: options.Base, version: Version, as_json: options.Json = False) -> None:
    """Make an old version the current one.

    Later versions are kept, so a rollback can itself be undone.
    """
    base = open_base(kb)
    listed = version in {known["version"] for known in base.versions()}
    # A version that does not exist is wrong usage (exit code 2); a base that cannot be written is not.
    with nullcontext() if listed else usage_errors():
        new = base.rollback(version)
    if as_json:
        print_json({"version": new, "objects": len(base)})
    say(f" {kb} is as it was at version {version}: {len(base)} objects, now version {new}", as_json=as_json)


def optimize(
    kb: options.Base,
    forget: Forget = None,
    ready: Again = False,
    in_background: Background = False,
    as_json: options.Json = False,
) -> None:
    """Merge small files to make reading faster, and make the index of a large base."""
    base = open_base(kb)
    if in_background:
        from spectrove.pipeline.indexing import refuse_running

        refuse_running(base)
        older = [] if forget is None else ["--forget-older-than", str(forget)]
        words = ["kb", "optimize", str(kb.absolute()), *older, *(["--prepare"] if ready else [])]
        background.begin(base, words, "optimizes", as_json)
        return
    before = base.info()["bytes"]
    base.optimize(forget_older_than=None if forget is None else timedelta(days=forget))
    indexed = base.build_index()
    if ready:
        from spectrove.pipeline.prepare import prepare as prepared

        prepared(base)
    after = base.info()["bytes"]
    if as_json:
        print_json({"bytes_before": before, "bytes": after, "version": base.version, "indexed": indexed})
    views = f", with an index of {', '.join(indexed)}" if indexed else ""
    say(f" {kb}: {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB now{views}", as_json=as_json)


#: The commands of `spectrove kb`.
KB_COMMANDS: dict[str, Callable[..., None]] = {
    "create": create,
    "add": add,
    "reencode": reencode,
    "view": view,
    "delete": delete,
    "label": label,
    "labels": labels,
    "papers": papers,
    "info": info,
    "list": list_objects,
    "show": show,
    "export": export,
    "versions": versions,
    "rollback": rollback,
    "optimize": optimize,
    "prepare": prepare,
    "curate": curate,
    "measure": measure.store,
}


def made_by(version: dict[str, Any]) -> str:
    """ "label (lens from lenses)"."""
    about = f" ({version['about']})" if version["about"] else ""
    return f"{version['operation']}{about}"


def _index_text(index: dict[str, Any] | None, why: str) -> str:
    """ "in use; of version 3, finds 99.7% of the 10 nearest [98.0, 99.9] (200 queries)"."""
    if index is None:
        return why
    if "recall" not in index:
        return f"{why}; of version {index['version']}"
    low, recall, high = (100 * index[name] for name in ("low", "recall", "high"))
    return (
        f"{why}; of version {index['version']}, finds {recall:.1f}% of the {index['neighbors']} nearest "
        f"[{low:.1f}, {high:.1f}] ({index['queries']} queries)"
    )


def _columns_text(columns: Sequence[str]) -> str:
    """Names of columns, those of measurements together."""
    measured = set(measured_of(columns))
    told = {f"measured_{name}{end}" for name in measured for end in ("", "_err")}
    others = ", ".join(name for name in columns if name not in told)
    return "; ".join(filter(None, (others, measured_text(columns) if measured else "")))


def joined_text(sources: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    """Each source of columns that were joined, with the columns and the version of the base."""
    columns: dict[tuple[str, str, int], list[str]] = {}
    for column, entries in sources.items():
        for entry in entries:
            key = (entry["source"], entry["date"], entry["base_version"])
            columns.setdefault(key, []).append(column)
    return [
        (source, f"{_columns_text(names)} ({date}, version {version})")
        for (source, date, version), names in columns.items()
    ]


def values_text(values: dict[str, int]) -> str:
    """The most frequent values of a label column, with the number of objects of each."""
    shown = [f"{name} {n}" for name, n in list(values.items())[:MOST_VALUES]]
    rest = len(values) - len(shown)
    return ", ".join(shown) + (f", and {rest} more" if rest else "")
