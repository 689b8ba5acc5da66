"""The spectra that a command asks about, in batches, and how many of them were answered."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING

from spectrove.errors import DatasetError, Refusal, SpectroveError
from spectrove.serve.exits import FAILED, UsageError, usage_errors
from spectrove.serve.output import RefusalLines
from spectrove.serve.progress import done_of, progress_bar
from spectrove.serve.reading import Reading, Redshift

if TYPE_CHECKING:
    from spectrove.domain import Domain
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.redshift_estimate import RedshiftEstimate
    from spectrove.spectra import SpectrumSet

#: Spectra that are read, encoded and answered together.
BATCH = 512


def need_paths(paths: Sequence[str | Path]) -> None:
    """Refuse paths and globs unless something is there."""
    for path in paths:
        if not Path(path).exists() and not glob(str(path), recursive=True):
            raise UsageError(
                DatasetError(f"{path}: there is no such file, folder or dataset. Correct the path.")
            )


@dataclass
class QueryBatches:
    """The query spectra: iterate over batches, then read `unread` and `count`.

    `option` is the name of the option for the condition `queries`. `redshifts` are the estimates for the spectra of
    the last batch without a redshift, by object id. `base` is the one that is asked; `kind` the kind of light that was
    named, in place of that of the files.
    """

    paths: Sequence[str]
    queries: str | None = None
    option: str = "--queries"
    reading: Reading = field(default_factory=Reading)
    redshift: Redshift = field(default_factory=Redshift)
    refusals: RefusalLines = field(default_factory=RefusalLines)
    unread: list[Refusal] = field(default_factory=list)
    redshifts: dict[str, RedshiftEstimate] = field(default_factory=dict)
    count: int = 0
    base: KnowledgeBase | None = None
    kind: str | None = None

    def __post_init__(self) -> None:
        need_paths(self.paths)
        with usage_errors():
            self._keywords = self.reading.keywords()
            self._need_files()

    def __iter__(self) -> Iterator[SpectrumSet]:
        """Batches in the order of the input, each spectrum with its redshift if there is one."""
        try:
            for batch in self._alone(self.batches()) if self.redshift.z is not None else self.batches():
                yield self.with_redshifts(batch)
        finally:
            self.refusals.flush()

    def batches(self) -> Iterator[SpectrumSet]:
        """Batches in the order of the input, as read; refusals are reported at the end."""
        batches = self._from_datasets() if self._all_datasets else self._from_files()
        try:
            for batch in batches:
                self.count += len(batch)
                yield batch
        finally:
            self.refusals.flush()
        if not self.count:
            raise self._nothing()

    def with_redshifts(self, batch: SpectrumSet) -> SpectrumSet:
        """The batch, with missing redshifts estimated (--missing-z) or the redshift replaced (-z), if requested."""
        from spectrove.pipeline import at_redshift, complete_redshifts, domain_of

        if self.redshift.z is not None:
            return at_redshift(batch, self.redshift.z)
        domain = self.domain if self.base is None else domain_of(self.base)
        if self.redshift.missing_z == "refuse" or domain.redshift is None:
            return batch
        completed, self.redshifts = complete_redshifts(batch, kind=domain.name)
        return completed

    def with_advice(self, refusal: Refusal) -> Refusal:
        """The refusal; for a spectrum without a redshift with advice on the options of this command."""
        found = re.search(r"no redshift, and [^.]*", refusal.error)
        if not found:
            return refusal
        tried = ", none could be estimated" if self.redshift.missing_z == "estimate" else ""
        sentence = (
            f"{refusal.error[: found.start()]}{found[0].replace(',', tried + ',', 1)}. {self.redshift.advice}"
        )
        return replace(refusal, error=sentence)

    @cached_property
    def domain(self) -> Domain:
        """The kind of light of the spectra."""
        from spectrove.pipeline.domains import domain_called
        from spectrove.pipeline.kinds import domain_of_spectra

        return domain_called(self.kind) if self.kind else domain_of_spectra(self.paths)

    @property
    def _all_datasets(self) -> bool:
        from spectrove.readers.files import is_dataset

        return all(map(is_dataset, self.paths))

    def _need_files(self) -> None:
        """Refuse options about reading unless there is a file to read."""
        if self._all_datasets and self.reading.given:
            raise DatasetError(
                f"{', '.join(self.paths)}: already ingested, too late for {' and '.join(self.reading.given)}. Name "
                "the files themselves, or ingest them again with these options."
            )

    def _alone(self, batches: Iterator[SpectrumSet]) -> Iterator[SpectrumSet]:
        """Refuse -z unless there is exactly one spectrum."""
        first = next(batches)
        n = len(first) + sum(map(len, batches))
        if n > 1:
            raise UsageError(
                DatasetError(
                    f"{', '.join(self.paths)}: holds {n} spectra, and -z is the redshift of one. Choose one with "
                    f"{self.option}, or give the redshifts as column z of a catalog (ingest --catalog)."
                )
            )
        yield first

    def _from_datasets(self) -> Iterator[SpectrumSet]:
        from spectrove.readers import iter_dataset
        from spectrove.readers.files import each_path_once

        paths, twice = each_path_once(self.paths)
        self.refusals.add(twice)
        for path in paths:
            batches = iter_dataset(path, where=self.queries, batch_size=BATCH, light=self.domain.files)
            with usage_errors():  # a condition that is not understood shows with the first batch
                first = next(batches, None)
            if first is not None:
                yield first
            yield from batches

    def _from_files(self) -> Iterator[SpectrumSet]:
        from spectrove.pipeline import in_batches
        from spectrove.readers import read_spectra
        from spectrove.readers.dataset import select

        with progress_bar("reading") as advance:
            spectra, refusals = read_spectra(
                self.paths, progress=done_of(advance), light=self.domain.files, **self._keywords
            )
        self.unread += [refusal for refusal in refusals if not refusal.partial]
        self.refusals.add(refusals)
        with usage_errors():
            spectra = select(spectra, self.queries)
        yield from in_batches(spectra, BATCH)

    def _nothing(self) -> SpectroveError:
        shown = ", ".join(self.paths)
        if self.unread:
            return DatasetError(f"{shown}: no spectrum could be read; the lines above give the reasons.")
        if self.queries:
            return DatasetError(
                f"{shown}: no spectrum meets {self.option} {self.queries!r}. Loosen the condition."
            )
        return DatasetError(f"{shown}: holds no spectra. Name files, a folder or a dataset that has some.")


@dataclass
class Counts:
    """Numbers of answered and refused queries."""

    queries: QueryBatches
    answered: int = 0
    refused: int = 0

    def add(self, answers: Answers, batch: SpectrumSet) -> None:
        """Count the answers to a batch, and report the spectra of it that have none."""
        self.refuse(answers.refusals, batch)
        self.answered += n_answered(answers)

    def refuse(self, refusals: Sequence[Refusal], batch: SpectrumSet) -> None:
        """Count and report the spectra of a batch that have no answer."""
        paths = dict(zip(batch.object_id.tolist(), batch.column("path"), strict=True))
        self.queries.refusals.add(map(self.queries.with_advice, refusals), paths)
        self.refused += len(refusals)

    @property
    def exit_code(self) -> int:
        """1 if a file could not be read or no spectrum was answered, otherwise 0."""
        return FAILED if self.queries.unread or not self.answered else 0

    def cautions(self) -> str:
        """The numbers of spectra without an answer, for the summary; "" if there are none."""
        parts = []
        if self.refused:
            parts.append(f"{self.refused} {_noun(self.refused, 'spectrum', 'spectra')} without an answer")
        if self.queries.unread:
            n = len(self.queries.unread)
            parts.append(f"{n} {_noun(n, 'file', 'files')} unreadable")
        return "".join(f", {part}" for part in parts)


def _noun(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def n_answered(answers: Answers) -> int:
    """Number of spectra of which something is said; a redshift where none fits is NaN."""
    if answers.verb == "redshift":
        return sum(math.isfinite(estimate.z) for estimate in answers)
    return len(answers)
