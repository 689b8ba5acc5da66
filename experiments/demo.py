"""The main job on embedded defaults: a mock survey, a knowledge base, three hunts and a report.

With real spectra (`--data DIR`, or SPECTROVE_DATA) the same on those, in a report of their own: mock and real
figures are never mixed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.samples.injected import with_lenses, with_outliers
from experiments.samples.surveys import LENS_HOSTS, OUTLIER_HOSTS, SDSS, is_ordinary
from spectrove.errors import SpectroveError
from spectrove.evaluation.hunts import HuntScore, comparison, hunt_section, make_bases, score_hunt
from spectrove.explanation.report import Hunt, write_hunt_report
from spectrove.galaxies.mock import write_survey
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import ingest, read_dataset
from spectrove.spectra import SpectrumSet

ENCODERS = ("base", "pca")
#: No mock that trained an encoder has this seed; ids differ between seeds, and the leak check holds it.
SEED = 42


def run(out: Path, n: int = 2500, data: Path | None = None, top: int = 4) -> Path:
    """Write `out/report.html` (mock) and, with data, `out/real.html`; returns the first."""
    out.mkdir(parents=True, exist_ok=True)
    report = mock_part(out, n, top)
    if data:
        real_part(out, data, top)
    else:
        say("no real spectra (set SPECTROVE_DATA or pass --data DIR): the real part is left out")
    return report


def mock_part(out: Path, n: int, top: int) -> Path:
    """A mock survey as SDSS files, through the whole path."""
    files, dataset = out / "mock", out / "mock.lance"
    for old in (files, dataset):
        shutil.rmtree(old, ignore_errors=True)
    with step(f"make {n} mock spectra as SDSS files"):
        catalog = write_survey(n, files, seed=SEED, workers=os.cpu_count() or 1)
    with step("ingest them"):
        ingest([files], dataset, catalogs=[catalog])
    known, queries = (read_dataset(dataset, where=f"split = '{s}'") for s in ("train", "test"))
    with step(f"knowledge bases of {len(known)} spectra"):
        bases = make_bases(out, known, ENCODERS, "mock")
    note = (
        f"Mock spectra only: base of {len(known)}, {len(queries)} held-out queries on other plates, K = 3, one seed; "
        "95% intervals by bootstrap over plates."
    )
    hunts = [
        hunt_and_tell(bases, queries.take(not_flagged(queries, target)), target, note, [], top)
        for target in ("liner", "strong_lens", "outlier")
    ]
    with step("report"):
        path = out / "report.html"
        return write_hunt_report(
            hunts, path, title="Spectrove on a mock survey", intro=[note], top=top, figures=True
        )


def real_part(out: Path, data: Path, top: int) -> Path:
    """Real SDSS spectra: LINERs and three classes; lenses and outliers injected into real hosts."""
    galaxies, dataset = data / "galaxies", out / "real.lance"
    shutil.rmtree(dataset, ignore_errors=True)
    with step("ingest real SDSS and BOSS files"):
        ingest([galaxies / "sdss", galaxies / "boss"], dataset, catalogs=[galaxies / "index.csv"])
    sdss = {s: read_dataset(dataset, where=f"split = '{s}' AND {SDSS}") for s in ("train", "test")}
    with step(f"knowledge bases of {len(sdss['train'])} real spectra"):
        bases = make_bases(out, sdss["train"], ENCODERS, "sdss")
    note = (
        f"Real SDSS spectra: base of {len(sdss['train'])}, queries from {len(sdss['test'])} on other plates, K = 3; "
        "95% intervals by bootstrap over plates. Labels come from single-Gaussian fits of the same spectra."
    )
    hunts = [
        hunt_and_tell(bases, sdss["test"], t, note, [], top) for t in ("liner", "star_forming_agn_normal")
    ]
    for target, where, inject in (
        ("strong_lens", LENS_HOSTS, with_lenses),
        ("outlier", OUTLIER_HOSTS, with_outliers),
    ):
        known, queries = (
            inject(read_dataset(dataset, where=f"split = '{s}' AND {where}"), seed)
            for s, seed in (("train", 1), ("test", 2))
        )
        injected_bases = make_bases(out, known, ENCODERS, target)
        injected = (
            f"Injected into real hosts, not real {target.replace('_', ' ')}s: base of {len(known)}, {len(queries)} "
            "queries on other plates; hosts without injection, from the same redshifts and S/N, are the controls."
        )
        hunts.append(hunt_and_tell(injected_bases, queries, target, injected, [injected], top))
    with step("report on real spectra"):
        return write_hunt_report(
            hunts,
            out / "real.html",
            title="Spectrove on real SDSS spectra",
            intro=[note],
            top=top,
            figures=True,
        )


def not_flagged(spectra: SpectrumSet, target: str) -> NDArray[np.int64]:
    """Every query: a hunt for LINERs among lenses and outliers too would be scored by labels those spoil."""
    if target != "liner":
        return np.arange(len(spectra))
    return np.flatnonzero(is_ordinary(spectra))


def hunt_and_tell(
    bases: dict[str, KnowledgeBase],
    queries: SpectrumSet,
    target: str,
    note: str,
    notes: Sequence[str],
    top: int,
) -> Hunt:
    """The same hunt with every encoder: scores printed side by side, evidence from the first."""
    with step(f"hunt {target}"):
        scores: list[HuntScore] = [score_hunt(base, queries, target) for base in bases.values()]
        for s in scores:
            p, r, f = (s.headline[m] for m in ("precision", "recall", "f1"))
            say(f"    {s.encoder:<6} P {p}  R {r}  F1 {f}   n {len(s.truth)}")
        first = next(iter(bases.values()))
        return hunt_section(first, scores[0], [comparison("Encoders side by side", scores, note)], notes, top)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what begins, and how long it took."""
    say(f"{text} ...")
    began = time.monotonic()
    yield
    say(f"  done in {time.monotonic() - began:.1f} s")


def say(text: str) -> None:
    """One line on stderr: results go to the report."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `make demo` runs."""
    os.environ.setdefault("RUST_LOG", "error")
    parser = argparse.ArgumentParser("python -m experiments demo", description=__doc__)
    parser.add_argument("-n", type=int, default=2500, help="mock spectra")
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="folder to write to")
    parser.add_argument("--top", type=int, default=4, help="objects of each hunt that are shown in full")
    data = os.environ.get("SPECTROVE_DATA")
    parser.add_argument(
        "--data", type=Path, default=Path(data) if data else None, help="folder with real spectra"
    )
    parser.add_argument("--no-data", dest="data", action="store_const", const=None, help="mock spectra only")
    options = parser.parse_args(arguments)
    try:
        path = run(options.out, options.n, options.data, options.top)
    except SpectroveError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the same command begins anew")
        return 130
    print(path)
    bases = " ".join(str(one) for one in sorted(options.out.glob("*-base.kb")))
    say(f"make page opens its bases in a browser (spectrove serve {bases} --open)")
    say(f"  drop a file of {options.out / 'mock'} on the page")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
