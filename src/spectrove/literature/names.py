"""Names of astronomical objects: their spellings brought to one form, and the positions that some of them hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from spectrove.literature.constellations import CONSTELLATIONS, GREEK, MESSIER

#: Most words of a name.
MOST_WORDS = 5

#: Stars whose names are those of kinds of stars, so that a text that has them rarely speaks of the star.
PROTOTYPES = frozenset(
    {
        "TTAU", "FUORI", "EXLUP", "RRLYR", "BLLAC", "WUMA", "SUUMA", "UGEM", "AMHER", "DQHER", "ZCAM", "SWSEX", "AMCVN",
        "UXORI", "FKCOM", "RSCVN", "BYDRA", "WVIR", "RVTAU", "DELSCT", "GAMDOR", "BETCEP", "RCRB", "SDOR", "ZAND",
        "BETLYR", "GAMCAS", "ALFCYG", "UVCET", "WZSGE", "SXARI", "DELCEP",
    }
)  # fmt: skip

#: Words before a name that say what it is, not which one.
_TYPES = re.compile(r"^(?:V\*|\*\*|\*|NAME|EM\*|PSR|QSO|SN\*)\s+|^PSR(?=[JB]?\d)", re.IGNORECASE)
_DASHES = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "‒": "-", "~": " ", "\u2009": " ", "\xa0": " "}
)
_SIGN = re.compile(r"\$\s*([-+])\s*\$|\\[,;! ]")
_EDGES = "()[]{}<>,;:.!?'\"“”‘’`"
_WORDS = {
    "MARKARIAN": "MRK",
    "MKN": "MRK",
    "MESSIER": "MESSIER",
    "ARAKELIAN": "AKN",
    "ARK": "AKN",
    "ZWICKY": "ZW",
}
_ROMAN = {"1": "I", "2": "II", "3": "III", "4": "IV", "5": "V", "6": "VI", "7": "VII", "8": "VIII", "9": "IX"}
_STAR = re.compile(r"[A-Z]{1,2} [A-Z][A-Za-z]{2}[a-z]*")
_LETTERED = re.compile(r"[A-Z][a-z]{2,} [A-Z]\*?")
_NUMBERED = re.compile(r"(?=.*[A-Z])(?=.*\d).{4,}")
_MESSIER = re.compile(r"(?:M|MESSIER)(\d{1,3})")
_GREEK_STAR = re.compile(
    rf"(?:{'|'.join(set(GREEK.values()))})\d?(?:{'|'.join(set(CONSTELLATIONS.values()))})"
)
_PKS = re.compile(r"^PKS[BJ]?(?=\d)")

#: Right ascension and declination in a name: J0437-4715, J104424.8-593305, 2MASS J05351979-0514053, SAX J1748.9-2021.
_PLACE = re.compile(r"J(\d{4,8})(\.\d+)?([+-])(\d{4,7})(\.\d+)?(?![\d.])")


def plain_text(text: str) -> str:
    """A text with one kind of minus sign and of space, and without TeX around signs; of the same words."""
    return _SIGN.sub(lambda found: found[1] or " ", text.translate(_DASHES))


@lru_cache(maxsize=200_000)
def word_of(word: str) -> str:
    """One word of a name in the form in which names are compared; "" for one that is only punctuation."""
    bare = word if word.startswith("[") else word.strip(_EDGES)
    bare = bare.removesuffix("'s").removesuffix("’s").rstrip(_EDGES).upper()
    bare = re.sub(r"^PSR(?=[JB]\d)", "", bare)
    return _WORDS.get(bare) or CONSTELLATIONS.get(bare) or GREEK.get(bare) or bare


def words_of(text: str) -> list[str]:
    """The words of a text as written, dashes and TeX made plain; a slash parts words."""
    return plain_text(text).replace("/", " ").replace("_", " ").split()


def canonical(name: str) -> str:
    """The form in which spellings of a name are equal: "ngc 1068" to "NGC1068", "Cygnus X-3" to "CYGX-3"."""
    return "".join(word_of(word) for word in words_of(_TYPES.sub("", plain_text(name).strip())))


def spellings(name: str) -> set[str]:
    """Canonical forms under which a text may have a name; none for a name that says too little to be looked for.

    A name is looked for if it has letters and a number ("NGC 1068"), is that of a variable star ("GV Tau") unless it
    has given its name to a kind of stars, or is a word and a letter ("Cygnus A").
    """
    bare = _TYPES.sub("", plain_text(name).strip())
    one = canonical(name)
    written = " ".join(bare.split())
    says = _NUMBERED.fullmatch(one) or _STAR.fullmatch(written) or _LETTERED.fullmatch(written)
    if not (says or _GREEK_STAR.fullmatch(one) or _MESSIER.fullmatch(one)) or one in PROTOTYPES:
        return set()
    forms = {one, _PKS.sub("PKS", one), re.sub(r"^(3C\d+)\.0$", r"\1", one)}
    forms |= {f"PKSB{form[3:]}" for form in forms if form.startswith("PKS") and form[3:4].isdigit()}
    if messier := _MESSIER.fullmatch(one):
        forms = {f"MESSIER{messier[1]}", MESSIER.get(int(messier[1]), f"MESSIER{messier[1]}")}
    for number, catalogued in MESSIER.items():
        if catalogued in forms:
            # M 5 is also the type of a star: small numbers have to be called Messier 5.
            forms |= {f"MESSIER{number}"} | ({f"M{number}"} if number >= 10 else set())
    if numbered := re.fullmatch(r"([A-Z]{4,})([1-9])", one):
        forms.add(numbered[1] + _ROMAN[numbered[2]])
    if roman := re.fullmatch(r"([A-Z]{4,}) ?(I{1,3}|IV|VI{0,3}|IX)", written.upper()):
        forms.add(roman[1] + next(n for n, r in _ROMAN.items() if r == roman[2]))
    return {form for form in forms if form}


class Beginnings(dict[str, bool]):
    """Whether a word of a text may begin one of the names that are looked for, or holds a position; found once a word.

    Args:
        forms: Canonical forms of the names.
    """

    def __init__(self, forms: Iterable[str]) -> None:
        super().__init__()
        forms = set(forms)
        self._starts = [frozenset(form[:n] for form in forms) for n in (1, 2, 3)]

    def __missing__(self, word: str) -> bool:
        """Written in lower case a word begins no name, unless it is a Greek letter."""
        plain = word_of(word)
        lower = word.strip(_EDGES)[:1].islower() and plain not in GREEK.values()
        known = bool(plain) and plain[:3] in self._starts[min(len(plain), 3) - 1]
        found = (known and not lower) or _PLACE.search(word) is not None
        self[word] = found
        return found


def candidates(words: Sequence[str], begins: Beginnings) -> Iterator[tuple[int, int, str]]:
    """Stretches of words that may be a name: first word, word after the last, canonical form; longest first at each.

    Args:
        words: Of a text, see `words_of`.
        begins: Which words may begin a name.
    """
    for i, word in enumerate(words):
        if begins[word]:
            plain = [word_of(one) for one in words[i : i + MOST_WORDS]]
            for n in range(len(plain), 0, -1):
                if all(plain[:n]):
                    yield i, i + n, "".join(plain[:n])


@dataclass(frozen=True)
class Place:
    """The position that a name holds, J2000 degrees, and how far off it may be, degrees of arc in each direction."""

    ra: float
    dec: float
    ra_error: float
    dec_error: float

    @property
    def size(self) -> float:
        """The larger of the two errors, arcsec."""
        return 3600 * max(self.ra_error, self.dec_error)


def place_in(name: str) -> Place | None:
    """The position in a name; None if it holds none. Digits may be cut off or rounded: the error is one last digit."""
    found = _PLACE.search(name.upper())
    if found is None:
        return None
    hours = _sexagesimal(found[1], found[2], 24)
    degrees = _sexagesimal(found[4], found[5], 90)
    if hours is None or degrees is None:
        return None
    dec = math.copysign(degrees[0], -1 if found[3] == "-" else 1)
    return Place(15 * hours[0], dec, 15 * hours[1] * math.cos(math.radians(dec)), degrees[1])


def _sexagesimal(digits: str, decimals: str | None, most: int) -> tuple[float, float] | None:
    """Value and unit of the last digit of HHMM, HHMM.m, HHMMm, HHMMSS, HHMMSS.s or HHMMSSss; None if out of range."""
    whole, minutes, rest = int(digits[:2]), int(digits[2:4]), digits[4:]
    if whole > most or minutes > 59:
        return None
    fraction = decimals or ""
    if not rest:
        unit = 10.0 ** -max(len(fraction) - 1, 0) / 60
        return whole + (minutes + float(fraction or 0)) / 60, unit
    if len(rest) == 1:  # a tenth of a minute
        return whole + (minutes + int(rest) / 10) / 60, 1 / 600
    seconds = float(f"{rest[:2]}.{rest[2:]}{fraction.lstrip('.')}")
    places = len(rest) - 2 + max(len(fraction) - 1, 0)
    return (whole + minutes / 60 + seconds / 3600, 10.0**-places / 3600) if seconds < 61 else None
