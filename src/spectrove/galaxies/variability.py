"""What may change between two epochs of a galaxy, and how significances are distributed if nothing did."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Variability
from spectrove.galaxies.lines import LINE, LINES

#: Ranges in which airglow, the atmosphere or the joint of the cameras disturb optical spectra, observed vacuum
#: angstrom: [O I] 5578, Na D, [O I] 6302 and 6365, the B band, water and OH.
SKY = (
    (5570.0, 5590.0), (5885.0, 5905.0), (6297.0, 6308.0), (6360.0, 6370.0), (6865.0, 6935.0), (7160.0, 7345.0),
    (7590.0, 7700.0), (7710.0, 8110.0), (8270.0, 8560.0), (8600.0, 9250.0), (9300.0, 10_400.0),
)  # fmt: skip

#: Pairs of the table whose signal-to-noise ratio is nearest, and the part of them from which the tail is extrapolated.
LIKE, TAIL = 400, 0.1


@cache
def _table(broad: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower signal-to-noise ratio and best significance of mock pairs without a change, of broad or narrow lines."""
    path = resources.files("spectrove.galaxies") / "data" / "epochs.json"
    content = json.loads(path.read_text("utf-8"))
    return np.array(content["sn"]), np.array(content["broad" if broad else "narrow"])


def chance(broad: bool, significance: NDArray[np.float64], sn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that a pair in which nothing changed reaches a significance at any broad or narrow line, (n_pairs,).

    The fraction of the `LIKE` mock pairs of most similar signal-to-noise ratio that reach it; beyond their highest
    tenth extrapolated by an exponential tail.
    """
    known_sn, known = _table(broad)
    values = []
    for best, ratio in zip(np.atleast_1d(significance), np.atleast_1d(sn), strict=True):
        apart = np.abs(np.log(np.maximum(known_sn, 0.1) / max(float(ratio), 0.1)))
        like = np.sort(known[np.argsort(apart, kind="stable")[:LIKE]])
        start = like[int(len(like) * (1 - TAIL))]
        above = like[like > start]
        if best <= start:
            values.append((1 + np.count_nonzero(like >= best)) / (1 + len(like)))
        else:
            values.append(TAIL * np.exp(-(best - start) / max(float(np.mean(above - start)), 1e-3)))
    return np.array(values)


VARIABILITY = Variability(
    narrow=tuple(line for line in LINES if line.kind == "emission"),
    broad=(LINE["hg"], LINE["hb"], LINE["ha"]),
    widths=(3000.0, 7000.0),
    sky=SKY,
    line_error=0.05,
    colour_error=0.05,
    chance=chance,
)
