"""Packed files that are damaged, wherever, are refused in a sentence that says to fetch them again."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random

import numpy as np
import pytest

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import check_headers, read_direct
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
        read_file(path)
    assert "rights" not in str(refused.value)


CARDS = [
    b"NAXIS1  =                -5760", b"NAXIS2  =                   -1", b"PCOUNT  =          -4000000000",
    b"NAXIS   =                 1000",
]  # fmt: skip


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.decode().replace(" ", ""))
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
@pytest.mark.parametrize("kind", ["table", "scaled", "ascii"])
def test_lengths_that_cannot_be_are_refused(tmp_path, card, packed, kind):
    """Astropy would read the same extension again and again, without end."""
    from astropy.io import fits
    from astropy.table import Table

    path = tmp_path / f"spectrum.fits{'.gz' if packed else ''}"
    columns = Table({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    first = fits.ImageHDU([[1, 2], [3, 4]])
    if kind == "scaled":  # what only astropy reads, before what is broken
        first.header["BZERO"] = 3.5
    behind = fits.TableHDU.from_columns([fits.Column("a", "F8.3", array=[1.0, 2.0])])
    hdus = fits.HDUList([fits.PrimaryHDU(), first, fits.table_to_hdu(columns)])
    if kind == "ascii":
        hdus.insert(1, behind)
    hdus.writeto(tmp_path / "whole.fits")
    content = bytearray((tmp_path / "whole.fits").read_bytes())
    at = content.rindex(card[:8])
    content[at : at + 80] = card.ljust(80)
    path.write_bytes(gzip.compress(bytes(content)) if packed else bytes(content))
    with pytest.raises(FormatError):
        read_file(path)


def test_a_wrong_sum_of_a_packed_file_is_refused(tmp_path):
    """Of one that only the readers of specutils would know, which would read its last extension without end."""
    from astropy.io import fits

    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU([[[1.0, 2.0]]])])
    hdus.writeto(tmp_path / "whole.fits")
    packed = bytearray(gzip.compress((tmp_path / "whole.fits").read_bytes()))
    packed[-7] ^= 0xFF
    path = tmp_path / "spectrum.fits.gz"
    path.write_bytes(bytes(packed))
    with pytest.raises(FormatError, match="Fetch it again"):
        read_file(path)


TWICE = [b"NAXIS1  = -1", b"NAXIS2  =                    7", b"BITPIX  =                  -32"]


def table_with(card, behind):
    """The bytes of a FITS file whose extension, a table, has a further card in place of what stands there."""
    from astropy.io import fits

    columns = [fits.Column(name, "E", array=np.ones(9)) for name in ("flux", "x")]
    made = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(made)
    content = made.getvalue()
    at = content.index(behind, content.index(b"TTYPE1"))
    return content[:at] + card.ljust(80) + content[at + 80 :]


@pytest.mark.parametrize("reader", [read_direct, check_headers, read_file])
@pytest.mark.parametrize("card", TWICE)
def test_a_length_that_stands_twice_is_refused(tmp_path, card, reader):
    """The first holds here and the last for astropy, which then goes round the same extension without end."""
    path = tmp_path / "twice.fits"
    path.write_bytes(table_with(card, b"TTYPE2"))
    with pytest.raises(FormatError, match=f"{card[:6].decode()} stands twice in the header of extension 1"):
        reader(path)


def test_a_length_that_is_repeated_as_it_was_is_read(tmp_path):
    path = tmp_path / "twice.fits"
    path.write_bytes(table_with(b"NAXIS2  = 9", b"TTYPE2"))
    check_headers(path)
