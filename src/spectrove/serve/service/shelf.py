"""The bases that are served, each under a name."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from spectrove.errors import KnowledgeError, RecipeError
from spectrove.serve.bases import open_base
from spectrove.serve.exits import UsageError
from spectrove.serve.service.limits import MB
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.room import Room
from spectrove.work import advance, doing

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import Batch

#: The ending of the folders of bases, which is no part of their names.
SUFFIX = ".kb"

#: Seconds for which a look-up waits for a copy of a base, and between two looks whether whoever waits was stopped.
WAIT, LOOK = 20.0, 0.2

#: Bytes of stored spectra that are kept in memory for whoever looks at them again.
ROOM = 64 * MB


class Served:
    """One base, opened several times.

    An answer has to be of one version of the base although others ask at the same time, and a base that was opened
    once reads one version at a time. So each answer has a copy for itself. One more is for looking things up, which
    then needs not wait for a long question, and one for stored spectra, so that who looks at them does not keep
    others from looking things up. Copies share the files; each has its own vectors in memory.

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
        self._read: KnowledgeBase | None = None
        self._reading = threading.Lock()
        self._stored: Room[Batch] = Room(ROOM)
        self._encoders: tuple[tuple[tuple[str, str], ...], dict[str, Encoder]] | None = None
        self._loading = threading.Lock()

    @contextmanager
    def asked(self, wait: float | None = None) -> Iterator[KnowledgeBase]:
        """A copy that nobody else asks; waits until one is free.

        Args:
            wait: For so many seconds; None for as long as whoever asks is not stopped.

        Raises:
            Problem: None became free.
        """
        base = self._taken(wait)
        try:
            base = open_base(self.path) if base is None else base  # an empty base is false
            yield base
        finally:
            self._free.put(base)

    def _taken(self, wait: float | None) -> KnowledgeBase | None:
        with suppress(Empty):
            return self._free.get_nowait()
        end = monotonic() + (float("inf") if wait is None else wait)
        with doing(f"waiting for {self.name}, which answers other questions"):
            while monotonic() < end:
                with suppress(Empty):
                    return self._free.get(timeout=LOOK)
                advance(0)  # the place where it may be stopped
        raise Problem(
            503,
            f"{self.name} answers other questions, and none of them ended in {wait:g} seconds. Ask again in a while.",
            headers={"Retry-After": "5"},
        )  # fmt: skip

    @contextmanager
    def shown(self) -> Iterator[KnowledgeBase]:
        """The copy in which things are looked up, at one version."""
        with self._showing, self._shown.one_version():
            yield self._shown

    @contextmanager
    def reading(self) -> Iterator[KnowledgeBase]:
        """The copy from which stored spectra are read, at one version."""
        with self._reading:
            if self._read is None:
                self._read = open_base(self.path)
            with self._read.one_version():
                yield self._read

    def stored(self, names: Sequence[str]) -> list[Batch]:
        """The stored spectra of objects, each as a set of one, in this order; read once while they are looked at.

        Raises:
            Problem: An object is not there.
        """
        from spectrove.pipeline.queries import known_ids

        with self.reading() as base:
            version = base.version
            kept = {name: self._stored.get((version, name)) for name in names}
            found = {name: one for name, one in kept.items() if one is not None}
            if missing := [name for name in kept if name not in found]:
                known = known_ids(base, missing)
                if strange := [name for name in missing if name not in known]:
                    raise Problem(404, f"{strange[0]}: no object of {self.name}.")
                spectra = base.spectra(missing)
                for i, name in enumerate(missing):
                    found[name] = one = spectra.take(np.array([i]))
                    self._stored.keep((version, name), one, one.to_arrow().nbytes)
        return [found[name] for name in names]

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
