"""Tiny spectra and random vectors: a base needs no more."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.knowledge.object_store import environment, object_store

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Spectrum, SpectrumSet

CLASSES = ("SF", "LINER", "quiescent", None, "Composite")


def build_spectra(ids: Sequence[str], seed: int = 0, **columns: Sequence[Any]) -> SpectrumSet:
    rng = np.random.default_rng(seed)
    singles = []
    for i, object_id in enumerate(ids):
        n = int(rng.integers(3, 7))
        row = {
            "survey": "sdss",
            "ra": float(rng.uniform(0, 360)),
            "dec": float(rng.uniform(-80, 80)),
            "z": 0.1 + 0.001 * i,
            "z_source": "catalog",
            "flags": ["lsf_unknown"],
            "class_derived": CLASSES[i % 5],
            "plate": 1000 + i % 4,
            "split": "train" if i % 2 else "test",
        }
        row.update({name: values[i] for name, values in columns.items()})
        arrays = (
            4000 + 10 * np.arange(n, dtype=float),
            rng.normal(size=n).astype(np.float32),
            rng.uniform(1, 2, n).astype(np.float32),
            np.zeros(n, np.int32),
            np.full(n, np.nan, np.float32),
        )
        singles.append(Spectrum(object_id, *arrays, row=row))
    return SpectrumSet.from_spectra(singles)


def build_vectors(
    ids: Sequence[str], seed: int = 0, dimensions: int = 6, fingerprint: str = "0123456789abcdef"
) -> Embeddings:
    vectors = np.random.default_rng(seed).normal(size=(len(ids), dimensions)).astype(np.float32)
    coverage = np.tile([3700.0, 8700.0], (len(ids), 1))
    return Embeddings(vectors, np.array(ids, dtype=str), fingerprint, coverage, "made-up")


@pytest.fixture(scope="session")
def make_spectra() -> Callable[..., SpectrumSet]:
    return build_spectra


@pytest.fixture(scope="session")
def make_vectors() -> Callable[..., Embeddings]:
    return build_vectors


@pytest.fixture(scope="session")
def ids() -> list[str]:
    return [f"{i:04d}-51602-0001" for i in range(40)]


@pytest.fixture
def base(tmp_path: Path, ids: list[str]) -> KnowledgeBase:
    """Forty objects, five kinds of label (one of them none), one view of six dimensions."""
    return KnowledgeBase.create(
        tmp_path / "sdss.kb", build_spectra(ids), {"shape": build_vectors(ids)}, encoder="made-up"
    )


@pytest.fixture
def store(monkeypatch):
    """The content of an object store, which S3 addresses lead to, here and in other processes."""
    with object_store() as (address, content):
        for name, value in environment(address).items():
            monkeypatch.setenv(name, value)
        yield content


def killed(writer, heard=""):
    """All that a process said until it is killed now; `heard` is what was read of it line by line.

    Lines are read ahead: what `communicate` gives then lacks those that a line brought with it.
    """
    writer.send_signal(signal.SIGKILL)
    said = heard + writer.stdout.read()
    writer.stdout.close()
    writer.stderr.close()
    writer.wait()
    return said
