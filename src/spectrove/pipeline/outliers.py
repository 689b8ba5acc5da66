"""Outliers: spectra unlike those of a base, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal
from spectrove.galaxies.oddities.causes import Investigator
from spectrove.galaxies.oddities.other_redshift import OtherRedshift, RedshiftScan
from spectrove.galaxies.oddities.page import Drawn
from spectrove.galaxies.oddities.reasons import REASONS, reason_of, regions_of
from spectrove.galaxies.residual.encoder import FEATURES, SurpriseEncoder
from spectrove.inference.embed import Encoders, encoders_of, vectors_of
from spectrove.inference.outlier_score import (
    ENOUGH,
    VIEWS,
    OutlierAnswer,
    Reference,
    log_distances,
    reference_of,
)
from spectrove.knowledge import KnowledgeBase
from spectrove.preprocess import Prepared, prepare
from spectrove.spectra import CATALOG_FLAGS, SpectrumSet

Floats = NDArray[np.floating]

#: Reasons are searched up to this p-value; beyond it a spectrum is ordinary.
EXPLAINED = 0.1

#: The view whose encoder gives the residual.
REBUILT = "surprise"


@dataclass(frozen=True)
class OutlierAnswers:
    """One batch of answers, the spectra in the same order, and the refusals."""

    spectra: SpectrumSet
    answers: tuple[OutlierAnswer, ...]
    refusals: tuple[Refusal, ...] = ()


def outliers(
    base: KnowledgeBase, spectra: SpectrumSet, *, encoder: Encoders = None, explained: float = EXPLAINED
) -> list[OutlierAnswer]:
    """Outlier score, p-value and reason of each spectrum; spectra without a vector in any view are left out."""
    return list(find_outliers(base, spectra, encoder=encoder, explained=explained).answers)


def find_outliers(
    base: KnowledgeBase, spectra: SpectrumSet, *, encoder: Encoders = None, explained: float = EXPLAINED
) -> OutlierAnswers:
    """The same, with the refusals and their reasons.

    Only flux, ivar, mask, wavelength, LSF and redshift are read, and the sky position, so that an object is never its
    own neighbour. No label is used.

    Args:
        explained: Reasons are searched up to this p-value (a twentieth of a second per spectrum).

    Raises:
        KnowledgeError: The base lacks one of the views, or has too few objects.
    """
    reference = reference_of(base)
    encoders = encoders_of(base, VIEWS, encoder)
    placed = [_place(base, view, spectra, encoders[view]) for view in VIEWS]
    distance = dict(zip(VIEWS, (p.distance for p in placed), strict=True))
    known = np.any([np.isfinite(d) for d in distance.values()], axis=0)
    # A spectrum without redshift or good pixels is refused by both views for the same reason; it is given once.
    refusals = [next(p.why[i] for p in placed if i in p.why) for i in np.flatnonzero(~known).tolist()]
    explainer = _Explainer(encoders[REBUILT])
    answers = []
    for i in np.flatnonzero(known):
        views = tuple(view for view in VIEWS if np.isfinite(distance[view][i]))
        score = float(reference.score({view: distance[view][i : i + 1] for view in views})[0])
        answers.append(
            OutlierAnswer(
                str(spectra.object_id[i]), score,
                reference.p_value(score, views, str(spectra.object_id[i])),
                "ordinary", f"Ordinary: {REASONS['ordinary']}.", (),
                _flags(spectra, int(i), placed, reference, views), views, float(spectra.z[i]),
            )
        )  # fmt: skip
    odd = {a.object_id for a in answers if a.p_value <= explained}
    chosen = [int(i) for i in np.flatnonzero(known) if str(spectra.object_id[i]) in odd]
    reasons = explainer.reasons(spectra.take(chosen)) if chosen else {}
    final = tuple(_explained(a, reasons) if a.object_id in odd else a for a in answers)
    return OutlierAnswers(spectra.take(known), final, tuple(refusals))


@dataclass(frozen=True)
class _Placed:
    """Log distances in one view (n_spectra,), NaN if refused; flags of the preparation and refusals by row."""

    distance: Floats
    flags: dict[int, tuple[str, ...]]
    why: dict[int, Refusal]


def _place(base: KnowledgeBase, view: str, spectra: SpectrumSet, encoder: Encoder) -> _Placed:
    index, prepared, vectors, refused = vectors_of(spectra, encoder)
    distance = np.full(len(spectra), np.nan)
    if len(index):
        distance[index] = log_distances(base, view, vectors, spectra.take(index))
    flags = {int(i): found for i, found in zip(index, prepared.flags, strict=True)}
    sentences = {r.name: r for r in refused}
    nothing = Refusal("", f"view {view}: the base has no object to compare it with.")
    why = {
        i: sentences.get(name, replace(nothing, name=name))
        for i, name in enumerate(spectra.object_id.tolist())
        if not np.isfinite(distance[i])
    }
    return _Placed(distance, flags, why)


def _flags(
    spectra: SpectrumSet, i: int, placed: Sequence[_Placed], reference: Reference, views: Sequence[str]
) -> tuple[str, ...]:
    own = [f for f in spectra.column("flags")[i] or () if f not in CATALOG_FLAGS]
    made = [flag for p in placed for flag in p.flags.get(i, ())]
    cautions = ["one_view"] * (len(views) < len(VIEWS)) + ["small_base"] * (len(reference) < ENOUGH)
    return tuple(dict.fromkeys([*own, *made, *cautions]))


#: Answer for an outlier that the reconstruction does not cover.
_UNCOVERED: dict[str, Any] = {
    "reason": "unlike anything",
    "why": "The reconstruction by ordinary galaxies hardly covers its rest wavelengths, so no reason can be given.",
    "regions": (),
}


def _explained(answer: OutlierAnswer, reasons: Mapping[str, dict[str, Any]]) -> OutlierAnswer:
    """The answer with its reason.

    Without a vector in the shape view the reconstruction is at the edge of its training range; then the only reason
    accepted is another redshift.
    """
    found = reasons.get(answer.object_id, _UNCOVERED)
    if set(answer.views) != set(VIEWS) and found["reason"] != "wrong redshift":
        found = _UNCOVERED
    return replace(answer, **found)


class _Explainer:
    """Reasons and figures from the encoder of the residual view."""

    def __init__(self, encoder: Encoder) -> None:
        if not isinstance(encoder, SurpriseEncoder):
            raise KnowledgeError(
                f"view {REBUILT}: made by {encoder.name}, an encoder of kind {encoder.recipe.kind}, expected kind "
                f"surprise. Make the view anew with kb reencode KB --view {REBUILT}={REBUILT}"
            )
        self._encoder = encoder
        self._detector = encoder.detector

    def reasons(self, spectra: SpectrumSet) -> dict[str, dict[str, Any]]:
        """Reason, sentence and regions by object id, for spectra that the reconstruction covers."""
        prepared, _ = self._encoder.prepare(spectra)
        scan, investigator = RedshiftScan(self._detector), Investigator(self._detector)
        observed, _ = prepare(spectra, scan.recipe)
        row = {name: j for j, name in enumerate(observed.object_id.tolist())}
        weight = np.array(list(FEATURES.values()))
        features = self._encoder.encode(prepared).vectors / weight
        good = {name: _good_share(spectra, i) for i, name in enumerate(spectra.object_id.tolist())}
        found = {}
        for i, name in enumerate(prepared.object_id.tolist()):
            z = float(prepared.z[i])
            evidence, left = investigator.gather(prepared.flux[i], prepared.ivar[i], z)
            other = _scan(scan, observed, row[name], z) if name in row else None
            evidence = replace(
                evidence, features=dict(zip(FEATURES, features[i].tolist(), strict=True)), redshift=other,
                covered=good[name],
            )  # fmt: skip
            reason, why = reason_of(evidence, z)
            regions = regions_of(left, prepared.wavelength, z)
            found[name] = {"reason": reason, "why": why, "regions": regions}
        return found

    def drawn(self, spectra: SpectrumSet, answers: Sequence[OutlierAnswer]) -> list[Drawn]:
        """The curves of each spectrum for a page."""
        prepared, _ = self._encoder.prepare(spectra)
        row = {name: j for j, name in enumerate(prepared.object_id.tolist())}
        out = []
        for spectrum, answer in zip(spectra, answers, strict=True):
            j = row.get(spectrum.object_id)
            if j is None:
                out.append(Drawn(answer, spectrum))
                continue
            left = self._detector.reconstructor.explain(prepared.flux[[j]], prepared.ivar[[j]])
            out.append(Drawn(answer, spectrum, prepared.wavelength, prepared.flux[j], left))
        return out


def _scan(scan: RedshiftScan, observed: Prepared, j: int, z: float) -> OtherRedshift:
    return scan.look(observed.flux[j].astype(float), observed.ivar[j].astype(float), z)


def _good_share(spectra: SpectrumSet, i: int) -> float:
    good = spectra[i].with_gaps_filled()[0].good
    return float(good.mean()) if len(good) else 0.0


def drawn_outliers(
    base: KnowledgeBase, spectra: SpectrumSet, answers: Sequence[OutlierAnswer], *, encoder: Encoders = None
) -> list[Drawn]:
    """Spectrum, reconstruction and residual of some answers for the gallery page, in the same order."""
    return _Explainer(encoders_of(base, [REBUILT], encoder)[REBUILT]).drawn(spectra, answers)
