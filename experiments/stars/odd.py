"""Reasons of outliers: oddities put into real stars that nothing was chosen on, and the same stars untouched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import Labelled, lamost, miles, noisy
from experiments.stars.injected import ODDITIES
from experiments.stars.types import base_of
from spectrove import pipeline
from spectrove.inference.outlier_score import EXPLAINED
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet
from spectrove.stars.oddities.reasons import LEAST, REASONS, evidence_of, numbers
from spectrove.statistics import wilson

#: Folds of MILES: the limits of the reasons were chosen on one, the figures are of the other; the encoder and the base
#: are made of the rest.
CHOSEN_ON, SHOWN = 1, 0

#: Stars of that fold that are shown.
MOST = 80

#: Share of the stars that limits were chosen on that may exceed each.
FALSE_ALARMS = 0.01

#: Ratio in a pixel of .9 angstrom that stars of MILES are shown at, too.
RATIO = 25.0


def run(bench: Bench) -> Section:
    """For each kind the share that is unusual, that the reason names, and that is named so in untouched stars."""
    stars = miles()
    base, encoder = base_of(stars.take((stars.fold != SHOWN) & (stars.fold != CHOSEN_ON)).spectra)
    shown, rows = stars.take(np.flatnonzero(stars.fold == SHOWN)[:MOST]), []
    for name, some in (
        ("MILES", shown),
        (f"MILES at {RATIO:g}", noisy(shown, RATIO, seed=8)),
        ("LAMOST", others()),
    ):
        for kind, spectra in odd(some, seed=20).items():
            answers = pipeline.outliers(base, spectra, encoder={"shape": encoder}, explained=1.0)
            rows.append(counted(name, kind, len(spectra), list(answers)))
    return Section("Reasons of unusual stars", tuple(rows), text(rows))


def odd(stars: Labelled, seed: int) -> dict[str, SpectrumSet]:
    """Each kind of oddity put into all of the stars, and "untouched"; without anything but pixels."""
    rng = np.random.default_rng(seed)
    plain = [stars.spectra[i] for i in range(len(stars.spectra))]
    made = {"untouched": stars.spectra}
    for kind, oddity in ODDITIES.items():
        which = rng.integers(0, len(plain), len(plain))
        made[kind] = SpectrumSet.from_spectra(
            [oddity.put(one, plain[k], rng) for one, k in zip(plain, which, strict=True)]
        )
    return made


def counted(stars: str, kind: str, n: int, answers: list[Any]) -> dict[str, Any]:
    """What became of the spectra of one kind; one without a velocity has no answer."""
    wanted = ODDITIES[kind].reason if kind in ODDITIES else ""
    reasons = [one.reason for one in answers]
    odd = [one.p_value <= EXPLAINED for one in answers]
    return {
        "stars": stars, "kind": kind, "n": n, "answered": len(answers), "unusual": sum(odd),
        "named": reasons.count(wanted), "both": sum(o and r == wanted for o, r in zip(odd, reasons, strict=True)),
        "reasons": {name: reasons.count(name) for name in REASONS if name in reasons},
    }  # fmt: skip


def text(rows: list[dict[str, Any]]) -> str:
    """The tables, as Markdown."""
    lines = [
        "Oddities put into real spectra ([injected.py](injected.py)), and the same spectra untouched, asked of a base "
        f"of three fifths of MILES by `outliers`. Limits of the reasons are those that {FALSE_ALARMS:.0%} of the stars "
        "of one more fifth exceed, or of files of LAMOST where that is more; the stars shown here are of the last "
        "fifth, and stars of LAMOST that are not in those files. A star without a velocity has no answer. A reason is "
        f"given here whatever p is; `outliers` gives it up to {EXPLAINED:g}. Unusual: p of {EXPLAINED:g} or less. "
        "Named: the reason is that of the oddity, of all stars of the kind. False alarms: the share of the "
        "untouched stars that have it; some of MILES are odd (emission, carbon, composites), and count as false. "
        "95% intervals after Wilson; one seed.",
        "",
        "| stars | oddity | n | answered | unusual | named | false alarms | other reasons |",
        "|---|---|---|---|---|---|---|---|",
    ]
    plain = {row["stars"]: row for row in rows if row["kind"] == "untouched"}
    for row in rows:
        own, n = ODDITIES[row["kind"]].reason if row["kind"] in ODDITIES else "", row["n"]
        said = [(name, k) for name, k in row["reasons"].items() if name != own and k > 0.03 * n]
        quiet = plain[row["stars"]]
        alarms = _share(quiet["reasons"].get(own, 0), quiet["n"]) if own else ""
        named = _share(row["named"], n) if own else ""
        other = ", ".join(f"{name} {k}" for name, k in sorted(said, key=lambda item: -item[1]))
        cells = (
            row["stars"],
            row["kind"],
            n,
            row["answered"],
            f"{row['unusual'] / n:.2f}",
            named,
            alarms,
            other,
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def limits() -> dict[str, float]:
    """The value of each number that `FALSE_ALARMS` of the stars exceed that limits are chosen on.

    The larger of two: of a fifth of MILES, as it is and with noise; and of files of LAMOST.
    """
    stars = miles()
    _, encoder = base_of(stars.take((stars.fold != SHOWN) & (stars.fold != CHOSEN_ON)).spectra)
    chosen_on = stars.take(stars.fold == CHOSEN_ON)
    files, _ = read_spectra([files_of_lamost()])
    sets = ((chosen_on.spectra, noisy(chosen_on, RATIO, seed=7).spectra), (files,))
    found = [[one for part in some for one in evidence_of(part, encoder.ordinary).values()] for some in sets]
    return {
        key: max(
            float(np.nanquantile([numbers(one)[key] for one in some], 1 - FALSE_ALARMS)) for some in found
        )
        for key in LEAST
    }


def files_of_lamost() -> Path:
    """The folder of the files that limits are chosen on, too."""
    return Path(os.environ["SPECTROVE_DATA"]) / "galaxies" / "lamost"


def others() -> Labelled:
    """Stars of LAMOST that are not in those files."""
    known = {path.name.partition(".fits")[0] for path in files_of_lamost().iterdir()}
    stars = lamost()
    return stars.take(np.array([name.partition(".fits")[0] not in known for name in stars.star]))


def _share(k: int, n: int) -> str:
    ends = wilson(k, n)
    return "" if ends is None else f"{k / n:.2f} [{ends[0]:.2f} {ends[1]:.2f}]"


def main() -> int:
    """Print the limits."""
    for key, value in limits().items():
        print(f"{key}: {value:.3g} (now {LEAST[key]:g})")
    return 0


if __name__ == "__main__":
    main()
