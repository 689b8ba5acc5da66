"""The options of each verb: their names, types, defaults and one sentence each, for Python and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spectrove.errors import KnowledgeError, TargetError
from spectrove.inference.calibration.of_base import CalibrationMode
from spectrove.inference.differences.sets import CHANCE
from spectrove.inference.numbers.estimate import NEIGHBOURS, VOTERS
from spectrove.inference.outlier_score import EXPLAINED
from spectrove.inference.regions import SHORTLIST
from spectrove.targets import MetricMode, Target
from spectrove.targets.target import Normalise, Weighting

#: Options of reading that every verb takes beside its own.
READING = (
    "queries", "survey", "catalogs", "workers", "progress", "columns", "medium", "wavelength_unit", "flux_unit",
    "error_unit", "response",
)  # fmt: skip

#: Spectra that a review proposes at a time.
NEXT = 20

#: The weight of each view in the distance, or the name of one view.
View = Annotated[str | dict[str, float] | None, BeforeValidator(lambda view: weights_of(view))]

Count = Annotated[int, Field(ge=1)]


def weights_of(view: Any) -> Any:
    """Views and weights from a text such as "shape=1,variability=0.5"; anything else as it is.

    Raises:
        ValueError: A weight is no number.
    """
    if not isinstance(view, str) or not set(view) & {"=", ","}:
        return view
    parts = [part.partition("=") for part in view.split(",")]
    try:
        return {name.strip(): float(weight) if equals else 1.0 for name, equals, weight in parts}
    except ValueError as error:
        raise ValueError(f"{error}; expected NAME=WEIGHT,... such as shape=1,variability=0.5") from error


class AnyOptions(BaseModel):
    """Options of a verb, whatever they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Options(AnyOptions):
    """What every verb that encodes spectra may be told."""

    encoder: Any = Field(
        None, exclude=True, description="Encoders by view, in place of those the base names."
    )


class SearchOptions(Options):
    """Options of a search."""

    k: Count = Field(3, description="Neighbours per spectrum.")
    where: str | None = Field(None, description="SQL condition on the base's objects.")
    view: View = Field(None, description="The view to search, or several with their weights.")
    allow_self: bool = Field(False, description="Let an object be its own neighbour.")


class RegionOptions(Options):
    """Options of a search by regions of the spectrum."""

    k: Count = Field(3, description="Neighbours per spectrum.")
    shortlist: Count = Field(SHORTLIST, description="Nearest known spectra that are compared in the regions.")
    where: str | None = Field(None, description="SQL condition on the base's objects.")
    allow_self: bool = Field(False, description="Let an object be its own neighbour.")


class ClassifyOptions(SearchOptions):
    """Options of a classification."""

    metric: MetricMode = Field("auto", description="Distances in a metric fitted on the base's labels.")
    calibration: CalibrationMode = Field("auto", description="Probabilities calibrated on the base's labels.")
    witness: str = Field("auto", description="Use what a spectrum itself says of the classes.")
    prevalence: Any = Field(
        None,
        description="Shares of the classes among SPECTRA: those of the base, equal, or of a JSON file {class: share}.",
    )
    weighting: Weighting = Field("exp", description="Weight of a neighbour at a scaled distance.")
    normalise: Normalise = Field("sum", description="How weights become shares of the vote.")
    redshifts: Mapping[str, Any] | None = Field(
        None, exclude=True, description="Redshift estimates of spectra without a redshift, by object id."
    )


class HuntOptions(Options):
    """Options of a hunt; what is left out is as the target says."""

    condition: str | None = Field(
        None,
        description="Condition over measured columns, in place of a target: 'hdelta_a > 4 AND ha_ew < 3'.",
    )
    text: str | None = Field(
        None, description="Sentence in place of a target: 'quiescent galaxies with strong Na D'."
    )
    k: Count | None = Field(None, description="Neighbours per spectrum.")
    where: str | None = Field(None, description="SQL condition on the base's objects.")
    view: View = Field(None, description="The view to search, or several with their weights.")
    metric: MetricMode | None = Field(None, description="Distances in a metric fitted on the base's labels.")
    calibration: CalibrationMode = Field("auto", description="Probabilities calibrated on the base's labels.")
    witness: str = Field("auto", description="Use what a spectrum itself says of the classes.")
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Fraction of the hunted class among the spectra."
    )
    threshold: Annotated[float, Field(ge=0, le=1)] | Literal["f1"] | None = Field(
        None, description="Least probability of a target."
    )
    allow_self: bool = Field(False, description="Let an object be its own neighbour.")
    redshifts: Mapping[str, Any] | None = Field(
        None, exclude=True, description="Redshift estimates of spectra without a redshift, by object id."
    )

    def applied(self, target: Target) -> Target:
        """The target with the prevalence, the threshold and the views that are given here."""
        changes: dict[str, Any] = {}
        if self.prevalence is not None:
            changes |= {"prevalence": self.prevalence, "prior": None}
        if self.threshold is not None:
            changes["threshold"] = self.threshold
        if self.view is not None:
            if target.where is not None:
                raise TargetError(
                    f"target {target.name}: a condition is measured in spectra and has no views."
                )
            views = {self.view: 1.0} if isinstance(self.view, str) else self.view
            changes |= {"views": views, "optional_views": ()}
        return target.model_copy(update=changes) if changes else target


class ExampleOptions(Options):
    """Options of a hunt by example."""

    unlike: Any = Field(None, description="Examples of what is not wanted: ids, files or spectra.")
    region: Any = Field(None, description="Regions that count beside the whole spectrum: lines or ranges.")
    top: Count | None = Field(None, description="Only the N most alike.")
    where: str | None = Field(
        None, description="SQL condition on the base's objects, where these are ranked."
    )
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="Fraction of such objects; by default the share estimated in the base."
    )
    view: View = Field(None, description="The views compared; all of the base by default.")
    witness: str = Field("auto", description="Compare what a spectrum itself says, too.")
    allow_self: bool = Field(False, description="Let the examples be among the answers.")


#: Samples of a posterior that one spectrum may be given.
MOST_SAMPLES = 10_000


class EstimateOptions(Options):
    """Options of an estimate of a quantity."""

    by: str = Field(
        NEIGHBOURS, description="What estimates: neighbours, or network where stars are asked about."
    )
    k: Count = Field(VOTERS, description="Neighbours per spectrum.")
    level: float = Field(0.68, description="Rate at which intervals contain the value.")
    where: str | None = Field(None, description="SQL condition on the base's objects.")
    allow_self: bool = Field(False, description="Let an object be its own neighbour.")
    samples: int = Field(
        0,
        ge=0,
        le=MOST_SAMPLES,
        description="Samples of the posterior of each spectrum; by neighbours there are none.",
    )


class RedshiftOptions(Options):
    """Options of a redshift estimate."""

    n: Count = Field(5, description="Candidates.")
    level: float = Field(0.68, description="Rate at which intervals contain the redshift.")
    k: Count = Field(3, description="Known spectra that are named.")


class ContrastOptions(Options):
    """Options of a contrast between two sets of examples."""

    like: Any = Field((), exclude=True, description="Examples of what is looked for: ids, files or spectra.")
    unlike: Any = Field((), exclude=True, description="Examples of what it is unlike.")
    top: Count | None = Field(
        None, description="Only the N best; by default every spectrum, and 50 objects of the base."
    )
    where: str | None = Field(
        None, description="SQL condition on the base's objects, where these are ranked."
    )
    chance: Annotated[float, Field(gt=0, lt=1)] = Field(
        CHANCE, description="Probability that sets of the same kind show any region."
    )


class EpochOptions(Options):
    """Options of a comparison of epochs."""

    by: str | None = Field(None, description="Column that names the object of each spectrum.")
    changed: bool = Field(False, description="Only pairs that changed at a corrected probability of 0.05.")


class TextOptions(Options):
    """Options of a search by words."""

    top: Count | None = Field(None, description="Only the N best; by default as the sentence says, or 20.")
    where: str | None = Field(None, description="SQL condition on the base's objects.")
    papers: bool = Field(
        False, description="Compare the text with the base's abstracts, and do not read it as a condition."
    )
    threshold: float = Field(0.5, ge=0, le=1, description="Least probability that the conditions hold.")
    progress: Any = Field(
        None, exclude=True, description="Called with the number of spectra that were measured."
    )


class ReviewOptions(AnyOptions):
    """Options of a look through the candidates of a hunt; the others are those of the hunt."""

    n: Count = Field(NEXT, description="Spectra that shall be open, that is proposed and not marked.")
    like: Any = Field(None, description="Examples in place of a target: ids, files or spectra.")


class OutlierOptions(Options):
    """Options of a search for outliers."""

    explained: float = Field(EXPLAINED, description="Reasons are searched up to this p-value.")


class MeasureOptions(AnyOptions):
    """Options of measurements."""

    measures: Any = Field(
        None, description="Names of what is measured, a list or a text with commas; all if None."
    )
    domain: str | None = Field(
        None, description="Kind of light of spectra beside which no base says it: galaxies, stars or xray."
    )


O = TypeVar("O", bound=AnyOptions)  # noqa: E741


def options_of(kind: type[O], verb: str, given: Mapping[str, Any]) -> O:
    """The options of a verb from keyword arguments.

    Raises:
        TypeError: There is no such option, as for any function of Python.
        KnowledgeError: A value is not one that the option can have.
    """
    for name in given:
        if name not in kind.model_fields:
            near = get_close_matches(name, [*kind.model_fields, *READING], n=1)
            takes = f"It takes {', '.join(kind.model_fields)}; and of reading {', '.join(READING)}."
            hint = f"Did you mean {near[0]!r}?" if near else takes
            raise TypeError(f"{verb}() got an unexpected keyword argument {name!r}. {hint}")
    try:
        return kind(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise KnowledgeError(
            f"{verb}: {name} is {given.get(name)!r}: {first['msg'][:1].lower()}{first['msg'][1:]}."
        ) from error
