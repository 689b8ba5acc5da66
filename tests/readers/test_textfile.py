"""Text tables of other makers: decimal commas, words, Fortran's numbers, VOTable, IPAC and machine-readable tables."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file

WAVE = np.linspace(4000.0, 7000.0, 50)
FLUX = 10 + np.cos(WAVE)
ERROR = np.full(50, 0.5)


def rows(path, text, mark="\t"):
    lines = (mark.join(text(value) for value in row) for row in zip(WAVE, FLUX, ERROR, strict=True))
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("mark", [";", "\t", " ", "; "])
def test_decimal_commas_are_decimal_points(tmp_path, mark):
    (s,) = read_file(rows(tmp_path / "a.txt", lambda v: f"{v:.4f}".replace(".", ","), mark), medium="vacuum")
    assert_allclose(s.wavelength, WAVE, atol=1e-4)
    assert_allclose(s.flux, FLUX, atol=1e-4)
    assert_allclose(s.ivar, 4)


def test_the_d_of_fortran_is_an_exponent(tmp_path):
    (s,) = read_file(rows(tmp_path / "a.txt", lambda v: f"{v:.6E}".replace("E", "D")), medium="vacuum")
    assert_allclose(s.flux, FLUX, rtol=1e-5)
    assert_allclose(s.ivar, 4)


def test_one_missing_error_does_not_lose_the_others(tmp_path):
    path = rows(tmp_path / "a.txt", lambda v: f"{v:.4f}")
    path.write_text(path.read_text().replace("0.5000", "INDEF", 1))
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.ivar[1:], 4)
    assert s.ivar[0] == 0
    assert "ivar_estimated" not in s.row["flags"]


def test_a_mask_in_words_is_a_mask(tmp_path):
    lines = [
        f"{w:.3f} {f:.3f} 0.5 {'bad' if i < 4 else 'ok'}"
        for i, (w, f) in enumerate(zip(WAVE, FLUX, strict=True))
    ]
    (tmp_path / "a.txt").write_text("# wave flux err quality\n" + "\n".join(lines))
    (s,) = read_file(tmp_path / "a.txt", medium="vacuum")
    assert np.flatnonzero(~s.good).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("known", ["votable", "ascii.ipac", "ascii.mrt", "ascii.ecsv"])
def test_tables_that_describe_themselves_say_names_and_units(tmp_path, known):
    table = Table({"wavelength": WAVE / 10, "flux": FLUX, "error": MaskedColumn(ERROR, mask=WAVE < 4050)})
    table["wavelength"].unit, table["flux"].unit, table["error"].unit = (
        "nm",
        "W / (m2 nm)",
        "W / (m2 nm)",
    )
    path = tmp_path / "a.tbl"
    table.write(path, format=known)
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.wavelength, WAVE, rtol=1e-6)
    assert_allclose(s.flux, FLUX * 1e19, rtol=1e-6)  # 1 W/m2/nm is 100 erg/s/cm2/A
    assert_allclose(s.ivar[1:], 4e-38, rtol=1e-5)
    assert s.ivar[0] == 0


def test_columns_of_a_votable_are_known_by_their_ucd(tmp_path):
    table = Table({"spectral_axis": WAVE / 10, "F": FLUX, "sF": ERROR})
    for name, unit, ucd in (("spectral_axis", "nm", "em.wl"), ("F", "mJy", "phot.flux.density;em.wl"),
                            ("sF", "mJy", "stat.error;phot.flux.density")):  # fmt: skip
        table[name].unit, table[name].meta["ucd"] = unit, ucd
    table.write(tmp_path / "a.vot", format="votable")
    (s,) = read_file(tmp_path / "a.vot", medium="vacuum")
    assert_allclose(s.flux * np.sqrt(s.ivar), FLUX / 0.5, rtol=1e-5)
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"


def test_a_broken_votable_is_refused_by_its_kind(tmp_path):
    (tmp_path / "a.vot").write_text("<?xml version='1.0'?><VOTABLE><RESOURCE>")
    with pytest.raises(
        FormatError, match=r"a.vot: begins as a table of the kind votable, which astropy cannot read"
    ):
        read_file(tmp_path / "a.vot")


def test_commas_for_columns_and_decimals_alike_are_refused(tmp_path):
    path = rows(tmp_path / "a.csv", lambda v: f"{v:.2f}".replace(".", ","), ",")
    with pytest.raises(FormatError, match="commas part the columns and, as it seems, the decimals too"):
        read_file(path)


def test_bars_around_the_columns_are_no_columns(tmp_path):
    path = rows(tmp_path / "a.txt", lambda v: f"{v:.4f}", " | ")
    lines = ["| wave | flux | err |", *(f"| {line} |" for line in path.read_text().splitlines())]
    path.write_text("\n".join(lines))
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.ivar, 4)
