"""Spectra that are none of the types that a base holds: stars and quasars among galaxies, and noise."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np

from spectrove.galaxies.redshift.spectral_type import covered, plain_galaxies, spectral_types
from spectrove.inference.kept import fitted_once
from spectrove.inference.per_spectrum import PerSpectrum
from spectrove.knowledge import KnowledgeBase
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet

#: Objects of a base whose types are looked at, and the share of them from which a base holds a type.
SAMPLE, HELD = 200, 0.02

#: A quasar is none among galaxies where chi2 of the best galaxy exceeds its own by so many times the reduced chi2.
QUASAR_MARGIN = 50.0

#: Raised whenever the same spectra have another type.
TYPES_VERSION = 1


def foreign_types(base: KnowledgeBase, spectra: SpectrumSet) -> dict[str, str]:
    """Object id to "star", "quasar", "galaxy" or "none", of those spectra whose type the base does not hold.

    Types come from pixels alone. A spectrum that the galaxy templates explain at its redshift is a galaxy without more
    ado; the others are scanned with every template, 0.2 s each.
    """
    held = _types_of_base(base)
    types = dict(zip(spectra.object_id.tolist(), _types(spectra), strict=True))
    return {name: kind for name, kind in types.items() if kind and kind not in held}


def _types_of_base(base: KnowledgeBase) -> frozenset[str]:
    """The types that more than `HELD` of the base's objects are of; of a large base, of a sample of them."""
    key = canonical_json({"types_version": TYPES_VERSION, "version": base.measured_version})

    def look() -> frozenset[str]:
        sample = base.some_ids(SAMPLE)
        counts = Counter(kind for kind in _types(base.spectra(sample)) if kind)
        return frozenset(kind for kind, n in counts.items() if n > HELD * len(sample))

    return fitted_once(
        base,
        "types",
        key,
        look,
        lambda held: ({}, {"types": json.dumps(sorted(held))}),
        lambda _, texts: frozenset(json.loads(texts["types"])),
        doing="finding the types of spectra in the base",
    )


def _scanned(spectra: SpectrumSet) -> list[str]:
    """The type of each spectrum, "" where too few pixels lie in the range of the templates."""
    kinds = np.where(plain_galaxies(spectra), "galaxy", "").astype("<U6")
    open_ones = np.flatnonzero((kinds == "") & covered(spectra))
    for i, found in zip(open_ones.tolist(), spectral_types(spectra.take(open_ones)), strict=True):
        # A galaxy with broad lines, whose templates fit it as well as a quasar's do, is a galaxy here.
        broad = found.type == "quasar" and found.margins.get("galaxy", 0.0) < QUASAR_MARGIN
        kinds[i] = "galaxy" if broad else found.type
    return [str(kind) for kind in kinds]


_types = PerSpectrum(_scanned)
