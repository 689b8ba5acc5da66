"""How well the probabilities of conditions over measured columns are calibrated, on plates left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.ask.bench import Bench, part_of, plates
from experiments.parts import Section
from spectrove.conditions import Condition
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference.numbers.columns import quantity_values
from spectrove.inference.prediction import Prediction
from spectrove.pipeline.base import Base
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import SpectrumSet

Floats = NDArray[np.float64]

#: Shipped targets all of whose columns the catalog has.
TARGETS = ("post_starburst", "green_pea", "strong_oiii_weak_hb")

#: Conditions at cuts that many objects meet; answers to a few were looked at while this was built.
CONDITIONS = (
    "hdelta_a > 0", "hdelta_a > 2", "hdelta_a > 4", "ha_ew > 3", "ha_ew > 15", "ha_ew > 40", "d4000n > 1.3",
    "d4000n > 1.6", "vdisp > 100", "vdisp > 150", "log10(nii_flux / ha_flux) > -0.3",
    "log10(oiii_flux / hb_flux) > 0", "hdelta_a > 1 AND ha_ew < 10", "hdelta_a > 2 AND ha_ew < 20",
    "d4000n < 1.4 AND ha_ew > 20",
)  # fmt: skip

#: The answer and what it is held against.
WAYS = {
    "P": "this",
    "raw": "before the curve",
    "near": "neighbours alone",
    "own": "own errors, Gaussian",
    "cut": "hard cut",
}

#: Bins of probability, of equal width, and bootstrap samples of plates.
BINS, SAMPLES = 10, 300


@dataclass(frozen=True)
class Asked:
    """Probabilities of one condition by each way, the truth and the plate, (n_objects,) each."""

    ways: dict[str, Floats]
    truth: Floats
    plate: NDArray[np.str_]


def run(bench: Bench) -> Section:
    """Folds by plate of the real development set; nothing is chosen on the plates that are answered."""
    texts = {name: str(load_target(name).where) for name in TARGETS} | {text: text for text in CONDITIONS}
    found: dict[str, list[Asked]] = {name: [] for name in texts}
    for i, (known, queries) in enumerate(bench.real_folds(bench.seed)):
        bench.say(f"fold {i + 1} of {bench.folds}")
        base, spectra = part_of(bench.real_base, known), bench.real_base.spectra(queries)
        encoders: dict[str, Any] = {
            v: Encoded(e) for v, e in encoders_of(base, base.space().views, None).items()
        }
        for name, text in texts.items():
            found[name].append(asked(base, bench.real_base, spectra, text, encoders))
    merged = {name: _merged(parts) for name, parts in found.items()}
    rows = [row(name, one, bench.seed) for name, one in merged.items()]
    return Section("By numbers", tuple(rows), told_in_tables(rows, merged, bench))


class Encoded:
    """An encoder that encodes the same set of spectra once; everything else is the encoder's."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._prepared: dict[int, Any] = {}
        self._encoded: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def prepare(self, spectra: SpectrumSet) -> Any:
        """As the encoder does."""
        if id(spectra) not in self._prepared:
            self._prepared[id(spectra)] = self._encoder.prepare(spectra)
        return self._prepared[id(spectra)]

    def encode(self, prepared: Any) -> Any:
        """As the encoder does."""
        if id(prepared) not in self._encoded:
            self._encoded[id(prepared)] = self._encoder.encode(prepared)
        return self._encoded[id(prepared)]


def asked(base: Base, whole: Base, spectra: SpectrumSet, text: str, encoders: dict[str, Any]) -> Asked:
    """One condition, asked of spectra whose plates the base does not have."""
    answers = base.hunt(spectra, condition=text, encoder=encoders)
    raw = base.hunt(spectra, condition=text, calibration="none", encoder=encoders)
    condition = Condition.parse(text)
    ids = answers.spectra.object_id.tolist()
    values = quantity_values(whole, condition.columns, GALAXIES, ids)
    truth = condition.holds({name: column.value for name, column in values.items()})
    ways = {
        "P": _probability(answers.predictions),
        "raw": _probability(raw.predictions),
        "near": _gaussian(condition, answers.predictions, "neighbours"),
        "own": _gaussian(condition, answers.predictions, "measured"),
    }
    own = {name: _told(answers.predictions, name, "measured")[0] for name in condition.columns}
    return Asked(ways | {"cut": condition.holds(own)}, truth, plates(answers.spectra))


def _probability(predictions: Sequence[Prediction]) -> Floats:
    return np.array([np.nan if p.probability is None else p.probability for p in predictions])


def _told(predictions: Sequence[Prediction], name: str, key: str) -> tuple[Floats, Floats]:
    """Value and error of a column by one way; NaN where it says nothing, without error for the redshift."""
    pairs = []
    for p in predictions:
        [told] = [v for v in p.values or () if v["name"] == name]
        pairs.append(
            [told["value"], 0.0] if told["from"] == "its redshift" else told[key] or [np.nan, np.nan]
        )
    value, error = np.array(pairs, dtype=float).T
    return value, error


def _gaussian(condition: Condition, predictions: Sequence[Prediction], key: str, n: int = 1000) -> Floats:
    """The probability by independent Gaussian errors of one way alone."""
    rng = np.random.default_rng(0)
    drawn = {}
    for name in condition.columns:
        value, error = _told(predictions, name, key)
        drawn[name] = value[:, None] + error[:, None] * rng.normal(size=n)[None, :]
    holds = condition.holds(drawn)
    known = np.isfinite(holds)
    total = known.sum(axis=1)
    return np.divide(
        np.where(known, holds, 0).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0
    )


def _merged(parts: Sequence[Asked]) -> Asked:
    ways = {w: np.concatenate([p.ways[w] for p in parts]) for w in WAYS}
    truth, plate = (np.concatenate([getattr(p, a) for p in parts]) for a in ("truth", "plate"))
    return Asked(ways, truth, plate)


def calibration_error(p: Floats, truth: Floats) -> float:
    """Expected calibration error over bins of equal width.

    Source:
        Naeini, Cooper & Hauskrecht (2015), AAAI 29, 2901.
    """
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(place, weights=p - truth, minlength=BINS)).sum() / len(p))


def row(name: str, one: Asked, seed: int) -> dict[str, Any]:
    """The figures of one condition, on objects that have a truth and an answer."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    known = np.isfinite(one.truth) & np.isfinite(one.ways["P"])
    truth = one.truth[known]
    made: dict[str, Any] = {"condition": name, "n": int(known.sum()), "positives": int(truth.sum())}
    made["unanswered"] = int((np.isfinite(one.truth) & ~np.isfinite(one.ways["P"])).sum())
    two = 0 < truth.sum() < len(truth)
    for way in WAYS:
        p = one.ways[way][known]
        p = np.where(np.isfinite(p), p, truth.mean())  # without an answer: the prevalence
        made[f"{way} ece"] = calibration_error(p, truth)
        made[f"{way} brier"] = float(np.mean((p - truth) ** 2))
        made[f"{way} auc"] = float(roc_auc_score(truth, p)) if two else None
        made[f"{way} ap"] = float(average_precision_score(truth, p)) if two else None
    p = one.ways["P"][known]
    made["low"], made["high"] = _interval(p, truth, one.plate[known], seed)
    unclear = (p > 0.05) & (p < 0.95)
    made["unclear"] = int(unclear.sum())
    made["unclear ece"] = calibration_error(p[unclear], truth[unclear]) if unclear.any() else None
    return made


def _interval(p: Floats, truth: Floats, plate: NDArray[np.str_], seed: int) -> tuple[float, float]:
    """95% interval of the calibration error, from bootstrap samples of plates."""
    names, code = np.unique(plate, return_inverse=True)
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(code == i) for i in range(len(names))]
    drawn = []
    for _ in range(SAMPLES):
        rows = np.concatenate([members[i] for i in rng.integers(0, len(names), len(names))])
        drawn.append(calibration_error(p[rows], truth[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def told_in_tables(rows: Sequence[dict[str, Any]], merged: dict[str, Asked], bench: Bench) -> str:
    """The tables and what they rest on."""
    n_plates = len(np.unique(np.concatenate([one.plate for one in merged.values()])))
    head = (
        f"Real SDSS galaxies of the development set, {bench.folds} folds by plate ({n_plates} plates, seed "
        f"{bench.seed}): each spectrum is answered by a base without its plate. Truth: whether the catalog's own "
        "columns meet the condition; the catalog was measured on the same spectra, so a measurement of the same "
        f"pixels repeats part of its noise. ECE: {BINS} bins of equal width, 95% interval from {SAMPLES} bootstrap "
        "samples of plates. Unclear: objects with P from .05 to .95, and the ECE among them alone.\n\n"
    )
    lines = [
        "| condition | n | meet it | ECE | Brier | AUC | AP | unclear | ECE of these |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        ece = f"{r['P ece']:.4f} [{r['low']:.4f}, {r['high']:.4f}]"
        better = f"{r['P brier']:.4f} | {_shown(r['P auc'])} | {_shown(r['P ap'])}"
        unclear = f"{r['unclear']} | {_shown(r['unclear ece'])}"
        lines.append(f"| `{r['condition']}` | {r['n']} | {r['positives']} | {ece} | {better} | {unclear} |")
    beside = [
        "| condition | " + " | ".join(f"{title}: ECE, Brier" for title in WAYS.values()) + " |",
        "|---" * (1 + len(WAYS)) + "|",
    ]
    for r in rows:
        cells = [f"{r[f'{way} ece']:.4f}, {r[f'{way} brier']:.4f}" for way in WAYS]
        beside.append(f"| `{r['condition']}` | " + " | ".join(cells) + " |")
    said = [r for r in rows if r["positives"] >= 30]
    worst = max(said, key=lambda r: r["P ece"]) if said else None
    summary = ""
    if worst is not None:
        good, whole = sum(r["P ece"] <= 0.03 for r in said), sum(r["high"] <= 0.03 for r in said)
        summary = (
            f"\n\nOf {len(said)} conditions that 30 objects or more meet, {good} have an ECE of at most .03, {whole} "
            f"with the whole interval; the largest is {worst['P ece']:.4f} (`{worst['condition']}`)."
        )
    return (
        head
        + "\n".join(lines)
        + summary
        + "\n\nBeside other ways, on the same objects:\n\n"
        + "\n".join(beside)
    )


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
