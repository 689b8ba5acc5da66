"""What a kind of light brings into the house: the contract between a domain, such as galaxies, and the general rooms.

The general rooms know spectra, vectors, neighbours and answers. What they have to know of galaxies, X-ray sources or
stars they are handed as data and functions, in one frozen `Domain`. A domain is written in `NAME/domain.py`, and
`pipeline/domains.py` is the only general file that imports it. Every field but the name may be left out; a verb that
needs one that is missing says so in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

    from spectrove.encoders import Encoder, EncoderRecipe
    from spectrove.errors import Refusal
    from spectrove.knowledge import KnowledgeBase
    from spectrove.lines import Line
    from spectrove.posterior import Posterior
    from spectrove.readers.light import Light
    from spectrove.redshift_estimate import RedshiftEstimate
    from spectrove.spectra import SpectrumSet
    from spectrove.targets import Target
    from spectrove.words.vocabulary import Vocabulary

Floats = NDArray[np.float64]


class ClassWitness(Protocol):
    """What spectra themselves say of the classes of one question, beside their neighbours.

    Attributes:
        name: As JSON and tables name it, "lines".
    """

    @property
    def name(self) -> str: ...

    def support(self, measured: Floats) -> Floats:
        """Log-likelihood of each class, (n_spectra, n_classes), from `Witness.measure`."""

    def outside(self, measured: Floats) -> Floats:
        """The probability that a spectrum is of a class that the question does not have, (n_spectra,)."""


class Witness(Protocol):
    """A measurement of the spectrum itself that may tell the classes of a target or label apart."""

    #: Raised whenever the same spectrum gives other measurements.
    version: int
    #: Name of its term in a calibration, and the words for it in sentences: "lines", "own lines".
    term: str
    title: str
    #: The words for each value, if values are the probabilities of states: what examples are compared in.
    states: tuple[str, ...]

    def of_classes(self, kinds: Mapping[str, str]) -> ClassWitness | None:
        """The witness for these classes (label value to class); None where it tells none of them apart."""

    def measure(self, spectra: SpectrumSet) -> Floats:
        """The measurement of each spectrum, (n_spectra, n_values); NaN where it cannot be made."""

    def of_base(self, base: KnowledgeBase, object_id: Sequence[str]) -> Floats:
        """The same for objects of a base, measured once and kept with it."""

    def class_alone(self, queries: SpectrumSet, target: Target) -> dict[str, str]:
        """The class that the measurement alone makes most probable, by object id; none where it cannot be made."""


class Residuals(Protocol):
    """Log-likelihood terms of a hunted class from the residual of a spectrum, ordinary objects of a base subtracted.

    Attributes:
        names: Of the terms.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    def signs(self, spectra: SpectrumSet) -> Floats:
        """The terms of each spectrum, (n_spectra, n_terms)."""

    def found(self, spectra: SpectrumSet) -> dict[str, tuple[dict[str, Any], ...]]:
        """What was found, by object id, as plain values to show beside an answer."""


class Signs(Protocol):
    """Terms that a target may name (`Target.signs`), learned on the searched objects of a base without labels."""

    #: The words for it in sentences: "second redshift".
    title: str

    def key(self, base: KnowledgeBase, target: Target | None, where: str | None) -> str:
        """Everything that the residuals depend on, as text."""

    def learn(self, base: KnowledgeBase, target: Target | None, where: str | None) -> Residuals:
        """The residuals of the searched objects; kept with the base."""


@dataclass(frozen=True)
class OwnEvidence:
    """What spectra themselves say about their labels, whatever their neighbours are.

    Attributes:
        probability: Of each class, (n_spectra, n_classes); equal in a row without information.
        excluded: The classes that a spectrum excludes, same shape.
        measurements: What this rests on, to print; "" for a spectrum that could not be measured.
        conflict: Why the redshift of a spectrum is wrong, and what to do; "" if it agrees.
    """

    probability: Floats
    excluded: NDArray[np.bool_]
    measurements: tuple[str, ...]
    conflict: tuple[str, ...]

    @classmethod
    def none(cls, n_spectra: int, n_classes: int) -> OwnEvidence:
        """No evidence about any spectrum."""
        shape = (n_spectra, n_classes)
        return cls(np.full(shape, 1 / n_classes), np.zeros(shape, bool), ("",) * n_spectra, ("",) * n_spectra)

    @classmethod
    def concatenate(cls, parts: Sequence[OwnEvidence]) -> OwnEvidence:
        """The evidence of several sets of spectra about the same classes."""
        return cls(
            np.concatenate([p.probability for p in parts]),
            np.concatenate([p.excluded for p in parts]),
            tuple(text for p in parts for text in p.measurements),
            tuple(text for p in parts for text in p.conflict),
        )


class Reviewer(Protocol):
    """A measurement of stored spectra that tests their labels and redshifts.

    Attributes:
        name: What is measured, as the sentences of a review say it: "lines".
    """

    name: str

    def judges(self, classes: Sequence[str]) -> bool:
        """Whether it can tell any of these label values apart."""

    def examine(self, spectra: SpectrumSet, classes: Sequence[str]) -> OwnEvidence:
        """The evidence of each spectrum about these label values."""


@dataclass(frozen=True)
class Reason:
    """Why a spectrum is unlike those of a base.

    Attributes:
        name: Short, to print in a table.
        sentence: With the decisive numbers.
        regions: (low, high) in observed vacuum angstrom, most significant first.
    """

    name: str
    sentence: str
    regions: tuple[tuple[float, float], ...] = ()


class Reasons(Protocol):
    """Reasons for spectra that are unlike a base's, and a page that shows them."""

    def find(
        self, encoders: Mapping[str, Encoder], spectra: SpectrumSet, whole: Collection[str]
    ) -> dict[str, Reason]:
        """The reason of each spectrum, by object id.

        Args:
            encoders: Of each view of the outlier score.
            spectra: Unusual ones.
            whole: Ids of those with a vector in every view.

        Raises:
            KnowledgeError: An encoder cannot give reasons.
        """

    def drawn(
        self, encoders: Mapping[str, Encoder], spectra: SpectrumSet, answers: Sequence[Any]
    ) -> list[Any]:
        """What the page draws of each spectrum and its `OutlierAnswer`."""

    def gallery(self, drawn: Sequence[Any], answers: Sequence[Any]) -> Any:
        """What the page says that is of this kind of light: an `explanation.outlier_page.Gallery`.

        Args:
            drawn: The answers shown with a figure, most unusual first, as `drawn` gave them.
            answers: Every answer, in any order.
        """


class Mock(Protocol):
    """A simulated survey with known truth.

    Attributes:
        takes: Names of the options that `write` has beside recipe, seed, workers and progress.
    """

    takes: frozenset[str]

    def recipe(self, name: Path | str | None) -> Any:
        """A recipe by name or file, a pydantic model; the default if None."""

    def make(self, n: int, recipe: Any, seed: int, workers: int) -> Any:
        """n spectra, a `spectra.Batch` of the domain's kind."""

    def write(self, n: int, folder: Path, **options: Any) -> Path:
        """n spectra as files in a folder; the path of their catalog."""


class Progress(Protocol):
    """Told how much of a long task is done."""

    def __call__(self, done: int, total: int, /) -> None: ...


class Trainer(Protocol):
    """What fits the encoders of one kind, and a report of plain values, such as the number of spectra.

    Args:
        recipe: Of the encoder.
        datasets: Spectra to learn from besides the mocks of the recipe.
        source: Folder of the encoder, for `load_encoder`.
        workers: Processes that make mocks.
        tell: The progress of a stage by its name, "mock spectra".
    """

    def __call__(
        self,
        recipe: EncoderRecipe,
        datasets: Sequence[SpectrumSet],
        /,
        *,
        source: str,
        workers: int,
        tell: Callable[[str], Progress],
    ) -> tuple[Encoder, dict[str, Any]]: ...


@dataclass(frozen=True)
class Measure:
    """A number that is measured in a spectrum itself.

    Attributes:
        name: Of its column, as catalogs have it where they do: "d4000n". Its error is the column `NAME_err`.
        unit: "" if it has none.
        title: The words for it in tables and sentences.
        group: Of its kind, under which tables list it: "equivalent width".
        strength: Whether zero means that it is absent, so that a value within its error says only a limit.
    """

    name: str
    unit: str
    title: str
    group: str
    strength: bool = False

    @property
    def error(self) -> str:
        """The column of its one-sigma error."""
        return f"{self.name}_err"


class Measurer(Protocol):
    """Measurements of spectra, each with its one-sigma error: what the verb `measure` gives and a base may store.

    Nothing is read but the pixels of a spectrum, its unit, and its redshift where the measurement needs one.
    """

    #: Raised whenever the same spectrum gives other numbers.
    version: int
    #: Everything it can measure, in the order of tables.
    measures: tuple[Measure, ...]
    #: Names of the few that a table of many spectra shows.
    headline: tuple[str, ...]

    def measure(self, spectra: Any) -> pa.Table:
        """Column object_id, then NAME and NAME_err of each measure; a row for each spectrum, in their order.

        A number that cannot be measured is null, and so is its error: never a guess. A last column "flags", lists of
        names of `spectra.FLAGS`, says what is doubtful; it may be missing.
        """

    def refusals(self, spectra: Any) -> list[Refusal]:
        """The spectra in which nothing can be measured, each with the reason."""

    def of_base(
        self, base: KnowledgeBase, object_id: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> pa.Table:
        """The same for objects of a base, measured once and kept with it; what is kept survives an interruption.

        Args:
            base: The base.
            object_id: Its objects, in the order of the rows.
            progress: Called with the number of spectra that have been measured since the last call.
        """


class JoinedPanel(Protocol):
    """What a page shows of columns that were joined to an object. No answer rests on it.

    Notes are what the latest source of each joined column says of it (`KnowledgeBase.column_notes`).

    Attributes:
        title: Heading.
    """

    @property
    def title(self) -> str: ...

    def knows(self, notes: Mapping[str, Mapping[str, Any]]) -> bool:
        """Whether a base with these notes has such columns."""

    def of_row(self, row: Mapping[str, Any], notes: Mapping[str, Mapping[str, Any]]) -> Any:
        """An `explanation.panel.RowPanel`; None where nothing was joined to the object."""


class OwnEstimator(Protocol):
    """Something trained that reads numbers off spectra, beside the neighbours of the base (`estimate --by`).

    Nothing is read but the pixels of a spectrum.
    """

    #: The words for it: "a network trained on MILES".
    title: str
    #: Names of what it gives.
    quantities: tuple[str, ...]

    def posterior(self, spectra: Any, n_draws: int = 0) -> Posterior:
        """What it says of each spectrum, and the spectra that it cannot read.

        Args:
            spectra: The spectra.
            n_draws: Samples that `Posterior.draws` must have at least; a normal distribution needs none there.
        """


@dataclass(frozen=True)
class Quantity:
    """A numeric column.

    Attributes:
        name: The column.
        unit: "" if it has none or none is known.
        low, high: Limits of valid values; a value at a limit means "not measured". None: no limit.
        least: Values below it cannot be told from it: an interval that reaches below is an upper limit. None: no such.
        logarithm: Whether it is above zero and spans decades, so that estimates average its logarithm.
    """

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    least: float | None = None
    logarithm: bool = False

    def condition(self, where: str | None) -> str | None:
        """SQL condition `where`, combined with the condition that the quantity was measured."""
        parts = [f"({where})"] if where else []
        parts += [f"{self.name} > {self.low:g}"] if self.low is not None else []
        parts += [f"{self.name} < {self.high:g}"] if self.high is not None else []
        return " AND ".join(parts) or None


@dataclass(frozen=True)
class Diagram:
    """Two quantities against each other, over which the objects of a base spread: the plane that a field thinks in.

    Attributes:
        title: What it is called, "Kiel diagram".
        x, y: The quantities.
        x_title, y_title: The words for them along the axes; their units are those of the quantities.
        falling: Those of the two that fall to the right, or upwards.
    """

    title: str
    x: str
    y: str
    x_title: str
    y_title: str
    falling: tuple[str, ...] = ()


@dataclass(frozen=True)
class Variability:
    """What may change between two epochs of one object, and what changes between any two.

    Attributes:
        narrow: Lines as narrow as the resolution of surveys.
        broad: Lines that may have a broad component, and `widths` the full widths at half maximum to look for, km/s.
        sky: Ranges of the observed frame that sky lines and the atmosphere disturb, vacuum angstrom.
        line_error: By which fraction the strength of a line differs between epochs that did not change, because fibres
            and seeing differ.
        colour_error: By which fraction blue over red differs through flux calibration.
        chance: Probability that an unchanged pair reaches a significance at any line, (n_pairs,), from whether the
            lines are broad, the significance and the lower signal-to-noise ratio of the two.
    """

    narrow: tuple[Line, ...]
    broad: tuple[Line, ...]
    widths: tuple[float, ...]
    sky: tuple[tuple[float, float], ...]
    line_error: float
    colour_error: float
    chance: Callable[[bool, Floats, Floats], Floats]


@dataclass(frozen=True)
class Domain:
    """One kind of light.

    Attributes:
        name: As kb.json of a base says it.
        title: One sentence for people.
        home: The package whose folders `weights`, `recipes` and `targets` hold what comes with the domain.
        encoder: The encoder of a new base.
        views: Further views of a new base, to the encoder of each.
        label: The label column that is asked for where none is named.
        columns: Label columns to the witness of their values, where no target names one.
        group: The column whose objects are never on both sides of a fold; "" where objects stand alone.
        groups: The same in the plural, in sentences.
        lines: Lines that a region may name and that figures mark.
        quantities: Numeric columns with a unit or limits, by name.
        own: Names of quantities that the measurer measures too, and whose estimates rest on both: a spectrum's own
            measurement and its neighbours.
        administration: Numeric columns that describe the observation, not the object.
        kinds: Encoder kind to a function that gives its class.
        trainers: Encoder kind to what fits it, for the kinds in `kinds`.
        measurements: Names of the measurements that networks may learn to predict.
        measured: Values and errors of measurements by name, from a table of rows.
        witnesses: Measurements of the spectrum itself that targets and labels may name, by name.
        likeness: Name of the witness in whose states spectra are compared with examples; "" to compare vectors alone.
        signs: Log-likelihood terms that targets may name, by name.
        measurer: Numbers measured in spectra themselves, with their errors.
        estimators: What reads quantities off spectra beside neighbours, by the name that `estimate --by` takes.
        diagram: Two of these quantities against each other, drawn behind what is read off a spectrum.
        redshift: The redshift of each spectrum with its n best candidates, and intervals at a level.
        types: Object id to the type ("star") of those spectra that are none of the base's types.
        outlier_views: Views of the outlier score and their weights; the default view alone where empty.
        reasons: Reasons for spectra that are unlike a base's.
        words: The words of sentences about its objects, see `words`.
        review: What stored spectra themselves say about their labels and redshifts.
        variability: What may change between two epochs of one object.
        panels: Sentences, tables and figures of an explanation: an `explanation.evidence.PanelMaker`.
        joined: What a page shows of columns that were joined to an object.
        overlay: A figure of one spectrum over others, with a title, where they are no fluxes on wavelengths.
        sketch: Values along such a spectrum, (n,), for a small curve of it.
        mock: A simulated survey.
        files: Files that the readers of fluxes do not know, and the class of the sets that they give.
    """

    name: str
    title: str = ""
    home: str = ""
    encoder: str = ""
    views: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    groups: str = ""
    lines: tuple[Line, ...] = ()
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    administration: frozenset[str] = frozenset()
    kinds: Mapping[str, Callable[[], type[Encoder]]] = field(default_factory=dict)
    trainers: Mapping[str, Trainer] = field(default_factory=dict)
    measurements: tuple[str, ...] = ()
    measured: Callable[[pa.Table, Sequence[str]], tuple[NDArray, NDArray]] | None = None
    witnesses: Mapping[str, Witness] = field(default_factory=dict)
    likeness: str = ""
    signs: Mapping[str, Signs] = field(default_factory=dict)
    measurer: Measurer | None = None
    estimators: Mapping[str, OwnEstimator] = field(default_factory=dict)
    diagram: Diagram | None = None
    redshift: Callable[[SpectrumSet, int, float], list[RedshiftEstimate]] | None = None
    types: Callable[[KnowledgeBase, SpectrumSet], dict[str, str]] | None = None
    outlier_views: Mapping[str, float] = field(default_factory=dict)
    reasons: Reasons | None = None
    words: Vocabulary | None = None
    review: Reviewer | None = None
    variability: Variability | None = None
    panels: Any = None
    joined: JoinedPanel | None = None
    overlay: Callable[[Any, Sequence[Any], str], Any] | None = None
    sketch: Callable[[Any], NDArray] | None = None
    mock: Mock | None = None
    files: Light | None = None

    def folders(self, name: str) -> tuple[Path, ...]:
        """The folder "weights", "recipes" or "targets" of the home; it need not exist. Empty without a home."""
        return (Path(str(resources.files(self.home))) / name,) if self.home else ()
