"""What a plane, row or extension is, by the words that its file has for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from spectrove.readers.fitsfile import Hdu

#: Kinds and the words that mark them, read in order: the first that is found names the plane. "other" is nothing of an
#: object's own spectrum: sky, continuum, model, a second extraction.
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(words))
    for kind, words in (
        ("other", r"continu|model|template|tellur(?!ic ?(corr|remov|subtr))|transmi|respon|throughput|sens|weight"
                  r"|wave ?disp|wdisp|profile|residual|noss|\bno ?(sky|flux|cal)|uncal|normali[sz]|best ?fit|resol"
                  r"|exposure|thumb|edit|(sky|backg\w*) ?(err|i?var|noise|sigma|flux|spec)"),
        ("mask", r"mask|qual|\bdq\b|flag|bad ?pix|\bbpm\b"),
        ("wavelength", r"wave|lambda|loglam|^lam\b"),
        ("ivar", r"inverse|ivar|inv ?var"),
        ("variance", r"varia|\bvar\b|\bstat\b"),
        ("error", r"sigma|noise|error|\berrs?\b|flux ?err|err ?flux|\be ?flux|uncert|\bunc\b|\bstd"),
        ("flux", r"(sky|background) ?sub"),
        ("other", r"sky|backg|bkgd|\braw\b|\barc\b|lamp|count ?rate|gross"),
        ("flux", r"flux|spec|object|\bsci|data|counts?\b|intensity|signal|optimal"),
    )
)  # fmt: skip

#: Names of errors that are shares of the flux.
_RELATIVE = re.compile(r"relative|fraction|\brel(?![a-z])|(?<![a-z])rel_")

#: Columns that say what a fibre or an object is.
TYPES = ("type", "objtype", "targuse", "fibertype", "fibretype", "targettype", "obj_type", "fiber_type")
#: Words of such a column for fibres on blank sky, and for those that see no object: parked, broken, guiding.
SKY = ("S", "SKY", "COHERENT_SKY")
NO_OBJECT = ("N", "B", "D", "U", "F", "G", "X", "NA", "NONE", "NULL", "BAD", "UNKNOWN")
NO_OBJECT_STARTS = ("PARK", "NOT", "BROK", "DEAD", "UNUSED", "UNALL", "UNASS", "GUID", "FIDU")

#: Header cards that name the rows or planes of an image, numbered from 1, or from 0 where there is one.
ROW_CARDS = ("ARRAY", "BANDID", "ROW", "PLANE", "LABEL")
#: Kinds that say how sure the flux is, the better known first.
ERRORS = ("ivar", "error", "variance")


def kind_of(label: str) -> str | None:
    """The kind of a plane from its label: "flux", "error", "variance", "ivar", "mask", "wavelength" or "other".

    Only what stands before a dash, colon, comma or bracket counts: IRAF writes "spectrum - background fit,
    weights variance". None where no word is known.
    """
    head = re.split(r"\s-\s|[:,(\[]", label.strip().lower(), maxsplit=1)[0]
    head = re.sub(r"[_-]+", " ", head)
    return next((kind for kind, words in KINDS if words.search(head)), None)


def unit_of_errors(plane: Hdu) -> str:
    """The unit that a plane of errors states, "" where none; "relative" where its name says so."""
    return "relative" if _RELATIVE.search(plane.name.lower()) else plane.text("BUNIT")


def saw(word: str) -> str:
    """What a fibre saw by the word of a column of `TYPES`: "sky", "nothing" or "object"."""
    word = word.strip().upper()
    if word in SKY or word.startswith(("SKY", "BLANK")):
        return "sky"
    return "nothing" if word in NO_OBJECT or word.startswith(NO_OBJECT_STARTS) else "object"


def labels(header: Mapping[str, object], n: int) -> list[str]:
    """Labels of the n rows or planes of an image from the first of `ROW_CARDS` that it has; else none."""
    for card in ROW_CARDS:
        first = 0 if f"{card}0" in header else 1
        found = [Hdu(header).text(f"{card}{i + first}") for i in range(n)]
        if found[0] and any(kind_of(label) for label in found):
            return found
    return []


def pick(names: Sequence[str]) -> dict[str, int]:
    """Places of the first plane of each kind; an error plane counts only if no second flux stands before it."""
    kinds = [kind_of(name) for name in names]
    fluxes = [i for i, kind in enumerate(kinds) if kind == "flux"]
    chosen: dict[str, int] = {}
    for i, kind in enumerate(kinds):
        if kind is None or kind == "other" or kind in chosen:
            continue
        if kind in ERRORS and len(fluxes) > 1 and i > fluxes[1]:
            continue
        chosen[kind] = i
    return chosen
