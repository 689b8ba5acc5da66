"""Examples as they are given, of one kind or two: ids, files and spectra resolved in one place for every verb.

What cannot be used is left out and named with the reason: an unknown id, a file that cannot be read, a spectrum given
twice, or as both kinds at once. A verb decides only whether what is left suffices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.encoders import Encoder
from spectrove.errors import Refusal, SpectroveError
from spectrove.inference.embed import embed_queries
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.queries import is_path, known_ids, queries, together

#: Vectors by view, (n_examples, n_dimensions) each.
Vectors = Mapping[str, NDArray]


@dataclass(frozen=True)
class Examples:
    """Examples of one kind.

    Attributes:
        spectra: As a `SpectrumSet`, or the batch of another kind of light.
        of_base: Which of them were named as objects of the base, (n_examples,): these keep the vectors it has.
    """

    spectra: Any
    of_base: NDArray[np.bool_]

    @property
    def object_id(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(self.spectra.object_id.tolist())

    @property
    def identity(self) -> str:
        """A hash of what they are: pixels, ids and rows, not the path of a file."""
        digest = blake2b(self.of_base.tobytes(), digest_size=16)
        table = self.spectra.to_arrow().combine_chunks()
        table = table.select([name for name in table.column_names if name != "path"])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digest.update(sink.getvalue())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.spectra)

    def take(self, keep: NDArray) -> Examples:
        """Some of them, by a mask or positions."""
        return Examples(self.spectra.take(keep), self.of_base[keep])


@dataclass(frozen=True)
class GivenExamples:
    """The examples that can be used, and why others cannot.

    Attributes:
        yes, no: Of what is looked for, and of what it is unlike.
        refused: The others, each with a sentence; `partial` where the same spectrum is used all the same.
    """

    yes: Examples
    no: Examples
    refused: tuple[Refusal, ...] = ()

    @property
    def unused(self) -> tuple[Refusal, ...]:
        """Those that have no part in the answer."""
        return tuple(refusal for refusal in self.refused if not refusal.partial)

    @property
    def reasons(self) -> str:
        """Why some are not used, as sentences."""
        return " ".join(refusal.error for refusal in self.refused)

    @property
    def identity(self) -> tuple[str, str, str]:
        """A hash of what the examples are, and what is said of the others."""
        return self.yes.identity, self.no.identity, self.reasons


def given_examples(base: KnowledgeBase, like: Any, unlike: Any = None) -> GivenExamples:
    """The examples that can be used of those given, and a refusal of each other one.

    Args:
        base: Whose objects a string may name.
        like, unlike: Ids of the base, files or spectra in any form, one or a list of them; None for none.
    """
    yes, refused_yes = _read(base, like)
    no, refused_no = _read(base, unlike)
    both = sorted(set(yes.object_id) & set(no.object_id))
    said = [
        Refusal(name, f"example {name}: given as like and as unlike, so it is used as neither. Choose one.")
        for name in both
    ]
    yes, no = (one.take(~np.isin(one.spectra.object_id, both)) for one in (yes, no))
    return GivenExamples(yes, no, (*refused_yes, *refused_no, *said))


def listed(items: Any) -> list[Any]:
    """What was given, one by one."""
    if items is None:
        return []
    return list(items) if isinstance(items, list | tuple) else [items]


def vectors_of(
    examples: Examples, known: NDArray[np.str_], vectors: Vectors, encoders: Mapping[str, Encoder]
) -> tuple[Examples, Vectors, tuple[Refusal, ...]]:
    """The examples that have vectors, these, and a refusal of each that an encoder refuses.

    Args:
        examples: Examples.
        known: Ids of objects of the base, (n_objects,).
        vectors: Of these, by view: named objects keep theirs, so that nothing is encoded for them.
        encoders: By view.
    """
    place = {name: i for i, name in enumerate(known.tolist())}
    rows = np.array([place.get(name, -1) for name in examples.object_id], dtype=np.int64)
    own = examples.of_base & (rows >= 0)
    if own.all():
        return examples, {view: vectors[view][rows] for view in encoders}, ()
    others = np.flatnonzero(~own)
    embedded = embed_queries(examples.spectra.take(others), encoders)
    made = {name: i for i, name in enumerate(embedded.spectra.object_id.tolist())}
    keep = own | np.isin(examples.spectra.object_id, list(made))
    found = {}
    for view, of_view in embedded.views.items():
        whole = np.zeros((len(examples), vectors[view].shape[1]), vectors[view].dtype)
        whole[own] = vectors[view][rows[own]]
        for i in others.tolist():
            if (name := examples.object_id[i]) in made:
                whole[i] = of_view.vectors[made[name]]
        found[view] = whole[keep]
    refused = tuple(replace(one, error=f"example {one.error}") for one in embedded.refusals)
    return examples.take(keep), found, refused


def _read(base: KnowledgeBase, items: Any) -> tuple[Examples, list[Refusal]]:
    """Examples of one kind, each id once, and a refusal of each that cannot be read or came before."""
    given = listed(items)
    texts = [item for item in given if isinstance(item, str)]
    named = [name for name in sorted(known_ids(base, texts)) if not is_path(name)]
    place = {name: i for i, name in enumerate(named)}
    stored = base.spectra(named) if named else None
    parts: list[tuple[Any, bool]] = []
    refused: list[Refusal] = []
    for item in given:
        if stored is not None and isinstance(item, str) and item in place:
            parts.append((stored.take(np.array([place[item]])), True))
            continue
        try:
            read, unread = queries(base, item)
        except SpectroveError as error:
            refused.append(Refusal(str(item), f"example {error}"))
            continue
        refused += [replace(one, error=f"example {one.error}") for one in unread]
        if len(read):
            parts.append((read, False))
    if not parts:
        some = base.rows(None, []).column("object_id").to_pylist()[:1]
        return Examples(base.spectra(some).take(np.zeros(0, np.int64)), np.zeros(0, bool)), refused
    whole = Examples(
        together([read for read, _ in parts]),
        np.concatenate([np.full(len(read), named) for read, named in parts]),
    )
    _, first = np.unique(whole.spectra.object_id, return_index=True)
    twice = np.setdiff1d(np.arange(len(whole)), first)
    refused += [_again(name) for name in whole.spectra.object_id[twice].tolist()]
    return whole.take(np.sort(first)), refused


def _again(name: str) -> Refusal:
    why = "given more than once, and used once. Name each example once, or give other spectra another object_id."
    return Refusal(name, f"example {name}: {why}", partial=True)
