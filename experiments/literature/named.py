"""How names in abstracts are found, compared with links that others made by names."""

from __future__ import annotations

import time

from experiments.literature.bench import Bench
from experiments.parts import Section
from spectrove.literature.linking import link


def run(bench: Bench) -> Section:
    """Numbers of links, the time it takes, and what each list has that the other lacks."""
    abstracts, sources = bench.abstracts, bench.sources
    start = time.process_time()
    found = link(abstracts, sources.objects)
    seconds = time.process_time() - start
    ours = {(one.object_id, one.paper_id) for one in found.links}
    place = set(sources.objects.object_id)
    theirs = set()
    for paper, name, _ in bench.listed:
        full = name.removesuffix("X")
        full = full if full.startswith("2CXO") else f"2CXO {full}"
        if full in place:
            theirs.add((full, paper))
    by = {how: sum(one.how == how for one in found.links) for how in ("name", "position")}
    row = {
        "abstracts": len(abstracts), "objects": len(place), "links": len(ours), **by,
        "listed": len(theirs), "both": len(ours & theirs), "ambiguous": len(found.ambiguous),
        "crowded": len(found.crowded),
    }  # fmt: skip
    lines = [
        f"{row['abstracts']:,} abstracts, {row['objects']:,} sources of MUWCLASS and TD_CSC_1: "
        f"{row['links']} links ({by['name']} by name, {by['position']} by position; {row['ambiguous']} "
        f"ambiguous names, {row['crowded']} positions that fit several sources), found in about "
        f"{10 * round(seconds / 10) or 10} s of one core. The list of links that came with the abstracts "
        f"has {row['listed']} on these sources, {row['both']} of which are found here too. Of the others "
        "some are none (NGC1052-DF2 is not NGC 1052), and the list has no variable stars.",
    ]
    return Section("Links by names and positions", (row,), "\n".join(lines))
