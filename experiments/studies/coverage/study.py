"""Study `coverage`: do the intervals of estimates hold the value as often as they say, and how wide are they?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.baselines.numbers import BASELINES
from experiments.samples.surveys import FOLDS, GROUP
from experiments.studies.coverage.figure import draw
from experiments.studies.coverage.text import LEVELS, table_text
from experiments.studies.setting import Setting
from spectrove.encoders import Encoder
from spectrove.errors import DatasetError
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.protocol import group_folds, not_trained_on, stripped
from spectrove.evaluation.rates import share_of
from spectrove.galaxies.quantities import QUANTITIES
from spectrove.inference.numbers.conformal import SN_BORDERS, signal_to_noise
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import Embedded, embed, estimate
from spectrove.pipeline.shipped import load_encoder

#: What is estimated.
ASKED = ("d4000n", "hdelta_a", "ha_ew", "vdisp")

#: Levels that are drawn, those that are scored among them.
DRAWN = (0.2, 0.4, 0.5, 0.6, 0.68, 0.8, 0.9, 0.95)

#: Resamples of the plates for the intervals of errors.
RESAMPLES = 300

OURS = "neighbours"

Row = dict[str, Any]


@dataclass(frozen=True)
class ScoredEstimates:
    """Answers to every query of a part, one repetition.

    Attributes:
        value: Catalog values, (n,).
        truth: What is true of a mock, NaN elsewhere, (n,).
        sn: Signal-to-noise, (n,).
        group: Plates, (n,).
        predicted: Method to answers, (n,).
        low, high: Level to limits, (n,).
        confident: (n,).
    """

    value: NDArray[np.float64]
    truth: NDArray[np.float64]
    sn: NDArray[np.float64]
    group: NDArray[np.str_]
    predicted: dict[str, NDArray[np.float64]]
    low: dict[float, NDArray[np.float64]]
    high: dict[float, NDArray[np.float64]]
    confident: NDArray[np.bool_]


def study(setting: Setting) -> Evaluation:
    """Coverage and width in bins of S/N, and errors beside ridge and random forest, on mocks and real spectra."""
    encoder = load_encoder("base")
    parts = ["mock", *(["real"] if setting.real is not None else [])]
    rows: list[Row] = []
    total, done = len(parts) * setting.seeds * FOLDS, 0
    for part in parts:
        found: dict[str, list[ScoredEstimates]] = {name: [] for name in ASKED}
        for seed in range(setting.seeds):
            pieces: dict[str, list[ScoredEstimates]] = {name: [] for name in ASKED}
            for answers in _folds(setting, part, seed, encoder):
                for name, answered in answers.items():
                    pieces[name].append(answered)
                done += 1
                setting.tell(done, total, f"{part}, seed {seed}")
            for name in ASKED:
                found[name].append(_joined(pieces[name]))
        for name in ASKED:
            rows += _coverage_rows(part, name, found[name]) + _error_rows(part, name, found[name])
        draw(setting.folder / f"coverage_{part}.png", part, {n: _curve(found[n], part) for n in ASKED})
    about = (
        f"Intervals and errors of `spectrove estimate`, encoder {encoder.name}, {setting.seeds} seed(s), {FOLDS} folds "
        f"by plate;\nmock surveys of {setting.n_mock} spectra."
    )
    return Evaluation(tuple(rows), table_text(rows, about, parts, ASKED))


# --- asking -------------------------------------------------------------------------------------------------


def _folds(setting: Setting, part: str, seed: int, encoder: Encoder) -> Iterator[dict[str, ScoredEstimates]]:
    """Answers of each fold: a base of the other plates, asked through the same function as the command."""
    problem = setting.data.problem(part, "classes", seed)
    spectra = problem.spectra.take(not_trained_on(encoder, problem.spectra.object_id))
    made = embed(spectra, encoder)
    for fold in group_folds(made.spectra, GROUP, FOLDS, seed):
        known, vectors = made.spectra.take(fold.base), made.embeddings.take(fold.base)
        base = KnowledgeBase.in_memory(known, {"shape": vectors}, encoder=encoder.name)
        yield {name: _ask(base, made, fold.queries, name, encoder, seed) for name in ASKED}


def _ask(
    base: KnowledgeBase, made: Embedded, queries: NDArray[np.int64], name: str, encoder: Encoder, seed: int
) -> ScoredEstimates:
    known = base.rows(None, [name])
    values = dict(
        zip(
            known.column("object_id").to_pylist(), _numbers(known.column(name).to_pylist(), name), strict=True
        )
    )
    truth = _numbers(made.spectra.column(name), name)
    asked = queries[np.isfinite(truth[queries])]
    if not len(asked):
        raise DatasetError(f"coverage: no query has a value in {name}. Ask spectra whose catalog has one.")
    spectra = made.spectra.take(asked)
    first = estimate(base, stripped(spectra), name, encoder=encoder)
    if first.spectra.object_id.tolist() != spectra.object_id.tolist():
        raise DatasetError("coverage: a query that was embedded before is refused now.")
    levels = {level: [e.interval for e in first.at(level)] for level in DRAWN}
    limits = {
        level: np.array([i if i else (-np.inf, np.inf) for i in found], dtype=float)
        for level, found in levels.items()
    }
    vectors = base.embeddings()
    y = np.array([values[i] for i in vectors.object_id.tolist()])
    x, y = vectors.vectors[np.isfinite(y)], y[np.isfinite(y)]
    predicted = {OURS: np.array([e.value for e in first], dtype=float)}
    for method, fit in BASELINES.items():
        predicted[method] = fit(x, y, seed)(made.embeddings.vectors[asked])
    real = f"truth_{name}" not in spectra.rows.column_names
    return ScoredEstimates(
        value=truth[asked],
        truth=np.full(len(asked), np.nan)
        if real
        else _numbers(spectra.column(f"truth_{name}"), f"truth_{name}"),
        sn=signal_to_noise(spectra),
        group=np.array([str(plate) for plate in spectra.column(GROUP)]),
        predicted=predicted,
        low={level: found[:, 0] for level, found in limits.items()},
        high={level: found[:, 1] for level, found in limits.items()},
        confident=np.array([e.confident for e in first]),
    )


def _numbers(values: list[Any], name: str) -> NDArray[np.float64]:
    """Values as floats, NaN where there is none or the quantity's limits say that it was not measured."""
    found = np.array([np.nan if v is None else v for v in values], dtype=float)
    quantity = QUANTITIES.get(name)
    if quantity and quantity.low is not None:
        found[~(found > quantity.low)] = np.nan
    if quantity and quantity.high is not None:
        found[~(found < quantity.high)] = np.nan
    return np.where(np.isfinite(found), found, np.nan)


def _joined(parts: list[ScoredEstimates]) -> ScoredEstimates:
    def all_of(name: str) -> Any:
        return np.concatenate([getattr(p, name) for p in parts])

    def each_of(name: str) -> Any:
        return {k: np.concatenate([getattr(p, name)[k] for p in parts]) for k in getattr(parts[0], name)}

    plain = {name: all_of(name) for name in ("value", "truth", "sn", "group", "confident")}
    return ScoredEstimates(**plain, **{name: each_of(name) for name in ("predicted", "low", "high")})


# --- scoring ------------------------------------------------------------------------------------------------


def sn_name(i: int) -> str:
    """What bin i of the borders is called."""
    edges = [f"{b:g}" for b in SN_BORDERS]
    if i == 0:
        return f"S/N < {edges[0]}"
    return f"S/N > {edges[-1]}" if i == len(edges) else f"S/N {edges[i - 1]}-{edges[i]}"


def _coverage_rows(part: str, name: str, repeats: list[ScoredEstimates]) -> list[Row]:
    rows = []
    for level in LEVELS:
        for i in (None, *range(len(SN_BORDERS) + 1)):
            hits, true_hits, widths, sizes = [], [], [], []
            for a in repeats:
                inside = np.searchsorted(SN_BORDERS, a.sn, "right")
                # A base that is too small gives no interval: nothing to score.
                member = np.isfinite(a.low[level]) & ((inside == i) if i is not None else True)
                low, high = a.low[level][member], a.high[level][member]
                hits.append((low <= a.value[member]) & (a.value[member] <= high))
                t = a.truth[member]
                true_hits.append(((low <= t) & (t <= high))[np.isfinite(t)])
                widths.append(high - low)
                sizes.append(int(member.sum()))
            # Repetitions on real spectra ask the same objects again; those on mocks ask others.
            n = sum(sizes) if part == "mock" else round(float(np.mean(sizes)))
            if n < 20:
                continue
            rows.append(
                {
                    "part": part, "quantity": name, "figure": "coverage", "method": OURS, "level": level,
                    "bin": "all" if i is None else sn_name(i),
                    **binomial(float(np.mean(np.concatenate(hits))), n, level),
                    "width": float(np.median(np.concatenate(widths))),
                    "mean_width": float(np.mean(np.concatenate(widths))),
                    "of_truth": float(np.mean(np.concatenate(true_hits))) if part == "mock" else None,
                }
            )  # fmt: skip
    return rows


def binomial(share: float, n: int, level: float) -> Row:
    """A share of n with its 95% binomial (Wilson) interval, and how many sigma it is off the level."""
    sigma = (share - level) / np.sqrt(level * (1 - level) / n)
    return {**share_of(share, n), "sigma": float(sigma)}


def _error_rows(part: str, name: str, repeats: list[ScoredEstimates]) -> list[Row]:
    """RMSE and NMAD of every method, with 95% intervals from resampled plates."""
    rows = []
    for method in repeats[0].predicted:
        for figure, of in (("rmse", _rmse), ("nmad", _nmad)):
            errors = [a.predicted[method] - a.value for a in repeats]
            values = [_plates_resampled(e, a.group, of) for e, a in zip(errors, repeats, strict=True)]
            low, high = np.percentile(np.mean(values, axis=0), [2.5, 97.5])
            rows.append(
                {
                    "part": part, "quantity": name, "figure": figure, "method": method, "level": None, "bin": "all",
                    "value": float(np.mean([of(e) for e in errors])), "low": float(low), "high": float(high),
                    "n": len(np.concatenate(errors)) if part == "mock" else len(errors[0]),
                }
            )  # fmt: skip
    rows.append(
        {
            "part": part, "quantity": name, "figure": "confident", "method": OURS, "level": None, "bin": "all",
            "value": float(np.mean(np.concatenate([a.confident for a in repeats]))), "low": None, "high": None,
            "n": sum(len(a.sn) for a in repeats),
        }
    )  # fmt: skip
    return rows


def _plates_resampled(errors: NDArray, groups: NDArray, figure: Any) -> NDArray[np.float64]:
    """The figure of RESAMPLES draws of whole plates with replacement."""
    rng = np.random.default_rng(0)
    order = np.argsort(groups, kind="stable")
    _, starts = np.unique(groups[order], return_index=True)
    members = np.split(order, starts[1:])
    draws = (rng.integers(len(members), size=len(members)) for _ in range(RESAMPLES))
    return np.array([figure(errors[np.concatenate([members[i] for i in draw])]) for draw in draws])


def _rmse(errors: NDArray) -> float:
    return float(np.sqrt(np.mean(errors**2)))


def _nmad(errors: NDArray) -> float:
    return float(1.4826 * np.median(np.abs(errors - np.median(errors))))


def _curve(repeats: list[ScoredEstimates], part: str) -> tuple[tuple[float, ...], list[float], int]:
    """Levels, how often their intervals held the value, and of how many objects."""
    held = []
    for level in DRAWN:
        inside = [
            ((a.low[level] <= a.value) & (a.value <= a.high[level]))[np.isfinite(a.low[level])]
            for a in repeats
        ]
        held.append(float(np.mean(np.concatenate(inside))) if any(len(i) for i in inside) else float("nan"))
    sizes = [len(a.sn) for a in repeats]
    return DRAWN, held, sum(sizes) if part == "mock" else sizes[0]
