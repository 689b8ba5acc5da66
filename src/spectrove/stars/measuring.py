"""The measurer of stars: radial velocity, and the labels that the network reads off; see `domain.Measurer`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Measure
from spectrove.errors import Refusal
from spectrove.spectra import SpectrumSet
from spectrove.stars.grid import N_PIXELS, OnGrid, on_grid
from spectrove.stars.medium import is_doubtful
from spectrove.stars.oddities.evidence import FLAGS as ODD
from spectrove.stars.oddities.evidence import Ordinary, flags_of
from spectrove.stars.velocity import TEMPLATES, Velocity, templates, velocities

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.stars.network.model import LabelsEstimator

#: What is measured, in the order of tables.
MEASURES: tuple[Measure, ...] = (
    Measure("velocity", "km/s", "radial velocity in the frame of the spectrum", "velocity"),
    Measure("teff", "K", "effective temperature", "label"),
    Measure("logg", "dex(cm/s2)", "log of the surface gravity", "label"),
    Measure("fe_h", "dex", "iron over hydrogen, of the Sun's", "label"),
)

#: Flags, see `spectra.FLAGS`.
FLAGS: tuple[str, ...] = (
    "velocity_failed",
    "medium_doubtful",
    "outside_labels",
    "few_pixels_of_network",
    "learned_from",
    *ODD.values(),
)

WIDTH = 2 * len(MEASURES) + len(FLAGS)

#: Labels of the stars that the network learned from, Teff in K, log g, [Fe/H]: beyond, it has seen none. A star whose
#: lines are most like those of a hotter or a cooler kind is outside, too, whatever the network says.
LEARNED = ((3000.0, 12000.0), (0.0, 5.5), (-2.7, 0.6))

#: Share of the pixels without which the network is not asked: it has seen gaps, but never so little of a star.
LEAST_SEEN = 0.6

#: Spectra of a base that are read at once, and that are measured before what is measured is kept.
BLOCK, KEPT = 128, 512

#: The folder of what is learned, and the file of the network.
DATA = files("spectrove.stars") / "data"
NETWORK = "labels.safetensors"

#: The components of the encoder of the package, by which odd lines are told.
COMPONENTS = files("spectrove.stars") / "weights" / "lines" / "weights.safetensors"


@cache
def network() -> LabelsEstimator:
    """The network of the package, see data/README.md."""
    from spectrove.stars.network.model import LabelsEstimator

    with as_file(DATA / NETWORK) as path:
        return LabelsEstimator.load(path, N_PIXELS)


@cache
def ordinary() -> Ordinary:
    """What lines of ordinary stars are made of."""
    from safetensors.numpy import load

    stored = load(COMPONENTS.read_bytes())
    return Ordinary(*(stored[name].astype(float) for name in ("mean", "components", "deviation")))


class StarMeasurer:
    """Velocities and labels of stars, from their pixels alone: a redshift that comes with a star is not read."""

    version = 3
    measures = MEASURES
    headline: tuple[str, ...] = ("velocity", "teff", "logg", "fe_h")

    def measure(self, spectra: SpectrumSet) -> pa.Table:
        """Column object_id, NAME and NAME_err of each measure, null where unknown, and flags; a row each."""
        return as_table(spectra.object_id.tolist(), measured(spectra))

    def refusals(self, spectra: SpectrumSet) -> list[Refusal]:
        """The spectra with too few pixels where templates lie."""
        return on_grid(spectra, "observed")[1]

    def of_base(
        self, base: KnowledgeBase, object_id: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> pa.Table:
        """The same for objects of a base, kept in KB/measures/ every `KEPT` spectra."""
        from spectrove.inference.kept import measured_spectra

        made_with = [file.read_bytes() for file in (DATA / NETWORK, DATA / TEMPLATES, COMPONENTS)]
        sums = [hashlib.blake2b(content, digest_size=16).hexdigest() for content in made_with]
        if not object_id:
            return as_table([], np.zeros((0, WIDTH)))
        found = measured_spectra(
            base,
            {"measurer": f"stars {self.version}", "made_with": sums},
            object_id,
            measured,
            together=(BLOCK, KEPT),
            progress=progress,
        )
        return as_table(list(object_id), found)


def measured(spectra: SpectrumSet) -> NDArray[np.float64]:
    """Values and errors by turns, NaN where unknown, then 1 for each flag that is set: (n_spectra, `WIDTH`)."""
    out = np.full((len(spectra), WIDTH), np.nan)
    out[:, 2 * len(MEASURES) :] = 0.0
    place = {str(name): i for i, name in enumerate(spectra.object_id)}
    found, _ = velocities(spectra)
    for name, one in found.items():
        out[place[name], :2] = (np.nan, np.nan) if one.failed else (one.value, one.error)
        out[place[name], 2 * len(MEASURES) + FLAGS.index("velocity_failed")] = bool(one.failed)
        flags = spectra.rows.column("flags")[place[name]].as_py() or ()
        out[place[name], 2 * len(MEASURES) + FLAGS.index("medium_doubtful")] = is_doubtful(one, flags)
    at_rest, shaped, few = rest(spectra, found)
    for refusal in few:
        out[place[refusal.name], 2 * len(MEASURES) + FLAGS.index("few_pixels_of_network")] = True
    for i, name in enumerate(map(str, at_rest.object_id)):
        for flag in flags_of(at_rest.one(i), ordinary()):
            out[place[name], 2 * len(MEASURES) + FLAGS.index(flag)] = True
    value, error = network()(at_rest.flux, at_rest.used, shaped)
    seen = at_rest.used.mean(axis=1)
    for name, v, e, share in zip(map(str, at_rest.object_id), value, error, seen, strict=True):
        row = out[place[name]]
        if share < LEAST_SEEN:
            row[2 * len(MEASURES) + FLAGS.index("few_pixels_of_network")] = True
            continue
        row[2 : 2 * len(MEASURES)] = np.stack([v, e], axis=1).ravel()
        outside = not all(low <= one <= high for one, (low, high) in zip(v, LEARNED, strict=True))
        row[2 * len(MEASURES) + FLAGS.index("learned_from")] = name in network().learned_from
        outside |= not LEARNED[0][0] <= templates().teff[found[name].template] <= LEARNED[0][1]
        row[2 * len(MEASURES) + FLAGS.index("outside_labels")] = outside
    return out


def rest(spectra: SpectrumSet, found: dict[str, Velocity]) -> tuple[OnGrid, NDArray[np.bool_], list[Refusal]]:
    """The spectra whose velocity is known, moved to rest.

    Returns:
        Them; which of them are not known to be uncalibrated; and a sentence for each that has too few pixels at rest.
    """
    known = [
        i for i, name in enumerate(spectra.object_id) if str(name) in found and not found[str(name)].failed
    ]
    if not known:
        nothing = np.zeros((0, N_PIXELS))
        return OnGrid(np.zeros(0, str), nothing, nothing, nothing > 0), np.zeros(0, bool), []
    chosen = spectra.take(np.array(known))
    z = pa.array([found[str(name)].z for name in chosen.object_id], pa.float64())
    rows = chosen.rows
    moved = chosen.with_rows(rows.set_column(rows.column_names.index("z"), "z", z))
    grid, refusals = on_grid(moved, "rest")
    calibrated = dict(zip(map(str, chosen.object_id), chosen.column("calibrated"), strict=True))
    return grid, np.array([calibrated[str(name)] is not False for name in grid.object_id], bool), refusals


def as_table(object_id: Sequence[str], values: NDArray[np.float64]) -> pa.Table:
    """Rows of `measured` as a table."""
    from spectrove.inference.kept import measured_table

    return measured_table(object_id, values, MEASURES, FLAGS)
