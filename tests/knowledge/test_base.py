"""What a base keeps, refuses and brings back."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectrove.embeddings import Embeddings
from spectrove.errors import FingerprintError, KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import PIXEL_COLUMNS


def same_pixels(a, b):
    return all(np.array_equal(getattr(a, n), getattr(b, n), equal_nan=n == "lsf") for n in PIXEL_COLUMNS)


def test_spectra_and_catalog_values_come_back_as_they_went_in(base, ids, make_spectra):
    """In the order asked for, from a base opened anew."""
    spectra = make_spectra(ids)
    wanted = [ids[7], ids[0], ids[31]]
    back = KnowledgeBase.open(base.path).spectra(wanted)
    assert list(back.object_id) == wanted
    for got, position in zip(back, (7, 0, 31), strict=True):
        assert same_pixels(got, spectra[position])
        assert {k: v for k, v in got.row.items() if k != "labels"} == spectra[position].row


def test_vectors_come_back_with_their_fingerprint(base, ids, make_vectors):
    back = base.embeddings()
    expected = make_vectors(ids)
    order = np.argsort(ids)
    assert np.array_equal(back.vectors, expected.vectors[order])
    assert (back.fingerprint, base.fingerprints) == (expected.fingerprint, {"shape": expected.fingerprint})


def test_labels_keep_their_source_and_version(tmp_path, ids, make_spectra, make_vectors):
    said = [{"name": "class_derived", "value": "SF", "source": "lines", "version": "2"}]
    spectra = make_spectra(ids)
    kind = pa.list_(pa.struct([(n, pa.string()) for n in ("source", "name", "value", "version")]))
    rows = spectra.rows.append_column("labels", pa.array([said] * len(ids), kind))
    base = KnowledgeBase.create(
        tmp_path / "x.kb", spectra.with_rows(rows), {"shape": make_vectors(ids)}, encoder=""
    )
    assert base.rows(columns=["labels"]).column("labels")[3].as_py() == said
    assert set(base.info()["labels"]) == {"class_derived"}  # what a source called a label, and nothing else


def test_sky_pixels_are_those_of_astropy_healpix(base):
    """Order 29, nested, by the other interface of the library (which looks the pixels up on its own grid)."""
    import astropy.units as u
    from astropy_healpix import HEALPix

    rows = base.rows(columns=["ra", "dec", "healpix29"])
    grid = HEALPix(nside=2**29, order="nested")
    expected = grid.lonlat_to_healpix(rows["ra"].to_numpy() * u.deg, rows["dec"].to_numpy() * u.deg)
    assert np.array_equal(rows["healpix29"].to_numpy(), expected)


def test_impossible_positions_have_no_sky_pixel(tmp_path, make_spectra, make_vectors):
    spectra = make_spectra(["a", "b", "c"], ra=[10.0, 30.0, None], dec=[20.0, -9999.0, 5.0])
    base = KnowledgeBase.create(
        tmp_path / "x.kb", spectra, {"shape": make_vectors(["a", "b", "c"])}, encoder=""
    )
    pixels = {r["object_id"]: r["healpix29"] for r in base.rows(columns=["healpix29"]).to_pylist()}
    assert pixels["a"] is not None
    assert pixels["b"] is None
    assert pixels["c"] is None


def test_conditions_see_every_catalog_column(base):
    assert base.count("split = 'train' AND class_derived = 'LINER'") == 4
    assert base.count("z > 0.1195 AND plate = 1003") == 5
    assert base.count("array_has(flags, 'lsf_unknown')") == len(base)


@pytest.mark.parametrize("condition", ["clas = 'SF'", "z >", "z > 'far'", "DROP TABLE objects"])
def test_a_wrong_condition_is_answered_with_what_is_wrong_in_it(base, condition):
    for action in (base.count, base.delete, lambda w: base.rows(w)):
        with pytest.raises(
            KnowledgeError, match=r"cannot be used \(.*\)\. kb info lists the columns"
        ) as caught:
            action(condition)
        assert ".rs:" not in str(caught.value)
    assert base.count() == 40


def test_an_unknown_column_is_answered_with_the_nearest_and_not_with_all(base):
    with pytest.raises(
        KnowledgeError, match=r"No field named class_drived; did you mean class_derived\?"
    ) as caught:
        base.count("class_drived = 'SF'")
    assert "healpix29" not in str(caught.value)


def test_an_id_that_is_there_is_named_and_upsert_advised(base, ids, make_spectra, make_vectors):
    new = ["new", ids[3]]
    with pytest.raises(KnowledgeError, match=rf"{ids[3]}.*1 of 2.*upsert"):
        base.add(make_spectra(new), {"shape": make_vectors(new)})
    assert base.count() == 40


def test_an_id_twice_in_one_batch_is_named(base, make_spectra, make_vectors):
    twice = ["new", "other", "new"]
    for action in (base.add, base.upsert):
        with pytest.raises(KnowledgeError, match="new occurs 2 times"):
            action(make_spectra(twice), {"shape": make_vectors(twice)})


def test_new_columns_are_null_for_the_objects_before(base, make_spectra, make_vectors):
    base.add(make_spectra(["x"], lens=["lens"], theta=[1.5]), {"shape": make_vectors(["x"])})
    assert base.count("lens = 'lens' AND theta > 1") == 1
    assert base.count("lens IS NULL") == 40


def test_columns_that_a_batch_lacks_become_null(base, make_spectra, make_vectors):
    spectra = make_spectra(["x"])
    base.add(
        spectra.with_rows(spectra.rows.drop_columns(["plate", "class_derived"])),
        {"shape": make_vectors(["x"])},
    )
    row = base.rows("object_id = 'x'").to_pylist()[0]
    assert row["plate"] is None
    assert row["class_derived"] is None


def test_a_column_of_another_type_is_cast_where_no_value_changes(base, make_spectra, make_vectors):
    base.add(make_spectra(["x"], plate=[1445.0]), {"shape": make_vectors(["x"])})
    assert base.count("plate = 1445") == 1
    with pytest.raises(KnowledgeError, match=r"column plate: found double, expected int64"):
        base.add(make_spectra(["y"], plate=[1445.5]), {"shape": make_vectors(["y"])})
    with pytest.raises(KnowledgeError, match="column plate: found string"):
        base.add(make_spectra(["y"], plate=["none"]), {"shape": make_vectors(["y"])})
    assert base.count() == 41


def test_columns_without_any_value_wait_until_one_comes(tmp_path, make_spectra, make_vectors):
    spectra = make_spectra(["a"], lens=[None])
    base = KnowledgeBase.create(tmp_path / "x.kb", spectra, {"shape": make_vectors(["a"])}, encoder="")
    assert "lens" not in base.columns
    base.add(make_spectra(["b"], lens=["lens"]), {"shape": make_vectors(["b"])})
    assert base.label_values("lens") == {"lens": 1}


@pytest.mark.parametrize("name", ["healpix29", "spectrum_key", "vector_shape", "coverage_x", "a.b"])
def test_a_catalog_may_not_bring_a_column_the_base_makes(tmp_path, make_spectra, make_vectors, name):
    with pytest.raises(KnowledgeError, match=name):
        KnowledgeBase.create(
            tmp_path / "x.kb", make_spectra(["a"], **{name: [1]}), {"shape": make_vectors(["a"])}, encoder=""
        )
    assert not (tmp_path / "x.kb").exists()


def test_another_encoders_vectors_are_refused_by_every_door(base, make_spectra, make_vectors):
    foreign = make_vectors(["x"], fingerprint="ffffffffffffffff")
    for action in (base.add, base.upsert):
        with pytest.raises(FingerprintError, match=r"0123456789abcdef.*ffffffffffffffff.*Encode with"):
            action(make_spectra(["x"]), {"shape": foreign})
    with pytest.raises(FingerprintError, match=r"0123456789abcdef.*ffffffffffffffff.*Encode with"):
        base.search(foreign, 3)
    assert base.count() == 40


def test_vectors_that_do_not_fit_are_refused(base, make_spectra, make_vectors):
    with pytest.raises(KnowledgeError, match="6 dimensions, these vectors 5"):
        base.search(make_vectors(["x"], dimensions=5), 3)
    with pytest.raises(KnowledgeError, match="has the views shape, found texture"):
        base.add(make_spectra(["x"]), {"texture": make_vectors(["x"])})
    with pytest.raises(KnowledgeError, match="no view 'texture'"):
        base.search(make_vectors(["x"]), 3, view="texture")
    bad = make_vectors(["x"])
    bad.vectors[0, 2] = np.nan
    with pytest.raises(KnowledgeError, match="x holds NaN"):
        base.add(make_spectra(["x"]), {"shape": bad})
    with pytest.raises(KnowledgeError, match="x: its vector holds NaN"):
        base.search(bad, 3)
    with pytest.raises(KnowledgeError, match="belong to none of the spectra"):
        base.add(make_spectra(["x"]), {"shape": make_vectors(["stranger"])})


def test_a_spectrum_without_a_vector_is_kept_and_never_found(base, ids, make_spectra, make_vectors):
    base.add(make_spectra(["mute", "loud"]), {"shape": make_vectors(["loud"])})
    assert base.count() == 42
    found = base.search(make_vectors(["q"]), 42)
    assert "mute" not in found.object_id
    assert "loud" in found.object_id
    assert base.info()["views"]["shape"]["rows"] == 41


def test_vectors_are_matched_by_id_not_by_order(tmp_path, ids, make_spectra, make_vectors):
    vectors = make_vectors(ids)
    base = KnowledgeBase.create(
        tmp_path / "x.kb", make_spectra(ids), {"shape": vectors.take(np.arange(40)[::-1])}, encoder=""
    )
    assert np.array_equal(base.embeddings().vectors, vectors.vectors)


def test_upsert_replaces_the_whole_row_and_its_spectrum(base, ids, make_spectra, make_vectors):
    new = make_spectra([ids[0], "extra"], seed=9, class_derived=["Seyfert2-like", "SF"])
    vectors = make_vectors([ids[0], "extra"], seed=9)
    assert base.upsert(new, {"shape": vectors}) == (1, 1)
    assert base.count() == 41
    assert same_pixels(base.spectra([ids[0]])[0], new[0])
    assert base.count(f"object_id = '{ids[0]}' AND class_derived = 'Seyfert2-like'") == 1
    assert base.search(vectors, 1, allow_self=True).distance.tolist() == [[0.0], [0.0]]


def test_rollback_brings_back_rows_vectors_and_spectra(base, ids, make_spectra, make_vectors):
    """After an upsert and a deletion, and the rollback itself can be rolled back."""
    before = base.version
    old_vectors, old_spectrum = base.embeddings().vectors, base.spectra([ids[0]])[0]
    base.upsert(make_spectra([ids[0]], seed=9), {"shape": make_vectors([ids[0]], seed=9)})
    assert base.delete("split = 'train'") == 20
    after = base.version
    assert base.count() == 20
    base.rollback(before)
    assert base.count() == 40
    assert np.array_equal(base.embeddings().vectors, old_vectors)
    assert same_pixels(base.spectra([ids[0]])[0], old_spectrum)
    base.rollback(after)
    assert base.count() == 20
    assert [v["operation"] for v in base.versions()] == ["create", "upsert", "delete", "rollback", "rollback"]
    assert [v["rows"] for v in base.versions()] == [40, 40, 20, 40, 20]
    with pytest.raises(KnowledgeError, match="no version 99"):
        base.rollback(99)


def test_rollback_takes_back_new_columns(base, make_spectra, make_vectors):
    before = base.version
    base.add(make_spectra(["x"], lens=["lens"]), {"shape": make_vectors(["x"])})
    assert [v["operation"] for v in base.versions()] == ["create", "add"]
    base.rollback(before)
    assert "lens" not in base.columns
    base.add(make_spectra(["x"], lens=["lens"]), {"shape": make_vectors(["x"])})
    assert base.count("lens = 'lens'") == 1


def test_optimize_forgets_nothing_unless_told_to(base, ids, make_spectra, make_vectors):
    for i in range(5):
        base.add(make_spectra([f"n{i}"], seed=i), {"shape": make_vectors([f"n{i}"], seed=i)})
    first = base.versions()[0]["version"]
    answer = base.search(make_vectors(["q"]), 7)
    base.optimize()
    assert base.search(make_vectors(["q"]), 7).object_id.tolist() == answer.object_id.tolist()
    assert base.fingerprints == {"shape": "0123456789abcdef"}
    base.rollback(first)
    assert base.count() == 40


def test_optimize_can_forget_versions_and_the_spectra_only_they_need(base, ids, make_spectra, make_vectors):
    shared = base.spectra([ids[1]])
    base.delete("split = 'test'")
    base.optimize(forget_older_than=timedelta(0))
    assert len(base.versions()) == 1
    kept = base.rows().column("object_id").to_pylist()
    assert len(base.spectra(kept)) == 20
    assert same_pixels(base.spectra([ids[1]])[0], shared[0])
    assert base._store.spectra.count_rows() == 20
    assert len(base._store.spectra.list_versions()) == 1  # else the old files would stay on disk
    assert base.search(make_vectors(["q"]), 3).object_id.shape == (1, 3)


def test_equal_spectra_are_stored_once(base, ids, make_spectra, make_vectors):
    base.upsert(make_spectra(ids), {"shape": make_vectors(ids, seed=3)})
    assert base._store.spectra.count_rows() == 40


def test_delete_needs_a_condition(base):
    with pytest.raises(KnowledgeError, match="true"):
        base.delete("  ")
    assert base.delete("z > 99") == 0
    assert base.delete("true") == 40
    assert base.count() == 0


def test_an_emptied_base_can_be_filled_again(base, make_spectra, make_vectors):
    base.delete("true")
    with pytest.raises(KnowledgeError, match="no object is left to search"):
        base.search(make_vectors(["q"]), 3)
    base.add(make_spectra(["x"]), {"shape": make_vectors(["x"])})
    assert base.search(make_vectors(["q"]), 3).object_id.tolist() == [["x", "", ""]]
    assert base.scale == 1.0


def test_adding_nothing_changes_nothing(base, make_spectra, make_vectors):
    none = np.zeros(0, int)
    empty = make_spectra(["x"]).take(none), {"shape": make_vectors(["x"]).take(none)}
    assert base.add(*empty) == 0
    assert base.upsert(*empty) == (0, 0)
    assert base.count() == 40


def test_an_unknown_id_is_named(base, ids):
    with pytest.raises(KnowledgeError, match=r"nobody is not in the base \(1 of 2"):
        base.spectra([ids[0], "nobody"])
    assert len(base.spectra([])) == 0


def test_ids_with_quotes_are_only_ids(base, make_spectra, make_vectors):
    odd = ["o'brien", "a'); DELETE", 'say "x"', "#0"]
    base.add(make_spectra(odd), {"shape": make_vectors(odd)})
    assert list(base.spectra(odd).object_id) == odd


def test_info_is_plain_and_complete(base):
    info = base.info()
    json.dumps(info)
    assert info["rows"] == 40
    assert info["encoder"] == "made-up"
    assert info["views"] == {
        "shape": {"encoder": "made-up", "dimensions": 6, "fingerprint": "0123456789abcdef", "rows": 40}
    }
    assert info["labels"]["class_derived"] == {"Composite": 8, "LINER": 8, "SF": 8, "quiescent": 8}
    assert info["bytes"] > 1000
    assert info["version"] == base.version


def test_a_reader_sees_what_another_writer_added(base, make_spectra, make_vectors):
    reader = KnowledgeBase.open(base.path)
    query = make_vectors(["x"], seed=5)
    assert reader.search(query, 1).distance[0, 0] > 0
    base.add(
        make_spectra(["near"]),
        {"shape": Embeddings(query.vectors, np.array(["near"]), query.fingerprint, query.coverage)},
    )
    assert reader.search(query, 1).object_id.tolist() == [["near"]]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(
        st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=20)), min_size=3, max_size=3
    )
)
def test_any_text_in_a_column_comes_back(tmp_path_factory, make_spectra, make_vectors, values):
    names = ["a", "b", "c"]
    path = tmp_path_factory.mktemp("kb") / "x.kb"
    base = KnowledgeBase.create(
        path, make_spectra(names, note=values), {"shape": make_vectors(names)}, encoder=""
    )
    if any(v is not None for v in values):
        assert base.spectra(names).column("note") == values


def test_ids_are_known_whether_or_not_the_index_holds_them(base, ids, make_spectra, make_vectors):
    """Rows of before and after `optimize`, deleted ones, and rows of after a rewrite that dropped the index."""

    def refused(name: str) -> bool:
        try:
            base.add(make_spectra([name]), {"shape": make_vectors([name])})
        except KnowledgeError as error:
            return "in the base already" in str(error)
        return False

    odd = "it's"
    base.optimize()
    assert not refused(odd)
    assert refused(odd)
    assert refused(ids[0])
    base.optimize()
    assert refused(odd)
    base.delete(f"object_id = '{ids[0]}'")
    assert not refused(ids[0])
    base.reencode({"shape": make_vectors([odd, *ids])}, since=base.version)
    assert refused(odd)
    assert refused(ids[1])
    assert not refused("new")
    base.optimize()
    base.optimize()
    assert base._store.objects.index_stats("object_id_idx").num_unindexed_rows == 0
    assert refused("new")
    assert len(base) == len(ids) + 2
