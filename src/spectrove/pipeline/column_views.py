"""Views made of catalog columns: added to a base on purpose, and never asked unless they are named."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from spectrove.encoders import Encoder
from spectrove.encoders.base import Weights
from spectrove.encoders.columns import KIND, ColumnsEncoder, fit_columns, numbers_of
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import KnowledgeError, RecipeError
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.domains import domain_of
from spectrove.spectra import CORE_COLUMNS

#: Before the names of the columns in the name of an encoder.
PREFIX = f"{KIND}:"

#: Folder of the ranks beside the tables of a base, a file for each fingerprint, so that a rollback finds the old ones.
FOLDER = "columns"

#: Columns with one of these words in their names are ids, not measurements.
IDS = (
    "id",
    "objid",
    "specobjid",
    "sourceid",
    "obsid",
    "obs_id",
    "htmid",
    "healpix",
    "path",
    "name",
    "mjd",
    "fiberid",
)

#: In the names of columns that say what was simulated.
TRUTH = "truth"


def add_view(base: KnowledgeBase, name: str, columns: Sequence[str]) -> tuple[int, dict[str, int]]:
    """Number of the new version with a view made of these columns, and how many objects have a value of each.

    The view breaks the rule that an answer depends on the spectrum alone. It is searched only by questions that name
    it, a query takes the columns from its own row, and each answer has the flag `catalog_columns`.

    Args:
        base: The base.
        name: Of the view: letters, digits and underscores. A view of columns is replaced, no other.
        columns: Columns of the base with numbers.

    Raises:
        KnowledgeError: There is no such column; it is a label, an id, a position or a redshift; it holds no numbers; or
            its name holds a class, as the columns of published class probabilities do.
    """
    if name in base.views and not is_of_columns(base, name):
        raise KnowledgeError(f"{base.path}: view {name} is made of spectra. Give the new view another name.")
    chosen = list(dict.fromkeys(columns))
    if not chosen:
        raise KnowledgeError(f"{base.path}: view {name} of no columns. Name one or more.")
    since = base.version
    table = base.rows(columns=_checked(base, chosen))
    try:
        values = {c: numbers_of(c, table.column(c).to_pylist()) for c in chosen}
        encoder = fit_columns(values, PREFIX + ",".join(chosen))
    except RecipeError as error:
        raise KnowledgeError(f"{base.path}: {error}") from error
    ids = np.array(table.column("object_id").to_pylist(), dtype=str)
    rows = encoder.rows(ids, np.stack(list(values.values()), axis=1))
    _keep(base, encoder)
    base.reencode({name: encoder.encode(rows)}, since=since)
    return base.version, {c: int(np.isfinite(v).sum()) for c, v in values.items()}


def is_of_columns(base: KnowledgeBase, view: str) -> bool:
    """Whether a view is made of catalog columns."""
    return base.encoders.get(view, "").startswith(PREFIX)


def columns_in(base: KnowledgeBase, views: Mapping[str, float] | Sequence[str]) -> tuple[str, ...]:
    """The catalog columns that these views are made of."""
    named = (
        base.encoders[view].removeprefix(PREFIX).split(",") for view in views if is_of_columns(base, view)
    )
    return tuple(dict.fromkeys(column for columns in named for column in columns))


def views_made_of(base: KnowledgeBase, columns: Sequence[str]) -> tuple[str, ...]:
    """The views that are made of one or more of these columns, with the values that these had then."""
    return tuple(view for view in base.views if set(columns_in(base, [view])) & set(columns))


def spectral_views(base: KnowledgeBase) -> tuple[str, ...]:
    """The views that are made of spectra alone."""
    return tuple(view for view in base.views if not is_of_columns(base, view))


def refuse_asked(base: KnowledgeBase, views: Mapping[str, float] | Sequence[str], column: str) -> None:
    """Refuse to answer for a column from itself.

    Raises:
        KnowledgeError: One of the views is made of that column.
    """
    if column in columns_in(base, views):
        raise KnowledgeError(
            f"{base.path}: {column} is asked for, and a view that is searched is made of it. Ask without that view."
        )


def columns_encoder(base: KnowledgeBase, view: str) -> ColumnsEncoder:
    """The encoder of a view of columns, from the files of the base.

    Raises:
        RecipeError: The file is missing, as in a base that was copied in parts.
    """
    from safetensors.numpy import load

    fingerprint = base.fingerprints[view]
    try:
        content = base.files.read(_file(fingerprint))
    except OSError as error:
        raise RecipeError(
            f"{base.path}: the ranks of view {view} are not with the base ({_file(fingerprint)}). Make the view again "
            f"with kb view --name {view} --columns {','.join(columns_in(base, [view]))}."
        ) from error
    weights = load(content)
    recipe = EncoderRecipe.model_validate(json.loads(bytes(weights.pop("recipe"))))
    return ColumnsEncoder(recipe, weights, source=base.encoders[view])


def _keep(base: KnowledgeBase, encoder: Encoder) -> None:
    from safetensors.numpy import save

    recipe = encoder.recipe.model_dump_json(include={"name", "kind", "description", "own"})
    weights: Weights = {**encoder.weights, "recipe": np.frombuffer(recipe.encode(), dtype=np.uint8)}
    base.files.write(_file(encoder.fingerprint), save(dict(weights)))


def _file(fingerprint: str) -> str:
    return f"{FOLDER}/{fingerprint}.safetensors"


def _checked(base: KnowledgeBase, columns: Sequence[str]) -> list[str]:
    """The columns, refused unless each is a measurement."""
    known, labels = base.columns, base.info()["labels"]
    classes = {str(value) for values in labels.values() for value in values}
    types = base.rows(where="false", columns=[c for c in columns if c in known]).schema
    for column in columns:
        if column not in known:
            raise KnowledgeError(f"{base.path}: no column {column!r}; there are {', '.join(sorted(known))}.")
        if why := _no_measurement(column, types.field(column).type, labels, classes, domain_of(base).group):
            raise KnowledgeError(f"{base.path}: column {column} {why}; a view is made of measurements alone.")
    return list(columns)


def _no_measurement(
    column: str, kind: pa.DataType, labels: Mapping[str, object], classes: set[str], group: str
) -> str:
    """What a column is instead of a measurement; "" if it is one."""
    if column in labels:
        return "holds labels, which are what is asked for"
    if column in CORE_COLUMNS:
        return "says where an object is or how it was observed"
    if column == group or set(re.split(r"[^a-z]+", column.lower())) & set(IDS):
        return "identifies objects"
    if TRUTH in column.lower():
        return "is the truth of a simulation"
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return f"holds {kind}, no numbers"
    named = [c for c in classes if re.search("[A-Za-z]{2}", c) and _holds(column, c)]
    return f"names the class {named[0]}, as somebody's answer does" if named else ""


def _holds(column: str, name: str) -> bool:
    """Whether a name stands in that of a column as a whole word."""
    return bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", column, re.IGNORECASE))
