"""Study `redshift`: are estimates right, does `confident` keep its word, and how does redrock do on the same spectra.

Real spectra of three surveys, with the redshifts that came with them for truth; mock surveys apart. Nothing is fitted
to any of them here. Asked through `pipeline.redshift`, which never reads a redshift that came with a spectrum.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from experiments.baselines.redrock import redrock_redshifts, why_not
from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.noise import degrade
from spectrove.evaluation.rates import share_of
from spectrove.inference.numbers.conformal import signal_to_noise
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet

#: A redshift is right within this, times 1 + z.
TOLERANCE = 0.003

#: Least median S/N per pixel of the spectra that targets are about.
MIN_SN = 4.0

#: Group of the real index to the success that is aimed at.
TARGETS = {"sdss": 0.98, "boss": 0.85, "fors2": 0.70}

#: Mock spectra per spectrum of each group that redrock, a hundred times slower, is asked about.
_SHARE = 15


@dataclass(frozen=True)
class ScoredRedshifts:
    """What one method says of some spectra with known redshifts; arrays (n_spectra,), NaN where it says nothing."""

    z: NDArray[np.float64]
    confident: NDArray[np.bool_]
    seconds: float

    def rows(
        self, truth: NDArray[np.float64], chosen: NDArray[np.bool_], **about: Any
    ) -> list[dict[str, Any]]:
        """The figures for the chosen spectra, each a row with its 95% interval."""
        distance = np.abs(self.z - truth)[chosen] / (1 + truth[chosen])
        right, sure = distance < TOLERANCE, self.confident[chosen]
        n, rate = len(right), 1 / max(self.seconds, 1e-9)
        rows = [
            _share("success", int(right.sum()), n),
            _share("confident", int(sure.sum()), n),
            _share("wrong_among_confident", int((sure & ~right).sum()), int(sure.sum())),
            _middle("median_error", distance[np.isfinite(distance)]),
            {"figure": "spectra_per_second", "value": rate, "low": None, "high": None, "n": n},
        ]
        return [about | row for row in rows if row["n"]]


def study(setting: Setting) -> Evaluation:
    """The figures, real and mock apart, and the text around them."""
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    steps = len(TARGETS) + setting.seeds
    for i, group in enumerate(TARGETS if setting.real else ()):
        setting.tell(i, steps, f"real {group}")
        new, said = _real(setting, group)
        rows += new
        notes += [note for note in said if note not in notes]
    if not setting.real:
        notes.append("No folder with real spectra was given: the real half is left out.")
    for seed in range(setting.seeds):
        setting.tell(len(TARGETS) + seed, steps, f"mock {seed}")
        rows += _mock(setting, seed)
    setting.tell(steps, steps, "done")
    return Evaluation(tuple(rows), "\n".join([*_head(setting), *notes, "", *_table(rows)]))


def _real(setting: Setting, group: str) -> tuple[list[dict[str, Any]], list[str]]:
    assert setting.real is not None
    folder = setting.real / "galaxies"
    spectra, _ = read_spectra(
        [folder / group], catalogs=[folder / "index.csv"], workers=setting.workers, where='"z" IS NOT NULL'
    )
    warned = np.array([bool(w) for w in spectra.column("zwarning")])
    sn = signal_to_noise(spectra)
    spectra, sn = spectra.take(~warned & (sn > 0)), sn[~warned & (sn > 0)]
    truth, bright = spectra.z, sn >= MIN_SN
    ours = _ours(spectra)
    about = {"part": "real", "group": group, "method": "spectrove"}
    rows = ours.rows(truth, bright, **about, cut="S/N >= 4") + ours.rows(
        truth, np.ones(len(sn), bool), **about, cut="all"
    )
    templates = setting.real / "templates" / "redrock"
    if problem := why_not(templates):
        return rows, [problem]
    sample = _sample(spectra, sn, group, max(5, setting.n_mock // _SHARE))
    chosen = spectra.take(sample)
    theirs = _redrock(chosen, templates, setting, group)
    everyone = np.ones(len(sample), bool)
    beside = ScoredRedshifts(ours.z[sample], ours.confident[sample], ours.seconds)
    for method, answered in (("spectrove", beside), ("redrock", theirs)):
        rows += answered.rows(truth[sample], everyone, **about | {"method": method}, cut="beside")
    ratio = theirs.seconds / max(ours.seconds, 1e-9)
    rows.append(
        about
        | {
            "cut": "beside",
            "figure": "speed_ratio",
            "value": ratio,
            "low": None,
            "high": None,
            "n": len(sample),
        }
    )
    return rows, []


def _sample(spectra: SpectrumSet, sn: NDArray, group: str, n: int) -> NDArray[np.int64]:
    """Positions that redrock is asked about: S/N >= 4, but all of BOSS, which has few of those; seed 0."""
    among = np.flatnonzero((sn >= MIN_SN) | (group == "boss"))
    order = np.argsort(spectra.object_id[among], kind="stable")
    return np.sort(np.random.default_rng(0).permutation(among[order])[:n])


def _ours(spectra: SpectrumSet) -> ScoredRedshifts:
    pipeline.redshift(None, spectra.take(np.arange(min(2, len(spectra)))))  # templates are made once
    start = time.process_time()
    made = pipeline.redshift(None, spectra)
    seconds = (time.process_time() - start) / max(len(spectra), 1)
    return ScoredRedshifts(
        np.array([e.z for e in made]), np.array([e.confident for e in made], bool), seconds
    )


def _redrock(spectra: SpectrumSet, templates: Path, setting: Setting, group: str) -> ScoredRedshifts:
    kept = setting.folder / "redrock.json"
    made = redrock_redshifts(
        spectra, templates, kept, lambda done, total: setting.tell(done, total, f"redrock {group}")
    )
    z = np.array([np.nan if m["z"] is None else m["z"] for m in made], float)
    seconds = float(np.mean([m["seconds"] for m in made])) if made else 0.0
    return ScoredRedshifts(z, np.array([m["zwarn"] == 0 for m in made], bool), seconds)


def _mock(setting: Setting, seed: int) -> list[dict[str, Any]]:
    spectra = setting.data.problem("mock", "classes", seed).spectra
    spectra = spectra.take(np.arange(min(len(spectra), 600)))
    kind = np.array([k or "none" for k in spectra.column("outlier_kind")])
    lens = np.array([v or "none" for v in spectra.column("lens")])
    # Two spectra in one have two right answers, and what was turned into an artefact on purpose none.
    plain = spectra.take((kind == "none") & (lens == "none"))
    truth = np.array(plain.column("truth_z"), float)
    rows = []
    for group, noisy in (("as made", plain), ("S/N 4", degrade(plain, 4.0, seed))):
        answered = _ours(noisy)
        rows += answered.rows(
            truth, np.ones(len(truth), bool), part="mock", group=group, method="spectrove", cut=f"seed {seed}"
        )
    return rows


def _share(figure: str, k: int, n: int) -> dict[str, Any]:
    return {"figure": figure, **share_of(k / max(n, 1), n)}


def _middle(figure: str, values: NDArray[np.float64]) -> dict[str, Any]:
    """The median, with the interval of its order statistics, which supposes no distribution."""
    n, ordered = len(values), np.sort(values)
    if n == 0:
        return {"figure": figure, "value": None, "low": None, "high": None, "n": 0}
    low = int(binom.ppf(0.025, n, 0.5))
    high = min(n - 1, int(binom.ppf(0.975, n, 0.5)))
    return {
        "figure": figure, "value": float(np.median(values)), "low": float(ordered[low]),
        "high": float(ordered[high]), "n": n,
    }  # fmt: skip


def _head(setting: Setting) -> list[str]:
    return [
        f"Redshifts: right within {TOLERANCE} (1 + z) of the survey's own, taken for the truth; 95% intervals (Wilson; "
        "order statistics for the median).",
        "Real: groups sdss, boss, fors2 without a warning of the survey; 'S/N >= 4' by the median of flux times the "
        "root of ivar. 'beside' is the sample (seed 0) that redrock was asked about as well, on the same pixels and "
        "weights; its confident ones have ZWARN 0.",
        f"Mock: {setting.seeds} seed{'s' * (setting.seeds > 1)} of recipe test, without lenses and outliers, as made "
        "and with noise added to S/N 4.",
        "The templates share no stellar population with that recipe. Speed is on one core.",
    ]


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """A line per set of spectra and method."""
    figures = ("success", "confident", "wrong_among_confident")
    lines = [
        f"{'part':<5} {'group':<8} {'cut':<9} {'method':<10} {'n':>5} "
        + " ".join(f"{f.replace('_', ' '):>23}" for f in figures)
        + f" {'median error':>13} {'spectra/s':>10}"
    ]
    keys = list(dict.fromkeys((r["part"], r["group"], r["cut"], r["method"]) for r in rows))
    for key in keys:
        found = {r["figure"]: r for r in rows if (r["part"], r["group"], r["cut"], r["method"]) == key}
        cells = [_cell(found.get(figure)) for figure in figures]
        error, rate = (found.get(f, {}).get("value") for f in ("median_error", "spectra_per_second"))
        lines.append(
            f"{key[0]:<5} {key[1]:<8} {key[2]:<9} {key[3]:<10} {found['success']['n']:>5} "
            + " ".join(f"{c:>23}" for c in cells)
            + (f" {error:>13.1e}" if error is not None else f" {'':>13}")
            + (f" {rate:>10.1f}" if rate is not None else "")
        )
    lines += [
        f"{r['group']}: {r['value']:.0f} times as many spectra per second as redrock, on one core each"
        for r in rows
        if r["figure"] == "speed_ratio"
    ]
    lines += [
        f"{group}: success aimed at {goal:.2f} at S/N >= 4, {'reached' if row['value'] >= goal else 'not reached'} "
        f"({row['value']:.3f})"
        for group, goal in TARGETS.items()
        for row in rows
        if (row["part"], row["group"], row["cut"], row["figure"]) == ("real", group, "S/N >= 4", "success")
    ]
    return lines


def _cell(row: dict[str, Any] | None) -> str:
    if row is None or row["value"] is None:
        return "-"
    return f"{row['value']:.3f} [{row['low']:.3f} {row['high']:.3f}]"
