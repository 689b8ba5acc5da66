"""What outlier scores are measured against: three unsupervised methods that are shown the same spectra."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest, RandomForestClassifier

from spectrove.encoders.pca import scores
from spectrove.pipeline.shipped import load_recipe
from spectrove.preprocess import Prepared
from spectrove.training.empca import empca

Floats = NDArray[np.floating]

#: What the methods are shown: rest frame, divided by the median, on a log grid.
PREPROCESS = load_recipe("surprise").on_grid

#: Pixels that are averaged: features of 8e-4 dex, about 10 angstrom, so that noise does not outvote shape.
BINNED = 8

#: A feature that fewer of the base's spectra cover is left out.
_COVERED = 0.5


def binned(prepared: Prepared) -> tuple[Floats, Floats]:
    """Flux and inverse variance averaged over `BINNED` pixels, (n_spectra, n_features); 0 where unknown."""
    n = prepared.flux.shape[1] // BINNED * BINNED
    ivar = prepared.ivar[:, :n].astype(np.float64).reshape(len(prepared), -1, BINNED)
    flux = prepared.flux[:, :n].astype(np.float64).reshape(ivar.shape)
    total = ivar.sum(axis=2)
    return (flux * ivar).sum(axis=2) / np.maximum(total, 1e-12), total


class OutlierBaseline(ABC):
    """An unsupervised method: fitted to spectra that are mostly ordinary, it scores others.

    Attributes:
        note: What it is.
    """

    note: str

    @abstractmethod
    def fit(self, flux: Floats, ivar: Floats, seed: int) -> None:
        """Learn what is ordinary; flux and ivar (n_spectra, n_features)."""

    @abstractmethod
    def score(self, flux: Floats, ivar: Floats) -> Floats:
        """How odd each spectrum is, (n_spectra,)."""


class _Filled(OutlierBaseline):
    """Methods that need a value everywhere: gaps take the base's median."""

    def _learn_gaps(self, flux: Floats, ivar: Floats) -> Floats:
        self._columns = (ivar > 0).mean(axis=0) >= _COVERED
        known = np.where(ivar > 0, flux, np.nan)[:, self._columns]
        self._median = np.nanmedian(known, axis=0)
        return np.where(np.isfinite(known), known, self._median)

    def _fill(self, flux: Floats, ivar: Floats) -> Floats:
        return np.where(ivar[:, self._columns] > 0, flux[:, self._columns], self._median)


class UnsupervisedForest(_Filled):
    """Real spectra told from synthetic ones whose features are shuffled; far is who shares few leaves with the base.

    Source:
        Baron & Poznanski 2017, MNRAS 465, 4530, section 2: the distance of two objects is 1 less the share of trees in
        which they end in the same leaf, counting only leaves that call them real; the weirdness score is its mean.
    """

    note = "unsupervised random forest of Baron & Poznanski (2017), 100 trees"

    def fit(self, flux: Floats, ivar: Floats, seed: int) -> None:
        real = self._learn_gaps(flux, ivar)
        rng = np.random.default_rng(seed)
        synthetic = np.stack([rng.choice(column, len(column)) for column in real.T], axis=1)
        self._forest = RandomForestClassifier(100, random_state=seed, n_jobs=1)
        labels = np.repeat([1, 0], len(real))
        self._forest.fit(np.concatenate([real, synthetic]), labels)
        leaves = self._forest.apply(real)
        self._share = []
        for t, tree in enumerate(self._forest.estimators_):
            count = np.bincount(leaves[:, t], minlength=tree.tree_.node_count).astype(float)
            calls_real = tree.tree_.value[:, 0, 1] > tree.tree_.value[:, 0, 0]
            self._share.append(np.where(calls_real, count, 0) / len(real))

    def score(self, flux: Floats, ivar: Floats) -> Floats:
        leaves = self._forest.apply(self._fill(flux, ivar))
        return 1 - np.mean([share[leaves[:, t]] for t, share in enumerate(self._share)], axis=0)


class Isolation(_Filled):
    """An isolation forest on the fluxes."""

    note = "isolation forest (Liu, Ting & Zhou 2008), 200 trees"

    def fit(self, flux: Floats, ivar: Floats, seed: int) -> None:
        self._forest = IsolationForest(n_estimators=200, random_state=seed, n_jobs=1).fit(
            self._learn_gaps(flux, ivar)
        )

    def score(self, flux: Floats, ivar: Floats) -> Floats:
        return -self._forest.score_samples(self._fill(flux, ivar))


class ReconstructionError(OutlierBaseline):
    """Chi-square per feature that 20 principal components of the base leave."""

    note = "chi-square left by 20 EM-PCA components of the base"

    def fit(self, flux: Floats, ivar: Floats, seed: int) -> None:
        self._mean, self._components, _ = empca(flux.astype(np.float64), ivar.astype(np.float64), 20, 10)

    def score(self, flux: Floats, ivar: Floats) -> Floats:
        residual = flux - self._mean
        left = residual - scores(residual, ivar, self._components) @ self._components
        return np.log((left**2 * ivar).sum(axis=1) / np.maximum((ivar > 0).sum(axis=1), 1) + 1e-9)


#: Every baseline by name.
OUTLIER_BASELINES: Mapping[str, type[OutlierBaseline]] = {
    "unsupervised forest": UnsupervisedForest,
    "isolation forest": Isolation,
    "reconstruction error": ReconstructionError,
}
