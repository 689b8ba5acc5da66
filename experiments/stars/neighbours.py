"""Labels of stars by the nearest others of the encoder, which has not seen them; and the encoder of the package."""

from __future__ import annotations

import sys

import numpy as np

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import FOLDS, miles
from experiments.stars.labels import scores
from spectrove.domain import Progress
from spectrove.encoders import EncoderRecipe, save_encoder
from spectrove.encoders.recipe import load_recipe
from spectrove.stars.domain import STARS
from spectrove.stars.encoder import train_star_lines

#: Nearest stars that vote, with equal weights.
VOTERS = 5


def run(bench: Bench) -> Section:
    """The mean of the nearest stars, in folds by star."""
    recipe, known = own_recipe(), miles().take_labelled()
    value = np.full(known.labels.shape, np.nan)
    for k in range(FOLDS):
        learned, left = known.take(known.fold != k), known.take(known.fold == k)
        own, _ = train_star_lines(recipe, [learned.spectra], source="lines", workers=1, tell=_silent)
        seen, asked = (own.encode(own.prepare(part.spectra)[0]).vectors for part in (learned, left))
        near = np.argsort(((asked[:, None] - seen[None]) ** 2).sum(axis=2), axis=1)[:, :VOTERS]
        value[known.fold == k] = learned.labels[near].mean(axis=1)
    rows, lines = [], []
    for kind, chosen in (("FGK", known.is_fgk), ("all", np.ones(len(value), bool))):
        one = scores(value[chosen], np.full((chosen.sum(), 3), np.nan), known.labels[chosen])
        rows.append({"stars": kind} | one.to_dict())
        cells = (
            f"{values[0]:.0f} {values[1]:.3f} {values[2]:.3f}" for values in (one.robust, one.bias, one.rms)
        )
        lines.append(f"| MILES, {kind} | {one.n} | {' | '.join(cells)} |")
    text = (
        f"The mean of the {VOTERS} nearest stars in vectors of {(recipe.own or {})['n_components']} components, "
        f"fitted to the other stars, without labels. {FOLDS} folds by star. Cells: Teff in K, log g and [Fe/H].\n\n"
        "| stars | n | robust scatter | bias | rms |\n|---|---|---|---|---|\n"
    ) + "\n".join(lines)
    return Section("Labels by neighbours", tuple(rows), text)


def own_recipe() -> EncoderRecipe:
    """The recipe of the package's encoder."""
    return load_recipe("lines", STARS.folders("recipes"), STARS.kinds)


def main() -> int:
    """Fit the encoder of the package to all of MILES, and write it."""
    made, report = train_star_lines(own_recipe(), [miles().spectra], source="lines", workers=1, tell=_silent)
    folder = save_encoder(made, STARS.folders("weights")[0] / "lines", report=report)
    print(f"{folder.name}: {report['n_spectra']} stars, {made.fingerprint}")
    return 0


def _silent(what: str) -> Progress:
    def told(done: int, total: int, /) -> None:
        return None

    return told


if __name__ == "__main__":
    sys.exit(main())
