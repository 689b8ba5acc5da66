"""Which other files the spectra of a file need, and whether a file is one of those."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from spectrove.readers.light import Companion
from spectrove.xray.events import is_event_table, is_list
from spectrove.xray.found import Files, what_it_is
from spectrove.xray.partners import KEYWORDS
from spectrove.xray.parts import Parts, all_spectra, headers_of


def companions_of(path: Path, responses: Sequence[Path | str] = ()) -> list[Companion]:
    """RMF, ARF and background of every spectrum of a file, there or not; none of a file that cannot be read.

    Args:
        path: A PHA file or a list of events.
        responses: Files and folders that the user named.
    """
    beside = Files.with_responses(responses).beside
    if is_list(path) or (not (spectra := _spectra(path)) and any(map(is_event_table, headers_of(path)))):
        found = [beside.companion(path, keyword, None) for keyword in ("RESPFILE", "ANCRFILE")]
    else:
        sources = [parts for parts in spectra if not _is_background(parts)]
        found = [beside.companion(path, word, parts.named(word)) for parts in sources for word in KEYWORDS]
    return list(dict.fromkeys(one for one in found if one is not None))


def is_companion(path: Path) -> bool:
    """Whether a file is an RMF or an ARF, or holds backgrounds alone."""
    spectra = _spectra(path)
    return all(map(_is_background, spectra)) if spectra else what_it_is(path) in ("RMF", "ARF")


def _is_background(parts: Parts) -> bool:
    return parts.text("HDUCLAS2").upper() == "BKG"


def _spectra(path: Path) -> list[Parts]:
    """Every spectrum of a file; none of one that is no FITS file, or broken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(all_spectra(path))
    except Exception:  # whoever reads it has said how
        return []
