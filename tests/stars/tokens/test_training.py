"""The network and how it learns, on stars that are a formula."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from tests.stars.tokens.library import tokens

from spectrove.stars.tokens import training
from spectrove.stars.tokens.infer import StarTokens
from spectrove.stars.tokens.model import TokenNetwork
from spectrove.stars.tokens.recipe import TokensRecipe
from spectrove.stars.tokens.training import contexts, observed, on_scale, requests, share, train
from spectrove.stars.tokens.vocabulary import BP, LABELS, N_BP, NAMES, PLACE, places

SMALL = TokensRecipe(width=16, heads=2, batch=32, steps=20, wanted=(2, 3), learning_rate=5e-3)


@pytest.fixture(scope="module")
def made() -> np.ndarray:
    return tokens(2000)


def inputs(n: int = 3, k: int = 6) -> tuple[torch.Tensor, ...]:
    rng = np.random.default_rng(0)
    name = torch.as_tensor(np.stack([rng.permutation(len(NAMES))[:k] for _ in range(n)]))
    value, error = torch.as_tensor(rng.normal(size=(n, k))).float(), torch.full((n, k), 0.1)
    return name, value, error, torch.as_tensor(np.tile(places(LABELS), (n, 1)))


def test_the_order_of_known_tokens_does_not_matter():
    network = TokenNetwork(SMALL).eval()
    name, value, error, wanted = inputs()
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    known = network(name, value, error, wanted)
    again = network(name[:, order], value[:, order], error[:, order], wanted)
    for one, other in zip(known, again, strict=True):
        assert_allclose(one.detach(), other.detach(), atol=1e-5)


def test_a_token_that_is_absent_is_as_if_it_had_never_been():
    network = TokenNetwork(SMALL).eval()
    name, value, error, wanted = inputs()
    present = torch.ones_like(name, dtype=torch.bool)
    present[:, 4:] = False
    masked = network(name, value.masked_fill(~present, 7.0), error, wanted, present)
    without = network(name[:, :4], value[:, :4], error[:, :4], wanted)
    for one, other in zip(masked, without, strict=True):
        assert_allclose(one.detach(), other.detach(), atol=1e-5)


def test_a_wanted_token_does_not_depend_on_the_others_that_are_wanted():
    network = TokenNetwork(SMALL).eval()
    name, value, error, wanted = inputs()
    both, alone = network(name, value, error, wanted)[0], network(name, value, error, wanted[:, 1:2])[0]
    assert_allclose(both[:, 1:2].detach(), alone.detach(), atol=1e-5)


def test_every_kind_of_knowledge_is_drawn():
    """No token twice for a star; of many steps all tokens, labels alone and all coefficients come up."""
    rng = np.random.default_rng(1)
    drawn = [contexts(8, rng) for _ in range(400)]
    assert all(len(set(row)) == len(row) for known in drawn for row in known)
    assert set(np.concatenate([known.ravel() for known in drawn])) == set(range(len(NAMES)))
    assert any(set(known[0]) == set(places(LABELS)) for known in drawn)
    assert any(set(range(N_BP)) <= set(known[0]) for known in drawn)
    assert min(known.shape[1] for known in drawn) == 1
    asked = requests(50, TokensRecipe(), rng)
    assert (asked[:, :6] < N_BP).all()
    assert (asked[:, 6:] >= N_BP).all()


def test_a_short_training_learns_temperature_from_a_spectrum(made: np.ndarray, monkeypatch):
    """Unseen stars, asked one thing only: half of the spread is gone, and the errors are of the right size."""
    monkeypatch.setattr(training, "RISING", 20)
    monkeypatch.setattr(training, "contexts", lambda n, rng: np.tile(places(BP[:8]), (n, 1)))
    monkeypatch.setattr(training, "requests", lambda n, recipe, rng: np.tile(places(("teff",)), (n, 1)))
    network, report = train(made, SMALL.model_copy(update={"steps": 150, "batch": 64}))
    asked = StarTokens(network, *(on_scale(made).min(axis=0), on_scale(made).max(axis=0)))
    unseen = tokens(500, seed=9)
    truth = on_scale(unseen)[:, PLACE["teff"]]
    value, error = observed(unseen, asked.spread, SMALL.mock, np.random.default_rng(2))
    value[:, 8:], error[:, 8:] = np.nan, np.nan
    mean, sigma = asked.ask(value, error, places(("teff",)))
    assert (mean[:, 0] - truth).std() < 0.5 * truth.std()
    assert 0.5 < ((mean[:, 0] - truth) / sigma[:, 0]).std() < 1.6
    assert report["log"][-1]["step"] == 150


def test_a_training_that_was_stopped_ends_as_one_that_was_not(made: np.ndarray, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("spectrove.stars.tokens.training.KEPT", 5)
    whole, _ = train(made, SMALL)

    def stop(done: int, total: int) -> None:
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(made, SMALL, folder=tmp_path, progress=stop)
    seen: list[int] = []
    again, report = train(made, SMALL, folder=tmp_path, progress=lambda done, _: seen.append(done))
    assert seen[0] == 11
    assert [entry["step"] for entry in report["log"]] == [5, 10, 15, 20]
    for (name, one), other in zip(whole.state_dict().items(), again.state_dict().values(), strict=True):
        assert_array_equal(one, other, err_msg=name)


def test_a_training_may_be_made_longer_while_its_rate_stays(made: np.ndarray, tmp_path: Path, monkeypatch):
    """And no longer when it has begun to fall: then it begins anew."""
    monkeypatch.setattr("spectrove.stars.tokens.training.KEPT", 5)
    longer = SMALL.model_copy(update={"steps": 30})
    whole, _ = train(made, longer)

    def stop(done: int, total: int) -> None:
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(made, SMALL, folder=tmp_path / "a", progress=stop)
    again, _ = train(made, longer, folder=tmp_path / "a")
    assert_array_equal(whole.asked, again.asked)
    train(made, SMALL, folder=tmp_path / "b")
    seen: list[int] = []
    train(made, longer, folder=tmp_path / "b", progress=lambda done, _: seen.append(done))
    assert seen[0] == 1
    assert share(500, 10_000) == share(6_999, 10_000) == 1.0
    assert share(8_500, 10_000) == pytest.approx(0.5)
