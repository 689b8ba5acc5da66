"""spectrove kb: Make, change and look at knowledge bases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import KnowledgeError, Refusal, SpectroveError
from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.batches import QueryBatches
from spectrove.serve.cli import measure, options
from spectrove.serve.cli.curate import curate
from spectrove.serve.cli.label import label, labels, measured_of, measured_text
from spectrove.serve.cli.objects import export, list_objects, show
from spectrove.serve.cli.papers import papers
from spectrove.serve.cli.prepare import prepare
from spectrove.serve.exits import FAILED, UsageError, usage_errors
from spectrove.serve.output import RefusalLines, print_json, print_refusals, say
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import SpectrumSet

From = Annotated[
    list[str],
    typer.Option("--from", metavar="DATASET", help="Dataset, files or folder. Repeatable."),
]
FromWhere = Annotated[
    str | None, typer.Option("--where", metavar="SQL", help="Condition on the rows that go in.")
]
Encoder = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME|DIR",
        help="Encoder of the view shape: base, pca, or a folder.",
        show_default="base",
    ),
]
View = Annotated[
    list[str],
    typer.Option("--view", metavar="NAME=ENCODER", help='An additional view; "none": no standard ones.'),
]
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
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a base of that name when the new one is complete.")
]
Upsert = Annotated[bool, typer.Option("--upsert", help="Replace objects that the base already holds.")]
Doomed = Annotated[str, typer.Option("--where", metavar="SQL", help='Which objects; "true" means all.')]
Version = Annotated[int, typer.Argument(metavar="VERSION", help="A number from kb versions.")]
Forget = Annotated[
    float | None,
    typer.Option("--forget-older-than", min=0, metavar="DAYS", help="Also remove versions older than this."),
]

Again = Annotated[
    bool, typer.Option("--prepare", help="Also repeat kb prepare for what it was prepared for before.")
]

#: Values of a label column that kb info shows.
MOST_VALUES = 12


@options.grouped
def create(
    kb: options.Base,
    source: From,
    encoder: Encoder = None,
    view: View = [],  # noqa: B006 (typer reads it, nobody changes it)
    where: FromWhere = None,
    overwrite: Overwrite = False,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
    *,
    reading: Reading,
    redshift: Redshift,
) -> None:
    """A new knowledge base from a dataset."""
    refuse_occupied(kb, overwrite)
    queries = QueryBatches(source, where, "--where", reading, redshift, RefusalLines(as_json))
    from spectrove import pipeline
    from spectrove.pipeline.shipped import load_encoder

    domain = queries.domain
    network = load_encoder(encoder_place(encoder or domain.encoder))
    standard = {} if "none" in view else pipeline.standard_views(domain.name)
    views = pipeline.loaded(standard | named_views([text for text in view if text != "none"]))
    with replacing(kb) as temporary, progress_bar("embedding") as advance:
        _, refusals = pipeline.create(
            temporary, queries, network, views=views, domain=domain.name, progress=advance, cluster=cluster
        )
    base = open_base(kb)
    print_left_out(queries, refusals)
    if as_json:
        print_json(base.info())
    objects = text.count(len(base), "object", "objects")
    say(f" {objects}, {views_text(base)}{left_out(refusals)}   wrote {kb}", as_json=as_json)
    raise typer.Exit(FAILED if queries.unread else 0)


@options.grouped
def add(
    kb: options.Base,
    source: From,
    where: FromWhere = None,
    upsert: Upsert = False,
    cluster: options.Cluster = None,
    as_json: options.Json = False,
    *,
    reading: Reading,
    redshift: Redshift,
) -> None:
    """Add objects to a base.

    Those that are there already stay as they are, unless --upsert replaces them.
    """
    queries = QueryBatches(source, where, "--where", reading, redshift, RefusalLines(as_json))
    base = open_base(kb)
    from spectrove import pipeline

    before = len(base)
    known = ObjectsInBase(base, upsert)
    with progress_bar("embedding") as advance:
        refusals = pipeline.add(base, known.new(queries), upsert=upsert, progress=advance, cluster=cluster)
    print_left_out(queries, refusals)
    done = {
        "added": len(base) - before,
        "replaced": known.count if upsert else 0,
        "already_there": 0 if upsert else known.count,
        "refused": len(refusals),
        "version": base.version,
    }
    if as_json:
        print_json(done)
    what = "replaced" if upsert else "were there already"
    say(
        f" {text.count(done['added'], 'object', 'objects')} added, {known.count} {what}{left_out(refusals)}; "
        f"{kb} has {len(base)}, version {base.version}",
        as_json=as_json,
    )
    raise typer.Exit(FAILED if queries.unread else 0)


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
    from spectrove.pipeline.prepare import prepared

    found, ready = base.info(), prepared(base)
    if as_json:
        print_json(found if ready is None else found | {"prepared": ready.to_dict()})
        return
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
            (f"index {name}", _index_text(view["index"]))
            for name, view in found["views"].items()
            if "index" in view
        ),
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
    kb: options.Base, forget: Forget = None, ready: Again = False, as_json: options.Json = False
) -> None:
    """Merge small files to make reading faster, and make the index of a large base."""
    base = open_base(kb)
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


class ObjectsInBase:
    """Skips and counts the objects that a base already holds, so that an interrupted `kb add` can be repeated."""

    def __init__(self, base: KnowledgeBase, upsert: bool) -> None:
        self.ids = set(base.rows(columns=[]).column("object_id").to_pylist())
        self.upsert = upsert
        self.count = 0

    def new(self, queries: QueryBatches) -> Iterator[SpectrumSet]:
        """The batches without the objects that the base holds; with `upsert` all objects."""
        for batch in queries:
            fresh = [i for i, name in enumerate(batch.object_id.tolist()) if name not in self.ids]
            self.count += len(batch) - len(fresh)
            yield batch if self.upsert else batch.take(fresh)


def refuse_occupied(path: Path, overwrite: bool) -> None:
    """Refuse a path unless a base may be created there; a folder that is not a base is never replaced."""
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise UsageError(KnowledgeError(f"{path}: {above} is a file, expected a folder. Correct the path."))
    is_base = (path / "kb.json").is_file()
    if not path.exists() or (is_base and overwrite) or (path.is_dir() and not any(path.iterdir())):
        return
    found = "a knowledge base is there already" if is_base else "something that is no knowledge base is there"
    hint = "Replace it with --overwrite, add to it with kb add, or choose" if is_base else "Choose"
    raise UsageError(KnowledgeError(f"{path}: {found}. {hint} another name."))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes `path` if all goes well, and is removed otherwise."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        yield temporary
        try:
            if path.exists():
                path.rename(old)
            temporary.rename(path)
        except OSError as error:
            if old.exists() and not path.exists():
                old.rename(path)
            raise KnowledgeError(
                f"{path}: the finished base cannot be put there ({error.strerror}). Check its rights."
            ) from error
    except SpectroveError as error:  # name the requested base, not the temporary folder
        raise type(error)(str(error).replace(str(temporary), str(path))) from error
    finally:
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)


def encoder_place(named: str) -> str:
    """A shipped name unchanged, a folder as an absolute path, so that the base finds it from anywhere."""
    from spectrove.pipeline.shipped import shipped_encoders

    return named if named in shipped_encoders() or not Path(named).is_dir() else str(Path(named).resolve())


def named_views(texts: list[str]) -> dict[str, str]:
    """The encoder of each view, parsed from NAME=ENCODER."""
    views = {}
    for said in texts:
        name, equals, encoder = said.partition("=")
        if not equals or not name.isidentifier() or not encoder:
            raise typer.BadParameter(
                f"found {said!r}, expected NAME=ENCODER such as surprise=surprise", param_hint="--view"
            )
        views[name] = encoder_place(encoder)
    return views


def views_text(base: KnowledgeBase) -> str:
    """ "shape by base, surprise by surprise (2 without)"."""
    total, parts = len(base), []
    for name, view in base.info()["views"].items():
        lack = f" ({total - view['rows']} without)" if view["rows"] < total else ""
        parts.append(f"{name} by {view['encoder']}{lack}")
    return ", ".join(parts)


def print_left_out(queries: QueryBatches, refusals: list[Refusal]) -> None:
    """Report the spectra that the encoder could not embed."""
    queries.refusals.add(
        map(queries.with_advice, refusals),
        dict.fromkeys((r.name for r in refusals), ", ".join(queries.paths)),
    )
    queries.refusals.flush()


def left_out(refusals: list[Any]) -> str:
    """ ", 3 refused" or nothing."""
    return f", {len(refusals)} refused" if refusals else ""


def made_by(version: dict[str, Any]) -> str:
    """ "label (lens from lenses)"."""
    about = f" ({version['about']})" if version["about"] else ""
    return f"{version['operation']}{about}"


def _index_text(index: dict[str, Any]) -> str:
    """ "of version 3, finds 99.7% of the 10 nearest [98.0, 99.9] (200 queries)"."""
    if "recall" not in index:
        return f"of version {index['version']}"
    low, recall, high = (100 * index[name] for name in ("low", "recall", "high"))
    return (
        f"of version {index['version']}, finds {recall:.1f}% of the {index['neighbors']} nearest "
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
