"""Views made of catalog columns: what they compare, what they refuse, and that nothing uses them unasked."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import spectrove
from spectrove.encoders.columns import fit_columns
from spectrove.errors import KnowledgeError, RecipeError
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline import classify, create, hunt, search
from spectrove.targets import Target

N = 60
WITH = {"shape": 1.0, "variability": 1.0}


def with_columns(spectra, **columns):
    """The spectra with these columns in their rows; NaN becomes unknown."""
    rows = spectra.rows
    for name, values in columns.items():
        given = pa.array([None if v != v else v for v in values])
        at = rows.column_names.index(name) if name in rows.column_names else -1
        rows = rows.append_column(name, given) if at < 0 else rows.set_column(at, name, given)
    return spectra.with_rows(rows)


@pytest.fixture(scope="module")
def survey():
    """Galaxies in two classes that one column tells apart, unknown of every sixth."""
    rng = np.random.default_rng(0)
    kind = np.where(np.arange(N) % 2, "calm", "wild")
    p = np.where(kind == "wild", 1000.0, 1.0) * rng.uniform(1, 5, N)
    p[::6] = np.nan
    return with_columns(
        make_survey(N, seed=5), p_intra=p.tolist(), width=rng.normal(size=N).tolist(), kind=kind.tolist(),
        p_wild=rng.uniform(size=N).tolist(), obs_id=list(range(N)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def path(survey, tmp_path_factory):
    place = tmp_path_factory.mktemp("bases") / "some.kb"
    base, _ = create(place, [survey.take(np.arange(10, N))], "pca", views={})
    spectrove.open(base.path).add_view("variability", ["p_intra", "width"])
    spectrove.open(base.path).add_view("alone", ["p_intra"])
    return place


@pytest.fixture
def base(path):
    return spectrove.open(path)


def vectors(values, fitted_on=None):
    encoder = fit_columns(
        {"a": np.array(values if fitted_on is None else fitted_on, dtype=float)}, "columns:a"
    )
    ids = np.array([str(i) for i in range(len(values))])
    return encoder.encode(encoder.rows(ids, np.array(values, dtype=float)[:, None])).vectors


def test_only_the_order_of_values_counts():
    """Another unit, or logarithms, give the same vectors; distances grow with the difference of the ranks."""
    values = np.random.default_rng(1).lognormal(0, 3, 40)
    assert_allclose(vectors(values), vectors(np.log10(values)), atol=1e-6)
    placed = vectors(np.sort(values))
    assert (np.diff(np.linalg.norm(placed - placed[0], axis=1)) > 0).all()


def test_an_unknown_value_is_equally_far_from_every_known_one():
    placed = vectors([0.1, 5.0, 2.0, 900.0, np.nan])
    assert_allclose(np.linalg.norm(placed[:4] - placed[4], axis=1), 1, atol=1e-6)


def test_equal_values_share_a_rank_and_values_beyond_the_base_stay_at_its_ends():
    placed = vectors([1.0, 1.0, 2.0, 3.0, 0.0, 99.0], fitted_on=[1.0, 1.0, 2.0, 3.0])
    assert_array_equal(placed[0], placed[1])
    assert_array_equal(placed[4], placed[0])
    assert_array_equal(placed[5], placed[3])


def test_a_column_of_one_value_is_refused():
    with pytest.raises(RecipeError, match="1 different values"):
        fit_columns({"a": np.array([2.0, 2.0, np.nan])}, "columns:a")


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("kind", "holds labels"),
        ("p_wild", "names the class wild"),
        ("ra", "where an object is"),
        ("z", "where an object is"),
        ("obs_id", "identifies objects"),
        ("truth_ebv", "truth of a simulation"),
        ("path", "where an object is"),
        ("nothing", "no column 'nothing'"),
    ],
)
def test_a_column_that_is_no_measurement_is_refused(base, column, reason):
    """Answers of others, and what says nothing of the object's light."""
    with pytest.raises(KnowledgeError, match=reason):
        base.add_view("other", ["p_intra", column])
    assert "other" not in base.views


def test_a_view_of_spectra_is_not_replaced(base):
    with pytest.raises(KnowledgeError, match="view shape is made of spectra"):
        base.add_view("shape", ["p_intra"])


def test_no_question_uses_the_view_unless_it_is_named(base, survey):
    """Columns of a query may say anything: the answer is that of the spectrum, and no flag speaks of columns."""
    queries = survey.take(np.arange(10))
    lying = with_columns(queries, p_intra=[1e6] * 10, width=[-9.0] * 10)
    for ask in (lambda q, **o: classify(base, q, "kind", **o), lambda q, **o: search(base, q, **o)):
        assert ask(queries).to_dicts() == ask(lying).to_dicts()
        assert not any("catalog_columns" in p.flags for p in ask(queries))
        assert ask(queries, view=WITH).to_dicts() != ask(lying, view=WITH).to_dicts()


def test_a_named_view_decides_with_the_querys_own_row_and_says_so(base, survey):
    """Classes that only the column tells apart are told apart; an unknown value is flagged."""
    queries = survey.take(np.arange(10))
    answers = classify(base, queries, "kind", view="shape=0.01,alone=1", calibration="none", metric="none")
    known = np.isfinite(np.array(queries.column("p_intra"), dtype=float))
    right = np.array([p.value == kind for p, kind in zip(answers, queries.column("kind"), strict=True)])
    assert right[known].mean() > 0.8
    assert all("catalog_columns" in p.flags for p in answers)
    assert answers.provenance["encoder"] == "pca,columns:p_intra"


def test_a_query_without_any_value_is_ranked_by_its_spectrum(base, survey):
    """Among objects that have values the view adds the same to every distance."""
    query = with_columns(survey.take([1]), p_intra=[np.nan], width=[np.nan])
    found = search(base, query, k=30, view=WITH, where="p_intra IS NOT NULL")
    plain = search(base, query, k=30, where="p_intra IS NOT NULL")
    assert found.neighbors.object_id.tolist() == plain.neighbors.object_id.tolist()
    assert "columns_unknown" in found[0].flags


def test_a_hunt_takes_the_views_that_it_is_given(base, survey):
    target = Target(name="wild", label="kind", positive="wild", classes={"wild": ["wild"], "calm": ["calm"]})
    answers = hunt(base, survey.take(np.arange(10)), target, view=WITH, calibration="none")
    assert answers.target.views == WITH
    assert all("catalog_columns" in p.flags for p in answers)


def test_a_base_keeps_the_ranks_of_every_version(path, survey):
    """Made anew of one column, then rolled back: each version is asked with its own columns."""
    base = spectrove.open(path)
    before, version = base.embeddings("variability").vectors, base.version
    base.add_view("variability", ["width"])
    assert (
        spectrove.open(path)
        .search(survey.take([0]), view=WITH)
        .provenance["encoder"]
        .endswith("columns:width")
    )
    base.rollback(version)
    again = spectrove.open(path)
    assert_array_equal(again.embeddings("variability").vectors, before)
    assert len(again.search(survey.take([0]), view=WITH)) == 1


def test_spectra_are_added_to_a_base_with_such_a_view(survey):
    base, _ = create("memory://some", [survey.take(np.arange(40))], "pca", views={})
    spectrove.pipeline.add_view(base, "variability", ["p_intra"])
    spectrove.pipeline.add(base, [survey.take(np.arange(40, N))])
    assert len(base.embeddings("variability")) == N


def test_a_hunt_by_example_needs_no_ranks_of_columns(survey):
    """A base whose folder of ranks was lost still compares spectra, as no view of columns is named."""
    base, _ = create("memory://ranks", [survey.take(np.arange(40))], "pca", views={})
    spectrove.pipeline.add_view(base, "variability", ["p_intra"])
    for name in base.files.names("columns"):
        base.files.remove(f"columns/{name}")
    like = base.rows(None, []).column("object_id").to_pylist()[:3]
    assert len(spectrove.pipeline.hunt_like(base, None, like, top=5)) == 5


def test_what_is_asked_for_is_no_evidence(base, survey):
    """A class column is refused as a view, and a column of a view as the question."""
    base = spectrove.open(base.path)
    with pytest.raises(KnowledgeError, match="width is asked for"):
        spectrove.pipeline.column_views.refuse_asked(base, WITH, "width")
