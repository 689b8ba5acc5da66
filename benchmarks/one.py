"""One spectrum in a warm process: the time of every verb, and what its first use costs.

    python benchmarks/one.py --base one.kb                     # makes the base if it is not there, asks every question
    python benchmarks/one.py --base one.kb --only hunt --threads 1

The base holds 20 copies of each real galaxy of SPECTROVE_DATA (of mock ones where there are none): at another place on
the sky, with further noise of 0.3 of the error of each pixel, and really encoded. The queries are files of the same
galaxies, which the base does not know by id or position. Each question is asked in two processes of its own: in the
first nothing is kept with the base ("ever"), in the second everything is ("opened"), and then spectra come one by one.
Parts of a time are exclusive: what a part calls of another part counts for the other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

COPIES = 20
NOISE = 0.3

#: What is fitted once on a base, in folders beside its tables.
KEPT = ("metrics", "calibrations", "outliers", "residuals", "lines", "types", "measured", "examples")

#: A subject that stands for the ids of eight objects of the base.
KNOWN = "eight objects of the base"

#: What each verb is asked: a title, the subject, the options, and the column of the base that it needs. `search_text`
#: is asked about the base alone.
QUESTIONS: dict[str, list[tuple[str, tuple[Any, ...], dict[str, Any], str]]] = {
    "search": [("search", (), {}, "")],
    "search_region": [("search_region 6500:6800", (["6500:6800"],), {}, "")],
    "hunt": [
        ("hunt liner", ("liner",), {}, "class_derived"),
        ("hunt outlier", ("outlier",), {}, "class"),
        ("hunt strong_lens", ("strong_lens",), {}, "lens_candidate"),
    ],
    "classify": [("classify class_derived", ("class_derived",), {}, "class_derived")],
    "estimate": [("estimate d4000n", ("d4000n",), {}, "d4000n")],
    "redshift": [("redshift", (), {}, "")],
    "hunt_like": [("hunt_like, 8 examples", (KNOWN,), {}, "")],
    "measure": [("measure", (), {}, "")],
    "outliers": [("outliers", (), {}, ""), ("outliers, every reason", (), {"explained": 1.0}, "")],
}

#: Titles of questions that are answered by explaining the answer of another.
EXPLAINED = {"explain classify": "classify class_derived"}

PARTS = ("read", "encode", "search", "measure", "predict", "rest")


# --- the base -----------------------------------------------------------------------------------------------


def real_or_mock(scratch: Path) -> tuple[Any, list[Path]]:
    """Spectra with catalog values, and files of them."""
    from spectrove.readers import read_dataset

    data = os.environ.get("SPECTROVE_DATA")
    catalog: Path | None = None
    if data:
        folder, catalog = Path(data) / "galaxies" / "sdss", Path(data) / "galaxies" / "index.csv"
    else:
        from spectrove.galaxies.mock import write_survey

        folder = scratch / "mock"
        if not folder.exists():
            catalog = write_survey(1000, folder, seed=11)
    dataset = scratch / "spectra.lance"
    if not dataset.exists():
        command = [sys.executable, "-m", "spectrove", "ingest", str(folder), "-o", str(dataset)]
        subprocess.run([*command, *(["--catalog", str(catalog)] if catalog else [])], check=True)
    return read_dataset(dataset), sorted(folder.glob("**/*.fits*"))


def noisy_copy(spectra: Any, copy: int) -> Any:
    """The spectra with other ids and places, and further noise."""
    from dataclasses import replace

    rng = np.random.default_rng(copy)
    error = np.where(spectra.ivar > 0, 1 / np.sqrt(np.where(spectra.ivar > 0, spectra.ivar, 1)), 0)
    flux = (spectra.flux + NOISE * error * rng.normal(size=len(error))).astype(np.float32)
    rows = spectra.rows
    for name, shift in (("ra", 0.7 * copy), ("dec", 0.11 * copy)):
        moved = np.array(rows.column(name).to_pylist(), dtype=float) + shift
        moved = moved % 360 if name == "ra" else np.clip(moved, -90, 90)
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(moved, pa.float64()))
    ids = np.array([f"copy-{copy:02d}-{name}" for name in spectra.object_id.tolist()])
    return replace(spectra, object_id=ids, flux=flux, rows=rows)


def make_base(path: Path, scratch: Path) -> list[Path]:
    """The base of copies at `path`, made unless it is there; files of queries."""
    import spectrove

    spectra, files = real_or_mock(scratch)
    if not (path / "kb.json").exists():
        copies = (noisy_copy(spectra, copy) for copy in range(1, COPIES + 1))
        base, _ = spectrove.create(path, copies, progress=lambda n: print(".", end="", flush=True))
        print(f" {len(base):,} objects in {path}")
    return files


# --- the clock ----------------------------------------------------------------------------------------------


@dataclass
class Clock:
    """Exclusive seconds of each part."""

    seconds: dict[str, float] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)
    since: float = 0.0

    def _tick(self) -> None:
        now = time.perf_counter()
        if self.running:
            part = self.running[-1]
            self.seconds[part] = self.seconds.get(part, 0.0) + now - self.since
        self.since = now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Seconds inside count for this part."""
        self._tick()
        self.running.append(name)
        try:
            yield
        finally:
            self._tick()
            self.running.pop()

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Count calls of a function for a part."""
        function: Callable[..., Any] = getattr(owner, name)

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.part(part):
                return function(*args, **kwargs)

        setattr(owner, name, timed)


def watched(clock: Clock, base: Any) -> None:
    """Put the clock on the parts of every answer."""
    import spectrove.inference.question as question
    from spectrove.galaxies import domain
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.encoders import encoders_of

    for kind in {type(e) for e in encoders_of(base, base.views, None).values()}:
        for name in ("prepare", "encode"):
            clock.watch(kind, name, "encode")
    for name in ("search", "search_by_class"):
        clock.watch(KnowledgeBase, name, "search")
    for name in ("classify", "hunt", "calibrate"):
        clock.watch(question, name, "predict")
    clock.watch(import_module("spectrove.pipeline.estimate"), "_regression", "predict")
    clock.watch(domain.OwnLines, "measure", "measure")
    from spectrove.galaxies.lenses.signs import CommonResiduals
    from spectrove.galaxies.redshift import estimate as scan
    from spectrove.galaxies.redshift import foreign

    clock.watch(foreign, "foreign_types", "measure")
    clock.watch(scan, "estimate_redshifts", "measure")
    clock.watch(CommonResiduals, "second_redshifts", "measure")
    clock.watch(domain.ResidualReasons, "find", "measure")


# --- one question in a process of its own ---------------------------------------------------------------------


def questions() -> dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]]:
    """Title to verb, subject, options and the column that is needed; verbs without a question are said."""
    from spectrove.pipeline.verbs import VERBS

    found = {}
    for verb in VERBS:
        for title, subject, options, column in QUESTIONS.get(verb, []):
            found[title] = (verb, subject, options, column)
    for title, of in EXPLAINED.items():
        found[title] = found[of]
    if silent := [verb for verb in VERBS if verb not in (*QUESTIONS, "search_text")]:
        print(f"no question is written for: {', '.join(silent)}")
    return found


def ask(path: Path, title: str, files: list[Path], warm: bool) -> dict[str, Any]:
    """Seconds of the first spectrum in this process, and of each of the others by part."""
    import spectrove
    from spectrove.pipeline.verbs import VERBS

    verb, subject, options, column = questions()[title]
    from spectrove.errors import SpectroveError
    from spectrove.readers import read_spectra

    start = time.perf_counter()
    base = spectrove.open(path)
    if column and column not in base.columns:
        return {"missing": column}
    ids = base.rows(columns=[]).column("object_id").to_pylist()[:: len(base) // 8][:8]
    subject = tuple(ids if one is KNOWN else one for one in subject)
    clock = Clock()
    watched(clock, base)

    def one(file: Path) -> None:
        with clock.part("read"):
            spectra, _ = read_spectra(file)
        with clock.part("rest"):
            answers = VERBS[verb].ask(base, spectra, *subject, **options)
            if title in EXPLAINED:
                answers.explain(0)

    try:
        one(files[0])
    except SpectroveError as error:  # this base cannot be asked this
        return {"refused": str(error)}
    first = time.perf_counter() - start
    rows, processors = [], []
    for file in files[1:] if warm else []:
        clock.seconds.clear()
        processor = time.process_time()
        one(file)
        processors.append(time.process_time() - processor)
        rows.append([clock.seconds.get(part, 0.0) for part in PARTS])
    import resource

    return {
        "first": first,
        "rows": rows,
        "processor": processors,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def in_a_process(options: argparse.Namespace, title: str, threads: int, warm: bool) -> dict[str, Any]:
    """What `ask` gives, in a new process with this number of threads."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(names, str(threads))}
    command = [sys.executable, __file__, "--base", str(options.base), "--scratch", str(options.scratch)]
    command += ["--queries", str(options.queries), "--ask", title, *(["--warm"] if warm else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return json.loads(done.stdout.splitlines()[-1])


def forget(path: Path) -> None:
    """Remove what is kept with the base."""
    for name in KEPT:
        shutil.rmtree(path / name, ignore_errors=True)
    (path / "scales.json").unlink(missing_ok=True)


def table(options: argparse.Namespace, threads: int) -> None:
    """Print a line for each question."""
    print(f"\n{threads} thread(s), {options.queries} spectra one by one, ms")
    head = ("ever s", "opened s", "p50", "p90", "beside", "CPU", *PARTS, "GB")
    print(f"{'question':26}" + "".join(f"{name:>9}" for name in head))
    for title in questions():
        if options.only and not title.startswith(tuple(options.only)):
            continue
        first = None
        if not options.keep:
            forget(options.base)
            first = in_a_process(options, title, threads, warm=False)
        second = in_a_process(options, title, threads, warm=True)
        if "refused" in second:
            print(f"{title:26} {second['refused'][:90]}")
            continue
        if "missing" in second:
            print(f"{title:26} the base has no column {second['missing']}")
            continue
        parts = 1000 * np.array(second["rows"])
        whole = parts.sum(axis=1)
        beside = whole - parts[:, :2].sum(axis=1)
        cells = [np.nan if first is None else first["first"], second["first"]]
        cells += [float(np.median(whole)), float(np.quantile(whole, 0.9)), float(np.median(beside))]
        cells.append(1000 * float(np.median(second["processor"])))
        cells += np.median(parts, axis=0).tolist()
        text = "".join(f"{cell:9.1f}" for cell in cells)
        print(f"{title:26}{text}{second['memory']:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--base", type=Path, default=Path("one.kb"))
    parser.add_argument("--scratch", type=Path, default=Path("one.scratch"))
    parser.add_argument("--queries", type=int, default=30)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", nargs="+", help="Questions whose title begins so.")
    parser.add_argument("--keep", action="store_true", help="Leave what is kept with the base: no first use.")
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    files = make_base(options.base, options.scratch)
    chosen = files[:: max(1, len(files) // (options.queries + 1))][: options.queries + 1]
    if options.ask:
        print(json.dumps(ask(options.base, options.ask, chosen, options.warm)))
        return
    print(
        "ever, opened: the first spectrum with nothing kept with the base, and in a new process; beside: besides"
    )
    print("reading and encoding; measure: own lines, types, redshifts and residuals of the spectrum itself")
    for threads in options.threads:
        table(options, threads)


if __name__ == "__main__":
    main()
