"""MaStar: a row for each visit, in vacuum, with the line-spread function of each pixel.

Source: mastar-goodspec of SDSS DR15 and DR17, columns as its data model names them.
"""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.pixels.air import air_to_vacuum
from spectrove.readers import read_file

N = 100
WAVE = 10 ** (3.5589 + 1e-4 * np.arange(N))


def write(path, stars=("7-100", "7-100", "7-205"), quality=(0, 0, 0), leave_out=(), cards=(), **other):
    n = len(stars)
    mask = np.zeros((n, N), "i4")
    mask[:, 3], mask[:, 4] = (
        1 << 24,
        1 << 7,
    )  # of a pixel, and of a whole fibre
    columns = {
        "MANGAID": ("12A", np.array(stars)), "PLATE": ("J", np.full(n, 9000)), "MJD": ("J", 57500 + np.arange(n)),
        "OBJRA": ("D", 100.0 + np.arange(n)), "OBJDEC": ("D", 20.0 + np.arange(n)), "PSFMAG": ("5D", np.ones((n, 5))),
        "HELIOV": ("D", np.full(n, 50.0)), "V_ERRCODE": ("J", np.zeros(n)), "MJDQUAL": ("J", np.array(quality)),
        "WAVE": (f"{N}D", np.tile(WAVE, (n, 1))), "FLUX": (f"{N}E", np.arange(n)[:, None] + np.ones((n, N))),
        "IVAR": (f"{N}E", np.full((n, N), 9.0)), "DISP": (f"{N}E", np.full((n, N), 1.2)), "MASK": (f"{N}J", mask),
    } | other  # fmt: skip
    made = [fits.Column(k, form, array=v) for k, (form, v) in columns.items() if k not in leave_out]
    table = fits.BinTableHDU.from_columns(made)
    table.header.update(dict(cards))
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path


def test_each_visit_is_a_spectrum_in_vacuum_with_its_line_spread(tmp_path):
    found = read_file(write(tmp_path / "mastar-goodspec-v3_1_1-v1_7_7.fits"))
    assert [s.object_id.partition("#")[2] for s in found] == [
        "7-100-57500-9000",
        "7-100-57501-9000",
        "7-205-57502-9000",
    ]
    first = found[0]
    assert_allclose(first.wavelength, WAVE)  # HELIOV is not applied
    assert_allclose(first.lsf, 1.2, rtol=1e-5)
    assert_allclose(first.ivar[0], 9.0)
    assert_array_equal(np.flatnonzero(~first.good), [3])
    assert (first.row["flux_unit"], first.row["survey"], first.row["class"]) == (
        "1e-17 erg/s/cm2/A",
        "mastar",
        "STAR",
    )
    assert [s.row["ra"] for s in found] == [100.0, 101.0, 102.0]
    assert [s.row["targetid"] for s in found] == ["7-100", "7-100", "7-205"]
    assert set(first.row["flags"]) == {"no_redshift", "star"}


def test_visits_of_single_stars_are_named_by_them_and_bad_ones_flagged(tmp_path):
    found = read_file(write(tmp_path / "a.fits", ("7-1", "7-2", "7-3"), (0, 0b1000, 1 << 10)))
    assert [s.object_id for s in found] == ["a#7-1", "a#7-2", "a#7-3"]
    assert ["reduction_warning" in s.row["flags"] for s in found] == [False, True, False]


def test_another_table_is_refused(tmp_path):
    with pytest.raises(FormatError, match="no table with MANGAID, MJDQUAL"):
        read_file(write(tmp_path / "a.fits", leave_out=("MJDQUAL",)), survey="mastar")
    with pytest.raises(FormatError, match="no rows"):
        read_file(write(tmp_path / "b.fits", stars=(), quality=()))


def test_wavelengths_in_another_unit_than_usual_are_refused_until_it_is_said(tmp_path):
    path = write(tmp_path / "a.fits", WAVE=(f"{N}D", np.tile(WAVE / 10, (3, 1))))
    with pytest.raises(
        FormatError, match=r"wavelengths run from 362\.\S+ to 370\S+ angstrom .* --wavelength-unit"
    ):
        read_file(path)
    said = read_file(path, wavelength_unit="nm")[0]
    assert_allclose(said.wavelength, WAVE)
    assert_allclose(said.lsf, 1.2, rtol=1e-5)


def test_a_card_that_says_air_is_read(tmp_path):
    (first, *_) = read_file(write(tmp_path / "a.fits", cards={"AIRORVAC": "air"}))
    assert_allclose(first.wavelength, air_to_vacuum(WAVE))


def test_numbers_that_stand_for_nothing_are_nothing(tmp_path):
    """-999 is no position, and a line-spread function of 1800 angstrom a resolving power."""
    columns = {"OBJRA": ("D", np.array([0.0, -999.0, 10.0])), "DISP": (f"{N}E", np.full((3, N), 1800.0))}
    found = read_file(write(tmp_path / "a.fits", **columns))
    assert [(s.row["ra"], s.row["dec"]) for s in found] == [(0.0, 20.0), (None, None), (10.0, 22.0)]
    assert all("lsf_unknown" in s.row["flags"] for s in found)


@pytest.mark.parametrize("name", ["WAVE", "MASK", "DISP"])
def test_a_vector_of_another_length_is_refused(tmp_path, name):
    path = write(tmp_path / "a.fits", **{name: ("D", np.ones(3))})
    with pytest.raises(
        FormatError, match=rf"column {name} has shape \(3,\), FLUX \(3, 100\), expected the same"
    ):
        read_file(path)
