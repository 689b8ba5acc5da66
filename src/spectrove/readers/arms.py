"""Tables of one spectrograph's arms, and of several extractions, as one spectrum of one object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from spectrove.errors import Refusal
from spectrove.readers.arrays import Arrays

_ARM = re.compile(r"^(.+?)[-_ ](B|R|BLUE|RED|UVB|VIS|NIR)$", re.I)
#: Ways in which DEIMOS files of DEEP2 extract one object, the first of them taken.
EXTRACTIONS = ("BXSPF", "HORNE")


def join_arms(parts: Sequence[Arrays], path: Path) -> list[Arrays | Refusal]:
    """Parts whose names differ in their arm alone end to end, where these do not overlap; else the parts as they are.

    DEIMOS gives Bxspf-B, Bxspf-R, Horne-B and Horne-R of one object: the second extraction is left out with a sentence.
    """
    groups: dict[str, list[Arrays]] = {}
    for part in parts:
        found = _ARM.match(part.names[0]) if part.names else None
        groups.setdefault(found[1] if found else f"\n{len(groups)}", []).append(part)
    if not any(_follow(group) for group in groups.values()):
        return list(parts)
    joined: list[Arrays | Refusal] = []
    extractions = [stem for stem in groups if stem.upper() in EXTRACTIONS]
    for stem, group in groups.items():
        if stem in extractions[1:]:
            said = f"{stem} is a second extraction of the same object as {extractions[0]}, and was left out."
            joined.append(Refusal(str(path), f"{path.name}: {said}"))
        elif _follow(group):
            joined.append(_end_to_end(group, "" if len(groups) == max(1, len(extractions)) else stem))
        else:
            joined += group
    return joined


def _follow(group: Sequence[Arrays]) -> bool:
    """Whether there are several arms, which do not overlap and were measured alike."""
    if len(group) < 2 or len({(*part.others, part.flux_unit, part.wavelength_unit) for part in group}) > 1:
        return False
    ends = sorted((np.nanmin(part.wavelength), np.nanmax(part.wavelength)) for part in group)
    return all(last < first for (_, last), (first, _) in pairwise(ends))


def _end_to_end(group: Sequence[Arrays], name: str) -> Arrays:
    group = sorted(group, key=lambda part: float(np.nanmin(part.wavelength)))
    # Each arm rises: an arm that falls is turned round.
    spans = [slice(None, None, 1 if part.wavelength[0] <= part.wavelength[-1] else -1) for part in group]
    pairs = list(zip(group, spans, strict=True))
    return replace(
        group[0],
        wavelength=np.concatenate([part.wavelength[span] for part, span in pairs]),
        flux=np.concatenate([part.flux[span] for part, span in pairs]),
        others={
            key: np.concatenate([part.others[key][span] for part, span in pairs]) for key in group[0].others
        },
        names=[name],
    )
