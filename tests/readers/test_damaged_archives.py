"""Packed files that are damaged, wherever, are refused in a sentence that says to fetch them again."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random

import pytest

from spectrove.errors import FormatError
from spectrove.readers.readfile import read_file

PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("where", ["begin", "middle", "end", "short"])
def test_a_damaged_archive_is_refused_as_damaged(tmp_path, kind, where):
    """Not as one that may not be read, and never by what the unpacking itself raises."""
    chance = random.Random(4)
    text = "wavelength,flux\n" + "\n".join(f"{3600 + i},{chance.random():.5f}" for i in range(30_000))
    content = bytearray(PACKED[kind](text.encode()))
    path = tmp_path / f"spectrum.csv.{kind}"
    if where == "short":
        content = content[: len(content) // 2]
    else:
        at = {"begin": 60, "middle": len(content) // 2, "end": len(content) - 6}[where]
        for i in range(at, min(at + 5, len(content))):
            content[i] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(FormatError, match=r"Fetch it again|Leave it out") as refused:
        list(read_file(path).spectra)
    assert "rights" not in str(refused.value)
