"""Any quantity of a star from any others, by one network on tokens, beside methods refitted for every question."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import miles
from experiments.stars.refitted import METHODS
from experiments.stars.tokens_data import drawn, mocks
from spectrove.domain import Progress
from spectrove.encoders import save_encoder
from spectrove.encoders.recipe import load_recipe
from spectrove.readers.gaia.instrument import band
from spectrove.stars.domain import STARS
from spectrove.stars.tokens.encoder import train_star_tokens
from spectrove.stars.tokens.infer import NETWORK, StarTokens
from spectrove.stars.tokens.mock import MockStars, extinction
from spectrove.stars.tokens.recipe import TokensRecipe
from spectrove.stars.tokens.training import observed, on_scale, train
from spectrove.stars.tokens.vocabulary import (
    BP,
    COLOURS,
    LABELS,
    N_BP,
    NAMES,
    PARALLAX_G,
    PLACE,
    TOKENS,
    places,
)

#: Mock stars that the refitted methods learn from, and that all are tested with; and sets of 20 tokens that are tried.
LEARNED, TESTED, SETS = 20_000, 2_000, 3

#: Errors of labels where a spectrum is asked for them, in standard deviations of the stars.
EXACT = 0.002

#: From here, angstrom, 40 coefficients of 55 are enough to give flux.
INNER = 4400.0

#: The network without its corrections, and the columns of the tables.
ALONE = "its start alone"
COLUMNS = ("one network", ALONE, *METHODS)

Floats = NDArray[np.float64]


class Stars(NamedTuple):
    """Mock stars: true values of all tokens in their units, then measured ones and errors on the network's scale."""

    tokens: Floats
    truth: Floats
    value: Floats
    error: Floats


def learned(bench: Bench, recipe: TokensRecipe) -> tuple[StarTokens, dict[str, Any]]:
    """The network, trained or from the state of an earlier training, and the report of it."""
    tokens = drawn(mocks(recipe.mock).learn, recipe.stars, seed=recipe.seed)
    network, report = train(tokens, recipe, folder=bench.folder / "states", progress=_told)
    truth = on_scale(tokens)
    return StarTokens(network, truth.min(axis=0), truth.max(axis=0)), report


def _told(done: int, total: int) -> None:
    if done % 500 == 0 or done == total:
        print(f" {done} of {total} steps", file=sys.stderr, flush=True)


def seen(source: MockStars, n: int, seed: int, spread: Floats) -> Stars:
    """Mock stars with noise."""
    tokens = drawn(source, n, seed)
    value, error = observed(tokens, spread, source.recipe, np.random.default_rng([seed, 1]))
    return Stars(tokens, on_scale(tokens), value, error)


def patterns() -> dict[str, list[NDArray[np.int64]]]:
    """Which tokens are known, by a name; several sets of which the scores are averaged."""
    rng = np.random.default_rng(5)
    pool = places((*BP, *COLOURS))
    return {
        "all 42": [pool],
        "first 8": [places(BP[:8])],
        "20 random": [np.sort(rng.choice(pool, 20, replace=False)) for _ in range(SETS)],
        "2 colours": [places(COLOURS)],
        "first 16, parallax and G": [places((*BP[:16], PARALLAX_G))],
    }


def asked(tokens: StarTokens, stars: Stars, known: NDArray, wanted: NDArray) -> tuple[Floats, Floats]:
    """Mean and error of wanted tokens on the scale of the network, known ones given."""
    value, error = (np.full(stars.value.shape, np.nan) for _ in range(2))
    value[:, known], error[:, known] = stars.value[:, known], stars.error[:, known]
    return tokens.ask(value, error, wanted)


def rms_of_labels(found: Floats, truth: Floats) -> Floats:
    """Root mean square error of `LABELS` in their units, from values on the scale of the network; (4,)."""
    off = []
    for i, name in enumerate(LABELS):
        token, none = TOKENS[PLACE[name]], np.zeros(len(found))
        off.append(token.said(found[:, i], none)[0] - token.said(truth[:, i], none)[0])
    return np.sqrt((np.stack(off, axis=1) ** 2).mean(axis=0))


def mixture_alone(tokens: StarTokens) -> StarTokens:
    """What the network starts from."""
    network = deepcopy(tokens.network)
    for parameter in network.head[-1].parameters():
        parameter.zero_()
    return StarTokens(network, tokens.low, tokens.high)


def labels_of(tokens: StarTokens, learn: Stars, test: Stars) -> list[dict[str, Any]]:
    """Errors of labels for every pattern of known tokens and every method; of the network also what its errors hold."""
    wanted, rows = places(LABELS), []
    for name, sets in patterns().items():
        mean, sigma = zip(*(asked(tokens, test, known, wanted) for known in sets), strict=True)
        off = (np.stack(mean) - test.truth[:, wanted]) / np.stack(sigma)
        rms = np.mean([rms_of_labels(m, test.truth[:, wanted]) for m in mean], axis=0)
        rows.append(
            {"known": name, "method": "one network", "rms": rms.tolist()}
            | {"in_68": (abs(off) < 1).mean(axis=(0, 1)).tolist(), "pull": off.std(axis=(0, 1)).tolist()}
        )
        start = [asked(mixture_alone(tokens), test, known, wanted)[0] for known in sets]
        scores = [rms_of_labels(m, test.truth[:, wanted]) for m in start]
        rows.append({"known": name, "method": ALONE, "rms": np.mean(scores, axis=0).tolist()})
        for method, fit in METHODS.items():
            scores = [rms_of_labels(fit(learn, test, known, wanted), test.truth[:, wanted]) for known in sets]
            rows.append({"known": name, "method": method, "rms": np.mean(scores, axis=0).tolist()})
        print(f" {name}", file=sys.stderr, flush=True)
    return rows


def others_of(tokens: StarTokens, learn: Stars, test: Stars) -> list[dict[str, Any]]:
    """Errors of what is asked beside labels from spectra, in standard deviations of the stars."""
    questions = {
        "labels -> 40 coefficients": (places(LABELS), places(BP)),
        "even coefficients -> odd": (places(BP[1::2]), places(BP[::2])),
        "Teff, [Fe/H] -> log g": (places(("teff", "fe_h")), places(("logg",))),
        "Teff, log g, [Fe/H], E(B-V) -> parallax x 10^(G/5)": (places(LABELS), places((PARALLAX_G,))),
    }
    rows, spread = [], test.truth.std(axis=0)
    for name, (known, wanted) in questions.items():
        answers = {
            "one network": asked(tokens, test, known, wanted)[0],
            ALONE: asked(mixture_alone(tokens), test, known, wanted)[0],
        } | {method: fit(learn, test, known, wanted) for method, fit in METHODS.items()}
        for method, found in answers.items():
            off = (found - test.truth[:, wanted]) / spread[wanted]
            rows.append({"asked": name, "method": method, "rms": float(np.sqrt((off**2).mean()))})
    return rows


def extinction_law(tokens: StarTokens, source: MockStars, n: int = 300) -> dict[str, Any]:
    """How well the law of extinction is read off spectra that are asked for at E(B-V) .05 and .55.

    Magnitudes of the flux that the coefficients stand for, over those of 5500 angstrom and the difference of E(B-V),
    averaged over stars of other labels, where both fluxes are above zero; against the law, and what the same reading of
    true coefficients gives. Beside it the same on the detector, where light of a wavelength falls among its neighbours.
    """
    rng = np.random.default_rng(9)
    labels, scores = source.labels(n, rng), np.zeros((n, source.recipe.components))
    wavelength = np.arange(4000.0, 6501.0, 25.0)
    read, true = [], []
    for e_bv in (0.05, 0.55):
        labels[:, 3] = np.log10(e_bv)
        made = source.tokens(labels, scores)
        truth = on_scale(made)
        known = Stars(made, truth, truth, np.broadcast_to(EXACT * tokens.spread, truth.shape))
        read.append(asked(tokens, known, places(LABELS), places(BP))[0])
        true.append(made[:, :N_BP])
    at = int(np.argmin(abs(wavelength - 5500)))
    law = extinction(wavelength) - extinction(wavelength[[at]])
    bp = band("bp")
    readings = {
        "": bp.flux(wavelength / 10)[:N_BP],
        ", on the detector": bp.detector(bp.position(wavelength / 10))[:N_BP],
    }
    out: dict[str, Any] = {"range": float(np.ptp(law))}
    for reading, functions in readings.items():
        for name, pair in {"network": read, "true coefficients": true}.items():
            low, high = (coefficients @ functions for coefficients in pair)
            some = (low > 0) & (high > 0)
            dimmed = -2.5 * np.log10(np.where(some, high, np.nan) / np.where(some, low, np.nan)) / 0.5
            curve = np.nanmean(dimmed, axis=0)
            off = abs(curve - curve[at] - law)
            inner = off[wavelength >= INNER]
            out[name + reading] = {
                "median": float(np.median(off)), "max": float(off.max()), "max, inner": float(inner.max()),
            }  # fmt: skip
    return out


def colour_law(tokens: StarTokens, source: MockStars) -> dict[str, Any]:
    """How well B-V against Teff is read off, at log g 4.3, [Fe/H] 0 and E(B-V) .02: rms and largest difference, mag."""
    teff = np.arange(4000.0, 7001.0, 100.0)
    labels = np.tile([0.0, 4.3, 0.0, np.log10(0.02)], (len(teff), 1))
    labels[:, 0] = teff
    made = source.tokens(labels, np.zeros((len(teff), source.recipe.components)))
    truth, colour = on_scale(made), made[:, PLACE["b_v"]]
    known = Stars(made, truth, truth, np.broadcast_to(EXACT * tokens.spread, truth.shape))
    off = asked(tokens, known, places(LABELS), places(("b_v",)))[0][:, 0] - colour
    rms = float(np.sqrt((off**2).mean()))
    return {"rms": rms, "max": float(abs(off).max()), "range": float(np.ptp(colour))}


def run(bench: Bench) -> Section:
    """The network of the package on mock stars after stars of MILES that it has not seen."""
    tokens = StarTokens.load()
    source = mocks(tokens.network.recipe.mock)
    learn = seen(source.learn, LEARNED, 100, tokens.spread)
    test = seen(source.test, TESTED, 101, tokens.spread)
    labels, others = labels_of(tokens, learn, test), others_of(tokens, learn, test)
    laws = {"extinction": extinction_law(tokens, source.test), "colour": colour_law(tokens, source.test)}
    rows = [
        *labels,
        *others,
        {"law": "extinction", **laws["extinction"]},
        {"law": "colour", **laws["colour"]},
    ]
    return Section(
        "Any quantity from any others, on mock stars", tuple(rows), text(source, labels, others, laws)
    )


def text(source: Any, labels: list[dict], others: list[dict], laws: dict[str, Any]) -> str:
    """The section of the page."""

    def four(values: Sequence[float]) -> str:
        return f"{values[0]:.0f} {values[1]:.3f} {values[2]:.3f} {values[3]:.3f}"

    lines = [
        f"**Mock stars only.** {TESTED:,} after {source.n_test} stars of MILES that neither the network nor the model "
        f"of spectra has seen are tested. The refitted methods learn from {LEARNED:,} after the other "
        f"{source.n_learn}, as the network did; {source.left_out} stars are left out, whose spectra the model does not "
        "explain. "
        "Coefficients of Gaia's BP; their norm is 300 to 10,000 times the error of one. One network answers all; the "
        "others are fitted anew for each row, and what is free in them is chosen on a fifth of what they learn from. "
        f'The start of the network is a mixture of Gaussians. "20 random": mean of {SETS} sets. One seed. '
        "Cells: rms of Teff in K, log g, [Fe/H], log E(B-V); in 68%: the shares of true values within one error of the "
        "network.",
        "",
        f"| known | {' | '.join(COLUMNS)} | in 68% |",
        f"|{'---|' * (len(COLUMNS) + 2)}",
    ]
    for name in patterns():
        found = {row["method"]: row for row in labels if row["known"] == name}
        inside = " ".join(f"{value:.2f}" for value in found["one network"]["in_68"])
        lines.append(f"| {name} | {' | '.join(four(found[m]['rms']) for m in COLUMNS)} | {inside} |")
    lines += [
        "",
        "Other questions, rms in standard deviations of the stars:",
        "",
        f"| asked | {' | '.join(COLUMNS)} |",
        f"|{'---|' * (len(COLUMNS) + 1)}",
    ]
    for name in dict.fromkeys(row["asked"] for row in others):
        rms = {row["method"]: row["rms"] for row in others if row["asked"] == name}
        lines.append(f"| {name} | {' | '.join(f'{rms[m]:.3f}' for m in COLUMNS)} |")
    law, colour = laws["extinction"], laws["colour"]
    read, true = (
        ", ".join(f"{value:.3f}" for value in law[name].values()) for name in ("network", "true coefficients")
    )
    blurred = [law[f"{name}, on the detector"]["median"] for name in ("network", "true coefficients")]
    lines += [
        "",
        "Laws that nobody told the network. Extinction from 4000 to 6500 angstrom over that at 5500, read off the flux "
        "of spectra that it gives for labels, against the law, over a range of "
        f"{law['range']:.2f} mag per mag of E(B-V). Off by (median, largest, largest above {INNER:.0f} angstrom, below "
        f"which 40 coefficients do not give the flux) {read}; read off true coefficients {true}. Read on the detector, "
        "where light of a wavelength falls among its neighbours, off by "
        f"{blurred[0]:.3f} (median); read there off true coefficients by {blurred[1]:.3f}. B-V against Teff at log g "
        f"4.3, 4,000 to 7,000 K: off by {colour['rms']:.3f} mag rms, {colour['max']:.3f} at most, over a range of "
        f"{colour['range']:.2f}.",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, write the network of the package, and fit its encoder to MILES."""
    parser = argparse.ArgumentParser(prog="python -m experiments.stars.anytoany", description=main.__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("experiments/out/stars"))
    tokens, report = learned(Bench(parser.parse_args(arguments).output), TokensRecipe())
    path = Path(__file__).parents[2] / "src/spectrove/stars/data" / NETWORK
    said = {name: report[name] for name in ("step", "seconds", "log")}
    tokens.save(
        path,
        {
            "report": json.dumps(said),
            "credit": "mocks after MILES (Sanchez-Blazquez et al. 2006, Cenarro et al. 2007), functions of Gaia DR3",
        },
    )
    print(
        f"{path.name}: {path.stat().st_size / 1e3:.0f} kB, {len(NAMES)} tokens, {report['seconds']:.0f} s of one core"
    )
    recipe = load_recipe("tokens", STARS.folders("recipes"), STARS.kinds)
    encoder, fitted = train_star_tokens(recipe, [miles().spectra], source="tokens", workers=1, tell=_silent)
    folder = save_encoder(encoder, STARS.folders("weights")[0] / "tokens", report=fitted)
    print(f"{folder.name}: {fitted['n_spectra']} stars, {encoder.fingerprint}")
    return 0


def _silent(what: str) -> Progress:
    def told(done: int, total: int, /) -> None:
        return None

    return told


if __name__ == "__main__":
    sys.exit(main())
