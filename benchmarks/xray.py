"""How fast counts become vectors: binning and encoding, beside the encoder of hardness ratios.

    python benchmarks/xray.py [--spectra 1024] [--rounds 5] [--threads 1 2]

Spectra are mocks of the survey "test" seen through the responses made here. Rounds alternate between encoders, and the
median round counts; `ratio` is against `hardness` on one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial

import torch
from threadpoolctl import threadpool_limits

from spectrove.encoders import Encoder
from spectrove.pipeline.shipped import load_encoder
from spectrove.xray.counts import CountSet
from spectrove.xray.mock import load_recipe
from spectrove.xray.mock.survey import make_survey

#: Spectra a second that binning and encoding together have to reach, on two cores.
TARGET = 2000.0

ENCODERS = ("hardness", "sources8")


def seconds(encoder: Encoder, spectra: CountSet, n_threads: int) -> float:
    """Time of one round."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    with threadpool_limits(n_threads):
        start = time.perf_counter()
        encoder.encode(encoder.prepare(spectra)[0])
        taken = time.perf_counter() - start
    torch.set_num_threads(before)
    return taken


def main() -> None:
    """Print the table, and whether the target is reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    spectra = make_survey(options.spectra, recipe=load_recipe("test"), seed=1, responses="own")
    actions = {
        (name, n): partial(seconds, load_encoder(name), spectra, n)
        for name in ENCODERS
        for n in options.threads
    }
    for action in actions.values():
        action()  # first calls load libraries and fold areas
    taken: dict[tuple[str, int], list[float]] = {way: [] for way in actions}
    for _ in range(options.rounds):
        for way, action in actions.items():
            taken[way].append(action())
    speed = {way: options.spectra / statistics.median(times) for way, times in taken.items()}
    slowest = speed[ENCODERS[0], options.threads[0]]
    print(f"{options.spectra} mock spectra, binned and encoded, median of {options.rounds} rounds")
    print(f"{'encoder':12}{'threads':>8}{'spectra/s':>11}{'ratio':>7}")
    for (name, n), value in speed.items():
        print(f"{name:12}{n:8d}{value:11.4g}{value / slowest:7.1f}")
    best = max(speed["sources8", n] for n in options.threads)
    print(f"sources8 {'reaches' if best >= TARGET else 'misses'} the target of {TARGET:.0f} spectra/s")


if __name__ == "__main__":
    main()
