"""Catalog columns as vectors: a view that is made of numbers in the rows of objects, not of their spectra.

Each column becomes two coordinates. A value of rank r among those of the base, from 0 to 1, is the point at the angle
pi r of a half circle of radius 1; no value is its centre. So distances depend on ranks alone, whatever the unit and
however skew the column. An object without a value is equally far from all that have one: the column does not order
them. Two without a value are alike in it, as an absent counterpart is something a catalog says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError, Refusal
from spectrove.provenance import canonical_json, hash_arrays

KIND = "columns"

#: Flags of answers in which catalog columns take part, and of those whose row has no value in any.
USED, UNKNOWN = "catalog_columns", "columns_unknown"

#: Most values at which ranks are kept; those between them are interpolated.
MOST_NODES = 201


class ColumnsRecipe(BaseModel):
    """The table [columns] of an encoder recipe: the names of the columns, in order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Rows:
    """Values of columns of N objects.

    Attributes:
        object_id: Ids, (n_objects,).
        values: In the units of the columns, NaN if unknown, (n_objects, n_columns).
        fingerprint: Of the names of the columns.
    """

    object_id: NDArray[np.str_]
    values: NDArray[np.float64]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.object_id)

    @property
    def flags(self) -> tuple[tuple[str, ...], ...]:
        """That catalog columns take part, and of which objects none is known."""
        return tuple((USED,) if np.isfinite(row).any() else (USED, UNKNOWN) for row in self.values)

    @property
    def coverage(self) -> NDArray[np.float64]:
        """No wavelengths: everything is covered, (n_objects, 2)."""
        return np.tile([0.0, np.inf], (len(self), 1))

    def take(self, index: NDArray) -> Rows:
        """Objects at these positions, or where a mask is true."""
        return replace(self, object_id=self.object_id[index], values=self.values[index])


class ColumnsEncoder(Encoder):
    """Ranks of catalog values as points of half circles, 2 numbers for each column.

    Weights: float32.values.I and float32.ranks.I (n_nodes,) of the I-th column, ascending.
    """

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        self._names = columns_of(self.recipe)
        lengths = [len(self.weights.get(f"float32.values.{i}", ())) for i in range(len(self._names))]
        shapes = {f"float32.{what}.{i}": (n,) for i, n in enumerate(lengths) for what in ("values", "ranks")}
        check_shapes(recipe, self.weights, shapes)

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        return recipe.model_copy(update={"own": ColumnsRecipe.model_validate(recipe.own or {}).model_dump()})

    @property
    def columns(self) -> tuple[str, ...]:
        return self._names

    @property
    def frame(self) -> str:
        return "observed"

    @property
    def preparation(self) -> str:
        text = canonical_json(list(self._names))
        return hash_arrays({"columns": np.frombuffer(text.encode(), dtype=np.uint8)})[:16]

    def prepare(self, spectra: Any) -> tuple[Rows, list[Refusal]]:
        """The values in the objects' own rows, whatever kind of light they are of; none is refused."""
        values = np.full((len(spectra.object_id), len(self._names)), np.nan)
        for j, name in enumerate(self._names):
            if name in spectra.rows.column_names:
                values[:, j] = numbers_of(name, spectra.column(name))
        return self.rows(spectra.object_id, values), []

    def rows(self, object_id: NDArray[np.str_], values: NDArray[np.float64]) -> Rows:
        """Values of the columns, (n_objects, n_columns), as input of `encode`."""
        return Rows(np.asarray(object_id), values, self.preparation)

    @property
    def n_dimensions(self) -> int:
        return 2 * len(self._names)

    def _vectors(self, batch: Rows) -> NDArray:
        result = np.zeros((len(batch), self.n_dimensions))
        for j in range(len(self._names)):
            nodes, ranks = (self.weights[f"float32.{what}.{j}"].astype(float) for what in ("values", "ranks"))
            known = np.isfinite(batch.values[:, j])
            angle = np.pi * np.interp(batch.values[known, j].astype(np.float32), nodes, ranks)
            result[known, 2 * j], result[known, 2 * j + 1] = -np.cos(angle), np.sin(angle)
        return result


def columns_of(recipe: EncoderRecipe) -> tuple[str, ...]:
    """The names in the table [columns] of a recipe.

    Raises:
        ValueError: If it has an unknown key or a wrong value.
    """
    return ColumnsRecipe.model_validate(recipe.own or {}).names


def numbers_of(name: str, values: Sequence[Any]) -> NDArray[np.float64]:
    """A column as numbers; unknown, and what is not finite, as NaN.

    Raises:
        RecipeError: A value is no number.
    """
    try:
        found = np.array([np.nan if value is None else float(value) for value in values])
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"column {name}: {error}; a view is made of columns of numbers. Convert it, or leave it out."
        ) from error
    return np.where(np.isfinite(found), found, np.nan)


def fit_columns(values: Mapping[str, NDArray[np.float64]], source: str) -> ColumnsEncoder:
    """The encoder whose ranks are those among these values; no label is read.

    Args:
        values: Values by name of the column, (n_objects,) each; NaN if unknown.
        source: Name of the encoder.

    Raises:
        RecipeError: A column has fewer than two different values.
    """
    weights: dict[str, NDArray] = {}
    for j, (name, column) in enumerate(values.items()):
        known = column[np.isfinite(column)].astype(np.float32)
        different, counts = np.unique(known, return_counts=True)
        if len(different) < 2:
            raise RecipeError(
                f"column {name}: {len(different)} different values among {len(column)} objects, expected two or more. "
                "Leave it out."
            )
        ranks = (
            np.cumsum(counts) - counts / 2
        ) / counts.sum()  # equal values share the middle of their ranks
        chosen = np.unique(np.linspace(0, len(different) - 1, MOST_NODES).round().astype(int))
        weights[f"float32.values.{j}"], weights[f"float32.ranks.{j}"] = different[chosen], ranks[chosen]
    recipe = EncoderRecipe.model_validate(
        {"name": source, "kind": KIND, "description": f"Ranks of {', '.join(values)}.", KIND: {"names": list(values)}}
    )  # fmt: skip
    return ColumnsEncoder(recipe, weights, source=source)
