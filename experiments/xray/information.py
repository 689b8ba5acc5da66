"""Mutual information between X-ray spectra and variability, with S/N and flux taken away.

The published claim is that latents of spectra share information with time-domain columns. S/N decides both what a
spectrum can show and whether variability is found, so that the question is what is left at equal S/N and flux.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from experiments.parts import Section
from experiments.workers import spread
from experiments.xray.bench import Bench
from experiments.xray.muwclass import ENCODERS
from spectrove.pipeline.shipped import load_encoder, shipped_encoders

Floats = NDArray[np.float64]

#: Neighbours of the estimator; permutations of each null; most sources of one estimate, drawn once.
NEIGHBOURS, PERMUTATIONS, MOST, SEED = 5, 250, 800, 1

#: Quantiles of S/N, and of the flux within each of them, that make strata.
STRATA = (5, 3)


@dataclass(frozen=True)
class Pair:
    """What is compared.

    Attributes:
        sources: Where the sources come from.
        spectrum, column: Names of the two sides.
        x: Numbers of the spectrum, (n_sources, n_numbers).
        y: The column of variability, (n_sources,).
        z: S/N and flux, (n_sources, 2); None where the catalog has neither.
    """

    sources: str
    spectrum: str
    column: str
    x: Floats
    y: Floats
    z: Floats | None = None


def run(bench: Bench) -> Section:
    """Every pair, its nulls, and which of them are left after correction for their number."""
    pairs = [*muwclass(bench), *uml(bench)]
    bench.say(f"{len(pairs)} pairs, {PERMUTATIONS} permutations of each")
    rows = list(spread(bench.workers, measured, pairs))
    for name in ("p", f"p{EQUAL}", f"p{GIVEN}"):
        for claimed in (
            True,
            False,
        ):  # pairs of the claim are one family; S/N itself and a further catalog another
            asked = [r for r in rows if r[name] is not None and (r[f"p{EQUAL}"] is not None) == claimed]
            for r, value in zip(asked, holm([r[name] for r in asked]), strict=True):
                r[f"{name}, corrected"] = value
    return Section("Information on variability", tuple(rows), text(rows))


# --- the estimator -----------------------------------------------------------------------------------------


def mutual_information(x: Floats, y: Floats, z: Floats | None = None) -> float:
    """Mutual information of two vectors in nats, given a third if there is one.

    Args:
        x, y, z: (n, n_numbers) each, continuous.

    Source:
        Kraskov, Stoegbauer & Grassberger (2004), PRE 69, 066138, equation 8; with a condition Frenzel & Pompe (2007),
        PRL 99, 204101, equation 5. Distances are the largest difference of any number.
    """
    return _from_distances(_distances(x), _distances(y), None if z is None else _distances(z))


def _distances(values: Floats) -> NDArray[np.float32]:
    largest = np.zeros((len(values), len(values)), dtype=np.float32)
    for column in values.T.astype(np.float32):
        np.maximum(largest, np.abs(column[:, None] - column), out=largest)
    np.fill_diagonal(largest, np.inf)
    return largest


def _from_distances(
    x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32] | None = None
) -> float:
    joint = np.maximum(x, y) if z is None else np.maximum(np.maximum(x, y), z)
    reach = np.partition(joint, NEIGHBOURS - 1, axis=1)[:, [NEIGHBOURS - 1]]
    if z is None:
        inside = digamma((x < reach).sum(axis=1) + 1) + digamma((y < reach).sum(axis=1) + 1)
        return float(digamma(NEIGHBOURS) + digamma(len(x)) - inside.mean())
    near = z < reach
    both = digamma(((x < reach) & near).sum(axis=1) + 1) + digamma(((y < reach) & near).sum(axis=1) + 1)
    return float(digamma(NEIGHBOURS) + (digamma(near.sum(axis=1) + 1) - both).mean())


def scores(values: Floats, rng: np.random.Generator) -> Floats:
    """Each column by rank as quantiles of a normal distribution; equal values are put in a random order.

    Mutual information does not change if each number is stretched, and the estimator is better where it is Gaussian.
    """
    from scipy.stats import norm

    ranks = [np.argsort(np.lexsort((rng.random(len(values)), column))) for column in values.T]
    return norm.ppf((np.stack(ranks, axis=1) + 0.5) / len(values))


def strata_of(z: Floats) -> NDArray[np.int64]:
    """Stratum of each source: quantiles of the first column, and of the second within each of them."""
    first = _quantile(z[:, 0], STRATA[0])
    second = np.zeros(len(z), dtype=np.int64)
    for stratum in range(STRATA[0]):
        own = first == stratum
        second[own] = _quantile(z[own, 1], STRATA[1])
    return first * STRATA[1] + second


def _quantile(values: Floats, n: int) -> NDArray[np.int64]:
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") * n // max(len(values), 1)


def shuffled(stratum: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """A permutation that keeps every source in its stratum."""
    order = np.arange(len(stratum))
    for s in np.unique(stratum):
        own = np.flatnonzero(stratum == s)
        order[own] = rng.permutation(own)
    return order


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for their number.

    Source:
        Holm (1979), Scandinavian Journal of Statistics 6, 65.
    """
    order = np.argsort(values, kind="stable")
    raised = np.maximum.accumulate(np.array(values)[order] * (len(values) - np.arange(len(values))))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(raised, 1)
    return corrected.tolist()


# --- the pairs ---------------------------------------------------------------------------------------------


def measured(pair: Pair) -> dict[str, Any]:
    """Mutual information of a pair; its nulls with all sources permuted, and within strata of S/N and flux."""
    rng = np.random.default_rng(SEED)
    known = np.isfinite(pair.x).all(axis=1) & np.isfinite(pair.y)
    known &= np.isfinite(pair.z).all(axis=1) if pair.z is not None else True
    chosen = np.sort(rng.permutation(np.flatnonzero(known))[:MOST])
    x, y = _distances(scores(pair.x[chosen], rng)), _distances(scores(pair.y[chosen][:, None], rng))
    found: dict[str, Any] = {"sources": pair.sources, "spectrum": pair.spectrum, "column": pair.column}
    found["n"] = len(chosen)
    found |= _tested("", x, y, None, np.zeros(len(chosen), np.int64), rng)
    found |= dict.fromkeys(f"{what}{where}" for what in ("MI", "null", "p") for where in (EQUAL, GIVEN))
    if pair.z is not None:
        stratum = strata_of(pair.z[chosen])
        z = _distances(scores(pair.z[chosen], rng))
        found |= _tested(EQUAL, x, y, None, stratum, rng) | _tested(GIVEN, x, y, z, stratum, rng)
    return found


#: Ends of the names of figures: the null within strata, and the conditional estimator.
EQUAL, GIVEN = " at equal S/N and flux", " conditional"


def _tested(
    where: str, x: NDArray[np.float32], y: NDArray[np.float32], z: NDArray[np.float32] | None,
    stratum: NDArray[np.int64], rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    value = _from_distances(x, y, z)
    null = []
    for _ in range(PERMUTATIONS):
        order = shuffled(stratum, rng)
        null.append(_from_distances(x, y[np.ix_(order, order)], z))
    p = (1 + sum(v >= value for v in null)) / (1 + PERMUTATIONS)
    ends = [float(e) for e in (np.mean(null), *np.quantile(null, [0.025, 0.975]))]
    return {f"MI{where}": value, f"null{where}": ends, f"p{where}": p}


def muwclass(bench: Bench) -> list[Pair]:
    """Colours, fluxes and vectors of encoders against P_intra and P_inter of MUWCLASS."""
    catalog = bench.catalog
    with open(bench.xray / "muwclass.csv") as file:
        known = {row["CSCv2_name"]: row for row in csv.DictReader(file)}
    rows = [known[name] for name in catalog.object_id.tolist()]
    soft, medium, hard, broad, sn = (_column(rows, n) for n in ("Fs", "Fm", "Fh", "Fb", "CSCv2_S/N"))
    z = np.stack([sn, broad], axis=1)
    ratio: Callable[[Floats, Floats], Floats] = lambda a, b: (a - b) / (a + b)  # noqa: E731
    spectra = {
        "S/N itself": sn[:, None],
        "hard_hs": ratio(hard, soft)[:, None],
        "three hardness ratios": np.stack([ratio(hard, soft), ratio(hard, medium), ratio(medium, soft)], axis=1),
    }  # fmt: skip
    for name in (n for n in ENCODERS if n in shipped_encoders()):
        encoder = load_encoder(name)
        made = encoder.encode(encoder.prepare(catalog)[0])  # type: ignore[arg-type]
        place = {source: i for i, source in enumerate(made.object_id.tolist())}
        vectors = np.full((len(catalog), encoder.n_dimensions), np.nan)
        there = [i for i, source in enumerate(catalog.object_id.tolist()) if source in place]
        vectors[there] = made.vectors[[place[catalog.object_id[i]] for i in there]]
        spectra[f"latents of {name}"] = vectors
    return [
        Pair("MUWCLASS", name, column, x, _column(rows, column), None if name == "S/N itself" else z)
        for column in ("P_intra", "P_inter")
        for name, x in spectra.items()
    ]


def uml(bench: Bench) -> list[Pair]:
    """Hardness ratios against variability in a catalog without S/N and flux, each source once."""
    with open(bench.xray / "umlcaxs_classified.csv") as file:
        first: dict[tuple[str, ...], dict[str, str]] = {}
        for row in csv.DictReader(file):
            # One value of a detection is shared by the rows of sources that were seen in it.
            first.setdefault((row["var_prob_b"], row["var_ratio_b"]), row)
    once = {row["name"]: row for row in first.values()}
    rows = list(once.values())
    x = np.stack([_column(rows, n) for n in ("hard_hs", "hard_hm", "hard_ms")], axis=1)
    return [
        Pair("umlcaxs, each source and value once", "three hardness ratios", c, x, _column(rows, c))
        for c in ("var_prob_b", "var_ratio_b")
    ]


def _column(rows: Sequence[dict[str, str]], name: str) -> Floats:
    return np.array([float(row[name]) if row[name] else np.nan for row in rows])


def text(rows: Sequence[dict[str, Any]]) -> str:
    """The table, as Markdown, and what it says of the claim."""
    lines = [
        f"Estimator of Kraskov et al. with {NEIGHBOURS} neighbours on normal scores, nats; at most {MOST:,} sources of "
        f"a pair, drawn once. Null: mean [95% range] of {PERMUTATIONS} permutations of the column, of all sources and "
        f"within {STRATA[0]} x {STRATA[1]} strata of S/N and flux; conditional: the estimator of Frenzel & Pompe given "
        "both. P-values are corrected by Holm's method, those of spectra and variability in MUWCLASS as one family. No "
        "catalog at hand has a column var_index.",
        "",
        "| sources | spectrum | column | n | MI | null | p | null at equal S/N and flux | p "
        "| conditional MI | null | p |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    number = lambda v: "" if v is None else f"{v:.3f}"  # noqa: E731
    ends = lambda v: "" if v is None else f"{v[0]:.3f} [{v[1]:.3f} {v[2]:.3f}]"  # noqa: E731
    for r in rows:
        cells = [r["sources"], r["spectrum"], r["column"], str(r["n"]), number(r["MI"]), ends(r["null"])]
        cells += [number(r["p, corrected"]), ends(r[f"null{EQUAL}"]), number(r.get(f"p{EQUAL}, corrected"))]
        cells += [number(r[f"MI{GIVEN}"]), ends(r[f"null{GIVEN}"]), number(r.get(f"p{GIVEN}, corrected"))]
        lines.append(f"| {' | '.join(cells)} |")
    asked = [r for r in rows if r[f"p{EQUAL}"] is not None]
    raw = sum(r["p, corrected"] < 0.05 for r in asked)
    left = sum(r[f"p{EQUAL}, corrected"] < 0.05 for r in asked)
    given = sum(r[f"p{GIVEN}, corrected"] < 0.05 for r in asked)
    lines += [
        "",
        f"Of {len(asked)} pairs of spectrum and variability in MUWCLASS {raw} share information at all, {left} more "
        f"than is expected at equal S/N and flux, and {given} by the conditional estimator (corrected p < .05).",
    ]
    return "\n".join(lines)
