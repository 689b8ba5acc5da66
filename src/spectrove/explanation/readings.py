"""What every estimator of a kind of light (`Domain.estimators`) reads off one spectrum, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Diagram, OwnEstimator, Quantity
from spectrove.errors import SpectroveError
from spectrove.explanation.diagram import LEVELS, Place
from spectrove.explanation.tables import interval, to_error
from spectrove.inference.numbers.estimate import Estimate
from spectrove.inference.numbers.posterior import Reading
from spectrove.posterior import Posterior
from spectrove.spectra import FLAGS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Number:
    """One quantity as it stands in a table: texts, to two figures of the 68% interval; wide is the 90% interval."""

    quantity: str
    value: str
    sigma: str
    narrow: str
    wide: str
    unit: str


@dataclass(frozen=True)
class ReadOff:
    """What one estimator says of one spectrum.

    Attributes:
        by: Its name in the table of the domain.
        title: The words for it.
        quantities: What it reads, in its order.
        posterior: Of the one spectrum; None where it cannot read it.
        refusal: Why not, a sentence; "" where it can.
    """

    by: str
    title: str
    quantities: tuple[Quantity, ...]
    posterior: Posterior | None = None
    refusal: str = ""

    def estimates(self, level: float) -> tuple[Estimate, ...]:
        """An estimate of each quantity; none where it cannot read the spectrum."""
        if self.posterior is None:
            return ()
        return tuple(Reading(self.posterior, one, self.by).estimates(level)[0] for one in self.quantities)

    def numbers(self) -> list[Number]:
        """The quantities for a table; none where it cannot read the spectrum."""
        return [
            _number(narrow, wide)
            for narrow, wide in zip(self.estimates(LEVELS[0]), self.estimates(LEVELS[1]), strict=True)
        ]

    @property
    def notes(self) -> list[str]:
        """What is doubtful, and how well the spectrum that belongs to the values fits: sentences."""
        found = self.posterior
        said = [FLAGS.get(flag, f"Flag: {flag}.") for flag in self.flags]
        if found is None or found.chi2 is None or found.n_pixels is None:
            return said
        chi2, n = float(found.chi2[0]), int(found.n_pixels[0])
        return [*said, f"The spectrum computed for these values has chi2 {chi2:,.0f} over {n:,} pixels."]

    @property
    def mean(self) -> Floats:
        """(n_quantities,)."""
        assert self.posterior is not None
        return np.asarray(self.posterior.mean[0])

    @property
    def covariance(self) -> Floats:
        """(n_quantities, n_quantities)."""
        assert self.posterior is not None
        return np.asarray(self.posterior.covariance[0])

    @property
    def draws(self) -> Floats | None:
        """Samples, (n_draws, n_quantities); None where the posterior is a normal distribution."""
        found = None if self.posterior is None else self.posterior.draws
        return None if found is None else np.asarray(found[0])

    @property
    def flags(self) -> tuple[str, ...]:
        """Names of `spectra.FLAGS`."""
        return tuple(self.posterior.flags[0]) if self.posterior is not None and self.posterior.flags else ()

    def place(self, diagram: Diagram) -> Place | None:
        """Where the spectrum lies on a diagram, with its covariance; None where it is not read."""
        names = [one.name for one in self.quantities]
        if self.posterior is None or not {diagram.x, diagram.y} <= set(names):
            return None
        both = [names.index(diagram.x), names.index(diagram.y)]
        x, y = self.mean[both]
        return Place(float(x), float(y), self.covariance[np.ix_(both, both)])


def _number(narrow: Estimate, wide: Estimate) -> Number:
    assert narrow.value is not None
    assert narrow.interval is not None
    assert wide.interval is not None
    half = (narrow.interval[1] - narrow.interval[0]) / 2
    return Number(
        narrow.quantity, to_error(narrow.value, half), to_error(half, half), interval(*narrow.interval),
        interval(*wide.interval), narrow.unit,
    )  # fmt: skip


def read_off(
    estimators: Mapping[str, OwnEstimator],
    quantities: Mapping[str, Quantity],
    spectrum: Any,
    n_draws: int = 0,
) -> tuple[ReadOff, ...]:
    """What each estimator says of a spectrum, in the order of their table.

    Args:
        estimators: Those of a kind of light.
        quantities: Its quantities, by name.
        spectrum: The spectrum, as a set of one.
        n_draws: Samples of a posterior that is no normal distribution.
    """
    return tuple(_read_off(estimators, quantities, spectrum, n_draws))


def _read_off(
    estimators: Mapping[str, OwnEstimator], quantities: Mapping[str, Quantity], spectrum: Any, n_draws: int
) -> Iterator[ReadOff]:
    name = str(spectrum.object_id[0])
    for by, estimator in estimators.items():
        asked = tuple(quantities.get(one) or Quantity(one) for one in estimator.quantities)
        try:
            found = estimator.posterior(spectrum, n_draws)
        except SpectroveError as error:
            yield ReadOff(by, estimator.title, asked, refusal=_without_name(str(error), name))
            continue
        if len(found.object_id):
            yield ReadOff(by, estimator.title, asked, found)
        else:
            said = found.refusals[0].error if found.refusals else "It says nothing of this spectrum."
            yield ReadOff(by, estimator.title, asked, refusal=_without_name(said, name))


def _without_name(sentence: str, name: str) -> str:
    rest = sentence.removeprefix(f"{name}: ")
    return rest[:1].upper() + rest[1:]
