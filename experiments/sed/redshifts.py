"""Whether rules say that a redshift is wrong: real galaxies with their redshifts, and with those of others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.parts import Section
from experiments.sed.bench import Bench
from experiments.sed.data import ingredients, split, zcosmos
from experiments.sed.mocks import WRONG
from spectrove.sed.engine import Engine
from spectrove.sed.likelihood import Photometry
from spectrove.sed.planner.bench import Bench as Desk
from spectrove.sed.planner.bench import Budget
from spectrove.sed.planner.rules import Rules
from spectrove.sed.planner.run import planned
from spectrove.sed.planner.space import Ingredients
from spectrove.sed.zeropoints import corrected, zero_points

#: Share of each flux that is added to its error, and galaxies that zero points are fitted on.
FLOOR, OTHERS = 0.05, 150


def flagged(galaxy: Photometry, bands: tuple[str, ...], of: Ingredients) -> bool:
    """Whether the rules name the redshift first."""
    desk = Desk(of, bands, galaxy, FLOOR, Budget(20))
    return planned(Rules(), desk).changes()[:1] == ["redshift"]


def run(bench: Bench) -> Section:
    """Flags among galaxies with their own redshifts, and with one that is wrong."""
    sample = zcosmos()
    of = ingredients(sample)
    engine = Engine(of.populations, of.filters, None, of.nebula, of.dust)
    points = zero_points(engine, split(sample, learning=True, count=OTHERS), 4)
    own = [corrected(one, points) for one in split(sample, learning=False, count=2 * bench.mocks)]
    rng = np.random.default_rng(11)
    others = np.array([one.z for one in sample.rows])
    wrong = []
    for one in own:
        far = others[abs(others - one.z) / (1 + one.z) > WRONG]
        wrong.append(replace(one, z=float(rng.choice(far))))
    false = float(np.mean([flagged(one, sample.bands, of) for one in own]))
    found = float(np.mean([flagged(one, sample.bands, of) for one in wrong]))
    n = len(own)

    def error(share: float) -> float:
        return float(np.sqrt(max(share * (1 - share), 0.25 / n) / n))

    text = (
        f"{n} galaxies of zCOSMOS-bright with secure redshifts that no lesson was learned on; 9 bands, floor 5%, zero "
        f"points fitted on {OTHERS} others. A wrong redshift is that of another galaxy, further off than {WRONG:g} "
        "(1 + z).\n\n"
        "| redshift | flagged |\n|---|---|\n"
        f"| its own | {false:.3f} +- {error(false):.3f} |\n| of another galaxy | {found:.3f} +- {error(found):.3f} |"
    )
    row = {"n": n, "false": false, "found": found, "zero_points": points.tolist()}
    return Section("Wrong redshifts", (row,), text)
