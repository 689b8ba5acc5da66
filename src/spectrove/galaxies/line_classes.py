"""Class probabilities and redshift check from the emission lines of an object, within their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import OwnEvidence
from spectrove.errors import SpectrumError
from spectrove.galaxies.line_fit import LineFit, measure_lines
from spectrove.galaxies.lines import BPT_CLASSES, bpt_class
from spectrove.spectra import Spectrum

#: Regions of the [N II] diagram, and "none": a galaxy without emission lines. A draw in none of them is "".
REGIONS: tuple[str, ...] = (*BPT_CLASSES, "none")

#: Regions of the diagram for each label value that lines can test, in lower case.
REGIONS_OF: dict[str, tuple[str, ...]] = {
    "sf": ("SF",), "star-forming": ("SF",), "starforming": ("SF",), "star forming": ("SF",), "hii": ("SF",),
    "composite": ("Composite",), "comp": ("Composite",), "seyfert": ("Seyfert",), "seyfert2": ("Seyfert",),
    "seyfert 2": ("Seyfert",), "seyfert2-like": ("Seyfert",), "liner": ("LINER",), "agn": ("Seyfert", "LINER"),
    "quiescent": ("none",), "passive": ("none",),
}  # fmt: skip

#: Below this rest-frame equivalent width of H alpha (angstrom) a galaxy does not count as having gas lines.
MIN_HA_EW = 3.0

#: A class is excluded if a smaller fraction of the draws falls into its region.
EXCLUDED = 0.01

#: Draws from the errors of the lines.
DRAWS = 1000

#: Differences of two careful fits of one spectrum beyond their errors: dex of [N II]/H alpha and [O III]/H beta;
#: fraction and angstrom of EW(H alpha); the 4000 angstrom break.
FLOOR_NII, FLOOR_OIII, FLOOR_EW, FLOOR_EW_ANGSTROM, FLOOR_D4000 = 0.03, 0.05, 0.08, 0.2, 0.03

#: Breaks of quiescent galaxies are larger, as in `mock.labels.class_derived`.
QUIESCENT_D4000 = 1.6

#: A redshift is in conflict with lines of at least this S/N that are off by more km/s, allowing for real motions.
STRONG, OFFSET = 10.0, 250.0


def measured(spectrum: Spectrum) -> LineFit | None:
    """Emission lines of the spectrum at its redshift; None if they cannot be measured."""
    z = spectrum.row.get("z")
    if z is None:
        return None
    try:
        return measure_lines(spectrum, float(z))
    except (SpectrumError, np.linalg.LinAlgError):  # anything else is a fault of the program
        return None


def regions_of(value: str) -> tuple[str, ...]:
    """Regions of the diagram for a label value; empty if lines cannot test it."""
    return REGIONS_OF.get(value.strip().lower(), ())


def judged(classes: Sequence[str]) -> bool:
    """Whether lines can distinguish these labels: two or more have different regions."""
    return len({regions_of(name) for name in classes} - {()}) > 1


def line_probability(fit: LineFit | None, classes: Sequence[str], *, seed: int = 0) -> NDArray[np.float64]:
    """Probability of each class from draws of the line ratios within their errors; shape (n_classes,), sum 1.

    All classes are equal if the lines give no information. Weak lines are spread over the regions, so that only classes
    excluded by the errors are near zero. A class that lines cannot test gets the share of one of several equal regions.
    """
    share = region_shares(fit, seed=seed)
    if not judged(classes) or not np.isfinite(share).all():
        return np.full(len(classes), 1 / len(classes))
    found = class_shares(share[None], [regions_of(name) for name in classes])[0]
    return found / found.sum()


def class_shares(share: NDArray[np.float64], regions: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """Fraction of the draws in the region of each class, (n_spectra, n_classes).

    Draws outside all these regions are divided equally. A class that lines cannot test gets the share of one of several
    equal regions.

    Args:
        share: From `region_shares`, (n_spectra, n_regions).
        regions: Of each class, from `regions_of`.
    """
    named = sorted({name for of in regions for name in of})
    inside = share[:, [REGIONS.index(name) for name in named]].sum(axis=1)
    parts = [
        share[:, [REGIONS.index(name) for name in of]].sum(axis=1)
        if of
        else np.full(len(share), 1 / len(named))
        for of in regions
    ]
    return np.stack(parts, axis=1) + np.maximum(0.0, 1 - inside)[:, None] / len(regions)


def region_shares(fit: LineFit | None, *, seed: int = 0) -> NDArray[np.float64]:
    """Fraction of the draws from the line errors in each of `REGIONS`, (n_regions,); NaN if lines are not covered.

    The sum is below one if some draws are in no region: a young galaxy without lines.
    """
    region = None if fit is None else _regions(fit, seed)
    if region is None:
        return np.full(len(REGIONS), np.nan)
    return np.array([(region == name).mean() for name in REGIONS])


def _regions(fit: LineFit, seed: int) -> NDArray[np.str_] | None:
    """The region of each draw; None if the lines are not covered."""
    keys = ("ha", "hb", "oiii", "nii")
    needed = [*(fit.flux[k] for k in keys), *(fit.error[k] for k in keys), fit.ew["ha"], fit.ew_error["ha"]]
    if not np.isfinite(needed).all():
        return None
    rng = np.random.default_rng(seed)
    flux = {k: fit.flux[k] + fit.error[k] * rng.normal(size=DRAWS) for k in keys}
    with np.errstate(invalid="ignore", divide="ignore"):
        x = np.log10(flux["nii"] / flux["ha"]) + FLOOR_NII * rng.normal(size=DRAWS)
        y = np.log10(flux["oiii"] / flux["hb"]) + FLOOR_OIII * rng.normal(size=DRAWS)
    ew = fit.ew["ha"]
    ew_error = np.hypot(fit.ew_error["ha"], np.hypot(FLOOR_EW * ew, FLOOR_EW_ANGSTROM))
    faint = ew + ew_error * rng.normal(size=DRAWS) < MIN_HA_EW
    old = np.ones(DRAWS, dtype=bool)
    if np.isfinite(fit.d4000n) and np.isfinite(fit.index_error[0]):
        error = np.hypot(fit.index_error[0], FLOOR_D4000)
        old = fit.d4000n + error * rng.normal(size=DRAWS) > QUIESCENT_D4000
    return np.where(faint, np.where(old, "none", ""), bpt_class(x, y))


def excludes(probability: NDArray[np.float64], classes: Sequence[str], given: int) -> bool:
    """Whether the lines exclude a label; never if they cannot test it."""
    return bool(regions_of(classes[given])) and bool(probability[given] < EXCLUDED)


def lines_say(fit: LineFit) -> str:
    """The decisive line measurements, to print."""
    ratios = [
        f"log {name} {value:.2f} +/- {error:.2f}"
        for name, value, error in (
            ("[N II]/Ha", fit.log_nii_ha, fit.log_nii_ha_error),
            ("[O III]/Hb", fit.log_oiii_hb, fit.log_oiii_hb_error),
        )
        if np.isfinite(value)
    ]
    return ", ".join([f"EW(Ha) {fit.ew['ha']:.1f} +/- {fit.ew_error['ha']:.1f} A", *ratios])


@dataclass(frozen=True)
class RedshiftConflict:
    """Offset of the lines from the given redshift, km/s, and the S/N of the strongest line."""

    velocity: float
    sn: float


def redshift_conflict(fit: LineFit | None) -> RedshiftConflict | None:
    """Strong lines far from their expected wavelengths; None if there is no conflict.

    The fit finds offsets up to 400 km/s. At a redshift that is wrong by more it finds no lines, and no conflict.
    """
    if fit is None:
        return None
    sn = max(
        (fit.flux[k] / fit.error[k] for k in ("ha", "hb", "oiii", "nii") if fit.error[k] > 0), default=0.0
    )
    if not (np.isfinite(sn) and sn > STRONG and abs(fit.velocity) > OFFSET):
        return None
    return RedshiftConflict(fit.velocity, float(sn))


def evidence_of(fits: Sequence[LineFit | None], classes: Sequence[str]) -> OwnEvidence:
    """What fitted lines say about labels and redshifts of their spectra."""
    probability = np.stack([line_probability(fit, classes) for fit in fits])
    return OwnEvidence(
        probability,
        np.array([[excludes(share, classes, j) for j in range(len(classes))] for share in probability]),
        tuple("" if fit is None else lines_say(fit) for fit in fits),
        tuple(_conflict_sentence(redshift_conflict(fit)) for fit in fits),
    )


def _conflict_sentence(conflict: RedshiftConflict | None) -> str:
    if conflict is None:
        return ""
    return (
        f"lines at S/N {conflict.sn:.0f} are {conflict.velocity:+.0f} km/s off the redshift: add it again "
        "with the right redshift"
    )
