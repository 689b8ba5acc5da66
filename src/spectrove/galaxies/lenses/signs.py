"""Features of the spectrum itself for a hunted class, beside its neighbours: so far the lines of a second galaxy.

Residuals common to the galaxies of a base are learned on the base, without labels, and stored in KB/residuals/.
For objects of the base they are learned on other parts of the sky.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.lenses.second_redshift import SecondRedshift, find_in, residuals_of
from spectrove.galaxies.residual.common import FEWEST, CommonResidual, fit_common_residual
from spectrove.galaxies.residual.encoder import shipped
from spectrove.galaxies.residual.reconstruction import Residual
from spectrove.inference.kept import Arrays, Content, fitted_once
from spectrove.inference.pool import Pool
from spectrove.knowledge import FOLDS, KnowledgeBase
from spectrove.knowledge.schema import sky_positions
from spectrove.knowledge.search import SAME_OBJECT_ARCSEC, separation_arcsec
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.work import counted

#: Increased whenever the same spectra give other common residuals.
RESIDUALS_VERSION = 1

#: Most objects of a base used to learn them, and spectra read at once.
MOST_OBJECTS, BLOCK = 600, 100

#: Features from second redshifts: the joint S/N up to a limit, and its excess over the values that noise and ordinary
#: galaxies reach. Of the forms tried, the S/N alone and its inverse hyperbolic sine, this one has the smallest
#: log-loss (`hunt` reports it) in bases of real red galaxies, half of them lenses.
SECOND_REDSHIFT = ("second_redshift", "second_redshift_beyond_noise")
_MOST, _NOISE, _MOST_BEYOND = 12.0, 5.0, 8.0


@dataclass(frozen=True)
class CommonResiduals:
    """Residuals common to the spectra of a base; none if the base is too small to learn them without each fold.

    Attributes:
        whole: For queries outside the training objects.
        folds: Learned without each fold, for the training objects; one for each fold, or none.
        object_id: The training objects, (n_objects,).
        fold, ra, dec: Of each training object; degrees, NaN if unknown.
    """

    whole: CommonResidual | None = None
    folds: tuple[CommonResidual, ...] = ()
    object_id: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, dtype=str))
    fold: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ra: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    dec: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def second_redshifts(self, spectra: SpectrumSet, k: int = 3) -> dict[str, list[SecondRedshift]]:
        """`second_redshift.find_in`, with common residuals learned without the query."""
        own = self._own_folds(spectra)
        found: dict[str, list[SecondRedshift]] = {}
        for f in np.unique(own).tolist():
            common = self.folds[f] if f >= 0 else self.whole
            found |= find_in(spectra.take(np.flatnonzero(own == f)), k, common)
        return found

    def found(self, spectra: SpectrumSet) -> dict[str, tuple[dict[str, Any], ...]]:
        """The candidate redshifts of a second galaxy as plain values, by object id."""
        return {
            name: tuple(c.to_dict() for c in candidates)
            for name, candidates in self.second_redshifts(spectra).items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return SECOND_REDSHIFT

    def signs(self, spectra: SpectrumSet) -> NDArray[np.float64]:
        """`SECOND_REDSHIFT` of each spectrum, (n_spectra, 2); 0 without a second redshift."""
        found = self.second_redshifts(spectra, k=1)
        names = spectra.object_id.tolist()
        score = np.array([found[name][0].score if found.get(name) else 0.0 for name in names], dtype=float)
        return np.stack([np.minimum(score, _MOST), np.clip(score - _NOISE, 0, _MOST_BEYOND)], axis=1)

    def _own_folds(self, spectra: SpectrumSet) -> NDArray[np.int64]:
        """Fold of each query that is a training object, by id or sky position; -1 for others, (n_spectra,)."""
        own = np.full(len(spectra), -1)
        if not self.folds:
            return own
        place = {name: i for i, name in enumerate(self.object_id.tolist())}
        ra, dec = sky_positions(spectra.rows)
        for i, name in enumerate(spectra.object_id.tolist()):
            if name in place:
                own[i] = self.fold[place[name]]
            elif np.isfinite(ra[i]) and len(self.ra):
                apart = separation_arcsec(float(ra[i]), float(dec[i]), self.ra, self.dec)
                if (apart <= SAME_OBJECT_ARCSEC).any():
                    own[i] = self.fold[int(np.nanargmin(apart))]
        return own


def common_residuals_for(
    base: KnowledgeBase, *, target: Target | None = None, where: str | None = None
) -> CommonResiduals:
    """Residuals common to the galaxies searched in a hunt; no label is used.

    Args:
        base: The base; results learned before on this version are read from its folder.
        target, where: As in `KnowledgeBase.search`.
    """
    key = residuals_key(base, target, where)
    return fitted_once(
        base, "residuals", key, partial(_learn, base, target, where), _to_arrays, _from_arrays,
        doing="learning the residuals common to galaxies",
    )  # fmt: skip


def residuals_key(base: KnowledgeBase, target: Target | None, where: str | None) -> str:
    """Everything the common residuals depend on, as text."""
    hunted = {"label", "classes", "composition", "filter"}
    return canonical_json(
        {
            "residuals_version": RESIDUALS_VERSION,
            "objects": Pool.of(base, target=target, where=where).contents(),
            "surprise": shipped().fingerprint,
            "target": target.model_dump(mode="json", include=hunted) if target else None,
            "where": where,
        }
    )


def _learn(base: KnowledgeBase, target: Target | None, where: str | None) -> CommonResiduals:
    known = base.searched(target=target, where=where)
    chosen = np.sort(np.random.default_rng(0).permutation(len(known.object_id))[:MOST_OBJECTS])
    ids, fold = known.object_id[chosen], known.fold[chosen]
    parts, read = [], []
    for start in counted("reconstructing galaxies", len(ids), BLOCK):
        left, names = residuals_of(base.spectra(ids[start : start + BLOCK].tolist()))
        parts.append(left)
        read += names
    if not read:
        return CommonResiduals()
    place = {name: i for i, name in enumerate(ids.tolist())}
    rows = np.array([place[name] for name in read])
    if min((fold[rows] != f).sum() for f in range(FOLDS)) < FEWEST:
        fold = np.arange(len(ids)) % FOLDS  # one field on the sky: it cannot be divided
    left, of = _joined(parts), fold[rows]
    whole = fit_common_residual(left)
    folds = [fit_common_residual(_part(left, of != f)) for f in range(FOLDS)]
    fitted = tuple(common for common in folds if common is not None)
    if whole is None or len(fitted) < FOLDS:  # objects of the base must be treated like queries
        return CommonResiduals()
    ra, dec = sky_positions(base.spectra(ids.tolist()).rows)
    return CommonResiduals(whole, fitted, ids, fold, ra, dec)


def _joined(parts: Sequence[Residual]) -> Residual:
    names = vars(parts[0])
    return Residual(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def _part(left: Residual, keep: NDArray[np.bool_]) -> Residual:
    return Residual(**{name: value[keep] for name, value in vars(left).items()})


def _to_arrays(learned: CommonResiduals) -> Content:
    arrays: Arrays = {name: getattr(learned, name) for name in ("fold", "ra", "dec")}
    for name, common in zip(_names(), (learned.whole, *learned.folds), strict=False):
        arrays |= common.to_arrays(f"{name}.") if common is not None else {}
    return arrays, {"object_id": json.dumps(learned.object_id.tolist())}


def _from_arrays(arrays: Arrays, texts: Mapping[str, str]) -> CommonResiduals:
    ids = np.array(json.loads(texts["object_id"]), dtype=str)
    if "whole.mean" not in arrays:
        return CommonResiduals()
    whole, *folds = (CommonResidual.from_arrays(arrays, f"{name}.") for name in _names())
    return CommonResiduals(whole, tuple(folds), ids, arrays["fold"], arrays["ra"], arrays["dec"])


def _names() -> list[str]:
    return ["whole", *(f"fold_{f}" for f in range(FOLDS))]
