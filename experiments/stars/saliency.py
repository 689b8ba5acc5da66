"""What the network of labels looks at: gradients on stars that it has not seen, in the windows of known lines."""

from __future__ import annotations

import numpy as np

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import FOLDS, miles
from experiments.stars.labels import grid_of, learnable, of_fold
from spectrove.stars.grid import log_wavelength
from spectrove.stars.lines import LINES
from spectrove.stars.network.recipe import LabelsRecipe
from spectrove.stars.network.saliency import Enrichment, enrichment, saliency
from spectrove.stars.quantities import LABELS

#: Half width of a window about a line, angstrom.
HALF = 10.0

#: Lines by `lines.LINES`; which label is expected to follow them, None for controls that none should.
LINES_OF: dict[str, tuple[tuple[str, ...], str | None]] = {
    "Balmer": (("hd", "hg", "hb", "ha"), "teff"),
    "Mg b": (("mgb_5167", "mgb_5172", "mgb_5183"), "logg"),
    "iron, indices": ((), "fe_h"),
    "iron, lines": ((), "fe_h"),
    "Na D": (("nad_5890", "nad_5896"), None),
    "Ca I 4227": (("ca_4227",), None),
    "G band": (("gband",), None),
}

#: Blends of iron, vacuum angstrom: the bands of the Lick indices Fe4531, Fe5270, Fe5335, Fe5406, Fe5709 and Fe5782
#: (Worthey et al. 1994) without their shoulders.
IRON = (
    (4515.8, 4560.5), (5247.1, 5287.1), (5313.6, 5353.6), (5389.0, 5416.5), (5698.2, 5721.9), (5778.2, 5798.2),
)  # fmt: skip


#: The strongest lines of neutral iron in the Sun from 4000 A on (Moore, Minnaert & Houtgast 1966), vacuum angstrom.
IRON_LINES = (4046.96, 4064.74, 4072.89, 4384.78, 4405.99, 4958.98, 5271.00, 5329.52, 5372.98)


def run(bench: Bench) -> Section:
    """Gradients in folds by star, FGK stars."""
    stars = miles().take_labelled()
    stars = stars.take(learnable(stars))
    total, n = np.zeros((len(LABELS), len(log_wavelength()))), 0
    for k in range(FOLDS):
        left = stars.take((stars.fold == k) & stars.is_fgk)
        seen = grid_of(left)
        total += len(left.spectra) * saliency(
            of_fold(stars, LabelsRecipe(), k, bench.folder / "states"), seen.flux, seen.used
        )
        n += len(left.spectra)
    wavelength = 10 ** log_wavelength()
    places = {line.key: line.wavelength for line in LINES}
    rows, lines = [], []
    for name, (keys, expected) in LINES_OF.items():
        at = IRON_LINES if name == "iron, lines" else [places[key] for key in keys]
        windows = [(one - HALF, one + HALF) for one in at] or list(IRON)
        found = [enrichment(values / n, wavelength, windows) for values in total]
        rows.append(
            {"lines": name, "expected": expected}
            | {q: f._asdict() for q, f in zip(LABELS, found, strict=True)}
        )
        cells = [_cell(one, q == expected) for q, one in zip(LABELS, found, strict=True)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    text = (
        f"Mean absolute gradient of each label in the windows of lines over that of all pixels, on {n} FGK stars of "
        f"MILES, by networks that have not seen them ({FOLDS} folds by star); p: share of 400 shifts of the windows "
        "along the spectrum with as large a ratio. Bold: the label that the lines are known for; the last three kinds "
        "are controls.\n\n"
        "| lines | teff | logg | fe_h |\n|---|---|---|---|\n"
    ) + "\n".join(lines)
    return Section("What the network looks at", tuple(rows), text)


def _cell(found: Enrichment, expected: bool) -> str:
    text = f"{found.ratio:.2f} (p {found.p_value:.3f})"
    return f"**{text}**" if expected else text
