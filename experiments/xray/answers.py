"""Fits and estimates of X-ray sources: fluxes of real Chandra sets, and mock sources of known truth by counts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from experiments.parts import Section
from experiments.xray.bench import Bench
from experiments.xray.scores import RESAMPLINGS, SEED
from experiments.xray.true_model import fitted_truth
from spectrove import pipeline
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.fitting.bins import RANGE, binned
from spectrove.xray.fitting.families import POWER_LAW
from spectrove.xray.fitting.fit import fit
from spectrove.xray.fitting.likelihood import w_statistic
from spectrove.xray.measuring import XrayMeasurer
from spectrove.xray.mock import draw, instruments, load_recipe, observe
from spectrove.xray.mock.sources import parameters
from spectrove.xray.models.absorption import cross_section

Floats = NDArray[np.float64]

#: Mock sources of the base and of the test survey.
KNOWN, ASKED = 1000, 1600

#: Seeds of both; settings were chosen on test surveys of seeds 101 to 103, which are not reported.
SEEDS = (1, 7)

#: Name to value, counts and truth of each source, in the order of the survey.
Estimates = dict[str, tuple[Floats, Floats, Floats]]

#: Bins of net counts, and quantities with how far apart two values are.
BINS = ((10, 30), (30, 100), (100, 1000))
LOGARITHMIC = ("nh", "kt", "flux")
QUANTITIES = ("flux", "nh", "gamma", "kt", "hr_hs")

#: Quantities whose scatter is compared with that of fits of the true model, and what those call them.
TRUE = {"nh": "log_nh", "gamma": "gamma"}

#: erg per keV, and the grid limits of the independent fit: log10 column, index.
ERG, LIMITS = 1.602176634e-9, ((20.0, 24.4), (-1.0, 6.0))


def run(bench: Bench) -> Section:
    """Fluxes of real sets beside an independent fit, then mocks: own fits, and estimates from both."""
    rows: list[dict[str, Any]] = []
    text = []
    if bench.data is not None:
        real = [_set(one) for one in bench.files if one.counts.sum() > 0]
        rows += real
        text.append(_sets_text(real))
    known, asked = ((bench.fast or KNOWN), (bench.fast or ASKED))
    bench.say(f"answers: {asked} mock sources of recipe test, {known} of recipe train as the base")
    mocks, estimates = _mocks(survey("train", known, SEEDS[0]), queries := survey("test", asked, SEEDS[1]))
    rows += mocks
    text.append(_mocks_text(mocks, known, asked))
    bench.say("answers: fits of the true models")
    beside = _beside_truth(queries, estimates, asked)
    rows += beside
    text.append(_beside_text(beside))
    return Section("Fits and estimates", tuple(rows), "\n\n".join(text))


# --- real sets ----------------------------------------------------------------------------------------


def _set(one: Counts) -> dict[str, Any]:
    """The flux of a power law of this package and of an independent fit of the same."""
    found = fit(binned(one), POWER_LAW)
    flux, index = independent(one)
    return {
        "kind": "set", "name": one.object_id, "counts": float(binned(one).net), "flux": found.flux.value,
        "flux_error": found.flux.error, "independent": flux, "gamma": found.parameter.value, "gamma_independent": index,
    }  # fmt: skip


def independent(one: Counts) -> tuple[float, float]:
    """Flux and index of an absorbed power law, per channel, by W with a background count in each bin."""
    edges = one.response.energy.astype(float)
    energy, middle = (edges[1:] + edges[:-1]) / 2, (one.response.e_min.astype(float) + one.response.e_max) / 2
    keep = one.good & (middle > RANGE[0]) & (middle < RANGE[1])
    start = _joined(one.background[keep]) if one.background_scale > 0 else np.arange(int(keep.sum()))
    counts, behind = (np.add.reduceat(a[keep].astype(float), start) for a in (one.counts, one.background))
    matrix = np.add.reduceat(np.asarray(one.response.matrix.todense())[:, keep], start, axis=1)
    gas = cross_section(energy)

    def photons(p: Floats) -> Floats:
        return np.exp(p[2]) * energy ** -p[1] * np.diff(edges) * np.exp(-(10 ** (p[0] - 22)) * gas)

    def loss(p: Floats) -> float:
        if not all(low <= x <= high for x, (low, high) in zip(p, LIMITS, strict=False)):
            return 1e9
        return float(
            w_statistic(counts, behind, photons(p) @ matrix * one.exposure, one.background_scale).sum()
        )

    norm = np.log(max(counts.sum(), 1) / (photons(np.array([21.0, 1.7, 0.0])) @ matrix * one.exposure).sum())
    tried = [
        minimize(
            loss,
            [nh, index, norm],
            method="Nelder-Mead",
            options={"xatol": 1e-3, "fatol": 1e-3, "maxiter": 2000},
        )
        for nh, index in ((20.3, 1.7), (21.5, 2.0), (22.5, 2.0))
    ]
    best = min(tried, key=lambda t: t.fun).x
    inside = (energy > RANGE[0]) & (energy < RANGE[1])
    return float((photons(best) * energy * ERG)[inside].sum()), float(best[1])


def _joined(background: NDArray) -> NDArray[np.int64]:
    """First channel of each bin with at least one background count."""
    ends = np.flatnonzero(np.diff(np.cumsum(background), prepend=0) > 0) + 1
    return np.concatenate([[0], ends[:-1]]).astype(np.int64) if len(ends) else np.zeros(1, np.int64)


def _sets_text(rows: list[dict[str, Any]]) -> str:
    near = [abs(r["flux"] / r["independent"] - 1) < 0.1 for r in rows]
    lines = [
        f"Absorbed power law, {len(rows)} real Chandra sets that are whole: the flux (.5-7 keV, erg/s/cm2) of the "
        "posterior beside that of an independent fit (scipy, per channel, W with background joined to one count). "
        f"Within 10%: {sum(near)} of {len(near)}.",
        "",
        "| set | net counts | flux | independent | ratio | Γ | independent |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['name']} | {r['counts']:.0f} | {r['flux']:.3g} ± {r['flux_error']:.2g} | {r['independent']:.3g} | "
        f"{r['flux'] / r['independent']:.2f} | {r['gamma']:.2f} | {r['gamma_independent']:.2f} |"
        for r in rows
    ]
    return "\n".join(lines)


# --- mocks --------------------------------------------------------------------------------------------


def survey(recipe: str, n: int, seed: int) -> CountSet:
    """n mock sources of a recipe with their truth in the rows, without oddities."""
    chosen = load_recipe(recipe)
    sources = draw(n, chosen, seed)
    out = []
    for seen in observe(sources, chosen, seed, instruments(half=chosen.responses)):
        zero = np.zeros(seen.counts.shape[1], np.int16)
        for j, i in enumerate(seen.index.tolist()):
            row = {"flags": [], "survey": "mock", "obsid": f"{recipe}-{i // 16}"}
            row |= {name: _plain(values[i]) for name, values in sources.truth.items()}
            out.append(
                Counts(
                    f"{recipe}-{i:05d}", seen.counts[j], seen.background[j], zero, float(seen.scale[j]),
                    float(seen.exposure[j]), seen.instrument.response, row,
                )
            )  # fmt: skip
    return CountSet.from_counts(out)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)
    return float(value) if np.isfinite(value) else None


def _mocks(known: CountSet, asked: CountSet) -> tuple[list[dict[str, Any]], Estimates]:
    table = XrayMeasurer().measure(asked)
    net = np.array(table.column("net_counts").to_pylist(), float)
    place = {name: i for i, name in enumerate(asked.object_id.tolist())}
    rows: list[dict[str, Any]] = []
    estimates: Estimates = {}
    with tempfile.TemporaryDirectory() as folder:
        batches: Any = (known.take(np.arange(i, min(i + 512, len(known)))) for i in range(0, len(known), 512))
        base, _ = pipeline.create(Path(folder) / "mock.kb", batches, domain="xray")
        for name in QUANTITIES:
            truth = np.array(asked.column(name), float)
            own, error = (np.array(table.column(c).to_pylist(), float) for c in (name, f"{name}_err"))
            rows += _by_counts("own fit", name, own, (own - error, own + error), truth, net)
            answers = pipeline.estimate(base, asked, name)
            at = np.array([place[p.object_id] for p in answers])
            value = np.array([p.value for p in answers], float)
            ends = np.array([p.interval or (np.nan, np.nan) for p in answers], float).T
            rows += _by_counts("estimate", name, value, (ends[0], ends[1]), truth[at], net[at])
            estimates[name] = np.full(len(asked), np.nan), net, truth
            estimates[name][0][at] = value
    return rows, estimates


def _by_counts(
    how: str, name: str, value: Floats, ends: tuple[Floats, Floats], truth: Floats, net: Floats
) -> list[dict[str, Any]]:
    rows = []
    for low, high in BINS:
        k = (net >= low) & (net < high) & np.isfinite(value) & np.isfinite(truth)
        if k.sum() < 10:
            continue
        off = _off(name, value[k], truth[k])
        held = float(((truth >= ends[0]) & (truth <= ends[1]))[k].mean())
        rows.append(
            {
                "kind": "mock", "how": how, "quantity": name, "counts": f"{low}-{high}", "n": int(k.sum()),
                "held": held, "held_error": float(np.sqrt(held * (1 - held) / k.sum())), "bias": float(off.mean()),
                "bias_error": float(off.std() / np.sqrt(k.sum())), "median": float(np.median(off)),
                "scatter": _scatter(off),
            }
        )  # fmt: skip
    return rows


def _off(name: str, value: Floats, truth: Floats) -> Floats:
    """How far values are from the truth: differences, of what is averaged in logarithms in dex."""
    if name in LOGARITHMIC:
        return np.log10(np.maximum(value, 1e-30)) - np.log10(np.maximum(truth, 1e-30))
    return value - truth


def _scatter(off: Floats) -> float:
    """Half the distance of 16% and 84%."""
    return float(np.subtract(*np.percentile(off, [84, 16])) / 2)


def _mocks_text(rows: list[dict[str, Any]], known: int, asked: int) -> str:
    lines = [
        f"Mock sources: {asked} of recipe `test`, no oddities, answered by themselves (own fit: value and one sigma) "
        f"and by a base of {known} of recipe `train` with the encoder `sources8` (estimate: neighbours and own fit "
        "together). The two have no response in common. Differences of N_H, kT and flux are in dex; scatter is "
        "half the distance of 16% and 84%.",
        "",
        "| quantity | net counts | n | how | 68% interval holds | bias | median | scatter |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['quantity']} | {r['counts']} | {r['n']} | {r['how']} | {r['held']:.2f} ± {r['held_error']:.2f} | "
        f"{r['bias']:.3f} ± {r['bias_error']:.3f} | {r['median']:.3f} | {r['scatter']:.3f} |"
        for r in sorted(rows, key=lambda r: (r["quantity"], r["counts"], r["how"]))
    ]
    return "\n".join(lines).replace("| -", "| −")


# --- fits of the true model ---------------------------------------------------------------------------


def _beside_truth(asked: CountSet, estimates: Estimates, n: int) -> list[dict[str, Any]]:
    """Scatter of estimates over that of fits of the true model, on the same sources."""
    kind, model, values = parameters(n, load_recipe("test"), SEEDS[1])
    net = next(iter(estimates.values()))[1]
    fits: list[dict[str, float]] = [{} for _ in range(len(asked))]
    for j, one in enumerate(asked):
        i = int(one.object_id.rpartition("-")[2])
        if BINS[0][0] <= net[j] < BINS[-1][1]:
            source = {name: float(column[i]) for name, column in values.items()}
            fits[j] = fitted_truth(one, int(kind[i]), int(model[i]), source)
    rows = []
    for name, parameter in TRUE.items():
        value, _, truth = estimates[name]
        best = np.array([found.get(parameter, np.nan) for found in fits])
        best = 10**best if name in LOGARITHMIC else best
        for low, high in BINS:
            k = (net >= low) & (net < high) & np.isfinite(value) & np.isfinite(truth) & np.isfinite(best)
            if k.sum() >= 10:
                rows.append(
                    {"kind": "true model", "quantity": name, "counts": f"{low}-{high}", "n": int(k.sum())}
                    | _compared(_off(name, value[k], truth[k]), _off(name, best[k], truth[k]))
                )
    return rows


def _compared(ours: Floats, theirs: Floats) -> dict[str, float]:
    """Both scatters, and their ratio with its 95% interval by bootstrap over sources."""
    draws = np.random.default_rng(SEED).integers(len(ours), size=(RESAMPLINGS, len(ours)))
    ratios = [_scatter(ours[d]) / _scatter(theirs[d]) for d in draws]
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"scatter": _scatter(ours), "fit": _scatter(theirs), "ratio": _scatter(ours) / _scatter(theirs),
            "low": float(low), "high": float(high), "rms": float(np.sqrt(np.mean(ours**2))),
            "fit_rms": float(np.sqrt(np.mean(theirs**2)))}  # fmt: skip


def _beside_text(rows: list[dict[str, Any]]) -> str:
    lines = [
        "The same estimates beside a fit by maximum likelihood (W) of the model that each mock source really has: N_H, "
        "index, temperatures, ratio of two components and amplitude are free; abundance, redshift, reflection, iron "
        "and what leaks through are known to it, and it starts at the truth. Ratios below 1 are possible, as estimates "
        "know what sources of the base are like. 95% intervals by bootstrap over sources.",
        "",
        "| quantity | net counts | n | scatter, estimate | fit of the true model | ratio | rms, estimate | fit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['quantity']} | {r['counts']} | {r['n']} | {r['scatter']:.3f} | {r['fit']:.3f} | {r['ratio']:.2f} "
        f"[{r['low']:.2f} {r['high']:.2f}] | {r['rms']:.3f} | {r['fit_rms']:.3f} |"
        for r in rows
    ]
    return "\n".join(lines)
