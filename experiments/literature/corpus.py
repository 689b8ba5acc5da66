"""A mock corpus: texts written from the truth of mock X-ray sources, in many phrasings.

What a text says of a source is its true nature in words or rounded numbers, with some of it left out and with sentences
that say nothing. No such text was written by an astronomer: figures on them say what a method can learn, and are never
put beside those of real texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.mock import Seen, draw, instruments, load_recipe, observe

Floats = NDArray[np.float64]

#: Energy bins of the colours, keV.
BINS = np.geomspace(0.5, 7.0, 13)

CALLED = {
    "AGN": (
        "an active galactic nucleus",
        "a quasar",
        "an accreting supermassive black hole",
        "a Seyfert nucleus",
    ),
    "YSO": (
        "a young stellar object",
        "a pre-main-sequence star",
        "a T Tauri star with a hot corona",
        "a protostar",
    ),
    "LM-STAR": ("a coronally active dwarf", "a late-type star", "a low-mass star with flares", "an M dwarf"),
    "HM-STAR": ("a massive star with a wind", "an O star", "an early-type star", "a Wolf-Rayet star"),
    "NS": ("an isolated neutron star", "a pulsar", "a cooling neutron star", "a rotation-powered pulsar"),
    "LMXB": (
        "a low-mass X-ray binary",
        "an accreting neutron star in a low-mass binary",
        "a black hole binary",
    ),
    "HMXB": ("a high-mass X-ray binary", "a Be/X-ray binary", "a supergiant X-ray binary"),
    "CV": ("a cataclysmic variable", "an intermediate polar", "an accreting white dwarf"),
}
OPENINGS = (
    "We report Chandra observations of {}.", "This source is {}.", "The X-ray source is identified as {}.",
    "We present a spectral study of {}.", "Follow-up shows that the object is most likely {}.",
    "An archival search reveals {}.", "Its counterpart is {}.",
)  # fmt: skip
UNNAMED = (
    "We report a Chandra source of unknown nature.", "The nature of this X-ray source is debated.",
    "We present the spectrum of a serendipitous source.", "An unidentified X-ray source is studied.",
)  # fmt: skip
ABSORPTION = (
    ("It is hardly absorbed.", "The column density is low.", "Little absorption is seen.", "Its soft band is free."),
    ("The absorption is moderate.", "A column of about {nh} x 10^22 cm^-2 is needed.", "It is mildly absorbed."),
    ("It is heavily absorbed.", "The source is highly obscured.", "The column density reaches {nh} x 10^22 cm^-2.",
     "Soft photons are absorbed by thick gas."),
)  # fmt: skip
SLOPES = (
    ("The continuum is very hard.", "A flat power law of photon index {gamma} fits.", "The spectrum is hard."),
    ("A power law of photon index {gamma} describes the continuum.", "The continuum is a typical power law."),
    ("The continuum is steep.", "A soft power law with photon index {gamma} is required.", "The spectrum is soft."),
)  # fmt: skip
HEAT = (
    ("Cool plasma of {kt} keV dominates.", "The emission is soft and thermal.", "The temperature is low."),
    ("A thermal component of {kt} keV is found.", "Plasma at about {kt} keV explains the spectrum."),
    ("Very hot plasma is required.", "The thermal emission is hot, with {kt} keV.", "The gas is above several keV."),
)  # fmt: skip
IRON = ("A strong iron line is seen at 6.4 keV.", "Fe K emission with a large equivalent width is found.",
        "The iron line is prominent.")  # fmt: skip
BRIGHT = (
    ("It is among the faintest sources of the field.", "The flux is very low.", "Only a few photons were collected."),
    ("Its flux is moderate.", "The flux in .5-7 keV is about {flux} erg cm^-2 s^-1.", "It is of average brightness."),
    ("The source is bright.", "Its flux is as high as {flux} erg cm^-2 s^-1.", "It outshines its neighbours."),
)  # fmt: skip
IDLE = (
    "We discuss possible scenarios.", "Further observations are needed.", "The data were reduced in the usual way.",
    "Multiwavelength counterparts are discussed.", "The results agree with earlier work.", "We compare models.",
    "Implications for populations are given.", "The catalog is made public.",
)  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """Mock sources with their spectra and texts, row by row.

    Attributes:
        spectra: Square roots of the shares of net counts in twelve energy bins, and the log of the count rate, (n, 13).
        texts: One for each source.
        kind: Classes.
        truth: Numbers by name, (n,), NaN where they do not apply.
    """

    spectra: Floats
    texts: list[str]
    kind: NDArray[np.str_]
    truth: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray) -> Corpus:
        """These rows."""
        index = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Corpus(
            self.spectra[index], [self.texts[i] for i in index], self.kind[index],
            {name: values[index] for name, values in self.truth.items()},
        )  # fmt: skip


def make_corpus(n: int, recipe: str, seed: int) -> Corpus:
    """n sources of a shipped recipe of the mock survey, through responses made here, with a text for each."""
    chosen = load_recipe(recipe)
    sources = draw(n, chosen, seed)
    spectra = np.zeros((n, len(BINS)))
    for seen in observe(sources, chosen, seed, instruments("own", half=chosen.responses)):
        spectra[seen.index] = colours(seen)
    truth = {
        name: np.asarray(v, float) for name, v in sources.truth.items() if name not in ("class", "model")
    }
    truth["log_nh"], truth["log_flux"] = np.log10(truth["nh"]), np.log10(truth["flux"])
    kind = np.asarray(sources.truth["class"], str)
    rng = np.random.default_rng([seed, 17])
    texts = [text_of(str(kind[i]), {k: float(v[i]) for k, v in truth.items()}, rng) for i in range(n)]
    return Corpus(spectra, texts, kind, truth)


def colours(seen: Seen) -> Floats:
    """Square roots of the shares of net counts in `BINS`, with their signs, and the log of the net rate, (n, 13)."""
    response = seen.instrument.response
    middle = (np.asarray(response.e_min, float) + np.asarray(response.e_max, float)) / 2
    place = np.digitize(middle, BINS) - 1
    net = np.zeros((len(seen.index), len(BINS) - 1))
    for b in range(net.shape[1]):
        inside = place == b
        behind = seen.background[:, inside].sum(axis=1) * seen.scale
        net[:, b] = seen.counts[:, inside].sum(axis=1) - behind
    total = np.maximum(np.abs(net).sum(axis=1), 1.0)
    rate = np.log10(np.maximum(net.sum(axis=1), 0.5) / seen.exposure)
    return np.column_stack([np.sign(net) * np.sqrt(np.abs(net) / total[:, None]), rate])


def text_of(kind: str, truth: dict[str, float], rng: np.random.Generator) -> str:
    """A text on one source: its class in three texts of four, and each of its numbers in two of three."""

    def pick(choices: tuple[str, ...]) -> str:
        return choices[int(rng.integers(len(choices)))]

    numbers = {
        "nh": f"{truth['nh']:.2g}", "gamma": f"{truth['gamma']:.1f}", "kt": f"{truth['kt']:.1f}",
        "flux": f"{truth['flux']:.0e}",
    }  # fmt: skip
    said = [pick(OPENINGS).format(pick(CALLED[kind])) if rng.random() < 0.75 else pick(UNNAMED)]
    facts = [
        pick(ABSORPTION[int(np.digitize(truth["log_nh"], [-0.7, 0.3]))]),
        pick(BRIGHT[int(np.digitize(truth["log_flux"], [-14.2, -13.2]))]),
    ]
    if np.isfinite(truth["gamma"]):
        facts.append(pick(SLOPES[int(np.digitize(truth["gamma"], [1.5, 2.2]))]))
    if np.isfinite(truth["kt"]):
        facts.append(pick(HEAT[int(np.digitize(truth["kt"], [0.7, 3.0]))]))
    if truth["fe_ew"] > 0.15:
        facts.append(pick(IRON))
    said += [fact.format(**numbers) for fact in facts if rng.random() < 0.67]
    rest = said[1:] + [pick(IDLE) for _ in range(int(rng.integers(1, 3)))]
    rng.shuffle(rest)
    return " ".join([said[0], *rest])
