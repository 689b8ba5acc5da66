"""Which kind of light spectra are of, before they are read; and bases opened with sets of their kind."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from spectrove.domain import Domain
from spectrove.errors import DatasetError
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.domains import DEFAULT_DOMAIN, DOMAINS, domain_of
from spectrove.readers.dataset import dataset_columns, domains_said
from spectrove.readers.files import find_files, is_dataset
from spectrove.readers.light import batch_of

B = TypeVar("B", bound=KnowledgeBase)

#: Files that are looked into to find the kind of all.
FEW = 8


def domain_of_spectra(paths: Iterable[Path | str]) -> Domain:
    """The kind of light of files or datasets; galaxies where nothing else fits.

    It is what a dataset's column "domain" says, as that of a mock survey does; else what first bytes and columns say.

    Raises:
        DatasetError: If a path is not there.
    """
    paths = list(paths)
    datasets = [path for path in paths if is_dataset(path)]
    said = {name for path in datasets for name in domains_said(path)}
    if len(kinds := said & set(DOMAINS)) > 1:
        raise DatasetError(
            f"{', '.join(map(str, datasets))}: rows of {' and '.join(sorted(kinds))} by the column domain, and a "
            "base is of one kind. Name it with --domain, and choose its rows with --where \"domain = '...'\"."
        )
    if kinds:
        return DOMAINS[kinds.pop()]
    columns = [dataset_columns(path) for path in datasets]
    others = [path for path in paths if not is_dataset(path)]
    files = find_files(others)[:FEW] if others else []
    for domain in DOMAINS.values():
        light = domain.files
        if light is not None and (
            any(light.measured <= names for names in columns) or any(map(light.recognises, files))
        ):
            return domain
    return DOMAINS[DEFAULT_DOMAIN]


def kind_of_set(spectra: Any) -> str:
    """The kind of light of spectra in memory, a key of `DOMAINS`, by the class of their set; else the default."""
    for name, domain in DOMAINS.items():
        if domain.files is not None and isinstance(spectra, domain.files.batch):
            return name
    return DEFAULT_DOMAIN


def fits(spectra: Any, name: str) -> bool:
    """Whether a base of this kind of light takes sets of this class: fluxes may be those of galaxies or of stars."""
    return isinstance(spectra, batch_of(DOMAINS[name].files))


def open_base(path: str | PathLike[str], of: type[B]) -> B:
    """The base at a path, as an object of this class, whose spectra are sets of its kind of light.

    Raises:
        KnowledgeError: There is no base, it is incomplete, or a newer spectrove made it; or it is of a kind of light
            that this one does not know.
    """
    base = of.open(path)
    light = domain_of(base).files
    return base if light is None else of.open(path, batch=light.batch)
