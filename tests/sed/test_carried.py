"""Positions and ids of a table of photometry go through to its results, and each band with its best model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table
from numpy.testing import assert_allclose
from typer.testing import CliRunner

from spectrove.sed.carried import carried
from spectrove.serve.cli import app

BOXES = (3600, 4500, 5500, 6500, 7700, 9100, 12500, 22000)


def written(path: Path, **columns: list) -> Path:
    """Photometry of three galaxies: the second has an upper limit, and the third none in that band."""
    flux = np.outer([1.0, 2.0, 0.5], np.linspace(0.01, 0.06, 8))
    table = {"id": ["a", "b", "c"], "redshift": [0.4, 0.5, 0.3], **columns}
    for i, box in enumerate(BOXES):
        table[f"box{box}"], table[f"box{box}_err"] = flux[:, i], 0.05 * flux[:, i]
    table["box3600_err"] = [table["box3600_err"][0], -0.01, np.nan]
    table["box3600"] = [table["box3600"][0], 0.02, np.nan]
    made = Table(table)
    for name in made.colnames:
        if name.startswith("box"):
            made[name].unit = "mJy"
    made.write(path)
    return path


def fitted(path: Path, maraston: Path, output: Path, *words: object) -> Table:
    told = ["sed", "fit", path, "--ssp", maraston, "--without", "nebular,dust", "-o", output, *words]
    done = CliRunner().invoke(app, [str(word) for word in told])
    assert done.exit_code == 0, done.output
    return Table.read(output)


def test_positions_and_ids_are_those_of_the_rows(maraston: Path, tmp_path: Path):
    path = written(
        tmp_path / "t.fits", RA=[150.1, 150.2, -999.0], DEC=[2.1, 2.2, -999.0], specObjID=[2**60 + 1, 7, 8]
    )
    found = fitted(path, maraston, tmp_path / "o.ecsv")
    assert_allclose(found["ra"][:2], [150.1, 150.2])
    assert_allclose(found["dec"][:2], [2.1, 2.2])
    assert np.isnan(float(found["ra"][2]))
    assert list(found["specobjid"]) == [2**60 + 1, 7, 8]
    assert "RA" not in found.meta.get("ignored", "")
    assert fitted(path, maraston, tmp_path / "one.fits", "--rows", 1)["ra"][0] == 150.1


def test_each_band_stands_beside_its_best_model(maraston: Path, tmp_path: Path):
    """chi2 follows by hand from what is written, with the error floor; also of the band that is a limit."""
    from scipy.stats import norm

    found = fitted(written(tmp_path / "t.fits"), maraston, tmp_path / "o.fits", "--residuals", "--floor", 0.1)
    assert "ra" not in found.colnames
    for row in found:
        chi2 = 0.0
        for box in BOXES:
            flux, error, model = row[f"flux.box{box}"], row[f"flux.box{box}_err"], row[f"model.box{box}"]
            assert model > 0
            if not np.isfinite(flux):
                assert row["id"] == "c"
                continue
            apart = (flux - model) / np.hypot(error, 0.1 * flux)
            assert_allclose(apart, row[f"residual.box{box}"], rtol=1e-6)
            chi2 += apart**2 if error > 0 else -2 * norm.logcdf(apart)
        assert_allclose(chi2, row["chi2"], rtol=1e-5)
    assert found["flux.box3600_err"][1] == -0.01
    assert_allclose(found["pivot.box5500"], 5500, rtol=0.005)
    assert found["flux.box3600"].unit == u.mJy
    assert found["pivot.box3600"].unit == u.angstrom


def test_angles_are_read_in_their_unit_and_no_others():
    sky = {"ra": u.Quantity([10.0, 11.0], "hourangle"), "dec": u.Quantity([0.1, 0.2], "rad")}
    found = carried(dict(Table(sky).columns))
    assert_allclose(found.values["ra"], [150, 165])
    assert_allclose(found.values["dec"], np.degrees([0.1, 0.2]))
    found = carried({"ra": np.array(["10:00:01", "10:00:02"]), "dec": np.array(["1", "2"])})
    assert "ra is '10:00:01' in row 1, expected degrees" in found.unplaced
    assert not found.values
    found = carried(dict(Table({"ra": u.Quantity([1.0], "mJy"), "dec": u.Quantity([1.0], "deg")}).columns))
    assert "ra is in mJy" in found.unplaced


@pytest.mark.parametrize("value", [999.0, np.nan])
def test_a_position_that_is_none_is_unknown_in_both_numbers(value: float):
    found = carried({"ra": np.array([150.0]), "dec": np.array([value])})
    assert np.isnan(found.values["ra"]).all()
    assert np.isnan(found.values["dec"]).all()
