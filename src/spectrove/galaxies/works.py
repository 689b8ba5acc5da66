"""Works to cite for spectra of galaxies: surveys, stellar templates, diagrams.

What we could not vouch for is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.panel import Cited
from spectrove.explanation.works import Work, article
from spectrove.galaxies.diagram.measured import bpt_of, lines_of

#: Key to work.
WORKS: dict[str, Work] = {
    "york2000": article("York, Donald G. and others", "The Sloan Digital Sky Survey: Technical Summary",
                        "AJ", 2000, "120", "1579", "10.1086/301513"),
    "smee2013": article("Smee, Stephen A. and others", "The Multi-object, Fiber-fed Spectrographs for the Sloan "
                        "Digital Sky Survey and the Baryon Oscillation Spectroscopic Survey",
                        "AJ", 2013, "146", "32", "10.1088/0004-6256/146/2/32"),
    "dawson2013": article("Dawson, Kyle S. and others", "The Baryon Oscillation Spectroscopic Survey of SDSS-III",
                          "AJ", 2013, "145", "10", "10.1088/0004-6256/145/1/10"),
    "dawson2016": article("Dawson, Kyle S. and others", "The SDSS-IV Extended Baryon Oscillation Spectroscopic "
                          "Survey: Overview and Early Data", "AJ", 2016, "151", "44", "10.3847/0004-6256/151/2/44"),
    "desi2024": article("{DESI Collaboration} and others", "The Early Data Release of the Dark Energy Spectroscopic "
                        "Instrument", "AJ", 2024, "168", "58", "10.3847/1538-3881/ad3217"),
    "cui2012": article("Cui, Xiang-Qun and others", "The Large Sky Area Multi-Object Fiber Spectroscopic Telescope "
                       "(LAMOST)", "RAA", 2012, "12", "1197", "10.1088/1674-4527/12/9/003"),
    "jones2009": article("Jones, D. Heath and others", "The 6dF Galaxy Survey: final redshift release (DR3) and "
                         "southern large-scale structures", "MNRAS", 2009, "399", "683",
                         "10.1111/j.1365-2966.2009.15338.x"),
    "mclure2018": article("McLure, R. J. and others", "The VANDELS ESO public spectroscopic survey",
                          "MNRAS", 2018, "479", "25", "10.1093/mnras/sty1213"),
    "vernet2011": article("Vernet, J. and others", "X-shooter, the new wide band intermediate resolution "
                          "spectrograph at the ESO Very Large Telescope", "A&A", 2011, "536", "A105",
                          "10.1051/0004-6361/201117752"),
    "bundy2015": article("Bundy, Kevin and others", "Overview of the SDSS-IV MaNGA Survey: Mapping nearby Galaxies "
                         "at Apache Point Observatory", "ApJ", 2015, "798", "7", "10.1088/0004-637X/798/1/7"),
    "appenzeller1998": article("Appenzeller, I. and others", "Successful commissioning of FORS1 - the first optical "
                               "instrument on the VLT", "The Messenger", 1998, "94", "1"),
    "bacon2010": Work("inproceedings", {
        "author": "Bacon, R. and others", "title": "{The MUSE second-generation VLT instrument}",
        "booktitle": "Proc. SPIE", "year": "2010", "volume": "7735", "pages": "773508", "doi": "10.1117/12.856027",
    }),
    "gardner2006": article("Gardner, Jonathan P. and others", "The James Webb Space Telescope",
                           "Space Sci. Rev.", 2006, "123", "485", "10.1007/s11214-006-8315-7"),
    "baldwin1981": article("Baldwin, J. A. and Phillips, M. M. and Terlevich, R.", "Classification parameters for "
                           "the emission-line spectra of extragalactic objects", "PASP", 1981, "93", "5",
                           "10.1086/130766"),
    "kauffmann2003": article("Kauffmann, Guinevere and others", "The host galaxies of active galactic nuclei",
                             "MNRAS", 2003, "346", "1055", "10.1111/j.1365-2966.2003.07154.x"),
    "kewley2001": article("Kewley, L. J. and Dopita, M. A. and Sutherland, R. S. and Heisler, C. A. and Trevena, J.",
                          "Theoretical Modeling of Starburst Galaxies", "ApJ", 2001, "556", "121", "10.1086/321545"),
    "kewley2006": article("Kewley, Lisa J. and Groves, Brent and Kauffmann, Guinevere and Heckman, Tim", "The host "
                          "galaxies and classification of active galactic nuclei", "MNRAS", 2006, "372", "961",
                          "10.1111/j.1365-2966.2006.10859.x"),
    "cidfernandes2011": article("Cid Fernandes, R. and others", "A comprehensive classification of galaxies in the "
                                "Sloan Digital Sky Survey: how to tell true from fake AGN?", "MNRAS", 2011, "413",
                                "1687", "10.1111/j.1365-2966.2011.18244.x"),
    "vazdekis2016": article("Vazdekis, A. and others", "UV-extended E-MILES stellar population models: young "
                            "components in massive early-type galaxies", "MNRAS", 2016, "463", "3409",
                            "10.1093/mnras/stw2231"),
}  # fmt: skip

#: A word in a survey's name, and what its users ask to be cited.
SURVEYS: dict[str, tuple[str, ...]] = {
    "sdss": ("york2000", "smee2013"), "boss": ("dawson2013", "smee2013"), "eboss": ("dawson2016", "smee2013"),
    "manga": ("bundy2015",), "desi": ("desi2024",), "lamost": ("cui2012",), "6dfgs": ("jones2009",),
    "sixdf": ("jones2009",), "vandels": ("mclure2018",), "fors2": ("appenzeller1998",), "muse": ("bacon2010",),
    "xshooter": ("vernet2011",), "shooter": ("vernet2011",), "jwst": ("gardner2006",),
}  # fmt: skip
_DIAGRAM = ("baldwin1981", "kauffmann2003", "kewley2001", "kewley2006")


def of_surveys(evidence: Evidence) -> Iterable[Cited]:
    """Works on the surveys of the query and of its neighbours."""
    for who, item in [("the query", evidence.query), *(("neighbours", n) for n in evidence.neighbors)]:
        name = str((item.spectrum.row.get("survey") if item.spectrum else None) or "").lower()
        if name == "mock":
            yield _cited("vazdekis2016", "templates of simulated spectra")
            continue
        for word in re.split(r"[^a-z0-9]+", name):
            yield from (_cited(key, f"spectra of {who} ({name})") for key in SURVEYS.get(word, ()))


def of_lines(evidence: Evidence, cautions: Sequence[str]) -> Iterable[Cited]:
    """Works that measured lines, the diagram, and cautions about them rest on."""
    shown = [evidence.query, *evidence.neighbors]
    if any(lines_of(item) is not None for item in shown):
        yield _cited("vazdekis2016", "stellar continua under the measured lines")
    if any(bpt_of(item) is not None for item in shown):
        yield from (_cited(key, "the [N II] diagram") for key in _DIAGRAM)
    if any("Cid Fernandes" in text for text in cautions):
        yield _cited("cidfernandes2011", "retired galaxies")


def _cited(key: str, reason: str) -> Cited:
    return Cited(key, WORKS[key], reason)
