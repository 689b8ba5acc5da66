"""Lenses beside matched controls: how many are found at which S/N of their lines, and what a find is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.studies.lens.figure import draw
from experiments.studies.lens.queries import BINS, LINES, LensQueries, ask, extra_controls
from experiments.studies.setting import Setting
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.rates import auc, proportion, purity

#: One lens in so many red galaxies.
PREVALENCE = 1e-3
#: Share of false alarms that thresholds are set to, on controls of the training part, and on other mock controls.
RATE, RARE = 0.01, 0.001
METHODS = ("hunt", "lines alone")
AT_RATE, AT_HALF, AT_RARE = "1% of training controls", "P >= 0.5", "0.1% of other mocks"


@dataclass(frozen=True)
class Pooled:
    """One method's answers of all seeds and folds of a part, and the thresholds.

    Attributes:
        score: Kind of query ("controls" or a key of `LINES`) to scores, larger more lens-like.
        called: Kind, then threshold, to whether it is called a lens.
    """

    score: dict[str, NDArray[np.float64]]
    called: dict[str, dict[str, NDArray[np.bool_]]]


def study(setting: Setting) -> Evaluation:
    """Completeness, false alarms, purity and redshifts of lens hunts, on mock and on real red galaxies."""
    parts = ["mock", *(["real"] if setting.real else [])]
    steps, done = len(parts) * setting.seeds, 0
    rows: list[dict[str, Any]] = []
    for part in parts:
        asked: list[LensQueries] = []
        for seed in range(setting.seeds):
            setting.tell(done, steps, f"lens hunts, {part} {seed + 1}")
            asked += ask(setting, part, seed)
            done += 1
        rows += list(_figures(part, asked))
        draw(setting.folder / f"lens-{part}.png", part, rows)
    setting.tell(done, steps, "lens hunts")
    return Evaluation(tuple(rows), _text(setting, rows))


def _figures(part: str, asked: Sequence[LensQueries]) -> Iterator[dict[str, Any]]:
    hosts = {kind: np.concatenate([a.host[kind] for a in asked]) for kind in ("controls", *LINES)}
    plates = {kind: np.concatenate([a.plate[kind] for a in asked]) for kind in hosts}
    sn = {kind: np.concatenate([a.sn[kind] for a in asked]) for kind in LINES}
    extra = extra_controls(asked)
    for method in METHODS:
        pooled, rare = _pooled(method, asked, extra)
        about = {"part": part, "method": method}
        alarms = {}
        for threshold, called in pooled.called["controls"].items():
            own = proportion(called, hosts["controls"])
            alarms[threshold] = own
            yield about | {"figure": "false alarms", "threshold": threshold} | own
            if threshold in rare:
                alarms[threshold] = proportion(rare[threshold], np.arange(len(rare[threshold])).astype(str))
                yield (
                    about
                    | {"figure": "false alarms, other mocks", "threshold": threshold}
                    | alarms[threshold]
                )
        for lines in LINES:
            for low, high in _bins():
                here = (sn[lines] >= low) & (sn[lines] < high)
                where = about | {"lines": lines, "sn_low": low, "sn_high": high}
                if not here.any():
                    continue
                score = pooled.score[lines][here], pooled.score["controls"]
                yield where | {"figure": "AUC"} | auc(*score, plates[lines][here], plates["controls"])
                for threshold, called in pooled.called[lines].items():
                    found = proportion(called[here], hosts[lines][here])
                    yield where | {"figure": "completeness", "threshold": threshold} | found
                    if (low, high) in ((BINS[0], BINS[-1]), (10.0, BINS[-1])):
                        worth = purity(found, alarms[threshold], PREVALENCE)
                        yield where | {"figure": "purity", "threshold": threshold} | worth
    yield from _redshifts(part, asked, hosts["told"], sn["told"])


def _redshifts(
    part: str, asked: Sequence[LensQueries], host: NDArray, sn: NDArray
) -> Iterator[dict[str, Any]]:
    """How often the first candidate, or one of three, has the redshift of the galaxy behind."""
    right = np.concatenate([a.right for a in asked])
    for low, high in _bins():
        here = (sn >= low) & (sn < high)
        for n in (1, 3) if here.any() else ():
            yield {
                "part": part, "method": "lines alone", "figure": f"redshift among first {n}", "lines": "told",
                "sn_low": low, "sn_high": high, **proportion(right[here][:, :n].max(axis=1), host[here]),
            }  # fmt: skip


def _pooled(
    method: str, asked: Sequence[LensQueries], extra: dict[str, NDArray[np.float64]]
) -> tuple[Pooled, dict[str, NDArray[np.bool_]]]:
    """Scores and calls at every threshold; and the calls among other mock controls that set no threshold."""
    kinds = ("controls", *LINES)
    score = {kind: np.concatenate([a.score[method][kind] for a in asked]) for kind in kinds}
    called: dict[str, dict[str, NDArray[np.bool_]]] = {kind: {} for kind in kinds}
    for kind in kinds:
        called[kind][AT_RATE] = np.concatenate(
            [a.score[method][kind] > np.quantile(a.training[method], 1 - RATE) for a in asked]
        )
        if method == "hunt":
            called[kind][AT_HALF] = np.concatenate([a.is_target[kind] for a in asked])
    rare: dict[str, NDArray[np.bool_]] = {}
    if method in extra:
        # Every second sets the threshold, the others say what it does.
        limit = np.quantile(extra[method][::2], 1 - RARE)
        for kind in kinds:
            called[kind][AT_RARE] = score[kind] > limit
        rare[AT_RARE] = extra[method][1::2] > limit
        rare[AT_RATE] = np.concatenate(
            [a.extra[method] > np.quantile(a.training[method], 1 - RATE) for a in asked]
        )
        if method == "hunt":
            rare[AT_HALF] = np.concatenate([a.extra_is_target for a in asked])
    return Pooled(score, called), rare


def _bins() -> list[tuple[float, float]]:
    return [*pairwise(BINS), (BINS[0], BINS[-1]), (10.0, BINS[-1])]


# --- text -----------------------------------------------------------------------------------------------------------


def _text(setting: Setting, rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        "Lenses beside matched controls: each queried red galaxy is asked about as it is (control) and with the",
        "lines of a galaxy behind it (lens): same host, redshift and S/N. Lenses are injected, in mock and in real",
        "hosts. Bases hold other plates, half of them lenses with line S/N 8-60. S/N: of the strongest line,",
        "log-uniform in 3-30. Lines told: those of a star-forming galaxy, which detector and base know. NOT told:",
        'Lyman alpha, or C IV, He II and C III]. "hunt": `spectrove hunt --target strong_lens`, encoders base and',
        'surprise. "lines alone": joint S/N of the best second redshift in the residual, without votes; the',
        "common residual of the base's galaxies is subtracted. False alarms are rates among controls.",
        f"{setting.seeds} seed{'s' * (setting.seeds > 1)}, K = {setting.k}; 95% intervals: binomial (each host counted "
        "once), of AUC by bootstrap over plates.",
    ]
    for part in dict.fromkeys(row["part"] for row in rows):
        own = [row for row in rows if row["part"] == part]
        hosts = (
            "mock red galaxies, recipe test"
            if part == "mock"
            else "real SDSS quiescent and BOSS galaxies, 5 folds by plate"
        )
        lines += ["", f"== {part}: {hosts}; injected lenses", *_tables(own)]
    return "\n".join(lines)


def _tables(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    binned = [r for r in rows if "sn_low" in r]
    bins = sorted(dict.fromkeys(map(_bin, binned)), key=lambda b: (b not in pairwise(BINS), b))
    yield "line S/N".ljust(65) + "".join(f"{low:g}-{high:g}".rjust(17) for low, high in bins)
    keys = dict.fromkeys(map(_key, binned))
    for figure, method, told, threshold in sorted(keys, key=lambda k: (_ORDER.index(k[0]), k[1:])):
        at = f" at {threshold}" if threshold else ""
        cells = []
        for b in bins:
            same = [r for r in rows if _key(r) == (figure, method, told, threshold) and _bin(r) == b]
            cells.append(_cell(same[0], 3 if figure == "purity" else 2).rjust(17) if same else "".rjust(17))
        yield f"{figure}, {method}, {'' if told == 'told' else 'NOT '}told{at}".ljust(65) + "".join(cells)
    for row in rows:
        if row["figure"].startswith("false alarms"):
            yield f"{row['figure']}, {row['method']} at {row['threshold']}: {_cell(row, 4)} of {row['n']}"
    yield f"purity is at a prevalence of {PREVALENCE:g}, from the false alarms of other mocks where there are such,"
    yield "else from those of the real controls, whose number cannot show a rate much below 1/n."


def _bin(row: dict[str, Any]) -> tuple[float, float]:
    return row.get("sn_low", 0.0), row.get("sn_high", 0.0)


def _key(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["figure"], row["method"], row.get("lines", ""), row.get("threshold", "")


_ORDER = ("completeness", "AUC", "purity", "redshift among first 1", "redshift among first 3")


def _cell(row: dict[str, Any], digits: int) -> str:
    value, low, high = (f"{row[name]:.{digits}f}".replace("0.", ".", 1) for name in ("value", "low", "high"))
    return f"{value} [{low} {high}]"
