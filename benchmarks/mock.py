"""How fast mock surveys are made: in memory and as SDSS files, by one process and by two.

    python benchmarks/mock.py [--spectra 256] [--rounds 3] [--workers 1 2]

Rounds alternate between all ways and the median counts; the start of the worker processes is included. Both
ways make and measure every spectrum; the second also writes it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from spectrove.galaxies.mock import make_survey, write_survey


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "survey"
        makers: dict[str, Callable[[int], object]] = {
            "make_survey": lambda workers: make_survey(options.spectra, seed=1, workers=workers),
            "write_survey": lambda workers: write_survey(options.spectra, folder, seed=1, workers=workers),
        }
        make_survey(8, seed=1)  # first calls load the stellar populations
        taken: dict[tuple[str, int], list[float]] = {
            (name, w): [] for name in makers for w in options.workers
        }
        for _ in range(options.rounds):
            for (name, workers), times in taken.items():
                start = time.perf_counter()
                makers[name](workers)
                times.append(time.perf_counter() - start)
        size = sum(f.stat().st_size for f in folder.glob("spec-*.fits")) / options.spectra
    speed = {way: options.spectra / statistics.median(times) for way, times in taken.items()}
    print(f"{options.spectra} spectra, median of {options.rounds} rounds; a file has {size / 1000:.0f} kB")
    print(f"{'way':16}{'workers':>8}{'spectra/s':>11}{'ratio':>7}{'slowest to fastest':>22}")
    for (name, workers), times in taken.items():
        ends = f"{options.spectra / max(times):.0f} to {options.spectra / min(times):.0f}"
        ratio = speed[name, workers] / speed["make_survey", options.workers[0]]
        print(f"{name:16}{workers:8d}{speed[name, workers]:11.0f}{ratio:7.2f}{ends:>22}")


if __name__ == "__main__":
    main()
