"""The objects of a base that a question searches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from spectrove.inference.kept import contents
from spectrove.inference.sample import AMONG, Sample, stratified, taken
from spectrove.knowledge import KnowledgeBase, Searched
from spectrove.knowledge.space import Space
from spectrove.provenance import canonical_json
from spectrove.targets import Target, label_text

T = TypeVar("T")


@dataclass(frozen=True)
class Pool:
    """The objects of a base that are searched.

    Attributes:
        base: The base.
        space: Views and their weights in the distance.
        label: The label column of a classification; "" in a hunt.
        target: What is hunted; None in a classification.
        where: SQL condition on the objects.
        allow_self: Whether an object may find itself.
        prevalence: In a classification, the share of each class among what is classified, or "equal"; None for the
            shares in the base.
    """

    base: KnowledgeBase
    space: Space
    label: str = ""
    target: Target | None = None
    where: str | None = None
    allow_self: bool = False
    prevalence: Mapping[str, float] | Literal["equal"] | None = None

    @classmethod
    def of(
        cls,
        base: KnowledgeBase,
        label: str = "",
        *,
        target: Target | None = None,
        view: str | Mapping[str, float] | None = None,
        where: str | None = None,
        allow_self: bool = False,
    ) -> Pool:
        """The objects searched for a label column or a target, in the views named, else in those of the target."""
        return cls(base, base.space(view, target), label, target, where, allow_self)

    @property
    def column(self) -> str:
        """The label column, of a classification or of the target."""
        return self.target.label if self.target else self.label

    @property
    def view_identity(self) -> list[list[Any]]:
        """Name, weight and fingerprint of each view."""
        prints = self.base.fingerprints
        return [[name, weight, prints[name]] for name, weight in self.space.weights.items()]

    @property
    def arguments(self) -> dict[str, Any]:
        """The target, or label and views, as `KnowledgeBase.search` takes them."""
        if self.target is not None:
            return {"target": self.target}
        return {"labelled": self.label, "view": self.space.weights}

    def contents(self, group: str = "") -> list[Any]:
        """What identifies the objects searched, their labels and their values in the column `group`."""
        return self._described(group)[0]

    def learned(self, group: str = "", most: int | None = None) -> dict[str, int]:
        """What identifies the objects that fits learn from beside `contents`: the size, if they are a sample.

        Args:
            group: As in `contents`.
            most: Of a fit that takes no more objects; those of `sample` if None.
        """
        most = AMONG if most is None else most
        return {"sample": most} if self._described(group)[1] > most else {}

    def sample(self, group: str = "") -> Sample:
        """The objects that fits learn from: all, or a sample stratified by label, see `inference.sample`."""

        def made() -> Sample:
            known = self.searched(group)
            texts = [label_text(value) or "" for value in known.values]
            chosen = stratified(known.hashes, texts, AMONG)
            complete = len(chosen) == len(texts)
            return Sample(known if complete else taken(known, chosen), Counter(texts), complete)

        # All of a base are as large as its vectors: they are not kept in memory twice.
        return self._remember(f"sample of {AMONG}", group, made) if self.learned(group) else made()

    def _described(self, group: str) -> tuple[list[Any], int]:
        """What identifies the objects searched, and their number; found once for a version of the base."""

        def made() -> tuple[list[Any], int]:
            known = self.searched(group)
            return contents(self.base, known.object_id, known.values, known.groups), len(known.object_id)

        return self._remember("contents", group, made)

    def _remember(self, what: str, group: str, make: Callable[[], T]) -> T:
        described = {**self.arguments, "target": self.target and self.target.model_dump(mode="json")}
        return self.base.remember(
            (what, canonical_json([described, self.space.weights, self.where, group])), make
        )

    def without(self, object_id: str) -> Pool:
        """The same without one object; all of them if its id is ""."""
        if not object_id:
            return self
        quoted = object_id.replace("'", "''")
        condition = f"object_id != '{quoted}'"
        return replace(self, where=f"({self.where}) AND {condition}" if self.where else condition)

    def searched(self, group: str = "") -> Searched:
        """The objects, with their vectors and labels, and their values in the column `group`."""
        return self.base.searched(where=self.where, group=group, **self.arguments)
