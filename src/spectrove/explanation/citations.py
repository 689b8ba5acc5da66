"""References to cite for an answer: works, with the reason for each, as text and as BibTeX."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.panel import Cited
from spectrove.explanation.works import WORKS, Work


@dataclass(frozen=True)
class Citation:
    """A work that had a part in an answer, with the key of its entry, and why."""

    key: str
    work: Work
    reasons: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line: why, and what."""
        return f"{', '.join(self.reasons)}: {self.work.short}"

    @property
    def bibtex(self) -> str:
        """The entry."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.work.fields.items()]
        return "\n".join([f"@{self.work.kind}{{{self.key},", *lines, "}"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "key": self.key, "reasons": list(self.reasons), "text": self.work.short, "url": self.work.url or None,
            "bibtex": self.bibtex,
        }  # fmt: skip


def citations(evidence: Evidence) -> tuple[Citation, ...]:
    """References for an answer and its explanation, in the order of the processing steps."""
    return gathered(used(evidence))


def gathered(cited: Iterable[Cited]) -> tuple[Citation, ...]:
    """Each work once, with all its reasons."""
    works: dict[str, Work] = {}
    reasons: dict[str, list[str]] = {}
    for key, work, reason in cited:
        works.setdefault(key, work)
        kept = reasons.setdefault(key, [])
        kept += [reason] if reason not in kept else []
    return tuple(Citation(key, works[key], tuple(why)) for key, why in reasons.items())


def write_bibtex(cited: Iterable[Citation], path: Path | str) -> Path:
    """Writes the entries as a .bib file; gives its path.

    Raises:
        DatasetError: If the file cannot be written.
    """
    from spectrove.explanation.style import save  # it brings matplotlib

    return save(("\n\n".join(c.bibtex for c in cited) + "\n").encode(), path)


def used(evidence: Evidence) -> Iterable[Cited]:
    """Works that had a part in an answer, each with its reason."""
    yield _cited("spectrove", "this program")
    yield from evidence.panels.surveys
    if "pca" in evidence.provenance.encoder:
        yield _cited("bailey2012", "principal components")
    if evidence.prediction.metric != "none":
        yield _cited("pedregosa2011", "the fitted metric")
    if evidence.provenance.prevalence is not None:
        yield _cited("saerens2002", "the expected prevalence")
    if evidence.prediction.set is not None:
        yield _cited("vovk2005", "conformal sets")
    yield from evidence.panels.cited
    if evidence.saliency:
        yield from (_cited(key, "integrated gradients") for key in ("sundararajan2017", "kokhlikyan2020"))
        yield _cited("zeiler2014", "replaced regions")
    yield _cited("astropy2022", "tables and units")


def _cited(key: str, reason: str) -> Cited:
    return Cited(key, WORKS[key], reason)
