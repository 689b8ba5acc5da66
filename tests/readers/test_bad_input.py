"""Broken files: whatever is wrong, the outcome is spectra or one sentence, never anything else."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectrove.errors import FormatError, SpectroveError
from spectrove.readers import read_file
from spectrove.spectra import SpectrumSet


def outcome(path) -> str:
    """ "spectra" if the file was read and is clean, else the sentence."""
    try:
        spectra = read_file(path)
    except SpectroveError as error:
        text = str(error)
        assert text.startswith(path.name), text
        assert text.endswith((".", ")")), text
        assert "\n" not in text.strip()
        return text
    made = SpectrumSet.from_spectra(spectra)
    assert len(made) >= 1
    assert np.isfinite(made.flux).all()
    assert np.isfinite(made.ivar).all()
    assert (made.ivar >= 0).all()
    for s in made:
        assert (np.diff(s.wavelength) > 0).all()
        assert ((s.wavelength > 99) & (s.wavelength < 1.001e6)).all()
    return "spectra"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.fits", b"", "the file is empty .*expected a FITS file"),
        ("empty.txt", b"", "the file is empty, expected a spectrum"),
        ("blank.csv", b"\n\n  \n", "the file is empty"),
        ("prose.txt", b"Dear colleague,\nthe seeing was bad.\n", "no column of numbers|rows do not have"),
        ("fake.fits", b"This is no FITS file. " * 300, "begins with b'This is no FITS .*SIMPLE"),
        ("binary.dat", bytes(range(256)) * 20, "expected FITS or text"),
        ("zip.fits", b"PK\x03\x04" + bytes(4000), "a zip archive that cannot be read"),
        (
            "half.fits.gz",
            gzip.compress(b"SIMPLE  =" + bytes(99999), mtime=0)[:60],
            "cannot be read to its end|truncated",
        ),
        ("names.csv", b"wave,flux,ivar\n", "only names .wave, flux, ivar. and no rows"),
        ("ragged.csv", b"wave,flux\n4000,1\n4001\n4002,3\n", "1 of 3 rows do not have 2 values"),
        (
            "words.csv",
            b"wave,flux\n" + b"".join(b"%d,red\n" % i for i in range(4000, 4020)),
            "expected wavelength and flux",
        ),
        ("few.txt", b"4000 1\n4001 2\n4002 3\n", "3 pixels, expected at least 8"),
        (
            "micron.txt",
            b"".join(b"%.3f 1.5\n" % (40 + i / 1000) for i in range(50)),
            "run from 40 to 40.049 and nothing says their unit.*--wavelength-unit",
        ),
    ],
)
def test_a_file_that_is_no_spectrum_is_one_sentence(tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"(?s)^{name}: .*({words})"):
        read_file(path)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(FormatError, match=r"none.fits: cannot be opened .No such file or directory"):
        read_file(tmp_path / "none.fits")
    with pytest.raises(FormatError, match=r"cannot be opened .Is a directory"):
        read_file(tmp_path)


@pytest.mark.parametrize(
    "hdus",
    [
        [fits.PrimaryHDU()],
        [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([fits.Column("RA", "D", array=np.arange(9.0))])],
        [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((20, 20)), name="SCI")],
    ],
    ids=["nothing", "a catalog", "a picture"],
)
def test_a_fits_file_of_something_else_is_one_sentence(tmp_path, hdus):
    path = tmp_path / "other.fits"
    fits.HDUList(hdus).writeto(path)
    with pytest.raises(
        FormatError, match=r"^other.fits: no layout of a spectrum was found in it .*--columns"
    ):
        read_file(path)


@pytest.mark.parametrize(
    "cards", [{}, {"CRVAL3": 4750.0, "CDELT3": 1.25, "CTYPE3": "AWAV", "CTYPE1": "RA---TAN"}]
)
def test_a_data_cube_is_refused_by_name(tmp_path, cards):
    hdu = fits.PrimaryHDU(np.zeros((40, 30, 20), "f4"))
    hdu.header.update(cards)
    hdu.writeto(tmp_path / "cube.fits")
    with pytest.raises(FormatError, match=r"^cube.fits: a data cube of 40 x 30 x 20.*Extract them first"):
        read_file(tmp_path / "cube.fits")


def test_all_masked_is_read_and_flagged(write_sdss):
    (s,) = read_file(write_sdss(pixels={"and_mask": np.full(300, 1 << 24, "i4")}))
    assert "no_good_pixels" in s.row["flags"]


def test_wavelength_out_of_order_or_range_is_refused(write_sdss):
    shuffled = np.random.default_rng(0).permutation((3.58 + 1e-4 * np.arange(300)).astype("f4"))
    with pytest.raises(FormatError, match="wavelengths are not in order"):
        read_file(write_sdss(pixels={"loglam": shuffled}))
    with pytest.raises(FormatError, match="loglam reaches 3809"):
        read_file(write_sdss(pixels={"loglam": np.linspace(3800, 3809, 300).astype("f4")}))
    with pytest.raises(FormatError, match=r"pixels have a wavelength"):
        read_file(write_sdss(pixels={"loglam": np.full(300, np.nan, "f4")}))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_cut_anywhere_is_spectra_or_a_sentence(write_sdss, data):
    path = write_sdss("whole.fits")
    raw = path.read_bytes()
    cut = data.draw(st.integers(0, len(raw) - 1))
    packed = data.draw(st.booleans())
    broken = path.with_name("cut.fits.gz" if packed else "cut.fits")
    broken.write_bytes(gzip.compress(raw, 1, mtime=0)[: cut // 4] if packed else raw[:cut])
    outcome(broken)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_bytes_changed_is_spectra_or_a_sentence(write_sdss, data):
    path = write_sdss("whole.fits")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    broken = path.with_name("changed.fits")
    broken.write_bytes(bytes(raw))
    outcome(broken)


CARDS = (
    "BITPIX",
    "NAXIS",
    "NAXIS1",
    "NAXIS2",
    "PCOUNT",
    "TFIELDS",
    "TTYPE1",
    "TTYPE2",
    "TFORM1",
    "TFORM2",
    "XTENSION",
    "END",
)
VALUES = (
    "0",
    "-1",
    "7",
    "99999999999",
    "'E       '",
    "'1PE(9)  '",
    "'J       '",
    "'flux    '",
    "'IMAGE   '",
    "T",
    "",
    "1.5",
    "-32",
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(CARDS), st.sampled_from(VALUES), st.integers(0, 3))
def test_a_file_with_a_false_card_is_spectra_or_a_sentence(write_sdss, card, value, which):
    path = write_sdss("whole.fits")
    raw = path.read_bytes()
    place = -1
    for _ in range(which + 1):
        place = raw.find(card.ljust(8).encode(), place + 1)
    if place < 0 or place % 80:
        return
    broken = path.with_name("card.fits")
    broken.write_bytes(raw[:place] + f"{card:8s}= {value:>20s}".ljust(80).encode() + raw[place + 80 :])
    outcome(broken)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=300))
def test_any_text_is_spectra_or_a_sentence(tmp_path, text):
    path = tmp_path / "any.txt"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    outcome(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.floats(width=32), min_size=3, max_size=3), min_size=1, max_size=20))
def test_any_columns_of_numbers_are_spectra_or_a_sentence(tmp_path, rows):
    path = tmp_path / "any.csv"
    path.write_text("wave,flux,error\n" + "\n".join(",".join(map(str, row)) for row in rows))
    outcome(path)


@pytest.mark.real
def test_real_files_of_every_group_broken_in_many_ways(data_dir, tmp_path):
    """Cut, overwritten and with cards changed; seeds are fixed, so a failure names its file."""
    rng = np.random.default_rng(42)
    said = set()
    for group in sorted(p for p in (data_dir / "galaxies").iterdir() if p.is_dir()):
        files = sorted(group.iterdir())
        for path in [files[i] for i in rng.choice(len(files), min(3, len(files)), replace=False)]:
            packed = path.suffix == ".gz"
            raw = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
            name = path.name.removesuffix(".gz")
            for i in range(8):
                changed = bytearray(raw)
                if i < 3:
                    changed = changed[: rng.integers(len(raw))]
                else:
                    for place in rng.integers(0, min(len(raw), 40_000), 3 * i):
                        changed[place] = rng.integers(256)
                broken = tmp_path / name
                broken.write_bytes(bytes(changed))
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    said.add(outcome(broken) == "spectra")
    assert said == {True, False}
