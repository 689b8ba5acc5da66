"""FITS files as plain headers and arrays: a direct reader for the common layouts, astropy for the rest.

The direct reader parses header cards as bytes and views tables with `numpy.frombuffer`. It stops after the
last extension that was asked for, so the exposures behind a full SDSS file are never decompressed. What it
does not know (scaled or variable-length columns, compressed images, ASCII tables) it leaves to astropy.
Both give exactly the same values; a test holds this over the real files.
"""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import lzma
import math
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError

#: What unpacking a damaged file raises: of gzip, bzip2, xz and zip, encrypted archives included.
DAMAGED = (EOFError, OSError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)

BLOCK = 2880
CARD = 80
#: Extensions beyond these are not read.
MAX_HDUS = 64
#: More than this in one extension is a data cube or an archive, not a table of spectra.
MAX_BYTES = 2 << 30

_TABLE_TYPES = {"L": "S1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8", "A": "S"}
_OTHER_WIDTHS = {"X": 0, "C": 8, "M": 16, "P": 8, "Q": 16}
_FORM = re.compile(r"^(\d*)([A-Z])")
_UNSIGNED = {"I": 2**15, "J": 2**31, "K": 2**63}


_AXIS_CARDS = ("CRVAL1 ", "CTYPE1 ", "CUNIT1 ", "CDELT1 ", "CD1_1 ", "TTYPE", "TUNIT", "LABEL")


class Unsupported(Exception):
    """The direct reader does not know this; astropy may."""


#: Cards by which a file is cut into extensions, rows and columns.
_LENGTHS = re.compile(r"(BITPIX|Z?NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|THEAP|TFORM\d+|XTENSION|SIMPLE)$")


class Header(Mapping[str, Any]):
    """Header values by keyword, parsed when they are asked for; the first card of a name counts."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._cards: dict[str, bytes] = {}
        #: Names of cards that say how long things are, and say it twice, each time otherwise.
        self.contradicted: list[str] = []
        for start in range(0, len(raw), CARD):
            card = raw[start : start + CARD]
            if card[8:10] == b"= ":
                name, value = card[:8].decode("latin-1").rstrip(), card[10:]
                first = self._cards.setdefault(name, value)
                if first is not value and _LENGTHS.match(name) and _card_value(first) != _card_value(value):
                    self.contradicted.append(name)

    def __getitem__(self, name: str) -> Any:
        return _card_value(self._cards[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._cards)

    def __len__(self) -> int:
        return len(self._cards)

    @property
    def remarks(self) -> list[str]:
        """Comments and history, and what stands behind the values of the wavelength axis and of columns."""
        cards = [self._raw[i : i + CARD].decode("latin-1") for i in range(0, len(self._raw), CARD)]
        free = [card[8:].strip() for card in cards if card.startswith(("COMMENT ", "HISTORY "))]
        axis = [card.partition(" / ")[2].strip() for card in cards if card.startswith(_AXIS_CARDS)]
        return [text for text in (*free, *axis) if text]

    def text(self, name: str) -> str:
        """The value as stripped text, "" where absent."""
        value = self.get(name)
        return "" if value is None else str(value).strip()


def _card_value(text: bytes) -> Any:
    value = text.decode("latin-1").lstrip()
    if value.startswith("'"):
        end = value.find("'", 1)
        while end != -1 and value[end + 1 : end + 2] == "'":
            end = value.find("'", end + 2)
        return value[1 : end if end > 0 else None].replace("''", "'").rstrip()
    value = value.split("/", 1)[0].strip()
    if value in ("T", "F"):
        return value == "T"
    for kind in (int, float):
        try:
            return kind(value.replace("D", "E").replace("d", "e") if kind is float else value)
        except ValueError:
            continue
    return None


@dataclass(frozen=True)
class Hdu:
    """One header with its image, or with its table as native-endian columns under lower-case names."""

    header: Mapping[str, Any]
    image: NDArray | None = None
    table: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """EXTNAME in upper case, "" where absent."""
        return str(self.header.get("EXTNAME") or "").strip().upper()

    def text(self, keyword: str) -> str:
        """A header value as stripped text, "" where absent."""
        value = self.header.get(keyword)
        return "" if value is None else str(value).strip()

    def number(self, keyword: str) -> float | None:
        """A header value as a finite number, None where absent or not a number."""
        value = self.header.get(keyword)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return None
        if value is None or isinstance(value, bool) or not np.isfinite(value):
            return None
        return float(value)


def joint_header(*hdus: Hdu) -> dict[str, Any]:
    """Cards of several extensions, the later over the earlier, with the remarks of all under COMMENT."""
    remarks = [getattr(hdu.header, "remarks", None) or [str(hdu.header.get("COMMENT") or "")] for hdu in hdus]
    cards: dict[str, Any] = {}
    for hdu in hdus:
        cards |= dict(hdu.header)
    return {**cards, "COMMENT": "\n".join(text for texts in remarks for text in texts if text)}


class _Columns(Mapping[str, NDArray]):
    """The columns of a binary table, converted when they are asked for."""

    def __init__(self, header: Header, data: bytes, n_rows: int, row_bytes: int, where: str) -> None:
        self._header, self._data, self._n_rows, self._row_bytes = header, data, n_rows, row_bytes
        self._places: dict[str, tuple[int, int, str, int]] = {}
        offset = 0
        for i in range(1, header["TFIELDS"] + 1):
            form = header.text(f"TFORM{i}")
            found = _FORM.match(form)
            if not form[:1].isalnum():
                raise FormatError(f"{where}: TFORM{i} is {form!r}, expected a column format. Fetch it again.")
            if not found or (found[2] not in _TABLE_TYPES and found[2] not in _OTHER_WIDTHS):
                raise Unsupported(f"column format {form!r}")
            repeat, code = int(found[1] or 1), found[2]
            self._places[header.text(f"TTYPE{i}").lower()] = (offset, repeat, code, i)
            offset += _width(repeat, code)
        if offset != row_bytes:
            raise FormatError(
                f"{where}: columns fill {offset} bytes of rows of {row_bytes}, expected all. Fetch it again."
            )

    def __getitem__(self, name: str) -> NDArray:
        offset, repeat, code, i = self._places[name]
        if code not in _TABLE_TYPES or self._header.get(f"TSCAL{i}", 1) != 1:
            raise Unsupported(f"column {name} of kind {code}, or scaled")
        kind = f"S{repeat}" if code == "A" else _TABLE_TYPES[code]
        if repeat == 0:
            raise Unsupported(f"empty column {name}")
        shape: tuple[int, ...] = (self._n_rows,) if code == "A" or repeat == 1 else (self._n_rows, repeat)
        strides = (self._row_bytes,) if len(shape) == 1 else (self._row_bytes, np.dtype(kind).itemsize)
        if not self._n_rows:
            return np.empty(
                shape, "U1" if code == "A" else "?" if code == "L" else np.dtype(kind).newbyteorder("=")
            )
        raw = np.ndarray(shape, kind, buffer=self._data, offset=offset, strides=strides)
        if code == "A":
            return np.char.rstrip(np.char.decode(raw, "latin-1").astype(str), " \x00")
        if code == "L":
            return raw == b"T"
        native = raw.astype(raw.dtype.newbyteorder("="))
        zero = self._header.get(f"TZERO{i}")
        if zero is None or zero == 0:
            return native
        if zero != _UNSIGNED.get(code):
            raise Unsupported(f"column {name} with TZERO {zero}")
        unsigned = native.view(np.dtype(f"u{native.itemsize}"))
        return unsigned ^ unsigned.dtype.type(_UNSIGNED[code])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _width(repeat: int, code: str) -> int:
    if code == "X":
        return (repeat + 7) // 8
    if code == "A":
        return repeat
    return repeat * (_OTHER_WIDTHS.get(code) or np.dtype(_TABLE_TYPES[code]).itemsize)


#: How compressed files begin, and what opens them; None for what has to be unpacked by hand.
COMPRESSIONS: Mapping[bytes, Callable[[Path], IO[bytes]] | None] = {
    b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
    b"BZh": bz2.open,  # type: ignore[dict-item]
    b"\xfd7zXZ\x00": lzma.open,  # type: ignore[dict-item]
    b"PK\x03\x04": lambda path: _only_member(path),
    b"\x1f\x9d": None,
    b"\x28\xb5\x2f\xfd": None,
    b"7z\xbc\xaf": None,
    b"Rar!": None,
}


def open_plain(path: Path) -> IO[bytes]:
    """The file's bytes, decompressed if they are those of gzip, bzip2, xz, or a zip archive of one file.

    Raises:
        FormatError: If it is compressed in another way, or holds several files.
    """
    with open(path, "rb") as file:
        start = file.read(6)
    for magic, opens in COMPRESSIONS.items():
        if not start.startswith(magic):
            continue
        if opens is None:
            raise FormatError(
                f"{path.name}: compressed in a way that is not read, expected gzip, bzip2, xz or zip. Unpack it first."
            )
        return opens(path)
    return open(path, "rb")


def _only_member(path: Path) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(path)
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        names = [name for name in names if not name.startswith("__MACOSX/")]
        if len(names) == 1:
            return archive.open(names[0])
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise FormatError(
            f"{path.name}: a zip archive that cannot be read ({error}). Unpack it first."
        ) from error
    archive.close()
    raise FormatError(
        f"{path.name}: a zip archive of {len(names)} files ({', '.join(names[:3])}), expected one. Unpack it first."
    )


#: Reads no further than a header for which this is true.
Stop = Callable[[Mapping[str, Any]], bool]


def read_direct(path: Path, stop: Stop = lambda header: False) -> list[Hdu]:
    """The extensions of a FITS file before the one that `stop` names, without astropy.

    Raises:
        FormatError: If the file is empty, truncated, not FITS, or has a broken header.
        Unsupported: If astropy is needed.
    """
    hdus: list[Hdu] = []
    with open_plain(path) as file:
        while len(hdus) < MAX_HDUS:
            header = read_header(file, path, len(hdus))
            if header is None or stop(header):
                break
            hdus.append(_read_data(file, header, path, len(hdus)))
    return hdus


def read_header(file: IO[bytes], path: Path, number: int) -> Header | None:
    """The next header of an open file; None at the end of the file."""
    blocks: list[bytes] = []
    while True:
        block = _take(file, BLOCK, path)
        if not block.strip(b"\x00 \n") and not blocks:
            if number:
                return None
            raise FormatError(
                f"{path.name}: the file is empty (0 bytes of content), expected a FITS file. Fetch it again."
            )
        if not blocks and number == 0 and not block.startswith(b"SIMPLE"):
            raise FormatError(
                f"{path.name}: begins with {block[:16]!r}, expected the 'SIMPLE' of a FITS file. "
                "Name it .txt, .dat or .csv if it is text; else leave it out."
            )
        if len(block) < BLOCK:
            raise FormatError(
                f"{path.name}: truncated in the header of extension {number} "
                f"({len(block)} of {BLOCK} bytes in its last block). Fetch it again."
            )
        if not blocks and number and not block.startswith(b"XTENSION"):
            return None  # special records behind the last extension are allowed by the standard
        blocks.append(block)
        if any(block[i : i + 8] == b"END     " for i in range(0, BLOCK, CARD)):
            return Header(b"".join(blocks))
        if len(blocks) > 2000:
            raise FormatError(f"{path.name}: the header of extension {number} has no END. Fetch it again.")


def check_headers(path: Path, stop: Stop = lambda header: False) -> None:
    """Refuse a FITS file whose headers cannot be true, or that is damaged where it is packed.

    What believes them would read on: a negative length leads astropy back to the same extension, and so does an archive
    whose sum is wrong, without end. A file that is cut short, or is no FITS file, passes: readers say so themselves.

    Raises:
        FormatError: A header of an extension before the one that `stop` names is so, or the archive is damaged.
    """
    with open_plain(path) as file:
        if _passed_over(file, 6, path) != b"SIMPLE":
            return
    with open_plain(path) as file:
        for number in itertools.count():
            try:
                header = read_header(file, path, number)
            except FormatError:  # cut short, or no END
                break
            if header is None or stop(header):
                break
            _check(header, path, number)
            _, _, size, heap = _lengths(header, path, number)
            _passed_over(file, -(-(size + heap) // BLOCK) * BLOCK, path)
        if not isinstance(file, io.BufferedReader):  # the sum of an archive is at its end
            _passed_over(file, MAX_BYTES, path)


def _passed_over(file: IO[bytes], n: int, path: Path) -> bytes:
    """Pass over n bytes, or over what there is; the last of them.

    Raises:
        FormatError: What unpacks them finds them damaged.
    """
    part = b""
    try:
        while n > 0 and (more := file.read(min(n, 1 << 20))):
            part, n = more, n - len(more)
    except EOFError:  # cut short
        return part
    except DAMAGED as error:
        raise FormatError(f"{path.name}: cannot be read to its end ({error}). Fetch it again.") from error
    return part


@contextmanager
def opened(path: Path, **options: Any) -> Iterator[Any]:
    """The extensions of a FITS file as astropy has them, after `check_headers`; options of `astropy.io.fits.open`.

    Raises:
        FormatError: A header cannot be true.
    """
    from astropy.io import fits

    check_headers(path)
    with fits.open(path, memmap=False, **options) as hdus:
        yield hdus


def _lengths(header: Header, path: Path, number: int) -> tuple[list[int], int, int, int]:
    """Axes, bits of a value, and bytes of the data and of the heap behind them."""
    names = [f"NAXIS{i + 1}" for i in range(_integer(header, "NAXIS", path, number))]
    axes = [_integer(header, name, path, number) for name in names]
    bits = _integer(header, "BITPIX", path, number)
    size = abs(bits) // 8 * math.prod(axes) if axes else 0
    heap = header.get("PCOUNT") or 0
    return axes, bits, size, heap if isinstance(heap, int) and heap > 0 else 0


def _read_data(file: IO[bytes], header: Header, path: Path, number: int) -> Hdu:
    _check(header, path, number)
    axes, bits, size, heap = _lengths(header, path, number)
    total = size + heap
    if total > MAX_BYTES:
        raise FormatError(
            f"{path.name}: extension {number} claims {total} bytes, expected less than {MAX_BYTES}. "
            "Cut the spectra out of the cube first."
        )
    data = _take(file, total, path)
    if len(data) < total:
        raise FormatError(
            f"{path.name}: truncated in the data of extension {number} "
            f"({len(data)} of {total} bytes). Fetch it again."
        )
    _take(file, -total % BLOCK, path)
    return _interpret(header, data[:size], axes, bits, f"{path.name}: extension {number}")


def _interpret(header: Header, data: bytes, axes: list[int], bits: int, where: str) -> Hdu:
    kind = header.text("XTENSION") or "IMAGE"
    if kind == "BINTABLE" and len(axes) == 2:
        if "ZIMAGE" in header:
            raise Unsupported("a compressed image")
        return Hdu(header, table=_Columns(header, data, axes[1], axes[0], where))
    if kind != "IMAGE":
        raise Unsupported(f"an extension of kind {kind}")
    if not data:
        return Hdu(header)
    if (header.get("BSCALE") or 1) != 1 or (header.get("BZERO") or 0) != 0 or "BLANK" in header:
        raise Unsupported("a scaled image")
    kinds = {8: "u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
    if bits not in kinds:
        raise Unsupported(f"BITPIX {bits}")
    image = np.frombuffer(data, kinds[bits]).reshape(axes[::-1])
    return Hdu(header, image=image.astype(image.dtype.newbyteorder("=")))


#: What the FITS standard allows; larger values would make astropy claim the memory before it looks further.
_LIMITS = {"BITPIX": (-64, 64), "NAXIS": (0, 999), "TFIELDS": (0, 999), "GCOUNT": (1, 1), "ZNAXIS": (0, 999)}


def _check(header: Header, path: Path, number: int) -> None:
    """Refuse a header whose counts or lengths cannot be true, before anyone acts on them."""
    if header.contradicted:
        name = header.contradicted[0]
        raise FormatError(
            f"{path.name}: {name} stands twice in the header of extension {number}, first as {header[name]!r} and then "
            "otherwise, expected one value. Fetch it again."
        )
    tables = header.text("XTENSION") in ("BINTABLE", "TABLE")
    if tables:
        _integer(header, "TFIELDS", path, number)
    for name in ("GCOUNT", "PCOUNT", "THEAP"):
        if name in header and not header.get("GROUPS"):
            _integer(header, name, path, number)
    if "ZNAXIS" in header:
        axes = [
            _integer(header, f"ZNAXIS{i + 1}", path, number)
            for i in range(_integer(header, "ZNAXIS", path, number))
        ]
        if 8 * math.prod(axes) > MAX_BYTES:
            raise FormatError(
                f"{path.name}: extension {number} claims an image of {axes} pixels, expected a spectrum. "
                "Cut the spectra out of the cube first."
            )


def _integer(header: Header, name: str, path: Path, number: int) -> int:
    value = header.get(name)
    low, high = _LIMITS.get(name, (0, MAX_BYTES))
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise FormatError(
            f"{path.name}: {name} of extension {number} is {value!r}, expected {low} to {high}. "
            "Fetch it again."
        )
    return value


def _take(file: IO[bytes], n: int, path: Path) -> bytes:
    """Up to n bytes. Read in steps, so that a false length in a header cannot claim the memory."""
    parts = []
    try:
        while n > 0:
            part = file.read(min(n, 1 << 24))
            if not part:
                break
            parts.append(part)
            n -= len(part)
    except DAMAGED as error:
        raise FormatError(f"{path.name}: cannot be read to its end ({error}). Fetch it again.") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_astropy(path: Path, stop: Stop = lambda header: False) -> list[Hdu]:
    """The same by astropy: slower, and knows all of the FITS standard."""
    from astropy.io import fits

    check_headers(path, stop)
    hdus = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy warns of headers that break the standard and reads them
        with open_plain(path) as plain, fits.open(_seekable(plain), memmap=False) as file:
            for i in range(MAX_HDUS):
                try:
                    hdu = file[i]
                except IndexError:
                    break
                if stop(hdu.header):
                    break
                hdus.append(_from_astropy(hdu))
    return hdus


def _seekable(file: IO[bytes]) -> IO[bytes]:
    """The same bytes where one can go back; zip archives are read into memory for that."""
    return io.BytesIO(file.read()) if isinstance(file, zipfile.ZipExtFile) else file


def _from_astropy(hdu: Any) -> Hdu:
    header = {name: hdu.header[name] for name in hdu.header if name not in ("COMMENT", "HISTORY", "")}
    header["COMMENT"] = "\n".join(Header(hdu.header.tostring(endcard=False).encode("latin-1")).remarks)
    if hdu.data is None:
        return Hdu(header)
    if hdu.data.dtype.names is None:
        return Hdu(header, image=_native(np.asarray(hdu.data)))
    names = {name.lower(): name for name in reversed(hdu.columns.names)}
    return Hdu(header, table={low: _native(np.asarray(hdu.data[name])) for low, name in names.items()})


def _native(array: NDArray) -> NDArray:
    return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind in "iufc" else array
