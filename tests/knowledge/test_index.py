"""An index proposes, exact distances decide; and it is never believed where the base has changed."""

from __future__ import annotations

import json
import logging
import mmap
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.inference.metric.linear import LinearMetric
from spectrove.knowledge import KnowledgeBase, heartbeat
from spectrove.knowledge.index import building
from spectrove.knowledge.index.mark import MARK, making
from spectrove.knowledge.search import nearest
from spectrove.targets import Composition, Target

N = 400
NAMES = [f"{i:04d}-51602-0001" for i in range(N)]
PRINT = "0123456789abcdef"


def around(centres, n, seed, width=0.3):
    """Vectors near some of the centres."""
    rng = np.random.default_rng(seed)
    chosen = centres[rng.integers(0, len(centres), n)]
    return (chosen + width * rng.normal(size=chosen.shape)).astype(np.float32)


def embeddings(ids, vectors):
    return Embeddings(
        vectors, np.array(ids, dtype=str), PRINT, np.tile([3700.0, 8700.0], (len(ids), 1)), "made-up"
    )


CENTRES = np.random.default_rng(1).normal(size=(20, 12))
QUERIES = embeddings([f"q{i}" for i in range(30)], around(CENTRES, 30, seed=9))


@pytest.fixture
def known(tmp_path, make_spectra, monkeypatch):
    """A base for which an index is worth while, and its vectors."""
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    vectors = around(CENTRES, N, seed=2)
    return KnowledgeBase.create(
        tmp_path / "big.kb", make_spectra(NAMES), {"shape": embeddings(NAMES, vectors)}, encoder="made-up"
    )


def by_looking_at_all(base, monkeypatch, k=5, **conditions):
    """The same base without its index."""
    with monkeypatch.context() as patch:
        patch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10**9)
        patch.setattr("spectrove.knowledge.reading.opened_catalog", lambda *_: None)
        return KnowledgeBase.open(base.path).search(QUERIES, k, **conditions)


def uses_index(base):
    return base._reader.snapshot("shape").proposals is not None


def same(found, expected):
    assert found.object_id.tolist() == expected.object_id.tolist()
    assert np.array_equal(found.distance, expected.distance)
    assert found.rows == expected.rows
    assert found.flags == expected.flags


def test_what_an_index_finds_has_the_distances_that_looking_at_all_gives(known, monkeypatch):
    """To the last bit; among 400 objects nobody is missed. A base opened anew maps the same files."""
    expected = by_looking_at_all(known, monkeypatch)
    assert known.build_index() == ["shape"]
    same(known.search(QUERIES, 5), expected)
    assert uses_index(known)
    again = KnowledgeBase.open(known.path)
    same(again.search(QUERIES, 5), expected)
    vectors = again._reader.snapshot("shape").vectors
    assert isinstance(vectors.base, np.memmap)
    one = again.search(QUERIES.take(np.array([7])), 5)
    assert one.distance.tolist() == expected.distance[[7]].tolist()


def test_catalog_values_are_those_of_the_tables_and_of_one_version(known, monkeypatch):
    """From a mapped file as from the tables; joined columns are not read from the file of before."""
    known.build_index()
    [file] = (known.path / "index").glob("catalog.*")
    monkeypatch.setattr(known._store.objects, "take_row_ids", None)  # the tables are not asked
    same(known.search(QUERIES, 5), by_looking_at_all(known, monkeypatch))
    monkeypatch.undo()
    table = pa.table({"object_id": NAMES, "note": [f"note {name}" for name in NAMES]})
    known.add_columns(table, "notes")
    found = KnowledgeBase.open(known.path).search(QUERIES, 5)
    assert [row["note"] for row in found.rows[0]] == [f"note {name}" for name in found.object_id[0]]
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    known.build_index()
    assert not file.exists()
    [file] = (known.path / "index").glob("catalog.*")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    again = KnowledgeBase.open(known.path)
    again.search(QUERIES, 5)
    assert again._reader.kept["catalog",] is None


def test_objects_newer_than_the_index_are_found_and_older_ones_that_are_gone_are_not(
    known, make_spectra, monkeypatch
):
    """Added, replaced with another vector, deleted, joined with a column: each as by looking at all."""
    known.build_index()
    new = [f"new{i}" for i in range(20)]
    known.add(make_spectra(new), {"shape": embeddings(new, QUERIES.vectors[:20])})
    found = known.search(QUERIES, 5)
    assert found.object_id[:20, 0].tolist() == new
    same(found, by_looking_at_all(known, monkeypatch))

    moved = embeddings(NAMES[:10], QUERIES.vectors[20:])
    known.upsert(make_spectra(NAMES[:10]), {"shape": moved})
    assert known.search(QUERIES, 5).object_id[20:, 0].tolist() == NAMES[:10]
    known.delete("object_id LIKE 'new%' OR plate = 1001")
    found = known.search(QUERIES, 5)
    assert uses_index(known) is False  # too much has changed by now
    same(found, by_looking_at_all(known, monkeypatch))
    same(
        known.search(QUERIES, 5, metric=Stretched()),
        by_looking_at_all(known, monkeypatch, metric=Stretched()),
    )
    plain = LinearMetric(np.eye(12), np.zeros(12))
    assert np.array_equal(known.search(QUERIES, 5, metric=plain).distance, found.distance)
    known.search_by_class(QUERIES, 3, labelled="class_derived", metric=[plain])


def test_an_object_without_a_vector_in_the_view_stays_out_of_it(known, make_spectra, monkeypatch):
    """Those that were there when the index was made, and those that came since."""
    dark = [f"dark{i}" for i in range(3)]
    nothing = embeddings(dark, np.full((3, 12), np.nan, np.float32))
    wide = embeddings([*NAMES, *dark], around(CENTRES, N + 3, seed=4))
    known.add(make_spectra(dark), {"shape": nothing.take(np.arange(0))})
    known.reencode({"shape": known.embeddings("shape"), "second": wide}, since=known.version)
    known.build_index()
    more = ["dark3", "lit"]
    known.add(
        make_spectra(more),
        {"shape": embeddings(["lit"], QUERIES.vectors[:1]), "second": embeddings(more, QUERIES.vectors[:2])},
    )
    found = known.search(QUERIES, 5)
    assert uses_index(known)
    assert not {*dark, "dark3"} & set(found.object_id.ravel().tolist())
    assert found.object_id[0, 0] == "lit"
    same(found, by_looking_at_all(known, monkeypatch))


def test_a_few_changes_leave_the_index_in_use(known, make_spectra, monkeypatch):
    """After each of them, whatever way the rows of the table went."""
    known.build_index()
    before = known.version

    def check():
        same(known.search(QUERIES, 5), by_looking_at_all(known, monkeypatch))
        assert uses_index(known)

    known.delete("object_id < '0009'")
    check()
    known.optimize()
    check()
    near = embeddings(NAMES[20:24], QUERIES.vectors[:4])
    known.upsert(make_spectra(NAMES[20:24]), {"shape": near})
    check()
    assert known.search(QUERIES, 1).object_id[:4, 0].tolist() == NAMES[20:24]
    known.rollback(before)
    check()
    import pyarrow as pa

    column = pa.table({"object_id": NAMES, "score": np.arange(N, dtype=float)})
    known.add_columns(column, "made up")
    check()
    assert known.search(QUERIES, 1).column("score")[0, 0] is not None
    known.upsert(make_spectra(NAMES[30:34]), {"shape": embeddings(NAMES[30:34], QUERIES.vectors[4:8])})
    known.curate({NAMES[50]: ("class_derived", "LINER")}, {NAMES[51]}, since=known.version)
    check()
    assert known.search(QUERIES, 1).object_id[4:8, 0].tolist() == NAMES[30:34]


def test_columns_and_reviews_let_an_index_go_on_without_reading_vectors(known, make_spectra, monkeypatch):
    """Also after an addition: every row is known by its place. Another view that is encoded anew changes nothing."""
    known.reencode({"own": embeddings(NAMES, around(CENTRES, N, seed=6)[:, :3])}, since=known.version)
    known.build_index(["shape"])
    new = ["new0", "new1"]
    vectors = embeddings(new, QUERIES.vectors[:2])
    known.add(make_spectra(new), {"shape": vectors, "own": replace(vectors, vectors=vectors.vectors[:, :3])})
    known.add_columns(pa.table({"object_id": NAMES, "score": np.arange(N) / 7}), "made up")
    known.curate({NAMES[50]: ("class_derived", "LINER")}, {NAMES[51]}, since=known.version)
    own = known.embeddings("own")
    known.reencode({"own": replace(own, vectors=own.vectors[::-1].copy())}, since=known.version)
    expected = by_looking_at_all(known, monkeypatch)
    opened = KnowledgeBase.open(known.path)
    monkeypatch.setattr(
        "spectrove.knowledge.reading.Reader._read_vectors", lambda *_: pytest.fail("all were read")
    )
    same(opened.search(QUERIES, 5), expected)
    assert uses_index(opened)
    assert opened.search(QUERIES, 1).object_id[:2, 0].tolist() == new


def test_a_view_that_was_encoded_anew_is_not_searched_by_the_old_index(known, monkeypatch, caplog):
    """Neither with another encoder nor with the same one and other vectors."""
    known.build_index()
    other = embeddings(NAMES, around(CENTRES, N, seed=5))
    known.reencode({"shape": other}, since=known.version)
    same(known.search(QUERIES, 5), by_looking_at_all(known, monkeypatch))
    assert not uses_index(known)
    known.build_index()
    assert uses_index(known)


@pytest.mark.parametrize("damage", ["torn", "changed", "absent", "description"])
@pytest.mark.parametrize("part", ["graph", "vectors"])
def test_a_damaged_index_is_not_used_and_a_sentence_says_so(known, monkeypatch, caplog, damage, part):
    expected = by_looking_at_all(known, monkeypatch)
    known.build_index()
    [path] = (known.path / "index").glob(f"*.{part}")
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "changed":
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    elif damage == "absent":
        path.unlink()
    else:
        (known.path / "index" / "shape.json").write_text('{"format": 1, "vie')
    opened = KnowledgeBase.open(known.path)
    with caplog.at_level(logging.WARNING, "spectrove"):
        same(opened.search(QUERIES, 5), expected)
    assert not uses_index(opened)
    assert "kb optimize makes one" in caplog.text
    opened.build_index()
    assert uses_index(opened)
    assert len(list((known.path / "index").iterdir())) == 13  # nothing of the damaged one is left


def test_an_interrupted_build_leaves_the_index_that_was_there(known, monkeypatch, make_spectra):
    known.build_index()
    whole = {path.name for path in (known.path / "index").iterdir()}
    known.add(make_spectra(["new"]), {"shape": embeddings(["new"], QUERIES.vectors[:1])})

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("spectrove.knowledge.index.building.write_graph", die)
        with pytest.raises(KeyboardInterrupt):
            known.build_index()
    assert whole < {path.name for path in (known.path / "index").iterdir()}
    assert KnowledgeBase.open(known.path).search(QUERIES, 1).object_id[0, 0] == "new"
    known.build_index()
    assert len(list((known.path / "index").iterdir())) == len(whole)


def test_excluded_objects_never_cost_neighbours(known, make_spectra, monkeypatch):
    """A fourth of the base has the plate of the query: the index has to propose more, or all are looked at."""
    monkeypatch.setattr("spectrove.knowledge.search.PROPOSED", 8)
    monkeypatch.setattr("spectrove.knowledge.search.MOST_PROPOSED", 40)
    spectra = make_spectra(QUERIES.object_id.tolist())
    conditions = {"spectra": spectra, "exclude_column": "plate"}
    expected = by_looking_at_all(known, monkeypatch, 6, **conditions)
    known.build_index()
    found = known.search(QUERIES, 6, **conditions)
    assert uses_index(known)
    assert (found.distance == expected.distance).mean() > 0.95
    assert (found.object_id != "").all()
    wanted = by_looking_at_all(known, monkeypatch, 300, **conditions)
    same(known.search(QUERIES, 300, **conditions), wanted)


def test_an_object_to_which_no_link_leads_is_found(known, monkeypatch):
    """A graph that has it elsewhere stands for one that has it behind no link: it is looked at in every search."""
    lost, copy, real = 7, 8, building.write_graph
    stored = known._reader.snapshot("shape").vectors.copy()

    def write_elsewhere(vectors, path, doing):
        moved = np.array(vectors)
        moved[lost] += 100
        real(moved, path, doing)

    monkeypatch.setattr(building, "write_graph", write_elsewhere)
    monkeypatch.setattr("spectrove.knowledge.index.recall.TRIED", (8,))
    known.build_index()
    own = embeddings(["q"], stored[[lost]])
    found = known.search(own, 1)
    assert uses_index(known)
    assert (found.object_id[0, 0], found.distance[0, 0]) == (NAMES[lost], 0)
    assert known._reader.with_index("shape").changed == 0
    known.delete(f"object_id = '{NAMES[copy]}'")
    assert known.search(own, 1).object_id[0, 0] == NAMES[lost]
    known.delete(f"object_id = '{NAMES[lost]}'")
    assert uses_index(known)
    same(known.search(QUERIES, 5), by_looking_at_all(known, monkeypatch))


class Hazy:
    """Proposals whose second half misses every other object; and of a far query those of another place."""

    enough, made = 64, None

    def __init__(self, vectors, usual):
        self.vectors, self.usual = vectors, usual

    def near(self, queries, n):
        distance = np.linalg.norm(self.vectors[None] - queries[:, None], axis=2)
        order = np.argsort(distance, axis=1)
        if n < 256:
            order[distance.min(axis=1) > self.usual] = np.arange(self.vectors.shape[0])[::-1]
        seen = np.r_[: n // 2, n // 2 : n + n // 2 : 2]
        return order[:, seen[seen < order.shape[1]]]

    def beside(self, queries, n):
        return np.tile(np.arange(300), (len(queries), 1))


def test_more_is_proposed_where_exclusions_leave_few_and_for_a_query_far_from_all(known):
    """The last of what is proposed are not all of the nearest, and for an unusual query not even the first."""
    whole = known._reader.snapshot("shape")
    queries = np.concatenate([whole.vectors[:5], whole.vectors[5:10] + 4])
    hazy = replace(whole, proposals=Hazy(whole.vectors, usual=3.0))
    all_of_them, _ = nearest(whole, queries, 60)
    for excluded in (0, 30, 44, 60):
        without = [np.sort(row[:excluded]) for row in all_of_them]
        found, distance = nearest(hazy, queries, 20, None, without)
        expected, truth = nearest(whole, queries, 20, None, without)
        assert np.array_equal(found, expected), excluded
        assert np.array_equal(distance, truth)


def test_small_bases_and_bases_that_cannot_be_mapped_get_no_index(
    base, ids, make_spectra, make_vectors, monkeypatch
):
    assert base.build_index() == []
    assert not (base.path / "index").exists()
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    memory = KnowledgeBase.in_memory(make_spectra(ids), {"shape": make_vectors(ids)}, encoder="made-up")
    assert memory.build_index() == []
    assert (
        memory.search(make_vectors(["q"]), 3).object_id.tolist()
        == base.search(make_vectors(["q"]), 3).object_id.tolist()
    )


LABELLED = Target(
    name="liner", label="class_derived", classes={"LINER": ("LINER",), "other": ("*",)}, positive="LINER"
)
CONDITIONS = [
    {"where": "plate = 1001"},
    {"where": "plate <> 1001"},
    {"labelled": "class_derived"},
    {"target": LABELLED},
    {"target": LABELLED.model_copy(update={"composition": Composition(maximum={"other": 150})})},
    {"with_rows": False},
]


@pytest.mark.parametrize("few", [0, 10**6], ids=["by the index", "by looking at the selection"])
@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: next(iter(c)))
def test_a_selection_is_searched_as_by_looking_at_all(known, make_spectra, monkeypatch, few, condition):
    """Small and large ones, with the object itself and its plate left out."""
    own = embeddings(NAMES[:30], known.embeddings().vectors[:30])
    conditions = {"spectra": make_spectra(NAMES), "exclude_column": "plate", **condition}
    with monkeypatch.context() as patch:
        patch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10**9)
        expected = KnowledgeBase.open(known.path).search(own, 5, **conditions)
    known.build_index()
    monkeypatch.setattr("spectrove.knowledge.search.FEW", few)
    same(known.search(own, 5, **conditions), expected)
    assert uses_index(known)


class Stretched:
    """A metric that stretches the first coordinate."""

    fingerprint = "stretched"

    def transform(self, vectors):
        return np.asarray(vectors * np.array([3.0] + [1.0] * 11), np.float32)

    roughly = transform


def test_a_metric_and_several_views_are_searched_as_by_looking_at_all(known, make_vectors, monkeypatch):
    """What is proposed by plain distances is decided in the metric, and over the views together."""
    colour = embeddings(NAMES, around(CENTRES[:, :4], N, seed=3))
    known.reencode({"colour": colour}, since=known.version)
    asked = {"shape": QUERIES, "colour": embeddings(QUERIES.object_id.tolist(), colour.vectors[:30])}
    weights = {"shape": 1.0, "colour": 0.5}
    ways = [
        (QUERIES, {"metric": Stretched()}),
        (QUERIES, {"metric": [Stretched(), Stretched()], "where": "plate = 1001"}),
        (asked, {"view": weights}),
        (asked, {"view": weights, "target": LABELLED}),
    ]
    by_class = {"labelled": "class_derived", "metric": [Stretched()]}

    def answers():
        base = KnowledgeBase.open(known.path)
        return base, [base.search(q, 5, **c) for q, c in ways], base.search_by_class(QUERIES, 3, **by_class)

    with monkeypatch.context() as patch:
        patch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10**9)
        _, expected, distances = answers()
    assert known.build_index() == ["shape", "colour"]
    base, found, again = answers()
    assert uses_index(base)
    for one, other in zip(found, expected, strict=True):
        same(one, other)
        assert one.scale == other.scale
    assert np.array_equal(again.distance, distances.distance)
    assert again.classes == distances.classes
    assert again.counts.tolist() == distances.counts.tolist()


def test_vectors_that_were_let_go_are_read_again(known, make_spectra, monkeypatch):
    """Of an index alone and with objects that came later; a base without an index stays as it is."""
    expected = by_looking_at_all(known, monkeypatch)
    known.let_go()
    same(known.search(QUERIES, 5), expected)
    known.build_index()
    for _ in range(2):
        known.let_go()
        same(known.search(QUERIES, 5), by_looking_at_all(known, monkeypatch))
        near = embeddings(NAMES[20:24], QUERIES.vectors[:4])
        known.upsert(make_spectra(NAMES[20:24]), {"shape": near})
        assert uses_index(known)
    mapped = known._reader.snapshot("shape").vectors._known
    begin = mapped.ctypes.data // mmap.PAGESIZE * mmap.PAGESIZE

    def held():
        """Kilobytes of the vectors that this process holds."""
        parts = Path("/proc/self/smaps").read_text().split("VmFlags")
        own = next(part for part in parts if f"{begin:x}-" in part)
        return int(next(line for line in own.splitlines() if line.startswith("Rss:")).split()[1])

    assert float(mapped[:].sum()) != 0
    if Path("/proc/self/smaps").exists():
        assert held() > 0
        known.let_go()
        assert held() == 0


def test_lists_of_few_metrics_are_kept(known):
    """They are as large as a quarter of the vectors; the oldest and those of other versions go."""
    known.build_index()
    for i in range(6):
        metric = Stretched()
        metric.fingerprint = f"stretched {i}"
        known.search(QUERIES, 3, metric=metric)
    kept = sorted((known.path / "index").glob("space.*"), key=lambda place: place.stat().st_mtime)
    assert len(kept) == 4
    known.delete(f"object_id = '{NAMES[0]}'")
    known.search(QUERIES, 3, metric=Stretched())
    [last] = (known.path / "index").glob("space.*")
    assert last not in kept


def test_info_says_how_many_of_the_nearest_the_index_finds(known, monkeypatch):
    """All of 400; and few of them where the index proposes always the same."""
    assert "index" not in known.info()["views"]["shape"]
    known.build_index()
    told = known.info()["views"]["shape"]["index"]
    assert (told["version"], told["rows"], told["recall"], told["high"]) == (known.version, N, 1.0, 1.0)
    assert 0.97 < told["low"] < 1

    def the_same(self, queries, n):
        return np.tile(np.arange(20) * 20, (len(queries), 1))

    monkeypatch.setattr("spectrove.knowledge.index.graph.Graph.near", the_same)
    known.build_index()
    told = known.info()["views"]["shape"]["index"]
    assert told["recall"] < 0.3
    assert told["low"] < told["recall"] < told["high"]


def test_a_base_says_whether_its_index_is_used_or_why_not(known, make_spectra, monkeypatch):
    """Absent, used, used with changes, stale (which the log tells beforehand), damaged, and too small for one."""

    def state():
        return KnowledgeBase.open(known.path).index_state()["views"]["shape"]

    assert state()["state"] == "absent"
    known.build_index()
    assert state() == {"state": "used", "changed": 0, "why": "in use"}
    new = [f"new{i}" for i in range(30)]
    known.add(make_spectra(new), {"shape": embeddings(new, QUERIES.vectors)})
    assert state()["why"] == "in use, 30 objects changed since"
    assert not known.index_outgrown()
    more = [f"more{i}" for i in range(60)]
    known.add(make_spectra(more), {"shape": embeddings(more, around(CENTRES, 60, seed=4))})
    assert known.index_outgrown()
    assert (state()["state"], state()["changed"]) == ("stale", 90)
    known.build_index()
    assert not known.index_outgrown()
    assert state()["state"] == "used"
    [vectors] = known.path.glob("index/*.vectors")
    vectors.write_bytes(vectors.read_bytes()[:-4])
    assert state()["state"] == "damaged"
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 1000)
    assert state()["why"] == "none: 490 objects, worth one from 1,000"
    assert not known.index_outgrown()


def test_an_index_in_the_form_of_another_version_of_spectrove_is_named_as_one(known):
    """It is there, so that "no index" would mislead; it is made anew."""
    known.build_index()
    about = known.path / "index" / "shape.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"format": 2}))
    again = KnowledgeBase.open(known.path)
    said = again.index_state()["views"]["shape"]
    assert said["state"] == "absent"
    assert said["why"] == "not in use: it has an index of another version of Spectrove"
    again.build_index()
    assert again.index_state()["views"]["shape"]["state"] == "used"


def test_who_makes_an_index_says_so_until_it_ends_or_is_killed(known, monkeypatch):
    """On another machine a process that says nothing any more is taken for killed, here one that is gone."""
    seen = []
    monkeypatch.setattr(building, "measured", lambda _: (128, 1.0, seen.append(making(known.files)) or {}))
    known.build_index()
    assert [(one.state, one.view, one.version) for one in seen] == [("running", "shape", known.version)]
    assert making(known.files) is None

    def left(**changes):
        known.files.write(MARK, json.dumps({**seen[0].to_dict(), **changes}).encode())
        return making(known.files).state

    assert left(machine="elsewhere") == "running"
    assert left(machine="elsewhere", beat="2020-01-01T00:00:00+00:00") == "interrupted"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert left(process=gone.pid) == "interrupted"
    assert "interrupted" in known.index_state()["making"]["sentence"]

    def failing(_):
        raise ValueError("no room")

    monkeypatch.setattr(building, "measured", failing)
    with pytest.raises(KnowledgeError):
        known.build_index()
    assert (making(known.files).state, making(known.files).error) == ("failed", "no room")


def test_work_is_heard_of_again_and_again(monkeypatch):
    """By a time that it writes; afterwards it is silent."""
    monkeypatch.setattr(heartbeat, "BEAT", 0.01)
    heard = []
    with heartbeat.beating(heard.append):
        while len(heard) < 3:
            time.sleep(0.01)
    assert heartbeat.alive(os.getpid(), socket.gethostname(), heard[-1])
    n = len(heard)
    time.sleep(0.05)
    assert len(heard) == n
