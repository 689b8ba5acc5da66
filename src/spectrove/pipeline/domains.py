"""The domains: every kind of light that Spectrove knows, by the name that a base's kb.json gives."""

from __future__ import annotations

from spectrove.domain import Domain
from spectrove.galaxies.domain import GALAXIES

DOMAINS: dict[str, Domain] = {
    "galaxies": GALAXIES,
}
