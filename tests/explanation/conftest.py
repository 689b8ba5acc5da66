"""Galaxies with known line ratios, and answers about them: made directly, or by a real base."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spectrove.embeddings import Embeddings
from spectrove.explanation.evidence import Evidence, NeighborEvidence, Provenance, build_evidence
from spectrove.explanation.measured import Measured
from spectrove.galaxies.diagram.measured import measurement
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.stellar import age_and_metallicity, stellar_basis
from spectrove.inference import Prediction, Vote, classify, hunt
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Mask, Spectrum, SpectrumSet
from spectrove.targets import Target

#: Line fluxes with the ratios of each class; unit of the spectrum times angstrom.
FLUXES: dict[str, dict[str, float]] = {
    "LINER": {"ha": 100, "nii": 130, "hb": 30, "oiii": 60, "oi": 25, "sii_6716": 60, "sii_6731": 50},
    "SF": {"ha": 100, "nii": 25, "hb": 33, "oiii": 20, "oi": 3, "sii_6716": 20, "sii_6731": 14},
    "Seyfert": {"ha": 100, "nii": 80, "hb": 30, "oiii": 300, "oi": 12, "sii_6716": 30, "sii_6731": 28},
    "quiescent": {},
}
TIED = {"oiii_4959": ("oiii", 2.98), "nii_6548": ("nii", 3.05)}
WIDTH = 2.6  # angstrom, one sigma, rest frame


def build_spectrum(
    object_id: str, kind: str = "LINER", *, z: float | None = 0.05, noise: float = 0.15, **row: Any
):
    """An SDSS-like spectrum: an old population of stars near 10, Gaussians of known flux, masked pixels."""
    rng = np.random.default_rng(sum(map(ord, object_id)))
    shift = 1 + (z or 0)
    wavelength = 10 ** np.arange(math.log10(3800), math.log10(9200), 1e-4)
    rest = wavelength / shift
    grid, templates, names = stellar_basis()
    stars = templates[max(range(len(names)), key=lambda i: age_and_metallicity(names)[0][i])]
    flux = 10 * np.interp(rest, grid, stars) / np.interp(5500, grid, stars)
    fluxes = dict(FLUXES[kind])
    fluxes |= {weak: fluxes[strong] / over for weak, (strong, over) in TIED.items() if strong in fluxes}
    for key, total in fluxes.items():
        sigma = WIDTH * shift
        u = (wavelength - LINE[key].wavelength * shift) / sigma
        flux = flux + total / (math.sqrt(2 * math.pi) * sigma) * np.exp(-0.5 * u**2)
    flux = flux + rng.normal(0, noise, len(flux))
    mask, ivar = np.zeros(len(flux), np.int32), np.full(len(flux), noise**-2)
    mask[2000:2040], ivar[2000:2040] = int(Mask.NODATA), 0
    lsf = wavelength * 69 / 299792.458
    columns = {"z": z, "z_source": "catalog", "flux_unit": "1e-17 erg/s/cm2/A", "flags": [], **row}
    return SpectrumSet.from_spectra([Spectrum(object_id, wavelength, flux, ivar, mask, lsf, columns)])[0]


def build_lines(noise: float = 1.0, missing: Sequence[str] = (), **flux: float) -> Any:
    """Line measurements with the same error for every line, NaN for the missing ones."""
    given = {"ha": 0.0, "hb": 0.0, "nii": 0.0, "oiii": 0.0, "sii": 0.0, "oi": 0.0} | flux
    values = {k: math.nan if k in missing else float(v) for k, v in given.items()}
    errors = {k: math.nan if k in missing else noise for k in given}
    ews, ew_errors = {k: v / 10 for k, v in values.items()}, {k: v / 10 for k, v in errors.items()}
    return SimpleNamespace(flux=values, error=errors, ew=ews, ew_error=ew_errors, continuum=None)


def build_answer(
    labels: Sequence[str | None],
    *,
    lines: Any = None,
    reason: str = "",
    distances: Sequence[float] | None = None,
    neighbor_lines: Any = None,
    positive: str | None = None,
    is_target: bool = True,
    probability: float = 0.93,
    flags: tuple[str, ...] = (),
    object_id: str = "0881-52368-0036",
    scale: float = 1.0,
) -> Evidence:
    """Evidence with chosen labels and lines, without any spectrum."""
    distances = list(distances or [0.8 + 0.1 * i for i in range(len(labels))])
    voters = [v for v in labels if v is not None]
    weight = 1 / max(len(voters), 1)
    value = positive if positive and is_target else (max(voters, key=voters.count) if voters else None)
    names = [f"1000-52000-{i:04d}" for i in range(len(labels))]
    votes = tuple(
        Vote(name, d, weight if v else 0.0, v, v) for name, d, v in zip(names, distances, labels, strict=True)
    )
    asked = positive or value
    prediction = Prediction(
        object_id, "class_derived", value,
        {str(asked): probability, "rest": 1 - probability} if voters else {},
        (0.8, 0.98) if voters else None, "" if voters else "No neighbour has a label that counts.",
        votes, flags, "liner" if positive else None, positive, is_target if positive else None,
    )  # fmt: skip
    beside = measurement(neighbor_lines)
    neighbors = tuple(
        NeighborEvidence(v.object_id, None, 0.05, beside, v.distance, v.weight, v.label, v.group)
        for v in votes
    )
    query = Measured(object_id, None, 0.0668, measurement(lines, reason))
    return filled(Evidence(prediction, query, neighbors, scale, Provenance(encoder="base"), "catalog", 0.5))


def filled(evidence: Evidence) -> Evidence:
    """The evidence with what galaxies have to say about it, after it was changed."""
    return replace(evidence, panels=GALAXIES.panels.answer(evidence))


def build_evidence_by_base(
    folder: Path, query: Spectrum, neighbors: Sequence[Spectrum], labels: Sequence[str], target: Target | None
) -> Evidence:
    """Evidence by the whole path: a base on disk, a search in it, a vote."""
    rows = [{**s.row, "class_derived": label} for s, label in zip(neighbors, labels, strict=True)]
    known = SpectrumSet.from_spectra(
        [
            Spectrum(s.object_id, s.wavelength, s.flux, s.ivar, s.mask, s.lsf, row)
            for s, row in zip(neighbors, rows, strict=True)
        ]
    )
    vectors = np.array([[1.0 + 0.5 * i, 0.0] for i in range(len(neighbors))], dtype=np.float32)
    coverage = np.tile([3700.0, 8700.0], (len(neighbors), 1))
    views = {"shape": Embeddings(vectors, known.object_id, "0123456789abcdef", coverage, "made-up")}
    base = KnowledgeBase.create(folder / "known.kb", known, views, encoder="made-up")
    asked = Embeddings(
        np.zeros((1, 2), np.float32), np.array([query.object_id]), "0123456789abcdef", coverage[:1], "made-up"
    )
    found = base.search(asked, 3, target=target, labelled=None if target else "class_derived")
    prediction = hunt(found, target)[0] if target else classify(found, "class_derived")[0]
    return build_evidence(base, query, prediction, found, 0, target=target, panels=GALAXIES.panels)


@pytest.fixture(scope="session")
def make_spectrum() -> Callable[..., Spectrum]:
    return build_spectrum


@pytest.fixture(scope="session")
def make_lines() -> Callable[..., Any]:
    return build_lines


@pytest.fixture(scope="session")
def make_answer() -> Callable[..., Evidence]:
    return build_answer


@pytest.fixture(scope="session")
def fill() -> Callable[..., Evidence]:
    return filled


@pytest.fixture(scope="session")
def by_base() -> Callable[..., Evidence]:
    return build_evidence_by_base


@pytest.fixture(scope="session")
def liner(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A LINER among two LINERs and a Seyfert, explained by the whole path."""
    from spectrove.pipeline.shipped import load_target

    known = [
        build_spectrum("1445-53062-0466", "LINER", z=0.07),
        build_spectrum("1009-52644-0170", "Seyfert", z=0.03),
        build_spectrum("0500-52000-0001", "LINER", z=0.04),
    ]
    query = build_spectrum("0881-52368-0036", "LINER", z=0.0668)
    labels = ["LINER", "Seyfert2-like", "LINER"]
    folder = tmp_path_factory.mktemp("liner")
    return build_evidence_by_base(folder, query, known, labels, load_target("liner"))
