"""Spectrove: a search engine for astronomical spectra.

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spectrove.version import __version__ as __version__

if TYPE_CHECKING:
    from spectrove.embeddings import Embeddings
    from spectrove.encoders import load_encoder
    from spectrove.errors import SpectroveError
    from spectrove.explanation.evidence import Evidence
    from spectrove.inference import Prediction
    from spectrove.knowledge import KnowledgeBase, Neighbors
    from spectrove.pipeline import classify, create, hunt, reencode, search
    from spectrove.pipeline.estimate import estimate
    from spectrove.pipeline.outliers import outliers
    from spectrove.pipeline.redshift import redshift
    from spectrove.readers import read_spectra
    from spectrove.spectra import Spectrum, SpectrumSet
    from spectrove.targets import Target, load_target

#: Public name to the module that defines it. The functions `ingest` and `explain` are not among them: a
#: package hides a function of its own name as soon as it is imported.
_HOMES = {
    "Embeddings": "spectrove.embeddings",
    "Evidence": "spectrove.explanation.evidence",
    "KnowledgeBase": "spectrove.knowledge",
    "Neighbors": "spectrove.knowledge",
    "Prediction": "spectrove.inference",
    "Spectrum": "spectrove.spectra",
    "SpectrumSet": "spectrove.spectra",
    "SpectroveError": "spectrove.errors",
    "Target": "spectrove.targets",
    "classify": "spectrove.pipeline",
    "create": "spectrove.pipeline",
    "estimate": "spectrove.pipeline",
    "hunt": "spectrove.pipeline",
    "load_encoder": "spectrove.encoders",
    "load_target": "spectrove.targets",
    "outliers": "spectrove.pipeline",
    "read_spectra": "spectrove.readers",
    "redshift": "spectrove.pipeline",
    "reencode": "spectrove.pipeline",
    "search": "spectrove.pipeline",
}

__all__ = [
    "Embeddings",
    "Evidence",
    "KnowledgeBase",
    "Neighbors",
    "Prediction",
    "SpectroveError",
    "Spectrum",
    "SpectrumSet",
    "Target",
    "classify",
    "create",
    "estimate",
    "hunt",
    "load_encoder",
    "load_target",
    "outliers",
    "read_spectra",
    "redshift",
    "reencode",
    "search",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'spectrove' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
