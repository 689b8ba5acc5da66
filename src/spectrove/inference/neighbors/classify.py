"""Classify: the label by a vote of the nearest known objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.neighbors.voting import Ballot, share_interval, vote
from spectrove.inference.prediction import Prediction, Vote
from spectrove.knowledge import Neighbors
from spectrove.targets import label_text


def classify(
    neighbors: Neighbors,
    label: str,
    *,
    classes: Sequence[str] | None = None,
    weighting: str = "exp",
    normalise: str = "sum",
) -> list[Prediction]:
    """The most probable value of a label column for each query, with the probability of every value.

    Args:
        neighbors: From a search; with `labelled=label` all of them vote.
        label: Column of the base.
        classes: Values that count; neighbours with another value do not vote. By default all values among the
            objects searched, or among the neighbours.
        weighting, normalise: See `inference.neighbors.voting`.

    Raises:
        KnowledgeError: The neighbours lack the column.
    """
    labels = label_array(neighbors, label)
    if classes is None:
        classes = sorted({text for text in labels.ravel() if text is not None} | set(neighbors.pool))
    known = set(classes)
    groups = np.array([t if t in known else None for t in labels.ravel()], dtype=object).reshape(labels.shape)
    ballot = vote(
        neighbors.distance,
        groups,
        classes=classes,
        weighting=weighting,
        normalise=normalise,
        scale=neighbors.scale,
    )
    return [_prediction(neighbors, label, labels, groups, ballot, i) for i in range(len(neighbors))]


def _prediction(
    neighbors: Neighbors, label: str, labels: NDArray, groups: NDArray, ballot: Ballot, i: int
) -> Prediction:
    value = ballot.winner[i]
    shares = {name: float(p) for name, p in zip(ballot.classes, ballot.share[i], strict=True)}
    n = float(ballot.n_effective[i])
    return Prediction(
        object_id=str(neighbors.query_id[i]),
        label=label,
        value=value,
        probabilities=shares if value is not None else {},
        interval=share_interval(shares[value], n) if value is not None else None,
        reason_no_interval=no_votes(label) if value is None else "",
        neighbors=votes(neighbors, labels, groups, ballot.weight, i),
        flags=vote_flags(neighbors, groups, i),
        n_effective=n,
        metric=metric_name(neighbors),
    )


def label_array(neighbors: Neighbors, label: str) -> NDArray[np.object_]:
    """Labels of the neighbours as text, shape (n_queries, n_neighbors); None without a label or a neighbour."""
    known = {name for found in neighbors.rows for row in found[:1] for name in row}
    if known and label not in known:
        raise KnowledgeError(
            f"no neighbour has a column {label!r}; their columns are {', '.join(sorted(known))}. "
            "Name one of these."
        )
    values = neighbors.column(label)
    return np.array([label_text(v) for v in values.ravel()], dtype=object).reshape(values.shape)


def votes(
    neighbors: Neighbors, labels: NDArray, groups: NDArray, weight: NDArray[np.float64], i: int
) -> tuple[Vote, ...]:
    """The vote of each neighbour of query `i`."""
    return tuple(
        Vote(
            object_id=str(neighbors.object_id[i, j]),
            distance=float(neighbors.distance[i, j]),
            weight=float(weight[i, j]),
            label=labels[i, j],
            group=groups[i, j],
            view=neighbors.view,
        )
        for j in range(len(neighbors.rows[i]))
    )


def vote_flags(neighbors: Neighbors, groups: NDArray, i: int) -> tuple[str, ...]:
    """Flags of the search, and `few_neighbors` if some neighbours do not vote."""
    few = sum(group is not None for group in groups[i]) < neighbors.k
    flags = neighbors.flags[i]
    return (*flags, "few_neighbors") if few and "few_neighbors" not in flags else flags


def metric_name(neighbors: Neighbors) -> str:
    """Name of the metric: "linear" for a fitted one, "none" for plain distances."""
    return str(neighbors.metric.get("name", "none"))


def no_votes(label: str) -> str:
    """Sentence for a query without any vote."""
    return f"No neighbour has a usable label in {label}, so there is no vote."
