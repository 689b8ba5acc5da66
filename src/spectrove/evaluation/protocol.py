"""Who may be scored with what: folds by group, and the check that nothing scored was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders import Encoder
from spectrove.errors import CatalogError, LeakError
from spectrove.spectra import CORE_COLUMNS, SpectrumSet
from spectrove.statistics import folds_by_group
from spectrove.targets import label_text


@dataclass(frozen=True)
class Fold:
    """Rows of the base and rows of the queries; no group is in both."""

    base: NDArray[np.int64]
    queries: NDArray[np.int64]


def group_folds(spectra: SpectrumSet, column: str, n_folds: int, seed: int) -> list[Fold]:
    """Folds that keep each group on one side; objects without a group are groups of their own.

    Raises:
        CatalogError: If the column is missing, or there are fewer groups than folds.
    """
    groups = group_names(spectra, column)
    found = len(set(groups.tolist()))
    if found < n_folds:
        raise CatalogError(
            f"column {column}: {found} groups for {n_folds} folds; expected at least {n_folds}. Lower --folds."
        )
    fold = folds_by_group(groups, n_folds, seed=seed)
    return [Fold(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_folds)]


def group_names(spectra: SpectrumSet, column: str) -> NDArray[np.str_]:
    """The group of each object as text."""
    if column not in spectra.rows.column_names:
        known = ", ".join(sorted(spectra.rows.column_names))
        raise CatalogError(f"no column {column!r} to group by. The dataset has: {known}.")
    values = spectra.column(column)
    return np.array(
        [label_text(v) or f"id:{i}" for v, i in zip(values, spectra.object_id, strict=True)],
        dtype=str,
    )


def check_groups(base: Sequence[str], queries: Sequence[str]) -> None:
    """Refuse groups that are on both sides.

    Raises:
        LeakError: Naming some of them.
    """
    if both := sorted(set(base) & set(queries)):
        raise LeakError(
            f"{len(both)} groups are in the base and among the queries ({', '.join(both[:3])}). Split by group."
        )


def not_trained_on(encoder: Encoder, object_id: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Which objects an encoder may be scored on.

    Raises:
        LeakError: If it was trained on every one of them.
    """
    allowed = ~np.isin(object_id, list(encoder.training_ids))
    if len(object_id) and not allowed.any():
        raise LeakError(
            f"encoder {encoder.name} was trained on all {len(object_id)} of these objects; no score would mean "
            "anything. Evaluate other objects, or an encoder that has not seen these."
        )
    return allowed


def stripped(spectra: SpectrumSet) -> SpectrumSet:
    """The spectra without any catalog value but the redshift and the place on the sky."""
    kept = [name for name in spectra.rows.column_names if name in CORE_COLUMNS]
    return spectra.with_rows(spectra.rows.select(kept))
