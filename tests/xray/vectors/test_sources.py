"""The encoders `sources8` and `sources16` that come with the package."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.encoders import load_encoder
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.domain import XRAY
from spectrove.xray.mock import draw, load_recipe
from spectrove.xray.mock.instruments import acis_like, folding

N, COUNTS = 60, 600


def shipped(name):
    return load_encoder(name, XRAY.folders("weights"), XRAY.kinds)


@pytest.fixture(scope="module")
def sources():
    return draw(N, load_recipe("test"), 21)


@pytest.fixture(scope="module")
def seen(sources):
    """Each source twice through a fresh, back-lit CCD, and once through a front-lit one after years of use."""
    fresh, old = acis_like("back", 2001, 0.0), acis_like("front", 2017, 6.0)
    return [counted(sources, r, seed) for r, seed in ((fresh, 1), (fresh, 2), (old, 3))]


def counted(sources, response, seed):
    """About `COUNTS` counts of each source, exposures chosen so, and no background."""
    rng = np.random.default_rng(seed)
    rate = sources.photons.astype(float) @ folding(response)
    middle = (response.e_min + response.e_max) / 2
    exposure = COUNTS / rate[:, (middle >= 0.5) & (middle < 7)].sum(axis=1)
    zero = np.zeros(response.n_channels, np.int32)
    return CountSet.from_counts(
        [
            Counts(f"s{i}", rng.poisson(rate[i] * exposure[i]).astype(np.int32), zero, zero.astype(np.int16), 0.0,
                   float(exposure[i]), response, {})
            for i in range(N)
        ]
    )  # fmt: skip


def distances(encoder, one, other):
    """Median distance of a source to itself, and to the other sources."""
    a, b = (encoder.encode(encoder.prepare(s)[0]).vectors for s in (one, other))
    every = np.linalg.norm(a[:, None] - b[None], axis=2)
    return np.median(np.diag(every)), np.median(every[~np.eye(N, dtype=bool)])


@pytest.mark.parametrize("name", ["sources8", "sources16"])
def test_one_source_through_two_responses_lands_in_one_place(name, seen):
    """Nearly as near to itself as through one response, and far nearer than other sources of as many counts."""
    encoder = shipped(name)
    again, _ = distances(encoder, seen[0], seen[1])
    through_two, others = distances(encoder, seen[0], seen[2])
    assert through_two < 1.45 * again
    assert through_two < 0.3 * others


def test_rates_without_the_response_would_not_land_in_one_place(seen):
    """The test above can fail: components of plain rates are moved by the response more than by noise."""
    from spectrove.encoders import EncoderRecipe
    from spectrove.xray.vectors.energies import energy_counts
    from spectrove.xray.vectors.pca import CountPcaEncoder, fit_count_pca

    recipe = CountPcaEncoder.complete(
        EncoderRecipe(name="p", kind="count_pca", count_pca={"n_bins": 32, "scaling": "between_0_and_1"})
    )
    shown, _ = energy_counts(seen[1], CountPcaEncoder.table.model_validate(recipe.own))
    encoder = fit_count_pca(shown, recipe)
    again, _ = distances(encoder, seen[0], seen[1])
    through_two, _ = distances(encoder, seen[0], seen[2])
    assert through_two > 1.45 * again


def test_estimates_of_bright_sources_are_near_the_truth(sources, seen):
    """Half of the absorbed sources within .15 dex, and two in three within their own errors."""
    encoder = shipped("sources8")
    prepared, _ = encoder.prepare(seen[0])
    log_nh, error = encoder.quantities(prepared)["nh"]
    truth = np.log10(np.maximum(sources.truth["nh"], 1e-3))
    absorbed = truth > -0.5
    assert np.median(np.abs(log_nh - truth)[absorbed]) < 0.15
    assert 0.5 < (np.abs(log_nh - truth) < error).mean() < 0.85


@pytest.mark.parametrize(("name", "n"), [("sources8", 8), ("sources16", 16)])
def test_the_encoders_that_come_with_the_package_are_small_and_learned_from_mocks_alone(name, n):
    encoder = shipped(name)
    assert encoder.n_dimensions == n
    assert all(i.startswith("xmock-") for i in encoder.training_ids)
    (folder,) = (p / name for p in XRAY.folders("weights") if (p / name).is_dir())
    assert (folder / "weights.safetensors").stat().st_size < 2e6
    assert (folder / "README.md").is_file()
