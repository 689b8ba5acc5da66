"""Lists of near objects in a metric (IVF, by faiss): made within a minute where a graph takes many.

A metric may weigh a few directions far above the rest. Then what is near by plain distances is not near in it: of the
10 nearest of 100,000 mock objects, the 4,096 that a graph of plain distances proposes hold .79 where the vector itself
weighs .1 of the scores, the 32 nearest lists all of them (docs/large-bases.md).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.cores import in_threads
from spectrove.knowledge.files import Files, replacing
from spectrove.knowledge.index.graph import padded, whole
from spectrove.knowledge.index.origin import sum_of_version
from spectrove.knowledge.index.sidecar import FOLDER, SPACE, is_whole, note_whole, summed
from spectrove.knowledge.index.spaces import let_go
from spectrove.knowledge.search import PROPOSED
from spectrove.work import counted

#: Lists, objects of each from which its middle is found, and steps of that.
LISTS, LEARNT_FROM, STEPS = 1024, 40, 6

#: Nearest lists that are looked through for PROPOSED objects; of more objects in proportion.
LOOKED_THROUGH = 32

#: Lists that are kept of one version: as large as a quarter of the vectors, one for each metric.
MOST_KEPT = 4

#: Objects put into lists between two words about progress.
AT_ONCE = 8192


@dataclass(frozen=True)
class Lists:
    """Proposals for a space, made or read when they are first asked for; `search.Proposals`.

    Attributes:
        vectors: The vectors of the snapshot in the space, roughly, (n_objects, n_dimensions), by slice or positions.
        files: Where the lists are kept.
        version, key: The version of the base, and what identifies the space.
        doing: What making them does, for `spectrove.work`.
    """

    vectors: Any
    files: Files
    version: int
    key: str
    doing: str

    @property
    def enough(self) -> int:
        """See `search.Proposals`."""
        return PROPOSED

    @property
    def usual(self) -> float:
        """See `search.Proposals`."""
        return float("inf")

    def near(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """Positions of about the `n` nearest of each query; see `search.Proposals`."""
        faiss: Any = import_module("faiss")
        through = min(self._made.nlist, LOOKED_THROUGH * -(-n // PROPOSED))
        wide = faiss.SearchParametersIVF(nprobe=through)
        # One by one: for many at once faiss chooses the lists by a matrix product, which rounds differently.
        asked = padded(queries, self._made.d)
        found = [self._made.search(asked[i : i + 1], n, params=wide)[1] for i in range(len(asked))]
        return np.concatenate([np.zeros((0, n), np.int64), *found])

    def beside(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """None: the lists hold all objects."""
        return np.zeros((len(queries), 0), np.int64)

    @cached_property
    def _made(self) -> Any:
        return self._read() or self._make()

    @cached_property
    def _stem(self) -> str:
        """File names are SPACE.VERSION.KEY.SIZE.SUM, so that a file which is not what was written is known.

        KEY is of the space and of the history of the version, see `origin`.
        """
        key = f"{self.key} {sum_of_version(self.files, self.version)}"
        return f"{SPACE}.{self.version}.{blake2b(key.encode(), digest_size=8).hexdigest()}."

    def _read(self) -> Any:
        faiss: Any = import_module("faiss")
        for name in self.files.names(FOLDER):
            place = self.files.place(f"{FOLDER}/{name}")
            if name.startswith(self._stem) and place is not None:
                with suppress(OSError, ValueError):
                    size, total = name.removeprefix(self._stem).split(".")
                    if place.stat().st_size == int(size) and is_whole(self.files, place, total):
                        return faiss.read_index(str(place), faiss.IO_FLAG_MMAP_IFC)
        return None

    def _make(self) -> Any:
        faiss: Any = import_module("faiss")
        n, dimensions = self.vectors.shape
        n_lists = max(1, min(LISTS, n // LEARNT_FROM))
        made = faiss.index_factory(whole(dimensions), f"IVF{n_lists},SQ8")
        made.cp.niter = STEPS
        sample = np.linspace(0, n - 1, min(n, n_lists * LEARNT_FROM)).astype(np.int64)
        made.train(padded(self.vectors[sample], made.d))
        starts = range(0, n, AT_ONCE)
        blocks = in_threads(lambda start: padded(self.vectors[start : start + AT_ONCE], made.d), starts)
        for _, block in zip(counted(self.doing, n, AT_ONCE), blocks, strict=True):
            made.add(block)
        let_go(self.vectors)
        with suppress(OSError):  # a base that may only be read: made again next time
            self._keep(made)
        return made

    def _keep(self, made: Any) -> None:
        """Write the lists, and remove those of other versions and those of metrics that were made longest ago."""
        faiss: Any = import_module("faiss")
        place = self.files.place(f"{FOLDER}/{self._stem}new")
        if place is None:
            return
        with replacing(place) as temporary:
            faiss.write_index(made, str(temporary))
        total = summed(place)
        name = f"{self._stem}{place.stat().st_size}.{total}"
        note_whole(self.files, place.rename(place.with_name(name)), total)
        kept: list[tuple[float, str]] = []
        for name in self.files.names(FOLDER):
            if not name.startswith(f"{SPACE}.") or name.endswith(".json"):
                continue
            if name.split(".")[1] != str(self.version):
                self.files.remove(f"{FOLDER}/{name}")
            elif not name.endswith(".new"):
                kept.append((place.with_name(name).stat().st_mtime, name))
        for _, name in sorted(kept)[:-MOST_KEPT]:
            self.files.remove(f"{FOLDER}/{name}")
