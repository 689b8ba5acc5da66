"""What the flow is shown: lines alone, whatever the continuum, the unit and the missing pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tests.stars.giraffe import mocks

from spectrove.stars.flow import mocks as drawing
from spectrove.stars.flow.mocks import make_basis
from spectrove.stars.flow.recipe import FlowRecipe
from spectrove.stars.flow.shown import filled, over_continuum, parts, seen


@pytest.fixture(scope="module")
def basis():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "STARS", 500)
        patch.setattr(drawing, "DERIVED", 100)
        return make_basis(FlowRecipe(components=(60, 50)))


def test_a_smooth_continuum_and_the_unit_divide_out():
    clean = mocks(4).clean[:, parts()[0]]
    x = torch.linspace(-1, 1, clean.shape[1])
    other = 3e-17 * clean * (1 + 0.3 * x - 0.1 * x**2 + 0.05 * x**3)
    off = over_continuum(other)[0] - over_continuum(clean)[0]
    assert float(off.std()) < 2e-3
    assert float(off.abs().max()) < 0.02, "at an end"


def test_the_continuum_does_not_rise_with_noise():
    clean = mocks(1).clean[:, parts()[1]].expand(200, -1)
    noisy = clean + 0.2 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    off = over_continuum(noisy)[0].mean(dim=0) - over_continuum(clean)[0][0]
    assert abs(float(off.mean())) < 1e-3


def test_components_are_orthonormal_and_hold_the_stars(basis):
    for rows in basis.rows:
        assert_allclose(rows @ rows.T, np.eye(len(rows)), atol=1e-4)
    clean = mocks(40, seed=9).clean
    components, level = basis.components(clean)
    assert level.shape == (40, 2)
    for i, found in enumerate(components.split(basis.sizes, dim=1)):
        over = over_continuum(clean[:, parts()[i]])[0]
        assert float((basis.rebuilt(found, i) - over).std()) < 0.003


def test_components_scatter_as_pixels_do(basis):
    clean = mocks(1).clean.expand(400, -1)
    noisy = clean + 0.05 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1))
    components, level = basis.components(noisy)
    spread = components.std(dim=0)
    expected = (0.05 / level.mean(dim=0)).repeat_interleave(torch.tensor(basis.sizes))
    assert_allclose(spread / expected, 1, atol=0.2)


def test_missing_pixels_are_what_the_others_say(basis):
    drawn = mocks(6, ratio=100.0)
    flux = drawn.flux.numpy()
    used = np.ones(flux.shape, bool)
    used[:, 300:420] = used[:, 5000:5100] = used[:, :60] = False
    whole = filled(np.where(used, flux, -9), used, np.full((6, 2), 0.01), basis)
    assert_allclose(whole[used], flux[used], rtol=1e-5)
    assert np.sqrt(np.mean((whole - drawn.clean.numpy())[~used] ** 2)) < 0.02


def test_a_missing_setting_is_not_seen(basis):
    components = torch.randn(3, sum(basis.sizes))
    has, error = torch.tensor([[1.0, 0.0]]).expand(3, -1), torch.full((3, 2), 0.02)
    other = components.clone()
    other[:, basis.sizes[0] :] = 7
    assert torch.equal(seen(components, error, has, basis.spread), seen(other, error, has, basis.spread))
