"""Terms of a probability from the spectra themselves, beside their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spectrove.domain import Domain, Residuals, Signs, Witness
from spectrove.errors import KnowledgeError
from spectrove.inference.pool import Pool
from spectrove.targets import diagram_of


@dataclass(frozen=True)
class Terms:
    """The terms from spectra themselves that a question may use, and how its objects are grouped.

    Attributes:
        name: Of the witness; "" without one.
        witness: A measurement of a spectrum that tells the classes apart; None without one.
        signs: Terms of the hunted class that the target names; None without any.
        group: Objects with equal values in this column are never compared with each other; "" where they stand alone.
        groups: The same as a plural noun, for sentences.
    """

    name: str = ""
    witness: Witness | None = None
    signs: Signs | None = None
    group: str = ""
    groups: str = "groups"

    @property
    def group_noun(self) -> str:
        """The noun for one group."""
        return self.groups.removesuffix("s")

    @property
    def identity(self) -> list[object] | None:
        """Name and version of the witness."""
        return None if self.witness is None else [self.name, self.witness.version]

    def residuals(self, pool: Pool) -> Residuals | None:
        """The terms of the hunted class, learned on the objects searched; None without any."""
        return None if self.signs is None else self.signs.learn(pool.base, pool.target, pool.where)

    def key_of_residuals(self, pool: Pool) -> str | None:
        """Everything that these terms depend on, as text."""
        return None if self.signs is None else self.signs.key(pool.base, pool.target, pool.where)

    def titles(self, names: Sequence[str]) -> list[str]:
        """Words for the terms of a calibration, to print, each once."""
        witness, signs = self.witness, self.signs
        own = {witness.term: witness.title} if witness else {}
        return list(dict.fromkeys(own.get(name, signs.title if signs else name) for name in names))


def terms_of(domain: Domain, pool: Pool, witness: str = "auto") -> Terms:
    """The terms that a question uses, of those that a kind of light offers.

    Args:
        domain: The kind of light.
        pool: What is searched, and for which label or target.
        witness: "auto" if target or label column name a witness, "none" never, or its name.

    Raises:
        KnowledgeError: The domain has no witness of that name.
    """
    name = diagram_of(witness, pool.target, pool.column, domain.columns)
    if name is not None and name not in domain.witnesses and witness != "auto":
        known = ", ".join(domain.witnesses) or "none"
        raise KnowledgeError(f"witness is {name!r}, expected one of those of {domain.name}: {known}.")
    signs = pool.target.signs if pool.target else ()
    return Terms(
        name or "",
        domain.witnesses.get(name) if name else None,
        domain.signs.get(signs[0]) if signs else None,
        domain.group,
        domain.groups,
    )
