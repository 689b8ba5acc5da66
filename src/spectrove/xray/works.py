"""Works to cite for X-ray spectra: likelihoods, hardness ratios, models."""

from __future__ import annotations

from spectrove.explanation.panel import Cited
from spectrove.explanation.works import Work, article

#: Key to work. What we could not vouch for is left out.
WORKS: dict[str, Work] = {
    "cash1979": article("Cash, W.", "Parameter estimation in astronomy through application of the likelihood ratio",
                        "ApJ", 1979, "228", "939", "10.1086/156922"),
    "arnaud1996": Work("inproceedings", {
        "author": "Arnaud, K. A.", "title": "{XSPEC: The First Ten Years}",
        "booktitle": "Astronomical Data Analysis Software and Systems V", "year": "1996", "volume": "101",
        "pages": "17",
    }),
    "park2006": article("Park, Taeyoung and others", "Bayesian Estimation of Hardness Ratios: Modeling and "
                        "Computations", "ApJ", 2006, "652", "610", "10.1086/507406"),
    "morrison1983": article("Morrison, Robert and McCammon, Dan", "Interstellar photoelectric absorption cross "
                            "sections, 0.03-10 keV", "ApJ", 1983, "270", "119", "10.1086/161102"),
}  # fmt: skip


def of_fits(*, background: bool) -> tuple[Cited, ...]:
    """What measurements of counts rest on."""
    likelihood = Cited("cash1979", WORKS["cash1979"], "likelihood of counts")
    measured_behind = Cited("arnaud1996", WORKS["arnaud1996"], "likelihood with a measured background")
    return (
        likelihood,
        *([measured_behind] if background else []),
        Cited("park2006", WORKS["park2006"], "hardness ratios"),
        Cited("morrison1983", WORKS["morrison1983"], "absorption"),
    )
