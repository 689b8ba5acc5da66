"""Spectra with known answers, embedded, and split so that no plate is in a base and among its queries."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.samples.recipes import Mock, Model, Real
from experiments.samples.spoiled import Spoil, spoiled
from experiments.samples.surveys import GROUP, own_split, plain_classes, without_pixels
from experiments.samples.vectors import embedded, take
from experiments.samples.workshop import Workshop
from spectrove.encoders import Encoder
from spectrove.evaluation.protocol import Fold, check_groups, group_folds, group_names, not_trained_on
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import Embedded
from spectrove.provenance import file_hash
from spectrove.spectra import SpectrumSet

Say = Callable[[str], None]


class Sizes(Model):
    """How much is measured: mock surveys (each seed a repetition), and repetitions with other folds of the real set."""

    mock: Mock = Mock()
    real: Real = Real()


@dataclass(frozen=True)
class Split:
    """A base and its queries; no plate is in both, and the encoder was trained on no query.

    Attributes:
        name: Unlike that of any other split of the same encoder.
        known: What the base holds.
        asked: Queries as they are asked about, spoiled or not; those that could not be embedded are missing.
        rows: Of all queries, those included: ids, labels and plates.
    """

    name: str
    known: Embedded
    asked: Embedded
    rows: SpectrumSet

    @property
    def groups(self) -> NDArray[np.str_]:
        """The plate of each query."""
        return group_names(self.rows, GROUP)


class Bench:
    """Makes each sample, vector and base once, however many points ask for it.

    Args:
        out: Folder; mock surveys are kept in `out/cache`.
        data: Folder with real spectra (as SPECTROVE_DATA), None for none.
        sizes: How much is measured.
        say: Told what is being done.
    """

    def __init__(self, out: Path, data: Path | None, sizes: Sizes, say: Say = lambda text: None) -> None:
        self.workshop = Workshop(out, data, say=say)
        self.out, self.data, self.sizes, self.say = out, data, sizes, say
        self._vectors: dict[tuple[object, ...], Embedded] = {}
        self._bases: dict[str, KnowledgeBase] = {}
        self._encoder = ""

    def encoder(self, name: str) -> Encoder:
        """An encoder by name, loaded once."""
        return self.workshop.encoder(name)

    @property
    def samples(self) -> list[str]:
        """Samples that can be made here."""
        return ["mock"] if self.data is None else ["real", "mock"]

    def data_key(self, sample: str) -> str:
        """What decides which spectra a sample holds."""
        if sample == "real":
            assert self.data is not None
            return self.sizes.real.model_dump_json() + file_hash(self.data / "galaxies" / "index.csv")
        return self.sizes.mock.model_dump_json()

    def repetitions(self, sample: str) -> int:
        """How often the protocol is repeated."""
        return self.sizes.real.seeds if sample == "real" else len(self.sizes.mock.seeds)

    def survey(self, sample: str, repeat: int) -> SpectrumSet:
        """All spectra of a repetition, with their pixels."""
        if sample == "real":
            return self.workshop.real_spectra(self.sizes.real)
        return plain_classes(self.workshop.mock_spectra(self.sizes.mock, self.sizes.mock.seeds[repeat]))

    def splits(self, sample: str, repeat: int, encoder: Encoder, spoil: Spoil) -> Iterator[Split]:
        """Bases and queries of a repetition: folds by plate of the real set, one split of a mock survey."""
        spectra = self.survey(sample, repeat)
        clean = self.vectors(encoder, sample, repeat, Spoil())
        asked = self.vectors(encoder, sample, repeat, spoil)
        fair = not_trained_on(encoder, spectra.object_id)
        groups = group_names(spectra, GROUP)
        ids = spectra.object_id
        for i, fold in enumerate(self._folds(sample, repeat, spectra)):
            check_groups(groups[fold.base].tolist(), groups[fold.queries].tolist())
            queries = fold.queries[fair[fold.queries]]
            yield Split(
                f"{sample}-{repeat}-{i}",
                take(clean, np.isin(clean.spectra.object_id, ids[fold.base])),
                take(asked, np.isin(asked.spectra.object_id, ids[queries])),
                without_pixels(spectra.take(queries)),
            )

    def _folds(self, sample: str, repeat: int, spectra: SpectrumSet) -> list[Fold]:
        if sample == "real":
            return group_folds(spectra, GROUP, self.sizes.real.folds, repeat)
        return [own_split(spectra)]

    def vectors(self, encoder: Encoder, sample: str, repeat: int, spoil: Spoil) -> Embedded:
        """Embedded of a repetition's spectra; the real ones are the same in all unless they are spoiled."""
        self._only(encoder)
        clean = spoil == Spoil()
        key = (sample, 0 if clean and sample == "real" else repeat, spoil)
        if key not in self._vectors:
            spectra = self.survey(sample, repeat)
            if not clean:  # only labelled ones are asked about
                labelled = np.array([c is not None for c in spectra.column("class_derived")])
                if sample == "mock":
                    labelled &= np.array(spectra.column("split")) == "test"
                spectra = spoiled(spectra.take(labelled), spoil, repeat)
            found = embedded(spectra, encoder)
            if not clean:
                return found
            self._vectors[key] = found
        return self._vectors[key]

    def base(self, name: str, known: Embedded) -> KnowledgeBase:
        """A knowledge base of these objects in memory, made once a name."""
        if name not in self._bases:
            self._bases[name] = KnowledgeBase.in_memory(
                known.spectra, {"shape": known.embeddings}, encoder=known.embeddings.encoder
            )
        return self._bases[name]

    def _only(self, encoder: Encoder) -> None:
        """Forget what other encoders made."""
        if encoder.fingerprint != self._encoder:
            self._encoder = encoder.fingerprint
            self._vectors.clear()
            self._bases.clear()


def digest(*parts: object) -> str:
    """Sixteen digits that stand for all of these."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
