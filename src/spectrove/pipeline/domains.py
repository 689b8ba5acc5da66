"""The domains: every kind of light that Spectrove knows, by the name that a base's kb.json gives."""

from __future__ import annotations

from typing import TypeVar

from spectrove.domain import Domain
from spectrove.errors import KnowledgeError
from spectrove.galaxies.domain import GALAXIES
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.schema import DEFAULT_DOMAIN
from spectrove.stars.domain import STARS
from spectrove.xray.domain import XRAY

T = TypeVar("T")

DOMAINS: dict[str, Domain] = {
    "galaxies": GALAXIES,
    "stars": STARS,
    "xray": XRAY,
}


def domain_called(name: str, where: str = "") -> Domain:
    """The kind of light of this name; `where` it is named, for the sentence.

    Raises:
        KnowledgeError: This Spectrove does not know it.
    """
    if name not in DOMAINS:
        raise KnowledgeError(
            f"{where}{name!r} is no kind of light that this Spectrove knows, expected one of {', '.join(DOMAINS)}. "
            "Name one of these, or install a newer Spectrove."
        )
    return DOMAINS[name]


def domain_of(base: KnowledgeBase | None) -> Domain:
    """The kind of light of a base; without a base, that of a new one.

    Raises:
        KnowledgeError: This Spectrove does not know it.
    """
    return domain_called(DEFAULT_DOMAIN) if base is None else domain_called(base.domain, f"{base.path}: ")


def needed(part: T | None, domain: Domain, verb: str, name: str) -> T:
    """The part of a domain that a verb cannot do without.

    Args:
        part: A field of the domain.
        domain: The kind of light, and `name` what the part is for people: "redshift estimator".
        verb: As people ask it: "estimate --quantity z".

    Raises:
        KnowledgeError: The domain has no such part.
    """
    if part is None:
        raise KnowledgeError(
            f"{verb}: a base of {domain.name} has no {name}. Ask a base of another kind of light."
        )
    return part


def usual_label(base: KnowledgeBase) -> str:
    """The label column that is asked for where none is named: that of the kind of light, else the first of the base.

    Raises:
        KnowledgeError: The base has none.
    """
    labels = list(base.info()["labels"])
    if not labels:
        raise KnowledgeError(
            f"{base.path}: no label column to explain by. Name one with --label, or a --target."
        )
    usual = domain_of(base).label
    return usual if usual in labels else labels[0]
