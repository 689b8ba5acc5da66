"""kill -9 at random moments of everything that writes to a base: no row that was reported as written may be lost.

    python tests/chaos/kill.py --rounds 50
    python tests/chaos/kill.py --rounds 10 --only add reencode --seed 7

Each round starts a process that does one kind of work again and again, says before and after each piece what it does,
and is killed at a random moment. Then the base must open, hold exactly what was reported as done (and all or nothing
of the piece that was not), give right neighbours and spectra, and take more. Every kind goes on with the base that
the kinds before it left. `watch`, `prepare` and `embed` work on mock galaxies, are started again until they end, and
must then have done every file once, and made the vectors that they make when nobody kills them. The exit code is 1 if
anything was lost. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parent))
import made_up
from made_up import State

from spectrove.knowledge import KnowledgeBase

OBJECTS = 600
#: Longest time after which a process that works on made-up objects is killed, seconds.
LONGEST = 2.0

#: Label that a review gives.
REVIEWED = "reviewed"

Piece = tuple[State, list[str], Callable[[], object]]


# --- the process that is killed ------------------------------------------------------------------------------


def pieces(kind: str, base: KnowledgeBase, state: State, turn: int) -> Iterator[Piece]:
    """Pieces of work without end: what each sets, what it drops, and the call."""
    rng = np.random.default_rng(turn)
    number = 0
    while True:
        number += 1
        known = sorted(state)
        some = rng.choice(known, 10, replace=False).tolist() if len(known) > 200 else []
        new = {f"{kind}-{turn}-{number}-{i}": turn for i in range(10)}
        if kind == "add":
            yield new, [], lambda new=new: base.add(made_up.spectra(new), made_up.views(new))
        elif kind == "upsert":
            both = new | {name: state[name] + 1 for name in some}
            yield both, [], lambda both=both: base.upsert(made_up.spectra(both), made_up.views(both))
        elif kind == "delete":
            where = "object_id IN (" + ", ".join(f"'{name}'" for name in [*some, "nobody"]) + ")"
            yield {}, some, lambda where=where: base.delete(where)
        elif kind == "optimize":
            forget = timedelta(0) if number % 3 == 0 else None
            yield new, [], lambda new=new: base.add(made_up.spectra(new), made_up.views(new))
            yield {}, [], lambda forget=forget: base.optimize(forget_older_than=forget)
        elif kind == "index":
            yield {}, [], base.build_index
            yield new, [], lambda new=new: base.add(made_up.spectra(new), made_up.views(new))
        elif kind == "reencode":
            every = {name: generation + 1 for name, generation in state.items()}
            yield every, [], lambda every=every: base.reencode(made_up.views(every), since=base.version)
        elif kind == "label":
            marks = pa.table({"object_id": known, "mark": [f"{turn}-{number}"] * len(known)})
            yield {}, [], lambda marks=marks: base.add_columns(marks, "marks", existing="replace")
            changes = dict.fromkeys(some[3:], ("mark", REVIEWED))
            yield (
                {},
                some[:3],
                lambda c=changes, r=set(some[:3]): base.curate(c, r, since=base.version) if c else None,
            )
            if number % 4 == 0:
                yield {}, [], lambda: base.drop_columns(["mark"])


def work(kind: str, path: Path, known: Path, turn: int) -> None:
    """Do pieces of work until killed."""
    made_up.use_index()
    base, state = KnowledgeBase.open(path), json.loads(known.read_text())
    one = {"warm": 0}  # what is loaded once is loaded before the time runs
    KnowledgeBase.in_memory(made_up.spectra(one), made_up.views(one), encoder="made-up").optimize()
    print(json.dumps({"ready": True}), flush=True)
    for put, dropped, call in pieces(kind, base, state, turn):
        print(json.dumps({"begin": [put, dropped]}), flush=True)
        call()
        state.update(put)
        for name in dropped:
            del state[name]
        print(json.dumps({"done": True}), flush=True)


# --- the process that kills ----------------------------------------------------------------------------------


def after(state: State, change: Any) -> State:
    put, dropped = change
    return {name: g for name, g in (state | put).items() if name not in dropped}


def killed(command: list[str], delay: float) -> list[dict[str, Any]]:
    """The lines that a process wrote until it was killed, so long after its first."""
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdout is not None
        with process.stdout as stdout:
            first = stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            rest = stdout.read()
        if process.wait() != -signal.SIGKILL:
            said.seek(0)
            raise SystemExit(f"the process ended by itself:\n{said.read()[-2000:]}")
    lines = (first + rest).splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def made_up_round(
    kind: str, path: Path, state: State, turn: int, delay: float
) -> tuple[list[str], State, int]:
    """What is wrong after one kill, what the base holds now, and how many pieces were done."""
    known = path.with_suffix(".json")
    known.write_text(json.dumps(state))
    lines = killed([sys.executable, __file__, "--work", kind, str(path), str(known), str(turn)], delay)
    pending, done = None, 0
    for line in lines:
        if "begin" in line:
            pending = line["begin"]
        elif "done" in line:
            state, pending, done = after(state, pending), None, done + 1
    allowed = [state] if pending is None else [state, after(state, pending)]
    wrong, holds = made_up.faults(path, allowed, turn)
    if holds is None:
        return wrong, state, done
    wrong += half_labelled(path)
    more = {f"more-{turn}": turn}
    KnowledgeBase.open(path).add(made_up.spectra(more), made_up.views(more))
    return wrong, holds | more, done


def half_labelled(path: Path) -> list[str]:
    """What is wrong with the labels that `label` joins: one call marks all objects alike, and a review some of them."""
    base = KnowledgeBase.open(path)
    if "mark" not in base.columns:
        return []
    marks = set(base.rows(columns=["mark"]).column("mark").to_pylist()) - {None, REVIEWED}
    return [f"labels of {len(marks)} joins at once: {sorted(marks)[:3]}"] * (len(marks) > 1)


def survey(folder: Path) -> Path:
    """A base of mock galaxies for `prepare` and `watch`."""
    import spectrove
    from spectrove.galaxies.mock import make_survey

    path = folder / "mocks.kb"
    if not path.exists():
        spectrove.create(path, [make_survey(240, seed=3)])
    return path


def watch_round(folder: Path, turn: int, rng: np.random.Generator) -> tuple[list[str], int]:
    """`watch` killed twice, then left alone: every file is in the base and in the results once."""
    import spectrove
    from spectrove.galaxies.mock import write_survey

    base, arrivals, results = survey(folder), folder / f"arrivals-{turn}", folder / f"found-{turn}.jsonl"
    write_survey(6, arrivals, seed=1000 + turn).unlink()  # the catalog is no spectrum
    before = len(spectrove.open(base))
    command = [
        sys.executable,
        "-m",
        "spectrove",
        "watch",
        str(arrivals),
        "--kb",
        str(base),
        "--target",
        "liner",
    ]
    kills = until_it_ends([*command, "-o", str(results), "--once"], rng, 2)
    ids = spectrove.open(base).rows(columns=[]).column("object_id").to_pylist()
    names = [f.name.removeprefix("spec-").removesuffix(".fits") for f in sorted(arrivals.glob("spec-*.fits"))]
    found = Counter(json.loads(line)["object_id"] for line in results.read_text().splitlines())
    wrong = [] if len(ids) == len(set(ids)) else ["objects are there twice"]
    wrong += (
        [] if len(ids) == before + len(names) else [f"{len(ids) - before} of {len(names)} files were added"]
    )
    wrong += [f"{sum(found.values())} lines of results for {len(names)} files"] * (
        len(found) != len(names) or max(found.values(), default=0) > 1
    )
    return wrong, kills


def prepare_round(folder: Path, turn: int, rng: np.random.Generator) -> tuple[list[str], int]:
    """`kb prepare` killed twice, then left alone: the base answers as it did before."""
    import spectrove
    from spectrove.galaxies.mock import make_survey

    path = survey(folder)
    before = spectrove.open(path).rows(columns=[])
    command = [sys.executable, "-m", "spectrove", "kb", "prepare", str(path), "--target", "liner"]
    kills = until_it_ends(command, rng, 2)
    base = spectrove.open(path)
    wrong = [] if base.rows(columns=[]).equals(before) else ["rows changed"]
    answers = base.hunt(make_survey(4, seed=5), "liner")
    return wrong + ([] if len(answers) == 4 else [f"{len(answers)} of 4 answers"]), kills


def embed_round(folder: Path, turn: int, rng: np.random.Generator) -> tuple[list[str], int]:
    """`embed` killed three times, then left alone: the vectors are those of a run that nobody killed."""
    import spectrove
    from spectrove.pipeline.vectors import Vectors
    from spectrove.readers import write_dataset

    dataset, whole = folder / "copies.lance", folder / "whole.lance"
    command = [sys.executable, "-m", "spectrove", "embed", str(dataset)]
    if not whole.exists():
        base = spectrove.open(survey(folder))
        mocks = base.spectra(base.rows(columns=[]).column("object_id").to_pylist())
        names = [np.array([f"{i}-{name}" for name in mocks.object_id]) for i in range(10)]
        write_dataset(dataset, type(mocks).concatenate([replace(mocks, object_id=own) for own in names]))
        until_it_ends([*command, "-o", str(whole)], rng, 0)
    place = folder / f"killed-{turn}.lance"
    kills = until_it_ends([*command, "-o", str(place), "--workers", str(1 + turn % 2)], rng, 3, 8.0)
    one, other = (
        v.rows(["object_id", "refused", "vector_shape", "vector_surprise"])
        for v in map(Vectors, (whole, place))
    )
    return ([] if one.equals(other) else ["the vectors are others"]), kills


def until_it_ends(command: list[str], rng: np.random.Generator, times: int, longest: float = 30.0) -> int:
    """Kill a command at random moments, then let it end; the number of kills."""
    kills = 0
    for _ in range(times):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(rng.uniform(1, longest))
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed after {kills} kills:\n{done.stderr[-2000:]}")
    return kills


MADE_UP = ("add", "upsert", "delete", "optimize", "index", "reencode", "label")
SURVEY = {"watch": watch_round, "prepare": prepare_round, "embed": embed_round}


def kinds() -> list[str]:
    """What can be killed: `prepare` only where there is such a command."""
    from spectrove.serve.cli.kb import KB_COMMANDS

    return [*MADE_UP, *(kind for kind in SURVEY if kind != "prepare" or kind in KB_COMMANDS)]


def run(rounds: int, only: list[str], seed: int, folder: Path) -> int:
    """Rounds in turn; prints a table and gives the number of those with a fault."""
    made_up.use_index()
    rng = np.random.default_rng(seed)
    path = folder / "made-up.kb"
    state = made_up.create(path, OBJECTS)
    table: dict[str, list[int]] = {kind: [0, 0, 0] for kind in only}
    faulty = 0
    for turn in range(1, rounds + 1):
        kind = only[(turn - 1) % len(only)]
        if kind in SURVEY:
            wrong, pieces_done = SURVEY[kind](folder, turn, rng)
        else:
            delay = float(rng.uniform(0, LONGEST))
            wrong, state, pieces_done = made_up_round(kind, path, state, turn, delay)
        table[kind] = [table[kind][0] + 1, table[kind][1] + pieces_done, table[kind][2] + bool(wrong)]
        faulty += bool(wrong)
        print(f"round {turn:3d}  {kind:9} {'; '.join(wrong) or 'right'}", flush=True)
        if wrong and kind not in SURVEY:
            path = folder / f"made-up-{turn}.kb"  # the faulty base stays as it is
            state = made_up.create(path, OBJECTS)
    print(f"\n{'work':10}{'rounds':>8}{'pieces':>8}{'faults':>8}")
    for kind, counts in table.items():
        print(f"{kind:10}" + "".join(f"{n:8d}" for n in counts))
    print(f"{rounds - faulty} of {rounds} rounds without a loss; {len(state)} made-up objects at the end")
    return faulty


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=kinds(), default=kinds())
    parser.add_argument("--seed", type=int, default=int(time.time()), help="Of the moments; printed.")
    parser.add_argument(
        "--folder", type=Path, help="Where the bases are made and stay; a temporary one by default."
    )
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        kind, path, known, turn = options.work
        work(kind, Path(path), Path(known), int(turn))
        return
    print(f"seed {options.seed}, process {os.getpid()}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        faulty = run(options.rounds, options.only, options.seed, folder)
    raise SystemExit(1 if faulty else 0)


if __name__ == "__main__":
    main()
