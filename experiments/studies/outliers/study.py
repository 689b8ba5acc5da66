"""The study `outliers`: who finds spectra of odd kinds among ordinary ones, and who says rightly why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from experiments.baselines.outlier_scores import OUTLIER_BASELINES, PREPROCESS, binned
from experiments.studies.outliers.figure import write_figure
from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.errors import SpectrumError
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.protocol import not_trained_on
from spectrove.evaluation.rates import share_of
from spectrove.galaxies.mock import OUTLIER_KINDS, inject_outlier
from spectrove.galaxies.oddities.reasons import DESIGNED_ON
from spectrove.pipeline.shipped import load_encoder
from spectrove.preprocess import prepare
from spectrove.spectra import SpectrumSet

#: Injected kind to the reasons that count as right; written before anything was evaluated.
RIGHT: Mapping[str, tuple[str, ...]] = {
    "calibration_jump": ("artefact: calibration",),
    "star_blend": ("blend or second redshift",),
    "quasar_blend": ("blend or second redshift",),
    "double_peaks": ("line width",),
    "broad_lines": ("line width",),
    "extreme_emission": ("line ratio",),
    "strong_nad": ("line ratio",),
    "post_starburst": ("continuum",),
    "supernova": ("continuum", "blend or second redshift"),
    "dust": ("continuum",),
    "wrong_redshift": ("wrong redshift",),
    "odd_ratios": ("line ratio",),
}

#: False alarms at which recall is quoted.
FALSE_ALARMS = 0.01

#: Injected spectra of each kind and seed, as far as there are hosts.
PER_KIND = 60

#: Inner folds that say how spectra which a baseline has not seen score.
_INNER = 3

_OURS = "spectrove"
_RESAMPLES = 300


@dataclass(frozen=True)
class OutlierQueries:
    """What every method said of the queries of one part, all seeds and folds after each other.

    Attributes:
        kind: Injected kind, "none" for controls; (n_queries,).
        host: Who was asked about, as it is or changed: repetitions ask about the same real hosts.
        group: Plate.
        score: Method to scores, less the threshold of its fold; so above 0 is an alarm.
        rank: Method to the share of the fold's ordinary spectra that score higher; (n_queries,), for AUC over folds.
        reason: Ours, "" for controls.
    """

    kind: NDArray[np.str_]
    host: NDArray[np.str_]
    group: NDArray[np.str_]
    score: dict[str, NDArray[np.float64]]
    rank: dict[str, NDArray[np.float64]]
    reason: NDArray[np.str_]


def study(setting: Setting) -> Evaluation:
    """Injected kinds in mock and in real hosts, beside hosts that are left as they are."""
    parts = ["mock"] + ["real"] * (setting.real is not None)
    rows: list[dict[str, Any]] = []
    texts = []
    for part in parts:
        answers = []
        for seed in range(setting.seeds):
            answers += _ask(setting, part, seed)
        asked = _joined(answers)
        found = _rows(part, asked, setting.seeds)
        write_figure(setting.folder / f"outliers-{part}.png", part, found, FALSE_ALARMS)
        rows += found
        texts.append(_text(part, found, asked, setting.seeds))
    return Evaluation(tuple(rows), "\n\n".join(texts))


def _ask(setting: Setting, part: str, seed: int) -> list[OutlierQueries]:
    """The answers of one repetition, fold by fold."""
    problem = setting.data.problem(part, "classes", seed)
    hosts = problem.spectra
    may = not_trained_on(load_encoder("base"), hosts.object_id) & (hosts.z > 0)
    may &= np.array([v is not True for v in _column(hosts, "lens_candidate")])
    queries = np.concatenate([fold.queries for fold in problem.folds])
    kinds = _kinds(hosts, queries[may[queries]], seed)
    answers = []
    for i, fold in enumerate(problem.folds):
        setting.tell(i, len(problem.folds), f"outliers in {part} hosts, seed {seed + 1}")
        asked = fold.queries[may[fold.queries]]
        injected, kind = _injected(hosts, asked, kinds, seed)
        controls = hosts.take(asked)
        every = SpectrumSet.concatenate([controls, injected])
        truth = np.array(["none"] * len(controls) + kind)
        places = np.concatenate([asked, _places(hosts, injected)])
        # Two mock surveys may use the same ids and plate numbers.
        own_survey = f"{seed}:" if part == "mock" else ""
        host = np.array([own_survey + name.removesuffix(":odd") for name in every.object_id.tolist()])
        group = np.array([own_survey + name for name in problem.groups[places].tolist()])
        answers.append(
            _fold(hosts.take(fold.base), problem.groups[fold.base], every, truth, host, group, seed)
        )
    return answers


def _kinds(hosts: SpectrumSet, queries: NDArray[np.int64], seed: int) -> dict[int, str]:
    """Which host carries what: as many of each kind, by chance."""
    order = np.random.default_rng(seed).permutation(queries)[: PER_KIND * len(OUTLIER_KINDS)]
    return {int(row): OUTLIER_KINDS[i % len(OUTLIER_KINDS)] for i, row in enumerate(order)}


def _injected(
    hosts: SpectrumSet, rows: NDArray[np.int64], kinds: Mapping[int, str], seed: int
) -> tuple[SpectrumSet, list[str]]:
    """Hosts turned into outliers, under ids of their own, and their kinds."""
    spectra, made = [], []
    for row in rows.tolist():
        if row not in kinds:
            continue
        host = hosts[row]
        rng = np.random.default_rng([seed, 11, *host.object_id.encode()])
        try:
            changed = inject_outlier(host, kinds[row], rng)
        except SpectrumError:
            continue  # a host without good pixels can carry nothing
        spectra.append(replace(changed, object_id=f"{host.object_id}:odd"))
        made.append(kinds[row])
    return SpectrumSet.from_spectra(spectra), made


def _places(hosts: SpectrumSet, injected: SpectrumSet) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(hosts.object_id.tolist())}
    return np.array([place[name.removesuffix(":odd")] for name in injected.object_id.tolist()], dtype=int)


def _column(spectra: SpectrumSet, name: str) -> list[Any]:
    return spectra.column(name) if name in spectra.rows.column_names else [None] * len(spectra)


def _fold(
    ordinary: SpectrumSet,
    groups: NDArray[np.str_],
    queries: SpectrumSet,
    truth: NDArray,
    host: NDArray,
    group: NDArray,
    seed: int,
) -> OutlierQueries:
    """What every method says of the queries of one fold; those that a method cannot take are dropped for all."""
    base, _ = pipeline.create("memory://base", [ordinary])
    said = {a.object_id: a for a in pipeline.outliers(base, queries)}
    prepared, _ = prepare(queries, PREPROCESS)
    keep = np.array([name in said and name in set(prepared.object_id.tolist()) for name in queries.object_id])
    answers = [said[name] for name in queries.object_id[keep].tolist()]
    p = np.array([a.p_value for a in answers])
    # Ranks decide the alarm; scores order those that no object of the base exceeds.
    score = {_OURS: FALSE_ALARMS - p + 1e-12}
    rank = {_OURS: -p + 1e-6 * np.tanh(np.array([a.score for a in answers]))}
    taken = prepared.take(np.isin(prepared.object_id, queries.object_id[keep]))
    known, _ = prepare(ordinary, PREPROCESS)
    place = {name: i for i, name in enumerate(ordinary.object_id.tolist())}
    plates = groups[[place[name] for name in known.object_id.tolist()]]
    for name in OUTLIER_BASELINES:
        own, theirs = _baseline(name, binned(known), plates, binned(taken), seed)
        higher = (own[None] >= theirs[:, None]).sum(axis=1)
        score[name] = FALSE_ALARMS - (1 + higher) / (1 + len(own)) + 1e-12
        spread = max(float(own.std()), 1e-9)
        rank[name] = -(1 + higher) / (1 + len(own)) + 1e-6 * np.tanh((theirs - own.mean()) / spread / 10)
    reason = [a.reason if t != "none" else "" for a, t in zip(answers, truth[keep], strict=True)]
    return OutlierQueries(truth[keep], host[keep], group[keep], score, rank, np.array(reason, dtype=str))


def _baseline(
    name: str, known: tuple, plates: NDArray[np.str_], asked: tuple, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of the ordinary spectra, each by a fit that has not seen its plate, and of the queries by a fit to all."""
    flux, ivar = known
    own = np.empty(len(flux))
    for train, test in GroupKFold(_INNER).split(flux, groups=plates):
        method = OUTLIER_BASELINES[name]()
        method.fit(flux[train], ivar[train], seed)
        own[test] = method.score(flux[test], ivar[test])
    method = OUTLIER_BASELINES[name]()
    method.fit(flux, ivar, seed)
    return own, np.asarray(method.score(*asked), np.float64)


def _joined(parts: Sequence[OutlierQueries]) -> OutlierQueries:
    def join(name: str) -> NDArray:
        return np.concatenate([getattr(p, name) for p in parts])

    methods = parts[0].score
    return OutlierQueries(
        join("kind"), join("host"), join("group"),
        {m: np.concatenate([p.score[m] for p in parts]) for m in methods},
        {m: np.concatenate([p.rank[m] for p in parts]) for m in methods},
        join("reason"),
    )  # fmt: skip


def _rows(part: str, asked: OutlierQueries, seeds: int) -> list[dict[str, Any]]:
    """One figure each: false alarms, recall of each kind, area under the curve, right reasons."""
    rows = []
    odd = asked.kind != "none"
    sets = {
        "all kinds": odd, "designed on": np.isin(asked.kind, DESIGNED_ON),
        "held out": odd & ~np.isin(asked.kind, DESIGNED_ON),
        **{kind: asked.kind == kind for kind in OUTLIER_KINDS},
    }  # fmt: skip
    for method, score in asked.score.items():
        alarm = score >= 0
        about = {"part": part, "seeds": seeds, "method": method}
        rows.append(
            {**about, "figure": "false alarms", "kinds": "none", **_share(alarm[~odd], asked.host[~odd])}
        )
        for name, chosen in sets.items():
            rows.append(
                {**about, "figure": "recall", "kinds": name, **_share(alarm[chosen], asked.host[chosen])}
            )
            if method == _OURS:
                seen = chosen & alarm
                right = np.array(
                    [r in RIGHT[k] for r, k in zip(asked.reason[seen], asked.kind[seen], strict=True)], bool
                )
                rows.append(
                    {**about, "figure": "right reason", "kinds": name, **_share(right, asked.host[seen])}
                )
        for name in ("all kinds", "designed on", "held out"):
            chosen = sets[name] | ~odd
            auc = _area(odd[chosen], asked.rank[method][chosen], asked.group[chosen])
            rows.append({**about, "figure": "auc", "kinds": name, **auc})
    return rows


def _share(hits: NDArray[np.bool_], host: NDArray[np.str_]) -> dict[str, Any]:
    """A share with its 95% interval, in which a host counts once however often it is asked about."""
    return share_of(float(hits.mean()) if len(hits) else 0.0, len(set(host.tolist())))


def _area(odd: NDArray[np.bool_], rank: NDArray[np.float64], group: NDArray[np.str_]) -> dict[str, Any]:
    """Area under the curve with its 95% interval: plates drawn with replacement."""
    names, at = np.unique(group, return_inverse=True)
    members = [np.flatnonzero(at == i) for i in range(len(names))]
    rng = np.random.default_rng(0)
    spread = []
    for _ in range(_RESAMPLES):
        chosen = np.concatenate([members[i] for i in rng.integers(len(names), size=len(names))])
        if 0 < odd[chosen].sum() < len(chosen):
            spread.append(roc_auc_score(odd[chosen], rank[chosen]))
    low, high = np.percentile(spread, [2.5, 97.5]) if spread else (np.nan, np.nan)
    return {
        "value": float(roc_auc_score(odd, rank)), "low": float(low), "high": float(high), "n": len(odd)
    }  # fmt: skip


def _text(part: str, rows: Sequence[Mapping[str, Any]], asked: OutlierQueries, seeds: int) -> str:
    """The table for people."""
    value = {(r["method"], r["figure"], r["kinds"]): r for r in rows}
    n_odd, n_none = int((asked.kind != "none").sum()), int((asked.kind == "none").sum())
    where = (
        "mock hosts of recipe test, base and queries on plates of their own"
        if part == "mock"
        else "real SDSS hosts, 5 folds by plate; the oddness is injected, the hosts are real and left alone as controls"
    )
    lines = [
        f"outliers, {part}: {n_odd} injected and {n_none} left alone in {where}; {seeds} seed(s).",
        "The base is the hosts of the other plates, without injection; they set the threshold of 1% false alarms, each",
        "scored without its own plate. No method sees a label. Intervals are 95%: Wilson for shares, each of n hosts",
        "counted once; plates drawn with replacement for areas. Reasons were designed on",
        f"{', '.join(DESIGNED_ON)} in mocks of recipe train;",
        "kinds marked * were held out (but the surprise features are older and were made knowing all kinds, and the",
        "list of a galaxy's own faint lines was completed after a first look at their reasons).",
        "",
        f"{'kind':<18}{'n':>5}  {'recall at 1% false alarms':<27}{'right reason among found':<27}"
        + "".join(f"{m:<22}" for m in OUTLIER_BASELINES),
    ]
    for kind in (*OUTLIER_KINDS, "designed on", "held out", "all kinds"):
        ours, right = value[_OURS, "recall", kind], value[_OURS, "right reason", kind]
        star = "*" if kind in OUTLIER_KINDS and kind not in DESIGNED_ON else ""
        others = "".join(f"{_said(value[m, 'recall', kind]):<22}" for m in OUTLIER_BASELINES)
        lines.append(f"{kind + star:<18}{ours['n']:>5}  {_said(ours):<27}{_said(right):<27}{others}")
    alarms = "".join(f"{_said(value[m, 'false alarms', 'none']):<22}" for m in OUTLIER_BASELINES)
    ours = value[_OURS, "false alarms", "none"]
    lines.append(f"{'false alarms':<18}{ours['n']:>5}  {_said(ours):<54}{alarms}")
    for name in ("all kinds", "designed on", "held out"):
        areas = "".join(f"{_said(value[m, 'auc', name]):<22}" for m in OUTLIER_BASELINES)
        lines.append(f"{'AUC, ' + name:<23}  {_said(value[_OURS, 'auc', name]):<54}{areas}")
    lines += ["", *(f"{name}: {method.note}." for name, method in OUTLIER_BASELINES.items())]
    return "\n".join(lines)


def _said(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return "-"
    return f"{row['value']:.2f} [{row['low']:.2f} {row['high']:.2f}]"
