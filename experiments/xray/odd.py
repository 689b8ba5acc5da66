"""Outliers of known kind: oddities put into mock sources, how many are found, and whether the reason is theirs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.xray.bench import Bench
from experiments.xray.recognised import base_of
from spectrove import pipeline
from spectrove.inference.outlier_score import UNUSUAL
from spectrove.statistics import wilson
from spectrove.xray.mock import load_recipe
from spectrove.xray.mock.recipe import ODDITIES, MockRecipe
from spectrove.xray.mock.survey import make_survey
from spectrove.xray.oddities import REASONS

#: Known sources, queries, share of the queries that each oddity has, and the seeds of both surveys.
KNOWN, ASKED, SHARE, SEEDS = 1000, 500, 0.14, (41, 842)

#: The reason that names each oddity; that of a wrong response is that nothing fits, if it shows at all.
NAMED = {
    "line": "unexpected line", "edge": "absorption edge", "flare": "background dominates",
    "wrong_response": "no model fits", "pile_up": "pile-up",
}  # fmt: skip

#: Net counts from which a source has enough for its oddity to show.
BRIGHT = 100


def run(bench: Bench) -> Section:
    """Every oddity of the mock survey: the share that is unusual, and the reasons of all of that kind."""
    known = make_survey(bench.fast or KNOWN, recipe=recipe_of("train", 0.0), seed=SEEDS[0])
    asked = make_survey(bench.fast or ASKED, recipe=recipe_of("test", SHARE), seed=SEEDS[1])
    bench.say(f"{len(asked)} mock sources with oddities against a base of {len(known)} without")
    with tempfile.TemporaryDirectory() as folder:
        answers = pipeline.outliers(base_of(known, Path(folder) / "known.kb"), asked, explained=1.0)
    kind = np.array(answers.spectra.column("oddity"), dtype=str)
    net = np.subtract(*(np.array(answers.spectra.column(n), float) for n in ("n_counts", "n_background")))
    found = np.array([a.p_value for a in answers]) <= UNUSUAL
    reason = np.array([a.reason for a in answers], dtype=str)
    rows = [counted(name, kind == name, net, found, reason) for name in (*ODDITIES, "none")]
    return Section("Oddities put into mock sources", tuple(rows), text(rows, len(known), len(asked)))


def recipe_of(name: str, share: float) -> MockRecipe:
    """A recipe of the package in which every oddity has this share."""
    return MockRecipe.model_validate(
        load_recipe(name).model_dump() | {"oddities": dict.fromkeys(ODDITIES, share)}
    )


def counted(
    name: str, own: NDArray[np.bool_], net: NDArray, found: NDArray[np.bool_], reason: NDArray[np.str_]
) -> dict[str, Any]:
    """What became of the sources of one kind: how many are found, and how many have each reason."""
    right = own & (reason == NAMED.get(name, "unlike anything"))
    bright = own & (net >= BRIGHT)
    return {
        "oddity": name, "n": int(own.sum()), "found": int((own & found).sum()), "named": int(right.sum()),
        "bright": int(bright.sum()), "bright_found": int((bright & found).sum()),
        "bright_named": int((bright & right).sum()),
        "reasons": {r: int((own & (reason == r)).sum()) for r in REASONS if (own & (reason == r)).any()},
    }  # fmt: skip


def text(rows: list[dict[str, Any]], known: int, asked: int) -> str:
    """The table, as Markdown."""
    lines = [
        f"{asked} mock sources of recipe `test`, of which each oddity has {SHARE:.0%}, against a base of {known} of "
        f"recipe `train` without any. Unusual: p ≤ {UNUSUAL:g} of `outliers`, so that {UNUSUAL:.0%} of ordinary ones "
        "are. Named: the reason is that of the oddity, whether it is unusual or not; `none` is named if it is `unlike "
        f"anything`, which is all that an ordinary source can be told. Bright: {BRIGHT} net counts or more. 95% "
        "intervals after Wilson. The other reasons (few counts, strong absorption) are no oddities of the mock survey.",
        "",
        "| oddity | n | unusual | named | bright | unusual | named | reasons |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        said = ", ".join(f"{name} {n}" for name, n in sorted(r["reasons"].items(), key=lambda item: -item[1]))
        cells = [_share(r[a], r["n"]) for a in ("found", "named")]
        bright = [_share(r[f"bright_{a}"], r["bright"]) for a in ("found", "named")]
        lines.append(
            f"| {r['oddity']} | {r['n']} | {' | '.join(cells)} | {r['bright']} | {' | '.join(bright)} | {said} |"
        )
    return "\n".join(lines)


def _share(k: int, n: int) -> str:
    ends = wilson(k, n)
    return "" if ends is None else f"{k / n:.2f} [{ends[0]:.2f} {ends[1]:.2f}]"
