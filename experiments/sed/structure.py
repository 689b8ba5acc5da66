"""Which change is named first: mocks of which one thing differs from the simplest structure, and plain ones."""

from __future__ import annotations

from collections import Counter
from typing import Any

from experiments.parts import Section
from experiments.sed.bench import Bench
from experiments.sed.data import Sample, cosmos, ingredients, zcosmos
from experiments.sed.mocks import FLOOR, KINDS, SHOWS, Mock, mock
from spectrove.sed.planner.bench import Bench as Desk
from spectrove.sed.planner.bench import Budget
from spectrove.sed.planner.controls import Random
from spectrove.sed.planner.rules import Rules
from spectrove.sed.planner.run import Planner, planned

#: Seeds of the mocks that judge begin here; those that lessons were learned on are lower.
JUDGING = 50_000

#: By how much a change shows: least and greatest chi2 of the simplest structure without noise.
SHOWN = ((SHOWS, 36.0), (36.0, 100.0), (100.0, float("inf")))


def first_change(planner: Planner, sample: Sample, made: Mock) -> str:
    """What a planner names first: a kind of mocks, "plain" for nothing."""
    desk = Desk(ingredients(sample), sample.bands, made.galaxy, FLOOR, Budget(20))
    changes = planned(planner, desk).changes()
    if not changes:
        return "plain"
    if changes[0].startswith("without "):
        return "band" if changes[0] == f"without {made.detail}" else "another band"
    return changes[0]


def run(bench: Bench) -> Section:
    """Shares of first changes by kind of mock, for rules and for the random planner."""
    rows: list[dict[str, Any]] = []
    lines = []
    for name, sample in (("COSMOS, z 2.5-3, 35 bands", cosmos()[0]), ("zCOSMOS, 9 bands", zcosmos())):
        for kind in KINDS:
            mocks = [mock(sample, kind, JUDGING + i) for i in range(bench.mocks)]
            said = {
                "rules": [first_change(Rules(), sample, one) for one in mocks],
                "random": [first_change(Random(i), sample, one) for i, one in enumerate(mocks)],
            }
            for planner, changes in said.items():
                right = [change == kind for change in changes]
                rows.append({"bands of": name, "kind": kind, "planner": planner, "n": len(mocks),
                             "right": sum(right) / len(right), "said": dict(Counter(changes)),
                             "shown": [one.excess for one in mocks], "each": right})  # fmt: skip
            lines.append(
                f"| {name} | {kind} | {_share(rows[-2])} | {_shown(rows[-2])} | {_share(rows[-1])} |"
            )
    text = (
        f"{bench.mocks} mocks of each kind, of the populations that are fitted, between the levels of all grids, with "
        "the bands, errors and redshifts of real galaxies and a floor of 5%. The change shows: without noise the best "
        f"model of the simplest structure has chi2 of {SHOWS:g} or more. Right is that the change, with its band, is "
        "named first, or none where none is needed; 20 rounds. Thresholds were learned on mocks of other seeds. The "
        "fourth column has right ones by how much the change shows: chi2 below 36, below 100, above.\n\n"
        "| bands of | what is different | rules: right | by how much it shows | random: right |\n"
        "|---|---|---|---|---|\n"
    ) + "\n".join(lines)
    return Section("The first change of structure", tuple(rows), text)


def _share(row: dict[str, Any]) -> str:
    right, n = row["right"], row["n"]
    return f"{right:.2f} +- {(max(right * (1 - right), 0.25 / n) / n) ** 0.5:.2f}"


def _shown(row: dict[str, Any]) -> str:
    if row["kind"] == "plain":
        return ""
    cells = []
    for low, high in SHOWN:
        within = [
            right for right, shown in zip(row["each"], row["shown"], strict=True) if low <= shown < high
        ]
        cells.append(f"{sum(within)}/{len(within)}")
    return ", ".join(cells)
