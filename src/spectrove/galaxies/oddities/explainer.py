"""Reasons and figures of outliers from the encoder of the residual view."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from spectrove.domain import Reason
from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError
from spectrove.galaxies.oddities.causes import Investigator
from spectrove.galaxies.oddities.other_redshift import OtherRedshift, RedshiftScan
from spectrove.galaxies.oddities.page import DrawnOutlier
from spectrove.galaxies.oddities.reasons import WRONG_REDSHIFT, reason_of, regions_of
from spectrove.galaxies.residual.encoder import FEATURES, SurpriseEncoder
from spectrove.inference.outlier_score import OutlierAnswer
from spectrove.preprocess import Prepared, prepare
from spectrove.spectra import SpectrumSet

#: The view whose encoder gives the residual.
REBUILT = "surprise"

#: The reason of an outlier that the reconstruction does not cover.
UNCOVERED = Reason(
    "unlike anything",
    "The reconstruction by ordinary galaxies hardly covers its rest wavelengths, so no reason can be given.",
)


class Explainer:
    """Reasons and figures from one encoder.

    Raises:
        KnowledgeError: The encoder gives no residual.
    """

    def __init__(self, encoder: Encoder) -> None:
        if not isinstance(encoder, SurpriseEncoder):
            raise KnowledgeError(
                f"view {REBUILT}: made by {encoder.name}, an encoder of kind {encoder.recipe.kind}, expected kind "
                f"surprise. Make the view anew with kb reencode KB --view {REBUILT}={REBUILT}"
            )
        self._encoder = encoder
        self._detector = encoder.detector

    def reasons(self, spectra: SpectrumSet, whole: Collection[str]) -> dict[str, Reason]:
        """The reason of each spectrum, by object id.

        Without a vector in the shape view the reconstruction is at the edge of its training range; then the only reason
        accepted is another redshift.

        Args:
            whole: Ids of the spectra with a vector in every view.
        """
        names = spectra.object_id.tolist()
        if not names:
            return {}
        found = self._of_covered(spectra)
        return {
            name: reason
            if (reason := found.get(name, UNCOVERED)).name == WRONG_REDSHIFT or name in whole
            else UNCOVERED
            for name in names
        }

    def _of_covered(self, spectra: SpectrumSet) -> dict[str, Reason]:
        """The reason of each spectrum that the reconstruction covers."""
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
            found[name] = Reason(*reason_of(evidence, z), regions_of(left, prepared.wavelength, z))
        return found

    def drawn(self, spectra: SpectrumSet, answers: Sequence[OutlierAnswer]) -> list[DrawnOutlier]:
        """The curves of each spectrum for a page."""
        prepared, _ = self._encoder.prepare(spectra)
        row = {name: j for j, name in enumerate(prepared.object_id.tolist())}
        out = []
        for spectrum, answer in zip(spectra, answers, strict=True):
            j = row.get(spectrum.object_id)
            if j is None:
                out.append(DrawnOutlier(answer, spectrum))
                continue
            left = self._detector.reconstructor.explain(prepared.flux[[j]], prepared.ivar[[j]])
            out.append(DrawnOutlier(answer, spectrum, prepared.wavelength, prepared.flux[j], left))
        return out


def _scan(scan: RedshiftScan, observed: Prepared, j: int, z: float) -> OtherRedshift:
    return scan.look(observed.flux[j].astype(float), observed.ivar[j].astype(float), z)


def _good_share(spectra: SpectrumSet, i: int) -> float:
    good = spectra[i].with_gaps_filled()[0].good
    return float(good.mean()) if len(good) else 0.0
