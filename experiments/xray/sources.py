"""Real sources with classes: spectra where they are at hand, and counts after the fluxes of a catalog where not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.binned import BANDS
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.ogip import read_counts
from spectrove.xray.response import PHOTON_INDEX, Response, in_bands

Floats = NDArray[np.float64]

#: Fluxes of MUWCLASS in the order of `BANDS`, and erg per keV.
FLUXES, ERG = ("Fs", "Fm", "Fh"), 1.602e-9

#: Most counts of a source made after its fluxes: few have more, and noise is then nothing.
MOST_COUNTS = 1e5

#: Types of SIMBAD as MUWCLASS calls them; other types are none of its classes.
CLASSES = {
    "Seyfert1": "AGN", "LowMassXBin": "LMXB", "CataclyV*": "CV", "Pulsar": "NS", "OrionV*": "YSO",
    "HighPM*": "LM-STAR", "WolfRayet*": "HM-STAR",
}  # fmt: skip

#: Names of objects of the PHA sets that are active galaxies; one of the Chandra Source Catalog is of no known class.
GALAXIES = ("3C", "4C", "PKS", "Q0740", "SDSSJ", "B3")


def of_catalog(folder: Path, response: Response) -> CountSet:
    """Counts that have the fluxes and the errors that MUWCLASS measured of 2,193 sources, seen through one response.

    Not their spectra: within soft, medium and hard band the photons are those of a power law. The exposure is such that
    the counts have the signal-to-noise of the three fluxes together.
    """
    with open(folder / "muwclass.csv") as file:
        return CountSet.from_counts([_of_fluxes(row, response) for row in csv.DictReader(file)])


def _of_fluxes(row: dict[str, str], response: Response) -> Counts:
    flux = np.array([float(row[name]) for name in FLUXES])
    error = np.array([float(row[f"e_{name}"]) for name in FLUXES])
    edges = response.energy.astype(float)
    inside = np.searchsorted(BANDS, (edges[1:] + edges[:-1]) / 2, side="right") - 1
    shape = edges[:-1] ** (1 - PHOTON_INDEX) - edges[1:] ** (1 - PHOTON_INDEX)
    energy = shape * (edges[1:] + edges[:-1]) / 2 * ERG
    per_band = np.array([energy[inside == band].sum() for band in range(3)])
    photons = np.where((inside >= 0) & (inside < 3), shape * (flux / per_band)[np.clip(inside, 0, 2)], 0)
    rate = response.fold(photons)
    total = min(float(((flux / error) ** 2).sum()), MOST_COUNTS)
    exposure = total / in_bands(response, rate, BANDS[[0, -1]])[0]
    return Counts(
        row["CSCv2_name"],
        _whole(rate * exposure),
        np.zeros(response.n_channels, np.int32),
        np.zeros(response.n_channels, np.int16),
        0.0,
        exposure,
        response,
        {
            "survey": "muwclass",
            "ra": float(row["CSCv2_RA"]),
            "dec": float(row["CSCv2_DEC"]),
            "class": row["True_Class"],
        },
    )


def _whole(expected: Floats) -> NDArray[np.int32]:
    """Whole numbers whose running sums are those expected: no further noise comes in."""
    return np.diff(np.rint(np.cumsum(expected)), prepend=0.0).astype(np.int32)


def of_events(folder: Path, response: Response) -> CountSet:
    """Spectra of the energies of 22 real event lists of the Chandra Source Catalog, at most 800 events each.

    The records hold no responses: energies are put into the channels of another observation's.
    """
    records = json.loads((folder / "axia" / "sample_corpus.json").read_text())
    return CountSet.from_counts([_of_record(record, response) for record in records])


def _of_record(record: dict, response: Response) -> Counts:
    energy = np.array([event[1] for event in record["event_list"]]) / 1000
    counts, _ = np.histogram(energy, np.append(response.e_min, response.e_max[-1]))
    row = {"survey": "axia", "ra": record["ra"], "dec": record["dec"], "obsid": str(record["obsid"]),
           "object": record["source_name"], "class": CLASSES.get(record["source_type"])}  # fmt: skip
    return Counts(
        f"{record['source_name']} {record['obsid']}",
        counts.astype(np.int32),
        np.zeros(response.n_channels, np.int32),
        np.zeros(response.n_channels, np.int16),
        0.0,
        1.0,
        response,
        row,
    )


def of_files(folder: Path) -> CountSet:
    """The PHA sets that are whole, each with its own response and background; the objects of known kind are AGN."""
    spectra, _ = read_counts(sorted((folder / "pha").glob("*/*.gz")))
    kinds = ["AGN" if (name or "").startswith(GALAXIES) else None for name in spectra.column("object")]
    return CountSet.from_counts(
        [
            Counts(**{**vars(one), "row": one.row | {"class": kind}})
            for one, kind in zip(spectra, kinds, strict=True)
        ]
    )
