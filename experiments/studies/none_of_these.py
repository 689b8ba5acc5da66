"""Study `none`: what is said of spectra that no class of a base describes.

Sky, stars, quasars, noise and flat lines are asked about, and galaxies of each kind in a base from which that kind is
left out. No answer of theirs is right, so a probability that means what it says is small. Base: mock galaxies, or the
SDSS galaxies of the development set. Every row is stripped of catalog values but the redshift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.errors import SpectroveError
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.protocol import stripped
from spectrove.evaluation.rates import share_of
from spectrove.evaluation.reliability import calibration_error
from spectrove.inference import Prediction
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import read_spectra
from spectrove.spectra import SpectrumSet

#: The label that is asked for, and the kind that is hunted.
LABEL, HUNTED = "class_derived", "LINER"

#: Groups of the real index that hold no galaxies.
GROUPS = ("sky", "star", "lamost", "qso")

#: Galaxies whose pixels are replaced by noise, or by a flat line of this S/N per pixel.
N_MADE, FLAT_SN = 100, 20.0

#: Nothing may be said with more than this in more than that share.
SURE, AIM, AIM_ERROR = 0.9, 0.02, 0.10

Row = dict[str, Any]


@dataclass(frozen=True)
class SpectraOfKind:
    """One set of spectra, and the condition on the base that leaves their kind out."""

    name: str
    spectra: SpectrumSet
    where: str | None = None


def study(setting: Setting) -> Evaluation:
    """The figures, mock and real apart, and the text around them."""
    rows: list[Row] = []
    for part in ("mock",) if setting.real is None else ("mock", "real"):
        known = setting.data.problem(part, "classes", 0).spectra
        base, _ = pipeline.create("memory://base", [known], "base", views={})
        for i, asked in enumerate(_sets(setting, part, known)):
            setting.tell(i, len(GROUPS) + 7, f"{part} {asked.name}")
            rows += [{"study": "none", "part": part, "set": asked.name, **r} for r in _rows(base, asked)]
    return Evaluation(tuple(rows), _text(rows, setting))


def _sets(setting: Setting, part: str, known: SpectrumSet) -> Iterator[SpectraOfKind]:
    chosen = known.take(np.arange(min(N_MADE, len(known))))
    yield SpectraOfKind("noise", made_of(chosen, level=0.0))
    yield SpectraOfKind("flat line", made_of(chosen, level=FLAT_SN))
    labels = np.array([c or "" for c in known.column(LABEL)])
    for name in sorted({c for c in labels.tolist() if c and (labels == c).sum() >= 20}):
        yield SpectraOfKind(
            f"{name} left out", known.take(np.flatnonzero(labels == name)), f"{LABEL} != '{name}'"
        )
    if part == "real" and setting.real is not None:
        for group in GROUPS:
            yield SpectraOfKind(group, read_spectra(setting.real / "galaxies" / group)[0])


def made_of(spectra: SpectrumSet, level: float) -> SpectrumSet:
    """The spectra with their pixels replaced by a flat line of this S/N and noise of the size that ivar says."""
    flux = np.zeros_like(spectra.flux)
    for i, object_id in enumerate(spectra.object_id.tolist()):
        span = slice(int(spectra.offsets[i]), int(spectra.offsets[i + 1]))
        ivar = spectra.ivar[span].astype(float)
        sigma = np.where(ivar > 0, 1 / np.sqrt(np.where(ivar > 0, ivar, 1.0)), 0.0)
        rng = np.random.default_rng([7, *object_id.encode()])
        typical = float(np.median(sigma[ivar > 0])) if (ivar > 0).any() else 0.0
        flux[span] = level * typical + sigma * rng.standard_normal(len(sigma))
    names = np.array([f"{name}:made" for name in spectra.object_id.tolist()])
    return replace(spectra, flux=flux, object_id=names)


def _rows(base: KnowledgeBase, asked: SpectraOfKind) -> Iterator[Row]:
    completed, estimates = pipeline.complete_redshifts(stripped(asked.spectra))
    try:
        answers = pipeline.classify(base, completed, LABEL, where=asked.where, redshifts=estimates)
    except SpectroveError as error:
        yield {"figure": "not asked", "value": None, "n": 0, "why": str(error)}
        return
    told = [p for p in answers.predictions if p.probabilities]
    top = np.array([max(p.probabilities.values()) for p in told])
    yield {"figure": "refused", "value": len(answers.refusals), "n": len(asked.spectra)}
    yield {"figure": "none_of_these", **_share([bool(p.none_of_these) for p in told])}
    yield {"figure": "sure", **_share((top > SURE).tolist())}
    named = [p for p in told if not p.none_of_these]
    yield {"figure": "mean_answer", "value": _mean(named), "n": len(named)}
    hunted = np.array([p.probabilities.get(HUNTED, 0.0) for p in told])
    ece = calibration_error(hunted, np.zeros(len(hunted), dtype=bool)) if len(hunted) else None
    yield {"figure": "ece_hunt", "value": ece, "n": len(told)}


def _mean(predictions: Sequence[Prediction]) -> float | None:
    values = [p.probability for p in predictions if p.probability is not None]
    return float(np.mean(values)) if values else None


def _share(hits: list[bool]) -> Row:
    return share_of(float(np.mean(hits)) if hits else 0.0, len(hits))


def _text(rows: list[Row], setting: Setting) -> str:
    """A line for each set."""
    lines = [
        f"classify --label {LABEL} of spectra that no class describes; encoder base, K = {setting.k}.",
        f"P > {SURE}: share of them called anything with that; aim <= {AIM}. "
        f"ECE: of the hunt for {HUNTED}; aim <= {AIM_ERROR}.",
        "",
        f"{'part':6}{'set':28}{'n':>5}{'refused':>9}{'none of these':>24}{f'P > {SURE}':>22}"
        f"{'mean P of answers':>19}{'ECE':>7}",
    ]
    for part, name in dict.fromkeys((r["part"], r["set"]) for r in rows):
        own = {r["figure"]: r for r in rows if (r["part"], r["set"]) == (part, name)}
        if "sure" not in own:
            lines.append(f"{part:6}{name:28} not asked: {own['not asked']['why']}")
            continue
        none, sure = (_with_limits(own[f]) for f in ("none_of_these", "sure"))
        mean, error = (_number(own[f]["value"]) for f in ("mean_answer", "ece_hunt"))
        n = own["sure"]["n"]
        lines.append(
            f"{part:6}{name:28}{n:>5}{own['refused']['value']:>9}{none:>24}{sure:>22}{mean:>19}{error:>7}"
        )
    return "\n".join(lines)


def _with_limits(row: Row) -> str:
    if not row["n"]:
        return "-"
    return f"{row['value']:.3f} [{row['low']:.3f} {row['high']:.3f}]"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
