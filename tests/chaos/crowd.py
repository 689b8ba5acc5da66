"""Two writers and four readers on one base: every reader sees complete versions, and nothing acknowledged is lost.

    python tests/chaos/crowd.py --minutes 5

A writer adds, replaces and deletes batches of BATCH of its own made-up objects; a batch has one generation. So in any
version a batch is there as a whole, of one generation, or not at all, and a reader that sees anything else saw half
of a version. Readers keep one base open; they also search, and what they find must be where its vector says. One
writer merges small files now and then, and makes an index. At the end the base must hold exactly what both writers
were told it holds. The exit code is 1 if anything was wrong. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import made_up
from made_up import State

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase

BATCH, FIRST = 20, 400
TASKS = [("write", "one"), ("write", "two"), *(("read", str(i)) for i in range(4))]


def write(path: Path, name: str, until: float) -> State:
    """Change batches until the time has come; what this writer's part of the base holds."""
    base, held, rng = KnowledgeBase.open(path), {}, np.random.default_rng(len(name))
    batches: dict[str, int] = {}
    number = 0
    while time.time() < until:
        number += 1
        batch = f"{name}-{number:05d}" if number % 3 or not batches else rng.choice(sorted(batches))
        generation = batches.get(batch, -1) + 1
        state = {f"{batch}-{i:02d}": generation for i in range(BATCH)}
        if number % 5 == 0 and generation:
            if base.delete("object_id IN (" + ", ".join(f"'{one}'" for one in state) + ")") != BATCH:
                raise SystemExit(f"{name}: {batch} was not there as a whole")
            del batches[batch]
            for one in state:
                del held[one]
            continue
        spectra, views = made_up.spectra(state), made_up.views(state)
        done = base.upsert(spectra, views) if generation else (base.add(spectra, views), 0)
        if done != ((0, BATCH) if generation else (BATCH, 0)):
            raise SystemExit(f"{name}: {batch} of generation {generation} gave {done}")
        batches[batch], held = generation, held | state
        if name == "one" and number % 8 == 0:
            base.optimize()
            base.build_index()
    return held | {"changes": number}


def read(path: Path, name: str, until: float) -> dict[str, int]:
    """Look at versions until the time has come; how many different ones were whole."""
    base, seen = KnowledgeBase.open(path), set()
    rng, looks = np.random.default_rng(int(name)), 0
    while time.time() < until:
        looks += 1
        with base.one_version():
            version = base.version
            ids, vectors = made_up.held(base)
            counted = base.count()
            z = base.rows(columns=["z"])
            query = rng.normal(size=(1, made_up.DIMENSIONS)).astype(np.float32)
            asked = Embeddings(query, np.array(["query"]), made_up.FINGERPRINT, np.array([[3700.0, 8700.0]]))
            found = base.search(asked, made_up.K)
        if len(ids) != len(set(ids)) or len(ids) != counted or set(ids) != set(vectors):
            raise SystemExit(
                f"reader {name}, version {version}: {len(ids)} ids, {counted} counted, {len(vectors)} vectors"
            )
        generations = {
            i: round(1000 * v)
            for i, v in zip(*(z.column(c).to_pylist() for c in ("object_id", "z")), strict=True)
        }
        _whole(name, version, generations)
        for one, distance in zip(found.object_id[0].tolist(), found.distance[0].tolist(), strict=True):
            at = made_up.vector(one, generations[one]).astype(float)
            if not np.array_equal(vectors[one], at) or not np.isclose(
                np.linalg.norm(at - query[0]), distance, rtol=1e-6
            ):
                raise SystemExit(f"reader {name}, version {version}: {one} is not where its generation says")
        seen.add(version)
    return {"looks": looks, "versions": len(seen)}


def _whole(name: str, version: int, generations: State) -> None:
    batches: dict[str, list[int]] = defaultdict(list)
    for one, generation in generations.items():
        if not one.startswith("first-"):
            batches[one.rpartition("-")[0]].append(generation)
    for batch, found in batches.items():
        if len(found) != BATCH or len(set(found)) > 1:
            raise SystemExit(
                f"reader {name}, version {version}: {batch} has {len(found)} of {BATCH} objects, {set(found)}"
            )


def together(path: Path, name: str) -> float:
    """When all tasks have loaded what they need and begin."""
    made_up.held(KnowledgeBase.open(path))
    (path.parent / f"ready-{name}").touch()
    while len(list(path.parent.glob("ready-*"))) < len(TASKS):
        time.sleep(0.1)
    return time.time()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--task", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    made_up.use_index()
    if options.task:
        what, path, name, seconds = options.task
        until = together(Path(path), name) + float(seconds)
        print(json.dumps((write if what == "write" else read)(Path(path), name, until)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crowd.kb"
        state = made_up.create(path, FIRST)
        running = [
            subprocess.Popen(
                [sys.executable, __file__, "--task", what, str(path), name, str(60 * options.minutes)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for what, name in TASKS
        ]
        failed = 0
        for (what, name), process in zip(TASKS, running, strict=True):
            said, _ = process.communicate()
            failed += process.returncode != 0
            if process.returncode == 0:
                told = json.loads(said.splitlines()[-1])
                failed += not (told.get("changes") or told.get("looks"))
                if what == "write":
                    print(f"writer {name}: {told.pop('changes')} changes, {len(told)} objects at the end")
                    state |= told
                else:
                    print(f"reader {name}: {told['looks']} looks at {told['versions']} versions, all whole")
        wrong = [] if failed else made_up.faults(path, [state])[0]
        said = "; ".join(wrong) or f"the base holds all {len(state)} objects"
        print(f"{failed} of {len(TASKS)} processes found a fault or did nothing; {said}")
        raise SystemExit(1 if failed or wrong else 0)


if __name__ == "__main__":
    main()
