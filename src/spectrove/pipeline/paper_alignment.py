"""Spectra of a base aligned with the papers that speak of them, and how well that works on links left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spectrove.errors import KnowledgeError
from spectrove.knowledge import DEFAULT_VIEW, KnowledgeBase
from spectrove.literature.alignment import FEWEST, Alignment, components, fit_alignment
from spectrove.literature.library import Library
from spectrove.literature.retrieval import Floats, Ints, interval, left_out, recall
from spectrove.work import doing

#: Folds over connected parts of the graph of links, and the share of the best that recall looks at.
FOLDS, SHARE = 5, 0.05


def alignment_of(base: KnowledgeBase, library: Library) -> Alignment:
    """The shared space of the spectra in the default view and the abstracts linked to them.

    It is measured by cross-validation: no object and no abstract of a link that is asked for takes part in the fit.

    Raises:
        KnowledgeError: The links fall into too few parts that share neither an object nor an abstract.
    """
    view = DEFAULT_VIEW if DEFAULT_VIEW in base.views else base.views[0]
    vectors = base.embeddings(view)
    row = {str(name): i for i, name in enumerate(vectors.object_id)}
    links = sorted({(one.object_id, one.paper_id) for one in library.links if one.object_id in row})
    papers = sorted({paper for _, paper in links})
    names = sorted({name for name, _ in links})
    pairs = np.array([(names.index(n), papers.index(p)) for n, p in links], dtype=np.int64).reshape(-1, 2)
    parts = int(components(pairs).max()) + 1 if len(pairs) else 0
    if parts < FEWEST:
        raise KnowledgeError(
            f"{base.path}: the links fall into {parts} parts that share no object and no abstract, expected {FEWEST} "
            "or more to align spectra with texts. Attach more abstracts, or leave out --align."
        )
    spectra = np.asarray(vectors.vectors[[row[name] for name in names]], float)
    texts = library.vectors_of(papers)

    def method(train: Ints, seed: int) -> Floats:
        space = fit_alignment(spectra, texts, train, seed=seed)
        return (space.spectra(spectra) @ space.texts(texts).T).astype(float)

    with doing(f"aligning spectra with texts on {len(pairs):,} links"):
        ranks = left_out(pairs, method, FOLDS, 1)
        space = fit_alignment(spectra, texts, pairs)
    value, low, high = interval(recall(ranks, SHARE)[:, 1])
    about = {
        "view": view, "fingerprint": base.fingerprints[view], "links": len(pairs), "parts": parts,
        "recall": value, "interval": [low, high], "share": SHARE,
        "sentence": _sentence(value, low, high, len(names), parts),
    }  # fmt: skip
    return replace(space, about=about)


def _sentence(value: float, low: float, high: float, n: int, parts: int) -> str:
    """How often a text that was left out finds its spectrum, and whether that is more than chance."""
    chance = max(1, int(SHARE * n)) / n
    worth = "more than chance" if low > chance else "no more than chance could give, so read it with care"
    return (
        f"of texts left out, {value:.0%} [{low:.0%} {high:.0%}] have their spectrum among the nearest {SHARE:.0%} of "
        f"{n} ({parts} independent groups of links; by chance {chance:.0%}): {worth}."
    )
