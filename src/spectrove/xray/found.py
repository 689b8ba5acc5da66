"""What has been found so far while files of counts are read: responses, and files that spectra named."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.xray.matrix import Place, read_response
from spectrove.xray.partners import Beside
from spectrove.xray.parts import header_class, headers_of
from spectrove.xray.response import Response

#: Responses that are kept for the next spectra.
MOST_RESPONSES = 64


@dataclass
class Files:
    """Responses read so far, every file that a spectrum named, and where files are looked for."""

    responses: OrderedDict[tuple[Any, ...], Response] = field(default_factory=OrderedDict)
    named: set[Path] = field(default_factory=set)
    beside: Beside = field(default_factory=lambda: Beside(kind=what_it_is))

    @classmethod
    def with_responses(cls, said: Sequence[Path | str]) -> Files:
        """Files whose spectra may use some RMFs and ARFs, or those in some folders.

        Raises:
            FormatError: One is neither.
        """
        paths = [Path(path) for path in said]
        for path in paths:
            if not path.is_dir() and what_it_is(path) not in ("RMF", "ARF"):
                raise FormatError(
                    f"--response {path}: {article(what_it_is(path))}, expected an RMF, an ARF, or a folder of them. "
                    "Correct the path."
                )
        return cls(beside=Beside(paths, what_it_is), named={p.resolve() for p in paths if not p.is_dir()})

    def response(self, label: str, rmf: Place, arf: Place | None, order: int | None) -> Response:
        """The response of an RMF and an ARF, read once for many spectra."""
        key = (rmf, arf, order)
        if key not in self.responses:
            self.responses[key] = read_response(label, rmf, arf, order)
            while len(self.responses) > MOST_RESPONSES:
                self.responses.popitem(last=False)
        self.responses.move_to_end(key)
        return self.responses[key]

    def scaled(self, response: Response, factor: NDArray[np.float64]) -> Response:
        """A response whose channels count a part of what it says, shared as the response itself."""
        if (factor == 1).all():
            return response
        key = ("scaled", response.digest, factor.tobytes())
        if key not in self.responses:
            self.responses[key] = response.in_channels(factor)
        return self.responses[key]


def what_it_is(path: Path) -> str:
    """What a file holds, by its headers: "RMF", "ARF", or "FITS" for anything else."""
    headers = headers_of(path)
    classes = {header_class(h, 2) for h in headers} | {str(h.get("EXTNAME")).upper() for h in headers}
    if "EBOUNDS" in classes:
        return "RMF"
    return "ARF" if "SPECRESP" in classes else "FITS"


def article(kind: str) -> str:
    return kind if kind == "FITS" else f"an {kind}"
