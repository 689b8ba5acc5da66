"""What is measured in the counts of an X-ray source: brightness, hardness, and what fits."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Measure
from spectrove.errors import Refusal, SpectrumError
from spectrove.xray.counts import is_piled_up
from spectrove.xray.quantities import COLUMN, FLUX

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.xray.counts import Counts
    from spectrove.xray.fitting.bins import Binned
    from spectrove.xray.fitting.fit import Fit, Interval
    from spectrove.xray.response import Response

#: Hardness ratios by name: the harder and the softer of the bands soft, medium and hard, as positions in
#: `binned.BANDS`. Names and bands are those of the Chandra Source Catalog.
RATIOS: dict[str, tuple[int, int]] = {"hr_hs": (2, 0), "hr_ms": (1, 0), "hr_hm": (2, 1)}

MEASURES: tuple[Measure, ...] = (
    Measure("net_counts", "", "counts of the source from .5 to 7 keV", "brightness", True),
    Measure("count_rate", "1/s", "counts of the source per second", "brightness", True),
    Measure("flux", FLUX, "flux from .5 to 7 keV that arrives", "brightness"),
    Measure("hr_hs", "", "hardness ratio of 2-7 and .5-1.2 keV", "hardness"),
    Measure("hr_ms", "", "hardness ratio of 1.2-2 and .5-1.2 keV", "hardness"),
    Measure("hr_hm", "", "hardness ratio of 2-7 and 1.2-2 keV", "hardness"),
    Measure("nh", COLUMN, "hydrogen column of the model of largest evidence", "model"),
    Measure("gamma", "", "photon index of an absorbed power law", "model"),
    Measure("kt", "keV", "temperature of an absorbed thermal plasma", "model"),
    Measure("fe_ew", "keV", "equivalent width of the iron line at 6.4 or 6.7 keV", "line", True),
    Measure("thermal_evidence", "", "ln of the evidence of a thermal plasma over that of a power law", "model"),
    Measure("fit_quality", "", "C or W over degrees of freedom, of the best model", "model"),
)  # fmt: skip

#: Flags of what is measured, see `spectra.FLAGS`, and numbers that are kept of a spectrum.
FLAGS: tuple[str, ...] = ("pile_up", "limit_nh", "limit_gamma", "limit_kt")
WIDTH = 2 * len(MEASURES) + len(FLAGS)

#: ln of the evidence by which a plasma excludes a power law, or the other way round: then its parameter means nothing.
EXCLUDED = 3.0

#: Spectra of a base that are read at once, and that are measured before what is measured is kept.
BLOCK, KEPT = 128, 512

#: Responses whose areas, and spectra whose numbers, are remembered.
REMEMBERED, REMEMBERED_NUMBERS = 64, 8192


@dataclass(frozen=True)
class Fitted:
    """What was measured in one spectrum.

    Attributes:
        data: Its counts in bins.
        fits: Of the families, by name.
        ratios: Posterior mean and standard deviation of the hardness ratios, by name.
        iron: Equivalent width of the iron line, keV; None where too few counts are there.
    """

    data: Binned
    fits: dict[str, Fit] = field(repr=False)
    ratios: dict[str, tuple[float, float]]
    iron: Interval | None

    @property
    def best(self) -> Fit:
        """The fit of largest evidence."""
        from spectrove.xray.fitting.fit import best_of

        return best_of(list(self.fits.values()))

    @property
    def thermal_evidence(self) -> float:
        """ln of the evidence of the plasma over that of the power law."""
        return self.fits["thermal plasma"].log_evidence - self.fits["power law"].log_evidence

    def _fitted(self) -> dict[str, Interval]:
        """What is read off the grids: log column, and index and temperature where their family is not excluded."""
        found = {"nh": self.best.column}
        if self.thermal_evidence <= EXCLUDED:
            found["gamma"] = self.fits["power law"].parameter
        if self.thermal_evidence >= -EXCLUDED:
            found["kt"] = self.fits["thermal plasma"].parameter
        return found

    def flags(self, survey: str | None) -> tuple[str, ...]:
        """Flags of the measures, see `FLAGS`; `survey` names the telescope, None where it is unknown."""
        piled = is_piled_up(self.data.net, self.data.exposure, survey)
        limits = [f"limit_{name}" for name, one in self._fitted().items() if one.limited]
        return (*(["pile_up"] if piled else []), *limits)

    def values(self) -> dict[str, tuple[float, float]]:
        """Each measure with its one-sigma error; NaN where unknown, and an index or a temperature that is a limit."""
        data, best = self.data, self.best
        behind = data.background.sum()
        error = float(np.sqrt(data.counts.sum() + data.scale**2 * behind))
        nan = (float("nan"), float("nan"))
        measured = {
            name: (one.value, one.error)
            for name, one in self._fitted().items()
            if name != "nh" and not one.limited
        }
        return {
            "net_counts": (data.net, error),
            "count_rate": (data.net / data.exposure, error / data.exposure),
            "flux": (best.flux.value, best.flux.error),
            **self.ratios,
            "nh": column_of(best.column),
            "gamma": measured.get("gamma", nan),
            "kt": measured.get("kt", nan),
            "fe_ew": nan if self.iron is None else (self.iron.value, self.iron.error),
            "thermal_evidence": (self.thermal_evidence, 0.0),
            "fit_quality": (best.statistic / best.freedom, float(np.sqrt(2 / best.freedom))),
        }


class XrayMeasurer:
    """Counts, hardness ratios and fitted models; see `domain.Measurer`."""

    version = 3
    measures = MEASURES
    headline: tuple[str, ...] = ("net_counts", "flux", "hr_hs", "nh", "gamma", "kt")

    def measure(self, spectra: Any) -> pa.Table:
        """Column object_id, NAME and NAME_err of each measure, null where unknown, and flags; a row each."""
        return _table(spectra.object_id.tolist(), self._values(spectra))

    def refusals(self, spectra: Any) -> list[Refusal]:
        """The spectra without effective area, or without more counts than background."""
        from spectrove.xray.fitting.bins import binned

        found = []
        for spectrum in spectra:
            try:
                binned(spectrum)
            except SpectrumError as error:
                found.append(Refusal(spectrum.object_id, str(error)))
        return found

    def of_base(
        self, base: KnowledgeBase, object_id: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> pa.Table:
        """The same for objects of a base, kept in KB/measures/ every `KEPT` spectra."""
        from spectrove.inference.kept import measured_spectra

        if not object_id:
            return _table([], np.zeros((0, WIDTH)))
        found = measured_spectra(
            base,
            {"measurer": f"xray {self.version}"},
            object_id,
            self._values,
            together=(BLOCK, KEPT),
            progress=progress,
        )
        return _table(list(object_id), found)

    def _values(self, spectra: Any) -> NDArray[np.float64]:
        """Values and errors by turns, NaN where unknown, then 1 for each flag that is set: (n_spectra, `WIDTH`)."""
        out = np.full((len(spectra), WIDTH), np.nan)
        for i, spectrum in enumerate(spectra):
            out[i] = _numbers(spectrum)
        return out


def _numbers(spectrum: Counts) -> NDArray[np.float64]:
    """Values, errors and flags, (`WIDTH`,); those of the last spectra are remembered, as each question asks."""
    arrays = (spectrum.counts, spectrum.background, spectrum.quality)
    key = (
        spectrum.response.fingerprint, spectrum.background_scale, spectrum.exposure, spectrum.row.get("survey"),
        *(hashlib.blake2b(a.tobytes(), digest_size=16).digest() for a in arrays),
    )  # fmt: skip
    if key not in _KNOWN_NUMBERS:
        if len(_KNOWN_NUMBERS) >= REMEMBERED_NUMBERS:
            _KNOWN_NUMBERS.clear()
        _KNOWN_NUMBERS[key] = _measured(spectrum)
    return _KNOWN_NUMBERS[key]


_KNOWN_NUMBERS: dict[tuple[Any, ...], NDArray[np.float64]] = {}


def _measured(spectrum: Counts) -> NDArray[np.float64]:
    try:
        own = fitted(spectrum)
    except SpectrumError:
        return np.full(WIDTH, np.nan)
    values = own.values()
    flags = own.flags(spectrum.row.get("survey"))
    numbers = [number for one in MEASURES for number in values[one.name]]
    return np.array([*numbers, *(float(flag in flags) for flag in FLAGS)], float)


def fitted(spectrum: Counts) -> Fitted:
    """Everything that is measured in one spectrum.

    Raises:
        SpectrumError: It has no effective area, or no more counts than background.
    """
    from spectrove.xray.fitting.bins import binned
    from spectrove.xray.fitting.families import FAMILIES
    from spectrove.xray.fitting.fit import best_of, fit
    from spectrove.xray.fitting.iron import iron_width

    data = binned(spectrum)
    fits = {family.name: fit(data, family) for family in FAMILIES}
    return Fitted(data, fits, hardness(spectrum), iron_width(data, best_of(list(fits.values()))))


def hardness(spectrum: Counts) -> dict[str, tuple[float, float]]:
    """Posterior mean and standard deviation of each hardness ratio of energy fluxes; NaN where a band has no area.

    Counts become photons by the area of each band, and energies by the mean energy of a power law in it: a ratio does
    not depend on the response, but for the little that the shape within a band does.
    """
    from spectrove.xray.binned import BANDS
    from spectrove.xray.hardness import flux_posterior, hardness_moments
    from spectrove.xray.response import in_bands

    good = spectrum.good
    counts, behind = (
        in_bands(spectrum.response, channels * good, BANDS)
        for channels in (spectrum.counts, spectrum.background)
    )
    areas = _areas(spectrum.response, good)
    flux = [
        flux_posterior(int(n), int(b), spectrum.background_scale, float(a)) if a > 0 else None
        for n, b, a in zip(counts, behind, areas, strict=True)
    ]
    found = {}
    for name, (hard, soft) in RATIOS.items():
        one, other = flux[hard], flux[soft]
        found[name] = (np.nan, np.nan) if one is None or other is None else hardness_moments(one, other)
    return found


def _areas(response: Response, good: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Counts per energy of each band, in any unit; those of the last responses are remembered."""
    from spectrove.xray.binned import BANDS
    from spectrove.xray.response import mean_energies

    key = response.fingerprint, good.tobytes()
    if key not in _KNOWN_AREAS:
        if len(_KNOWN_AREAS) >= REMEMBERED:
            _KNOWN_AREAS.clear()
        _KNOWN_AREAS[key] = response.band_areas(BANDS, good) / mean_energies(BANDS)
    return _KNOWN_AREAS[key]


_KNOWN_AREAS: dict[tuple[str, bytes], NDArray[np.float64]] = {}


def column_of(column: Interval) -> tuple[float, float]:
    """A column in 1e22 / cm2 with its error, from its logarithm."""
    value, low, high = (10 ** (x - 22) for x in (column.value, column.low, column.high))
    return float(value), float((high - low) / 2)


def _table(object_id: Sequence[str], values: NDArray[np.float64]) -> pa.Table:
    from spectrove.inference.kept import measured_table

    return measured_table(object_id, values, MEASURES, FLAGS)
