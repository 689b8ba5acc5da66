"""What is read: populations, filters, photometry; and the command."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from spectrove.errors import CatalogError, FormatError, ParameterError, Refusal
from spectrove.sed.bands import BANDS, curves_of
from spectrove.sed.filters import of_sedpy
from spectrove.sed.likelihood import Photometry
from spectrove.sed.photometry import read_photometry
from spectrove.sed.populations import read_populations
from spectrove.serve.cli import app

BOXES = tuple(f"box{c}" for c in (3600, 4500, 5500, 6500, 7700, 9100, 12500, 22000))


def test_populations_of_a_folder_are_those_that_were_written(maraston: Path, populations):
    found = read_populations(maraston)
    assert_allclose(found.metallicities, populations.metallicities)
    assert_allclose(found.ages, populations.ages, rtol=1e-6)
    near = populations.wavelength < 1e5
    assert_allclose(found.luminosity[..., : near.sum()], populations.luminosity[..., near], rtol=1e-5)
    assert_allclose(found.surviving, populations.surviving, atol=2e-3)


def test_a_folder_without_populations_says_what_it_lacks(tmp_path: Path, maraston: Path):
    with pytest.raises(FormatError, match="no stellar populations there"):
        read_populations(tmp_path)
    with pytest.raises(ParameterError, match="kroupa or salpeter"):
        read_populations(maraston, "chabrier")


def test_every_band_of_the_table_has_a_curve_of_its_place():
    """Names in astro-sedpy exist; pivot wavelengths are those that the labels say."""
    for label, curve in BANDS.items():
        if curve.sedpy:
            assert of_sedpy(curve.sedpy).pivot > 1000, label
    assert_allclose(of_sedpy("sdss_r0").pivot, 6180, rtol=0.01)
    assert_allclose(of_sedpy("spitzer_irac_ch1").pivot, 35500, rtol=0.01)
    assert_allclose(of_sedpy("galex_NUV").pivot, 2300, rtol=0.02)
    number = [int(label[-3:]) * 10 for label in BANDS if ".IB" in label]
    pivots = [curves_of([label]).filters[0].pivot for label in BANDS if ".IB" in label]
    assert_allclose(pivots, number, rtol=0.02)


def test_a_band_without_a_curve_is_named_with_its_nearest(tmp_path: Path):
    with pytest.raises(CatalogError, match=r"band sdss\.rpp: no curve of this name, nearest are sdss\.rp"):
        curves_of(["sdss.rpp"])
    with pytest.raises(CatalogError, match=r"SUBARU_g\.dat of CIGALE's folder"):
        curves_of(["subaru.suprime.g+"], tmp_path)
    assert set(curves_of(["subaru.suprime.z++", "sdss.rp"]).guesses) == {"subaru.suprime.z++"}


def test_a_curve_of_energies_is_divided_by_wavelength(tmp_path: Path):
    wave = np.linspace(4000, 6000, 50)
    for kind in ("photon", "energy"):
        rows = "\n".join(f"{w} 1.0" for w in wave)
        (tmp_path / f"{kind}.dat").write_text(f"# x\n# {kind}\n# y\n{rows}\n")
    photon, energy = curves_of(["photon", "energy"], tmp_path).filters
    assert_allclose(
        energy.transmission / photon.transmission * photon.wavelength / energy.wavelength[0], 1, rtol=1e-4
    )


CIGALE = """# id redshift sdss.gp sdss.gp_err sdss.rp sdss.rp_err sdss.ip sdss.ip_err comment
a 0.5 1.0 0.1 2.0 0.1 3.0 -3.0 x
b nan 1.0 0.1 2.0 0.1 3.0 0.3 x
c 0.4 nan nan 2.0 0.1 3.0 0.3 x
d 0.4 1.0 0.0 2.0 0.1 3.0 0.3 x
e 0.4 1.0 nan 2.0 0.1 3.0 0.3 x
f 0.4 1.0 0.1 2.0 0.1 many 0.3 x
g -9.0 1.0 0.1 2.0 0.1 3.0 0.3 x
h 0.4 1.0 0.1 2.0 0.1 3.0 0.3 x
"""


def test_rows_that_cannot_be_fitted_are_refused_with_their_reason(tmp_path: Path):
    path = tmp_path / "t.txt"
    path.write_text(CIGALE)
    found = read_photometry(path)
    assert found.bands == ("sdss.gp", "sdss.rp", "sdss.ip")
    assert found.ignored == ("comment",)
    rows = list(found.rows())
    said = {one.name: one.error for one in rows if isinstance(one, Refusal)}
    expected = {
        "a": "2 bands are measured", "b": "no redshift", "c": "2 bands are measured", "d": "error of sdss.gp is 0",
        "e": "sdss.gp is 1 with an error of nan", "f": "sdss.ip is 'many'", "g": "its redshift is -9",
    }  # fmt: skip
    assert set(said) == set(expected)
    assert all(words in said[name] for name, words in expected.items())
    (good,) = [one for one in rows if isinstance(one, Photometry)]
    assert good.object_id == "h"


@pytest.mark.parametrize(
    ("unit", "value", "error"),
    [
        ("mJy", -99.0, 1.0),
        ("mJy", -9999.0, -9999.0),
        ("AB", -99.0, 0.1),
        ("AB", 99.0, 99.0),
        ("AB", 21.0, 99.0),
    ],
)
def test_codes_for_what_is_missing_are_no_fluxes(tmp_path: Path, unit: str, value: float, error: float):
    path = tmp_path / "old.txt"
    path.write_text(
        f"id redshift sdss.gp sdss.gp_err sdss.rp sdss.rp_err\na .5 {value} {error} 20 .1\n", "utf-8"
    )
    found = read_photometry(path, unit=unit)
    assert np.isnan(found.flux[0, 0])
    assert np.isnan(found.error[0, 0])
    assert np.isfinite(found.flux[0, 1])


def test_magnitudes_may_say_so_in_their_column_and_by_the_option(tmp_path: Path):
    made = Table({"id": ["a"], "redshift": [0.5], "sdss.gp": [20.0], "sdss.gp_err": [0.1]})
    made["sdss.gp"].unit = made["sdss.gp_err"].unit = "mag(AB)"
    made.write(tmp_path / "t.ecsv")
    assert_allclose(read_photometry(tmp_path / "t.ecsv", unit="AB").flux, 0.03631, rtol=1e-3)


def test_units_are_those_that_are_stated(tmp_path: Path):
    """The same galaxy in mJy, uJy and AB magnitudes; a FITS table without units is refused."""
    flux, error = np.array([0.01, 0.02, 0.03]), np.array([0.001, 0.002, 0.003])
    bands = ["sdss.gp", "sdss.rp", "sdss.ip"]

    def table(value, sigma, unit=None):
        made = Table({"id": ["a"], "redshift": [0.5]})
        for name, v, s in zip(bands, value, sigma, strict=True):
            made[name], made[f"{name}_err"] = [v], [s]
            if unit:
                made[name].unit = made[f"{name}_err"].unit = unit
        made.write(tmp_path / "t.fits", overwrite=True)
        return tmp_path / "t.fits"

    found = read_photometry(table(flux * 1000, error * 1000, "uJy"))
    assert_allclose(found.flux[0], flux)
    magnitude = -2.5 * np.log10(flux / 3.6308e6)
    found = read_photometry(table(magnitude, 1.0857 * error / flux), "AB")
    assert_allclose(found.flux[0], flux, rtol=1e-3)
    assert_allclose(found.error[0], error, rtol=2e-3)
    with pytest.raises(CatalogError, match=r"has no unit\. Say it with --unit"):
        read_photometry(table(flux, error))
    with pytest.raises(CatalogError, match="says uJy, --unit says mJy"):
        read_photometry(table(flux, error, "uJy"), "mJy")
    with pytest.raises(CatalogError, match="expected a flux per frequency"):
        read_photometry(table(flux, error, "erg / (s cm2 AA)"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id z sdss.gp sdss.gp_err\n1 1 1 1\n", "no column redshift"),
        ("id redshift sdss.gp\n1 1 1\n", "has no errors"),
        ("id redshift x\n1 1 1\n", "no column has its errors"),
        ("id redshift sdss.gp sdss.gp_err\n1 1 1\n", "row 1 has 3 values for 4 columns"),
        ("id redshift sdss.gp sdss.gp sdss.gp_err\n1 1 1 1 1\n", "there twice"),
        ("", "it is empty"),
    ],
)
def test_tables_of_another_form_are_refused(tmp_path: Path, text: str, said: str):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(CatalogError, match=said):
        read_photometry(tmp_path / "t.txt")


@pytest.fixture
def table(tmp_path: Path, engine) -> Path:
    """Three galaxies in the boxes, gzipped, one of which cannot be fitted."""
    lines = ["id,redshift," + ",".join(f"{b},{b}_err" for b in BOXES)]
    for name, z in (("one", 0.4), ("two", 0.8), ("none", np.nan)):
        flux = engine.at(0.4 if np.isnan(z) else z).flux(20, 7) * 2e10
        lines.append(f"{name},{z}," + ",".join(f"{f:.6g},{f / 20:.6g}" for f in flux))
    with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    return tmp_path / "t.csv.gz"


def run(*words: object):
    return CliRunner().invoke(app, ["sed", "fit", *map(str, words)])


def test_a_table_is_fitted_from_the_command_line(table: Path, maraston: Path, tmp_path: Path):
    done = run(
        table, "--ssp", maraston, "--without", "nebular,dust", "-o", tmp_path / "o.fits", "--residuals"
    )
    assert done.exit_code == 0, done.output
    assert "2 galaxies fitted, median chi2/band" in done.output
    assert "with an error floor of 0.05; 1 refused; wrote" in done.output
    assert "1 galaxy (none): it has no redshift. Give it one" in done.output
    found = Table.read(tmp_path / "o.fits")
    assert list(found["id"]) == ["one", "two"]
    assert {
        "bayes.log_mass",
        "bayes.log_mass_err",
        "best.log_mass",
        "chi2",
        "n_bands",
        "error_floor",
        "residual.box3600",
    } <= set(found.colnames)
    assert (np.abs(found["bayes.log_mass"] - 10.2) < 0.5).all()
    assert (found["bayes.log_mass_low"] < found["bayes.log_mass_high"]).all()
    assert found.meta["SSP"] == "Maraston 2005"
    assert found.meta["FLOOR"] == "0.05"
    assert found.meta["SFH"] == "burst"  # HISTORY is a card of another kind


def test_json_has_the_same_rows(table: Path, maraston: Path):
    done = run(table, "--ssp", maraston, "--without", "nebular,dust", "--json", "--rows", 1)
    (row,) = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert row["id"] == "one"
    assert row["n_bands"] == 8


def test_redshifts_are_found_from_the_command_line(table: Path, maraston: Path):
    """Also that of the galaxy which has none."""
    done = run(table, "--ssp", maraston, "--without", "nebular,dust", "--json", "--free-redshift", "0.3:1.0")
    rows = {row["id"]: row for row in map(json.loads, (x for x in done.stdout.splitlines() if x[0] == "{"))}
    assert set(rows) == {"one", "two", "none"}
    assert all(row["redshift"] is None for row in rows.values())
    assert abs(rows["one"]["bayes.redshift"] - 0.4) < 0.2
    assert abs(rows["none"]["bayes.redshift"] - rows["one"]["bayes.redshift"]) < 1e-6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--without", "stars"), "--without stars: expected nebular or dust"),
        ((), r"no folder nebular there\. Name the folder that has it"),
        (("--without", "nebular,dust", "--leave-out", "box1"), "band box1: not in the table"),
        (("--without", "nebular,dust", "--law", "smc"), "--law smc: expected calzetti, charlot-fall"),
        (("--without", "nebular,dust", "--free-redshift", "1"), "--free-redshift 1: expected LOW:HIGH"),
        (("--without", "nebular,dust", "--history", "psb"), "--history psb: expected burst, delayed, bins"),
        (
            ("--without", "nebular,dust", "--anchor", "box3600", "--leave-out", "box3600"),
            "it is the --anchor",
        ),
    ],
)
def test_wrong_usage_is_said(table: Path, maraston: Path, words: tuple[str, ...], said: str):
    done = run(table, "--ssp", maraston, *words)
    assert done.exit_code == 2
    assert re.search(said, done.output)


@pytest.mark.real
def test_zcosmos_is_read_as_it_is_published(data_dir: Path):
    path = data_dir / "sed" / "zcosmos_bright20k.csv.gz"
    found = read_photometry(path)
    assert len(found) > 10000
    good = [one for one in found.rows() if isinstance(one, Photometry)]
    assert len(good) > 0.6 * len(found)
    assert sum(isinstance(one, Photometry) for one in found.rows(free_redshift=True)) > len(good) + 1000
    assert all(0.02 <= one.z < 5 for one in good)
    middle = np.nanmedian(-2.5 * np.log10(np.array([one.flux for one in good]) / 3.6308e6), 0)
    assert_allclose(middle, [23.9, 23.3, 22.9, 23.4, 22.5, 22.0, 21.6, 21.3, 20.6], atol=0.15)


@pytest.mark.real
def test_real_galaxies_are_fitted(data_dir: Path, tmp_path: Path):
    folder = data_dir / "sed"
    done = run(
        folder / "zcosmos_bright20k.csv.gz",
        "--ssp",
        folder / "cigale_db" / "maraston2005",
        "--rows",
        15,
        "-o",
        tmp_path / "o.parquet",
    )
    assert done.exit_code == 0, done.output
    import pyarrow.parquet as pq

    found = pq.read_table(tmp_path / "o.parquet").to_pydict()
    assert len(found["id"]) >= 6
    assert np.median(found["bayes.log_mass"]) == pytest.approx(9.5, abs=1.0)
    assert "a guess" in done.output


def test_a_file_that_is_no_table_is_refused_in_a_sentence(tmp_path: Path):
    for name in ("junk.fits", "junk.vot", "junk.parquet", "junk.ecsv"):
        (tmp_path / name).write_text("junk\n", "utf-8")
        with pytest.raises(CatalogError, match=f"{name}: "):
            read_photometry(tmp_path / name)
