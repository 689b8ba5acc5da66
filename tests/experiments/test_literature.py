"""The experiment on spectra and papers: its mock corpus, its tables, and several experiments at once."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.literature.corpus import CALLED, make_corpus, text_of
from experiments.literature.experts import neighbours
from experiments.literature.mocked import of_likeness
from experiments.literature.run import LITERATURE
from experiments.literature.scores import table
from experiments.parts import FAST, repeated
from experiments.xray.run import XRAY
from spectrove.literature.alignment import fit_alignment
from spectrove.literature.retrieval import recall
from spectrove.literature.texts import fit_texts


@pytest.fixture(scope="module")
def corpus():
    return make_corpus(240, "train", 3)


def test_mock_texts_say_what_is_true_in_many_ways(corpus):
    """An absorbed source is never said to be free of gas; the same seed gives the same texts."""
    assert corpus.texts == make_corpus(240, "train", 3).texts
    assert len(set(corpus.texts)) > 200
    for text, nh in zip(corpus.texts, corpus.truth["log_nh"], strict=True):
        assert not ("heavily absorbed" in text and nh < 0.3)
        assert not ("hardly absorbed" in text and nh > -0.7)
    truth = {name: float(values[0]) for name, values in corpus.truth.items()}
    said = {text_of("CV", truth, np.random.default_rng(i)) for i in range(60)}
    assert sum(any(name in text for name in CALLED["CV"]) for text in said) > 0.6 * len(said)


def test_an_alignment_of_mock_spectra_finds_texts_that_were_left_out(corpus):
    """More often than chance, from few sources."""
    known, asked = corpus.take(np.arange(180)), corpus.take(np.arange(180, 240))
    encoder = fit_texts(known.texts)
    pairs = np.column_stack([np.arange(180)] * 2)
    space = fit_alignment(known.spectra, encoder.encode(known.texts), pairs, "cca")
    likeness = space.spectra(asked.spectra) @ space.texts(encoder.encode(asked.texts)).T
    assert recall(of_likeness(likeness.astype(float)), 0.1).mean() > 0.2


def test_the_table_compares_every_method_with_the_base_line():
    rng = np.random.default_rng(0)
    noise, good = rng.normal(size=(80, 80)), np.eye(80) + 0.1 * rng.normal(size=(80, 80))
    rows, lines = table({"base": [of_likeness(noise)], "good": [of_likeness(good)]}, "base")
    assert len(lines) == 2 + 4
    assert rows[2]["at5"][0] == 1.0
    assert rows[2]["less"][1] > 0.8
    assert 1 < rows[0]["median"] <= 80


def test_a_number_is_the_mean_of_the_nearest():
    known, values = np.array([[0.0], [1.0], [2.0], [9.0]]), np.array([0.0, 3.0, 6.0, 99.0])
    assert neighbours(known, values, np.array([[1.0]]), 3).tolist() == [3.0]


def test_several_experiments_run_one_after_the_other(capsys):
    """Each gets the options; the exit code is the worst."""
    assert main(["xray", "literature", "--only", "nothing"]) == 2
    said = capsys.readouterr().err
    assert "nothing: no part of xray" in said
    assert "nothing: no part of literature" in said


def test_options_of_experiments_that_run_together_mean_the_same_in_each():
    """`xray literature --fast --workers 2` is one command."""
    for parts in (XRAY, LITERATURE):
        parser = parts.parser(None)
        repeated(parser)
        given = parser.parse_args(["--fast", "--workers", "2", "--seeds", "1"])
        assert (given.fast, given.workers, given.seeds) == (FAST, 2, 1)
        assert parser.parse_args(["--fast", "30"]).fast == 30
        assert parser.parse_args([]).fast == 0
