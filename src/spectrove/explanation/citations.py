"""References to cite for an answer: works, with the reason for each, as text and as BibTeX.

Only what is certain stands here: a field that we could not vouch for is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.explanation.sentences import cautions
from spectrove.version import __version__

if TYPE_CHECKING:
    from spectrove.explanation.evidence import Evidence


@dataclass(frozen=True)
class Work:
    """One work: the kind of BibTeX entry, and its fields in order."""

    kind: str
    fields: dict[str, str]

    @property
    def short(self) -> str:
        """Authors, year and place as a line: "York et al. 2000, AJ, 120, 1579"."""
        f = self.fields
        names = f["author"].split(" and ")
        first = names[0].strip("{}").split(",")[0]
        who = first + (" et al." if len(names) > 2 or names[-1] == "others" else "")
        if len(names) == 2 and names[-1] != "others":
            who += f" & {names[1].strip('{}').split(',')[0]}"
        where = [f.get("journal") or f.get("booktitle") or f.get("publisher") or f.get("note", "")]
        where += [f[key] for key in ("volume", "pages", "version") if key in f]
        where += [f"arXiv:{f['eprint']}"] if "eprint" in f else []
        when = f" {f['year']}" if "year" in f else ""
        return f"{who}{when}, {', '.join(w for w in where if w)}"

    @property
    def url(self) -> str:
        """Where to find it, or ""."""
        if "doi" in self.fields:
            return f"https://doi.org/{self.fields['doi']}"
        return f"https://arxiv.org/abs/{self.fields['eprint']}" if "eprint" in self.fields else ""


@dataclass(frozen=True)
class Citation:
    """A work that had a part in an answer, by its key in `WORKS`, and why."""

    key: str
    reasons: tuple[str, ...] = field(default=())

    @property
    def work(self) -> Work:
        """The work itself."""
        return WORKS[self.key]

    @property
    def text(self) -> str:
        """One line: why, and what."""
        return f"{', '.join(self.reasons)}: {self.work.short}"

    @property
    def bibtex(self) -> str:
        """The entry."""
        lines = [f"  {name} = {{{value}}}," for name, value in self.work.fields.items()]
        return "\n".join([f"@{self.work.kind}{{{self.key},", *lines, "}"])

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "key": self.key, "reasons": list(self.reasons), "text": self.work.short, "url": self.work.url or None,
            "bibtex": self.bibtex,
        }  # fmt: skip


def _article(
    author: str, title: str, journal: str, year: int, volume: str, pages: str, doi: str = ""
) -> Work:
    fields = {
        "author": author,
        "title": f"{{{title}}}",
        "journal": journal,
        "year": str(year),
        "volume": volume,
    }
    return Work("article", fields | {"pages": pages} | ({"doi": doi} if doi else {}))


#: Key to work.
WORKS: dict[str, Work] = {
    "spectrove": Work("software", {
        "author": "{The Spectrove developers}", "title": "{Spectrove: a search engine for astronomical spectra}",
        "version": __version__, "note": "software",
    }),
    "york2000": _article("York, Donald G. and others", "The Sloan Digital Sky Survey: Technical Summary",
                         "AJ", 2000, "120", "1579", "10.1086/301513"),
    "smee2013": _article("Smee, Stephen A. and others", "The Multi-object, Fiber-fed Spectrographs for the Sloan "
                         "Digital Sky Survey and the Baryon Oscillation Spectroscopic Survey",
                         "AJ", 2013, "146", "32", "10.1088/0004-6256/146/2/32"),
    "dawson2013": _article("Dawson, Kyle S. and others", "The Baryon Oscillation Spectroscopic Survey of SDSS-III",
                           "AJ", 2013, "145", "10", "10.1088/0004-6256/145/1/10"),
    "dawson2016": _article("Dawson, Kyle S. and others", "The SDSS-IV Extended Baryon Oscillation Spectroscopic "
                           "Survey: Overview and Early Data", "AJ", 2016, "151", "44", "10.3847/0004-6256/151/2/44"),
    "desi2024": _article("{DESI Collaboration} and others", "The Early Data Release of the Dark Energy Spectroscopic "
                         "Instrument", "AJ", 2024, "168", "58", "10.3847/1538-3881/ad3217"),
    "cui2012": _article("Cui, Xiang-Qun and others", "The Large Sky Area Multi-Object Fiber Spectroscopic Telescope "
                        "(LAMOST)", "RAA", 2012, "12", "1197", "10.1088/1674-4527/12/9/003"),
    "jones2009": _article("Jones, D. Heath and others", "The 6dF Galaxy Survey: final redshift release (DR3) and "
                          "southern large-scale structures", "MNRAS", 2009, "399", "683",
                          "10.1111/j.1365-2966.2009.15338.x"),
    "mclure2018": _article("McLure, R. J. and others", "The VANDELS ESO public spectroscopic survey",
                           "MNRAS", 2018, "479", "25", "10.1093/mnras/sty1213"),
    "vernet2011": _article("Vernet, J. and others", "X-shooter, the new wide band intermediate resolution "
                           "spectrograph at the ESO Very Large Telescope", "A&A", 2011, "536", "A105",
                           "10.1051/0004-6361/201117752"),
    "bundy2015": _article("Bundy, Kevin and others", "Overview of the SDSS-IV MaNGA Survey: Mapping nearby Galaxies "
                          "at Apache Point Observatory", "ApJ", 2015, "798", "7", "10.1088/0004-637X/798/1/7"),
    "appenzeller1998": _article("Appenzeller, I. and others", "Successful commissioning of FORS1 - the first optical "
                                "instrument on the VLT", "The Messenger", 1998, "94", "1"),
    "bacon2010": Work("inproceedings", {
        "author": "Bacon, R. and others", "title": "{The MUSE second-generation VLT instrument}",
        "booktitle": "Proc. SPIE", "year": "2010", "volume": "7735", "pages": "773508", "doi": "10.1117/12.856027",
    }),
    "gardner2006": _article("Gardner, Jonathan P. and others", "The James Webb Space Telescope",
                            "Space Sci. Rev.", 2006, "123", "485", "10.1007/s11214-006-8315-7"),
    "baldwin1981": _article("Baldwin, J. A. and Phillips, M. M. and Terlevich, R.", "Classification parameters for "
                            "the emission-line spectra of extragalactic objects", "PASP", 1981, "93", "5",
                            "10.1086/130766"),
    "kauffmann2003": _article("Kauffmann, Guinevere and others", "The host galaxies of active galactic nuclei",
                              "MNRAS", 2003, "346", "1055", "10.1111/j.1365-2966.2003.07154.x"),
    "kewley2001": _article("Kewley, L. J. and Dopita, M. A. and Sutherland, R. S. and Heisler, C. A. and Trevena, J.",
                           "Theoretical Modeling of Starburst Galaxies", "ApJ", 2001, "556", "121", "10.1086/321545"),
    "kewley2006": _article("Kewley, Lisa J. and Groves, Brent and Kauffmann, Guinevere and Heckman, Tim", "The host "
                           "galaxies and classification of active galactic nuclei", "MNRAS", 2006, "372", "961",
                           "10.1111/j.1365-2966.2006.10859.x"),
    "cidfernandes2011": _article("Cid Fernandes, R. and others", "A comprehensive classification of galaxies in the "
                                 "Sloan Digital Sky Survey: how to tell true from fake AGN?", "MNRAS", 2011, "413",
                                 "1687", "10.1111/j.1365-2966.2011.18244.x"),
    "vazdekis2016": _article("Vazdekis, A. and others", "UV-extended E-MILES stellar population models: young "
                             "components in massive early-type galaxies", "MNRAS", 2016, "463", "3409",
                             "10.1093/mnras/stw2231"),
    "sundararajan2017": Work("inproceedings", {
        "author": "Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi",
        "title": "{Axiomatic Attribution for Deep Networks}", "booktitle": "ICML", "year": "2017",
        "volume": "PMLR 70", "pages": "3319", "eprint": "1703.01365", "archiveprefix": "arXiv",
    }),
    "kokhlikyan2020": Work("misc", {
        "author": "Kokhlikyan, Narine and others", "year": "2020", "eprint": "2009.07896", "archiveprefix": "arXiv",
        "title": "{Captum: A unified and generic model interpretability library for PyTorch}",
    }),
    "zeiler2014": Work("inproceedings", {
        "author": "Zeiler, Matthew D. and Fergus, Rob",
        "title": "{Visualizing and Understanding Convolutional Networks}", "booktitle": "ECCV", "year": "2014",
        "pages": "818", "doi": "10.1007/978-3-319-10590-1_53",
    }),
    "bailey2012": _article("Bailey, Stephen", "Principal Component Analysis with Noisy and/or Missing Data",
                           "PASP", 2012, "124", "1015", "10.1086/668105"),
    "pedregosa2011": _article("Pedregosa, Fabian and others", "Scikit-learn: Machine Learning in Python",
                              "JMLR", 2011, "12", "2825"),
    "saerens2002": _article("Saerens, Marco and Latinne, Patrice and Decaestecker, Christine", "Adjusting the Outputs "
                            "of a Classifier to New a Priori Probabilities: A Simple Procedure",
                            "Neural Computation", 2002, "14", "21", "10.1162/089976602753284446"),
    "vovk2005": Work("book", {
        "author": "Vovk, Vladimir and Gammerman, Alexander and Shafer, Glenn",
        "title": "{Algorithmic Learning in a Random World}", "publisher": "Springer", "year": "2005",
    }),
    "astropy2022": _article("{Astropy Collaboration} and others", "The Astropy Project: Sustaining and Growing a "
                            "Community-oriented Open-source Project and the Latest Major Release (v5.0) of the Core "
                            "Package", "ApJ", 2022, "935", "167", "10.3847/1538-4357/ac7c74"),
}  # fmt: skip

#: A word in a survey's name, and what its users ask to be cited.
SURVEYS: dict[str, tuple[str, ...]] = {
    "sdss": ("york2000", "smee2013"), "boss": ("dawson2013", "smee2013"), "eboss": ("dawson2016", "smee2013"),
    "manga": ("bundy2015",), "desi": ("desi2024",), "lamost": ("cui2012",), "6dfgs": ("jones2009",),
    "sixdf": ("jones2009",), "vandels": ("mclure2018",), "fors2": ("appenzeller1998",), "muse": ("bacon2010",),
    "xshooter": ("vernet2011",), "shooter": ("vernet2011",), "jwst": ("gardner2006",),
}  # fmt: skip
_DIAGRAM = ("baldwin1981", "kauffmann2003", "kewley2001", "kewley2006")


def citations(evidence: Evidence) -> tuple[Citation, ...]:
    """References for an answer and its explanation, in the order of the processing steps."""
    return gathered(used(evidence))


def gathered(pairs: Iterable[tuple[str, str]]) -> tuple[Citation, ...]:
    """Citations from (key, reason) pairs: each work once, with all its reasons."""
    reasons: dict[str, list[str]] = {}
    for key, reason in pairs:
        kept = reasons.setdefault(key, [])
        kept += [reason] if reason not in kept else []
    return tuple(Citation(key, tuple(why)) for key, why in reasons.items())


def write_bibtex(cited: Iterable[Citation], path: Path | str) -> Path:
    """Writes the entries as a .bib file; gives its path.

    Raises:
        DatasetError: If the file cannot be written.
    """
    from spectrove.explanation.style import save  # it brings matplotlib

    return save(("\n\n".join(c.bibtex for c in cited) + "\n").encode(), path)


def used(evidence: Evidence) -> Iterable[tuple[str, str]]:
    """Keys of works that had a part in an answer, each with its reason."""
    yield "spectrove", "this program"
    yield from surveys(evidence)
    if "pca" in evidence.provenance.encoder:
        yield "bailey2012", "principal components"
    if evidence.prediction.metric != "none":
        yield "pedregosa2011", "the fitted metric"
    if evidence.provenance.prevalence is not None:
        yield "saerens2002", "the expected prevalence"
    if evidence.prediction.set is not None:
        yield "vovk2005", "conformal sets"
    shown = [evidence.query, *evidence.neighbors]
    if any(m.lines is not None for m in shown):
        yield "vazdekis2016", "stellar continua under the measured lines"
    if any(m.bpt is not None for m in shown):
        yield from ((key, "the [N II] diagram") for key in _DIAGRAM)
    if any("Cid Fernandes" in text for text in cautions(evidence)):
        yield "cidfernandes2011", "retired galaxies"
    if evidence.saliency:
        yield from ((key, "integrated gradients") for key in ("sundararajan2017", "kokhlikyan2020"))
        yield "zeiler2014", "replaced regions"
    yield "astropy2022", "tables and units"


def surveys(evidence: Evidence) -> Iterable[tuple[str, str]]:
    """The surveys of the query and of its neighbours."""
    for who, item in [("the query", evidence.query), *(("neighbours", n) for n in evidence.neighbors)]:
        name = str((item.spectrum.row.get("survey") if item.spectrum else None) or "").lower()
        if name == "mock":
            yield "vazdekis2016", "templates of simulated spectra"
            continue
        for word in re.split(r"[^a-z0-9]+", name):
            yield from ((key, f"spectra of {who} ({name})") for key in SURVEYS.get(word, ()))
