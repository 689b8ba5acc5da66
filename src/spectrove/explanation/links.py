"""Where an object can be looked at: plain hyperlinks, never fetched by us."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

SKYSERVER = "https://skyserver.sdss.org/dr18/VisualTools/explore/summary"
LEGACY = "https://www.legacysurvey.org/viewer"
#: Printed names of the links.
NAMES = {"skyserver": "SkyServer", "legacy": "Legacy viewer"}
#: Surveys whose objects have an id that SkyServer knows.
_SDSS = ("sdss", "boss", "eboss", "segue", "manga", "legacy")


def links(row: Mapping[str, Any]) -> dict[str, str]:
    """Name to address of the pages about an object, from its position or SDSS ids; empty where nothing is known.

    A simulated object has none: what lies at its position is something else.
    """
    survey = str(row.get("survey") or "").lower()
    if survey == "mock" or str(row.get("group") or "").lower() == "mock":
        return {}
    found: dict[str, str] = {}
    place = _place(row)
    if (ids := _sdss_id(row, survey)) or place:
        found["skyserver"] = f"{SKYSERVER}?{ids or place}"
    if place:
        found["legacy"] = f"{LEGACY}?{place}&zoom=15&mark={_number(row['ra'])},{_number(row['dec'])}"
    return found


def _sdss_id(row: Mapping[str, Any], survey: str) -> str:
    """The query that names an object by its SDSS id; ids that came as floats have lost digits and are not used."""
    if not survey.startswith(_SDSS):
        return ""
    for column, name in (("objid", "id"), ("specobjid", "sid")):
        value = row.get(column)
        if value is not None and not isinstance(value, float) and str(value).strip().isdigit() and int(value):
            return f"{name}={str(value).strip()}"
    return ""


def _place(row: Mapping[str, Any]) -> str:
    ra, dec = row.get("ra"), row.get("dec")
    if ra is None or dec is None or not (math.isfinite(ra) and math.isfinite(dec)):
        return ""
    return f"ra={_number(ra)}&dec={_number(dec)}"


def _number(degrees: float) -> str:
    return f"{degrees:.6f}".rstrip("0").rstrip(".")
