"""Mock surveys of stars, in memory and as files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import RecipeError
from spectrove.readers import read_file
from spectrove.stars.domain import MockStars
from spectrove.stars.labels import LABELS, pixels
from spectrove.stars.mock import draw, load_recipe, make_survey, write_survey
from spectrove.stars.mock import survey as module


def test_a_survey_is_the_first_of_a_larger_one(monkeypatch):
    monkeypatch.setattr(module, "PART", 4)
    small, large = make_survey(3, seed=5), make_survey(6, seed=5)
    assert large.object_id[:3].tolist() == small.object_id.tolist()
    assert len(set(large.object_id.tolist())) == 6
    assert_allclose(large[2].flux, small[2].flux)


def test_rows_hold_the_truth_of_the_spectra():
    found, drawn = (
        make_survey(5, recipe=load_recipe("test"), seed=2),
        draw(250, load_recipe("test"), 2_000_000),
    )
    columns = [x if x in found.rows.column_names else f"{x}_fe" for x in LABELS]
    truth = np.stack([found.rows.column(x).to_numpy() for x in columns], axis=1)
    assert_allclose(truth, drawn.labels[:5])
    assert_allclose(found[3].flux, drawn.flux[3])
    assert_allclose(found[3].wavelength, pixels())
    assert_allclose(found.z * 299_792.458, drawn.velocity[:5], atol=1e-6)
    assert_allclose(found[3].ivar ** -0.5, float(drawn.error[3, 0]), rtol=1e-5)


def test_a_spectrum_says_how_sharp_it_is_and_how_noisy():
    """HR10 at R = 19,800 and HR21 at 16,200: 5,471 A / 19,800 / 2.355 = .117 A. S/N of 1 A from that of .1 A."""
    one = make_survey(1)[0]
    assert_allclose(np.interp(5471, one.wavelength, one.lsf), 0.1173, atol=5e-4)
    assert_allclose(np.interp(8730, one.wavelength, one.lsf), 0.2288, atol=5e-4)
    assert_allclose(one.row["sn_angstrom"], np.sqrt(10 * one.ivar[0]), rtol=1e-5)


def test_files_are_read_as_they_were_made(tmp_path: Path):
    catalog = write_survey(3, tmp_path, seed=1)
    made = make_survey(3, seed=1)
    (path,) = tmp_path.glob("*.fits")
    read = list(read_file(path))
    assert [one.object_id for one in read] == made.object_id.tolist()
    for one, other in zip(read, made, strict=True):
        assert_allclose(one.flux, other.flux)
        assert_allclose(one.wavelength, other.wavelength)
        assert_allclose(one.ivar, other.ivar, rtol=1e-5)
    with open(catalog, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["object_id"] for row in rows] == made.object_id.tolist()
    assert_allclose([float(row["mg_fe"]) for row in rows], made.rows.column("mg_fe").to_numpy(), rtol=1e-7)
    assert not list(tmp_path.glob("*.part"))


def test_a_survey_is_handed_over_as_a_domain_asks(tmp_path: Path):
    light, told = MockStars(), []
    recipe = light.recipe("train")
    made = light.make(2, recipe, 3, 1)
    light.write(
        2, tmp_path, recipe=recipe, seed=3, workers=1, progress=lambda done, n: told.append((done, n))
    )
    assert told == [(2, 2)]
    assert next(iter(read_file(next(tmp_path.glob("*.fits"))))).object_id == made.object_id[0]


def test_fewer_than_no_stars_are_refused():
    with pytest.raises(RecipeError, match="-1 stars"):
        make_survey(-1)
