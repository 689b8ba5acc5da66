"""Ways to say how alike a spectrum and a text are, from training links alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spectrove.literature.alignment import Kind, fit_alignment
from spectrove.literature.retrieval import Floats, Ints, Method

#: Settings of the network, chosen on mock links of other seeds than those that are scored.
SETTINGS = {"epochs": 60, "hidden": 64, "shared": 64, "dropout": 0.3, "decay": 0.05}

#: Classes of MUWCLASS, and the other names that TD_CSC_1 has for them.
CLASSES = ("AGN", "CV", "HM-STAR", "HMXB", "LM-STAR", "LMXB", "NS", "YSO")
OTHER_NAMES = {"NS_BIN": "NS", "CV-candidate": "CV"}


def aligned(
    spectra: Floats, texts: NDArray, kind: Kind, settings: Mapping[str, float] | None = None
) -> Method:
    """A shared space fitted on training links."""

    def method(train: Ints, seed: int) -> Floats:
        space = fit_alignment(spectra, texts, train, kind, seed=seed, **(settings or SETTINGS))
        return (space.spectra(spectra) @ space.texts(texts).T).astype(float)

    return method


def same_class(chance: Floats, kinds: Ints, texts: NDArray) -> Method:
    """The probability that spectrum and text are of one class, over that by the shares of the classes.

    Args:
        chance: Probability of each class by the spectrum alone, (n_spectra, n_classes).
        kinds: Class of each object; only those in training links are read.
        texts: Vectors of texts, (n_texts, n_dimensions).
    """
    from sklearn.linear_model import LogisticRegression

    def method(train: Ints, seed: int) -> Floats:
        labels = kinds[train[:, 0]]
        model = LogisticRegression(C=30.0, class_weight="balanced", max_iter=300)
        said = np.full((len(texts), chance.shape[1]), 1e-3)
        known = model.fit(texts[train[:, 1]], labels).predict_proba(texts)
        said[:, model.classes_] += known
        said /= said.sum(axis=1, keepdims=True)
        share = np.bincount(labels, minlength=chance.shape[1]) + 0.5
        return (chance / (share / share.sum())) @ said.T

    return method


def both(one: Method, other: Method) -> Method:
    """The sum of two likenesses, each as ranks of its own, so that neither outweighs the other."""

    def method(train: Ints, seed: int) -> Floats:
        first, second = one(train, seed), other(train, seed)
        return sum(
            ((part - part.mean(axis=axis, keepdims=True)) / (part.std(axis=axis, keepdims=True) + 1e-12))
            for part in (first, second)
            for axis in (0, 1)
        )

    return method


def nothing(n_spectra: int, n_texts: int) -> Method:
    """Equal likeness of all: what chance gives."""
    return lambda train, seed: np.zeros((n_spectra, n_texts))


def numbered(kinds: NDArray[np.str_]) -> Ints:
    """Classes as numbers."""
    return np.array([CLASSES.index(OTHER_NAMES.get(kind, kind)) for kind in kinds.tolist()])


def class_chances(summary: Floats, kinds: Ints, linked: Ints, seed: int = 1) -> Floats:
    """Probability of each class by a forest fitted on sources that no abstract speaks of, (n_sources, n_classes)."""
    from sklearn.ensemble import RandomForestClassifier

    free = np.setdiff1d(np.arange(len(summary)), linked)
    forest = RandomForestClassifier(
        300, class_weight="balanced_subsample", min_samples_leaf=3, random_state=seed, n_jobs=1
    )
    forest.fit(summary[free], kinds[free])
    chance = np.zeros((len(summary), len(CLASSES)))
    chance[:, forest.classes_] = forest.predict_proba(summary)
    return chance
