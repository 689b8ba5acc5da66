"""Signs of a hunted class in a spectrum itself, beside its neighbours: so far the lines of a second galaxy.

What the galaxies of a base leave of their reconstructions in common is learned on the base, without labels, and
kept with it in KB/residuals/. Objects of the base are asked about with what other parts of the sky have in common.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders import load_encoder
from spectrove.encoders.common_residual import CommonResidual, fit_common_residual
from spectrove.encoders.reconstruction import Residual
from spectrove.inference.keeping import Arrays, read_kept, write_kept
from spectrove.inference.second_redshift import SecondRedshift, find_in, residuals_of
from spectrove.knowledge import FOLDS, KnowledgeBase
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

#: Raised whenever the same spectra have something else in common.
RESIDUALS_VERSION = 1

#: Objects of a base that it is learned on at most, and spectra that are read at once.
MOST_OBJECTS, BLOCK = 600, 100

#: What second redshifts say for the hunted class: the joint S/N up to a limit, and what it has beyond what noise and
#: ordinary galaxies reach. Chosen by the log-loss of bases of real red galaxies, half lenses, own plate left out:
#: .119, with the S/N alone .124, with its inverse hyperbolic sine .140, without second redshifts .190.
SECOND_REDSHIFT = ("second_redshift", "second_redshift_beyond_noise")
_MOST, _NOISE, _MOST_BEYOND = 12.0, 5.0, 8.0


@dataclass(frozen=True)
class CommonResiduals:
    """What spectra of a base have in common; nothing of it where the base is too small.

    Attributes:
        whole: For queries that are no objects of the base.
        folds: Without the objects of each fold, for those.
        fold_of: Id to fold of the objects that it was learned on.
    """

    whole: CommonResidual | None = None
    folds: tuple[CommonResidual | None, ...] = ()
    fold_of: Mapping[str, int] | None = None

    def second_redshifts(self, spectra: SpectrumSet, k: int = 3) -> dict[str, list[SecondRedshift]]:
        """`second_redshift.find_in`, each query with what others have in common."""
        fold_of = self.fold_of or {}
        fold = np.array([fold_of.get(name, -1) for name in spectra.object_id.tolist()], dtype=int)
        found: dict[str, list[SecondRedshift]] = {}
        for f in np.unique(fold).tolist():
            found |= find_in(
                spectra.take(np.flatnonzero(fold == f)), k, self.folds[f] if f >= 0 else self.whole
            )
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Of the signs."""
        return SECOND_REDSHIFT

    def signs(self, spectra: SpectrumSet) -> NDArray[np.float64]:
        """`SECOND_REDSHIFT` of each spectrum, (n_spectra, 2); 0 where no second redshift was found."""
        found = self.second_redshifts(spectra, k=1)
        names = spectra.object_id.tolist()
        score = np.array([found[name][0].score if found.get(name) else 0.0 for name in names], dtype=float)
        return np.stack([np.minimum(score, _MOST), np.clip(score - _NOISE, 0, _MOST_BEYOND)], axis=1)


def common_residuals_for(
    base: KnowledgeBase, *, target: Target | None = None, where: str | None = None
) -> CommonResiduals:
    """What the galaxies that a hunt searches leave of their reconstructions in common; no label has a part in it.

    Args:
        base: The base; what was learned before on this version is taken from its folder.
        target, where: As in `KnowledgeBase.search`.
    """
    key = canonical_json(
        {
            "residuals_version": RESIDUALS_VERSION,
            "version": base.version,
            "surprise": load_encoder("surprise").fingerprint,
            "target": target.model_dump(mode="json", include={"label", "classes", "composition", "filter"})
            if target
            else None,
            "where": where,
        }
    )
    return base.remember(("residuals", key), partial(_kept_or_learned, base, key, target, where))


def _kept_or_learned(
    base: KnowledgeBase, key: str, target: Target | None, where: str | None
) -> CommonResiduals:
    folder = base.path / "residuals"
    version = json.loads(key)["version"]
    path = folder / f"{version}-{blake2b(key.encode(), digest_size=8).hexdigest()}.safetensors"
    if (kept := read_kept(path, key, _made_of)) is not None:
        return kept
    learned = _learn(base, target, where)
    with suppress(OSError):  # a base that may only be read: learn again next time
        _write(path, key, learned)
        for old in folder.glob("*.safetensors"):
            if not old.name.startswith(f"{version}-"):
                old.unlink(missing_ok=True)
    return learned


def _learn(base: KnowledgeBase, target: Target | None, where: str | None) -> CommonResiduals:
    known = base.searched(target=target, where=where)
    chosen = np.sort(np.random.default_rng(0).permutation(len(known.object_id))[:MOST_OBJECTS])
    fold_of = dict(zip(known.object_id[chosen].tolist(), known.fold[chosen].tolist(), strict=True))
    ids, parts, read = list(fold_of), [], []
    for start in range(0, len(ids), BLOCK):
        left, names = residuals_of(base.spectra(ids[start : start + BLOCK]))
        parts.append(left)
        read += names
    if not read:
        return CommonResiduals()
    left, of = _joined(parts), np.array([fold_of[name] for name in read])
    folds = (fit_common_residual(_part(left, of != f)) for f in range(FOLDS))
    return CommonResiduals(fit_common_residual(left), tuple(folds), fold_of)


def _joined(parts: Sequence[Residual]) -> Residual:
    names = vars(parts[0])
    return Residual(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


def _part(left: Residual, keep: NDArray[np.bool_]) -> Residual:
    return Residual(**{name: value[keep] for name, value in vars(left).items()})


def _write(path: Path, key: str, learned: CommonResiduals) -> None:
    arrays: Arrays = {}
    for name, common in zip(_names(), (learned.whole, *learned.folds), strict=False):
        if common is not None:
            arrays |= common.to_arrays(f"{name}.")
    fold_of = learned.fold_of or {}
    arrays["fold"] = np.array(list(fold_of.values()), dtype=np.int8)
    write_kept(path, key, arrays, object_id=json.dumps(list(fold_of)))


def _made_of(arrays: Arrays, said: Mapping[str, str]) -> CommonResiduals:
    found = [
        CommonResidual.from_arrays(arrays, f"{name}.") if f"{name}.mean" in arrays else None
        for name in _names()
    ]
    fold_of = dict(zip(json.loads(said["object_id"]), arrays["fold"].tolist(), strict=True))
    return CommonResiduals(found[0], tuple(found[1:]), fold_of)


def _names() -> list[str]:
    return ["whole", *(f"fold_{f}" for f in range(FOLDS))]
