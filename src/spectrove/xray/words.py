"""Words for X-ray sources: their classes, and what the header of an observation counts."""

from __future__ import annotations

from spectrove.words.vocabulary import Kind, Number, Vocabulary


def _class(title: str, words: tuple[str, ...], values: tuple[str, ...]) -> Kind:
    """A class that only labels tell."""
    return Kind(title, words, labels=(("class", values),), noun=True, source="the label of the catalog")


_IN_VECTORS = "the hardness of a source is in its vector, no column holds it; give an example: like ID"
_NO_LIGHT = "no flux is stored; say counts"

#: How classes read in a sentence: one of them, and many.
CLASS_NAMES: dict[str, tuple[str, str]] = {
    "AGN": ("an AGN", "AGN"),
    "LMXB": ("a low-mass X-ray binary", "low-mass X-ray binaries"),
    "HMXB": ("a high-mass X-ray binary", "high-mass X-ray binaries"),
    "XRB": ("an X-ray binary", "X-ray binaries"),
    "CV": ("a cataclysmic variable", "cataclysmic variables"),
    "NS": ("a neutron star", "neutron stars"),
    "YSO": ("a young stellar object", "young stellar objects"),
    "LM-STAR": ("a low-mass star", "low-mass stars"),
    "HM-STAR": ("a high-mass star", "high-mass stars"),
}

WORDS = Vocabulary(
    nouns=("source", "X-ray source", "object", "spectrum", "spectra", "observation", "sample", "candidate"),
    numbers=(
        Number("n_counts", "counts", ("number of counts", "photons", "source counts", "net counts"), low=0.0),
        Number("exposure_s", "exposure", ("exposure time", "integration time"), "s", {"ks": 1000.0}, low=0.0),
        Number("n_background", "background counts", ("background",), low=0.0),
        Number("ra", "right ascension", ("RA",), low=0.0, high=360.0),
        Number("dec", "declination", ("DEC",), low=-90.0, high=90.0),
    ),
    kinds=(
        _class("AGN", ("active galactic nucleus", "active galactic nuclei", "quasar", "QSO"), ("AGN",)),
        _class(
            "low-mass X-ray binary", ("LMXB", "low mass X-ray binaries", "low-mass X-ray binaries"), ("LMXB",)
        ),
        _class(
            "high-mass X-ray binary",
            ("HMXB", "high mass X-ray binaries", "high-mass X-ray binaries"),
            ("HMXB",),
        ),
        _class("X-ray binary", ("XRB", "X-ray binaries", "XRBs"), ("LMXB", "HMXB", "XRB")),
        _class("cataclysmic variable", ("CV", "CVs"), ("CV",)),
        _class("neutron star", ("NS", "pulsar", "pulsars"), ("NS",)),
        _class("young stellar object", ("YSO", "YSOs", "young star"), ("YSO",)),
        _class("star", ("stars", "coronal source"), ("LM-STAR", "HM-STAR", "STAR", "star")),
        Kind(
            "well-exposed",
            ("deep exposures", "many counts"),
            by="n_counts",
            share=0.25,
            more=("better exposed",),
            most=("best exposed",),
        ),
    ),
    refused={
        "hard": _IN_VECTORS,
        "soft": _IN_VECTORS,
        "harder": _IN_VECTORS,
        "softer": _IN_VECTORS,
        "hardest": _IN_VECTORS,
        "softest": _IN_VECTORS,
        "hardness": _IN_VECTORS,
        "hardness ratio": _IN_VECTORS,
        "absorbed": _IN_VECTORS,
        "obscured": _IN_VECTORS,
        "bright": _NO_LIGHT,
        "faint": _NO_LIGHT,
        "flux": _NO_LIGHT,
        "luminosity": _NO_LIGHT,
        "variable": "a base holds one spectrum of each source",
    },
)
