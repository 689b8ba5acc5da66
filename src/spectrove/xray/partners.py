"""The files of a spectrum: those that its header names, and those beside it under the name that a survey gives.

Names of products are those of the Chandra Source Catalog (`acisf07867_000N001_r0002_pha3.fits` with `arf3` and `rmf3`)
and of 4XMM (`P0123456789M1S001SRSPEC0001.FTZ` with `SRCARF` and `BGSPEC`; its RMFs are shared and kept elsewhere).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from spectrove.errors import FormatError
from spectrove.reach import reachable
from spectrove.readers.light import Companion
from spectrove.xray.matrix import Place

#: Values of a file keyword that name no file.
NO_FILE = {"", "none", "null", "%match%", "caldb"}

#: Keyword to what it names.
KEYWORDS = {"RESPFILE": "RMF", "ANCRFILE": "ARF", "BACKFILE": "background"}

#: Where the shared RMFs of XMM-Newton are kept.
XMM_RESPONSES = "https://www.cosmos.esa.int/web/xmm-newton/epic-response-files"
_XMM_SHARED = re.compile(r"^(epn|m1|m2|m11|m21)_.*\.rmf(\.gz)?$", re.I)

#: An extension or row behind a file name, as in "bkg.pha{2}".
_PART = re.compile(r"[\[{].*$")

_CSC = re.compile(r"^(?P<stem>.+_)(reg)?(pha|evt)(?P<level>\d?)(?P<rest>\.f.*)$", re.I)
_XMM = re.compile(r"^(?P<stem>P\d{10}[A-Z0-9]{4,9})SRSPEC(?P<rest>[0-9A-F]{4}\..+)$", re.I)
_PACKED = re.compile(r"\.gz$", re.I)
_SUFFIXES = re.compile(r"(\.(gz|pi|pha|pha2|fits|fit|fts|ftz|ds|evt|csv|txt|ecsv|json|jsonl))+$", re.I)

#: Endings of a spectrum's partners, after the spectrum's own name without suffixes.
_ENDINGS = {
    "RESPFILE": (".rmf", ".wrmf", ".rsp"),
    "ANCRFILE": (".arf", ".warf", ".corr.arf"),
    "BACKFILE": ("_bkg.pi", "_bg.pi", "_bkg.pha", "_bg.pha"),
}


def stem(name: str) -> str:
    """The name of a spectrum's file without its suffixes."""
    return _SUFFIXES.sub("", name)


@dataclass
class Beside:
    """Files found by name: beside each spectrum, and among those that the user said.

    Attributes:
        said: RMFs and ARFs for spectra that name none, and folders where named ones are looked for.
        kind: What a file is, "RMF" or "ARF".
    """

    said: Sequence[Path] = ()
    kind: Callable[[Path], str] | None = None
    _folders: dict[Path, dict[str, Path]] = field(default_factory=dict)
    _kinds: dict[Path, str] = field(default_factory=dict)

    def find(self, label: str, spectrum: Path, keyword: str, value: str | None) -> Place | None:
        """The file that a keyword of a spectrum names, or that stands in for it; None where there is none.

        Args:
            label: The spectrum, for sentences.
            spectrum: Its file.
            keyword: Of `KEYWORDS`.
            value: Of the keyword; None where the header has not got it.

        Raises:
            FormatError: It is named, and not there.
        """
        name, part = _split(value or "")
        if name.lower() not in NO_FILE:
            return Place(self._named(label, spectrum, keyword, name), part)
        if value is None or keyword != "BACKFILE" or _XMM.match(spectrum.name):
            found = self._by_product(spectrum, keyword) or (
                self._by_stem(spectrum, keyword) if value is None else None
            )
            if found is not None:
                return Place(found)
        said = self._said(KEYWORDS[keyword])
        return None if said is None else Place(said)

    def companion(self, spectrum: Path, keyword: str, value: str | None) -> Companion | None:
        """The file that `find` looks for, whether it is there or not; None where it looks for none."""
        name, _ = _split(value or "")
        if name.lower() not in NO_FILE:
            return Companion(name, tuple(self._candidates(spectrum, name)))
        if value is not None and keyword == "BACKFILE" and not _XMM.match(spectrum.name):
            return None
        product = _product(spectrum, keyword)
        names = [*([product] if product else []), *(_own_names(spectrum, keyword) if value is None else [])]
        places = tuple(path for name in names for path in _spellings(spectrum.parent / name))
        return Companion(names[0], places, named=False) if names else None

    def hint(self, spectrum: Path, keyword: str) -> str:
        """What stands beside a spectrum under its name although its header says that there is none, as a sentence."""
        found = self._by_stem(spectrum, keyword)
        return "" if found is None else f" {found.name} stands beside it: is it that?"

    def _named(self, label: str, spectrum: Path, keyword: str, name: str) -> Path:
        for candidate in self._candidates(spectrum, name):
            if reachable(candidate) and candidate.is_file():
                return candidate
        if len(self.said):
            found = self._said(KEYWORDS[keyword])
            if found is not None:
                return found
        raise FormatError(_away(label, spectrum, keyword, name))

    def _candidates(self, spectrum: Path, name: str) -> list[Path]:
        """Where a file may lie that a spectrum names."""
        folders = [spectrum.parent, *(path for path in self.said if path.is_dir())]
        return [path for folder in folders for path in _spellings(folder / name)]

    def _said(self, kind: str) -> Path | None:
        """The first file of a kind that the user said."""
        for path in self.said:
            if path.is_dir() or self.kind is None:
                continue
            if self._kinds.setdefault(path, self.kind(path)) == kind:
                return path
        return None

    def _by_product(self, spectrum: Path, keyword: str) -> Path | None:
        """The partner of a product of a catalog, which only its name tells."""
        name = _product(spectrum, keyword)
        return self._listed(spectrum.parent, name) if name else None

    def _by_stem(self, spectrum: Path, keyword: str) -> Path | None:
        """A partner called as the spectrum, but for the ending."""
        found = (self._listed(spectrum.parent, name) for name in _own_names(spectrum, keyword))
        return next((path for path in found if path is not None), None)

    def _listed(self, folder: Path, name: str) -> Path | None:
        """A file of a folder, plain or gzipped; each folder is listed once."""
        if folder not in self._folders:
            try:
                names = [path for path in folder.iterdir() if path.is_file()]
            except OSError:
                names = []
            self._folders[folder] = {_PACKED.sub("", path.name).lower(): path for path in names}
        return self._folders[folder].get(name.lower())


def _product(spectrum: Path, keyword: str) -> str:
    """Name of the partner of a product of a catalog; "" for other spectra."""
    if match := _CSC.match(_PACKED.sub("", spectrum.name)):
        kind = {"RESPFILE": "rmf", "ANCRFILE": "arf"}.get(keyword)
        return f"{match['stem']}{kind}{match['level']}{match['rest']}" if kind else ""
    if match := _XMM.match(_PACKED.sub("", spectrum.name)):
        kind = {"BACKFILE": "BGSPEC", "ANCRFILE": "SRCARF"}.get(keyword)
        return f"{match['stem']}{kind}{match['rest']}" if kind else ""
    return ""


def _own_names(spectrum: Path, keyword: str) -> list[str]:
    """Names like that of the spectrum, but for the ending; or with rmf or arf where the spectrum has pi or pha."""
    own = stem(spectrum.name)
    names = [own + ending for ending in _ENDINGS[keyword]]
    kind = {"RESPFILE": "rmf", "ANCRFILE": "arf"}.get(keyword)
    if kind and (match := re.match(r"^(pi|pha|spec)(?=[\d_])", own, re.I)):
        names += [f"{kind}{own[match.end() :]}{ending}" for ending in (".fits", ".fit", f".{kind}")]
    return names


def _split(value: str) -> tuple[str, str]:
    """The name in the value of a keyword, and what stands behind it in brackets."""
    part = _PART.search(value)
    return _PART.sub("", value).strip(), part[0].strip() if part else ""


def _spellings(place: Path) -> list[Path]:
    """A file's name as it is, gzipped, and with the endings by which XMM-Newton's products go."""
    names = [place.name, f"{place.name}.gz", _PACKED.sub("", place.name)]
    if match := re.match(r"^(.*)\.(FIT|FTZ|FITS)$", place.name, re.I):
        names += [f"{match[1]}.{ending}" for ending in ("FTZ", "FIT", "FITS", "fits", "fits.gz")]
    return [place.with_name(name) for name in dict.fromkeys(names) if name]


def _away(label: str, spectrum: Path, keyword: str, name: str) -> str:
    if keyword == "RESPFILE" and _XMM_SHARED.match(Path(name).name):
        return (
            f"{label}: RESPFILE {name} is one of XMM-Newton's shared RMFs and is not in {spectrum.parent}. Get it from "
            f"{XMM_RESPONSES}, and put it beside the spectrum, or give its folder with --response."
        )
    advice = (
        'set the keyword to "none" if there is none'
        if keyword == "BACKFILE"
        else "give its folder with --response"
    )
    base = Path(name).name
    return (
        f"{label}: {keyword} {name} is not there (nor {base}.gz) in {spectrum.parent}. Put it beside the spectrum, or "
        f"{advice}."
    )
