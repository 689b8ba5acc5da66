"""One door for spectra: whatever a user has at hand, as the `SpectrumSet` that every verb takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from difflib import get_close_matches
from functools import wraps
from glob import has_magic
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from spectrove.errors import DatasetError, KnowledgeError, Refusal
from spectrove.inference.embed import in_batches
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.kinds import domain_of_spectra
from spectrove.pipeline.options import READING
from spectrove.pixels import foreign
from spectrove.reach import is_confined
from spectrove.readers import iter_dataset, read_spectra
from spectrove.readers.dataset import select
from spectrove.readers.files import is_dataset
from spectrove.readers.memory import astropy_table, read_table
from spectrove.spectra import Spectrum, SpectrumSet

P = ParamSpec("P")
R = TypeVar("R")

#: A path, folder, glob or dataset; a `SpectrumSet` or `Spectrum`; spectra of specutils; an astropy table; an id of an
#: object of the base; or a list of these.
Spectra = Any

#: Those that a table in memory takes.
_OF_TABLES = ("columns", "medium", "wavelength_unit", "flux_unit", "error_unit")

#: Those that never change what is read.
_NO_EFFECT = ("workers", "progress")

#: Ids that are looked up in the base together.
_TOGETHER = 500


def queries(
    base: KnowledgeBase | None, spectra: Spectra, *, queries: str | None = None, **reading: Any
) -> tuple[SpectrumSet, tuple[Refusal, ...]]:
    """The spectra as one set, and the files and spectra that could not be read, each with the reason.

    Args:
        base: Whose objects a string may name by their id; None where there is none.
        spectra: See `Spectra`. A string is a path, a glob or a dataset if there is one, else an id of the base.
        queries: SQL condition on the rows of the spectra.
        reading: How files are read, see `READING` and `readers.read_spectra`.

    Raises:
        DatasetError: A string is neither a path nor an id, or both; there is nothing at all; or options of reading are
            given and there is no file to read.
    """
    items = _items(spectra)
    ids = _ids(base, [item for item in items if isinstance(item, str)])
    _check_reading(items, ids, reading)
    parts: list[SpectrumSet] = []
    refusals: list[Refusal] = []
    for kind, run in _runs(items, ids):
        part, refused = _read(kind, run, base, reading)
        parts.append(part)
        refusals += refused
    found, repeated = _each_once(together(parts))
    return select(found, queries), (*refusals, *repeated)


def any_spectra(
    verb: Callable[Concatenate[Any, SpectrumSet, P], Answers],
) -> Callable[Concatenate[Any, Spectra, P], Answers]:
    """The verb for spectra of every form, see `Spectra`; with options of reading, and the refusals of reading."""

    @wraps(verb)
    def for_any(base: Any, spectra: Spectra, *args: P.args, **options: P.kwargs) -> Answers:
        reading = {name: options.pop(name) for name in READING if name in options}
        with base.one_version() if isinstance(base, KnowledgeBase) else nullcontext():
            if _is_batch(spectra) and not reading:
                return verb(base, spectra, *args, **options)
            read, unread = queries(base, spectra, **reading)  # type: ignore[arg-type]
            answers = verb(base, read, *args, **options)
            return replace(answers, refusals=(*unread, *answers.refusals))

    return for_any


def check_ids(spectra: SpectrumSet) -> None:
    """Refuse spectra that share an id: one would get the answer about another.

    Raises:
        KnowledgeError: Two do.
    """
    names, counts = np.unique(spectra.object_id, return_counts=True)
    if (counts > 1).any():
        name = names[counts > 1][0]
        raise KnowledgeError(
            f"the id {str(name)!r} is that of {counts[counts > 1][0]} spectra, expected one. Give each an id of "
            "its own."
        )


def one_version(
    verb: Callable[Concatenate[KnowledgeBase, P], R],
) -> Callable[Concatenate[KnowledgeBase, P], R]:
    """The verb, reading one version of the base, whatever another process writes meanwhile."""

    @wraps(verb)
    def held(base: KnowledgeBase, *args: P.args, **options: P.kwargs) -> R:
        with base.one_version():
            return verb(base, *args, **options)

    return held


def check_where(verb: str, spectra: Spectra, where: str | None) -> None:
    """Refuse a condition on the base's objects where spectra are ranked instead, rather than ignore it.

    Raises:
        KnowledgeError: Both are given.
    """
    if where is not None and spectra is not None:
        raise KnowledgeError(
            f"{verb}: where ({where}) chooses objects of the base to rank, and spectra are given. Leave it out, or "
            "choose among the spectra with queries."
        )


def batches_of(spectra: Spectra, **reading: Any) -> tuple[Iterable[SpectrumSet], tuple[Refusal, ...]]:
    """Batches of the spectra, and what could not be read; an iterable of sets is taken as it is."""
    if isinstance(spectra, str | Path) and is_dataset(spectra) and set(reading) <= {"queries"}:
        return iter_dataset(spectra, reading.get("queries"), light=domain_of_spectra([spectra]).files), ()
    if _is_batch(spectra) and not isinstance(spectra, SpectrumSet):
        return [spectra], ()
    if not _is_one(spectra) and not isinstance(spectra, list | tuple):
        return spectra, ()
    read, unread = queries(None, spectra, **reading)
    return in_batches(read), unread


def _items(spectra: Spectra) -> list[Any]:
    """The single things that were given, in their order."""
    if not _is_one(spectra) and not isinstance(spectra, Iterable):
        raise DatasetError(_no_spectrum(spectra))
    items = [spectra] if _is_one(spectra) else list(spectra)
    flat = [one for item in items for one in (foreign.singles(item) if _is_collection(item) else [item])]
    if not flat:
        raise DatasetError(
            "no spectra were given; give a path, a glob, a dataset, spectra or ids of the base."
        )
    return flat


def _is_one(spectra: Spectra) -> bool:
    return (
        isinstance(spectra, str | Path | Spectrum)
        or _is_batch(spectra)
        or foreign.is_single(spectra)
        or _is_collection(spectra)
        or _is_table(spectra)
    )


def _is_table(spectra: Spectra) -> bool:
    """Whether it is a table of astropy or pandas, or a mapping of columns."""
    return hasattr(spectra, "colnames") or hasattr(spectra, "iloc") or isinstance(spectra, Mapping)


def _is_batch(spectra: Spectra) -> bool:
    """Whether it is a batch already: a `SpectrumSet`, or that of another kind of light."""
    if _is_table(spectra):  # a data frame has its columns as attributes
        return False
    return isinstance(spectra, SpectrumSet) or (hasattr(spectra, "object_id") and hasattr(spectra, "take"))


def _is_collection(spectra: Spectra) -> bool:
    """Whether these are spectra of specutils on many grids: a `SpectrumCollection`."""
    return not foreign.is_single(spectra) and hasattr(spectra, "spectral_axis") and hasattr(spectra, "flux")


def _ids(base: KnowledgeBase | None, texts: Sequence[str]) -> set[str]:
    """Those of some strings that name objects of the base.

    Raises:
        DatasetError: One is neither an object nor a path, or is both.
    """
    if base is None or not texts:
        return set()
    objects = known_ids(base, texts)
    for text in texts:
        if is_path(text) and text in objects:
            raise DatasetError(
                f"{text}: both a file and an object of {base.path.name}. Say which: pathlib.Path({text!r}) for the "
                f"file, base.spectra([{text!r}]) for the object."
            )
        if not is_path(text) and text not in objects:
            raise DatasetError(
                f"{text}: neither a file, folder, glob or dataset of spectra, nor an object of {base.path.name}. "
                f"Check the path or the id{_near(base, text)}"
            )
    return objects


def _near(base: KnowledgeBase, text: str) -> str:
    """The end of a sentence about an unknown id: the objects whose ids are like it."""
    known = base.rows(None, []).column("object_id").to_pylist()
    near = get_close_matches(text, known, n=3, cutoff=0.8)
    return f"; did you mean {' or '.join(near)}?" if near else "."


def known_ids(base: KnowledgeBase, texts: Sequence[str]) -> set[str]:
    """Those of some strings that are ids of objects of the base."""
    objects: set[str] = set()
    for start in range(0, len(texts), _TOGETHER):
        quoted = ", ".join("'" + text.replace("'", "''") + "'" for text in texts[start : start + _TOGETHER])
        objects |= set(base.rows(f"object_id IN ({quoted})", []).column("object_id").to_pylist())
    return objects


def is_path(text: str) -> bool:
    """Whether a string names files: a path that exists, a glob or a dataset; never in a request from outside."""
    return not is_confined() and (is_dataset(text) or has_magic(text) or Path(text).exists())


def _check_reading(items: Sequence[Any], ids: set[str], reading: dict[str, Any]) -> None:
    """Refuse options of reading unless something is to be read."""
    if unknown := sorted(set(reading) - set(READING)):
        near = get_close_matches(unknown[0], READING, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(READING)}."
        raise TypeError(f"{', '.join(unknown)}: no option of reading; {hint}")
    given = [name for name, value in reading.items() if value is not None and name not in _NO_EFFECT]
    if given and not any(_kind(item, ids) in ("path", "table") for item in items):
        raise DatasetError(
            f"{', '.join(given)}: options of reading files, and these spectra are in memory or in a base already. "
            "Leave them out."
        )


def _kind(item: Any, ids: set[str]) -> str:
    if _is_batch(item):
        return "set"
    if isinstance(item, Spectrum) or foreign.is_single(item):
        return "single"
    if isinstance(item, str | Path):
        return "id" if isinstance(item, str) and item in ids else "path"
    if _is_table(item):
        return "table"
    raise DatasetError(_no_spectrum(item))


def _no_spectrum(item: Any) -> str:
    return (
        f"found a {type(item).__name__}, expected a path, a glob, a dataset, a SpectrumSet, a Spectrum, a specutils "
        "spectrum, a table of astropy or pandas, or an id of the base, or a list of these."
    )


def _runs(items: Sequence[Any], ids: set[str]) -> Iterator[tuple[str, list[tuple[int, Any]]]]:
    """Neighbouring items of one kind, with their places: many files are read together."""
    run: list[tuple[int, Any]] = []
    kind = ""
    for place, item in enumerate(items):
        own = _kind(item, ids)
        if run and own != kind:
            yield kind, run
            run = []
        kind = own
        run.append((place, item))
    yield kind, run


def _read(
    kind: str, run: Sequence[tuple[int, Any]], base: KnowledgeBase | None, reading: dict[str, Any]
) -> tuple[SpectrumSet, list[Refusal]]:
    """The spectra of items of one kind, and the refusals."""
    items = [item for _, item in run]
    if kind == "path":
        # Worker processes begin the user's script again, which a plain one without a __main__ guard does not survive.
        return read_spectra(items, light=domain_of_spectra(items).files, **{"workers": 1, **reading})
    if kind == "table":
        options = {name: value for name, value in reading.items() if name in _OF_TABLES}
        read = [read_table(astropy_table(table), f"#{place}", **options) for place, table in run]
        return SpectrumSet.concatenate([part for part, _ in read]), [r for _, some in read for r in some]
    if kind == "id" and base is not None:
        return base.spectra(items), []
    if kind == "single":
        return SpectrumSet.from_spectra([_single(item, place) for place, item in run]), []
    return together(items), []


def together(parts: Sequence[Any]) -> Any:
    """Sets of spectra as one.

    Raises:
        DatasetError: They are of different kinds of light.
    """
    kinds = sorted({type(part).__name__ for part in parts})
    if len(kinds) > 1:
        raise DatasetError(
            f"found {' and '.join(kinds)} together, expected spectra of one kind. Ask about each kind alone."
        )
    return type(parts[0]).concatenate(parts)


def _single(item: Any, place: int) -> Spectrum:
    """A `Spectrum`; one without a name is called by its place."""
    spectrum = item if isinstance(item, Spectrum) else Spectrum.stored(**foreign.columns_of(item, place))
    return spectrum if spectrum.object_id else replace(spectrum, object_id=f"#{place}")


def _each_once(spectra: SpectrumSet) -> tuple[SpectrumSet, list[Refusal]]:
    """The spectra with each id once, the first that has it, and a refusal of each of the others."""
    _, first = np.unique(spectra.object_id, return_index=True)
    if len(first) == len(spectra):
        return spectra, []
    others = np.setdiff1d(np.arange(len(spectra)), first)
    why = "given more than once, expected each id once; the first is kept. Give the others another object_id."
    refusals = [Refusal(name, f"{name}: {why}") for name in spectra.object_id[others].tolist()]
    return spectra.take(np.sort(first)), refusals
