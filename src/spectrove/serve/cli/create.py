"""spectrove kb create and kb add: Objects with their vectors into a base."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import DatasetError, KnowledgeError, Refusal, SpectroveError
from spectrove.folders import part_of, put, recover, remove, remove_parts
from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.batches import QueryBatches
from spectrove.serve.cli import options
from spectrove.serve.cli.prepare import Questions, prepare_base
from spectrove.serve.exits import FAILED, UsageError, usage_errors
from spectrove.serve.output import RefusalLines, print_json, say
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift

if TYPE_CHECKING:
    from spectrove.domain import Domain
    from spectrove.encoders import Encoder as Encoders
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
Made = Annotated[
    Path | None,
    typer.Option(
        "--vectors", metavar="VECTORS", help="Take the vectors that spectrove embed made of the one DATASET."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a base of that name when the new one is complete.")
]
Ready = Annotated[bool, typer.Option("--prepare", help="Then do what kb prepare does, with its options.")]
Upsert = Annotated[bool, typer.Option("--upsert", help="Replace objects that the base already holds.")]


@options.grouped
def create(
    kb: options.Base,
    source: From,
    encoder: Encoder = None,
    view: View = [],  # noqa: B006 (typer reads it, nobody changes it)
    where: FromWhere = None,
    domain: options.Kind = None,
    vectors: Made = None,
    overwrite: Overwrite = False,
    cluster: options.Cluster = None,
    ready: Ready = False,
    as_json: options.Json = False,
    *,
    questions: Questions,
    reading: Reading,
    redshift: Redshift,
) -> None:
    """A new knowledge base from a dataset."""
    refuse_occupied(kb, overwrite)
    refuse_questions(ready, questions)
    with usage_errors():
        queries = QueryBatches(
            source, where, "--where", reading, redshift, RefusalLines(as_json), kind=domain
        )
        _ = queries.domain
    from spectrove import pipeline
    from spectrove.knowledge import DEFAULT_VIEW

    if vectors is not None:
        make: Callable[..., Any] = partial(
            pipeline.create_from_vectors, **fitting(vectors, queries, encoder, view)
        )
    else:
        encoders = encoders_of(queries.domain, encoder, view)
        network = encoders.pop(DEFAULT_VIEW)
        by: dict[str, Any] = {"workers": reading.workers, "cluster": cluster, "domain": queries.domain.name}
        make = partial(pipeline.create, encoder=network, views=encoders, **by)
    with (
        replacing(kb, overwrite) as temporary,
        progress_bar("embedding" if vectors is None else "adding") as advance,
    ):
        _, refusals = make(temporary, queries, progress=advance)
    base = open_base(kb)
    print_left_out(queries, refusals)
    if as_json:
        print_json(base.info())
    objects = text.count(len(base), "object", "objects")
    say(f" {objects}, {views_text(base)}{left_out(refusals)}   wrote {kb}", as_json=as_json)
    if ready:
        prepare_base(base, kb, questions, as_json)
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
    queries.base = base = open_base(kb)
    from spectrove import pipeline

    before = len(base)
    known = ObjectsInBase(base, upsert)
    with progress_bar("embedding") as advance:
        refusals = pipeline.add(
            base,
            known.new(queries),
            upsert=upsert,
            progress=advance,
            cluster=cluster,
            workers=reading.workers,
        )
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


def refuse_questions(ready: bool, questions: Questions) -> None:
    """Refuse --prepare without a question, and questions without it, before anything is made."""
    if ready != questions.asked or (questions.background and not ready):
        raise UsageError(
            KnowledgeError(
                "kb create: --prepare needs to know for what (--target, --label, --estimate, --outliers, --map), which "
                "need --prepare. Give both, or neither."
            )
        )
    from spectrove.pipeline.shipped import load_target

    for target in questions.target:
        load_target(target)


def encoders_of(domain: Domain, encoder: str | None, view: list[str]) -> dict[str, Encoders]:
    """The encoder of each view of a new base, as --encoder and --view name them, that of the view shape first."""
    from spectrove import pipeline

    standard = {} if "none" in view else pipeline.standard_views(domain.name)
    named = standard | named_views([text for text in view if text != "none"])
    return pipeline.encoders_for(domain.name, encoder_place(encoder or domain.encoder), named)


def fitting(path: Path, queries: QueryBatches, encoder: str | None, view: list[str]) -> dict[str, Any]:
    """Vectors and views of a new base, which fit the dataset and the encoders as they are now.

    Raises:
        UsageError: The spectra are not those of one dataset.
        KnowledgeError: The vectors are not of them, or not by these encoders.
    """
    from spectrove import pipeline
    from spectrove.pipeline.vectors import Vectors
    from spectrove.readers.files import is_dataset

    if len(queries.paths) != 1 or not is_dataset(queries.paths[0]):
        raise UsageError(
            DatasetError(
                f"--vectors {path}: of one dataset, and --from names {', '.join(queries.paths)}. Name the one "
                "whose vectors they are."
            )
        )
    found = Vectors(path)
    named = {name: place for name, (place, _) in found.about.views.items()}
    if view:
        named = {next(iter(named)): next(iter(named.values()))} | named_views(
            [v for v in view if v != "none"]
        )
    if encoder is not None:
        named[next(iter(named))] = encoder_place(encoder)
    found.check(queries.paths[0], pipeline.loaded(named))
    return {"vectors": found, "views": tuple(named)}


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
def replacing(path: Path, overwrite: bool) -> Iterator[Path]:
    """A temporary folder that becomes `path` if all goes well, and is removed otherwise; nobody else makes it then."""
    from spectrove.knowledge.claim import claimed

    temporary = part_of(path)
    with claimed(path) as claim:
        recover(path)
        remove_parts(path)
        remove(temporary)
        refuse_occupied(path, overwrite)
        try:
            yield temporary
            claim.confirm()
            refuse_occupied(path, overwrite)
            try:
                put(temporary, path)
            except OSError as error:
                raise KnowledgeError(
                    f"{path}: the finished base cannot be put there ({error.strerror}). Check its rights."
                ) from error
        except SpectroveError as error:  # name the requested base, not the temporary folder
            raise type(error)(str(error).replace(str(temporary), str(path))) from error
        finally:
            remove(temporary)


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
