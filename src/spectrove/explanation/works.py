"""Works to cite: what an entry of a bibliography is, and the works that explanations of every kind rest on.

Only what is certain stands here: a field that we could not vouch for is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from spectrove.version import __version__


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


def article(author: str, title: str, journal: str, year: int, volume: str, pages: str, doi: str = "") -> Work:
    """A paper in a journal."""
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
    "bailey2012": article("Bailey, Stephen", "Principal Component Analysis with Noisy and/or Missing Data",
                          "PASP", 2012, "124", "1015", "10.1086/668105"),
    "pedregosa2011": article("Pedregosa, Fabian and others", "Scikit-learn: Machine Learning in Python",
                             "JMLR", 2011, "12", "2825"),
    "saerens2002": article("Saerens, Marco and Latinne, Patrice and Decaestecker, Christine", "Adjusting the Outputs "
                           "of a Classifier to New a Priori Probabilities: A Simple Procedure",
                           "Neural Computation", 2002, "14", "21", "10.1162/089976602753284446"),
    "vovk2005": Work("book", {
        "author": "Vovk, Vladimir and Gammerman, Alexander and Shafer, Glenn",
        "title": "{Algorithmic Learning in a Random World}", "publisher": "Springer", "year": "2005",
    }),
    "astropy2022": article("{Astropy Collaboration} and others", "The Astropy Project: Sustaining and Growing a "
                           "Community-oriented Open-source Project and the Latest Major Release (v5.0) of the Core "
                           "Package", "ApJ", 2022, "935", "167", "10.3847/1538-4357/ac7c74"),
}  # fmt: skip
