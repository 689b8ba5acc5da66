"""The figure of the study `coverage`: nominal against actual coverage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

#: Levels, how often their intervals held the value, and of how many objects.
Curve = tuple[tuple[float, ...], list[float], int]


def draw(path: Path, part: str, curves: Mapping[str, Curve]) -> None:
    """Actual less nominal coverage over the nominal one, a line a quantity; grey is what two binomial sigma allow."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
    nominal = np.linspace(0.01, 0.99, 99)
    n = min(n for _, _, n in curves.values())
    allowed = 2 * np.sqrt(nominal * (1 - nominal) / n)
    axes.fill_between(nominal, -allowed, allowed, color="0.9", label=f"2 binomial sigma, n = {n}")
    axes.axhline(0, color="0.4", lw=1)
    for (name, (levels, held, _)), marker in zip(curves.items(), "osD^v<>", strict=False):
        axes.plot(levels, np.array(held) - levels, marker=marker, ms=4, lw=1, label=name)
    axes.set(
        xlim=(0, 1), ylim=(-0.1, 0.1), xlabel="level of the intervals", ylabel="actual less nominal coverage",
        title=f"Coverage of estimates, {part} spectra",
    )  # fmt: skip
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
