"""Which wavelengths a distance comes from: complete, and found where it was planted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.encoders import ENCODERS, EncoderRecipe
from spectrove.encoders.network_encoder import build_network
from spectrove.encoders.recipe import MaskRecipe, NetworkRecipe, PcaRecipe
from spectrove.explanation.argument import carried
from spectrove.explanation.bands import Band, bands
from spectrove.explanation.saliency import RegionShare, Saliency, gradients, saliency
from spectrove.explanation.saliency_plot import binned, saliency_figure
from spectrove.explanation.space import Coordinates, coordinates, replaced
from spectrove.galaxies.bands import LINE_BANDS
from spectrove.galaxies.drawing import DRAWING
from spectrove.galaxies.lines import LINE
from spectrove.inference.metric.linear import LinearMetric
from spectrove.preprocess import PreprocessRecipe
from spectrove.spectra import Spectrum, SpectrumSet

REST = PreprocessRecipe(n_pixels=900)


def pca(preprocess=REST):
    rng = np.random.default_rng(1)
    recipe = EncoderRecipe(name="small", kind="pca", preprocess=preprocess, pca=PcaRecipe(n_components=5))
    axes = np.linalg.qr(rng.normal(size=(preprocess.n_pixels, 5)))[0].T
    weights = {"mean": np.ones(preprocess.n_pixels), "components": axes, "deviation": np.linspace(3, 1, 5)}
    return ENCODERS["pca"](recipe, weights)


def network(kind, preprocess=REST, **more):
    torch.manual_seed(5)
    recipe = EncoderRecipe(
        name="small", kind=kind, preprocess=preprocess, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, bottleneck=6, inputs="flux+valid+ivar", **more),
    )  # fmt: skip
    module = build_network(recipe)
    weights = {n: t.numpy() for n, t in module.state_dict().items()}
    whiten = {"mean": np.full(6, 0.1, np.float32), "axes": np.eye(6, dtype=np.float32) * 3}
    return ENCODERS[kind](recipe, weights | {f"float32.whiten_{k}": v for k, v in whiten.items()})


MADE = {
    "pca": pca,
    "cnn": lambda: network("cnn", channels=(4, 8)),
    "transformer": lambda: network("masked_transformer", width=16, depth=1, heads=2),
}


@pytest.fixture(scope="module")
def spectra(make_spectrum):
    """A query, a copy of it with a third more [O III] light, and two others."""
    query = make_spectrum("0881-52368-0036", "LINER", z=0.06)
    rest = query.wavelength / 1.06
    flux = query.flux.copy()
    flux[np.abs(rest - LINE["oiii"].wavelength) < 8] *= 1.35
    planted = replace(query, object_id="0000-00000-0001", flux=flux)
    others = [
        make_spectrum("1000-52000-0001", "SF", z=0.08),
        make_spectrum("1000-52000-0002", "Seyfert", z=0.02),
    ]
    return SpectrumSet.from_spectra([query, planted, *others])


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("metric", [False, True])
def test_attributions_and_rest_add_up_to_the_distance(spectra, kind, metric):
    """Completeness, with both ends of the way computed by the encoder itself; the metric is part of the distance."""
    encoder = MADE[kind]()
    rng = np.random.default_rng(0)
    d = encoder.n_dimensions
    turned = LinearMetric(rng.normal(size=(d, d + 2)), rng.normal(size=d)) if metric else None
    space = Coordinates({"shape": encoder}, {"shape": 1.0}, turned)
    for one in saliency(space, spectra.take([0]), spectra.take([2, 3]), LINE_BANDS):
        assert one.distance > 0
        total = one.rest + one.attribution.sum()
        assert_allclose(total, one.distance, rtol=2e-3)
        assert abs(one.unexplained) < 2e-3 * one.distance
        assert_allclose(sum(r.gradient for r in one.regions) * one.distance, one.attribution.sum(), rtol=1e-9)


@pytest.mark.parametrize("kind", MADE)
def test_a_difference_at_one_line_is_found_by_both(spectra, kind):
    """The copy differs from the query at [O III] alone: that region has the whole distance, by either way."""
    space = Coordinates({"shape": MADE[kind]()}, {"shape": 1.0})
    [one] = saliency(space, spectra.take([0]), spectra.take([1]), LINE_BANDS)
    shares = {r.band.name: r for r in one.regions}
    assert one.ranked()[0].band.name == "[O III]"
    assert shares["[O III]"].occlusion == pytest.approx(1, abs=0.01)
    assert shares["[O III]"].gradient == pytest.approx(1, abs=0.01)
    assert shares["[O III]"].without == pytest.approx(0, abs=0.01 * one.distance)
    assert all(
        abs(r.gradient) < 0.01 and abs(r.occlusion) < 0.01 for n, r in shares.items() if n != "[O III]"
    )
    peak = one.wavelength[np.argmax(np.abs(one.attribution))]
    assert abs(peak - LINE["oiii"].wavelength) < 10


def test_linear_encoders_have_the_attributions_of_a_hand_calculation(spectra):
    """With equal errors everywhere vectors are linear in flux: each pixel's part is its step along the distance."""
    space = Coordinates({"shape": pca()}, {"shape": 1.0})
    own, other = space.prepared(spectra.take([0])), space.prepared(spectra.take([1]))
    own, other = (replace_ivar(p, np.ones_like(p["shape"].ivar)) for p in (own, other))
    step = (own["shape"].flux - other["shape"].flux)[0].astype(float)
    matrix = np.stack(
        [space.vectors(shifted(own, i, 1.0))[0] - space.vectors(own)[0] for i in np.flatnonzero(step)], axis=1
    )
    total = space.vectors(own)[0] - space.vectors(other)[0]
    by_hand = step[np.flatnonzero(step)] * (total @ matrix) / np.linalg.norm(total)
    found = gradients(space, own, other)["shape"][0, 0]
    assert_allclose(found[np.flatnonzero(step)], by_hand, rtol=1e-3, atol=1e-5)


def replace_ivar(prepared, ivar):
    made = {v: replace(p, ivar=ivar, valid=ivar > 0) for v, p in prepared.views.items()}
    return type(prepared)(made)


def shifted(prepared, pixel, by):
    flux = prepared["shape"].flux.copy()
    flux[0, pixel] += by
    return type(prepared)({"shape": replace(prepared["shape"], flux=flux)})


def test_everything_replaced_leaves_no_distance(spectra):
    """With all of the other's pixels the query is the other, errors and gaps included."""
    space = Coordinates({"shape": network("cnn", channels=(4, 8))}, {"shape": 1.0})
    own, other = space.prepared(spectra.take([0])), space.prepared(spectra.take([2]))
    whole = replaced(own, other, {"shape": np.ones((1, REST.n_pixels), bool)})
    assert space.distances(whole, other)[0] == 0


def test_two_views_are_one_distance_and_one_without_gradients_is_rest(spectra, monkeypatch):
    """Only the network has gradients here: what the other view makes of the distance is left as rest."""
    space = Coordinates(
        {"shape": network("cnn", channels=(4, 8)), "more": pca()}, {"shape": 2.0, "more": 0.5}
    )
    [one] = saliency(space, spectra.take([0]), spectra.take([2]), LINE_BANDS)
    assert abs(one.unexplained) < 2e-3 * one.distance
    monkeypatch.setattr(Coordinates, "differentiable", lambda self: ("shape",))
    [half] = saliency(space, spectra.take([0]), spectra.take([2]), LINE_BANDS)
    assert half.distance == one.distance
    assert half.rest > one.rest
    assert abs(half.unexplained) < 2e-3 * half.distance


def test_the_metric_of_the_distances_is_found_by_them(spectra):
    """A query of the base is answered in its fold's metric, in the unit of the first."""
    encoder, rng = pca(), np.random.default_rng(2)
    metrics = [LinearMetric(rng.normal(size=(5, 5)), np.zeros(5)) for _ in range(3)]
    query, others = spectra.take([0]), spectra.take([2, 3])
    true = Coordinates({"shape": encoder}, {"shape": 1.0}, metrics[2], unit=1.7)
    known = true.distances(true.prepared(others), true.prepared(query))
    distance = dict(zip(others.object_id.tolist(), known.tolist(), strict=True))
    found = coordinates({"shape": encoder}, {"shape": 1.0}, metrics, query, others, distance)
    assert found.metric is metrics[2]
    assert found.unit == pytest.approx(1.7, rel=1e-5)
    wrong = {name: value * (1 + i) for i, (name, value) in enumerate(distance.items())}
    assert coordinates({"shape": encoder}, {"shape": 1.0}, metrics, query, others, wrong) is None


def test_regions_cover_every_wavelength_once():
    """Lines in order, none upon another, continuum between; the ends inside."""
    assert all(a[2] <= b[1] for a, b in pairwise(LINE_BANDS))
    w = np.linspace(3630.0, 8696.0, 5000)
    count = sum(band.holds(w).astype(int) for band in bands(3630.0, 8696.0, LINE_BANDS))
    assert (count == 1).all()
    named = {band.name for band in bands(3630.0, 8696.0, LINE_BANDS)}
    assert {"[O II]", "Hα + [N II]", "[S II]"} <= named
    assert all("Å" in band.name for band in bands(3630.0, 8696.0))


def test_bins_keep_the_sum():
    """What is drawn is all that there is."""
    w, v = np.geomspace(3630, 8696, 900), np.random.default_rng(0).normal(size=900)
    edges, sums = binned(w, v, 3630.0, 8696.0)
    assert len(sums) == len(edges) - 1
    assert sums.sum() == pytest.approx(v.sum())


def test_the_figure_has_a_row_for_each_neighbour(spectra):
    """Two axes each: along the spectrum, and the leading regions."""
    space = Coordinates({"shape": pca()}, {"shape": 1.0})
    found = saliency(space, spectra.take([0]), spectra.take([1, 2, 3]), LINE_BANDS)
    assert len(saliency_figure(found, DRAWING).axes) == 6
    assert found[0].to_dict()["rank_correlation"] is None or -1 <= found[0].correlation <= 1


def test_a_distance_that_gaps_make_says_who_was_not_observed_where(spectra):
    """The other spectrum ends at 6000 A: the stretch is hatched, named with its share, and no longer "not drawn"."""
    query, other = spectra.take([0]), spectra.take([1])
    one = other[0]
    cut = Spectrum(
        one.object_id, one.wavelength, one.flux, np.where(one.wavelength > 6000 * (1 + one.z), 0, one.ivar),
        one.mask, one.lsf, one.row,
    )  # fmt: skip
    (found,) = saliency(Coordinates({"shape": pca()}, {"shape": 1.0}), query, SpectrumSet.from_spectra([cut]))
    low, _, in_query = found.unseen[0]
    assert in_query
    assert low == pytest.approx(6000, abs=20)
    assert found.gaps == pytest.approx(found.rest)
    told = carried(replace(found, rest=0.86 * found.distance, elsewhere=0.0))
    assert (
        f"86% of the distance is due to gaps, not to differences in flux: {one.object_id} was not observed"
        in told
    )
    figure = saliency_figure([replace(found, rest=0.86 * found.distance)], DRAWING)
    assert any("gaps 86% (hatched: not observed in it)" in t.get_text() for t in figure.axes[0].texts)
    assert any(p.get_hatch() for p in figure.axes[0].patches)


def test_regions_on_which_the_two_methods_disagree_are_named_apart():
    shares = [("Hα + [N II]", 0.5, 0.4), ("Hβ", -0.1, 0.6), ("[S II]", 0.2, 0.1)]
    regions = tuple(
        RegionShare(Band(n, 10 * i, 10 * i + 10), g, o, 0.5) for i, (n, g, o) in enumerate(shares)
    )
    told = carried(Saliency("other", 1.0, regions, 0.0, 0.0, 0.5))
    assert "comes mostly from Hα + [N II] (50%, 40%) and [S II] (20%, 10%)" in told
    assert "The two methods disagree in sign on Hβ" in told
