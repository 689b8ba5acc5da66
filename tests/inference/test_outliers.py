"""P-values mean what they say, and what is planted in a spectrum is the reason that is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from spectrove import pipeline
from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.galaxies.domain import OUTLIER_VIEWS as VIEWS
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.galaxies.oddities.reasons import REASONS
from spectrove.galaxies.stellar import stellar_basis
from spectrove.inference.outlier_score import Reference, log_distances
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Spectrum, SpectrumSet

N, DIMENSIONS = 400, 6


def points(ids, seed, shift=0.0):
    """Vectors in both views, of the same objects."""
    rng = np.random.default_rng(seed)
    made = {}
    for view in VIEWS:
        vectors = (rng.normal(size=(len(ids), DIMENSIONS)) + shift).astype(np.float32)
        made[view] = Embeddings(vectors, np.array(ids), f"of {view}", np.tile([4e3, 8e3], (len(ids), 1)))
    return made


def without_light(ids, plates):
    pixels = (np.arange(3) + 4000.0, *(np.ones(3, kind) for kind in ("f4", "f4", "i4", "f4")))
    rows = [{"plate": int(plate), "ra": 0.1 * i, "dec": 0.0} for i, plate in enumerate(plates)]
    return SpectrumSet.from_spectra(
        [Spectrum(name, *pixels, row=row) for name, row in zip(ids, rows, strict=True)]
    )


@pytest.fixture(scope="module")
def cloud():
    """A base of points around 0, ten to a plate."""
    ids = [f"o{i:04d}" for i in range(N)]
    return KnowledgeBase.in_memory(without_light(ids, np.arange(N) // 10), points(ids, 1), encoder="")


def p_values(base, vectors, ids):
    reference = pipeline.outlier_reference(base)
    distance = {view: log_distances(base, view, vectors[view], None) for view in VIEWS}
    scores = reference.score(distance)
    return np.array([reference.p_value(s, tuple(VIEWS), name) for s, name in zip(scores, ids, strict=True)])


def test_p_values_are_uniform_when_nothing_is_odd(cloud):
    """2000 queries like the base: as many at or below each level as the level says, within three sigma of both."""
    ids = [f"q{i:04d}" for i in range(2000)]
    p = p_values(cloud, points(ids, 2), ids)
    for level in (0.01, 0.05, 0.1, 0.5, 0.9):
        spread = np.sqrt(level * (1 - level) * (1 / N + 1 / len(p)))
        assert abs((p <= level).mean() - level) < 3 * spread + 1 / N


def test_the_bases_own_objects_have_uniform_p_values_too(cloud):
    """None is its own neighbour, nor is it ranked against itself."""
    ids = cloud.embeddings().object_id.tolist()
    p = p_values(cloud, {view: cloud.embeddings(view) for view in VIEWS}, ids)
    for level in (0.05, 0.5):
        assert binom.sf((p <= level).sum(), N, level) > 1e-3
        assert binom.cdf((p <= level).sum(), N, level) > 1e-3


def test_a_few_odd_objects_in_the_base_raise_no_false_alarms_and_hide_none_of_other_kinds(cloud):
    """2% of the base lie far off in different directions: alarms stay rare, and what is farther is found."""
    ids = [f"o{i:04d}" for i in range(N)]
    views = points(ids, 1)
    for view in VIEWS:
        views[view].vectors[:8] += 12 * np.eye(8, DIMENSIONS, dtype=np.float32)
    base = KnowledgeBase.in_memory(without_light(ids, np.arange(N) // 10), views, encoder="")
    names = [f"q{i:04d}" for i in range(500)]
    assert (p_values(base, points(names, 2), names) <= 0.01).mean() < 0.02
    assert (p_values(base, points(names, 3, shift=30.0), names) <= 0.01).all()


def test_what_was_measured_is_kept_with_the_base_until_it_changes(cloud, tmp_path):
    ids = [f"o{i:04d}" for i in range(30)]
    base = KnowledgeBase.create(
        tmp_path / "x.kb", without_light(ids, np.arange(30)), points(ids, 5), encoder=""
    )
    first = pipeline.outlier_reference(base)
    again = pipeline.outlier_reference(KnowledgeBase.open(base.path))
    assert again.object_id.tolist() == first.object_id.tolist()
    assert all(np.array_equal(again.log_distance[view], first.log_distance[view]) for view in VIEWS)
    base.delete("object_id = 'o0003'")
    assert "o0003" not in pipeline.outlier_reference(base).object_id
    assert len(list((base.path / "outliers").glob("*.safetensors"))) == 1


def test_a_base_without_the_residual_view_says_what_to_do():
    ids = [f"o{i:04d}" for i in range(5)]
    views = {"shape": points(ids, 1)["shape"]}
    base = KnowledgeBase.in_memory(without_light(ids, range(5)), views, encoder="")
    with pytest.raises(KnowledgeError, match="kb reencode"):
        pipeline.outlier_reference(base)


def test_the_p_value_counts_the_query_itself():
    """Farther than all nine objects: one in ten; nearer than all: 1."""
    distance = {view: np.log(np.arange(1.0, 10.0)) for view in VIEWS}
    reference = Reference(np.array([f"o{i}" for i in range(9)]), distance, VIEWS)
    far, near = reference.score({view: np.log([20.0, 0.5]) for view in VIEWS})
    assert reference.p_value(far, tuple(VIEWS)) == pytest.approx(0.1)
    assert reference.p_value(near, tuple(VIEWS)) == pytest.approx(1.0)


# --- reasons, by the whole path -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def survey():
    recipe = load_recipe("train")
    return make_survey(40, recipe=recipe.model_copy(update={"shares": {"red": 0.5, "SF": 0.5}}), seed=1234)


@pytest.fixture(scope="module")
def base(survey):
    return pipeline.create("memory://base", [survey.take(range(30))], "pca")[0]


@pytest.fixture(scope="module")
def host(survey):
    """The query with the best signal."""
    queries = [survey[i] for i in range(30, 40)]
    return max(queries, key=lambda s: float(np.median(s.flux * np.sqrt(s.ivar))))


def asked(base, *spectra):
    return pipeline.outliers(base, SpectrumSet.from_spectra(list(spectra)), explained=1.0)


def lit(host, flux):
    """The host with other flux where it was observed."""
    return replace(host, flux=np.where(host.good, flux, host.flux).astype(np.float32))


def stepped(host):
    return lit(host, host.flux * np.where(host.wavelength > 6200, 1.4, 1.0))


def starlit(host):
    own, templates, names = stellar_basis()
    star = np.interp(host.wavelength, own, templates[names.index("Z+0.06_T00.2000")])
    return lit(host, host.flux + np.median(host.flux[host.good]) * star)


def spiked(host):
    """Four pixels far above the noise, at rest 5400 angstrom, where galaxies have no line."""
    at = int(np.searchsorted(host.wavelength, 5400 * (1 + host.z)))
    noise = 1 / np.sqrt(np.median(host.ivar[host.good]))
    flux = host.flux.copy()
    flux[at : at + 4] += np.array([12, 14, 14, 12], np.float32) * noise
    return lit(host, flux)


def misplaced(host):
    return replace(host, row=host.row | {"z": host.z + 0.07})


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (stepped, "artefact: calibration"),
        (starlit, "blend or second redshift"),
        (spiked, "artefact: cosmic ray"),
        (misplaced, "wrong redshift"),
    ],
)
def test_what_is_planted_is_the_reason(base, host, plant, reason):
    (answer,) = asked(base, plant(host))
    assert answer.reason == reason, answer.why
    assert answer.why.endswith(".")


def test_the_host_itself_has_none_of_these_reasons(base, host):
    (answer,) = asked(base, host)
    assert answer.reason in REASONS
    assert answer.reason not in ("wrong redshift", "artefact: calibration", "artefact: cosmic ray")


def test_regions_hold_what_was_planted_in_the_observed_frame(base, host):
    (answer,) = asked(base, spiked(host))
    place = 5400 * (1 + host.z)
    assert any(low - 3 < place < high + 3 for low, high in answer.regions)
    assert all(low < high for low, high in answer.regions)


def test_a_mostly_masked_spectrum_is_said_to_be_so(base, host):
    mask = host.mask.copy()
    mask[: int(0.6 * len(mask))] |= 2
    (answer,) = asked(base, replace(host, mask=mask))
    assert answer.reason == "artefact: masked"


def test_the_same_query_has_the_same_answer_alone_or_among_others(base, survey, host):
    alone = asked(base, stepped(host))[0].to_dict()
    others = [survey[i] for i in range(30, 40) if survey[i].object_id != host.object_id]
    among = asked(base, *others[:4], stepped(host), *others[4:])[4].to_dict()
    assert asked(base, stepped(host))[0].to_dict() == alone
    assert among | {"score": 0.0} == alone | {"score": 0.0}
    assert among["score"] == pytest.approx(alone["score"], abs=2e-5)


def test_the_catalog_is_never_read(base, host):
    """Only the redshift and the place in the sky are left, then lies besides: the same answer to the last bit."""
    bare = {key: host.row[key] for key in ("z", "ra", "dec")}
    lies = bare | {"class": "STAR", "outlier": "outlier", "outlier_kind": "dust", "plate": 1, "zwarning": 4}
    expected = asked(base, stepped(host))[0].to_dict()
    for row in (bare, lies):
        assert asked(base, replace(stepped(host), row=row))[0].to_dict() == expected


def test_ordinary_queries_are_called_ordinary_and_cost_no_reasons(base, host):
    (answer,) = pipeline.outliers(base, SpectrumSet.from_spectra([host]), explained=0.0)
    assert answer.reason == "ordinary"
    assert answer.regions == ()
    assert "small_base" in answer.flags  # 30 objects cannot make a p-value of 0.01


def test_a_spectrum_without_redshift_is_refused_by_name(base, host):
    nowhere = replace(host, object_id="nowhere", row=host.row | {"z": None})
    found = pipeline.outliers(base, SpectrumSet.from_spectra([host, nowhere]))
    assert [a.object_id for a in found] == [host.object_id]
    assert [r.name for r in found.refusals] == ["nowhere"]
    assert "redshift" in found.refusals[0].error


def test_what_only_the_residual_view_reaches_still_has_a_score(base, host):
    """A galaxy that is said to be at redshift 1.5: the shape view refuses it, the other scores it."""
    (answer,) = asked(base, replace(host, row=host.row | {"z": 1.5}))
    assert answer.views == ("surprise",)
    assert "one_view" in answer.flags
    assert np.isfinite(answer.score)
    assert 0 < answer.p_value <= 1
    assert answer.reason in ("unlike anything", "wrong redshift")
