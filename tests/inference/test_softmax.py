"""The regression of large bases gives what scikit-learn gives to the last digits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from spectrove.inference.metric import softmax
from spectrove.inference.metric.softmax import fit_softmax


def drawn(n_classes, apart, n=400, d=12, seed=3):
    """Correlated vectors of several classes, and their classes."""
    rng = np.random.default_rng(seed)
    code = np.r_[np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)]
    vectors = rng.normal(size=(n, d)) + apart * rng.normal(size=(n_classes, d))[code]
    vectors = vectors @ (rng.normal(size=(d, d)) * 3.0 ** -np.arange(d))
    return (vectors - vectors.mean(axis=0)) / vectors.std(axis=0), code


def expected(vectors, code, strength):
    """Coefficients and intercepts by Newton's method, of two classes as one for each of them."""
    model = LogisticRegression(solver="newton-cholesky", C=strength, tol=1e-12, max_iter=1000).fit(
        vectors, code
    )
    return np.column_stack([model.coef_, model.intercept_])


@pytest.mark.parametrize("most", [2500, 10])
@pytest.mark.parametrize("strength", [0.02, 3.0])
@pytest.mark.parametrize(("n_classes", "apart"), [(3, 0.5), (5, 0.5), (4, 20.0)])
def test_it_gives_the_coefficients_of_newtons_method(monkeypatch, n_classes, apart, strength, most):
    """Also where only the penalty keeps them finite, and where they are too many for a matrix."""
    monkeypatch.setattr(softmax, "MOST_COEFFICIENTS", most)
    vectors, code = drawn(n_classes, apart)
    found = fit_softmax(vectors, code, strength, 1e-7)
    truth = expected(vectors, code, strength)
    truth -= truth.mean(axis=0)
    assert_allclose(found.coef, truth, atol=1e-5 * np.abs(truth).max())
    assert (found.root is None) == (most == 10)


def test_two_classes_are_penalised_once_for_each():
    """The difference of their coefficients has half the penalty of a single row."""
    vectors, code = drawn(2, 0.5)
    found = fit_softmax(vectors, code, 0.3, 1e-7)
    [truth] = expected(vectors, code, 0.6)
    assert_allclose(found.coef[1] - found.coef[0], truth, atol=1e-5 * np.abs(truth).max())


def test_a_similar_regression_is_a_beginning_and_nothing_more():
    """Of fewer objects, or another penalty: the end is the same. One of another shape is not used."""
    vectors, code = drawn(4, 1.0)
    alone = fit_softmax(vectors, code, 1.0, 1e-8)
    scale = np.abs(alone.coef).max()
    for similar in (
        fit_softmax(vectors[:300], code[:300], 1.0, 1e-7),
        fit_softmax(vectors, code, 0.02, 1e-7),
    ):
        assert_allclose(fit_softmax(vectors, code, 1.0, 1e-8, similar).coef, alone.coef, atol=1e-6 * scale)
    other = fit_softmax(vectors, np.minimum(code, 2), 1.0, 1e-7)
    assert np.array_equal(fit_softmax(vectors, code, 1.0, 1e-8, other).coef, alone.coef)
