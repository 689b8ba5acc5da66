"""Baselines find a signal that is there, in data small enough to see it by eye, and give what they promise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from experiments.baselines import networks
from experiments.baselines.networks import NETWORK_CLASSIFIERS, GalSpecNet, NetworkClassifier, Plan
from experiments.baselines.on_mocks import files, train_mock_baselines
from experiments.baselines.spender import SPENDER_PREPROCESS, Spender, SpenderPlan, fit_spender
from experiments.baselines.vectors import OBSERVED, REST, VECTOR_METHODS, HalfWhitenedPca, RandomForest
from spectrove.encoders.network_encoder import build_network
from spectrove.errors import RecipeError
from spectrove.pipeline.shipped import load_recipe
from spectrove.preprocess import Prepared

QUICK = Plan(epochs=12, patience=12, batch_size=8)


def planted(preprocess, n=64, seed=0, height=1.5):
    """Noise with a line at one of two places; the labels say which, and eight objects share a group."""
    rng = np.random.default_rng(seed)
    flux = rng.normal(0, 0.3, (n, preprocess.n_pixels)).astype(np.float32)
    line = height * np.exp(-0.5 * (np.arange(-40, 41) / 8) ** 2)
    second = np.arange(n) % 2 == 1
    for i in range(n):
        start = 1400 if second[i] else 500
        flux[i, start : start + 81] += line
    ivar = np.full_like(flux, 1 / 0.3**2)
    prepared = Prepared(
        np.array([f"s{seed}-{i}" for i in range(n)]), preprocess.wavelength, flux, ivar, ivar > 0, np.full(n, 0.1),
        np.tile(preprocess.wavelength[[0, -1]], (n, 1)), ((),) * n, preprocess.fingerprint, (),
    )  # fmt: skip
    return prepared, np.where(second, "red", "blue"), np.array([str(i // 8) for i in range(n)])


def accuracy(fitted, prepared, labels):
    called = np.array(fitted.labels)[fitted.probabilities(prepared).argmax(axis=1)]
    return float((called == labels).mean())


def quick(method: NetworkClassifier) -> NetworkClassifier:
    return NetworkClassifier(method.name, method.note, method.preprocess, method.make, QUICK)


CLASSIFIERS = [RandomForest(40), *map(quick, NETWORK_CLASSIFIERS)]


@pytest.mark.parametrize("method", CLASSIFIERS, ids=lambda m: m.name)
def test_a_classifier_learns_a_planted_line(method):
    """On other objects than those it was trained on; probabilities are those of its labels and sum to one."""
    torch.set_num_threads(1)
    fitted = method.fit(*planted(method.preprocess), seed=0)
    asked, labels, _ = planted(method.preprocess, seed=1)
    assert fitted.labels == ("blue", "red")
    assert_allclose(fitted.probabilities(asked).sum(axis=1), 1, atol=1e-6)
    assert accuracy(fitted, asked, labels) > 0.9


def test_a_classifier_is_the_same_for_the_same_seed():
    """And training leaves out who has no label."""
    method = quick(NETWORK_CLASSIFIERS[-1])
    prepared, labels, groups = planted(REST, n=32)
    first, again = (method.fit(prepared, labels, groups, seed=3).probabilities(prepared) for _ in range(2))
    assert_allclose(first, again)
    unknown = np.where(np.arange(32) < 4, "", labels)
    without = method.fit(prepared.take(np.arange(4, 32)), labels[4:], groups[4:], seed=3)
    assert_allclose(
        method.fit(prepared, unknown, groups, seed=3).probabilities(prepared), without.probabilities(prepared)
    )


def test_early_stopping_watches_other_plates_than_it_learns_from():
    """And no label is lost to it."""
    _, labels, groups = planted(REST)
    code = (labels == "red").astype(int)
    for seed in range(5):
        rows, kept = networks.split_groups(code, groups, seed)
        assert not set(groups[rows]) & set(groups[kept])
        assert len(rows) + len(kept) == len(code)
        assert set(code[rows]) == {0, 1}


def test_a_classifier_refuses_what_was_prepared_for_another_and_a_single_label():
    prepared, _, groups = planted(REST, n=16)
    with pytest.raises(RecipeError, match="another method"):
        CLASSIFIERS[1].fit(*planted(REST, n=16), seed=0)
    with pytest.raises(RecipeError, match="two or more"):
        RandomForest(5).fit(prepared, np.full(16, "blue"), groups, seed=0)
    with pytest.raises(RecipeError, match="two or more"):
        RandomForest(5).fit(prepared, np.where(np.arange(16) == 3, "red", "blue"), groups, seed=0)


def test_galspecnet_has_the_published_form():
    """Four convolutions of 3 pixels, pooling by 4 between: 37 places of 32 channels from 2,575 pixels."""
    network = GalSpecNet(2575, 4)
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv1d)]
    assert [m.out_channels for m in convolutions] == [64, 64, 32, 32]
    assert {m.kernel_size for m in convolutions} == {(3,)}
    assert [m.in_features for m in network.modules() if isinstance(m, torch.nn.Linear)] == [32 * 37, 64, 32]


def test_the_small_galspecencoder_differs_from_the_published_one_in_size_alone():
    """Same frame, grid, scale, patches, masking, decoder and loss."""
    full, small = load_recipe("galspecencoder"), load_recipe("galspecencoder_small")
    assert small.preprocess == full.preprocess
    assert small.mask == full.mask
    sizes = ("width", "depth", "heads", "mlp_ratio")
    assert small.network.model_copy(update={n: getattr(full.network, n) for n in sizes}) == full.network
    assert small.training.loss == full.training.loss
    assert sum(p.numel() for p in build_network(small).parameters()) < 200_000


@pytest.mark.parametrize("method", VECTOR_METHODS, ids=lambda m: m.name)
def test_vectors_put_equal_lines_together(method):
    """The nearest of the base has the query's line; and more queries do not change a vector."""
    base, known, _ = planted(method.preprocess, n=48, height=4)
    asked, labels, _ = planted(method.preprocess, n=16, seed=1, height=4)
    vectors_of = method.fit(base, 0)
    vectors, queries = vectors_of(base), vectors_of(asked)
    nearest = ((queries[:, None] - vectors[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (known[nearest] == labels).mean() > 0.9
    assert_allclose(vectors_of(asked.take(np.arange(5))), queries[:5], rtol=1e-4, atol=1e-4)


def test_pca_scores_are_whitened_half_way():
    """Deviations are the square roots of what they were: their products with the scores' own are equal."""
    base, _, _ = planted(REST, n=60)
    plain = base.flux - base.flux.mean(axis=0)
    singular = np.linalg.svd(plain, compute_uv=False)[:5] / np.sqrt(len(base) - 1)
    vectors = HalfWhitenedPca(5).fit(base, 0)(base)
    assert_allclose(vectors.std(axis=0, ddof=1), np.sqrt(singular), rtol=0.02)


def test_the_autoencoder_learns_to_rebuild_and_survives_a_file(tmp_path):
    """Its loss falls well below that of a constant; weights and ids come back.

    One class has its line in absorption: attention pooling knows what a line is like, not where it was.
    """
    torch.set_num_threads(1)
    plan = SpenderPlan(
        filters=(8, 8, 16), hidden=(16, 32), n_latent=3, steps=250, batch_size=16, learning_rate=1e-2
    )
    prepared, labels, _ = planted(SPENDER_PREPROCESS, height=4)
    prepared.flux[labels == "red"] *= -1
    np.add(prepared.flux, 1, out=prepared.flux)
    made = fit_spender(prepared, plan)
    with torch.inference_mode():
        rebuilt = made.network(torch.from_numpy(prepared.flux)).numpy()
    constant = prepared.flux.mean(axis=0)
    line = slice(1400, 1481)
    own = ((rebuilt - prepared.flux)[:, line] ** 2).mean()
    assert own < 0.5 * ((constant - prepared.flux)[:, line] ** 2).mean()
    made.save(tmp_path / "s.safetensors")
    kept = Spender.load(tmp_path / "s.safetensors", plan)
    assert_allclose(kept.vectors(prepared), made.vectors(prepared))
    assert (kept.training_ids, kept.fingerprint) == (made.training_ids, made.fingerprint)


def test_mock_trained_baselines_learn_once_and_say_from_what(tmp_path, monkeypatch):
    """A second call trains nothing; test surveys are of other seeds, so no id is among theirs."""
    torch.set_num_threads(1)
    from experiments.baselines import on_mocks
    from experiments.samples.surveys import MOCK_SEED
    from spectrove.galaxies.mock import make_survey

    monkeypatch.setattr(on_mocks, "CNN", quick(networks.CNN))
    plan = SpenderPlan(filters=(4, 4, 8), hidden=(8,), steps=2, batch_size=4)
    train_mock_baselines(tmp_path, n=60, plan=plan)
    found = files(tmp_path)
    assert all(path.exists() for path in found.values())
    written = {name: path.stat().st_mtime_ns for name, path in found.items()}
    train_mock_baselines(tmp_path, n=60, plan=plan)
    assert written == {name: path.stat().st_mtime_ns for name, path in found.items()}
    learned = Spender.load(found["spender"], plan).training_ids
    assert len(learned) > 40
    assert not learned & set(make_survey(40, seed=MOCK_SEED).object_id.tolist())
    assert set(on_mocks.CNN.load(found["lens"]).labels) == {"lens", "none"}


def test_what_methods_are_shown_is_what_the_encoders_are_shown():
    """So that a difference between rows is not one of preprocessing."""
    assert load_recipe("base").on_grid == REST
    assert load_recipe("galspecencoder").on_grid == OBSERVED
