"""`python -m experiments ask`: its parts, what is kept of them, and the page that they are put into."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from experiments.ask import run
from experiments.ask.bench import Bench, part_of
from experiments.parts import Section, kept, with_section, write
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline import create


@pytest.mark.parametrize("name", run.PARTS)
def test_every_part_has_a_module(name):
    assert find_spec(run.PARTS[name].module) is not None


def test_a_part_that_is_not_there_is_refused_by_name(capsys):
    assert run.main(["--only", "telepathy"]) == 2
    assert "telepathy: no part of ask" in capsys.readouterr().err


def test_a_part_that_was_measured_is_read_again(tmp_path):
    """Only if nothing that decides it has changed."""
    bench = Bench(tmp_path, None)
    section = Section("Title", ({"figure": "ap", "value": 0.5},), "text")
    write("numbers", bench, "key", section)
    assert kept("numbers", bench, "key") == section
    assert kept("numbers", bench, "another key") is None
    assert kept("words", bench, "key") is None


def test_a_section_replaces_its_older_one_on_the_page_alone():
    page = with_section("# Page\n", "a", Section("A", (), "old"))
    page = with_section(page, "b", Section("B", (), "other"))
    page = with_section(page, "a", Section("A", (), "new"))
    assert page.count("<!-- a -->") == 1
    assert "old" not in page
    assert page.index("new") < page.index("other")


def test_a_part_of_a_base_has_the_same_vectors():
    """Nothing is encoded again."""
    survey = make_survey(30, seed=5)
    base, _ = create("memory://whole", [survey], "pca")
    names = survey.object_id[[3, 1, 20]].tolist()
    part = part_of(base, names)
    vectors, whole = part.embeddings(), base.embeddings()
    assert vectors.object_id.tolist() == sorted(names)
    assert np.array_equal(vectors.vectors, whole.vectors[np.isin(whole.object_id, names)])
