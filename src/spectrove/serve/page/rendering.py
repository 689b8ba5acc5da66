"""From a template and values to a page, or to a piece of one."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment
from starlette.responses import Response

from spectrove.explanation.pages import environment_of
from spectrove.serve.page.wording import for_page
from spectrove.version import __version__

#: What browsers may load on a page: what this server has. Styles in attributes set sizes of figures and bars.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HOME = "spectrove.serve.page"

#: What a base has pages for, in the order of the menu: name, and address below that of the base.
SECTIONS = (
    ("Start", ""),
    ("Map", "map"),
    ("Hunts", "hunt"),
    ("Outliers", "outliers"),
    ("Labels", "labels"),
    ("Programs", "programs"),
    ("About", "about"),
)

#: What every page may name.
DEFAULTS: dict[str, Any] = {"base": None, "bases": (), "section": None, "q": ""}


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A whole page."""
    headers = {
        "content-security-policy": POLICY,
        "referrer-policy": "same-origin",
    }  # forms say where they come from
    return Response(render(template, **values), status, headers, "text/html; charset=utf-8")


def render(template: str, **values: Any) -> str:
    """The text that a template makes of values, which are escaped."""
    return _environment().get_template(template).render(**DEFAULTS | values)


@cache
def _environment() -> Environment:
    made = environment_of(HOME)
    made.filters |= {
        "number": number,
        "count": lambda n: f"{n:,}",
        "sentence": sentence,
        "for_page": for_page,
    }
    made.globals |= {
        "address": address, "marks_of": marks_of, "static": static, "version": __version__, "sections": SECTIONS,
    }  # fmt: skip
    return made


def number(value: Any, digits: int = 4) -> str:
    """A number for people; a dash where there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def sentence(text: str) -> str:
    """A text with a capital at its beginning and a full stop at its end, in the words of the page."""
    return for_page(f"{text[:1].upper()}{text[1:].rstrip('.')}.") if text else ""


def address(base: str, what: str = "", /, **query: Any) -> str:
    """An address of the page of a base; what is None is left out of the query."""
    path = f"/kb/{quote(base, safe='')}" + (f"/{what}" if what else "")
    said = {name: value for name, value in query.items() if value is not None and value != ""}
    return f"{path}?{urlencode(said, doseq=True)}" if said else path


def marks_of(base: str, name: str) -> str:
    """Where marks of a list are sent."""
    return f"/v1/bases/{quote(base, safe='')}/marks/{name}"


def static(name: str) -> str:
    """The address of a script or a style, another one whenever its content is another."""
    return f"/static/{name}?{_hashes()[name]}"


@cache
def _hashes() -> Mapping[str, str]:
    return {name: _hash(content) for name, (content, _) in files().items()}


#: Types of what is served as it lies in the package.
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".LICENSE": "text/plain"}


@cache
def files() -> Mapping[str, tuple[bytes, str]]:
    """Scripts and styles by name: content and type."""
    found: dict[str, tuple[bytes, str]] = {}
    folder = resources.files(HOME) / "static"
    for place, prefix in ((folder, ""), (folder / "vendor", "vendor/")):
        for one in place.iterdir() if place.is_dir() else ():
            ending = f".{one.name.rpartition('.')[2]}"
            if one.is_file() and ending in TYPES:
                found[prefix + one.name] = (one.read_bytes(), TYPES[ending])
    return {name: (_linked(name, found), media) for name, (_, media) in found.items()}


#: What a script of ours takes from another one beside it.
IMPORT = re.compile(rb'(?<= from ")\./([\w-]+\.js)(?=")')


def _linked(name: str, found: Mapping[str, tuple[bytes, str]]) -> bytes:
    """The content of a file, with the scripts that it imports at the addresses at which pages load them.

    Without that a browser would run one script twice, and keep one of the two when it changes.
    """

    def named(match: re.Match[bytes]) -> bytes:
        other = match[1].decode()
        return f"./{other}?{_hash(_linked(other, found))}".encode()

    content = found[name][0]
    return IMPORT.sub(named, content) if name.endswith(".js") and "/" not in name else content


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
