"""A long table is fitted in parts that are kept beside the output, so that a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from numpy.testing import assert_allclose
from typer.testing import CliRunner, Result

from spectrove.sed import catalog, populations
from spectrove.serve.cli import app, sed_blocks

BOXES = (3600, 4500, 5500, 6500, 7700, 9100, 12500, 22000)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Six galaxies, the third of which has no redshift."""
    rng = np.random.default_rng(1)
    flux = np.linspace(0.01, 0.06, 8) * rng.uniform(0.5, 2, (6, 1)) * rng.uniform(0.9, 1.1, (6, 8))
    made = Table({"id": list("abcdef"), "redshift": [0.4, 0.5, np.nan, 0.3, 0.6, 0.2]})
    for i, box in enumerate(BOXES):
        made[f"box{box}"], made[f"box{box}_err"] = flux[:, i], 0.05 * flux[:, i]
    path = tmp_path / "t.txt"
    made.write(path, format="ascii.commented_header")
    return path


def ran(table: Path, maraston: Path, output: Path, *words: object) -> Result:
    told = ["sed", "fit", table, "--ssp", maraston, "--without", "nebular,dust", "-o", output, *words]
    return CliRunner().invoke(app, [str(word) for word in told])


def test_a_run_that_was_stopped_goes_on_where_it_was(table, maraston, tmp_path, monkeypatch):
    """The same table as without a stop, and galaxies that were fitted are not fitted again."""
    whole, output = tmp_path / "whole.parquet", tmp_path / "o.parquet"
    assert ran(table, maraston, whole).exit_code == 0
    monkeypatch.setattr(sed_blocks, "BLOCK", 2)
    seen: list[str] = []
    fit = catalog.fit

    def stopped(engine, galaxy, *words, **named):
        seen.append(galaxy.object_id)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return fit(engine, galaxy, *words, **named)

    monkeypatch.setattr(catalog, "fit", stopped)
    first = ran(table, maraston, output)
    assert first.exit_code == 130
    assert "run the same command to continue" in first.output
    assert not output.exists()
    assert seen == ["a", "b", "d", "e"]
    again = ran(table, maraston, output)
    assert again.exit_code == 0, again.output
    assert seen[4:] == ["e", "f"]
    assert "2 of 3 parts of 2 galaxies are there from before" in again.output
    assert "5 galaxies fitted" in again.output
    assert "1 refused" in again.output
    assert pq.read_table(output).equals(pq.read_table(whole))
    assert not output.with_name("o.parquet.parts").exists()


def test_parts_of_other_work_are_not_taken(table, maraston, tmp_path, monkeypatch):
    """Another error floor, or other fluxes, begin anew."""
    monkeypatch.setattr(sed_blocks, "BLOCK", 2)
    output = tmp_path / "o.parquet"
    fit, count = catalog.fit, 0

    def stopped(*words, **named):
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return fit(*words, **named)

    monkeypatch.setattr(catalog, "fit", stopped)
    assert ran(table, maraston, output).exit_code == 130
    again = ran(table, maraston, output, "--floor", 0.1)
    assert "held parts of other work, which are removed" in again.output
    assert set(pq.read_table(output)["error_floor"].to_pylist()) == {0.1}


@pytest.mark.parametrize("option", ["--residuals", "--components", "--spectra"])
def test_parts_of_a_table_with_fewer_columns_are_not_taken(option, table, maraston, tmp_path, monkeypatch):
    """A run that is stopped and asked for more has the more for all galaxies."""
    monkeypatch.setattr(sed_blocks, "BLOCK", 2)
    output, spectra = tmp_path / "o.parquet", tmp_path / "s.parquet"
    stop_at(monkeypatch, 3)
    assert ran(table, maraston, output).exit_code == 130
    assert ran(table, maraston, output, option, *([spectra] if option == "--spectra" else [])).exit_code == 0
    found = pq.read_table(output)
    assert found.num_rows == 5
    assert all(found[name].null_count == 0 for name in found.column_names)
    if option == "--spectra":
        assert set(pq.read_table(spectra)["id"].to_pylist()) == set("abdef")


def test_a_row_that_was_mended_is_fitted(table, maraston, tmp_path, monkeypatch):
    """A word in place of a number refuses a row; with "nan" there, the part that has the refusal is not taken."""
    monkeypatch.setattr(sed_blocks, "BLOCK", 2)
    output, right = tmp_path / "o.parquet", table.read_text()
    lines = right.splitlines()
    for word in ("spoilt", "nan"):
        lines[1] = " ".join([*lines[1].split()[:-2], word, word])
        table.write_text("\n".join(lines))
        if word == "spoilt":
            with monkeypatch.context() as patch:
                stop_at(patch, 3)
                assert ran(table, maraston, output).exit_code == 130
    assert ran(table, maraston, output).exit_code == 0
    assert pq.read_table(output)["id"].to_pylist() == list("abdef")


def test_parts_of_other_populations_are_not_taken(table, maraston, tmp_path, monkeypatch):
    """Ages that are others, with the same light, are another table."""
    monkeypatch.setattr(sed_blocks, "BLOCK", 2)
    output = tmp_path / "o.parquet"
    stop_at(monkeypatch, 3)
    assert ran(table, maraston, output).exit_code == 130
    read = populations.read_populations

    def aged(folder, imf):
        found = read(folder, imf)
        return replace(found, ages=1.1 * found.ages)

    monkeypatch.setattr(populations, "read_populations", aged)
    assert "held parts of other work, which are removed" in ran(table, maraston, output).output


def stop_at(monkeypatch, number: int) -> None:
    """Interrupt the fit of this number, counted from now."""
    fit, count = catalog.fit, 0

    def stopped(*words, **named):
        nonlocal count
        count += 1
        if count == number:
            raise KeyboardInterrupt
        return fit(*words, **named)

    monkeypatch.setattr(catalog, "fit", stopped)


def test_components_of_each_band_add_up_and_spectra_are_written(table, maraston, tmp_path):
    output, spectra = tmp_path / "o.fits", tmp_path / "s.parquet"
    done = ran(table, maraston, output, "--components", "--spectra", spectra, "--rows", 2)
    assert done.exit_code == 0, done.output
    assert str(spectra) in done.output.replace("\n", "")
    found = Table.read(output)
    for box in BOXES:
        parts = [found[f"component.{part}.box{box}"] for part in ("stars", "gas", "dust", "agn")]
        assert_allclose(np.sum(parts, axis=0), found[f"model.box{box}"], rtol=1e-4)
        assert (found[f"component.stars.box{box}"] <= found[f"component.stars_unattenuated.box{box}"]).all()
    assert found["component.stars.box5500"].unit == "mJy"
    lines = pq.read_table(spectra).to_pandas()
    assert list(lines["id"].unique()) == ["a", "b"]
    one = lines[lines["id"] == "a"]
    at = np.interp(5500.0, one["wavelength"], one["total"])
    assert 0.7 < at / found["model.box5500"][0] < 1.4
