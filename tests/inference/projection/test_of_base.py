"""The map of a base: of its vectors alone, made once, kept with it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.embeddings import Embeddings
from spectrove.errors import FingerprintError, KnowledgeError
from spectrove.inference.projection import of_base, placing
from spectrove.inference.projection.of_base import is_made, map_of, placed
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import Source
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.work import listening

PRINT = "0123456789abcdef"


def made_of(vectors, names):
    cover = np.tile([3700.0, 8700.0], (len(names), 1))
    return Embeddings(np.asarray(vectors, np.float32), np.array(names), PRINT, cover)


def spectra_of(names, kinds):
    pixels = 4000.0 + np.arange(5), np.ones(5, "f4"), np.ones(5, "f4"), np.zeros(5, "i4"), np.ones(5, "f4")
    return SpectrumSet.from_spectra(
        [Spectrum(n, *pixels, {"z": 0.1, "kind": k}) for n, k in zip(names, kinds, strict=True)]
    )


def vectors_of(n, seed=1):
    rng = np.random.default_rng(seed)
    middles = np.random.default_rng(0).normal(0, 10, (3, 12))
    return middles[np.arange(n) % 3] + rng.normal(0, 1, (n, 12))


def a_base(path, n=45, kinds="abc"):
    names = [f"o{i:03d}" for i in range(n)]
    spectra = spectra_of(names, [kinds[i % 3] for i in range(n)])
    return KnowledgeBase.create(path, spectra, {"shape": made_of(vectors_of(n), names)}, encoder="made-up")


@pytest.fixture
def base(tmp_path):
    return a_base(tmp_path / "a.kb")


@pytest.fixture
def no_layout(monkeypatch):
    """From here on nothing is laid out any more."""

    def forbidden(*_):
        raise AssertionError("laid out again")

    return lambda: monkeypatch.setattr(of_base, "layout", forbidden)


def test_it_is_made_once_and_read_by_the_next_session(base, no_layout):
    assert not is_made(base)
    first = map_of(base)
    no_layout()
    again = KnowledgeBase.open(base.path)
    assert is_made(again)
    second = map_of(again)
    assert_array_equal(second.places, first.places)
    assert_array_equal(second.object_id, first.object_id)
    assert (second.radius, second.limit) == (first.radius, first.limit)


def test_a_joined_column_leaves_it_and_a_new_object_makes_it_anew(base, no_layout):
    map_of(base)
    base.add_columns(pa.table({"object_id": ["o001"], "seen": ["yes"]}), Source("me"))
    assert is_made(base)
    base.add(spectra_of(["new"], ["a"]), {"shape": made_of(vectors_of(1), ["new"])})
    assert not is_made(base)
    assert map_of(base).position("new") is not None
    no_layout()
    assert len(map_of(base)) == 46


def test_it_reads_no_class(tmp_path):
    """Equal vectors under other classes give the same map."""
    one, other = a_base(tmp_path / "a.kb"), a_base(tmp_path / "b.kb", kinds="xxy")
    assert_array_equal(map_of(one).places, map_of(other).places)


def test_objects_beyond_the_sample_lie_with_their_kind(base, monkeypatch):
    monkeypatch.setattr(of_base, "SAMPLE", 24)
    made = map_of(base)
    assert len(made) == 45
    assert len(made.sample) == 24
    kind = np.array([int(name[1:]) % 3 for name in made.object_id])
    apart = ((made.places[:, None] - made.places[None]) ** 2).sum(2) + 1e9 * np.eye(45)
    assert (kind[apart.argmin(1)] == kind).all()


def test_an_interruption_while_others_are_placed_keeps_the_layout(base, monkeypatch, no_layout):
    monkeypatch.setattr(of_base, "SAMPLE", 24)

    def interrupt(work):
        if work.doing.startswith("placing"):
            raise KeyboardInterrupt

    with listening(interrupt), pytest.raises(KeyboardInterrupt):
        map_of(base)
    assert not is_made(base)
    no_layout()
    assert len(map_of(KnowledgeBase.open(base.path))) == 45


def test_its_progress_is_told_and_ends_where_it_is_stopped(base):
    told = []

    class Stop(BaseException):
        pass

    def listen(work):
        told.append(work.doing)
        if work.doing.startswith("laying out") and work.done > 3:
            raise Stop

    with listening(listen), pytest.raises(Stop):
        map_of(base)
    assert told[0] == "making the map of the view shape, 45 objects, once for version 1 of a.kb"
    assert not is_made(base)


def test_a_query_lies_with_its_kind_by_its_vector_alone(base):
    made = map_of(base)
    query = made_of(vectors_of(3, seed=9), ["q0", "q1", "q2"])
    found = placed(base, made, query)
    kind = np.array([int(name[1:]) % 3 for name in made.object_id])
    apart = ((made.places[:, None] - found.places[None]) ** 2).sum(2)
    assert kind[apart.argmin(0)].tolist() == [0, 1, 2]
    one = placed(base, made, query.take(np.array([1])))
    assert_allclose(one.places[0], found.places[1], atol=1e-5)


def test_a_query_far_from_everything_says_so(base):
    far = placed(base, map_of(base), made_of(np.full((1, 12), 300.0), ["far"]))
    assert far.far[0]
    near = placed(base, map_of(base), made_of(vectors_of(1, seed=5), ["near"]))
    assert not near.far[0]


def test_vectors_of_another_encoder_and_views_that_are_not_there_are_refused(base):
    made = map_of(base)
    other = Embeddings(np.zeros((1, 12), np.float32), np.array(["q"]), "f" * 16, np.array([[3700.0, 8700.0]]))
    with pytest.raises(FingerprintError, match=f"expected|{PRINT}"):
        placed(base, made, other)
    with pytest.raises(KnowledgeError, match="no view"):
        map_of(base, "nowhere")


def test_ids_of_any_length_and_script_are_kept(tmp_path):
    names = ["a", "α Centauri", "x" * 40, "Ω", "z"]
    base = KnowledgeBase.create(
        tmp_path / "a.kb", spectra_of(names, "abcab"), {"shape": made_of(vectors_of(5), names)}, encoder="e"
    )
    first = map_of(base)
    again = map_of(KnowledgeBase.open(base.path))
    assert again.object_id.tolist() == sorted(names)
    assert [again.position(name) for name in sorted(names)] == [0, 1, 2, 3, 4]
    assert again.position("y" * 99) is None
    assert_array_equal(first.places, again.places)


def test_a_sample_in_lists_places_others_as_comparing_all_does(tmp_path, monkeypatch):
    """Also where a list holds fewer objects than are asked for."""
    monkeypatch.setattr(of_base, "SAMPLE", 24)
    whole = map_of(a_base(tmp_path / "a.kb"))
    monkeypatch.setattr(of_base, "IN_LISTS", 1)
    monkeypatch.setattr(placing, "LISTS", 4)
    monkeypatch.setattr(placing, "LOOKED_IN", 1)
    listed = map_of(a_base(tmp_path / "b.kb"))
    apart = np.sqrt(((whole.places - listed.places) ** 2).sum(1))
    assert np.median(apart) < 0.05
    assert apart.max() < 1


def test_placing_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    """Kept after each eight objects: what was placed is not placed again, and the map is that of one run."""
    monkeypatch.setattr(of_base, "SAMPLE", 13)
    monkeypatch.setattr(of_base, "AT_ONCE", 4)
    monkeypatch.setattr(of_base, "KEPT_AT_ONCE", 8)
    whole = map_of(a_base(tmp_path / "a.kb"))
    others = len(whole) - 13
    real, times = of_base.place, []

    def counting(*given, **options):
        if len(times) == 5:
            raise KeyboardInterrupt
        times.append(len(given[3]))
        return real(*given, **options)

    monkeypatch.setattr(of_base, "place", counting)
    base = a_base(tmp_path / "b.kb")
    with pytest.raises(KeyboardInterrupt):
        map_of(base)
    assert not is_made(base)
    assert len(base.files.names("maps")) == 2  # the layout, and what is placed
    placed_before, again = sum(times), KnowledgeBase.open(base.path)
    times.clear()
    monkeypatch.setattr(
        of_base, "place", lambda *given, **options: times.append(len(given[3])) or real(*given, **options)
    )
    made = map_of(again)
    assert placed_before == 20
    assert sum(times) == others - 16  # of the last four nothing was kept
    assert made.object_id.tolist() == whole.object_id.tolist()
    assert_array_equal(made.places, whole.places)
    assert (made.radius, made.limit) == (whole.radius, whole.limit)
    assert len(base.files.names("maps")) == 2  # the layout, and the map
    assert is_made(KnowledgeBase.open(base.path))


def test_what_is_kept_of_another_version_is_not_gone_on_with(tmp_path, monkeypatch):
    """An object that was removed meanwhile: everything is placed anew."""
    monkeypatch.setattr(of_base, "SAMPLE", 13)
    monkeypatch.setattr(of_base, "AT_ONCE", 4)
    monkeypatch.setattr(of_base, "KEPT_AT_ONCE", 4)
    base, real, times = a_base(tmp_path / "a.kb"), of_base.place, []

    def placing_some(*given, **options):
        times.append(len(given[3]))
        if len(times) == 3:
            raise KeyboardInterrupt
        return real(*given, **options)

    monkeypatch.setattr(of_base, "place", placing_some)
    with pytest.raises(KeyboardInterrupt):
        map_of(base)
    base.delete(f"object_id = '{base.some_ids(1)[0]}'")
    times.clear()
    times += [0, 0, 0]
    made = map_of(base)
    assert sum(times) == len(made) - 13
