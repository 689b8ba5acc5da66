"""The verbs: what can be asked of a base. The command line is held to this table; other doors are made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from spectrove.pipeline import classify, hunt, search
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.contrast import contrast
from spectrove.pipeline.epochs import epochs
from spectrove.pipeline.estimate import estimate
from spectrove.pipeline.examples import hunt_like
from spectrove.pipeline.measure import measure
from spectrove.pipeline.options import (
    AnyOptions,
    ClassifyOptions,
    ContrastOptions,
    EpochOptions,
    EstimateOptions,
    ExampleOptions,
    HuntOptions,
    MeasureOptions,
    OutlierOptions,
    RedshiftOptions,
    RegionOptions,
    SearchOptions,
    TextOptions,
)
from spectrove.pipeline.outliers import outliers
from spectrove.pipeline.redshift import redshift
from spectrove.pipeline.regions import search_region
from spectrove.pipeline.words import search_text


@dataclass(frozen=True)
class Verb:
    """One thing that can be asked of a base.

    Attributes:
        name: Of the function in Python: `spectrove.NAME(base, spectra, ...)`.
        ask: That function: base, spectra, the subject if there is one, options as keywords.
        options: Its options, with types, defaults and a sentence each.
        subject: What is asked about beside the spectra: a target, a label column, a quantity, regions; "" if nothing.
        columns: Keys of one answer, as `Answers.to_dicts` and --json give it; some answers lack some of them.
        summary: What it does, in a sentence.
        command: The command that asks it.
        of_base: Whether it is asked about the objects of the base themselves, without spectra.
        or_base: Whether it is asked about them where no spectra are given.
        together: Whether spectra are compared or ranked among each other, so that all of them are asked at once.
    """

    name: str
    ask: Callable[..., Answers]
    options: type[AnyOptions]
    subject: Literal["", "target", "like", "label", "quantity", "regions", "text"]
    columns: tuple[str, ...]
    summary: str
    command: str
    of_base: bool = False
    or_base: bool = False
    together: bool = False


_SEARCH = ("object_id", "neighbors", "flags")
_POSTERIOR = (
    "object_id",
    "neighbors",
    "metric",
    "p_distance",
    "set",
    "calibrated",
    "flags",
    "none_of_these",
    "witnesses",
)
_NUMBER = (
    "object_id", "quantity", "value", "interval", "reason_no_interval", "level", "unit", "confident", "flags",
    "neighbors",
)  # fmt: skip

VERBS: dict[str, Verb] = {
    "search": Verb(
        "search", search, SearchOptions, "", _SEARCH,
        "Find the nearest known spectra of each spectrum.", "search",
    ),
    "search_region": Verb(
        "search_region", search_region, RegionOptions, "regions", (*_SEARCH, "regions"),
        "Find the known spectra most similar to each spectrum in parts of the spectrum.", "search --region",
    ),
    "search_text": Verb(
        "search_text", search_text, TextOptions, "text",
        ("object_id", "rank", "probability", "reason_no_probability", "distance", "values"),
        "Find the known objects that a sentence describes.", "search --text", of_base=True,
    ),
    "hunt": Verb(
        "hunt", hunt, HuntOptions, "target",
        (
            *_POSTERIOR, "target", "probability", "interval", "is_target", "z", "z_source", "reason_no_interval",
            "second_redshift",
        ),
        "Find the spectra that match a target.", "hunt",
    ),
    "hunt_like": Verb(
        "hunt_like", hunt_like, ExampleOptions, "like",
        (
            "object_id", "score", "probability", "interval", "calibrated", "reason_not_calibrated", "among_base", "z",
            "why", "neighbors", "flags", "region_distance",
        ),
        "Find the spectra that are like some examples.", "hunt --like", or_base=True, together=True,
    ),
    "classify": Verb(
        "classify", classify, ClassifyOptions, "label", (*_POSTERIOR, "label", "value", "probabilities"),
        "Classify each spectrum.", "classify",
    ),
    "estimate": Verb(
        "estimate", estimate, EstimateOptions, "quantity",
        (*_NUMBER, "p_distance", "trend", "by", "estimates", "covariance", "samples", "chi2", "n_pixels"),
        "Estimate the redshift or other numbers of each spectrum.", "estimate",
    ),
    "redshift": Verb(
        "redshift", redshift, RedshiftOptions, "",
        (*_NUMBER, "type", "type_margins", "z_candidates", "warnings", "cautions"),
        "Estimate the redshift of each spectrum, without reading any.", "estimate --quantity z",
    ),
    "measure": Verb(
        "measure", measure, MeasureOptions, "", ("object_id", "z", "z_source", "measured", "flags"),
        "Measure lines, widths, indices and colours of each spectrum, with errors.", "measure",
    ),
    "contrast": Verb(
        "contrast", contrast, ContrastOptions, "",
        (
            "object_id", "score", "along", "along_error", "off_line", "agrees", "regions", "flags",
            "reason_no_probability",
        ),
        "Rank spectra between two sets, and say where these differ.", "contrast", or_base=True, together=True,
    ),
    "epochs": Verb(
        "epochs", epochs, EpochOptions, "",
        (
            "object_id", "earlier", "object", "p_value", "p_corrected", "what", "changes", "sn", "colour",
            "colour_error", "z", "flags",
        ),
        "Compare spectra of one object at different times, and rank those whose lines changed.", "epochs",
        together=True,
    ),
    "outliers": Verb(
        "outliers", outliers, OutlierOptions, "",
        ("object_id", "score", "p_value", "reason", "why", "regions", "flags"),
        "Find spectra unlike those of the base, and say why.", "outliers",
    ),
}  # fmt: skip
