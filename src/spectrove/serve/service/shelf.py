"""The bases that are served, each under a name."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from spectrove.errors import KnowledgeError, RecipeError
from spectrove.serve.bases import open_base
from spectrove.serve.exits import UsageError
from spectrove.serve.service.problems import Problem

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.knowledge import KnowledgeBase

#: The ending of the folders of bases, which is no part of their names.
SUFFIX = ".kb"


class Served:
    """One base, opened several times.

    An answer has to be of one version of the base although others ask at the same time, and a base that was opened
    once reads one version at a time. So each answer has a copy for itself, and one more is for looking things up,
    which then needs not wait for a long question. Copies share the files; each has its own vectors in memory.

    Args:
        path: Folder of the base.
        copies: Questions that it answers at one time.
    """

    def __init__(self, path: Path, copies: int = 1) -> None:
        self.path = path
        self.name = path.name.removesuffix(SUFFIX)
        self._free: SimpleQueue[KnowledgeBase | None] = SimpleQueue()
        for _ in range(copies):
            self._free.put(None)
        self._shown = open_base(path)
        self._showing = threading.Lock()
        self._encoders: tuple[tuple[tuple[str, str], ...], dict[str, Encoder]] | None = None
        self._loading = threading.Lock()

    @contextmanager
    def asked(self) -> Iterator[KnowledgeBase]:
        """A copy that nobody else asks; waits until one is free."""
        base = self._free.get()
        try:
            base = open_base(self.path) if base is None else base  # an empty base is false
            yield base
        finally:
            self._free.put(base)

    @contextmanager
    def shown(self) -> Iterator[KnowledgeBase]:
        """The copy in which things are looked up, at one version."""
        with self._showing, self._shown.one_version():
            yield self._shown

    def warm(self) -> None:
        """Read what every first question needs: labels, encoders, and the neighbours of one object in each copy."""
        from spectrove.pipeline import search

        with self.shown() as base:
            some = base.some_ids(1)
            base.info()
            spectra = base.spectra(some)
        for _ in range(self._free.qsize()):  # one after the other: the others answer meanwhile
            with self.asked() as base:
                base.info()
                if some:
                    search(base, spectra, encoder=self.encoders(base))

    def encoders(self, base: KnowledgeBase) -> Mapping[str, Encoder]:
        """The encoders of the views that are made of spectra, loaded once; those that are not there are left out."""
        from spectrove.pipeline.column_views import spectral_views
        from spectrove.pipeline.encoders import encoder_of

        key = tuple(base.fingerprints.items())
        with self._loading:
            if self._encoders is None or self._encoders[0] != key:
                found = {}
                for view in spectral_views(base):
                    try:
                        found[view] = encoder_of(base, view)
                    except RecipeError:  # whatever needs it says so
                        continue
                self._encoders = key, found
            return self._encoders[1]


class Shelf(Mapping[str, Served]):
    """Bases by their names."""

    def __init__(self, bases: Sequence[Served]) -> None:
        self._bases = {base.name: base for base in bases}
        names = [base.name for base in bases]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise UsageError(
                KnowledgeError(f"{twice[0]}: two bases have this name, expected each once. Rename one.")
            )

    @classmethod
    def of(cls, paths: Sequence[Path], copies: int = 1) -> Shelf:
        """The bases at these places."""
        return cls([Served(path, copies) for path in paths])

    def __getitem__(self, name: str) -> Served:
        return self._bases[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._bases)

    def __len__(self) -> int:
        return len(self._bases)

    def named(self, name: str) -> Served:
        """The base of this name.

        Raises:
            Problem: There is none.
        """
        if name not in self._bases:
            raise Problem(404, f"{name}: no base of this name is served, expected {', '.join(self)}.")
        return self._bases[name]
