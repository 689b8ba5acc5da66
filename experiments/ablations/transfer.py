"""Queries of other surveys, asked of a base of SDSS galaxies: what can be scored, and what has no label to score by."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.paper.drawing import panels
from experiments.paper.results import markdown_table, number
from experiments.samples.bench import Bench, digest
from experiments.samples.vectors import embedded, take
from spectrove.evaluation.classes import TASKS
from spectrove.explanation.style import NORMAL, SMALL, color_of, marker_of, png, save, tidy
from spectrove.explanation.tables import Table
from spectrove.galaxies.line_fit import measure_lines
from spectrove.inference import hunt
from spectrove.inference.neighbors.voting import neighbor_weights
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline import Embedded
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet

NAME = "transfer"

#: Name in the index to name for people; the first is the base's own survey, asked about on other plates.
SURVEYS = {
    "sdss": "SDSS, other plates, one in four",
    "boss": "BOSS/eBOSS",
    "fors2": "VLT/FORS2",
    "desi": "DESI",
}

#: Queries of the base's own survey that serve as the yardstick.
YARDSTICK = 250

#: Own measurements with a larger error say nothing; of D4000n, and of the equivalent width of H alpha in angstrom.
LIMITS = {"d4000n": 0.1, "ha_ew": 3.0}
K = 5
VERSION = 1

#: Of the axis of distances.
TICKS = (0.5, 1, 2, 4, 8)


@dataclass(frozen=True)
class Compared:
    """What neighbours say beside what the query's own spectrum says, (n_queries,) each; NaN where not known."""

    distance: NDArray[np.float64]
    said: dict[str, NDArray[np.float64]]
    own: dict[str, NDArray[np.float64]]


def run(bench: Bench, encoder: str, out: Path, *, fast: bool = False) -> None:
    """Measures and writes transfer.png, .md and .json; nothing without real spectra."""
    if bench.data is None:
        bench.say("  needs real spectra (set SPECTROVE_DATA or give --data DIR)")
        return
    key = digest(VERSION, encoder, bench.encoder(encoder).fingerprint, bench.data_key("real"), fast)
    path = out / "points" / f"transfer-{key}.json"
    if not path.exists():
        save((json.dumps(measured(bench, encoder)) + "\n").encode(), path)
    found = json.loads(path.read_text("utf-8"))
    save(png(figure(found)), out / f"{NAME}.png")
    save(text(found).encode(), out / f"{NAME}.md")
    save((json.dumps(plain(found), indent=1) + "\n").encode(), out / f"{NAME}.json")


def measured(bench: Bench, encoder: str) -> dict[str, Any]:
    """Everything, as plain values."""
    made = bench.encoder(encoder)
    sdss = bench.survey("real", 0)
    known = embedded(sdss, made)
    base = bench.base("sdss whole", known)
    surveys = {}
    for group in SURVEYS:
        bench.say(f"  {group}")
        spectra = sdss if group == "sdss" else read_group(bench, group)
        with_z = spectra.take(np.isfinite(spectra.z) & (spectra.z > 0))
        if group == "sdss":
            with_z = with_z.take(np.arange(0, len(with_z), max(1, len(with_z) // YARDSTICK)))
        queries = embedded(with_z, made)
        found: dict[str, Any] = {"n": len(spectra), "n_with_z": len(with_z), "n_asked": len(queries.spectra)}
        if len(queries.spectra):
            neighbors = base.search(
                queries.embeddings,
                K,
                spectra=queries.spectra,
                exclude_column="plate",
                labelled="class_derived",
            )
            compared = compare(neighbors, with_z, queries)
            lists = {"distance": compared.distance} | {f"said_{k}": v for k, v in compared.said.items()}
            lists |= {f"own_{k}": v for k, v in compared.own.items()}
            found |= {k: [None if x != x else round(float(x), 4) for x in v] for k, v in lists.items()}
            found |= {"classes": classes(base, queries)}
        surveys[group] = found
    return {
        "encoder": encoder,
        "fingerprint": made.fingerprint,
        "n_base": len(known.spectra),
        "surveys": surveys,
    }


def read_group(bench: Bench, group: str) -> SpectrumSet:
    """The real spectra of another survey."""
    assert bench.data is not None
    galaxies = bench.data / "galaxies"
    return read_spectra([galaxies / group], catalogs=[galaxies / "index.csv"], workers=1)[0]


def compare(neighbors: Neighbors, spectra: SpectrumSet, queries: Embedded) -> Compared:
    """Weighted means of the neighbours' catalog values, and the same measured on the query's own spectrum."""
    weight = neighbor_weights(neighbors.distance, np.isfinite(neighbors.distance), scale=neighbors.scale)
    said = {}
    for name in LIMITS:
        values = np.array(neighbors.column(name), dtype=float)
        votes = np.where(np.isfinite(values), weight, 0.0)
        with np.errstate(invalid="ignore"):
            said[name] = np.where(np.isfinite(values), votes * values, 0.0).sum(axis=1) / votes.sum(axis=1)
    place = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    own: dict[str, list[float]] = {name: [] for name in LIMITS}
    for name, z in zip(queries.spectra.object_id.tolist(), queries.spectra.z, strict=True):
        lines = measure_lines(spectra[place[name]], float(z))
        measures = {
            "d4000n": (lines.d4000n, lines.index_error[0]),
            "ha_ew": (lines.ew["ha"], lines.ew_error["ha"]),
        }
        for key, (value, error) in measures.items():
            own[key].append(value if error < LIMITS[key] else float("nan"))
    return Compared(
        neighbors.distance[:, 0] / neighbors.scale,
        said,
        {k: np.array(v, dtype=float) for k, v in own.items()},
    )


def classes(base: KnowledgeBase, queries: Embedded) -> dict[str, int]:
    """How many queries have a class in the catalog, in how many the vote among five classes is that class."""
    target = TASKS["5-class"]
    rows = queries.spectra.rows.column_names
    truth = target.classes_of(
        queries.spectra.column(target.label) if target.label in rows else [None] * len(queries.spectra)
    )
    asked = take(queries, np.flatnonzero([t is not None for t in truth]))
    if not len(asked.spectra):
        return {"n": 0, "right": 0}
    answers = hunt(
        base.search(asked.embeddings, K, spectra=asked.spectra, target=target, exclude_column="plate"), target
    )
    right = sum(p.value == t for p, t in zip(answers, [t for t in truth if t is not None], strict=True))
    return {"n": len(asked.spectra), "right": int(right)}


# --- pages -------------------------------------------------------------------------------------------------


def row_of(group: str, found: dict[str, Any]) -> dict[str, float]:
    """The figures of one survey."""
    mine, yard = found["surveys"][group], np.array(found["surveys"]["sdss"]["distance"], dtype=float)
    row: dict[str, float] = {name: mine[name] for name in ("n", "n_with_z", "n_asked")}
    if not mine["n_asked"]:
        return row
    distance = np.array(mine["distance"], dtype=float)
    p = (yard[None, :] >= distance[:, None]).mean(axis=1)
    row |= {"distance": float(np.median(distance)), "far": float((p < 0.01).mean())}
    for name in LIMITS:
        said, own = (np.array(mine[f"{part}_{name}"], dtype=float) for part in ("said", "own"))
        if name == "ha_ew":
            said, own = np.arcsinh(said), np.arcsinh(own)
        off = (said - own)[np.isfinite(said) & np.isfinite(own)]
        row[f"n_{name}"] = len(off)
        if len(off):
            row |= {f"bias_{name}": float(np.median(off)), f"scatter_{name}": spread(off)}
    return row | {"n_classes": mine["classes"]["n"], "right": mine["classes"]["right"]}


def spread(values: NDArray[np.float64]) -> float:
    """One sigma, from the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


def table(found: dict[str, Any]) -> Table:
    """A row a survey."""
    header = ["queries", "spectra", "with z", "asked about", "nearest neighbour, in the base's unit", "p < .01",
              "D4000n, neighbours - own", "asinh EW(Ha), neighbours - own", "class right"]  # fmt: skip
    rows = []
    for group, name in SURVEYS.items():
        row = row_of(group, found)
        agreed = [
            f"{row[f'bias_{k}']:+.3f} ± {row[f'scatter_{k}']:.3f} ({row[f'n_{k}']:.0f})"
            if row.get(f"n_{k}")
            else "–"
            for k in LIMITS
        ]
        label = f"{row['right']:.0f} of {row['n_classes']:.0f}" if row.get("n_classes") else "no label"
        near = [number(row["distance"]), f"{100 * row['far']:.0f}%"] if row["n_asked"] else ["–", "–"]
        rows.append([name, *(f"{row[k]:.0f}" for k in ("n", "n_with_z", "n_asked")), *near, *agreed, label])
    return Table("", header, rows)


def text(found: dict[str, Any], *, level: int = 1) -> str:
    """The page."""
    parts = [
        f"{'#' * level} {NAME}: What does a base of SDSS galaxies say of other surveys?",
        f"Base: {found['n_base']} SDSS galaxies, encoder {found['encoder']} {found['fingerprint']}; K = {K}, the "
        "query's plate left out. Nearest neighbour: median distance over the base's own; p: share of SDSS galaxies "
        "of other plates that are as far from the base. D4000n and H alpha: weighted mean of the neighbours' catalog "
        "values less what `measure_lines` measures on the query itself (median ± 1.48 MAD, number of queries measured "
        f"well enough: errors below {LIMITS['d4000n']:g} and {LIMITS['ha_ew']:g} angstrom).",
        "\n".join(f"- {line}" for line in verdict(found)),
        markdown_table(table(found)),
    ]
    return "\n\n".join(parts) + "\n"


def verdict(found: dict[str, Any]) -> list[str]:
    """What may be said of each survey, and what not."""
    lines = []
    for group, name in SURVEYS.items():
        row = row_of(group, found)
        if group == "sdss":
            continue
        if not row["n_asked"]:
            lines.append(f"{name}: none of {row['n']:.0f} spectra could be asked about.")
            continue
        label = (
            f"{row['right']:.0f} of {row['n_classes']:.0f} catalog classes are found"
            if row["n_classes"]
            else "no class label exists, so no F1 can be given"
        )
        lines.append(
            f"{name}: {100 * row['far']:.0f}% lie farther from the base than 99% of SDSS does; {label}."
        )
    return lines


def plain(found: dict[str, Any]) -> dict[str, Any]:
    """For JSON, without a number for each object."""
    return {k: v for k, v in found.items() if k != "surveys"} | {
        "ablation": NAME, "verdict": verdict(found), "surveys": {g: row_of(g, found) for g in SURVEYS},
    }  # fmt: skip


def figure(found: dict[str, Any]) -> Figure:
    """Distances to the nearest neighbour, and D4000n of neighbours against the query's own."""
    drawn, (left, right) = panels(["nearest neighbour", "D4000n"], width=4.0, height=2.9, gap=0.75, top=0.24)
    for i, (group, name) in enumerate(SURVEYS.items()):
        mine = found["surveys"][group]
        if not mine["n_asked"]:
            continue
        distance = np.sort(np.array(mine["distance"], dtype=float))
        left.step(distance, np.arange(1, len(distance) + 1) / len(distance), color=color_of(i), lw=1.5,
                  label=f"{name} ({len(distance)})")  # fmt: skip
        said, own = (np.array(mine[f"{part}_d4000n"], dtype=float) for part in ("said", "own"))
        right.plot(own, said, marker_of(i), color=color_of(i), ms=3, alpha=0.6, mec="none")
    left.set_xscale("log")
    left.set_xlabel("distance over the base's own", fontsize=NORMAL)
    left.set_ylabel("share of queries", fontsize=NORMAL)
    left.minorticks_off()
    left.set_xticks(TICKS, [f"{x:g}" for x in TICKS])
    drawn.legend(fontsize=SMALL, frameon=False, ncols=4, loc="upper right", borderaxespad=0.2)
    right.plot([0.9, 2.4], [0.9, 2.4], color="#888888", lw=0.8)
    right.set(xlim=(0.8, 2.5), ylim=(0.8, 2.5))
    right.set_xlabel("of the query itself", fontsize=NORMAL)
    right.set_ylabel("of its neighbours", fontsize=NORMAL)
    right.tick_params(labelleft=True)
    for ax in (left, right):
        tidy(ax, grid=True, minor=False)
    right.tick_params(labelleft=True)
    return drawn
