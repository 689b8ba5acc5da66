"""A process of its own that works on a base at an address: `python -m tests.knowledge.at_once TASK ADDRESS NAME`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time

import numpy as np
from tests.knowledge.conftest import build_spectra, build_vectors

from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase

#: Batches of a writer, and objects of each.
BATCHES, BATCH = 3, 5


def ids_of(name: str, batch: int) -> list[str]:
    return [f"{name}-{batch}-{i}" for i in range(BATCH)]


def write(base: KnowledgeBase, name: str) -> list[int]:
    """Add batches, and try one that every writer tries; the number of objects that were added."""
    done = [
        base.add(build_spectra(ids := ids_of(name, b)), {"shape": build_vectors(ids)}) for b in range(BATCHES)
    ]
    try:
        ids = ids_of("both", 0)
        return [*done, base.add(build_spectra(ids), {"shape": build_vectors(ids)})]
    except KnowledgeError:
        return [*done, 0]


def read(base: KnowledgeBase, _: str) -> list[dict[str, int]]:
    """Objects of each batch, version by version, until both writers are done."""
    seen: list[dict[str, int]] = []
    while not seen or sum(seen[-1].values()) < (2 * BATCHES + 1) * BATCH:
        counts: dict[str, int] = {}
        for one in base.rows(columns=[]).column("object_id").to_pylist():
            if "-51602-" not in one:
                counts[one.rpartition("-")[0]] = counts.get(one.rpartition("-")[0], 0) + 1
        seen.append(counts)
        time.sleep(0.2)
    return seen


def die(base: KnowledgeBase, name: str) -> None:
    """Be killed in the middle of an addition, with the lock held."""
    with base._store.writing("add", rows=BATCH):
        os.kill(os.getpid(), signal.SIGKILL)


def ask(base: KnowledgeBase, _: str) -> list[object]:
    """A search, its scale, and a fit that is kept with the base: whether it was made here, and its value."""
    from spectrove.inference.kept import fitted_once

    found = base.search(build_vectors(["q"], 1), 5)
    made: list[int] = []
    value = fitted_once(
        base, "metrics", "a key", lambda: made.append(1) or np.pi,
        lambda v: ({"value": np.array([v])}, {}), lambda arrays, _: float(arrays["value"][0]),
    )  # fmt: skip
    return [
        found.object_id.tolist(),
        [d.hex() for d in found.distance[0].tolist()],
        base.scale.hex(),
        len(made),
        value,
    ]


if __name__ == "__main__":
    task, address, name = sys.argv[1:]
    opened = KnowledgeBase.open(address)
    print(json.dumps({"write": write, "read": read, "die": die, "ask": ask}[task](opened, name)))
