"""None of these: answers about spectra that no class of the base describes.

A spectrum without signal, of a star among galaxies, without the lines that the question turns on, or with nothing known
near it is none of the classes. Its probability is then the prevalence: the spectrum says nothing for or against. It
is no target, and counts neither in purity nor in completeness.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from spectrove.galaxies.redshift.spectral_type import covered, plain_galaxies, spectral_types
from spectrove.inference.kept import fitted_once
from spectrove.inference.per_spectrum import PerSpectrum
from spectrove.inference.prediction import Prediction
from spectrove.knowledge import KnowledgeBase
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.targets.target import id_hash

#: Flags that make an answer "none of these", the most telling first, with the sentence that says why.
NONE_OF_THESE: dict[str, str] = {
    "no_signal": "it holds no signal that stands out of its noise",
    "not_a_galaxy": "its own pixels are those of a {type}, and the base holds none",
    "lines_not_covered": "the lines that the question turns on are not covered",
    "lines_elsewhere": "its own lines are those of a class that the base does not hold",
    "far_from_all": "nothing known is near it",
}

#: Objects of a base whose types are looked at, and the share of them from which a base holds a type.
SAMPLE, HELD = 200, 0.02

#: A quasar is none among galaxies where chi2 of the best galaxy exceeds its own by so many times the reduced chi2.
QUASAR_MARGIN = 50.0

#: Raised whenever the same spectra have another type.
TYPES_VERSION = 1


def with_verdicts(
    predictions: Sequence[Prediction],
    types: Mapping[str, str],
    pool: Mapping[str, int],
    target: Target | None = None,
) -> list[Prediction]:
    """The predictions; those of spectra that no class describes say so.

    Args:
        predictions: With their flags.
        types: From `foreign_types`.
        pool: Objects of each class that were searched.
        target: What is hunted; nothing changes where it takes anything.
    """
    if target is not None and target.anything:
        return list(predictions)
    total = max(sum(pool.values()), 1)
    prior = (target.population(pool) if target else None) or {name: n / total for name, n in pool.items()}
    return [_judged(p, types.get(p.object_id, ""), prior) for p in predictions]


def _judged(prediction: Prediction, kind: str, prior: Mapping[str, float]) -> Prediction:
    typed = {"": (), "none": ("no_signal",)}.get(kind, ("not_a_galaxy",))
    flags = tuple(dict.fromkeys([*prediction.flags, *typed]))
    reason = next((name for name in NONE_OF_THESE if name in flags), None)
    if prediction.value is None or reason is None:
        return replace(prediction, flags=flags)
    sentence = NONE_OF_THESE[reason].format(type=kind)
    hunted = prediction.target is not None
    return replace(
        prediction,
        value=max(prior, key=lambda name: prior[name]) if hunted else None,
        probabilities=dict(prior),
        interval=None,
        reason_no_interval=f"None of these: {sentence}.",
        is_target=False if hunted else None,
        flags=flags,
        set=None if prediction.set is None else (),
        none_of_these=sentence,
    )


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
    key = canonical_json({"types_version": TYPES_VERSION, "version": base.version})

    def look() -> frozenset[str]:
        names = base.rows(columns=[]).column("object_id").to_pylist()
        sample = sorted(names, key=id_hash)[:SAMPLE]
        counts = Counter(kind for kind in _types(base.spectra(sample)) if kind)
        return frozenset(kind for kind, n in counts.items() if n > HELD * len(sample))

    return fitted_once(
        base,
        "types",
        key,
        look,
        lambda held: ({}, {"types": json.dumps(sorted(held))}),
        lambda _, texts: frozenset(json.loads(texts["types"])),
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
