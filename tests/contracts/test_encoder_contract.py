"""One contract, run over every kind of encoder: those of the general rooms, of every domain, and one of no flux."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.encoders import ENCODERS, Encoder, EncoderRecipe, load_encoder, save_encoder
from spectrove.encoders.base import check_shapes
from spectrove.encoders.network_encoder import build_network
from spectrove.encoders.recipe import TABLES, MaskRecipe, NetworkRecipe, PcaRecipe
from spectrove.errors import FingerprintError, RecipeError, Refusal
from spectrove.galaxies.residual.encoder import FEATURES
from spectrove.galaxies.residual.own_lines import MEASURED
from spectrove.galaxies.residual.recipe import SurpriseRecipe
from spectrove.inference.embed import embed
from spectrove.pipeline.domains import DOMAINS
from spectrove.preprocess import Prepared, PreprocessRecipe
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.grid import N_PIXELS, log_wavelength
from spectrove.stars.tokens.encoder import SeenByBp
from spectrove.stars.tokens.infer import StarTokens
from spectrove.stars.tokens.vocabulary import N_BP, NAMES
from spectrove.xray.binned import Binned
from spectrove.xray.vectors.autoencoder import Autoencoder, AutoencoderRecipe
from spectrove.xray.vectors.energies import EnergyCounts
from spectrove.xray.vectors.network import SourceNetwork, SourceNetworkRecipe, own_shapes

PREPROCESS = PreprocessRecipe(n_pixels=120)
RECIPES = {
    "counts": EncoderRecipe(name="small-counts", kind="counts", counts={"version": 3}),
    "star_lines": EncoderRecipe(name="small-stars", kind="star_lines", star_lines={"n_components": 3}),
    "star_tokens": EncoderRecipe(name="small-tokens", kind="star_tokens", star_tokens={"version": 2}),
    "hardness_pca": EncoderRecipe(
        name="small-hardness", kind="hardness_pca", hardness_pca={"n_bins": 8, "n_components": 3}
    ),
    "count_pca": EncoderRecipe(
        name="small-count-pca", kind="count_pca", count_pca={"n_bins": 16, "n_components": 3}
    ),
    "count_autoencoder": EncoderRecipe(
        name="small-autoencoder", kind="count_autoencoder",
        count_autoencoder={"n_bins": 24, "patch": 6, "width": 8, "heads": 2, "n_dimensions": 4},
    ),
    "source_network": EncoderRecipe(
        name="small-sources", kind="source_network",
        source_network={"n_bins": 16, "width": 12, "depth": 2, "decoder_width": 8, "n_dimensions": 5},
    ),
    "pca": EncoderRecipe(name="small-pca", kind="pca", preprocess=PREPROCESS, pca=PcaRecipe(n_components=6)),
    "surprise": EncoderRecipe(
        name="small-surprise", kind="surprise", preprocess=PREPROCESS,
        surprise=SurpriseRecipe(n_components=3, score_groups=2, line_groups=2),
    ),
    "masked_transformer": EncoderRecipe(
        name="small-net", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, width=16, depth=2, heads=2),
    ),
    "masked_transformer with a bottleneck": EncoderRecipe(
        name="small-net", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, width=16, depth=2, heads=2, bottleneck=5),
    ),
    "masked_transformer that joins its places": EncoderRecipe(
        name="small-net", kind="masked_transformer", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, width=16, depth=1, heads=2, bottleneck=5, pooling="places"),
    ),
    "cnn": EncoderRecipe(
        name="small-cnn", kind="cnn", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, channels=(4, 8), bottleneck=5, inputs="flux+valid+ivar",
                              measurements=("ha_ew", "log_nii_ha")),
    ),
    "hybrid": EncoderRecipe(
        name="small-hybrid", kind="hybrid", preprocess=PREPROCESS, mask=MaskRecipe(),
        network=NetworkRecipe(patch=12, stride=12, channels=(4, 8), depth=1, heads=2, bottleneck=5),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Counts:
    """Input that is no flux on a grid: numbers of photons in as many channels as a detector has, and its background."""

    object_id: np.ndarray
    counts: tuple[np.ndarray, ...]
    background: np.ndarray
    fingerprint: str
    coverage: np.ndarray
    flags: tuple[tuple[str, ...], ...]

    def __len__(self):
        return len(self.object_id)

    def take(self, index):
        index = np.flatnonzero(index) if index.dtype == bool else index
        return replace(
            self, object_id=self.object_id[index], counts=tuple(self.counts[i] for i in index),
            background=self.background[index], coverage=self.coverage[index], flags=tuple(self.flags[i] for i in index),
        )  # fmt: skip


class CountsEncoder(Encoder):
    """Photons above the background in halves of the channels; its recipe has a table of its own and no grid."""

    @classmethod
    def complete(cls, recipe):
        return recipe.model_copy(update={"own": {"version": 1, "power": 0.5, **recipe.own}})

    def __init__(self, recipe, weights, **more):
        super().__init__(recipe, weights, **more)
        check_shapes(recipe, self.weights, {"scale": (2,)})

    frame = "observed"
    n_dimensions = 2

    @property
    def preparation(self):
        return f"counts {self.recipe.own['version']}"

    def prepare(self, spectra):
        n = len(spectra)
        counts = tuple(np.asarray(s.flux) for s in spectra)
        made = Counts(
            spectra.object_id,
            counts,
            np.ones(n),
            self.preparation,
            np.tile([1.0, 10.0], (n, 1)),
            (("few",),) * n,
        )
        few = np.array([c.sum() < 1 for c in counts], dtype=bool)
        refusals = [Refusal(i, f"{i}: no photon.") for i in spectra.object_id[few].tolist()]
        return made.take(~few), refusals

    def _vectors(self, batch):
        halves = np.array([[c[: len(c) // 2].sum(), c[len(c) // 2 :].sum()] for c in batch.counts]).reshape(
            -1, 2
        )
        return (
            np.maximum(halves - batch.background[:, None], 0) ** self.recipe.own["power"]
            * self.weights["scale"]
        )


#: Kinds of all domains, and one that no domain has.
KINDS = {name: kind for d in DOMAINS.values() for name, kind in d.kinds.items()} | {
    "counts": lambda: CountsEncoder
}


def prepared(encoder, n=9, seed=0):
    """Input for an encoder, made from n spectra, or made up on the grid of its recipe."""
    rng = np.random.default_rng(seed)
    if encoder.recipe.kind in PREPARED:
        return PREPARED[encoder.recipe.kind](encoder, n, rng)
    preprocess = encoder.preprocess
    flux = rng.normal(0, 1, (n, preprocess.n_pixels)).astype(np.float32)
    ivar = rng.uniform(0.5, 2, flux.shape).astype(np.float32)
    ivar[:, :15] = 0
    flux[ivar == 0] = 0
    return Prepared(
        np.array([f"s{i}" for i in range(n)]), preprocess.wavelength, flux, ivar, ivar > 0, np.full(n, 0.1),
        np.tile(preprocess.wavelength[[15, -1]], (n, 1)), ((),) * n, preprocess.fingerprint, (),
    )  # fmt: skip


def counted(encoder, n, rng):
    """Counts of n spectra of different lengths."""
    if not n:
        return Counts(np.zeros(0, str), (), np.zeros(0), encoder.preparation, np.zeros((0, 2)), ())
    return encoder.prepare(SpectrumSet.from_spectra([photons(f"s{i}", rng, 20 + i) for i in range(n)]))[0]


def photons(name, rng, n_channels, rate=3.0):
    counts = rng.poisson(rate, n_channels).astype(float)
    one = np.ones(n_channels)
    return Spectrum(name, np.linspace(3600, 8800, n_channels), counts, one, 0 * one, np.nan * one, {"z": 0.0})


def binned(encoder, n, rng):
    """Square roots of rates in energy bins, and two hardness ratios, of n X-ray spectra."""
    n_bins = encoder.settings.n_bins
    return Binned(
        np.array([f"s{i}" for i in range(n)], dtype=str), rng.uniform(-1, 1, (n, 2)), rng.uniform(0, 1, (n, n_bins)),
        rng.uniform(1, 2, (n, n_bins)), np.tile([1.8, 25.0], (n, 1)), ((),) * n, encoder.preparation,
    )  # fmt: skip


def in_energies(encoder, n, rng):
    """Counts, background and area in energy bins of n X-ray spectra."""
    shape = n, encoder.settings.n_bins
    return EnergyCounts(
        np.array([f"s{i}" for i in range(n)], dtype=str), rng.poisson(9.0, shape).astype(np.float32),
        rng.uniform(0, 1, shape).astype(np.float32), np.full(n, 0.1, np.float32),
        rng.uniform(1e6, 2e6, shape).astype(np.float32), np.full(n, 1e4, np.float32),
        np.tile([0.5, 7.0], (n, 1)), ((),) * n, encoder.preparation,
    )  # fmt: skip


def at_rest(encoder, n, rng):
    """Lines over the continuum of n stars at rest."""
    lines = rng.normal(0, 0.1, (n, N_PIXELS)).astype(np.float32)
    ends = 10 ** log_wavelength()[[0, -1]]
    return Prepared(
        np.array([f"s{i}" for i in range(n)], dtype=str), 10 ** log_wavelength(), lines, np.full_like(lines, 400),
        np.ones(lines.shape, bool), np.zeros(n), np.tile(ends, (n, 1)), ((),) * n, encoder.preparation, (),
    )  # fmt: skip


def seen_by_bp(encoder, n, rng):
    """Coefficients of Gaia's BP of n stars, on the scale of the network."""
    value, error = np.full((n, len(NAMES)), np.nan), np.full((n, len(NAMES)), np.nan)
    value[:, :N_BP], error[:, :N_BP] = rng.normal(0, 1e-3, (n, N_BP)), 1e-4
    value[:, 0] += 0.13
    return SeenByBp(np.array([f"s{i}" for i in range(n)], dtype=str), value, error, encoder.preparation)


#: Kinds whose input is no flux on a grid: what makes input of n spectra.
PREPARED = {
    "counts": counted,
    "hardness_pca": binned,
    "star_lines": at_rest,
    "star_tokens": seen_by_bp,
} | dict.fromkeys(("count_pca", "count_autoencoder", "source_network"), in_energies)


def make(case):
    rng = np.random.default_rng(3)
    recipe = RECIPES[case]
    if case == "pca":
        axes = np.linalg.qr(rng.normal(size=(120, 6)))[0].T
        weights = {"mean": rng.normal(size=120), "components": axes, "deviation": np.linspace(3, 1, 6)}
    elif case == "surprise":
        weights = surprise_weights(rng)
    elif case == "hardness_pca":
        axes = np.linalg.qr(rng.normal(size=(8, 3)))[0].T
        weights = {"mean": rng.normal(size=8), "components": axes, "deviation": np.linspace(3, 1, 3)}
        weights |= {"ratio_mean": np.zeros(2), "ratio_deviation": np.ones(2)}
    elif case in ("count_pca", "count_autoencoder", "source_network"):
        weights = energy_weights(case, KINDS[case]().complete(recipe), rng)
    elif case == "star_lines":
        axes = np.linalg.qr(rng.normal(size=(N_PIXELS, 3)))[0].T
        weights = {"mean": np.zeros(N_PIXELS), "components": axes, "deviation": np.linspace(3, 1, 3)}
    elif case == "star_tokens":
        n = StarTokens.load().network.recipe.width
        weights = {"mean": rng.normal(size=n), "deviation": rng.uniform(1, 2, n)}
    elif case == "counts":
        weights = {"scale": np.array([1.0, 2.0])}
    else:
        torch.manual_seed(3)
        module = build_network(recipe)
        weights = {n: t.numpy() for n, t in module.state_dict().items()}
        weights |= {
            "float32.whiten_mean": np.zeros(module.n_dimensions, np.float32),
            "float32.whiten_axes": np.eye(module.n_dimensions, dtype=np.float32),
        }
        for part in ("centre", "scale") if recipe.network.measurements else ():
            weights[f"float32.measure_{part}"] = np.ones(len(recipe.network.measurements), np.float32)
    kind = ENCODERS.get(recipe.kind) or KINDS[recipe.kind]()
    return kind(recipe, weights, training_ids=frozenset({"t1", "t2"}))


def energy_weights(kind, recipe, rng):
    """Random weights of the kinds that read counts in energy bins."""
    if kind == "count_pca":
        axes = np.linalg.qr(rng.normal(size=(16, 3)))[0].T
        return {"mean": rng.normal(size=16), "components": axes, "deviation": np.linspace(3, 1, 3)}
    torch.manual_seed(3)
    if kind == "count_autoencoder":
        module: torch.nn.Module = Autoencoder(AutoencoderRecipe.model_validate(recipe.own))
        return {n: t.numpy() for n, t in module.state_dict().items()}
    settings = SourceNetworkRecipe.model_validate(recipe.own)
    weights = {n: t.numpy() for n, t in SourceNetwork(settings).state_dict().items()}
    return weights | {n: rng.uniform(1, 2, shape) for n, shape in own_shapes(settings).items()}


def surprise_weights(rng):
    weights = {"mean": np.ones(120), "components": rng.normal(size=(3, 120)), "noise": np.ones(120)}
    weights |= {"band": np.array([-1.0, 0.0, 1.0])[:, None] * np.ones(len(FEATURES))}
    for name, d in (("score", 3), ("line", len(MEASURED))):
        weights[f"float32.{name}_mean"] = rng.normal(size=(2, d))
        weights[f"float32.{name}_covariance"] = np.tile(np.eye(d), (2, 1, 1))
    return weights


@pytest.fixture(params=sorted(RECIPES))
def encoder(request):
    return make(request.param)


def test_every_kind_is_in_this_test():
    assert {r.kind for r in RECIPES.values()} == {*ENCODERS, *KINDS}
    assert TABLES.keys() == ENCODERS.keys()


def test_a_vector_per_spectrum_with_its_id_and_fingerprint(encoder):
    embeddings = encoder.encode(prepared(encoder))
    assert embeddings.vectors.shape == (9, encoder.n_dimensions)
    assert embeddings.vectors.dtype == np.float32
    assert np.isfinite(embeddings.vectors).all()
    assert embeddings.object_id.tolist() == [f"s{i}" for i in range(9)]
    assert embeddings.fingerprint == encoder.fingerprint


def test_company_and_batch_size_do_not_matter(encoder):
    whole = encoder.encode(prepared(encoder)).vectors
    encoder.batch_size = 2
    assert_allclose(encoder.encode(prepared(encoder)).vectors, whole, atol=1e-5)
    assert_allclose(encoder.encode(prepared(encoder).take(np.array([7]))).vectors[0], whole[7], atol=1e-5)


def test_values_behind_the_mask_do_not_matter(encoder):
    if encoder.recipe.kind in PREPARED:
        pytest.skip("not flux on a grid")
    clean = prepared(encoder)
    spoiled = prepared(encoder)
    spoiled.flux[:, :15] = 1e3
    assert_allclose(encoder.encode(spoiled).vectors, encoder.encode(clean).vectors, atol=1e-5)


def test_no_spectra_give_no_vectors(encoder):
    assert encoder.encode(prepared(encoder, 0)).vectors.shape == (0, encoder.n_dimensions)


def test_a_saved_encoder_is_the_same_encoder(encoder, tmp_path):
    again = load_encoder(save_encoder(encoder, tmp_path / "e"), kinds=KINDS)
    assert again.fingerprint == encoder.fingerprint
    assert again.training_ids == {"t1", "t2"}
    assert_array_equal(again.encode(prepared(encoder)).vectors, encoder.encode(prepared(encoder)).vectors)


def test_a_moved_encoder_keeps_its_fingerprint(encoder, tmp_path):
    first = load_encoder(save_encoder(encoder, tmp_path / "here"), kinds=KINDS)
    second = load_encoder(save_encoder(encoder, tmp_path / "there"), kinds=KINDS)
    assert first.fingerprint == second.fingerprint


def test_spectra_of_another_preparation_are_refused(encoder):
    others = replace(prepared(encoder), fingerprint="another")
    with pytest.raises(FingerprintError, match="prepared with recipe another, expected"):
        encoder.encode(others)


def test_a_damaged_file_is_named(encoder, tmp_path):
    folder = save_encoder(encoder, tmp_path / "e")
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(RecipeError, match="damaged file"):
        load_encoder(folder, kinds=KINDS)


def test_weights_of_another_shape_are_refused(encoder):
    weights = {name: array[..., :-1] for name, array in encoder.weights.items() if array.ndim}
    with pytest.raises(RecipeError, match="do not fit the recipe"):
        type(encoder)(encoder.recipe, weights)


def test_a_spectrum_that_is_refused_has_no_vector_and_a_reason():
    """What general code asks of any input: ids, flags, coverage, and to be taken from."""
    rng = np.random.default_rng(0)
    spectra = SpectrumSet.from_spectra([photons("dark", rng, 12, rate=0), photons("bright", rng, 30)])
    embedded = embed(spectra, make("counts"))
    assert embedded.embeddings.object_id.tolist() == ["bright"]
    assert [r.name for r in embedded.refusals] == ["dark"]
    assert embedded.spectra.column("flags") == [["few"]]
    assert_array_equal(embedded.embeddings.coverage, [[1, 10]])


def test_an_encoder_without_a_grid_says_so():
    with pytest.raises(RecipeError, match="kind counts prepares its own input"):
        _ = make("counts").preprocess


def test_the_own_table_is_part_of_what_a_vector_depends_on():
    """Unless the kind says otherwise, as the residual view does."""
    other = EncoderRecipe(name="small-counts", kind="counts", counts={"version": 3, "power": 1.0})
    assert CountsEncoder(other, make("counts").weights).fingerprint != make("counts").fingerprint


def test_bf16_finds_the_same_neighbours():
    """Number format is provenance: the three nearest stay the three nearest."""
    encoder = make("masked_transformer")
    full = encoder.encode(prepared(encoder, 60)).vectors
    encoder.compute_dtype = torch.bfloat16
    half = encoder.encode(prepared(encoder, 60)).vectors

    def nearest(vectors):
        d = np.linalg.norm(vectors[:, None] - vectors[None], axis=2) + 1e9 * np.eye(60)
        return [set(row[:3]) for row in d.argsort(axis=1)]

    shared = np.mean([len(a & b) / 3 for a, b in zip(nearest(full), nearest(half), strict=True)])
    assert shared > 0.9


def test_no_such_encoder_lists_those_there_are():
    with pytest.raises(RecipeError, match="no such encoder"):
        load_encoder("nonesuch")
