"""Noise and gaps that are feigned come with the inverse variance they would have."""

from __future__ import annotations

import torch

from spectrove.encoders.recipe import AugmentRecipe
from spectrove.training.augment import augment


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def spectra(n=200, n_pixels=300):
    flux = torch.zeros(n, n_pixels)
    ivar = torch.full((n, n_pixels), 4.0)
    ivar[:, :20] = 0
    return flux, ivar


def test_added_noise_is_what_the_inverse_variance_says():
    flux, ivar = augment(*spectra(), AugmentRecipe(noisier=1.0, noise=3.0), chance())
    seen = ivar > 0
    assert not seen[:, :20].any()
    assert not flux[:, :20].any()
    # The flux was exact here, so all its scatter was added: variance 1/ivar less the 1/4 it began with.
    added = 1 / ivar[seen] - 0.25
    assert abs(float((flux[seen] ** 2).sum() / added.sum()) - 1) < 0.02
    assert 0 <= float(added.min()) < 0.01
    assert 2.1 < float(added.max()) <= 2.25  # 3 sigma of 1/2


def test_gaps_take_pixels_out_and_leave_the_others_alone():
    _, ivar = augment(*spectra(), AugmentRecipe(gaps=2, gap=50), chance())
    lost = (ivar[:, 20:] == 0).sum(dim=1)
    assert 0 < float(lost.float().mean()) < 50
    assert int(lost.max()) <= 100
    assert set(ivar.unique().tolist()) == {0.0, 4.0}


def test_a_feigned_redshift_error_moves_a_line_by_whole_pixels_at_most_as_far_as_asked():
    flux, ivar = spectra(60)
    flux[:, 150] = 1
    moved, weight = augment(flux, ivar, AugmentRecipe(shift=2), chance())
    places = moved.argmax(dim=1) - 150
    assert set(places.tolist()) == {-2, -1, 0, 1, 2}
    assert (weight[places == 2, 21] == 0).all()
    assert (weight[places == -2, -2:] == 0).all()


def test_a_recipe_without_changes_changes_nothing():
    flux, ivar = spectra(3)
    same_flux, same_ivar = augment(flux, ivar, AugmentRecipe(), chance())
    assert torch.equal(same_flux, flux)
    assert torch.equal(same_ivar, ivar)
