"""What estimators read off a spectrum: numbers to two figures, doubts as sentences, refusals without a name twice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.domain import Diagram, Quantity
from spectrove.errors import Refusal, SpectrumError
from spectrove.explanation.readings import read_off
from spectrove.posterior import Posterior


class Reader:
    """An estimator of made numbers."""

    title = "a made one"
    quantities = ("mass", "age")

    def __init__(self, fails: str = "", draws: bool = False):
        self.fails, self.sampled = fails, draws

    def posterior(self, spectra, n_draws=0):
        if self.fails == "raises":
            raise SpectrumError(f"{spectra.object_id[0]}: it is a counts spectrum.")
        if self.fails:
            nothing = np.zeros((0, 2))
            refusals = (Refusal("one", "one: no signal."),)
            return Posterior(
                np.zeros(0, str), self.quantities, nothing, np.zeros((0, 2, 2)), refusals=refusals
            )
        covariance = np.array([[[400.0, 3.0], [3.0, 0.04]]])
        draws = None
        if self.sampled:
            draws = np.random.default_rng(0).multivariate_normal([5000, 2], covariance[0], (1, n_draws))
        return Posterior(
            np.array(["one"]), self.quantities, np.array([[5000.0, 2.0]]), covariance, draws,
            [("learned_from",)], chi2=np.array([1234.0]), n_pixels=np.array([1000]),
        )  # fmt: skip


def read(**estimators):
    class One:
        object_id = np.array(["one"])

    return read_off(estimators, {"mass": Quantity("mass", "kg", 0.0)}, One(), 4000)


def test_numbers_are_to_two_figures_of_their_interval():
    [found] = read(a=Reader())
    mass, age = found.numbers()
    assert (mass.value, mass.sigma, mass.unit) == ("5000", "20", "kg")
    assert (age.value, age.sigma, age.unit) == ("2.00", "0.20", "")
    assert mass.narrow == "4980 to 5020"
    assert mass.wide == "4967 to 5033", "1.645 sigma"


def test_samples_give_the_intervals_where_there_are_any():
    [found] = read(a=Reader(draws=True))
    narrow, wide = (found.estimates(level)[0].interval for level in (0.68, 0.9))
    assert_allclose(narrow, np.quantile(found.draws[:, 0], [0.16, 0.84]))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_doubts_and_the_fit_are_sentences():
    [found] = read(a=Reader())
    assert any("has learned from this star" in note for note in found.notes)
    assert any("1,234 over 1,000 pixels" in note for note in found.notes)


@pytest.mark.parametrize(
    ("fails", "said"), [("refuses", "No signal."), ("raises", "It is a counts spectrum.")]
)
def test_one_that_cannot_read_it_says_why_and_the_others_answer(fails, said):
    bad, good = read(bad=Reader(fails), good=Reader())
    assert bad.refusal == said
    assert bad.numbers() == []
    assert good.numbers()


def test_its_place_on_a_diagram_has_the_covariance_in_the_order_of_the_axes():
    [found] = read(a=Reader())
    place = found.place(Diagram("plane", "age", "mass", "Age", "Mass"))
    assert (place.x, place.y) == (2.0, 5000.0)
    assert_allclose(place.covariance, [[0.04, 3.0], [3.0, 400.0]])
    assert found.place(Diagram("plane", "age", "colour", "Age", "Colour")) is None
