"""Velocities of stars: at rest with noise, of LAMOST beside its own, and in the wrong medium."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import lamost, miles, noisy
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet
from spectrove.stars.medium import is_doubtful
from spectrove.stars.velocity import velocities


def run(bench: Bench) -> Section:
    """All of them, as one table."""
    stars = miles()
    files, _ = read_spectra([Path(os.environ["SPECTROVE_DATA"]) / "galaxies" / "lamost"])
    rows = [row_of("MILES, at rest", stars.spectra, 0.0)]
    rows += [
        row_of(f"MILES, at rest, S/N {ratio:g}", noisy(stars, ratio, seed=1).spectra, 0.0)
        for ratio in (25.0, 10.0, 5.0)
    ]
    rows.append(row_of("LAMOST files, beside the survey's", files, files.z * SPEED_OF_LIGHT))
    rows += [
        row_of(f"LAMOST plate, read as {medium}", lamost(medium).spectra, None)
        for medium in ("vacuum", "air")
    ]
    lines = [
        f"| {row['stars']} | {row['n']} | {row['failed']} | {row['median']:+.1f} | {row['robust']:.1f} | "
        f"{row['beyond']} | {row['doubtful']} |"
        for row in rows
    ]
    text = (
        "Difference from the known velocity in km/s, or the velocity itself where none is known (the plate). Beyond: "
        "more than 50 km/s from the median. Doubtful: the flag `medium_doubtful`, which should stand in the last row "
        "alone. "
        "Templates are means of stars of MILES, these among them; noise in a pixel of .9 angstrom, one seed.\n\n"
        "| stars | n | failed | median | robust scatter | beyond | doubtful |\n|---|---|---|---|---|---|---|\n"
    ) + "\n".join(lines)
    return Section("Velocities", tuple(rows), text)


def row_of(name: str, spectra: SpectrumSet, known: NDArray | float | None) -> dict[str, Any]:
    """Figures of some stars, as plain values."""
    found, _ = velocities(spectra)
    given = np.broadcast_to(0.0 if known is None else known, (len(spectra),))
    flags = spectra.column("flags")
    off, doubtful, failed = [], 0, 0
    for i, star in enumerate(spectra.object_id):
        one = found.get(str(star))
        if one is None or one.failed:
            failed += 1
        elif np.isfinite(given[i]):
            off.append(one.value - given[i])
            doubtful += is_doubtful(one, flags[i] or ())
    values = np.array(off)
    middle = np.median(values)
    return {
        "stars": name, "n": len(values), "failed": failed, "median": float(middle),
        "robust": float(1.4826 * np.median(abs(values - middle))), "beyond": int((abs(values - middle) > 50).sum()),
        "doubtful": doubtful,
    }  # fmt: skip
