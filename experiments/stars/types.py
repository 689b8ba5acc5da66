"""Spectral types by the verb `classify`: MILES in folds by star, and files of LAMOST from all of MILES."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.stars.bench import Bench
from experiments.stars.data import FOLDS, Labelled, miles, noisy
from experiments.stars.neighbours import _silent, own_recipe
from spectrove import pipeline
from spectrove.evaluation.metrics import Score, class_scores
from spectrove.evaluation.protocol import stripped
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet
from spectrove.stars.domain import STARS
from spectrove.stars.encoder import StarLinesEncoder, train_star_lines

#: The classes, hot to cool.
TYPES = ("O", "B", "A", "F", "G", "K", "M")

#: The column of a base that is asked for.
LABEL = "type"


def letter(text: str | None) -> str | None:
    """The class of a spectral type as a catalog writes it: "sd:F" is F, "07Ia" O; None for what is none of them."""
    found = re.match(r"(?:sd:?|d|g)?(0(?=[4-9])|[OBAFGKM])", (text or "").strip())
    return None if found is None else found[1].replace("0", "O")


def run(bench: Bench) -> Section:
    """Precision, recall and F1 of each class, and how many are one class off."""
    stars = miles()
    known = np.array([letter(text) is not None for text in stars.spectra.column("spectral_type")])
    stars = typed(stars.take(known))
    truth = np.array(stars.spectra.column(LABEL), dtype=str)
    rows: list[dict[str, Any]] = []
    lines = ["| stars | class | n | precision | recall | F1 |", "|---|---|---|---|---|---|"]
    said = []
    for name, ratio in (("MILES", None), ("MILES at 10", 10.0)):
        predicted = in_folds(stars, ratio)
        scores = class_scores([truth], [predicted], [np.array(stars.star)], TYPES)
        scores["macro of B to M"] = class_scores([truth], [predicted], [np.array(stars.star)], TYPES[1:])[
            "macro"
        ]
        kinds = {"macro": TYPES, "macro of B to M": TYPES[1:]} | {kind: (kind,) for kind in TYPES}
        for kind, members in kinds.items():
            n = int(np.isin(truth, members).sum())
            cells = [scores[kind][figure] for figure in ("precision", "recall", "f1")]
            rows += [
                as_row(name, kind, n, figure, one)
                for figure, one in zip(("precision", "recall", "f1"), cells, strict=True)
            ]
            lines.append(f"| {name} | {kind} | {n} | {' | '.join(map(str, cells))} |")
        off = distance(truth, predicted)
        said.append(f"{name}: {np.mean(off == 0):.3f} right, {np.mean(off <= 1):.3f} within one class")
        rows.append(
            {
                "stars": name,
                "class": "all",
                "figure": "within one",
                "value": float(np.mean(off <= 1)),
                "n": len(off),
            }
        )
    right, near, n, refused = of_files(stars)
    rows.append({"stars": "LAMOST", "class": "all", "figure": "right", "value": right / n, "n": n})
    said.append(
        f"files of LAMOST beside the types of the survey: {right} of {n} right, {near} within one class, "
        f"{refused} without an answer"
    )
    text = (
        f"`classify` on {len(truth)} stars of MILES by the classes of their catalog, in {FOLDS} folds by star: base "
        "and encoder are made of the other stars, the encoder without their labels; queries have nothing but pixels. "
        "The most probable class counts, a star without an answer is wrong. Noise in a pixel of .9 angstrom, one seed. "
        f"95% intervals by bootstrap over stars. {'; '.join(said)}. Types of catalogs are themselves a class off now "
        "and then, and classes have borders.\n\n"
    ) + "\n".join(lines)
    return Section("Spectral types", tuple(rows), text)


def as_row(stars: str, kind: str, n: int, figure: str, score: Score) -> dict[str, Any]:
    """A figure as plain values."""
    return {
        "stars": stars,
        "class": kind,
        "n": n,
        "figure": figure,
        "value": score.value,
        "low": score.low,
        "high": score.high,
    }


def typed(stars: Labelled) -> Labelled:
    """The stars with the class of each as the column `LABEL`."""
    found = [letter(text) for text in stars.spectra.column("spectral_type")]
    rows = stars.spectra.rows.append_column(LABEL, [found])
    return Labelled(stars.spectra.with_rows(rows), stars.labels, stars.star)


def base_of(stars: SpectrumSet) -> tuple[KnowledgeBase, StarLinesEncoder]:
    """A base of these stars in memory, and the encoder fitted to them."""
    encoder, _ = train_star_lines(own_recipe(), [stars], source="lines", workers=1, tell=_silent)
    prepared, _ = encoder.prepare(stars)
    place = {str(name): i for i, name in enumerate(stars.object_id)}
    whole = stars.take(np.array([place[str(name)] for name in prepared.object_id]))
    view = {"shape": encoder.encode(prepared)}
    return KnowledgeBase.in_memory(whole, view, encoder="lines", domain=STARS.name), encoder


def classes_of(base: KnowledgeBase, encoder: StarLinesEncoder, asked: SpectrumSet) -> dict[str, str]:
    """The class of each by id; none where there is no answer."""
    answers = pipeline.classify(base, stripped(asked), LABEL, encoder={"shape": encoder})
    return {one.object_id: one.value or "" for one in answers}


def in_folds(stars: Labelled, ratio: float | None) -> NDArray[np.str_]:
    """The class of each star by the others, (n_stars,), with noise of this ratio; "" where there is no answer."""
    predicted = np.full(len(stars.star), "", dtype="U1")
    for k in range(FOLDS):
        left = np.flatnonzero(stars.fold == k)
        base, encoder = base_of(stars.take(stars.fold != k).spectra)
        asked = stars.take(left) if ratio is None else noisy(stars.take(left), ratio, seed=k)
        found = classes_of(base, encoder, asked.spectra)
        predicted[left] = [found.get(str(name), "") for name in asked.spectra.object_id]
    return predicted


def of_files(stars: Labelled) -> tuple[int, int, int, int]:
    """Files of LAMOST by all of MILES: right, within one class, asked, and without an answer."""
    files, _ = read_spectra([Path(os.environ["SPECTROVE_DATA"]) / "galaxies" / "lamost"])
    truth = [letter(text) for text in files.column("subclass")]
    chosen = np.array([i for i, kind in enumerate(truth) if kind is not None])
    asked = files.take(chosen)
    found = classes_of(*base_of(stars.spectra), asked)
    said = np.array([found.get(str(name), "") for name in asked.object_id])
    off = distance(np.array([truth[i] for i in chosen], dtype=str), said)
    return int((off == 0).sum()), int((off <= 1).sum()), len(off), int((said == "").sum())


def distance(truth: NDArray[np.str_], said: NDArray[np.str_]) -> NDArray[np.int64]:
    """How many classes apart, (n_stars,); without an answer more than any."""
    place = {kind: i for i, kind in enumerate(TYPES)}
    return np.array(
        [
            abs(place[t] - place[s]) if s in place else len(TYPES)
            for t, s in zip(truth.tolist(), said.tolist(), strict=True)
        ]
    )
