"""The spectra of a question: ids of objects of the base, arrays, and files that came with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.errors import DatasetError, FormatError, KnowledgeError, Refusal
from spectrove.serve.service.limits import MB, Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import OF_FILES, InlineSpectrum, OfSpectra

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

#: Nothing is reached by text there: the place of a question without files.
NOWHERE = Path("/nonexistent")


@dataclass(frozen=True)
class Files:
    """Files that came with a question, in a folder of their own.

    Attributes:
        folder: Where they are.
        by_part: What they are for, "spectra", "like" or "unlike", to their places.
    """

    folder: Path = NOWHERE
    by_part: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    def of(self, part: str) -> list[Path]:
        """The files of a part."""
        return list(self.by_part.get(part, ()))

    def named(self, name: str) -> Path:
        """The file that came under this name.

        Raises:
            DatasetError: None did.
        """
        known = {path.name: path for paths in self.by_part.values() for path in paths}
        if name not in known:
            raise DatasetError(
                f"{name}: no file of this name came with the question. Upload it beside the spectra."
            )
        return known[name]


def check_unpacked(place: Path, most: int, before: int = 0) -> int:
    """Bytes of a file once it is unpacked, refused if they are too many; one that cannot be is refused by its reader.

    Args:
        place: The file.
        most: Bytes of all files of a question.
        before: Bytes of the files before it.

    Raises:
        Problem: There are more.
    """
    from spectrove.readers.fitsfile import DAMAGED, open_plain

    size = 0
    with suppress(FormatError, *DAMAGED), open_plain(place) as file:
        while before + size <= most and (chunk := file.read(MB)):
            size += len(chunk)
    if before + size > most:
        beside = ", together with the files before it" if before else ""
        raise Problem(
            413,
            f"{place.name}: more than {most / 1e6:g} MB when unpacked{beside}. Send fewer spectra at a time.",
        )
    return size


def read(
    base: KnowledgeBase | None, asked: OfSpectra, files: Files, limits: Limits
) -> tuple[Any, tuple[Refusal, ...]]:
    """The spectra as one set, and what could not be read; None where none are named. Without a base no ids are.

    Raises:
        SpectroveError: An id is not in the base, or options of reading fit nothing.
        Problem: There are more spectra than may be asked about.
    """
    from spectrove.pipeline.queries import queries

    items: list[Any] = list(files.of("spectra"))
    if asked.objects and base is not None:
        _check_number(len(set(asked.objects)), limits)
        items.append(base.spectra(_known(base, asked.objects)))
    items += [one.spectrum() for one in asked.spectra or ()]
    if not items:
        return None, ()
    found, refusals = queries(base, items, queries=asked.queries, **_reading(asked, files))
    _check_number(len(found), limits)
    return found, refusals


def _known(base: KnowledgeBase, names: Sequence[str]) -> list[str]:
    """Ids of the base, each once.

    Raises:
        KnowledgeError: One is not there.
    """
    from spectrove.pipeline.queries import known_ids

    names = list(dict.fromkeys(names))
    known = known_ids(base, names)
    if missing := [name for name in names if name not in known]:
        raise KnowledgeError(f"{missing[0]}: no object of {base.path.name}. Name objects of the base.")
    return names


def _check_number(n: int, limits: Limits) -> None:
    if n > limits.spectra:
        raise Problem(
            413,
            f"{n} spectra are asked about, expected {limits.spectra} at most. Ask about them in parts.",
        )


def _reading(asked: OfSpectra, files: Files) -> dict[str, Any]:
    """Options of reading that were given; of a response its place among the files."""
    from spectrove.readers import parse_columns

    said = {name: value for name in OF_FILES if (value := getattr(asked, name)) is not None}
    if isinstance(columns := said.get("columns"), str):
        said["columns"] = parse_columns(columns)
    if "response" in said:
        said["response"] = tuple(str(files.named(name)) for name in said["response"])
    return said


def examples(
    base: KnowledgeBase, given: Sequence[str | InlineSpectrum] | None, files: Sequence[Path]
) -> list[Any]:
    """Examples as a verb takes them: ids of the base, arrays, files.

    Raises:
        KnowledgeError: A text is no id of the base.
    """
    named = _known(base, [one for one in given or () if isinstance(one, str)])
    arrays = [one.spectrum() for one in given or () if isinstance(one, InlineSpectrum)]
    return [*named, *arrays, *files]


def with_redshifts(base: KnowledgeBase, spectra: Any, asked: OfSpectra) -> tuple[Any, dict[str, Any]]:
    """The spectra with the redshift that was given or those that were estimated, and the estimates by object id.

    Raises:
        DatasetError: A redshift is given for more than one spectrum, or cannot be one.
    """
    from spectrove.pipeline import at_redshift, complete_redshifts, domain_of
    from spectrove.preprocess.prepare import Z_RANGE

    if asked.z is not None:
        if len(spectra) > 1:
            raise DatasetError(
                f"z is the redshift of one spectrum, and there are {len(spectra)}. Ask for one."
            )
        if not Z_RANGE[0] <= asked.z <= Z_RANGE[1]:
            raise DatasetError(
                f"z is {asked.z:g}, expected a redshift from {Z_RANGE[0]:g} to {Z_RANGE[1]:g}."
            )
        return at_redshift(spectra, asked.z), {}
    if asked.missing_z == "refuse" or domain_of(base).redshift is None or not len(spectra):
        return spectra, {}
    return complete_redshifts(spectra, base=base)
