"""Vectors of a base that is encoded again, kept with it block by block until all are there, see `blocks`.

Nothing is used of them once spectra changed, or for other encoders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.errors import Refusal
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.blocks import Blocks
from spectrove.work import LOG

#: Where the blocks are, beside the tables of the base.
FOLDER = "reencode"

#: A block: vectors by view, and why spectra were refused.
Block = tuple[dict[str, Embeddings], list[Refusal]]


class KeptBlocks:
    """The blocks that are kept with a base for this work.

    Args:
        base: The base, at the version whose spectra are encoded.
        encoders: Encoder of each view.
        ids: Its objects, in the order in which they are encoded.
        size: Objects of a block.
    """

    def __init__(
        self, base: KnowledgeBase, encoders: Mapping[str, Encoder], ids: Sequence[str], size: int
    ) -> None:
        self._encoders = encoders
        by = {view: [encoder.name, encoder.fingerprint] for view, encoder in encoders.items()}
        self._blocks = Blocks(base.files, FOLDER, [base.measured_version, by, size, list(ids)], ".npz")
        if self._blocks.kept:
            LOG.info(
                "%s: going on after %d blocks of %d objects that are encoded already",
                base.path,
                len(self._blocks.kept),
                size,
            )
        elif self._blocks.others:
            LOG.warning(
                "%s: an interrupted kb reencode is not gone on with: the base has changed since, or the encoders are "
                "others. All objects are encoded.", base.path,
            )  # fmt: skip

    def read(self, number: int) -> Block | None:
        """A block, if it is kept."""
        if number not in self._blocks.kept:
            return None
        with np.load(BytesIO(self._blocks.read(number)), allow_pickle=False) as kept:
            about: dict[str, Any] = json.loads(str(kept["about"]))
            vectors = {
                view: Embeddings(
                    kept[f"vectors {view}"], kept[f"object_id {view}"], encoder.fingerprint,
                    kept[f"coverage {view}"], encoder.name, about["dtypes"][view],
                )
                for view, encoder in self._encoders.items()
            }  # fmt: skip
        return vectors, [Refusal(name, error) for name, error in about["refusals"]]

    def write(self, number: int, block: Block) -> None:
        """Keep a block."""
        vectors, refusals = block
        arrays: dict[str, Any] = {}
        for view, found in vectors.items():
            arrays |= {f"vectors {view}": found.vectors, f"coverage {view}": found.coverage}
            arrays[f"object_id {view}"] = found.object_id.astype(str)
        about = {
            "dtypes": {view: found.dtype for view, found in vectors.items()},
            "refusals": [[r.name, str(r.error)] for r in refusals],
        }
        content = BytesIO()
        np.savez(content, about=np.array(json.dumps(about)), **arrays)
        self._blocks.write(number, content.getvalue())

    def clear(self) -> None:
        """Remove all blocks."""
        self._blocks.clear()


def joined(parts: Sequence[Embeddings]) -> Embeddings:
    """Vectors of one view, of all blocks."""
    return replace(
        parts[0],
        vectors=np.concatenate([p.vectors for p in parts]),
        object_id=np.concatenate([p.object_id for p in parts]),
        coverage=np.concatenate([p.coverage for p in parts]),
    )
