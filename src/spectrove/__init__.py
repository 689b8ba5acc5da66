"""Spectrove: a search engine for astronomical spectra.

    import spectrove

    base = spectrove.open("sdss.kb")
    answers = base.hunt("unknown/*.fits", "liner")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from spectrove.version import __version__ as __version__

if TYPE_CHECKING:
    from spectrove.archives import fetch
    from spectrove.embeddings import Embeddings
    from spectrove.errors import SpectroveError
    from spectrove.explanation.evidence import Evidence
    from spectrove.inference import Prediction
    from spectrove.knowledge import KnowledgeBase, Neighbors
    from spectrove.pipeline import (
        at_redshift,
        classify,
        complete_redshifts,
        contrast,
        curate,
        epochs,
        estimate,
        explain,
        hunt,
        hunt_like,
        measure,
        outliers,
        redshift,
        reencode,
        search,
        search_region,
        search_text,
        with_redshifts,
    )
    from spectrove.pipeline.answers import Answers
    from spectrove.pipeline.base import Base, create, open
    from spectrove.pipeline.inspection import review
    from spectrove.pipeline.queries import queries
    from spectrove.pipeline.shipped import load_encoder, load_target
    from spectrove.readers import ingest, read_spectra
    from spectrove.spectra import Spectrum, SpectrumSet
    from spectrove.targets import Target

#: Public name to the module that defines it.
_HOMES = {
    "Answers": "spectrove.pipeline.answers",
    "Base": "spectrove.pipeline.base",
    "Embeddings": "spectrove.embeddings",
    "Evidence": "spectrove.explanation.evidence",
    "KnowledgeBase": "spectrove.knowledge",
    "Neighbors": "spectrove.knowledge",
    "Prediction": "spectrove.inference",
    "Spectrum": "spectrove.spectra",
    "SpectrumSet": "spectrove.spectra",
    "SpectroveError": "spectrove.errors",
    "Target": "spectrove.targets",
    "at_redshift": "spectrove.pipeline",
    "classify": "spectrove.pipeline",
    "complete_redshifts": "spectrove.pipeline",
    "contrast": "spectrove.pipeline",
    "create": "spectrove.pipeline.base",
    "curate": "spectrove.pipeline",
    "epochs": "spectrove.pipeline",
    "estimate": "spectrove.pipeline",
    "explain": "spectrove.pipeline",
    "fetch": "spectrove.archives",
    "hunt": "spectrove.pipeline",
    "hunt_like": "spectrove.pipeline",
    "ingest": "spectrove.readers",
    "load_encoder": "spectrove.pipeline.shipped",
    "load_target": "spectrove.pipeline.shipped",
    "measure": "spectrove.pipeline",
    "open": "spectrove.pipeline.base",
    "outliers": "spectrove.pipeline",
    "queries": "spectrove.pipeline.queries",
    "read_spectra": "spectrove.readers",
    "redshift": "spectrove.pipeline",
    "reencode": "spectrove.pipeline",
    "review": "spectrove.pipeline.inspection",
    "search": "spectrove.pipeline",
    "search_region": "spectrove.pipeline",
    "search_text": "spectrove.pipeline",
    "with_redshifts": "spectrove.pipeline",
}

#: Packages that are reached by their names as well: `spectrove.inference.metric_for`.
_PACKAGES = (
    "encoders",
    "explanation",
    "galaxies",
    "inference",
    "knowledge",
    "pipeline",
    "readers",
    "targets",
)

__all__ = [
    "Answers",
    "Base",
    "Embeddings",
    "Evidence",
    "KnowledgeBase",
    "Neighbors",
    "Prediction",
    "SpectroveError",
    "Spectrum",
    "SpectrumSet",
    "Target",
    "at_redshift",
    "classify",
    "complete_redshifts",
    "contrast",
    "create",
    "curate",
    "epochs",
    "estimate",
    "explain",
    "fetch",
    "hunt",
    "hunt_like",
    "ingest",
    "load_encoder",
    "load_target",
    "measure",
    "open",
    "outliers",
    "queries",
    "read_spectra",
    "redshift",
    "reencode",
    "review",
    "search",
    "search_region",
    "search_text",
    "with_redshifts",
]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"spectrove.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'spectrove' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
