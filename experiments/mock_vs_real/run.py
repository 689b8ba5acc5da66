"""How close mock galaxies come to real SDSS galaxies, and how well measure_lines agrees with the catalog.

    SPECTROVE_DATA=... python -m experiments mock_vs_real

Reads only the SDSS galaxies whose split is `train`, so that whoever improves the mocks by these figures has not
looked at `test`. Makes mocks in the same proportions of classes, prints tables, writes figures.json beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spectrove.galaxies.line_fit import measure_lines
from spectrove.galaxies.mock import MockRecipe, load_recipe, make_survey
from spectrove.galaxies.mock.labels import catalog_columns
from spectrove.pipeline.shipped import load_encoder
from spectrove.preprocess import Prepared, prepare
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet

#: Class of the catalog to the kind of mock galaxy.
KINDS = {
    "SF": "SF", "Composite": "Composite", "Seyfert2-like": "Seyfert", "LINER": "LINER", "quiescent": "quiescent",
}  # fmt: skip

#: Seeds of the mocks: none of those that shipped encoders were trained on.
BASE_SEED, QUERY_SEED = 501, 502
FOLDS = 5
QUANTITIES = ("ha_ew", "d4000n", "log_nii_ha", "log_oiii_hb")


def real_galaxies(data: Path) -> SpectrumSet:
    """SDSS galaxies of the train split with the columns of the index."""
    spectra, _ = read_spectra(
        data / "galaxies" / "sdss",
        catalogs=[data / "galaxies" / "index.csv"],
        where="split = 'train' AND \"class\" = 'GALAXY'",
    )
    return spectra


def mock_recipe(real: SpectrumSet) -> MockRecipe:
    """The default survey with the class fractions of the real sample and neither lenses nor outliers."""
    names = real.column("class_derived")
    counts = {kind: names.count(name) for name, kind in KINDS.items()}
    return load_recipe().model_copy(
        update={"shares": {k: n / sum(counts.values()) for k, n in counts.items()}}
    )


def measured(spectra: SpectrumSet) -> list[dict[str, Any]]:
    """What measure_lines says of each spectrum, under the names of a catalog."""
    return [catalog_columns(measure_lines(s, s.z)) if np.isfinite(s.z) else {} for s in spectra]


def table(rows: list[dict[str, Any]]) -> dict[str, NDArray]:
    """Columns as arrays, NaN where unknown, with the two line ratios where both lines have S/N > 3."""

    def get(name: str) -> NDArray[np.float64]:
        return np.array([np.nan if (v := row.get(name)) is None else v for row in rows], dtype=float)

    lines = {
        key: np.where(get(f"{key}_flux") > 3 * get(f"{key}_err"), get(f"{key}_flux"), np.nan)
        for key in ("ha", "hb", "nii", "oiii")
    }
    columns = {
        name: get(name)
        for name in ("ha_ew", "d4000n", "ha_flux", "nii_flux", "oiii_flux", "hb_flux", "sii_flux", "oi_flux")
    }
    columns |= {
        name: get(name)
        for name in ("ha_err", "nii_err", "oiii_err", "hb_err", "sii_err", "oi_err", "sn_median")
    }
    columns["log_nii_ha"] = np.log10(lines["nii"] / lines["ha"])
    columns["log_oiii_hb"] = np.log10(lines["oiii"] / lines["hb"])
    for name in ("class_derived", "bpt_class"):
        columns[name] = np.array([row.get(name) or "" for row in rows])
    return columns


def matched(real_class: NDArray, mock_class: NDArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of both with a class, the mocks thinned so that each class has the same share in both."""
    ratio = min((mock_class == name).sum() / max((real_class == name).sum(), 1) for name in KINDS)
    mocks = [
        np.flatnonzero(mock_class == name)[: round(ratio * (real_class == name).sum())] for name in KINDS
    ]
    return np.flatnonzero(np.isin(real_class, list(KINDS))), np.concatenate(mocks)


# --- what is compared --------------------------------------------------------------------------------


def told_apart(real: NDArray, mock: NDArray, plates: NDArray) -> dict[str, float]:
    """AUC of two classifiers, real against mock, no plate in both training and test; 0.5 is a perfect mock."""
    features = np.concatenate([real, mock]).astype(float)
    is_real = np.repeat([1, 0], [len(real), len(mock)])
    models = {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)),
        "boosted trees": HistGradientBoostingClassifier(max_iter=60, random_state=0),
    }
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return {
        name: float(
            roc_auc_score(
                is_real,
                cross_val_predict(model, features, is_real, groups=plates, cv=folds, method="predict_proba")[
                    :, 1
                ],
            )
        )
        for name, model in models.items()
    }


def nearest(
    query: NDArray, base: NDArray, query_plate: NDArray | None = None, base_plate: NDArray | None = None
) -> NDArray:
    """Distance of each query to the nearest of a base, leaving out its own plate where plates are given."""
    query, base = query.astype(float), base.astype(float)
    squares = (query**2).sum(1)[:, None] + (base**2).sum(1) - 2 * query @ base.T
    if query_plate is not None and base_plate is not None:
        squares[query_plate[:, None] == base_plate] = np.inf
    return np.sqrt(np.maximum(squares.min(axis=1), 0))


def distances(vectors: dict[str, NDArray], plates: dict[str, NDArray], real_class: NDArray) -> dict[str, Any]:
    """Nearest-neighbour distances in units of the mock's own median, and who lies beyond its 99%."""
    own = nearest(vectors["query"], vectors["base"])
    unit, limit = float(np.median(own)), float(np.percentile(own, 99))
    to_mock = nearest(vectors["real"], vectors["base"])
    to_real = nearest(vectors["real"], vectors["real"], plates["real"], plates["real"])
    result = {
        name: dict(
            zip(
                ("p5", "p50", "p95", "p99"),
                (np.percentile(d, [5, 50, 95, 99]) / unit).round(3).tolist(),
                strict=True,
            )
        )
        for name, d in (
            ("mock to mock", own),
            ("real to mock", to_mock),
            ("real to real, other plates", to_real),
        )
    }
    beyond = {name: float((to_mock[real_class == name] > limit).mean()) for name in (*KINDS, "")}
    return result | {
        "real beyond the mock's 99%": {
            "all": float((to_mock > limit).mean()),
            **{k or "no class": v for k, v in beyond.items()},
        }
    }


def percentiles(tables: dict[str, dict[str, NDArray]]) -> dict[str, Any]:
    """5-50-95 percentiles of each quantity per class and sample, with the number of galaxies behind them."""
    result: dict[str, Any] = {}
    for quantity in QUANTITIES:
        for name in KINDS:
            if name == "quiescent" and quantity.startswith("log"):
                continue  # by definition without lines
            for sample, columns in tables.items():
                values = columns[quantity][
                    (columns["class_derived"] == name) & np.isfinite(columns[quantity])
                ]
                found = np.percentile(values, [5, 50, 95]).round(3).tolist() if len(values) else [None] * 3
                result.setdefault(quantity, {}).setdefault(name, {})[sample] = [*found, len(values)]
    return result


def accuracy(ours: dict[str, NDArray], index: dict[str, NDArray]) -> dict[str, Any]:
    """measure_lines against the catalog of the same spectra.

    Fluxes where the catalog has S/N > 5: median ratio, robust scatter (1.48 median absolute deviation) of the
    ratio, and of the difference in units of the catalog's error. Both measure the same pixels with the same
    noise, so what differs is method: above all the stars' absorption under the Balmer lines.
    """
    result: dict[str, Any] = {}
    for key in ("ha", "hb", "oiii", "nii", "sii", "oi"):
        flux, error = index[f"{key}_flux"], index[f"{key}_err"]
        good = (flux > 5 * error) & (error > 0) & np.isfinite(ours[f"{key}_flux"])
        ratio = ours[f"{key}_flux"][good] / flux[good]
        pull = (ours[f"{key}_flux"][good] - flux[good]) / error[good]
        result[f"{key} flux ratio"] = _spread(ratio) | {"scatter in errors": round(_mad(pull), 3)}
    for name in QUANTITIES:
        good = np.isfinite(ours[name]) & np.isfinite(index[name])
        result[f"{name} difference"] = _spread((ours[name] - index[name])[good])
    for name in ("bpt_class", "class_derived"):
        both = (ours[name] != "") & (index[name] != "")
        result[f"same {name}"] = {
            "share": round(float((ours[name] == index[name])[both].mean()), 4),
            "n": int(both.sum()),
        }
    return result


def _mad(values: NDArray) -> float:
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def _spread(values: NDArray) -> dict[str, float]:
    return {"median": round(float(np.median(values)), 4), "scatter": round(_mad(values), 4), "n": len(values)}


# --- putting it together -----------------------------------------------------------------------------


def coarse(prepared: Prepared, width: int = 13) -> NDArray:
    """Prepared flux in bins of `width` pixels: what a classifier sees that no encoder has filtered."""
    n = prepared.flux.shape[1] // width * width
    flux = prepared.flux[:, :n].reshape(len(prepared), -1, width)
    valid = prepared.valid[:, :n].reshape(len(prepared), -1, width)
    return (flux * valid).sum(axis=2) / np.maximum(valid.sum(axis=2), 1)


def compare(real: SpectrumSet, n_mock: int) -> dict[str, Any]:
    encoder = load_encoder("pca")
    recipe = mock_recipe(real)
    samples = {
        "real": real,
        "base": make_survey(n_mock, recipe=recipe, seed=BASE_SEED),
        "query": make_survey(n_mock // 2, recipe=recipe, seed=QUERY_SEED),
    }
    prepared = {name: prepare(spectra, encoder.preprocess)[0] for name, spectra in samples.items()}
    for name, spectra in samples.items():
        place = {object_id: i for i, object_id in enumerate(spectra.object_id.tolist())}
        samples[name] = spectra.take([place[i] for i in prepared[name].object_id.tolist()])
    vectors = {name: encoder.encode(p).vectors for name, p in prepared.items()}
    plates = {name: np.array(s.column("plate"), dtype=float) for name, s in samples.items()}
    index = table(samples["real"].rows.to_pylist())
    ours = table([m | {"sn_median": None} for m in measured(samples["real"])])
    mock = table(samples["base"].rows.to_pylist())
    r, m = matched(index["class_derived"], mock["class_derived"])
    groups = np.concatenate([plates["real"][r], plates["base"][m]])
    binned = {name: coarse(prepared[name]) for name in ("real", "base")}
    return {
        "n": {name: len(s) for name, s in samples.items()} | {"real in AUC": len(r), "mock in AUC": len(m)},
        "encoder": {"name": encoder.name, "fingerprint": encoder.fingerprint},
        "auc": {
            "pca vectors": told_apart(vectors["real"][r], vectors["base"][m], groups),
            "pixels in bins of 13": told_apart(binned["real"][r], binned["base"][m], groups),
        },
        "distance": distances(vectors, plates, index["class_derived"]),
        "percentiles": percentiles({"real, index": index, "real, measure_lines": ours, "mock": mock}),
        "measure_lines": accuracy(ours, index),
    }


def lines_of(figures: dict[str, Any]) -> list[str]:
    """The figures as text."""
    out = ["galaxies: " + ", ".join(f"{k} {v}" for k, v in figures["n"].items()), "", "AUC real against mock"]
    for what, scores in figures["auc"].items():
        out += [f"  {what:24}{model:24}{auc:6.3f}" for model, auc in scores.items()]
    out += [
        "",
        "distance to the nearest, mock's median = 1"
        + "".join(f"{p:>9}" for p in ("p5", "p50", "p95", "p99")),
    ]
    shares = figures["distance"]["real beyond the mock's 99%"]
    out += [
        f"  {name:40}" + "".join(f"{v:9.2f}" for v in d.values())
        for name, d in figures["distance"].items()
        if d is not shares
    ]
    out += ["  real beyond the mock's 99%: " + ", ".join(f"{k} {v:.1%}" for k, v in shares.items()), ""]
    for quantity, classes in figures["percentiles"].items():
        out.append(f"{quantity:36}{'p5':>9}{'p50':>9}{'p95':>9}{'n':>7}")
        for name, found in classes.items():
            for sample, (*values, n) in found.items():
                text = "".join(f"{'-' if v is None else format(v, '.2f'):>9}" for v in values)
                out.append(f"  {name + ' ' + sample:34}{text}{n:7d}")
    out += ["", "measure_lines against the index"]
    out += [
        f"  {name:24}" + "  ".join(f"{k} {v}" for k, v in d.items())
        for name, d in figures["measure_lines"].items()
    ]
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: prints the tables and writes figures.json."""
    parser = argparse.ArgumentParser(
        "python -m experiments mock_vs_real", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("SPECTROVE_DATA"), help="as SPECTROVE_DATA"
    )
    parser.add_argument("--mock", type=int, default=1200, help="mocks in the base; half as many are queries")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("figures.json"))
    options = parser.parse_args(arguments)
    if options.data is None:
        parser.error("set SPECTROVE_DATA or give --data: this compares with real spectra.")
    start = time.perf_counter()
    figures = compare(real_galaxies(options.data), options.mock)
    print("\n".join(lines_of(figures)))
    options.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"\n{time.perf_counter() - start:.0f} s; wrote {options.out.name}")
    return 0
