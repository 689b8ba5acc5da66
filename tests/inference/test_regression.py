"""Neighbour regression: trend, neighbours and their uncertainty."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ShapeError
from spectrove.inference.numbers.regression import LabelledObjects, neighbor_mean, regress
from spectrove.inference.numbers.trend import Scale, choose_scale, fit_trend

RNG = np.random.default_rng(3)


def made(vectors, values, errors=None, reach=10.0):
    """What would be fitted on such objects, five folds."""
    n = len(values)
    errors = np.zeros(n) if errors is None else errors
    fold = np.arange(n) % 5
    trend = fit_trend(vectors, values, errors, fold)
    ids = np.array([f"o{i:04d}" for i in range(n)])
    return LabelledObjects(ids, np.asarray(values, float), errors, Scale(), trend, reach, 1 + fold)


def ask(known, vectors, objects, distance, model=0, **options):
    """Each query with the same neighbours."""
    n = len(vectors)
    ids = np.tile(known.object_id[objects], (n, 1))
    far = np.tile(np.asarray(distance, float), (n, 1))
    return regress(known, vectors, ids, far, np.full(n, model), **options)


def test_disagreement_widens_the_error():
    """Two exact labels one dex apart: the error is half their distance, not zero."""
    mean, error = neighbor_mean(np.array([[10.0, 11.0]]), np.zeros((1, 2)), np.ones((1, 2)))
    assert_allclose(mean, [10.5])
    assert_allclose(error, [0.5])


def test_label_errors_stay_where_labels_agree():
    """Equal labels: what is left is how uncertain they are."""
    _, error = neighbor_mean(np.full((1, 3), 2.0), np.full((1, 3), 0.3), np.array([[1.0, 2.0, 5.0]]))
    assert_allclose(error, [0.3])


def test_the_mean_is_that_of_the_mixture_it_stands_for():
    """Against a million draws of a mixture of Gaussians; unknown labels have no part."""
    labels, errors = np.array([[1.0, 4.0, np.nan, 2.0]]), np.array([[0.5, 0.1, 9.0, 2.0]])
    weights = np.array([[1.0, 2.0, 5.0, 1.0]])
    mean, error = neighbor_mean(labels, errors, weights)
    which = RNG.choice([0, 1, 3], size=1_000_000, p=[0.25, 0.5, 0.25])
    draws = RNG.normal(labels[0, which], errors[0, which])
    assert_allclose([mean[0], error[0]], [draws.mean(), draws.std()], rtol=0.005)


def test_nobody_known_gives_no_guess():
    """NaN for both, and no warning."""
    mean, error = neighbor_mean(np.full((1, 2), np.nan), np.ones((1, 2)), np.ones((1, 2)))
    assert np.isnan(mean).all()
    assert np.isnan(error).all()


def test_shapes_that_differ_are_refused():
    with pytest.raises(ShapeError, match="expected equal"):
        neighbor_mean(np.ones((2, 3)), np.ones((2, 3)), np.ones((3, 2)))


def test_a_linear_law_is_found_far_better_than_by_averaging():
    """The trend carries neighbours' values to the query: where they are one-sided their mean would be wrong."""
    x = RNG.normal(size=(300, 4)).astype(np.float32)
    slope = np.array([1.0, -2.0, 0.5, 0.0])
    known = made(x, x @ slope + 7 + 0.01 * RNG.normal(size=300))
    query = np.array([[2.0, -2.0, 0.0, 0.0]], np.float32)
    near = np.argsort(((x - query) ** 2).sum(axis=1))[:5]
    said = ask(known, query, near, np.sort(np.sqrt(((x[near] - query) ** 2).sum(axis=1))))
    assert_allclose(said.value, query @ slope + 7, atol=0.03)
    assert abs(known.value[near].mean() - 13.0) > 0.5
    assert_allclose(said.weight.sum(axis=1) + said.trend_weight, 1)


def test_a_value_is_the_weighted_mean_of_what_everyone_says():
    """So that an answer can be checked by hand, and each neighbour says its own value carried along the trend."""
    x = RNG.normal(size=(80, 3)).astype(np.float32)
    known = made(x, np.sin(x[:, 0]) + x[:, 1])
    said = ask(known, x[:1] + 0.1, [4, 5, 6], [0.5, 0.8, 1.0])
    by_hand = (said.weight * said.predictions).sum() + said.trend_weight[0] * said.trend[0]
    assert_allclose(said.value[0], by_hand)
    assert_allclose(said.predictions[0], said.trend[0] + known.trend.residual[0, [4, 5, 6]])


def test_residuals_are_those_of_a_trend_that_never_saw_the_object():
    """Fit again without one object by hand: what is left over is the same, as Allen's formula says."""
    x = RNG.normal(size=(60, 5))
    y = x @ np.arange(5.0) + RNG.normal(size=60)
    from spectrove.inference.numbers import trend as module

    everyone = np.ones(60, dtype=bool)
    strengths, module.STRENGTHS = module.STRENGTHS, (0.01,)
    try:
        _, _, residual = module._ridge(x, y, np.ones(60), everyone)
        unit = np.linalg.eigvalsh((x - x.mean(0)).T @ (x - x.mean(0))).mean()
    finally:
        module.STRENGTHS = strengths
    own = everyone.copy()
    own[7] = False
    centred, level = x[own] - x[own].mean(0), y[own].mean()
    solved = np.linalg.solve(centred.T @ centred + 0.01 * unit * np.eye(5), centred.T @ (y[own] - level))
    assert_allclose(residual[7], y[7] - level - (x[7] - x[own].mean(0)) @ solved, rtol=1e-2)


def test_the_value_of_an_object_has_no_part_in_the_model_of_its_fold():
    """Its value may be anything: the trend there, and the residuals of others, stay the same."""
    x = RNG.normal(size=(100, 4))
    y = x[:, 0] + 0.1 * RNG.normal(size=100)
    fold, other = np.arange(100) % 5, y.copy()
    other[3] += 1000
    a, b = (fit_trend(x, v, np.zeros(100), fold) for v in (y, other))
    assert_allclose(a.at(x[3:4], np.array([1 + 3])), b.at(x[3:4], np.array([1 + 3])), rtol=1e-12)
    rest = np.arange(100) != 3
    assert_allclose(a.residual[4, rest], b.residual[4, rest], rtol=1e-12)
    assert not np.allclose(a.residual[1, rest], b.residual[1, rest], rtol=1e-9)


def test_a_query_far_from_all_has_a_wide_error():
    """In proportion to the distance once it is beyond what the base's own objects have."""
    x = RNG.normal(size=(100, 4))
    known = made(x, x[:, 0] + RNG.normal(size=100), reach=2.0)
    near, far, farther = (ask(known, x[:1], [1, 2, 3], [d] * 3).error[0] for d in (1.0, 20.0, 200.0))
    assert far > 5 * near
    assert_allclose(farther / far, 10, rtol=0.05)


def test_the_answer_does_not_depend_on_who_else_is_asked():
    """To the last bit."""
    x = RNG.normal(size=(100, 8)).astype(np.float32)
    known = made(x, x[:, 0] ** 3)
    every = ask(known, x[:20], [30, 40, 50], [1.0, 2.0, 3.0])
    alone = ask(known, x[13:14], [30, 40, 50], [1.0, 2.0, 3.0])
    assert every.value[13] == alone.value[0]
    assert every.error[13] == alone.error[0]


def test_another_unit_gives_the_same_answer_in_that_unit():
    """Scale symmetry of the whole fit, for a symmetric and for a skewed quantity."""
    x = RNG.normal(size=(200, 3))
    for values in (x[:, 0] + 0.1 * RNG.normal(size=200), np.exp(2 * x[:, 0])):
        found = []
        for factor in (1.0, 1e-17):
            scale = choose_scale(values * factor)
            trend = fit_trend(x, scale.forward(values * factor), np.zeros(200), np.arange(200) % 5)
            found.append(scale.inverse(trend.at(x[:5], np.zeros(5, int))) / factor)
        assert_allclose(found[0], found[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("linear", RNG.normal(1.5, 0.3, 2000)),
        ("from zero", np.exp(RNG.normal(2, 2, 2000))),
        ("tails", RNG.standard_cauchy(2000)),
    ],
)
def test_the_scale_follows_the_tails(kind, values):
    """And it can be undone; errors follow by its slope."""
    scale = choose_scale(values)
    assert scale.kind == kind
    assert_allclose(scale.inverse(scale.forward(values)), values, rtol=1e-9, atol=1e-9)
    step = 1e-6 * scale.width
    slope = (scale.forward(values + step) - scale.forward(values - step)) / (2 * step)
    assert_allclose(scale.errors(values, np.full(2000, scale.width)), slope * scale.width, rtol=1e-4)


def test_a_quantity_above_zero_is_averaged_as_its_logarithm():
    """Estimates cannot fall to zero; a value that is not above zero is unknown; errors are relative."""
    scale = choose_scale(np.exp(RNG.normal(0, 1, 500)), logarithm=True)
    assert scale.kind == "logarithm"
    assert_allclose(scale.inverse(scale.forward([0.2, 30.0])), [0.2, 30.0])
    assert np.all(scale.inverse(np.array([-30.0, -3.0])) > 0)
    assert np.isnan(scale.forward([0.0, -1.0])).all()
    assert_allclose(scale.errors([0.5, 20.0], [0.05, 2.0]), [0.1, 0.1])


def test_few_wild_values_do_not_bend_the_trend():
    """One percent of failed measurements, a thousand sigma off."""
    x = RNG.normal(size=(500, 3))
    y = x[:, 0] + 0.1 * RNG.normal(size=500)
    y[:5] += 100
    trend = fit_trend(x, y, np.zeros(500), np.arange(500) % 5)
    assert_allclose(trend.coefficients[0], [1, 0, 0], atol=0.05)
    assert 0.08 < trend.spread[0] < 0.15


def test_uncertain_values_have_less_say_in_the_trend():
    """A tenth of the objects, shifted and known to be uncertain: they hardly move it."""
    x = RNG.normal(size=(400, 2))
    y = x[:, 0] + 0.1 * RNG.normal(size=400)
    y[:40] += 0.2
    told, untold = np.zeros(400), np.zeros(400)
    told[:40] = 5.0
    shift = [fit_trend(x, y, e, np.arange(400) % 5).offset[0] for e in (told, untold)]
    assert abs(shift[0]) < 0.6 * abs(shift[1])


def test_fewer_objects_than_dimensions_do_not_deceive():
    """60 objects of 200 dimensions: a perfect fit is not taken for a good one."""
    x = RNG.normal(size=(60, 200))
    trend = fit_trend(x, RNG.normal(size=60), np.zeros(60), np.arange(60) % 5)
    assert 0.6 < trend.spread[0] < 1.5
    new = RNG.normal(size=(500, 200))
    assert np.std(trend.at(new, np.zeros(500, int))) < 0.8


def test_a_base_too_large_for_one_block_has_the_same_trend(monkeypatch):
    x = RNG.normal(size=(300, 6)).astype(np.float32)
    y, fold = x[:, 0] + 0.3 * RNG.normal(size=300), np.arange(300) % 5
    whole = fit_trend(x, y, np.zeros(300), fold)
    monkeypatch.setattr("spectrove.inference.numbers.trend.ROWS", 37)
    parts = fit_trend(x, y, np.zeros(300), fold)
    assert_allclose(parts.coefficients, whole.coefficients, rtol=0, atol=1e-10)
    assert_allclose(parts.residual, whole.residual, rtol=0, atol=1e-10)
