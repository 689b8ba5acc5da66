"""Shared by all commands that answer: opening the base, reading the queries, answering in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.errors import DatasetError, KnowledgeError, Refusal, SpectroveError
from spectrove.serve.cli.guard import COULD_NOT, AskedWronglyError, asking
from spectrove.serve.cli.options import Reading, Redshift
from spectrove.serve.cli.output import Told, say
from spectrove.serve.cli.progress import done_of, progress_bar
from spectrove.version import __version__

if TYPE_CHECKING:
    from spectrove.domain import Domain
    from spectrove.encoders import Encoder
    from spectrove.inference import Calibrated, Fitted
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.redshift_estimate import RedshiftEstimate
    from spectrove.spectra import SpectrumSet
    from spectrove.targets import Target

#: Spectra that are read, encoded and answered together.
BATCH = 512


def open_base(path: Path, where: str | None = None) -> KnowledgeBase:
    """The base at `path`; refused unless the condition is valid and at least one object meets it."""
    from spectrove.pipeline.kinds import open_base as opened

    if not (path / "kb.json").is_file():
        with asking():
            return opened(path)  # says what is there instead
    base = opened(path)
    if where is not None:
        with asking():
            if not base.count(where):
                raise KnowledgeError(
                    f"{path}: none of the {len(base)} objects meets --where {where!r}. Loosen the condition; "
                    "kb info lists the columns and their values."
                )
    return base


def encoders_of(
    base: KnowledgeBase, named: str | None, views: Iterable[str] | None = None
) -> dict[str, Encoder]:
    """The encoders of these views (by default of the default view), from the place given by the user or the base."""
    from spectrove.encoders import load_encoder
    from spectrove.errors import RecipeError
    from spectrove.knowledge import DEFAULT_VIEW

    found, places = {}, base.encoders
    for view in views or base.space().views:
        place = named if named and view == DEFAULT_VIEW else places[view]
        try:
            found[view] = load_encoder(place)
        except RecipeError as error:
            where = f"the place of the encoder of view {view} according to the base {base.path}"
            hint = (
                f"give another place with --encoder, or compute the view again with kb reencode {base.path}"
            )
            raise RecipeError(f"{error}" if place == named else f"{error} ({where}; {hint})") from error
    return found


def need_paths(paths: Sequence[str | Path]) -> None:
    """Refuse paths and globs unless something is there."""
    for path in paths:
        if not Path(path).exists() and not glob(str(path), recursive=True):
            raise AskedWronglyError(
                DatasetError(f"{path}: there is no such file, folder or dataset. Correct the path.")
            )


@dataclass
class Asked:
    """The query spectra: iterate over batches, then read `unread` and `count`.

    `option` is the name of the option for the condition `queries`. `redshifts` are the estimates for the spectra of
    the last batch without a redshift, by object id.
    """

    paths: Sequence[str]
    queries: str | None = None
    option: str = "--queries"
    reading: Reading = field(default_factory=Reading)
    redshift: Redshift = field(default_factory=Redshift)
    told: Told = field(default_factory=Told)
    unread: list[Refusal] = field(default_factory=list)
    redshifts: dict[str, RedshiftEstimate] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        need_paths(self.paths)
        with asking():
            self._keywords = self.reading.keywords()
            self._need_files()

    def __iter__(self) -> Iterator[SpectrumSet]:
        """Batches in the order of the input, each spectrum with its redshift if there is one."""
        try:
            for batch in self._alone(self.batches()) if self.redshift.z is not None else self.batches():
                yield self.with_redshifts(batch)
        finally:
            self.told.tell()

    def batches(self) -> Iterator[SpectrumSet]:
        """Batches in the order of the input, as read; refusals are reported at the end."""
        batches = self._from_datasets() if self._all_datasets else self._from_files()
        try:
            for batch in batches:
                self.count += len(batch)
                yield batch
        finally:
            self.told.tell()
        if not self.count:
            raise self._nothing()

    def with_redshifts(self, batch: SpectrumSet) -> SpectrumSet:
        """The batch, with missing redshifts estimated (--missing-z) or the redshift replaced (-z), if requested."""
        from spectrove.pipeline import at_redshift, complete_redshifts

        if self.redshift.z is not None:
            return at_redshift(batch, self.redshift.z)
        if self.redshift.missing_z == "refuse" or self.domain.redshift is None:
            return batch
        completed, self.redshifts = complete_redshifts(batch)
        return completed

    def advised(self, refusal: Refusal) -> Refusal:
        """The refusal; for a spectrum without a redshift with advice on the options of this command."""
        from spectrove.preprocess.prepare import NO_REDSHIFT

        before, found, _ = refusal.error.partition(NO_REDSHIFT)
        if not found:
            return refusal
        tried = ", none could be estimated" if self.redshift.missing_z == "estimate" else ""
        sentence = f"{before}{NO_REDSHIFT.replace(',', tried + ',', 1)}. {self.redshift.advice}"
        return replace(refusal, error=sentence)

    @cached_property
    def domain(self) -> Domain:
        """The kind of light of the spectra."""
        from spectrove.pipeline.kinds import domain_of_spectra

        return domain_of_spectra(self.paths)

    @property
    def _all_datasets(self) -> bool:
        from spectrove.readers.files import is_dataset

        return all(map(is_dataset, self.paths))

    def _need_files(self) -> None:
        """Refuse options about reading unless there is a file to read."""
        if self._all_datasets and self.reading.said:
            raise DatasetError(
                f"{', '.join(self.paths)}: already ingested, too late for {' and '.join(self.reading.said)}. Name "
                "the files themselves, or ingest them again with these options."
            )

    def _alone(self, batches: Iterator[SpectrumSet]) -> Iterator[SpectrumSet]:
        """Refuse -z unless there is exactly one spectrum."""
        found = next(batches)
        n = len(found) + sum(map(len, batches))
        if n > 1:
            raise AskedWronglyError(
                DatasetError(
                    f"{', '.join(self.paths)}: holds {n} spectra, and -z is the redshift of one. Choose one with "
                    f"{self.option}, or give the redshifts as column z of a catalog (ingest --catalog)."
                )
            )
        yield found

    def _from_datasets(self) -> Iterator[SpectrumSet]:
        from spectrove.readers import iter_dataset

        for path in self.paths:
            batches = iter_dataset(path, where=self.queries, batch_size=BATCH, light=self.domain.files)
            with asking():  # a condition that is not understood shows with the first batch
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
        self.told.add(refusals)
        with asking():
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
class Tally:
    """Counts of answered and refused queries."""

    asked: Asked
    answered: int = 0
    refused: int = 0

    def refuse(self, refusals: Sequence[Refusal], batch: SpectrumSet) -> None:
        """Count and report the spectra of a batch that have no answer."""
        paths = dict(zip(batch.object_id.tolist(), batch.column("path"), strict=True))
        self.asked.told.add(map(self.asked.advised, refusals), paths)
        self.refused += len(refusals)

    @property
    def exit_code(self) -> int:
        """1 if a file could not be read or no spectrum was answered, otherwise 0."""
        return COULD_NOT if self.asked.unread or not self.answered else 0

    def cautions(self) -> str:
        """The numbers of spectra without an answer, for the summary; "" if there are none."""
        parts = []
        if self.refused:
            parts.append(f"{self.refused} without an answer")
        if self.asked.unread:
            parts.append(f"{len(self.asked.unread)} unreadable")
        return "".join(f", {part}" for part in parts)


def answered(
    batches: Iterable[SpectrumSet], ask: Callable[[SpectrumSet], Answers], tally: Tally
) -> Iterator[Answers]:
    """Answers batch by batch, with the flags of their spectra; refusals are reported."""
    try:
        with progress_bar("answering") as advance:
            for batch in batches:
                answers = ask(batch)
                tally.refuse(answers.refusals, batch)
                tally.answered += len(answers.spectra)
                advance(len(batch))
                yield answers
    finally:
        tally.asked.told.tell()


def tell_metric(fitted: Fitted | None) -> None:
    """Print the metric of the distances on stderr, if one was tried."""
    if fitted is not None and fitted.sentence:
        say(f" {fitted.sentence}", as_json=True)


def tell_calibration(calibration: Calibrated | None, target: Target | None = None) -> None:
    """Print on stderr how probabilities were obtained, and for which prevalence."""
    if calibration is None or not calibration.sentence:
        return
    say(f" {calibration.sentence}", as_json=True)
    share = None if target is None else calibration.prevalence(target)
    if target is None or share is None:
        return
    given = target.prior is not None or target.prevalence is not None
    whose = "expected" if given else "of the base; give another with --prevalence"
    say(f" prevalence of {target.positive} {share:.3g}, {whose}", as_json=True)


def about(
    base: KnowledgeBase, networks: Mapping[str, Encoder], fitted: Fitted | None = None, **asked: Any
) -> dict[str, Any]:
    """The provenance of the answers in a file: base, version, encoder, metric."""
    report = fitted.report if fitted else None
    if fitted and report and not report.reason:
        asked |= {"metric": fitted.about["name"], "metricf1": report.f1, "plainf1": report.plain_f1}
    return {
        "creator": f"spectrove {__version__}",
        "base": base.path.name,
        "version": base.version,
        "encoder": ",".join(base.encoders[view] for view in networks),
        "fprint": ",".join(network.fingerprint for network in networks.values()),
        **asked,
    }
