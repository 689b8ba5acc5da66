"""Ablations: points are data, each is measured once, and what is done to queries is what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from experiments.ablations import asking, keeping, measured, pages, plans, points, run, trained
from experiments.samples import spoiled as spoiling
from spectrove.galaxies.mock import make_survey
from spectrove.knowledge import Neighbors

HERE = Path(__file__).parents[2] / "experiments" / "ablations"


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """One folder for all, so that mock surveys are made once."""
    return tmp_path_factory.mktemp("ablations")


@pytest.fixture(scope="module")
def survey():
    return make_survey(12, seed=3)


def ablate(name: str, out: Path, *more: str) -> dict:
    assert run.main([name, "--fast", "--no-data", "--out", str(out), *more]) == 0
    return json.loads((out / f"{name}.json").read_text("utf-8"))


# --- whole runs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["k", "masked", "distance", "metadata", "target_share"])
def test_an_ablation_gives_a_table_and_a_figure(name, out, capsys):
    """Every point has a figure with its interval; nothing is missing."""
    found = ablate(name, out)
    ablation = plans.ABLATIONS[name]
    assert len(found["points"]) == len(ablation.of("mock"))
    assert found["missing"] == []
    for point in found["points"]:
        for task in ablation.tasks:
            value, low, high = point["scores"][task]["f1"]
            assert low <= value <= high
    assert ablation.question in capsys.readouterr().out
    with Image.open(out / f"{name}.png") as image:
        pixels = np.asarray(image.convert("L"))
    assert min(pixels.shape) > 300
    assert (pixels < 128).mean() > 0.001


def test_an_encoder_is_trained_with_the_change_and_its_recipe_is_written_down(out):
    """The recipe in the result is the one that was trained, and only what is named differs."""
    found = ablate("pooling", out)
    recipes = {p["x"]: p["recipe"] for p in found["points"]}
    assert recipes["mean"]["network"]["pooling"] == "mean"
    assert recipes["places"]["network"] | {"pooling": "mean"} == recipes["mean"]["network"]
    assert {p["fingerprint"] for p in found["points"] if p["x"] == "mean"}.isdisjoint(
        {p["fingerprint"] for p in found["points"] if p["x"] == "places"}
    )


def test_what_was_measured_is_not_measured_again(out, capsys):
    """Until --again is said."""
    ablate("whitening", out)
    capsys.readouterr()
    ablate("whitening", out)
    assert "1/5" not in capsys.readouterr().err
    ablate("whitening", out, "--again")
    assert "1/5" in capsys.readouterr().err


def test_a_run_that_ends_in_time_names_what_is_missing(out, tmp_path):
    """And the page says so; --pages measures nothing."""
    found = ablate("redshift", tmp_path, "--pages")
    assert found["points"] == []
    assert len(found["missing"]) == 4
    assert "Not measured yet: none of its 4 points" in (tmp_path / "redshift.md").read_text("utf-8")


def test_transfer_needs_real_spectra_and_says_so(out, capsys):
    """Without them there is no page."""
    assert run.main(["transfer", "--fast", "--no-data", "--out", str(out)]) == 0
    assert "nothing could be measured here" in capsys.readouterr().out


@pytest.mark.real
def test_surveys_without_labels_are_said_to_have_none(data_dir, tmp_path, capsys):
    """No F1 is made up for them."""
    assert run.main(["transfer", "--fast", "--data", str(data_dir), "--out", str(tmp_path)]) == 0
    page = (tmp_path / "transfer.md").read_text("utf-8")
    assert "VLT/FORS2" in page
    assert "no class label exists, so no F1 can be given" in page
    found = json.loads((tmp_path / "transfer.json").read_text("utf-8"))["surveys"]
    assert found["boss"]["n_classes"] > 0
    assert found["fors2"]["n_classes"] == 0


# --- plans -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ablation", plans.ABLATIONS.values(), ids=lambda a: a.name)
def test_each_plan_is_whole(ablation):
    """Points are different, what they are compared with is among them, and recipes that are trained are valid."""
    for sample in ("real", "mock"):
        places = [(p.x, p.line) for p in ablation.of(sample)]
        assert len(set(places)) == len(places) > 1
        for point in ablation.of(sample):
            wanted = ablation.compared_with(point)
            assert wanted is None or wanted in places
            if point.changes is not None:
                assert trained.small_recipe(point.changes).training.mock_recipe == "train"
    assert ablation.name in run.GROUPS["all"]


def test_the_issue_is_covered():
    """Every choice that was to be looked at has a name."""
    wanted = {
        "frame", "patching", "masking", "objective", "kind", "size", "pooling", "grid", "whitening", "k", "sn_bins",
        "sn_noise", "redshift", "masked", "transfer", "distance", "metadata", "base_size", "target_share", "metric",
    }  # fmt: skip
    assert set(run.NAMES) == wanted


# --- what is done to queries -------------------------------------------------------------------------------


def test_noise_brings_the_sn_down_to_what_is_asked_and_the_errors_know(survey):
    """New flux scatters about the old one by the error that was added."""
    bad = spoiling.spoiled(survey, points.Spoil(sn=4.0))
    for before, after in zip(survey, bad, strict=True):
        if spoiling.median_sn(before) < 5:
            continue
        assert spoiling.median_sn(after) == pytest.approx(4.0, rel=0.25)
        good = before.good
        added = 1 / after.ivar[good].astype(float) - 1 / before.ivar[good].astype(float)
        pull = (after.flux[good] - before.flux[good]) / np.sqrt(added)
        assert np.std(pull) == pytest.approx(1.0, abs=0.1)


def test_noise_leaves_worse_spectra_as_they_are(survey):
    """Nobody's noise is taken away."""
    same = spoiling.spoiled(survey, points.Spoil(sn=1e4))
    assert_allclose(same.flux, survey.flux)
    assert_allclose(same.ivar, survey.ivar)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_masking_takes_out_the_share_that_is_asked(share, survey):
    """Of the good pixels, in runs."""
    gaps = spoiling.spoiled(survey, points.Spoil(masked=share))
    for before, after in zip(survey, gaps, strict=True):
        assert 1 - after.good.sum() / before.good.sum() == pytest.approx(share, abs=0.01)


def test_chance_goes_by_object(survey):
    """Whoever else is in the set, an object is spoiled in the same way."""
    how = points.Spoil(sn=4.0, redshift=1e-3, masked=0.2)
    whole, alone = spoiling.spoiled(survey, how), spoiling.spoiled(survey.take([5]), how)
    assert_allclose(alone[0].flux, whole[5].flux)
    assert alone.z[0] == whole.z[5] != survey.z[5]


# --- how they are asked ------------------------------------------------------------------------------------


def found(rows: list[dict]) -> Neighbors:
    n = len(rows)
    return Neighbors(
        query_id=np.array(["q"]), query_vectors=np.zeros((1, 2), np.float32),
        object_id=np.array([[f"n{i}" for i in range(n)]]), distance=np.ones((1, n)), rows=[rows], scale=0.5,
        flags=((),),
    )  # fmt: skip


def test_a_field_of_the_neighbours_multiplies_their_weight():
    """e^-d/scale of the new distance is e^-d/scale of the old one times the factor; unknown is no factor."""
    neighbors = found([{"sn_median": 30.0}, {"sn_median": 10.0}, {"sn_median": None}])
    moved = asking.trusted(neighbors, "S/N", np.array([0.1]))
    factor = np.exp(-(moved.distance - neighbors.distance) / neighbors.scale)
    assert_allclose(factor, [[0.75, 0.5, 1.0]])


def test_d4000n_is_compared_among_the_neighbours_alone():
    """The one that differs from the others counts less."""
    neighbors = found([{"d4000n": 1.5}, {"d4000n": 1.5}, {"d4000n": 1.9}])
    moved = asking.trusted(neighbors, "D4000n", np.array([0.1]))
    assert_allclose(moved.distance[0, :2], 1.0)
    assert moved.distance[0, 2] == pytest.approx(1.0 + 0.5 * 4)


def test_a_page_compares_in_pairs_with_the_point_that_is_named():
    """Two right of two against one right of two, on the same queries."""

    def point(x: int, called: list[str]) -> object:
        answer = asking.Answers([["SF", "quiescent"]], [called], [["a", "b"]])
        return measured.Measured(points.Point(x), "mock", {"5-class": answer}, {})

    ablation = replace(
        plans.ABLATIONS["k"], points=(points.Point(1), points.Point(2)), reference=(1, ""), tasks=("5-class",)
    )
    half, whole = point(1, ["SF", "SF"]), point(2, ["SF", "quiescent"])
    gain = pages.gain_of(ablation, whole, [half, whole], "5-class")
    assert gain.value == pytest.approx(1 - (2 / 3) / 2)
    assert pages.gain_of(ablation, half, [half, whole], "5-class") is None


def test_a_page_with_one_point_gives_no_verdict():
    """There is nothing to compare with."""
    answer = asking.Answers([["SF", "quiescent"]], [["SF", "SF"]], [["a", "b"]])
    alone = measured.Measured(points.Point(5, plans.PLAIN), "mock", {"5-class": answer}, {})
    ablation = replace(plans.ABLATIONS["k"], tasks=("5-class",))
    assert pages.verdict(ablation, [alone]) == ["mock: no verdict, as there is nothing yet to compare with."]
    assert "Not measured yet, 1 of 2 points: 1 (mock)." in pages.text(ablation, [alone], ["1 (mock)"])


def test_pages_are_kept_in_the_readme_between_its_marks(out, tmp_path):
    """With their figures beside them."""
    ablate("k", out)
    (tmp_path / "README.md").write_text(f"# x\n{keeping.BEGIN}\nold\n{keeping.END}\nend\n")
    keeping.keep(out, tmp_path, ["k"], run.NAMES)
    text = (tmp_path / "README.md").read_text("utf-8")
    assert "### k: How many neighbours should vote?" in text
    assert "![k](results/k.png)" in text
    assert "old" not in text
    assert text.endswith("end\n")
    assert (tmp_path / "results" / "k.png").exists()
