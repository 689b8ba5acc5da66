"""A knowledge base that answers: every verb as a method, for spectra of every form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from spectrove import pipeline
from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal
from spectrove.explanation.evidence import Evidence
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.inspection import Inspection, review
from spectrove.pipeline.kinds import open_base
from spectrove.pipeline.label import Labelled, label
from spectrove.pipeline.measure import StoredMeasures
from spectrove.pipeline.prepare import Prepared, prepare
from spectrove.pipeline.queries import Spectra, batches_of
from spectrove.pipeline.watch import Watched, watch
from spectrove.targets import Target

if TYPE_CHECKING:
    from spectrove.pipeline.photometry import FitsJoined

Progress = Callable[[int], None]


class Base(KnowledgeBase):
    """A `KnowledgeBase` whose methods are the verbs: `spectrove.open("sdss.kb").hunt("unknown/*.fits", "liner")`.

    Spectra are a path, a folder, a glob or a dataset; a `SpectrumSet` or a `Spectrum`; spectra of specutils; an astropy
    table; ids of objects of the base; or a list of these. Beside its own options every verb takes those of reading
    (`pipeline.queries.READING`): `queries` (SQL on the spectra), `survey`, `columns`, `medium`, units. What cannot be
    read is among the refusals of the answers.

    It is a `KnowledgeBase` everywhere. `search` of `Embeddings` is the search of vectors, as there.
    """

    def search(self, query: Any, k: int | None = None, **options: Any) -> Any:
        """The nearest known spectra of each spectrum, as `Answers`; of vectors, as `Neighbors`.

        Args:
            query: Spectra; or `Embeddings`, also by view, which are searched for as `KnowledgeBase.search` does.
            k: Neighbours; 3 if None.
            options: As for `spectrove.search`, or as for `KnowledgeBase.search`.
        """
        if _are_vectors(query):
            return super().search(query, k, **options)
        return pipeline.search(self, query, **({} if k is None else {"k": k}), **options)

    def classify(self, spectra: Spectra, label: str, **options: Any) -> Answers:
        """The class of each spectrum, as `spectrove.classify`."""
        return pipeline.classify(self, spectra, label, **options)

    def hunt(
        self, spectra: Spectra = None, target: Target | str | None = None, *, like: Any = None, **options: Any
    ) -> Answers:
        """Probability that each spectrum belongs to a target, as `spectrove.hunt`; or is like examples, as `hunt_like`.

        Raises:
            KnowledgeError: Of a target, a `condition`, a `text` and examples none is given, or more than one; or no
                spectra with one of the first three.
        """
        given = (target, options.get("condition"), options.get("text"), like)
        asked = [what for what in given if what is not None]
        if len(asked) != 1:
            found = "none was given" if not asked else f"{len(asked)} were given"
            raise KnowledgeError(
                "hunt: a target, a condition over measured columns (condition=...), a sentence (text=...) or examples "
                f"(like=[...]) say what is hunted; {found}. Give one."
            )
        if like is not None:
            return pipeline.hunt_like(self, spectra, like, **options)
        if spectra is None:
            of_base = "; search_text asks the base's own objects" if options.get("text") else ""
            raise KnowledgeError(
                f"hunt: no spectra were given; a target is hunted among spectra. Give some{of_base}."
            )
        return pipeline.hunt(self, spectra, target, **options)

    def hunt_like(self, spectra: Spectra, like: Any, **options: Any) -> Answers:
        """How much each spectrum, or each object of the base, is like some examples, as `spectrove.hunt_like`."""
        return pipeline.hunt_like(self, spectra, like, **options)

    def estimate(self, spectra: Spectra, quantity: str, **options: Any) -> Answers:
        """A number for each spectrum with its interval, as `spectrove.estimate`."""
        return pipeline.estimate(self, spectra, quantity, **options)

    def redshift(self, spectra: Spectra, **options: Any) -> Answers:
        """The redshift of each spectrum, as `spectrove.redshift`."""
        return pipeline.redshift(self, spectra, **options)

    def measure(self, spectra: Spectra, **options: Any) -> Answers:
        """Numbers measured in each spectrum, as `spectrove.measure`."""
        return pipeline.measure(self, spectra, **options)

    def store_measures(self, measures: Any = None, **options: Any) -> StoredMeasures:
        """What is measured in the base's own spectra as its columns, as `pipeline.store_measures`."""
        return pipeline.store_measures(self, measures, **options)

    def outliers(self, spectra: Spectra, **options: Any) -> Answers:
        """How unlike the base each spectrum is, as `spectrove.outliers`."""
        return pipeline.outliers(self, spectra, **options)

    def contrast(self, spectra: Spectra = None, **options: Any) -> Answers:
        """Spectra from one set of examples to another, as `spectrove.contrast`."""
        return pipeline.contrast(self, spectra, **options)

    def epochs(self, spectra: Spectra, **options: Any) -> Answers:
        """Spectra of one object at different times compared, as `spectrove.epochs`; the base takes no part."""
        return pipeline.epochs(self, spectra, **options)

    def search_region(self, spectra: Spectra, regions: Any, **options: Any) -> Answers:
        """The known spectra most similar in some regions, as `spectrove.search_region`."""
        return pipeline.search_region(self, spectra, regions, **options)

    def search_text(self, text: str, **options: Any) -> Answers:
        """The objects of the base that a sentence describes, as `spectrove.search_text`."""
        return pipeline.search_text(self, text, **options)

    def explain(self, answers: Answers, i: int = 0, **options: Any) -> Evidence:
        """The reasons for the i-th answer, as `spectrove.explain`."""
        return pipeline.explain(self, answers, i, **options)

    def review(
        self,
        spectra: Spectra,
        target: Target | str | None = None,
        *,
        sheet: str | PathLike[str],
        **options: Any,
    ) -> Inspection:
        """The state of a look through the candidates of a hunt, as `spectrove.review`."""
        return review(self, spectra, target, sheet=sheet, **options)

    def watch(
        self, folder: str | PathLike[str], targets: Target | str | Sequence[Target | str], **options: Any
    ) -> Watched:
        """What was done with files that arrived in a folder: hunted among and added, see `pipeline.watch.watch`."""
        return watch(self, folder, targets, **options)

    def add_view(self, name: str, columns: Sequence[str]) -> tuple[int, dict[str, int]]:
        """A view made of catalog columns, as one version, see `pipeline.add_view`."""
        return pipeline.add_view(self, name, columns)

    def label(self, table: Any, column: str | Sequence[str], **options: Any) -> Labelled:
        """What came of adding columns of a table to the objects, as one version, see `pipeline.label`."""
        return label(self, table, column, **options)

    def join_fits(self, table: str | PathLike[str], **options: Any) -> FitsJoined:
        """What came of joining fits of photometry to the objects, as one version, see `pipeline.photometry`."""
        from spectrove.pipeline.photometry import join_fits

        return join_fits(self, table, **options)

    def prepare(self, **asked: Any) -> Prepared:
        """Everything that is fitted once for some questions, fitted now, see `pipeline.prepare.prepare`."""
        return prepare(self, **asked)

    def __repr__(self) -> str:
        return f"<Base {super().__repr__().removeprefix('<KnowledgeBase ')}"


def open(path: str | PathLike[str]) -> Base:
    """The knowledge base in a folder, ready to be asked.

    Raises:
        KnowledgeError: There is no base, it is incomplete, or a newer spectrove made it; or it is of a kind of light
            that this one does not know.
    """
    return open_base(path, Base)


def create(
    path: str | PathLike[str],
    spectra: Spectra,
    encoder: Encoder | str | None = None,
    *,
    views: Mapping[str, Encoder | str] | None = None,
    domain: str | None = None,
    progress: Progress | None = None,
    cluster: str | None = None,
    **reading: Any,
) -> tuple[Base, list[Refusal]]:
    """A new knowledge base of spectra with known labels, ready to be asked, and the spectra that were left out.

    Args:
        path: Folder to make, for instance "sdss.kb".
        spectra: As for every verb; or an iterable of `SpectrumSet`, for more spectra than fit into memory.
        encoder: Encoder of the view "shape", that of the kind of light if None. Spectra that it refuses are left out.
        views: Encoders of further views; the standard ones if None.
        domain: The kind of light, a key of `pipeline.DOMAINS`; that of the spectra if None.
        progress: Called with the number of spectra added.
        cluster: "local" or the address of a scheduler of dask, whose workers embed the spectra.
        reading: How files are read, see `pipeline.queries.READING`; so many `workers` embed, too.
    """
    batches, unread = batches_of(spectra, **reading)
    base, refusals = pipeline.create(
        fspath(path), batches, encoder, views=views, domain=domain, progress=progress, cluster=cluster,
        workers=reading.get("workers"),
    )  # fmt: skip
    return open(str(base.path)), [*unread, *refusals]


def _are_vectors(query: Any) -> bool:
    """Whether these are vectors, of one view or by view."""
    return isinstance(query, Embeddings | Mapping)
