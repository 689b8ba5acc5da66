"""The estimator of a base: whose values it sees, who is never asked, and where it is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference.numbers import of_base as estimating
from spectrove.inference.numbers.of_base import FOLDS, estimator_for, fold_of, own_models
from spectrove.inference.numbers.quantities import error_column, numeric_columns, quantity_of
from spectrove.inference.numbers.trend import fit_trend
from spectrove.knowledge import KnowledgeBase, Searched
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.targets.target import id_hash

N = 150
RNG = np.random.default_rng(5)
VECTORS = RNG.normal(size=(N, 6)).astype(np.float32)
NOISE = 0.2
VALUES = 3 * VECTORS[:, 0] - VECTORS[:, 1] + NOISE * RNG.normal(size=N)
IDS = np.array([f"{i:04d}-51602-0001" for i in range(N)])


def spectra_of(ids, rows, sn=10.0):
    n = 5
    pixels = (
        np.arange(n) + 4000.0,
        np.full(n, sn, "f4"),
        np.ones(n, "f4"),
        np.zeros(n, "i4"),
        np.ones(n, "f4"),
    )
    return SpectrumSet.from_spectra(
        [Spectrum(str(i), *pixels, row=row) for i, row in zip(ids, rows, strict=True)]
    )


def embedded(ids, vectors):
    return Embeddings(vectors, np.asarray(ids), "f", np.tile([3700.0, 8700.0], (len(ids), 1)), "made")


def make(path, values=VALUES, n=N, **columns):
    rows = [
        {
            "ra": 2.0 * i,
            "dec": 0.5 * i,
            "plate": i // 3,
            "class": "GALAXY",
            "age": None if np.isnan(values[i]) else float(values[i]),
            "same": 1.5,
        }
        | {name: column[i] for name, column in columns.items()}
        for i in range(n)
    ]
    return KnowledgeBase.create(
        path, spectra_of(IDS[:n], rows), {"shape": embedded(IDS[:n], VECTORS[:n])}, encoder="made"
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make(tmp_path_factory.mktemp("estimating") / "a.kb")


def test_objects_were_asked_without_themselves_and_without_their_plate(base, monkeypatch):
    """While intervals are calibrated."""
    found = []
    search = KnowledgeBase.search

    def watched(self, query, k=None, **options):
        answer = search(self, query, k, **options)
        found.append((query.object_id, answer.object_id))
        return answer

    monkeypatch.setattr(KnowledgeBase, "search", watched)
    estimator_for(base, quantity_of(base, "age", GALAXIES), k=4, group="plate")
    assert sum(len(q) for q, _ in found) == N
    for queries, neighbors in found:
        own = np.array([int(i[:4]) // 3 for i in queries])
        theirs = np.array([[int(i[:4]) // 3 for i in row] for row in neighbors])
        assert not (own[:, None] == theirs).any()


def test_residuals_show_the_noise_that_is_there(base):
    """A linear law and known noise: nothing more is left over, and the claimed errors are about as large."""
    asked = estimator_for(base, quantity_of(base, "age", GALAXIES), k=5, group="plate")
    width = asked.known.scale.width
    assert_allclose(np.std(asked.conformal.residual) * width, NOISE, rtol=0.25)
    assert_allclose(np.median(asked.conformal.error) * width, NOISE, rtol=0.25)
    assert_allclose(asked.conformal.sn, 10)


def test_an_estimator_is_kept_and_read_again(base, monkeypatch):
    """The same to the last bit, without a second fit; another number of neighbours is another one."""
    first = estimator_for(base, quantity_of(base, "age", GALAXIES), k=6, group="plate")
    assert list((base.path / "calibrations").glob("*.safetensors"))
    monkeypatch.setattr(estimating, "fit_trend", lambda *a: pytest.fail("fitted again"))
    again = estimator_for(
        KnowledgeBase.open(base.path), quantity_of(base, "age", GALAXIES), k=6, group="plate"
    )
    for name in ("residual", "error", "sn", "nearest"):
        assert (getattr(first.conformal, name) == getattr(again.conformal, name)).all()
    assert (first.known.trend.residual == again.known.trend.residual).all()
    assert first.known.scale == again.known.scale


@pytest.mark.parametrize("damage", ["cut", "an array is missing"])
def test_a_damaged_file_is_fitted_anew(base, damage):
    """The same answers, and the file is whole again."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    first = estimator_for(base, quantity_of(base, "age", GALAXIES), k=7, group="plate")
    path = max((base.path / "calibrations").glob("*.safetensors"), key=lambda p: p.stat().st_mtime_ns)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        with safe_open(path, framework="numpy") as file:
            said = file.metadata()
        save_file({k: v for k, v in load_file(path).items() if k != "sn"}, path, metadata=said)
    again = estimator_for(
        KnowledgeBase.open(base.path), quantity_of(base, "age", GALAXIES), k=7, group="plate"
    )
    assert (first.conformal.residual == again.conformal.residual).all()
    assert set(load_file(path)) == set(estimating.KEPT)


def test_a_new_version_of_the_base_is_fitted_anew(tmp_path):
    """What was kept of the old one is removed."""
    base = make(tmp_path / "b.kb", n=90)
    before = estimator_for(base, quantity_of(base, "age", GALAXIES), k=3, group="plate")
    base.delete("plate < 5")
    after = estimator_for(base, quantity_of(base, "age", GALAXIES), k=3, group="plate")
    assert len(after.known.object_id) == len(before.known.object_id) - 15
    assert len(list((base.path / "calibrations").glob("*.safetensors"))) == 1


def test_unlabelled_objects_have_no_part():
    """Neither as neighbours nor in the calibration."""
    values = VALUES.copy()
    values[::3] = np.nan
    base = make("memory://base", values)
    asked = estimator_for(base, quantity_of(base, "age", GALAXIES), k=3, group="plate")
    assert len(asked.known.object_id) == len(asked.conformal) == 100
    assert not set(asked.known.object_id) & set(IDS[::3])


def test_a_query_that_is_in_the_base_gets_a_trend_that_never_saw_it(base):
    """By its id, or by its place on the sky; others get the trend of all."""
    asked = estimator_for(base, quantity_of(base, "age", GALAXIES), k=3, group="plate")
    rows = [{"ra": 0.0, "dec": 80.0}, {"ra": 20.0, "dec": 5.0 + 1 / 3600}, {"ra": 1.0, "dec": -50.0}]
    model = own_models(base, asked.known, spectra_of([IDS[7], "elsewhere", "new"], rows))
    assert model.tolist() == [asked.known.model[7], asked.known.model[10], 0]
    assert model[0] > 0


def test_values_with_large_errors_are_told_so():
    """The column of errors is found and kept on the scale."""
    errors = np.where(np.arange(N) < 10, 3.0, 0.1)
    errors[-1] = 0.0  # no measurement is exact: a typical error is taken
    base = make("memory://base", age_err=errors.tolist())
    asked = estimator_for(base, quantity_of(base, "age", GALAXIES), k=3, group="plate")
    assert asked.known.error[:10].min() > 0
    assert asked.known.error[:10].min() > 20 * asked.known.error[10:-1].max()
    assert asked.known.error[-1] >= asked.known.error[10:-1].max()
    assert error_column("ha_flux", ["ha_err", "ha_flux"]) == "ha_err"
    assert error_column("age", ["age"]) is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("nothing", "no such column"),
        ("class", "no numbers"),
        ("same", "all 150 values are 1.5"),
        ("z_err", "no object has a value"),
        ("plate", "not the object"),
    ],
)
def test_what_cannot_be_estimated_is_refused_with_what_can(base, name, found):
    """A sentence that lists the numeric columns."""
    with pytest.raises(KnowledgeError, match=found) as error:
        quantity_of(base, name, GALAXIES)
    assert "Numeric columns: age, same" in str(error.value).replace("sn_median, ", "")


def test_the_redshift_is_not_read_off_vectors_made_with_it(base):
    with pytest.raises(KnowledgeError, match="redshift"):
        quantity_of(base, "z", GALAXIES)


def test_numeric_columns_are_those_about_the_object(base):
    """Not where and when it was observed."""
    assert numeric_columns(base, GALAXIES) == ["age", "same"]


@pytest.mark.parametrize("n", [2, 3, 12])
def test_objects_of_one_plate_are_spread_over_the_folds(n):
    """Even two whose ids hash alike: a fold that held both would leave its trend without an object."""
    alike = [i for i in map(str, range(1000)) if id_hash(i) % FOLDS == 3][:n]
    one_plate = Searched(
        np.sort(alike), np.zeros(n, np.uint64), VECTORS[:n], [1.0] * n, [7] * n, np.zeros(n, int)
    )
    fold = fold_of(one_plate, np.ones(n, bool), "plate")
    assert len(set(fold.tolist())) == min(n, FOLDS)
    trend = fit_trend(VECTORS[:n], np.arange(n, dtype=float), np.zeros(n), fold)
    assert np.isfinite(trend.residual).all()
