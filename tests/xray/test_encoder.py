"""Vectors of X-ray spectra: colours, not the response that they were seen through."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.xray.ogip_files import (
    CHANNELS,
    expected_counts,
    power_law,
    smeared,
    smooth_area,
    write_source,
)

from spectrove.encoders import EncoderRecipe, load_encoder, save_encoder
from spectrove.errors import FingerprintError, RecipeError
from spectrove.spectra import SpectrumSet
from spectrove.xray.binned import HardnessRecipe, bin_counts
from spectrove.xray.counts import CountSet
from spectrove.xray.domain import XRAY
from spectrove.xray.encoder import HardnessEncoder, fit_hardness
from spectrove.xray.ogip import read_counts

N = len(CHANNELS) - 1
RECIPE = EncoderRecipe(name="small", kind="hardness_pca", hardness_pca={"n_bins": 8, "n_components": 3})

#: Two detectors: one of them has lost half of its soft area and a third of the rest, and is less sharp.
SEEN_THROUGH = {
    "new": (smooth_area(700), smeared(0.05)),
    "old": (smooth_area(450, soft=0.5), smeared(0.09)),
}


def counted(folder, sources, through="new", exposure=1e5, seed=0):
    """Spectra of sources of (index, absorption, norm), with background, as files read again."""
    rng = np.random.default_rng(seed)
    area, matrix = SEEN_THROUGH[through]
    paths = []
    for i, (index, absorbed, norm) in enumerate(sources):
        counts = rng.poisson(expected_counts(power_law(index, norm, absorbed), area, matrix, exposure) + 0.02)
        paths.append(
            write_source(folder, f"{through}{i}", counts, area=area, matrix=matrix, background=rng.poisson(0.2, N),
                         EXPOSURE=exposure)
        )  # fmt: skip
    spectra, refusals = read_counts(paths)
    assert not refusals
    return spectra


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    rng = np.random.default_rng(1)
    sources = np.column_stack([rng.uniform(1, 3, 30), rng.uniform(0, 1, 30), 10 ** rng.uniform(-5, -3.5, 30)])
    return counted(tmp_path_factory.mktemp("train"), sources)


@pytest.fixture(scope="module")
def encoder(spectra):
    return fit_hardness(spectra, RECIPE)


def vectors(encoder, spectra):
    prepared, refusals = encoder.prepare(spectra)
    assert not refusals
    return encoder.encode(prepared).vectors


def test_one_source_through_two_responses_lands_in_one_place(encoder, tmp_path):
    """At some thousand counts the responses move a vector by less than its noise, in every dimension."""
    source = [(1.8, 0.2, 4e-5)] * 24
    new = vectors(encoder, counted(tmp_path / "a", source, "new", seed=1))
    old = vectors(encoder, counted(tmp_path / "b", source, "old", seed=2))
    noise = np.sqrt(new.var(axis=0) + old.var(axis=0))
    assert (np.abs(new.mean(axis=0) - old.mean(axis=0)) < noise).all()
    other = vectors(encoder, counted(tmp_path / "c", [(2.6, 0.0, 4e-5)] * 24, "new", seed=3))
    assert (np.abs(new.mean(axis=0) - other.mean(axis=0)) > 5 * noise).any()


def test_raw_counts_would_not_land_in_one_place(tmp_path):
    """The test above can fail: hardness of plain counts moves by far more than its noise."""
    source = [(1.8, 0.2, 3e-4)] * 12

    def plain(spectra):
        edges = CHANNELS[:-1]
        soft = [s.counts[(edges >= 0.5) & (edges < 1.2)].sum() for s in spectra]
        hard = [s.counts[(edges >= 2) & (edges < 7)].sum() for s in spectra]
        return (np.array(hard) - soft) / (np.array(hard) + soft)

    new = plain(counted(tmp_path / "a", source, "new", seed=1))
    old = plain(counted(tmp_path / "c", source, "old", seed=3))
    assert abs(new.mean() - old.mean()) > 5 * new.std()


def test_exposure_and_brightness_do_not_matter(encoder, tmp_path):
    faint = vectors(encoder, counted(tmp_path / "a", [(1.5, 0.1, 1e-4)] * 8, exposure=4e5, seed=1))
    bright = vectors(encoder, counted(tmp_path / "b", [(1.5, 0.1, 1e-3)] * 8, exposure=1e5, seed=2))
    assert np.linalg.norm(faint.mean(0) - bright.mean(0)) < 0.15


def test_bins_are_shares_of_photons(tmp_path):
    """Many counts of a flat photon spectrum: shares are the widths of the bins."""
    recipe = HardnessRecipe(n_bins=4, n_components=2)
    binned, _ = bin_counts(counted(tmp_path, [(1.7, 0.0, 0.3)]), recipe)
    edges = recipe.edges
    expected = edges[:-1] ** -0.7 - edges[1:] ** -0.7
    assert_allclose(binned.root[0] ** 2, expected / expected.sum(), rtol=0.02)
    assert_allclose(binned.coverage[0], [0.5, 7.0])


def test_bad_channels_are_neither_counted_nor_missed(encoder, tmp_path):
    """Channels marked as bad hold anything; the area without them is divided by."""
    spectra = counted(tmp_path, [(1.8, 0.2, 1e-2)])
    bad = (CHANNELS[:-1] > 2.4) & (CHANNELS[:-1] < 2.9)
    spoiled = CountSet(**{**vars(spectra), "counts": np.where(bad, 9999, spectra.counts).astype(np.int32),
                          "quality": np.where(bad, 5, 0).astype(np.int16)})  # fmt: skip
    assert np.linalg.norm(vectors(encoder, spectra) - vectors(encoder, spoiled)) < 0.15


def test_what_has_no_source_counts_is_refused(encoder, spectra):
    dark = CountSet(
        **{**vars(spectra.take([0, 1])), "counts": spectra.take([0, 1]).counts * np.array([0, 1]).repeat(N)}
    )
    prepared, refusals = encoder.prepare(dark)
    assert prepared.object_id.tolist() == [str(spectra.object_id[1])]
    assert "0 counts from 0.5 to 7 keV" in refusals[0].error


def test_few_counts_are_flagged(encoder, tmp_path):
    faint = counted(tmp_path, [(1.8, 0.0, 1e-7), (1.8, 0.0, 2e-5)])
    prepared, _ = encoder.prepare(faint)
    assert prepared.flags == (("few_counts",), ())


def test_fluxes_are_refused_one_by_one(encoder):
    none = SpectrumSet.from_spectra([])
    assert encoder.prepare(none)[1] == []


# --- the contract of every encoder ---------------------------------------------------------------------


def test_a_vector_per_spectrum_with_its_id_and_fingerprint(encoder, spectra):
    prepared, _ = encoder.prepare(spectra)
    embeddings = encoder.encode(prepared)
    assert embeddings.vectors.shape == (30, encoder.n_dimensions) == (30, 5)
    assert embeddings.vectors.dtype == np.float32
    assert np.isfinite(embeddings.vectors).all()
    assert embeddings.object_id.tolist() == spectra.object_id.tolist()
    assert embeddings.fingerprint == encoder.fingerprint
    assert encoder.frame == "observed"


def test_company_and_batch_size_do_not_matter(encoder, spectra):
    whole = vectors(encoder, spectra)
    assert_allclose(vectors(encoder, spectra.take([7]))[0], whole[7], atol=1e-6)
    prepared, _ = encoder.prepare(spectra)
    small = HardnessEncoder(encoder.recipe, encoder.weights)
    small.batch_size = 2
    assert_allclose(small.encode(prepared).vectors, whole, atol=1e-6)


def test_no_spectra_give_no_vectors(encoder, spectra):
    assert vectors(encoder, spectra.take([])).shape == (0, encoder.n_dimensions)


def test_settings_are_completed_and_checked(encoder):
    assert encoder.recipe.own["whitening"] == 0.5
    with pytest.raises(ValueError, match="n_components"):
        fit_hardness(
            CountSet.from_counts([]), EncoderRecipe(name="x", kind="hardness_pca", hardness_pca={"n_bins": 3})
        )


def test_spectra_of_another_preparation_are_refused(encoder, spectra):
    other, _ = bin_counts(spectra, HardnessRecipe(n_bins=9, n_components=3))
    with pytest.raises(FingerprintError, match="prepared with recipe"):
        encoder.encode(other)


def test_too_few_spectra_to_fit_are_refused(spectra):
    with pytest.raises(RecipeError, match="8 spectra with counts for 8 energy bins"):
        fit_hardness(spectra.take(np.arange(8)), RECIPE)


def test_weights_of_another_shape_are_refused(encoder):
    weights = {name: array[..., :-1] for name, array in encoder.weights.items()}
    with pytest.raises(RecipeError, match="do not fit the recipe"):
        HardnessEncoder(encoder.recipe, weights)


def test_what_is_trained_on_is_recorded(encoder, spectra):
    assert encoder.training_ids == frozenset(spectra.object_id.tolist())


def test_a_saved_encoder_is_the_same_encoder(encoder, spectra, tmp_path):
    again = load_encoder(save_encoder(encoder, tmp_path / "e"), kinds=XRAY.kinds)
    assert again.fingerprint == encoder.fingerprint
    assert_array_equal(vectors(again, spectra), vectors(encoder, spectra))


def test_the_encoder_that_comes_with_the_package_has_not_moved(spectra):
    shipped = load_encoder("hardness", XRAY.folders("weights"), XRAY.kinds)
    assert shipped.fingerprint == "df9b42066067852b"
    assert len(shipped.training_ids) == 4000
    assert vectors(shipped, spectra).shape == (30, 7)
