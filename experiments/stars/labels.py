"""Labels by the network: of MILES in folds by star, at several signal-to-noise ratios; of LAMOST, from MILES alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import FOLDS, Labelled, lamost, miles, noisy
from spectrove.stars.grid import OnGrid, on_grid
from spectrove.stars.measuring import LEARNED, NETWORK, rest
from spectrove.stars.network.model import LabelsEstimator
from spectrove.stars.network.recipe import LabelsRecipe
from spectrove.stars.network.training import Progress, train
from spectrove.stars.velocity import velocities

#: Signal-to-noise ratio in g of LAMOST above which a star is bright.
BRIGHT = 20.0

#: Signal-to-noise ratios in a pixel of .9 angstrom; None for MILES as it is.
RATIOS: tuple[float | None, ...] = (None, 25.0, 10.0)


@dataclass(frozen=True)
class Scores:
    """How far labels are from those of a catalog: Teff in K, log g, [Fe/H]; each (3,)."""

    n: int
    robust: NDArray[np.float64]
    bias: NDArray[np.float64]
    rms: NDArray[np.float64]
    inside_68: NDArray[np.float64]
    inside_90: NDArray[np.float64]

    def line(self, name: str) -> str:
        """A line of a table."""

        def three(values: NDArray, first: str = ".0f") -> str:
            return f"{values[0]:{first}} {values[1]:.3f} {values[2]:.3f}"

        cells = [three(values) for values in (self.robust, self.bias, self.rms)]
        cells += [three(values, ".3f") for values in (self.inside_68, self.inside_90)]
        return f"| {name} | {self.n} | {' | '.join(cells)} |"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in vars(self).items()
        }


def scores(value: NDArray, error: NDArray, truth: NDArray) -> Scores:
    """Scores of labels with errors, (n, 3), of which some may be NaN."""
    known = np.isfinite(value).all(axis=1)
    off, error = (value - truth)[known], error[known]
    middle = np.median(off, axis=0)
    return Scores(
        int(known.sum()), 1.4826 * np.median(abs(off - middle), axis=0), middle, np.sqrt((off**2).mean(axis=0)),
        (abs(off) <= error).mean(axis=0), (abs(off) <= 1.645 * error).mean(axis=0),
    )  # fmt: skip


def learnable(stars: Labelled) -> NDArray[np.bool_]:
    """Stars with labels in the ranges that the network learns."""
    low, high = np.array(LEARNED).T
    with np.errstate(invalid="ignore"):
        return np.asarray(((stars.labels >= low) & (stars.labels <= high)).all(axis=1))


def grid_of(stars: Labelled) -> OnGrid:
    """Stars at rest on the common pixels."""
    grid, refused = on_grid(stars.spectra, "rest")
    assert not refused, refused[0]
    return grid


def widened(value: NDArray, error: NDArray, truth: NDArray) -> NDArray[np.float64]:
    """By which factor errors hold 68% of the stars, (3,)."""
    return np.asarray(np.quantile(abs(value - truth) / error, 0.68, axis=0))


def folds(
    stars: Labelled, recipe: LabelsRecipe, folder: Path | None
) -> dict[float | None, tuple[NDArray, NDArray]]:
    """Labels and errors of each star by networks that have not seen it, for each of `RATIOS`; errors as they come."""
    fold = stars.fold
    found = {
        ratio: (np.full(stars.labels.shape, np.nan), np.full(stars.labels.shape, np.nan)) for ratio in RATIOS
    }
    for k in range(FOLDS):
        left, estimator = np.flatnonzero(fold == k), of_fold(stars, recipe, k, folder)
        for ratio, (value, error) in found.items():
            some = stars.take(left) if ratio is None else noisy(stars.take(left), ratio, seed=k)
            seen = grid_of(some)
            value[left], error[left] = estimator(seen.flux, seen.used)
    return found


def of_fold(stars: Labelled, recipe: LabelsRecipe, k: int, folder: Path | None) -> LabelsEstimator:
    """The estimator that has learned from the stars of all folds but one; what its folder has is not trained again."""
    learned = stars.take(stars.fold != k)
    grid = grid_of(learned)
    return train(
        grid.flux, grid.used, learned.labels, recipe,
        folder=None if folder is None else folder / f"fold-{k}", progress=_told(f"fold {k + 1} of {FOLDS}"),
    )  # fmt: skip


def of_lamost(stars: Labelled, estimator: LabelsEstimator, with_shape: bool) -> tuple[NDArray, NDArray]:
    """Labels and errors of stars with unknown velocities, NaN where these fail."""
    value, error = np.full(stars.labels.shape, np.nan), np.full(stars.labels.shape, np.nan)
    grid, _, _ = rest(stars.spectra, velocities(stars.spectra)[0])
    place = {name: i for i, name in enumerate(stars.spectra.object_id)}
    at = [place[name] for name in grid.object_id]
    value[at], error[at] = estimator(grid.flux, grid.used, with_shape)
    return value, error


def _told(what: str) -> Progress:
    def told(done: int, total: int) -> None:
        if done % 40 == 0 or done == total:
            print(f" {what}: {done} of {total} epochs", file=sys.stderr, flush=True)

    return told


def run(bench: Bench) -> Section:
    """Train in folds and on all stars, and score both."""
    whole, table = measured_with(bench)
    rows = [one.to_dict() | {"stars": name} for name, one in table.items()]
    recipe = whole.recipe
    text = (
        "Labels that the network reads off spectra, against the labels of catalogs, which have errors of their own "
        "(70 K, .16 and .08 dex in MILES, by the stars that Brewer et al. measured). "
        f"MILES: {FOLDS} folds by star, {recipe.members} networks of {recipe.epochs} epochs each, one seed; noise is "
        "added at the ratios named, in a pixel of .9 angstrom. LAMOST: half of a plate, by networks of MILES alone; it "
        "took part in the choice of what is varied in training. Errors are widened to hold 68% of the FGK stars of "
        "MILES as they are: that cell is so by construction. FGK: 4,000 to 7,000 K. Cells: Teff in K, log g and "
        "[Fe/H].\n\n"
        "| stars | n | robust scatter | bias | rms | in 68% | in 90% |\n|---|---|---|---|---|---|---|\n"
    ) + "\n".join(one.line(name) for name, one in table.items())
    return Section("Labels by the network", tuple(rows), text)


def measured_with(bench: Bench) -> tuple[LabelsEstimator, dict[str, Scores]]:
    """The estimator of all stars with its widening, and all scores; states are kept in the folder of the bench."""
    recipe, states = LabelsRecipe(), bench.folder / "states"
    stars = miles().take_labelled()
    stars = stars.take(learnable(stars))
    grid = grid_of(stars)
    whole = train(
        grid.flux, grid.used, stars.labels, recipe, folder=states / "all", progress=_told("all stars")
    )
    whole.learned_from = frozenset(map(str, stars.spectra.object_id))
    found = folds(stars, recipe, states)
    fgk = stars.is_fgk
    whole.widening = widened(found[None][0][fgk], found[None][1][fgk], stars.labels[fgk])
    return whole, {**of_folds(stars, found, whole.widening), **of_others(whole)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Train on all stars, and write the network of the package."""
    parser = argparse.ArgumentParser(prog="python -m experiments.stars.labels", description=main.__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("experiments/out/stars"))
    whole, table = measured_with(Bench(parser.parse_args(arguments).output))
    for name, one in table.items():
        print(one.line(name))
    path = Path(__file__).parents[2] / "src/spectrove/stars/data" / NETWORK
    whole.save(path, {"credit": "trained on MILES (Sanchez-Blazquez et al. 2006, Cenarro et al. 2007)"})
    print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB")
    return 0


def of_folds(
    stars: Labelled, found: Mapping[float | None, tuple[NDArray, NDArray]], widening: NDArray
) -> dict[str, Scores]:
    """Scores of stars that no member has seen; the widening of errors is that of FGK stars as they are."""
    made = {}
    for ratio, (value, error) in found.items():
        name = "MILES" if ratio is None else f"MILES at {ratio:g}"
        for kind, chosen in (("FGK", stars.is_fgk), ("all", np.ones(len(value), bool))):
            made[f"{name}, {kind}"] = scores(value[chosen], error[chosen] * widening, stars.labels[chosen])
    return made


def of_others(whole: LabelsEstimator) -> dict[str, Scores]:
    """Scores of FGK stars of LAMOST, which took part in nothing but the choice of what is varied in training."""
    made = {}
    for medium in ("vacuum", "air"):
        others = lamost(medium)
        others = others.take(others.is_fgk)
        bright = np.array(others.spectra.column("snr_g")) > BRIGHT
        for with_shape in (False, True):
            value, error = of_lamost(others, whole, with_shape)
            name = f"LAMOST in {medium}, {'lines and shape' if with_shape else 'lines'}"
            made[name] = scores(value, error, others.labels)
            made[f"{name}, S/N"] = scores(value[bright], error[bright], others.labels[bright])
    return made


if __name__ == "__main__":
    sys.exit(main())
