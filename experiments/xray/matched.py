"""How well mock X-ray sources match the real ones of MUWCLASS: each number alone, and all of them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.xray.bench import Bench
from experiments.xray.colours import NAMES, of_mock, of_muwclass
from spectrove.xray.mock import draw, instruments, load_recipe, observe
from spectrove.xray.mock.recipe import CLASSES, MockRecipe

Floats = NDArray[np.float64]

#: Mock sources of a class, folds of the classifier, and the seed of the mocks, which is not that of the fit.
N, FOLDS, SEED = 1000, 5, 4711


def run(bench: Bench) -> Section:
    """Kolmogorov-Smirnov distances per class and number, and the AUC of a classifier of mock against real."""
    kinds, real = of_muwclass(bench.xray)
    rows: list[dict[str, Any]] = []
    for kind in CLASSES:
        bench.say(f"match: {kind}")
        mine = real[kinds == kind]
        mock = of_class(kind, min(N, bench.fast) if bench.fast else N)
        rows.append({"class": kind, "n_real": len(mine), "n_mock": len(mock), **compared(mine, mock)})
    return Section("Mock against real sources", tuple(rows), text(rows))


def of_class(kind: str, n: int) -> Floats:
    """`colours.NAMES` of n mock sources of one class, of the default recipe without oddities."""
    whole = load_recipe().model_dump() | {"shares": {kind: 1.0}, "oddities": {}}
    recipe = MockRecipe.model_validate(whole)
    return of_mock(observe(draw(n, recipe, SEED), recipe, SEED, instruments("own")), n)


def compared(real: Floats, mock: Floats) -> dict[str, float]:
    """KS distance and p-value of each number, medians of both, and the AUC with its standard error."""
    from scipy.stats import ks_2samp

    out: dict[str, float] = {}
    for i, name in enumerate(NAMES):
        test = ks_2samp(real[:, i], mock[:, i])
        out |= {f"ks_{name}": float(test.statistic), f"p_{name}": float(test.pvalue)}
        out |= {f"real_{name}": float(np.median(real[:, i])), f"mock_{name}": float(np.median(mock[:, i]))}
    auc, error = told_apart(real, mock)
    fluxes, fluxes_error = told_apart(real[:, :4], mock[:, :4])
    colours, colours_error = told_apart(real[:, :3], mock[:, :3])
    out |= {"auc": auc, "auc_error": error, "auc_no_sn": fluxes, "auc_no_sn_error": fluxes_error}
    return out | {"auc_colours": colours, "auc_colours_error": colours_error}


def told_apart(real: Floats, mock: Floats) -> tuple[float, float]:
    """AUC of a random forest of mock against real, out of fold, and its standard error (Hanley & McNeil 1982)."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    values, label = np.vstack([real, mock]), np.repeat([1, 0], [len(real), len(mock)])
    forest = RandomForestClassifier(100, min_samples_leaf=5, class_weight="balanced", random_state=SEED)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    chance = cross_val_predict(forest, values, label, cv=folds, method="predict_proba")[:, 1]
    auc = float(roc_auc_score(label, chance))
    m, n = len(real), len(mock)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (auc * (1 - auc) + (m - 1) * (q1 - auc**2) + (n - 1) * (q2 - auc**2)) / (m * n)
    return auc, float(np.sqrt(variance))


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The table, and what does not match."""
    titles = {"hr_hs": "HR hs", "hr_hm": "HR hm", "hr_ms": "HR ms", "log_flux": "log F", "log_sn": "log S/N"}
    lines = [
        f"Five numbers of each source: hardness ratios of energy fluxes (.5-1.2, 1.2-2, 2-7 keV), log flux (.5-7 keV, "
        f"erg/s/cm2) and log S/N; mock ones measured from the counts of the default recipe (no oddities, seed {SEED}, "
        "responses of the package). KS: largest distance of the cumulative distributions, with an asterisk where it is "
        f"significant at 1% (p < .01). AUC: a random forest, {FOLDS} folds, of mock against real, .5 being "
        "indistinguishable. The recipe was fitted to these same real sources: this is a fit, not a test.",
        "",
        "| class | real | "
        + " | ".join(f"KS {titles[n]}" for n in NAMES)
        + " | AUC | AUC without S/N | AUC colours alone |",
        "|---|---|" + "---|" * (len(NAMES) + 3),
    ]
    for row in rows:
        cells = [f"{row[f'ks_{n}']:.2f}" + ("*" if row[f"p_{n}"] < 0.01 else "") for n in NAMES]
        both = [f"{row[k]:.2f} +- {row[f'{k}_error']:.2f}" for k in ("auc", "auc_no_sn", "auc_colours")]
        lines.append(f"| {row['class']} | {row['n_real']} | " + " | ".join([*cells, *both]) + " |")
    worst = sorted(
        ((row[f"ks_{n}"], row["class"], n, row) for row in rows for n in NAMES if row[f"p_{n}"] < 0.01),
        key=lambda item: -item[0],
    )
    said = [
        f"{kind} {titles[name]} (median {row[f'real_{name}']:.2f} real, {row[f'mock_{name}']:.2f} mock)"
        for _, kind, name, row in worst[:6]
    ]
    lines += [
        "",
        "What does not match, largest first: " + ("; ".join(said) if said else "nothing at 1%") + ".",
    ]
    return "\n".join(lines)
