"""Before a wheel is built or the package installed: the plotting script of the page is taken from the npm registry.

Scripts of others are not kept in this repository. What comes is compared with a hash that is.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: The registry; a mirror may be named as npm itself has it.
REGISTRY = os.environ.get("npm_config_registry", "https://registry.npmjs.org").rstrip("/")  # noqa: SIM112

#: uPlot by Leon Sorokin, MIT licence: the package, its SHA-512, and what is taken of it.
PACKAGE = "uplot/-/uplot-1.6.32.tgz"
SHA512 = "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
FILES = {
    "package/dist/uPlot.iife.min.js": "uPlot.min.js",
    "package/dist/uPlot.min.css": "uPlot.min.css",
    "package/LICENSE": "uPlot.LICENSE",
}

#: Where it goes.
FOLDER = Path(__file__).parent / "src" / "spectrove" / "serve" / "page" / "static" / "vendor"


class CustomBuildHook(BuildHookInterface):
    """Hatch calls it for every wheel, editable ones included."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Take the script, unless it is there."""
        place()


def place() -> None:
    """The script in its folder, whole or not at all.

    Raises:
        SystemExit: It cannot be had, or is not what it should be.
    """
    mark = FOLDER / "version"
    if mark.exists() and mark.read_text() == SHA512:
        return
    address = f"{REGISTRY}/{PACKAGE}"
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            packed = answer.read()
    except OSError as error:
        raise SystemExit(f"{address}: the plotting script of the page cannot be had ({error}).") from error
    if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
        raise SystemExit(
            f"{address}: found another file than expected, by its SHA-512. Nothing was installed."
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for inside, name in FILES.items():
            member = archive.extractfile(inside)
            assert member is not None, inside
            (FOLDER / name).write_bytes(member.read())
    mark.write_text(SHA512)


if __name__ == "__main__":
    place()
