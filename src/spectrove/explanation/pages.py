"""From a template and values to the text of a page: everything inside one file, light and dark, wide and narrow."""

from __future__ import annotations

import base64
import struct
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from spectrove.explanation.style import DPI

#: Screen pixels for an inch of a figure, at least: the smallest letters are then ten pixels high. A figure that is
#: wider than the screen scrolls.
_LEAST_PER_INCH = 90

#: Maximum number of found objects listed on a page; with more it would be too long to open.
MOST_FOUND = 2000


def render(template: str, **values: Any) -> str:
    """The page that a template makes of values.

    Args:
        template: Its file.
        values: By name, escaped.
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return environment_of()


def environment_of(home: str = "") -> Environment:
    """Templates of a package, and those of this one beside them.

    Every value is escaped; an undefined name is an error, not an empty string.
    """
    own = PackageLoader("spectrove.explanation")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(home), own]) if home else own, autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"data_url": _data_url, "least_width": least_width}
    return environment


def _data_url(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def least_width(png: bytes) -> int:
    """Pixels of the screen below which a figure's letters are too small to read."""
    (width,) = struct.unpack(">I", png[16:20])
    return round(width / DPI * _LEAST_PER_INCH)
