"""Differences: whether wavelengths that differ are found, whether the direction ranks, whether epochs changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from experiments.ask.bench import Bench
from experiments.parts import Section, say
from experiments.samples.repeats import exposures, mock_epochs
from experiments.workers import spread
from spectrove.domain import Variability
from spectrove.galaxies.lines import LINE, LINES
from spectrove.galaxies.mock import load_recipe
from spectrove.galaxies.variability import VARIABILITY
from spectrove.inference.differences.changes import line_changes, sky_pixels, still_pixels
from spectrove.inference.differences.direction import find_direction
from spectrove.inference.differences.epochs import chance_of_pair
from spectrove.inference.differences.pairs import gridded, pair_of
from spectrove.inference.differences.sets import SetDifference, set_difference
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.pipeline.base import Base
from spectrove.pipeline.contrast import nearest_known
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.statistics import wilson

Rows = list[dict[str, Any]]

LIGHT = 299_792.458

#: Members of each set; with fewer than six they cannot be shuffled.
SIZES = (2, 3, 5, 10, 20)
#: The line made stronger in one set, and by how much: equivalent width, angstrom at rest.
LINE_KEY, WIDTHS, LINE_SIZES = "oi", (1.0, 2.0, 4.0), (3, 5, 10)
#: Pairs of classes that the direction is asked about: like, unlike.
CLASSES = (
    ("LINER", "quiescent"), ("Seyfert2-like", "SF"), ("Composite", "SF"), ("quiescent", "SF"),
    ("LINER", "Seyfert2-like"),
)  # fmt: skip
FIRST = 20
#: Broad H alpha put into one epoch, with .3 of it at H beta: equivalent width, angstrom, and full width, km/s.
BROAD, FWHM = (5.0, 10.0, 20.0, 40.0, 80.0), 4500.0
#: Mock objects: of a survey for sets, and pairs of epochs. Seeds are others than those of what was chosen.
N_MOCK, N_PAIRS, MOCK_PAIR_SEED = 1200, 400, 2718


def run(bench: Bench) -> Section:
    """Sets and directions on mocks and on real galaxies, epochs on mock repeats and on real single exposures."""
    samples = ["mock"] if bench.data is None else ["mock", "real"]
    for sample in samples:
        _base(bench, sample)  # made once, before the processes share it
    quiet = replace(bench, say=say)
    rows = [one for part in spread(bench.workers, partial(of_sample, quiet), samples) for one in part]
    return Section("Differences", tuple(rows), text(rows, bench))


def of_sample(bench: Bench, sample: str) -> Rows:
    """Every figure of one sample."""
    base = _base(bench, sample)
    return [*epochs(bench, sample), *directions(bench, base, sample), *sets(bench, base, sample)]


def _base(bench: Bench, sample: str) -> Base:
    return (
        bench.real_base if sample == "real" else bench.base("mock-differences", lambda: bench.mock(N_MOCK, 3))
    )


# --- sets ---------------------------------------------------------------------------------------------


def sets(bench: Bench, base: Base, sample: str) -> Rows:
    """How often sets of one class show a region, and a line made stronger in one of them is found, alone."""
    bench.say(f"sets, {sample}")
    names, classes, _ = labelled(base)
    rows = []
    for n in SIZES:
        for kind in ("quiescent", "SF"):
            of = names[classes == kind]
            if len(of) < 2 * n:
                continue
            shown = [bool(compared(base, like, unlike).regions) for like, unlike in draws(bench, base, of, n)]
            rows.append(row("false regions", sample, kind=kind, n=n, hits=sum(shown), of=len(shown)))
    for n in LINE_SIZES:
        for width in WIDTHS:
            found, alone = [], []
            for like, unlike in draws(bench, base, names[classes == "quiescent"], n):
                regions = compared(base, stronger(like, width), unlike).regions
                here = [
                    r.low - 5 < LINE[LINE_KEY].wavelength < r.high + 5 and r.more == "like" for r in regions
                ]
                found.append(any(here))
                alone.append(any(here) and all(here))
            rows.append(row("line found", sample, n=n, width=width, hits=sum(found), of=len(found)))
            rows.append(row("line found alone", sample, n=n, width=width, hits=sum(alone), of=len(alone)))
    return rows


def labelled(base: Base) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.str_]]:
    """Ids, classes and plates of the objects of a base that have a class."""
    table = base.rows("class_derived IS NOT NULL", ["class_derived", "plate"]).to_pydict()
    return tuple(np.array(list(map(str, table[name]))) for name in ("object_id", "class_derived", "plate"))  # type: ignore[return-value]


def draws(
    bench: Bench, base: Base, names: NDArray[np.str_], n: int
) -> Iterator[tuple[SpectrumSet, SpectrumSet]]:
    """Two sets of n different objects, as often as the bench draws."""
    rng = np.random.default_rng([bench.seed, n])
    for _ in range(bench.draws):
        chosen = rng.permutation(names)[: 2 * n]
        yield base.spectra(chosen[:n]), base.spectra(chosen[n:])


def compared(base: Base, like: SpectrumSet, unlike: SpectrumSet) -> SetDifference:
    """The sets as `contrast` compares them: with the known spectra near each example."""
    known = base.embeddings("shape")
    place = {name: i for i, name in enumerate(known.object_id.tolist())}
    taken = set(like.object_id.tolist()) | set(unlike.object_id.tolist())
    near = tuple(
        base.spectra(
            nearest_known(known.vectors[[place[name] for name in part.object_id.tolist()]], known, taken)
        )
        for part in (like, unlike)
    )
    return set_difference(like, unlike, LINES, near=near)  # type: ignore[arg-type]


def stronger(spectra: SpectrumSet, width: float) -> SpectrumSet:
    """The spectra with a line of an equivalent width added, as narrow as their resolution and 120 km/s together."""
    return SpectrumSet.from_spectra(
        [with_line(s, LINE[LINE_KEY].wavelength, width, 2.3548 * 140.0) for s in spectra]
    )


def with_line(spectrum: Spectrum, line: float, width: float, fwhm: float) -> Spectrum:
    """The spectrum with a Gaussian line of an equivalent width (angstrom at rest) over its continuum there."""
    rest = spectrum.wavelength / (1 + spectrum.z)
    sigma = line * fwhm / 2.3548 / SPEED_OF_LIGHT
    beside = spectrum.good & (np.abs(rest - line) < 4 * sigma + 60) & (np.abs(rest - line) > 2 * sigma)
    level = float(np.median(spectrum.flux[beside])) if beside.any() else float(np.median(spectrum.flux))
    profile = np.exp(-0.5 * ((rest - line) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return replace(spectrum, flux=(spectrum.flux + level * width * profile).astype(np.float32))


# --- directions ---------------------------------------------------------------------------------------


def directions(bench: Bench, base: Base, sample: str) -> Rows:
    """Of the first 20, how many are of the class of the like; ranked objects are on other plates than the examples."""
    bench.say(f"directions, {sample}")
    names, classes, plate = labelled(base)
    known = base.embeddings("shape")
    place = {name: i for i, name in enumerate(known.object_id.tolist())}
    vectors = known.vectors[[place[name] for name in names.tolist()]].astype(float)
    rows = []
    for n in (3, 5, 10):
        for like, unlike in CLASSES:
            rng = np.random.default_rng([bench.seed, n])
            for draw in range(bench.draws):
                a = rng.permutation(np.flatnonzero(classes == like))[:n]
                b = rng.permutation(np.flatnonzero(classes == unlike))[:n]
                rest = ~np.isin(plate, plate[np.r_[a, b]])
                truth = classes[rest] == like
                for method, score in METHODS.items():
                    order = np.argsort(-score(vectors[a], vectors[b], vectors)[rest], kind="stable")[:FIRST]
                    rows.append(
                        {"figure": "precision of the first 20", "sample": sample, "like": like, "unlike": unlike,
                         "n": n,
                         "draw": draw, "method": method, "value": float(truth[order].mean()),
                         "prevalence": float(truth.mean())}
                    )  # fmt: skip
    return rows


Score = Callable[[NDArray, NDArray, NDArray], NDArray]

METHODS: dict[str, Score] = {
    "direction": lambda a, b, x: find_direction(a, b, x).score(x),
    "difference of means": lambda a, b, x: x @ (a.mean(axis=0) - b.mean(axis=0)),
    "nearest to the mean of the like": lambda a, b, x: -((x - a.mean(axis=0)) ** 2).sum(axis=1),
}


# --- epochs -------------------------------------------------------------------------------------------


def epochs(bench: Bench, sample: str) -> Rows:
    """False alarms on unchanged pairs, and how many broad components put into one epoch are found."""
    bench.say(f"epochs, {sample}")
    rows = []
    about = VARIABILITY
    for name, pair in _pairs(bench, sample):
        chances = [(0.0, judged(pair, about))]
        chances += [(width, judged(with_broad(pair, width), about)) for width in BROAD]
        for width, p in chances:
            if p is not None:
                rows.append({"figure": "epochs", "sample": sample, "object": name, "width": width, "p": p})
    if sample == "real":
        rows += _repeats(bench, about)
    return rows


def _pairs(bench: Bench, sample: str) -> Iterator[tuple[str, SpectrumSet]]:
    """Pairs in which nothing changed, with the name of the object."""
    if sample == "mock":
        recipe = load_recipe("test")
        for i in range(N_PAIRS):
            yield f"mock-{i}", mock_epochs(i, recipe, MOCK_PAIR_SEED)
        return
    assert bench.data is not None
    for path in full_files(bench.data):
        for one in combinations(exposures(path), 2):
            yield path.name, SpectrumSet.from_spectra(one)


def full_files(data: Path) -> list[Path]:
    """SDSS files that hold their single exposures."""
    found = []
    for path in sorted((data / "galaxies" / "sdss").glob("*.fits*")):
        with fits.open(path, memmap=False) as file:
            if len(file) > 6:
                found.append(path)
    return found


def with_broad(pair: SpectrumSet, width: float) -> SpectrumSet:
    """The pair, its second epoch with a broad H alpha of this equivalent width, and .3 of it at H beta."""
    later = with_line(
        with_line(pair[1], LINE["ha"].wavelength, width, FWHM), LINE["hb"].wavelength, 0.3 * width, FWHM
    )
    return SpectrumSet.from_spectra([pair[0], later])


def judged(pair: SpectrumSet, about: Variability) -> float | None:
    """The p-value of a pair; None if it cannot be compared."""
    z = float(np.nanmedian(pair.z))
    made = gridded(pair, z)
    if len(made.object_id) < 2:
        return None
    two = pair_of(made, 0, 1, still_pixels(made.wavelength, about), sky_pixels(made.wavelength, z, about))
    return None if two is None else chance_of_pair(line_changes(two, about), min(two.sn), about)


def _repeats(bench: Bench, about: Variability) -> Rows:
    """Real objects of which two coadded spectra are at hand."""
    from spectrove.pipeline import epochs as compare

    answers = compare(None, bench.real_spectra())
    return [
        {"figure": "repeats", "sample": "real", "object": f"{a.earlier} {a.object_id}", "width": 0.0, "p": a.p_value,
         "what": a.what}
        for a in answers
    ]  # fmt: skip


# --- what is said -------------------------------------------------------------------------------------


def row(figure: str, sample: str, *, hits: int, of: int, **about: Any) -> dict[str, Any]:
    """A fraction with its Wilson interval."""
    low, high = wilson(hits, of) or (float("nan"), float("nan"))
    return {
        "figure": figure, "sample": sample, **about, "hits": hits, "of": of, "value": hits / max(of, 1), "low": low,
        "high": high,
    }  # fmt: skip


def text(rows: Rows, bench: Bench) -> str:
    """Markdown of all figures."""
    parts = [
        f"Seed {bench.seed}, {bench.draws} draws of each setting. Intervals of fractions are Wilson's at 95%, of means "
        "those of a bootstrap over draws, of exposures over objects. Mock: "
        f"{N_MOCK} galaxies (recipe `test`, seed 3), and {N_PAIRS} pairs of epochs (seed {MOCK_PAIR_SEED}); settings "
        "were chosen on other surveys. Real: SDSS galaxies; single exposures of the SDSS files that hold them."
    ]
    for sample in dict.fromkeys(r["sample"] for r in rows):
        own = [r for r in rows if r["sample"] == sample]
        parts += [f"### {sample.capitalize()}", _null_table(own), _line_table(own), _direction_table(own)]
        parts += [_epoch_table(own), _repeat_table(own)]
    return "\n\n".join(part for part in parts if part)


def table(head: Sequence[str], lines: Sequence[Sequence[str]], title: str) -> str:
    """A Markdown table below a sentence."""
    if not lines:
        return ""
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n{body}"


def fraction(one: dict[str, Any]) -> str:
    """A fraction as printed."""
    return f"{one['value']:.2f} [{one['low']:.2f} {one['high']:.2f}]"


def _null_table(rows: Rows) -> str:
    lines = [
        (r["kind"], str(r["n"]), fraction(r), f"{r['hits']} of {r['of']}")
        for r in rows
        if r["figure"] == "false regions"
    ]
    return table(
        ("class", "in each set", "any region", "sets"), lines,
        "Sets of one class, drawn at random: how often any region is shown at a chance of 0.05.",
    )  # fmt: skip


def _line_table(rows: Rows) -> str:
    found = {(r["n"], r["width"]): r for r in rows if r["figure"] == "line found"}
    alone = {(r["n"], r["width"]): r for r in rows if r["figure"] == "line found alone"}
    lines = [(str(n), f"{w:g}", fraction(found[n, w]), fraction(alone[n, w])) for n, w in found]
    return table(
        ("in each set", "width (A)", "found", "found, and nothing else"), lines,
        f"Quiescent galaxies, {LINE[LINE_KEY].name} of this equivalent width added to those of one set.",
    )  # fmt: skip


def _direction_table(rows: Rows) -> str:
    own = [r for r in rows if r["figure"] == "precision of the first 20"]
    lines = []
    for n in sorted({r["n"] for r in own}):
        for method in METHODS:
            values = by_draw([r for r in own if r["n"] == n and r["method"] == method])
            base = by_draw([r for r in own if r["n"] == n and r["method"] == "direction"])
            gain = "" if method == "direction" else mean_with_interval(base - values)
            lines.append((str(n), method, mean_with_interval(values), gain))
    share = np.mean([r["prevalence"] for r in own]) if own else 0.0
    return table(
        ("examples of each", "ranked by", "precision of the first 20", "direction is better by"), lines,
        f"Mean of {len(CLASSES)} pairs of classes (prevalence {share:.2f} on average); objects on plates of examples "
        "are left out.",
    )  # fmt: skip


def by_draw(rows: Rows) -> NDArray:
    """The mean over pairs of classes of each draw."""
    draws_ = sorted({r["draw"] for r in rows})
    return np.array([np.mean([r["value"] for r in rows if r["draw"] == d]) for d in draws_])


def mean_with_interval(values: NDArray) -> str:
    """A mean with a 95% interval from 1,000 bootstrap samples."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (1000, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.2f} [{low:.2f} {high:.2f}]"


def _epoch_table(rows: Rows) -> str:
    own = [r for r in rows if r["figure"] == "epochs"]
    if not own:
        return ""
    unchanged = np.array([r["p"] for r in own if r["width"] == 0])
    limit = float(np.quantile(unchanged, 0.01))
    lines = []
    for width in (0.0, *BROAD):
        some = [r for r in own if r["width"] == width]
        cells = [
            clustered(some, at) if len({r["object"] for r in some}) < len(some) else _plain(some, at)
            for at in (0.05, 0.01, limit)
        ]
        lines.append((f"{width:g}" if width else "none", *cells, str(len(some))))
    return table(
        ("broad H alpha (A)", "p <= .05", "p <= .01", f"p <= {limit:.2g}", "pairs"), lines,
        f"Pairs of epochs of {len({r['object'] for r in own})} objects; the last limit is passed by 1% of the "
        f"unchanged pairs themselves. A broad H alpha (FWHM {FWHM:.0f} km/s) of this equivalent width, with .3 of it "
        "at H beta, is added to one epoch.",
    )  # fmt: skip


def _plain(rows: Rows, at: float) -> str:
    return fraction(row("", "", hits=sum(r["p"] <= at for r in rows), of=len(rows)))


def clustered(rows: Rows, at: float) -> str:
    """A fraction of pairs with an interval over objects: pairs of one object share exposures."""
    groups = [
        [r["p"] <= at for r in rows if r["object"] == name]
        for name in dict.fromkeys(r["object"] for r in rows)
    ]
    rng = np.random.default_rng(0)
    hits, sizes = np.array([sum(g) for g in groups]), np.array([len(g) for g in groups])
    chosen = rng.integers(0, len(groups), (1000, len(groups)))
    low, high = np.quantile(hits[chosen].sum(axis=1) / sizes[chosen].sum(axis=1), [0.025, 0.975])
    return f"{hits.sum() / sizes.sum():.2f} [{low:.2f} {high:.2f}]"


def _repeat_table(rows: Rows) -> str:
    lines = [(r["object"], f"{r['p']:.2g}", r["what"]) for r in rows if r["figure"] == "repeats"]
    return table(("spectra", "p", "answer"), lines, "Galaxies of which two coadded spectra are at hand.")
