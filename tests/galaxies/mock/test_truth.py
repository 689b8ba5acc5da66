"""The truth of a mock is what a perfect measurement would find, and is forgotten where an injection spoils it."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.galaxies.mock import OUTLIER_KINDS, inject_lens, inject_outlier, load_recipe, make_survey
from spectrove.galaxies.mock.truth import INDICES, MOTIONS, RATIOS, STARS, UNTRUE, WIDTHS
from spectrove.spectra import SpectrumSet

TRUTH = (*WIDTHS, *RATIOS, *INDICES, *STARS, *MOTIONS)


@pytest.fixture(scope="module")
def sharp() -> SpectrumSet:
    """Galaxies at S/N 60 without nuisances."""
    recipe = load_recipe()
    noise = recipe.noise.model_copy(
        update={
            "sn": 60.0, "sn_sigma": 1.0, "faint_share": 0.0, "sky_residual": 0.0, "calibration": 0.0, "ripple": 0.0,
            "cosmics": 0.0, "bad_columns": 0.0,
        }
    )  # fmt: skip
    classes = {name: c.model_copy(update={"brightness": 1.0}) for name, c in recipe.classes.items()}
    shares = {"SF": 0.35, "Composite": 0.2, "Seyfert": 0.15, "LINER": 0.15, "quiescent": 0.15}
    update = {"noise": noise, "classes": classes, "shares": shares}
    return make_survey(100, recipe=recipe.model_copy(update=update), seed=21)


def both(survey: SpectrumSet, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Truth and measurement."""
    return np.array(survey.column(f"truth_{name}"), float), np.array(survey.column(name), float)


@pytest.mark.parametrize(("name", "middle", "most"), [("d4000n", 0.003, 0.02), ("hdelta_a", 0.08, 0.5)])
def test_indices_are_those_of_the_line_fit(sharp, name, middle, most):
    truth, measured = both(sharp, name)
    assert np.isfinite(truth).all()
    assert abs(np.nanmedian(measured - truth)) < middle
    assert np.nanpercentile(np.abs(measured - truth), 95) < most


@pytest.mark.parametrize("line", ["oiii", "nii", "sii", "oi"])
def test_equivalent_widths_of_forbidden_lines_are_those_of_the_line_fit(sharp, line):
    truth, measured = both(sharp, f"{line}_ew")
    flux, error = (np.array(sharp.column(f"{line}_{part}"), float) for part in ("flux", "err"))
    tolerance = np.hypot(3 * np.abs(error * measured / flux), 0.1 * truth + 0.3)
    assert np.nanmean(np.abs(measured - truth) < tolerance) > 0.95
    assert abs(np.nanmedian((measured / truth)[truth > 3]) - 1) < 0.04


@pytest.mark.parametrize("line", ["ha", "hb"])
def test_equivalent_widths_of_balmer_lines_are_the_fits_but_for_the_absorption_it_misses(sharp, line):
    """The fit's few templates leave about an angstrom of stellar absorption: it finds that much less emission."""
    truth, measured = both(sharp, f"{line}_ew")
    assert -1.4 < np.nanmedian(measured - truth) < 0.2
    assert np.nanmean(np.abs(measured - truth) < 0.15 * truth + 2) > 0.95


@pytest.mark.parametrize("ratio", ["nii_ha", "oiii_hb", "sii_ha", "oi_ha", "ha_hb"])
def test_ratios_are_those_of_the_line_fit(sharp, ratio):
    off = []
    for row in (s.row for s in sharp):
        a, b = ratio.split("_")
        if all(row[f"{key}_flux"] and row[f"{key}_flux"] > 20 * row[f"{key}_err"] for key in (a, b)):
            off.append(np.log10(row[f"{a}_flux"] / row[f"{b}_flux"]) - row[f"truth_log_{ratio}"])
    assert len(off) > 8
    assert abs(np.median(off)) < 0.04


def test_ages_and_metallicities_lie_within_the_populations_and_follow_the_break(sharp):
    age = np.array(sharp.column("truth_log_age"))
    metallicity = np.array(sharp.column("truth_metallicity"))
    assert -1.7 < age.min() < age.max() < 1.2
    assert -1.4 < metallicity.min() < metallicity.max() < 0.3
    old = np.array(sharp.column("truth_class")) == "quiescent"
    assert age[old].min() > np.median(age[~old])


def test_every_kind_of_outlier_says_what_it_leaves_true():
    assert set(UNTRUE) == {*OUTLIER_KINDS, "lens"}
    assert all(set(columns) <= set(TRUTH) for columns in UNTRUE.values())


@pytest.mark.parametrize("kind", OUTLIER_KINDS)
def test_an_outlier_forgets_what_no_longer_holds_and_keeps_the_rest(sharp, kind):
    host = sharp[0]
    row = inject_outlier(host, kind, np.random.default_rng(0)).row
    for name in TRUTH:
        assert row[name] == (None if name in UNTRUE[kind] else host.row[name])
    assert row["truth_z"] == host.row["truth_z"]


def test_outliers_of_a_survey_have_forgotten_too():
    shares = {"shares": {"outlier": 0.5, "SF": 0.5}}
    made = make_survey(24, recipe=load_recipe().model_copy(update=shares), seed=1)
    for row in (s.row for s in made if s.row["outlier"] == "outlier"):
        assert all(row[name] is None for name in UNTRUE[row["outlier_kind"]])
    assert all(s.row["truth_d4000n"] for s in made if s.row["outlier"] == "none")


def test_a_lens_keeps_the_truth_of_its_stars(sharp):
    row = inject_lens(sharp[0], np.random.default_rng(0)).row
    assert row["truth_ha_ew"] is None
    assert row["truth_d4000n"] is None
    assert row["truth_vdisp"] == sharp[0].row["truth_vdisp"]


def test_a_host_without_truth_gets_none_of_these_columns(sharp):
    import dataclasses

    row = {k: v for k, v in sharp[0].row.items() if not k.startswith("truth_")}
    changed = inject_outlier(dataclasses.replace(sharp[0], row=row), "dust", np.random.default_rng(0))
    assert not set(TRUTH) & set(changed.row)
