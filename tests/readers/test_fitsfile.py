"""The direct FITS reader gives what astropy gives, or says that it cannot."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal

from spectrove.errors import FormatError
from spectrove.readers import fitsfile, sdss
from spectrove.readers.options import Options


def assert_same_hdus(direct, astropy):
    """Equal headers, and equal values of every column that the direct reader knows."""
    assert len(direct) == len(astropy)
    for mine, theirs in zip(direct, astropy, strict=True):
        for name in theirs.header:
            if name in mine.header:  # CONTINUE and HIERARCH cards are not parsed
                assert mine.header[name] == theirs.header[name], name
        if theirs.image is not None:
            assert_array_equal(mine.image, theirs.image)
        assert set(mine.table) == set(theirs.table)
        for name in theirs.table:
            try:
                values = mine.table[name]
            except fitsfile.Unsupported:
                continue
            if values.dtype.kind == "U":
                assert [v.strip() for v in values] == [v.strip() for v in theirs.table[name]]
            else:
                assert_array_equal(values.reshape(theirs.table[name].shape), theirs.table[name])


def assert_same_spectra(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.object_id == b.object_id
        assert a.row == b.row
        for name in ("wavelength", "flux", "ivar", "mask", "lsf"):
            assert_array_equal(getattr(a, name), getattr(b, name))


def test_direct_and_astropy_read_the_same_sdss_file(write_sdss):
    path = write_sdss(specobj={"SPECOBJID": np.uint64(2**63 + 12345)})
    assert_same_hdus(fitsfile.read_direct(path), fitsfile.read_astropy(path))
    results = [
        sdss.parse(read(path), path, Options()) for read in (fitsfile.read_direct, fitsfile.read_astropy)
    ]
    assert_same_spectra(*results)


def test_gzipped_and_plain_are_the_same(write_sdss, tmp_path):
    path = write_sdss()
    packed = tmp_path / "packed.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert_same_hdus(fitsfile.read_direct(path), fitsfile.read_direct(packed))


KINDS = {"f4": "E", "f8": "D", "i2": "I", "i4": "J", "i8": "K", "u1": "B"}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_table_of_numbers_is_read_as_astropy_reads_it(tmp_path_factory, data):
    kinds = data.draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5))
    n, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 3))
    columns = []
    for i, kind in enumerate(kinds):
        shape = (n, width) if i % 2 else (n,)
        values = data.draw(arrays(np.dtype(kind), shape))
        columns.append(fits.Column(f"C{i}", f"{width if i % 2 else ''}{KINDS[kind]}", array=values))
    path = tmp_path_factory.mktemp("tables") / "t.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)
    assert_same_hdus(fitsfile.read_direct(path), fitsfile.read_astropy(path))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["f4", "f8", "i2", "i4", "u1"]), st.data())
def test_any_image_is_read_as_astropy_reads_it(tmp_path_factory, kind, data):
    image = data.draw(arrays(np.dtype(kind), st.tuples(st.integers(1, 4), st.integers(1, 9))))
    path = tmp_path_factory.mktemp("images") / "i.fits"
    fits.PrimaryHDU(image).writeto(path)
    assert_same_hdus(fitsfile.read_direct(path), fitsfile.read_astropy(path))


def test_header_values_of_every_kind_are_parsed():
    cards = fits.Header()
    values = {"A": "it's", "B": True, "C": -7, "D": 1.5e-3, "E": "", "F": "a / b", "G": 12345678901234567890}
    for name, value in values.items():
        cards[name] = (value, "a comment / with a slash")
    cards["UNDEF"] = None
    header = fitsfile.Header(cards.tostring().encode())
    assert {name: header[name] for name in values} == values
    assert header["UNDEF"] is None
    assert "COMMENT" not in header


def test_what_only_astropy_knows_is_left_to_it(tmp_path):
    scaled = tmp_path / "scaled.fits"
    hdu = fits.PrimaryHDU(np.arange(20, dtype="i2"))
    hdu.header["BSCALE"] = 0.5
    hdu.writeto(scaled)
    with pytest.raises(fitsfile.Unsupported):
        fitsfile.read_direct(scaled)
    assert_array_equal(fitsfile.read_astropy(scaled)[0].image, np.arange(20) / 2)


@pytest.mark.parametrize("cut", [0, 100, 2000, 5000, 9000, 14000])
def test_a_truncated_file_is_one_sentence(write_sdss, cut):
    path = write_sdss()
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(
        FormatError, match=r"^spec-0266-51602-0001.fits: .*, expected|trunc.*Fetch it again\.$"
    ):
        fitsfile.read_direct(path)


def test_a_false_length_does_not_claim_memory(write_sdss):
    path = write_sdss()
    data = path.read_bytes().replace(b"NAXIS2  =                  300", b"NAXIS2  =            999999999")
    path.write_bytes(data)
    with pytest.raises(FormatError, match="claims 31999999968 bytes, expected less"):
        fitsfile.read_direct(path)


@pytest.mark.real
def test_direct_and_astropy_give_the_same_spectra_of_real_files(data_dir):
    """A sample over all SDSS groups, with every full file and every pipeline version."""
    files = [
        f
        for g in ("sdss", "boss", "qso", "star", "sky")
        for f in sorted((data_dir / "galaxies" / g).iterdir())
    ]
    full = [f for f in files if f.stat().st_size > 600_000]
    for path in files[::25] + full[:5]:
        direct = sdss.parse(fitsfile.read_direct(path, sdss.is_exposure), path, Options())
        astropy = sdss.parse(fitsfile.read_astropy(path, sdss.is_exposure), path, Options())
        assert_same_spectra(direct, astropy)
