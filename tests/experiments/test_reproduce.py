"""Every experiment of the paper runs from its folder, on tiny samples, and says what it found."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from experiments.paper import results
from experiments.paper import run as reproduce
from experiments.samples import recipes
from experiments.samples.workshop import Workshop
from experiments.table import PAPER as NAMES
from spectrove.errors import DatasetError, RecipeError
from spectrove.galaxies.mock import make_survey
from spectrove.readers import write_dataset

HERE = Path(__file__).parents[2] / "experiments"

#: What the paper shows, by the names that people type.
PAPER = {
    "table1", "table2", "table3", "table4", "figure4", "figure5", "figureA1", "figureC1", "tableA1", "caseB1", "caseB2",
    "failureB1",
}  # fmt: skip


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    """One for all tests, so that the mock survey is made once."""
    made = Workshop(tmp_path_factory.mktemp("out"), say=lambda text: said.append(text))
    yield made
    made.close()


said: list[str] = []


def test_everything_the_paper_shows_has_a_name():
    """And no name is unknown."""
    assert set(NAMES) == PAPER


@pytest.mark.parametrize("name", NAMES)
def test_each_experiment_is_a_whole_folder(name):
    """Recipe for what is at hand, recipe for the archive, code, what was measured, and a page for people."""
    folder = HERE / name
    kind = import_module(NAMES[name].module).Recipe
    assert recipes.read_recipe(folder / "recipe.toml", kind).title
    assert recipes.read_recipe(folder / "full.toml", kind).samples == ("archive",)
    readme = (folder / "README.md").read_text("utf-8")
    assert f"python -m experiments {name}" in readme
    assert all(part in readme for part in ("The paper.", "Data.", results.BEGIN, results.END))
    expected = json.loads((folder / "expected.json").read_text("utf-8"))
    assert expected["experiment"] == name
    assert expected["measures"]
    assert all("value" in m or "n" in m for m in expected["measures"].values())


@pytest.mark.parametrize("name", NAMES)
def test_each_experiment_runs_on_a_tiny_mock_survey(name, workshop, capsys):
    """It writes its tables and pictures, and prints the tables."""
    (out,) = reproduce.reproduce([name], workshop, fast=True)
    found = json.loads((out / "result.json").read_text("utf-8"))
    assert found["measures"]
    assert found["verdict"]
    assert found["samples"] == ["mock"]
    assert (out / "result.md").read_text("utf-8").strip() == capsys.readouterr().out.strip()
    for picture in found["figures"]:
        with Image.open(out / picture) as image:
            pixels = np.asarray(image.convert("L"))
        assert min(pixels.shape) > 300
        assert (pixels < 128).mean() > 0.001


def test_what_is_done_is_not_done_again(workshop, monkeypatch, capsys):
    """Until the recipe, encoder, data or code is another one, or --again is said."""
    (out,) = reproduce.reproduce(["table1"], workshop, fast=True)
    before = (out / "result.json").stat().st_mtime_ns
    said.clear()
    reproduce.reproduce(["table1"], workshop, fast=True)
    assert (out / "result.json").stat().st_mtime_ns == before
    assert any("done before" in line for line in said)
    reproduce.reproduce(["table1"], workshop, fast=True, again=True)
    assert (out / "result.json").stat().st_mtime_ns > before


def test_another_recipe_or_encoder_is_another_run(workshop):
    """The identity covers them."""
    kind = import_module(NAMES["table1"].module).Recipe
    recipe = recipes.read_recipe(HERE / "table1" / "recipe.toml", kind, fast=True)
    first = reproduce.describe("table1", recipe, ["mock"], workshop)["identity"]
    assert first == reproduce.describe("table1", recipe, ["mock"], workshop)["identity"]
    for change in ({"encoder": "pca"}, {"k": 5}, {"title": "another"}):
        other = reproduce.describe("table1", recipe.model_copy(update=change), ["mock"], workshop)
        assert other["identity"] != first


def test_bases_and_queries_share_no_plate(workshop):
    """Nor does an encoder meet what it was trained on."""
    kind = import_module(NAMES["table4"].module).Recipe
    recipe = recipes.read_recipe(HERE / "table4" / "recipe.toml", kind, fast=True)
    for part in (part for parts in workshop.sample("mock", recipe) for part in parts):
        assert not set(part.known.spectra.column("plate")) & set(part.queries.spectra.column("plate"))
        assert not set(part.queries.spectra.object_id) & workshop.encoder(recipe.encoder).training_ids


def test_a_key_that_no_recipe_has_is_refused(tmp_path):
    """With the file's name and the keys that there are."""
    path = tmp_path / "recipe.toml"
    path.write_text('title = "x"\nneighbours = 3\n')
    with pytest.raises(RecipeError, match=r"recipe\.toml: neighbours.*Known keys: .*weighting"):
        recipes.read_recipe(path, recipes.Recipe)


# --- the archive -----------------------------------------------------------------------------------------


def test_without_the_archive_the_full_recipe_says_what_is_missing(tmp_path, capsys):
    """And how to make it; the exit code is 1."""
    assert reproduce.main(["table4", "--full", str(tmp_path / "no.lance"), "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "no.lance" in error
    assert "python -m experiments fulldata" in error


def test_the_full_recipe_runs_on_a_dataset_with_the_archives_columns(tmp_path, workshop, capsys):
    """Labels of two catalogs, kept where both agree."""
    survey = make_survey(120, seed=7)
    names = {"SF": ("Star Forming", 1), "LINER": ("LINER", 5), "quiescent": ("BLANK", -1)}
    names |= {"Composite": ("Composite", 3), "Seyfert2-like": ("Seyfert", 4)}
    labels = [names.get(c, ("BLANK", 1)) for c in survey.column("class_derived")]
    rows = survey.rows.append_column("bpt", pa.array([b for b, _ in labels]))
    dataset = tmp_path / "sdss.lance"
    write_dataset(dataset, survey.with_rows(rows.append_column("bptclass", pa.array([c for _, c in labels]))))
    full = Workshop(tmp_path / "out", archive=dataset)
    (out,) = reproduce.reproduce(["table1"], full, full=True)
    full.close()
    found = json.loads((out / "result.json").read_text("utf-8"))
    counts = {k: m["value"] for k, m in found["measures"].items()}
    assert counts["archive | normal, asked about"] == sum(b == "BLANK" and c == -1 for b, c in labels)
    assert counts["archive | star-forming, asked about"] == sum(
        c == "SF" for c in survey.column("class_derived")
    )
    with pytest.raises(DatasetError, match="full-data recipe"):
        reproduce.reproduce(["table1"], workshop, full=True)


# --- verdicts --------------------------------------------------------------------------------------------


def measure(value: float, **more) -> object:
    return results.Measure("F1", "mock", value, **more)


def test_a_figure_agrees_with_the_papers_where_its_interval_holds_it():
    """Above and below are said with the gap."""
    assert measure(0.9, low=0.85, high=0.95, paper=0.92).verdict() == "agrees"
    assert measure(0.9, low=0.89, high=0.91, paper=0.95).verdict() == "below by 0.050"
    assert measure(0.9, paper=0.8).verdict() == "above by 0.100"
    assert measure(0.9).verdict() == ""


def test_kept_figures_are_compared_within_their_tolerance(tmp_path):
    """A figure that is off is named, with both numbers."""
    (tmp_path / "README.md").write_text(f"# x\n{results.BEGIN}\nold\n{results.END}\n")
    about = {"experiment": "x", "encoders": {"base": "1"}}
    results.keep(results.Result("x", [measure(0.5, tolerance=0.02)]), tmp_path, about)
    assert "old" not in (tmp_path / "README.md").read_text()
    assert "0.500" in (tmp_path / "README.md").read_text()
    near = results.compare(results.Result("x", [measure(0.51)]), tmp_path, about)
    assert near.startswith("1 of 1")
    far = results.compare(results.Result("x", [measure(0.6)]), tmp_path, about | {"encoders": {"base": "2"}})
    assert far.startswith("0 of 1")
    assert "0.600, expected 0.500" in far
    assert "other encoders" in far
