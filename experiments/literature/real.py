"""Spectra and texts aligned on real links: names of X-ray sources in abstracts."""

from __future__ import annotations

import numpy as np

from experiments.literature import methods as m
from experiments.literature.bench import Bench
from experiments.literature.scores import table
from experiments.parts import Section
from spectrove.literature.alignment import components
from spectrove.literature.retrieval import Ranks, left_out

FOLDS = 5

BASE = "same class"


def run(bench: Bench) -> Section:
    """Links found here, and the list of links that came with the abstracts."""
    rows: list[dict[str, object]] = []
    text: list[str] = []
    for own, title in ((True, "links found here by names"), (False, "the list that came with the abstracts")):
        more, lines = _measured(bench, own)
        rows += [row | {"links": title} for row in more]
        text += [f"**{title[0].upper()}{title[1:]}.** {lines[0]}", "", *lines[1:], ""]
    return Section(
        "Real links: recall of spectra and texts left out",
        tuple(rows),
        "\n".join([INTRO, "", *text, *verdict(rows)]),
    )


INTRO = (
    "Spectra are summaries of catalogs (three fluxes, three hardness ratios, a flag of variability): no "
    "spectrum of these sources is at hand. Texts are vectors of title and abstract by TF-IDF and SVD. "
    "Links are left out by connected parts of their graph, so that neither an object nor an abstract is "
    f"on both sides; {FOLDS} folds, the mean over seeds. Each part counts once; intervals (95%) are by "
    "bootstrap over parts. The right text competes with all linked texts of other objects, the right "
    "object with all linked objects. `same class` is the class-only base line: a forest on the summaries "
    "of sources without links, and a logistic regression on the training texts. `true class` knows the "
    "class of the object that is asked for and takes only the class of the text from the regression."
)


def _measured(bench: Bench, own: bool) -> tuple[list[dict[str, object]], list[str]]:
    pairs, papers = bench.pairs(own)
    place = {paper: i for i, paper in enumerate(bench.abstracts.table.column("paper_id").to_pylist())}
    texts = bench.abstracts.texts()
    vectors = bench.encoder.encode([texts[place[paper]] for paper in papers])
    used, first = np.unique(pairs[:, 0], return_inverse=True)
    rows = np.column_stack([first, pairs[:, 1]])
    kinds = m.numbered(bench.sources.kind)
    chance = m.class_chances(bench.sources.summary, kinds, used)[used]
    summary, kinds = bench.sources.summary[used], kinds[used]
    log_chance = np.log(chance + 0.02)
    truth = np.eye(len(m.CLASSES))[kinds]
    named = {
        "chance": m.nothing(len(used), len(papers)),
        BASE: m.same_class(chance, kinds, vectors),
        "true class": m.same_class(truth, kinds, vectors),
        "ridge": m.aligned(summary, vectors, "ridge"),
        "CCA": m.aligned(summary, vectors, "cca"),
        "InfoNCE": m.aligned(summary, vectors, "contrastive"),
        "InfoNCE, class too": m.aligned(np.hstack([summary, log_chance]), vectors, "contrastive"),
    }
    named["InfoNCE, class too, with same class"] = m.both(named["InfoNCE, class too"], named[BASE])
    found: dict[str, list[Ranks]] = {}
    for name, method in named.items():
        found[name] = [left_out(rows, method, FOLDS, seed) for seed in range(1, bench.seeds + 1)]
        bench.say(f"  {name}")
    figures, lines = table(found, BASE)
    about = (
        f"{len(pairs)} links of {len(papers)} abstracts and {len(used)} objects in "
        f"{components(rows).max() + 1} connected parts; {int(bench.sources.muwclass[used].sum())} objects "
        "are of MUWCLASS, the others of TD_CSC_1."
    )
    return figures, [about, *lines]


def verdict(rows: list[dict[str, object]]) -> list[str]:
    """Whether recall at 5% is above that of the class alone, in a sentence for each set of links."""
    lines = []
    for links in dict.fromkeys(str(row["links"]) for row in rows):
        ours = [
            r
            for r in rows
            if r["links"] == links and str(r["method"]).startswith(("InfoNCE", "CCA", "ridge"))
        ]
        above = [f"{r['method']}, {r['direction']}" for r in ours if r["less"][1] > 0]  # type: ignore[index]
        said = (
            f"above that of the class alone for {'; '.join(above)}"
            if above
            else "**not significantly above that of the class alone, for any method in either direction**"
        )
        lines.append(f"On {links} recall @5% is {said}.")
    return lines
