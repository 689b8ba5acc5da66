"""Columns written beside the others leave the base that writing the table anew leaves, and rows where they were."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase, columnwise, relabel

BOTH = pytest.mark.parametrize("beside", [True, False])


def anew(monkeypatch):
    """As where pylance is not installed, and no review is small."""
    monkeypatch.setattr(columnwise, "possible", lambda store: False)
    monkeypatch.setattr(relabel, "FEW", -1)


def create(place, ids, make_spectra, make_vectors):
    """A base in several files, with rows that were deleted from one of them, and an object without a vector."""
    views = {"shape": make_vectors(ids, dimensions=12), "own": make_vectors(ids, 5, 3)}
    base = KnowledgeBase.create(place, make_spectra(ids), views, encoder="made-up")
    more = [f"more-{i}" for i in range(9)]
    views = {"shape": make_vectors(more, 1, 12), "own": make_vectors(more[1:], 2, 3)}
    base.add(make_spectra(more, 3), views)
    base.delete(f"object_id IN ('{ids[7]}', '{ids[8]}', 'more-4')")
    return base


def everything(base):
    """All that can be read, sorted by id, with the words of every column."""
    vectors = {
        v: (e.object_id.tolist(), e.vectors.tolist()) for v in base.views for e in [base.embeddings(v)]
    }
    sources = {name: base.sources_of(name) for name in base.columns}
    return (
        base.rows().sort_by("object_id").to_pydict(),
        vectors,
        base.columns,
        base.encoders,
        sources,
        base.info()["labels"],
    )


def changed(base, ids, make_vectors):
    """Every kind of change, and what there was to read after each."""
    seen = []

    def look(_=None):
        seen.append((everything(base), base.version, base.measured_version))

    look(
        base.add_columns(
            pa.table({"object_id": ids[:9], "grade": list("ABCDEFGHI"), "size": np.arange(9.0)}), "x"
        )
    )
    look(
        base.add_columns(
            pa.table(
                {"object_id": ids[:3], "class_derived": ["SF", "LINER", None], "size": [7.0, None, 1.0]}
            ),
            "y",
        )
    )
    look(base.add_columns(pa.table({"object_id": ids[:3], "size": [None, 5.0, 1.0]}), "x", existing="renew"))
    look(
        base.curate(
            {ids[0]: ("class_derived", "LINER"), ids[1]: ("class_derived", None)},
            {ids[2], "more-1"},
            since=base.version,
        )
    )
    look(base.curate({}, {ids[3]}, since=base.version))
    look(base.drop_columns(["grade"]))
    here = sorted(base.rows(columns=[])["object_id"].to_pylist())
    look(base.reencode({"own": make_vectors(here[:-2], 9, 3, "f" * 16)}, since=base.version))
    look(base.reencode({"third": make_vectors(here, 9, 2, "e" * 16)}, since=base.version))
    look(base.reencode({"shape": make_vectors(here, 8, 12, "d" * 16)}, since=base.version))
    base.optimize()
    look()
    return seen


def test_every_change_leaves_the_base_that_writing_the_table_anew_leaves(
    tmp_path, ids, make_spectra, make_vectors, monkeypatch
):
    """The same rows, vectors, sources and numbers of versions, after each change; and the way back."""
    one = create(tmp_path / "one.kb", ids, make_spectra, make_vectors)
    first, version = everything(one), one.version
    mine = changed(one, ids, make_vectors)
    with monkeypatch.context() as patch:
        anew(patch)
        other = create(tmp_path / "other.kb", ids, make_spectra, make_vectors)
        theirs = changed(other, ids, make_vectors)
        listed = [(v["operation"], v["about"], v["rows"]) for v in other.versions()]
    for mine_then, theirs_then in zip(mine[:-1], theirs[:-1], strict=True):
        assert mine_then == theirs_then
    assert mine[-1][0] == theirs[-1][0]
    assert [(v["operation"], v["about"], v["rows"]) for v in one.versions()] == listed
    one.rollback(version)
    assert everything(one) == first


def test_rows_stay_where_they_are_and_only_the_column_is_written(tmp_path, ids, make_spectra, make_vectors):
    """Neither vectors nor other columns get new files."""
    base = create(tmp_path / "a.kb", ids, make_spectra, make_vectors)

    def places():
        found = base._reader.scan(["object_id"])
        return dict(zip(found["object_id"].to_pylist(), found["_rowid"].to_pylist(), strict=True))

    def files():
        return set((base.path / "objects.lance" / "data").iterdir())

    before, there = places(), files()
    base.add_columns(pa.table({"object_id": ids, "size": np.arange(len(ids)) / 3}), "x")
    new = files() - there
    assert places() == before
    assert len(new) == 2  # one for each file of the table
    assert sum(file.stat().st_size for file in new) < sum(file.stat().st_size for file in there) / 3
    base.curate({ids[0]: ("class_derived", "LINER")}, {ids[1]}, since=base.version)
    now = places()
    del now[ids[0]]
    assert now == {name: place for name, place in before.items() if name not in ids[:2]}


def test_columns_that_were_replaced_leave_no_files_behind(tmp_path, ids, make_spectra, make_vectors):
    """Once the versions that had them are forgotten."""
    from datetime import timedelta

    base = create(tmp_path / "a.kb", ids, make_spectra, make_vectors)
    base.optimize(forget_older_than=timedelta(0))
    for turn in range(4):
        base.add_columns(
            pa.table({"object_id": ids, "grade": [f"{turn}"] * len(ids)}), "x", existing="replace"
        )
    base.optimize(forget_older_than=timedelta(0))
    assert len(list((base.path / "objects.lance" / "data").iterdir())) <= 4
    assert set(base.rows(f"object_id = '{ids[0]}'", ["grade"])["grade"].to_pylist()) == {"3"}


@BOTH
def test_a_base_in_an_object_store_takes_columns(store, ids, make_spectra, make_vectors, monkeypatch, beside):
    if not beside:
        anew(monkeypatch)
    base = create("s3://bucket/a.kb", ids, make_spectra, make_vectors)
    version = base.version
    base.add_columns(pa.table({"object_id": ids[:2], "lens": [True, False]}), "x")
    base.curate({ids[0]: ("lens", "false")}, {ids[5]}, since=base.version)
    found = base.rows(f"object_id IN ('{ids[0]}', '{ids[1]}', '{ids[5]}')", ["lens"]).sort_by("object_id")
    assert found.to_pydict() == {"object_id": ids[:2], "lens": [False, False]}
    assert base.version == version + 2


@BOTH
def test_without_a_lock_a_writer_that_comes_between_is_not_lost(
    base, ids, make_spectra, make_vectors, monkeypatch, beside
):
    """The addition stays, the join is refused and can be repeated."""
    from spectrove.knowledge import writing

    if not beside:
        anew(monkeypatch)
    other, write = KnowledgeBase.open(base.path), columnwise.write

    def late(*given, **named):
        rows = writing.prepare_objects(
            other._store, other._reader, make_spectra(["late"]), {"shape": make_vectors(["late"], 7)}
        )
        other._store.objects.add(rows)
        write(*given, **named)

    lens = pa.table({"object_id": ids[:2], "lens": [True, False]})
    with monkeypatch.context() as patch:
        patch.setattr(columnwise, "write", late)
        with pytest.raises(KnowledgeError, match="another writer changed the base"):
            base.add_columns(lens, "x")
    assert len(base) == len(ids) + 1
    assert "lens" not in base.columns
    base.add_columns(lens, "x")
    assert base.count("lens IS NOT NULL") == 2


def test_a_writer_that_comes_after_a_join_is_not_taken_back(base, ids, monkeypatch):
    """Where no lock keeps it waiting, it may come between the commit of the join and its end."""
    lance = pytest.importorskip("lance")
    other, commit = KnowledgeBase.open(base.path), lance.LanceDataset.commit

    def committed(*given, **named):
        made = commit(*given, **named)
        other._store.objects.checkout_latest()
        other._store.objects.delete(f"object_id = '{ids[3]}'")
        return made

    with monkeypatch.context() as patch:
        patch.setattr(lance.LanceDataset, "commit", staticmethod(committed))
        base.add_columns(pa.table({"object_id": ids, "size": np.arange(len(ids)) / 1}), "x")
    assert "size" in base.columns
    assert ids[3] not in base.rows(columns=[])["object_id"].to_pylist()
    assert len(base) == len(ids) - 1


@pytest.mark.parametrize("review", ["labels", "labels and removals", "removals"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "before and after"])
def test_without_a_lock_a_small_review_never_hides_what_another_writer_did(
    base, ids, monkeypatch, review, after
):
    """It is taken back where another change came first; where a third went on from it, a sentence says that."""
    other = KnowledgeBase.open(base.path)
    changes = {ids[0]: ("class_derived", "LINER")} if "labels" in review else {}
    removed = {ids[1]} if "removals" in review else set()
    before = base.rows(None, ["class_derived"]).sort_by("object_id").to_pydict()

    def late(where, values):
        other._store.objects.checkout_latest()
        other._store.objects.update(where=where, values=values)

    def between(made):
        def call(*given):
            table = made(*given)
            late(f"object_id = '{ids[0]}'", {"class_derived": "quiescent"})
            return table

        return call

    name = "_relabelled" if changes else "one_of"
    refuse = type(base._store).refuse_unless_next

    def refused(store, version):
        if after:
            late(f"object_id = '{ids[2]}'", {"class_derived": "Composite"})
        refuse(store, version)

    said = "could not be taken back" if after else "Its change is kept, this one was not made"
    with monkeypatch.context() as patch:
        patch.setattr(relabel, name, between(getattr(relabel, name)))
        patch.setattr(type(base._store), "refuse_unless_next", refused)
        with pytest.raises(KnowledgeError, match=said):
            base.curate(changes, removed, since=base.version)
    found = KnowledgeBase.open(base.path).rows(None, ["class_derived"]).sort_by("object_id").to_pydict()
    if after:
        found = dict(zip(*found.values(), strict=True))
        assert (found[ids[2]], ids[1] in found) == ("Composite", not removed)
    else:
        before["class_derived"][before["object_id"].index(ids[0])] = "quiescent"
        assert found == before


def test_a_review_of_nothing_changes_nothing(base, ids):
    base.curate({}, {"nobody"}, since=base.version)
    assert sorted(base.rows(columns=[])["object_id"].to_pylist()) == sorted(ids)
