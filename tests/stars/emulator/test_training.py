"""Training of an emulator, on spectra in closed form that take no time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.errors import RecipeError
from spectrove.stars import labels as labels_of_stars
from spectrove.stars.emulator import spectra, training
from spectrove.stars.emulator.network import load_emulator, packed, unpacked
from spectrove.stars.labels import LABELS, pixels
from spectrove.stars.mock.recipe import load_recipe

PLAN = training.Plan(components=40, width=32, steps=60, batch_size=64, checkpoint_every=20)


@pytest.fixture(scope="module")
def known() -> tuple[np.ndarray, np.ndarray]:
    """Labels of mock stars, and lines that get deeper with [Fe/H] and shallower with temperature."""
    labels = spectra.labels_of("learn", 300, spectra.learning_recipe())
    x = np.linspace(0, 1, len(pixels()))
    depth = 0.3 * np.exp(0.5 * labels[:, 2] - (labels[:, 0] - 5000) / 3000)
    flux = 1 - depth[:, None] * np.exp(-0.5 * ((x - 0.5) / 0.1) ** 2) - 0.05 * labels[:, 1:2] / 5 * x
    return labels, flux.astype(np.float32)


def test_a_trained_emulator_gives_what_it_learned(known, tmp_path: Path):
    labels, flux = known
    emulator, report = training.train(labels[:250], flux[:250], tmp_path, PLAN)
    off = training.errors(emulator, labels[250:], flux[250:])
    assert np.median(off) < 0.05 * flux.std(axis=0).max()
    assert report["log"][-1]["step"] == 60
    assert report["log"][-1]["rms"] < report["log"][0]["rms"]


def test_a_run_that_was_stopped_ends_as_one_that_was_not(known, tmp_path: Path, monkeypatch):
    labels, flux = known
    whole, _ = training.train(labels, flux, tmp_path / "a", PLAN)

    def stop(done: int, total: int) -> None:
        if done == 45:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(labels, flux, tmp_path / "b", PLAN, progress=stop)
    seen: list[int] = []
    again, _ = training.train(labels, flux, tmp_path / "b", PLAN, progress=lambda done, _: seen.append(done))
    assert seen[0] == 41
    assert_allclose(
        packed(again)["layers.0.weight"].float(), packed(whole)["layers.0.weight"].float(), atol=1e-3
    )
    with pytest.raises(RecipeError, match="another plan"):
        training.train(labels, flux, tmp_path / "b", replace(PLAN, width=16))


def test_what_is_stored_is_what_was_trained(known, tmp_path: Path):
    """To a thousandth of the spread of spectra; numbers from -127 to 127 suffice for weak components."""
    labels, flux = known
    emulator, report = training.train(labels, flux, tmp_path, PLAN)
    training.save_emulator(emulator, tmp_path / "e.safetensors", report)
    kept = load_emulator(tmp_path / "e.safetensors")
    shown = torch.from_numpy(labels).float()
    assert_allclose(kept(shown), emulator(shown), atol=2e-3 * float(flux.std()))
    stored = packed(emulator)
    assert stored["basis_others"].dtype == torch.int8
    assert_allclose(unpacked(stored)["basis"], emulator.basis, atol=1e-3)


def test_spectra_that_are_there_are_not_computed_again(tmp_path: Path, monkeypatch):
    recipe, calls = load_recipe("train"), []

    def fake(labels, progress):
        calls.append(len(labels))
        return np.zeros((len(labels), len(pixels())), np.float32) + labels[:, :1].astype(np.float32)

    monkeypatch.setattr(labels_of_stars, "lte_spectra", fake)
    monkeypatch.setattr(spectra, "PART", 4)
    spectra.computed(tmp_path, "test", 5, recipe)
    labels, flux = spectra.computed(tmp_path, "test", 10, recipe)
    assert calls == [4, 4, 4]
    assert labels.shape == (10, len(LABELS))
    assert_allclose(flux[:, 0], labels[:, 0], rtol=1e-6)
    with pytest.raises(RecipeError, match="another recipe"):
        spectra.computed(tmp_path, "test", 5, load_recipe("test"))


def test_stars_to_learn_and_to_test_with_are_others():
    recipe = spectra.learning_recipe()
    learn, test = (spectra.labels_of(kind, 150, recipe) for kind in ("learn", "test"))
    assert not np.isin(learn[:, 0], test[:, 0]).any()
    assert_allclose(spectra.labels_of("learn", 50, recipe), learn[:50])
