"""Words for X-ray sources: their classes, what is measured in them, and what the header of an observation counts."""

from __future__ import annotations

from spectrove.words.vocabulary import Kind, Number, Vocabulary
from spectrove.xray.quantities import COLUMN, FLUX


def _class(title: str, words: tuple[str, ...], values: tuple[str, ...]) -> Kind:
    """A class that only labels tell."""
    return Kind(title, words, labels=(("class", values),), noun=True, source="the label of the catalog")


_OBSCURED = "columns above 1e22 and 1e23 cm-2, as AGN are called obscured and heavily obscured: Hickox & Alexander 2018"
_QUARTER = 0.25

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
        Number("n_counts", "counts", ("number of counts", "photons", "source counts"), low=0.0),
        Number("exposure_s", "exposure", ("exposure time", "integration time"), "s", {"ks": 1000.0}, low=0.0),
        Number("net_counts", "net counts", ("background-subtracted counts",), low=0.0),
        Number("count_rate", "count rate", ("rate", "counts per second"), "1/s", low=0.0),
        Number("flux", "flux", ("X-ray flux", "flux from .5 to 7 keV", "brightness"), FLUX, low=0.0),
        Number(
            "nh",
            "N_H",
            ("NH", "N(H)", "column density", "hydrogen column", "column", "absorbing column", "absorption"),
            COLUMN,
            {"cm-2": 1e-22},
            low=0.0,
        ),
        Number(
            "gamma", "photon index", ("Gamma", "Γ", "power law index", "power-law index"), low=-3.0, high=10.0
        ),
        Number("kt", "temperature", ("kT", "plasma temperature"), "keV", low=0.0),
        Number("hr_hs", "hardness ratio", ("hardness", "HR", "hard_hs"), low=-1.0, high=1.0),
        Number("hr_ms", "hr_ms", ("hard_ms", "medium to soft ratio"), low=-1.0, high=1.0),
        Number("hr_hm", "hr_hm", ("hard_hm", "hard to medium ratio"), low=-1.0, high=1.0),
        Number(
            "fe_ew",
            "EW of iron",
            (
                "EW(Fe)",
                "EW(Fe K)",
                "iron equivalent width",
                "equivalent width of the iron line",
                "EW of the iron line",
            ),
            "keV",
            {"eV": 1e-3},
        ),
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
            "heavily absorbed",
            (
                "heavily obscured",
                "strongly absorbed",
                "highly absorbed",
                "strongly obscured",
                "highly obscured",
            ),
            "nh > 10",
            _OBSCURED,
        ),
        Kind(
            "absorbed",
            ("obscured", "reddened by gas", "type 2"),
            "nh > 1",
            _OBSCURED,
            more=("more absorbed", "more obscured"),
            most=("most absorbed", "most obscured"),
            by="nh",
        ),
        Kind("unabsorbed", ("unobscured", "not absorbed"), "nh < 1", _OBSCURED),
        Kind(
            "iron line",
            (
                "Fe line",
                "Fe K line",
                "iron K line",
                "Fe K alpha",
                "iron K alpha",
                "iron emission",
                "iron lines",
                "iron emission line",
                "6.4 keV line",
                "fluorescent iron line",
            ),
            "fe_ew > 0.1",
            "an equivalent width above 100 eV, what the counts of a survey can show",
        ),
        Kind(
            "thermal",
            ("thermal spectrum", "thermal spectra", "thermal emission"),
            "thermal_evidence > 3",
            "a plasma fits e^3 times better than a power law, by evidence",
        ),
        Kind(
            "hard",
            ("hard spectrum", "hard spectra"),
            by="hr_hs",
            share=_QUARTER,
            more=("harder",),
            most=("hardest",),
        ),
        Kind(
            "soft",
            ("soft spectrum", "soft spectra"),
            by="hr_hs",
            rising=False,
            share=_QUARTER,
            more=("softer",),
            most=("softest",),
        ),
        Kind("bright", by="flux", share=_QUARTER, more=("brighter",), most=("brightest",)),
        Kind(
            "faint",
            ("dim", "weak"),
            by="flux",
            rising=False,
            share=_QUARTER,
            more=("fainter",),
            most=("faintest",),
        ),
        Kind("hot", by="kt", share=_QUARTER, more=("hotter",), most=("hottest",)),
        Kind("cool", by="kt", rising=False, share=_QUARTER, more=("cooler",), most=("coolest",)),
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
        "luminosity": "no distance is known; say flux",
        "luminous": "no distance is known; say bright",
        "variable": "a base holds one spectrum of each source",
    },
    own_errors=False,
)
