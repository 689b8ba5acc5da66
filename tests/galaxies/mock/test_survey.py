"""Whole surveys: deterministic, labelled as a catalog would, split by plate."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from spectrove.errors import RecipeError
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.galaxies.mock.labels import class_derived
from spectrove.galaxies.mock.plates import MAX_FIBERS, place_of
from spectrove.galaxies.mock.recipe import KINDS
from spectrove.spectra import PIXEL_COLUMNS


def test_a_survey_is_the_same_whatever_the_number_of_workers():
    one, two = make_survey(130, seed=4), make_survey(130, seed=4, workers=2)
    assert_array_equal(one.object_id, two.object_id)
    for name in PIXEL_COLUMNS:
        assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.rows.equals(two.rows)


def test_another_seed_gives_other_objects_with_other_ids():
    a, b = make_survey(20, seed=1), make_survey(20, seed=2)
    assert not set(a.object_id) & set(b.object_id)
    assert not np.array_equal(a.flux[:100], b.flux[:100])


def test_every_object_is_one_of_its_kind(survey):
    assert len(set(survey.object_id)) == len(survey) == 160
    shares = load_recipe().shares
    outliers, lenses = Counter(survey.column("outlier")), Counter(survey.column("lens"))
    assert outliers["outlier"] == pytest.approx(160 * shares["outlier"], abs=3)
    assert lenses["lens"] == pytest.approx(160 * shares["lens"], abs=3)
    assert len(set(survey.column("outlier_kind"))) > 6


def test_a_survey_without_objects_has_the_same_columns(survey):
    empty = make_survey(0)
    assert len(empty) == 0
    assert empty.rows.schema.equals(survey.rows.schema)


def test_splits_share_no_plate(survey):
    plates = {split: {p for p, s in zip(survey.column("plate"), survey.column("split"),
    strict=True) if s == split}
              for split in ("train", "test")}  # fmt: skip
    assert plates["train"]
    assert plates["test"]
    assert not plates["train"] & plates["test"]
    assert len(plates["train"] | plates["test"]) >= 20


def test_plates_have_no_more_objects_than_fibres_and_objects_lie_apart():
    n = 3 * 20 * MAX_FIBERS // 2
    places = [place_of(i, n, 0.3, 0) for i in range(n)]
    assert max(Counter(p.plate for p in places).values()) <= MAX_FIBERS
    assert max(p.fiberid for p in places) <= MAX_FIBERS
    assert len({p.object_id for p in places}) == n
    first = [p for p in places if p.plate == places[0].plate]
    ra, dec = np.array([p.ra for p in first]), np.array([p.dec for p in first])
    d_ra = (ra[:, None] - ra + 180) % 360 - 180
    apart = np.hypot(d_ra * np.cos(np.radians(dec)), dec[:, None] - dec) + 10 * np.eye(len(first))
    assert apart.min() * 3600 > 10


def test_specobjid_follows_the_formula_of_sdss(survey):
    row = survey[3].row
    number = int(row["specobjid"])
    assert number >> 50 == row["plate"]
    assert number >> 38 & 0xFFF == row["fiberid"]
    assert (number >> 24 & 0x3FFF) + 50000 == row["mjd"]


def test_spectra_look_like_sdss(survey):
    """Grid, resolution, masks and S/N lie where real main-survey spectra have them."""
    for spectrum in (survey[i] for i in range(0, 160, 16)):
        assert 3700 < len(spectrum.flux) < 3950
        assert np.diff(np.log10(spectrum.wavelength)) == pytest.approx(1e-4, abs=2e-6)
        assert 3780 < spectrum.wavelength[0] < 3840
        assert 1500 < np.median(spectrum.wavelength / (2.355 * spectrum.lsf)) < 2400
        assert 0.85 < spectrum.good.mean() <= 1
        assert np.isfinite(spectrum.flux).all()
    assert 15 < np.median(survey.column("sn_median")) < 45


def test_labels_follow_the_truth_where_the_signal_is_strong():
    """At S/N 60 without nuisances, at least nine in ten galaxies get the class they truly have."""
    recipe = load_recipe()
    noise = recipe.noise.model_copy(
        update={
            "sn": 60.0,
            "sn_sigma": 1.0,
            "faint_share": 0.0,
            "sky_residual": 0.0,
            "calibration": 0.0,
            "cosmics": 0.0,
        }
    )
    classes = {name: c.model_copy(update={"brightness": 1.0}) for name, c in recipe.classes.items()}
    shares = {"SF": 0.4, "Seyfert": 0.2, "LINER": 0.2, "quiescent": 0.2}
    strong = make_survey(
        120, recipe=recipe.model_copy(update={"noise": noise, "shares": shares, "classes": classes})
    )
    names = {"SF": "SF", "Seyfert": "Seyfert", "LINER": "LINER"}
    rows = [s.row for s in strong]
    clear = [r for r in rows if r["truth_ha_ew"] > 5 and r["truth_class"] in names]
    right = [r["bpt_class"] == names[r["truth_class"]] for r in clear]
    assert np.mean(right) > 0.9
    quiet = [r["class_derived"] for r in rows if r["truth_class"] == "quiescent" and r["truth_ha_ew"] < 1.5]
    assert np.mean([c == "quiescent" for c in quiet]) > 0.9


def test_measured_ratios_scatter_about_the_true_ones(survey):
    rows = [s.row for s in survey if s.row["outlier"] == "none" and s.row["lens"] == "none"]
    rows = [r for r in rows if r["bpt_class"] and r["ha_flux"] > 20 * r["ha_err"] and r["truth_ha_ew"] > 3]
    off = [np.log10(r["nii_flux"] / r["ha_flux"]) - r["truth_log_nii_ha"] for r in rows]
    assert len(off) > 30
    assert abs(np.median(off)) < 0.03
    assert np.percentile(np.abs(off), 80) < 0.1


def test_measured_redshifts_are_the_true_ones_but_for_their_errors(survey):
    rows = [s.row for s in survey if s.row["outlier_kind"] != "wrong_redshift"]
    pulls = [(r["z"] - r["truth_z"]) / r["z_err"] for r in rows]
    assert 0.7 < np.std(pulls) < 1.4


def test_the_two_halves_of_the_populations_share_none_and_both_make_galaxies():
    from spectrove.galaxies.mock.galaxies import allowed

    assert not np.any(allowed("even") & allowed("odd"))
    assert np.all(allowed("even") | allowed("odd"))
    for half in ("even", "odd"):
        made = make_survey(12, recipe=load_recipe().model_copy(update={"populations": half}))
        assert np.isfinite(made.flux).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("LINER", 0.1, 8.0, 1.7), "LINER"),
        (("Seyfert", -0.1, 8.0, 1.5), "Seyfert2-like"),
        (("SF", -0.6, 30.0, 1.2), "SF"),
        (("SF", -0.35, 30.0, 1.2), None),
        (("LINER", 0.1, 2.0, 1.8), "quiescent"),
        ((None, None, 0.3, 1.9), "quiescent"),
        ((None, None, 0.3, 1.4), None),
        ((None, None, None, 1.9), None),
        (("SF", -0.6, 30.0, None), None),
    ],
)
def test_class_derived_follows_its_rule(values, expected):
    assert class_derived(*values) == expected


@pytest.mark.real
def test_class_derived_gives_the_labels_of_the_real_catalog(data_dir):
    """The rule was read off real labels: it gives every one but those that say 'class QSO'."""
    import csv

    def number(row: dict, key: str) -> float | None:
        return float(row[key]) if row[key] else None

    def ratio(row: dict, top: str, bottom: str) -> float | None:
        a, b = number(row, top), number(row, bottom)
        return float(np.log10(a / b)) if a and b and a > 0 and b > 0 else None

    with open(data_dir / "galaxies" / "index.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["group"] == "sdss" and "QSO" not in r["class_derived"]]
    wrong = [
        r["object_id"]
        for r in rows
        if class_derived(
            r["bpt_class"] or None, ratio(r, "nii_flux", "ha_flux"),
            number(r, "ha_ew"), number(r, "d4000n"),
        ) != (r["class_derived"] or None)
    ]  # fmt: skip
    assert len(rows) > 1000
    assert wrong == []


def test_recipes_refuse_what_they_do_not_know(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[noise]\nloudness = 3\n")
    with pytest.raises(RecipeError, match=r"noise\.loudness"):
        load_recipe(path)
    path.write_text("[shares]\ndwarf = 1.0\n")
    with pytest.raises(RecipeError, match="dwarf"):
        load_recipe(path)
    path.write_text("not toml")
    with pytest.raises(RecipeError, match="not a readable TOML"):
        load_recipe(path)


def test_a_recipe_file_needs_only_what_differs(tmp_path):
    path = tmp_path / "lenses.toml"
    path.write_text("[shares]\nlens = 0.5\nred = 0.5\n")
    recipe = load_recipe(path)
    assert recipe.shares == {"lens": 0.5, "red": 0.5}
    assert recipe.noise == load_recipe().noise
    assert set(load_recipe().shares) == set(KINDS)


def test_sizes_that_make_no_sense_are_refused():
    with pytest.raises(RecipeError, match="workers"):
        make_survey(10, workers=0)


def test_progress_reaches_the_end():
    seen = []
    make_survey(70, progress=lambda done, n: seen.append((done, n)))
    assert seen == [(64, 70), (70, 70)]
