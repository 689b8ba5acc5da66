"""A folder is watched: files that arrive are read, hunted among and added to the base, each exactly once.

The order makes it so. A file is noted in the journal as begun; its spectra are hunted among, and the lines of results
written; its spectra are added to the base; it is noted as done. A process that is killed in between does the file again
the next time: lines that are there are not written again, and objects that are there are not added again.

Spectra are answered by one version of the base, that of the start, so that nothing is fitted again for each of them,
and the answer to one does not depend on those that came before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from spectrove.errors import DatasetError, KnowledgeError, Refusal, SpectroveError, TargetError
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import hunt
from spectrove.pipeline.arrivals import Arrivals
from spectrove.pipeline.build import add
from spectrove.pipeline.by_condition import hunted
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.indexing import Reindexing
from spectrove.pipeline.journal import Arrival, Journal, as_text, digest_of
from spectrove.pipeline.kinds import open_base
from spectrove.pipeline.options import READING, AnyOptions, options_of
from spectrove.pipeline.redshift import complete_redshifts
from spectrove.provenance import canonical_json
from spectrove.readers import read_spectra
from spectrove.readers.light import Light
from spectrove.readers.options import responses
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.work import LOG, advance, doing

#: Additions after which small pieces of the base are merged.
TIDY = 64


class WatchOptions(AnyOptions):
    """Options of a watch."""

    output: Any = Field(
        None, description="File of results, JSON Lines; FOLDER.found.jsonl beside the folder."
    )
    once: bool = Field(False, description="End when all files that are there are done.")
    every: float = Field(10.0, gt=0, description="Seconds between two looks into the folder.")
    refit: int | None = Field(
        None, ge=1, description="Additions after which the newest version answers, and is fitted anew."
    )
    missing_z: str = Field(
        "refuse", pattern="refuse|estimate", description="Spectra without a redshift: refuse, or estimate it."
    )


@dataclass
class Watched:
    """What a watch has done.

    Attributes:
        results, journal: The files of results and of the journal.
        version: Of the base, which answered last.
        files: Number of files that were done.
        spectra: Spectra that were answered.
        added: Objects that were added or replaced in the base.
        rows: Lines that were written.
        found: Targets among them, by the name of the target.
        seconds: From the arrival of each spectrum to its line, for each target.
        refusals: Files and spectra without an answer.
        unfinished: Files that were still being written when it ended.
        waiting: Files that could not be read yet, and the names of other files, which they need and wait for.
    """

    results: Path
    journal: Path
    version: int = 0
    files: int = 0
    spectra: int = 0
    added: int = 0
    rows: int = 0
    found: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)

    @property
    def latency(self) -> tuple[float, float]:
        """Median and 95th percentile of `seconds`; NaN if there is none."""
        if not self.seconds:
            return np.nan, np.nan
        median, late = np.quantile(self.seconds, [0.5, 0.95])
        return float(median), float(late)


@dataclass(frozen=True)
class Read:
    """The spectra of a file, and what of it could not be read."""

    file: Arrival
    spectra: SpectrumSet
    refusals: list[Refusal]


#: Called with the lines that were written (none after a refusal), and with what was done so far.
Each = Callable[[list[dict[str, Any]], Watched], None]


def watch(
    base: KnowledgeBase,
    folder: str | PathLike[str],
    targets: Target | str | Sequence[Target | str],
    *,
    each: Each | None = None,
    **options: Any,
) -> Watched:
    """What was done with the files that arrived in a folder; it ends with `once`, or by an interruption.

    Every spectrum of a whole file is hunted for every target and added to the base. The results get a line for each
    spectrum and target: file, hash of its content, the answer as `hunt` gives it, the version that answered, when the
    file arrived, and the seconds from then to the line. A file that cannot be read has its sentence in the journal; one
    that names other files, as an X-ray spectrum names its response, waits for them, and these are passed over. A file
    that is replaced by another content is a new one, whose spectra replace the earlier ones in the base; objects that
    the base holds from elsewhere are hunted among and left as they are.

    Args:
        base: The base, which gets the spectra.
        folder: What is watched, with its subfolders. Files whose names begin with "." or end in ".tmp", ".part" or "~"
            are not looked at; the others count as whole when two looks, two seconds apart or `every` if that is
            shorter, find the same size and time.
        targets: What is hunted: one or several targets, by name or file.
        each: Called with lines that were just written (none after a refusal), and with what was done so far.
        options: See `WatchOptions`; and those of reading, as every verb has them.

    Raises:
        DatasetError: There is no such folder, another watch writes these results, or they answer another question.
        KnowledgeError: The base is in memory, where nothing outlives the process.
        TargetError: The base cannot answer for a target.
    """
    reading = {name: options.pop(name) for name in READING if name in options}
    chosen = options_of(WatchOptions, "watch", options)
    place = Path(folder).resolve()
    if not place.is_dir():
        raise DatasetError(f"{folder}: there is no such folder to watch. Make it, or correct the path.")
    if not isinstance(base.path, Path) and base.path.in_memory:
        raise KnowledgeError(
            f"{base.path}: a base in memory is gone with the process, and what was done with it. Watch for a base in a "
            "folder or an object store."
        )
    asked = _checked(base, [targets] if isinstance(targets, Target | str) else targets)
    results = Path(chosen.output or place.with_name(f"{place.name}.found.jsonl"))
    about = {
        "base": str(base.path if not isinstance(base.path, Path) else base.path.resolve()),
        "folder": str(place),
        "targets": [target.name for target in asked],
        "contents": {target.name: _content(target) for target in asked},
        "missing_z": chosen.missing_z,
    }
    with closing(Journal.open(results, about)) as journal:
        one = _Watch(base, place, asked, chosen, reading, journal)
        if each is not None:
            one.each = each
        one.run()
    return one.report


def _content(target: Target) -> str:
    """Hash of what a target asks, whatever its description says."""
    said = target.model_dump(mode="json", exclude_defaults=True, exclude={"description"})
    return blake2b(canonical_json(said).encode(), digest_size=8).hexdigest()


def _checked(base: KnowledgeBase, targets: Sequence[Target | str]) -> list[Target]:
    """The targets; refused unless the base can answer for each."""
    loaded = [hunted(target, None) for target in targets]
    names = [target.name for target in loaded]
    if not loaded or len(set(names)) < len(names):
        raise TargetError(
            f"watch: {', '.join(names) or 'no target'} given, expected one or more targets of different names. "
            "Name each once."
        )
    for target in loaded:
        if target.where is None:
            target.check(base.columns)
            target.check(base.columns, base.label_values(target.label))
    return loaded


class _Watch:
    """A watch at work."""

    def __init__(
        self,
        base: KnowledgeBase,
        folder: Path,
        targets: Sequence[Target],
        chosen: WatchOptions,
        reading: dict[str, Any],
        journal: Journal,
    ) -> None:
        self.base, self.folder, self.targets, self.chosen = base, folder, targets, chosen
        self.reading, self.journal = reading, journal
        self.report = Watched(journal.results, journal.path, found={target.name: 0 for target in targets})
        self.each: Each = lambda rows, report: None
        self._additions = 0
        self._reindexing = Reindexing(base)
        self._arrivals = Arrivals(folder, journal, chosen.every, chosen.once)
        self._groups = self._arrivals.groups()

    def run(self) -> None:
        """Answer what arrives, from one version of the base after another."""
        ended = False
        while not ended:
            asked = open_base(str(self.base.path), type(self.base))
            with asked.one_version():
                ended = self._answer_from(asked)
        self.report.unfinished += self._arrivals.unfinished

    def _answer_from(self, asked: KnowledgeBase) -> bool:
        """Whether the watch has ended; otherwise so much was added that a new version is to answer."""
        self.report.version, before = asked.version, self.report.added
        for group in self._groups:
            read = [one for file in group if (one := self._read(file)) is not None]
            for run in _different(read):
                self._answer(run, asked)
            if self.chosen.refit and self.report.added - before >= self.chosen.refit:
                return False
        return True

    def _read(self, file: Arrival) -> Read | None:
        """The spectra of a file; None if there are none, it was done under another name, or it changes still."""
        began, light = time.time(), domain_of(self.base).files
        self.report.waiting.pop(file.name, None)
        try:
            file = replace(file, digest=digest_of(file.path))
            if first := self.journal.same_as(file):
                self.journal.settle("repeated", [(file, {"same_as": first})])
                return None
            spectra, refusals = read_spectra(file.path, light=light, **{"workers": 1, **self.reading})
            status = file.path.stat()
        except (OSError, SpectroveError) as error:
            reason = str(error) if isinstance(error, SpectroveError) else f"{file.name}: {error.strerror}"
            if file.path.exists():
                self._refuse("refused" if file.digest else "failed", file, reason)
            return None
        if (status.st_size, status.st_mtime_ns) != file.mark:
            self.report.unfinished += [file.name] if self.chosen.once else []
            return None
        if not len(spectra):
            reason = refusals[0].error if refusals else f"{file.name}: holds no spectra that are asked for."
            self._leave(file, reason, light, began)
            return None
        return Read(file, spectra, refusals)

    def _leave(self, file: Arrival, reason: str, light: Light | None, began: float) -> None:
        """A file without spectra is a part of others, waits for files that it names, or is refused."""
        if light is not None and light.is_companion(file.path):
            self.journal.settle("part", [(file, {"error": reason})])
            return
        needs = light.companions(file.path, responses(self.reading)) if light is not None else []
        if not (absent := self._arrivals.hold(file, needs, began)):
            self._refuse("refused", file, reason)
            return
        waits = ", ".join(absent)
        self.report.waiting[file.name] = waits
        self.journal.settle("waiting", [(file, {"for": absent, "error": reason})])
        LOG.warning("%s waits for %s and is read again when that has come: %s", file.name, waits, reason)
        self.each([], self.report)

    def _refuse(self, event: str, file: Arrival, reason: str) -> None:
        self.journal.settle(event, [(file, {"error": reason})])
        self.report.refusals.append(Refusal(str(file.path), reason))
        self.each([], self.report)

    def _answer(self, run: Sequence[Read], asked: KnowledgeBase) -> None:
        """Results of the spectra of some files, which are then added to the base."""
        again = [(one.file, {"same_as": first}) for one in run if (first := self.journal.same_as(one.file))]
        self.journal.settle("repeated", again)
        if not (run := [one for one in run if not self.journal.same_as(one.file)]):
            return
        files = [one.file for one in run]
        self.journal.begin(files)
        try:
            n = sum(len(one.spectra) for one in run)
            with doing(f"answering {n} spectra of {len(files)} files", n):
                answered, rows, refusals = self._hunt(run, asked)
                self._tell(self.journal.add_results(rows))
                refusals = [*self._add(run, answered), *refusals]
                advance(n)
        except SpectroveError as error:
            if len(run) > 1:  # one of them may have spoiled it for all
                for one in run:
                    self._answer([one], asked)
                return
            self._refuse("failed", files[0], str(error))
            return
        self._done(run, refusals)
        self._tidy()
        try:
            self._reindexing.look()
        except (SpectroveError, OSError) as error:
            LOG.warning("%s: its index was not made anew: %s", self.base.path, error)

    def _hunt(
        self, run: Sequence[Read], asked: KnowledgeBase
    ) -> tuple[SpectrumSet, list[tuple[tuple[str, str, str], dict[str, Any]]], list[Refusal]]:
        """The spectra with their redshifts, the lines of results with their keys, and the spectra without an answer."""
        spectra = type(run[0].spectra).concatenate([one.spectra for one in run])
        whose = {name: one.file for one in run for name in one.spectra.object_id.tolist()}
        more: dict[str, Any] = {}
        if self.chosen.missing_z == "estimate" and domain_of(asked).redshift is not None:
            spectra, more["redshifts"] = complete_redshifts(spectra, base=asked)
        rows = []
        refusals: dict[str, Refusal] = {}
        for target in self.targets:
            answers = hunt(asked, spectra, target, **more)
            refusals |= {refusal.name: refusal for refusal in answers.refusals}
            written = time.time()
            for answer in answers.to_dicts():
                file = whose[answer["object_id"]]
                about = {"file": file.name, "hash": file.digest, "version": asked.version}
                times = {"arrived": as_text(file.time), "seconds": round(written - file.time, 3)}
                row = {**about, **answer, "target": target.name, **times}
                rows.append(((file.digest, answer["object_id"], target.name), row))
        return spectra, rows, list(refusals.values())

    def _add(self, run: Sequence[Read], spectra: SpectrumSet) -> list[Refusal]:
        """Refusals after adding spectra that the base does not hold, and replacing those of replaced files."""
        names = spectra.object_id.tolist()
        quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        rows = self.base.rows(f"object_id IN ({quoted})", ["path"]).to_pylist()
        held = {row["object_id"]: row["path"] for row in rows}
        anew = {
            name
            for one in run
            if self.journal.replaces(one.file)
            for name in one.spectra.object_id.tolist()
            if held.get(name) == str(one.file.path)
        }
        refusals: list[Refusal] = []
        for upsert, chosen in ((False, set(names) - held.keys()), (True, anew)):
            part = spectra.take([i for i, name in enumerate(names) if name in chosen])
            if len(part):
                refused = add(self.base, [part], upsert=upsert)
                self.report.added += len(part) - len(refused)
                self._additions += 1
                refusals += refused
        return refusals

    def _tidy(self) -> None:
        """Merge the small files of many additions; if that fails, as beside another writer, nothing is lost."""
        if self._additions < TIDY:
            return
        self._additions = 0
        try:
            self.base.optimize()
        except (SpectroveError, OSError) as error:
            LOG.warning("%s: its small files were not merged: %s", self.base.path, error)

    def _tell(self, rows: list[dict[str, Any]]) -> None:
        """Count lines that were written, and tell of them."""
        self.report.rows += len(rows)
        self.report.seconds += [row["seconds"] for row in rows]
        for row in rows:
            self.report.found[row["target"]] += bool(row.get("is_target"))
        self.each(rows, self.report)

    def _done(self, run: Sequence[Read], refusals: Sequence[Refusal]) -> None:
        """Note files as done."""
        refused = {refusal.name: refusal for refusal in refusals}
        ends = []
        for one in run:
            own = [refused[name] for name in one.spectra.object_id.tolist() if name in refused]
            left_out = [refusal.error for refusal in (*one.refusals, *own)]
            n = len(one.spectra) - len(own)
            ends.append((one.file, {"spectra": n, **({"left_out": left_out} if left_out else {})}))
            self.report.refusals += [*one.refusals, *own]
            self.report.spectra += n
        self.journal.settle("done", ends)
        self.report.files += len(run)
        if any(one.refusals for one in run) or refused:
            self.each([], self.report)


def _different(read: Sequence[Read]) -> Iterator[list[Read]]:
    """The files in runs within which no content and no object comes twice."""
    run: list[Read] = []
    ids: set[str] = set()
    for one in read:
        own = {one.file.digest, *one.spectra.object_id.tolist()}
        if ids & own:
            yield run
            run, ids = [], set()
        run.append(one)
        ids |= own
    if run:
        yield run
