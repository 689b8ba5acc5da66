"""Columns are joined to a base by id as one version, and nothing else of it changes."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.knowledge.conftest import killed
from tests.knowledge.test_store import start

from spectrove.errors import KnowledgeError
from spectrove.inference.kept import measured_once
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import Source
from spectrove.targets import Target

LENS = Target(
    name="lens", label="lens", classes={"lens": [True], "none": [False]}, positive="lens", k=2
)  # fmt: skip


def table(ids, **columns) -> pa.Table:
    return pa.table({"object_id": list(ids), **columns})


def values(base, name) -> dict:
    rows = base.rows(columns=[name])
    return dict(zip(rows["object_id"].to_pylist(), rows[name].to_pylist(), strict=True))


def noted(base, object_id, name) -> list[tuple]:
    [said] = base.rows(f"object_id = '{object_id}'", ["labels"])["labels"].to_pylist()
    return [(e["value"], e["source"], e["version"]) for e in said or [] if e["name"] == name]


def everything(base):
    """All that can be read of a base, sorted by id."""
    return base.rows().sort_by("object_id"), base.embeddings().vectors.tolist()


@pytest.fixture(params=["folder", "memory"])
def any_base(request, tmp_path, ids, make_spectra, make_vectors):
    content = make_spectra(ids), {"shape": make_vectors(ids)}
    if request.param == "memory":
        return KnowledgeBase.in_memory(*content, encoder="made-up")
    return KnowledgeBase.create(tmp_path / "a.kb", *content, encoder="made-up")


def test_columns_of_every_type_are_joined_as_one_version(any_base, ids):
    """Vectors, spectra, other columns and the order of answers are as before; ids of other objects are named."""
    base, (old, vectors), version = any_base, everything(any_base), any_base.version
    given = table(
        [*ids[:3], "stranger"], lens=[True, False, None, True], grade=["A", None, "B", "C"],
        radius=[1.5, float("nan"), 2.0, 1.0], count=[1, 2, 3, 4],
    )  # fmt: skip
    done = base.add_columns(given, "lenses")
    assert (done.matched, done.unknown, done.version) == (3, ("stranger",), version + 1)
    assert base.version == version + 1
    assert [values(base, "radius")[i] for i in ids[:4]] == [1.5, None, 2.0, None]
    assert [values(base, "lens")[i] for i in ids[:4]] == [True, False, None, None]
    new, same_vectors = everything(base)
    assert new.select([n for n in old.column_names if n != "labels"]).equals(
        old.select([n for n in old.column_names if n != "labels"])
    )
    assert same_vectors == vectors
    assert [v["operation"] for v in base.versions()] == ["create", "label"]


def test_labels_note_their_source_and_numbers_only_on_request(base, ids):
    given = table(ids[:2], lens=[True, None], radius=[1.0, 2.0])
    base.add_columns(given, Source("lenses", "sha256:ab"))
    assert noted(base, ids[0], "lens") == [("true", "lenses", "sha256:ab")]
    assert noted(base, ids[1], "lens") == noted(base, ids[0], "radius") == []
    base.add_columns(table(ids[:1], other=[2.5]), "x", noted=["other"])
    assert noted(base, ids[0], "other") == [("2.5", "x", "")]


def test_a_value_that_is_there_stays_unless_it_is_to_be_replaced(base, ids):
    """And what the other source said is noted either way; a value without a source gets one."""
    given = table(ids[:4], class_derived=["LINER", "liner", None, "SF"])
    done = base.add_columns(given, "mine")
    change = done.columns["class_derived"]
    assert (change.given, change.new, change.same, change.differ) == (3, 1, 1, 1)
    assert [values(base, "class_derived")[i] for i in ids[:4]] == ["SF", "LINER", "quiescent", "SF"]
    assert noted(base, ids[0], "class_derived") == [("SF", "earlier", ""), ("LINER", "mine", "")]
    base.add_columns(given, "mine", existing="replace")
    assert [values(base, "class_derived")[i] for i in ids[:4]] == ["LINER", "LINER", "quiescent", "SF"]
    assert noted(base, ids[0], "class_derived") == [("SF", "earlier", ""), ("LINER", "mine", "")]


def test_a_renewed_column_holds_what_the_table_says(base, ids):
    """Also where that is nothing; objects that are not in the table keep their values."""
    base.add_columns(table(ids[:3], radius=[1.0, 2.0, 3.0]), "measure")
    done = base.add_columns(table(ids[:2], radius=[5.0, None]), "measure", existing="renew")
    assert [values(base, "radius")[i] for i in ids[:3]] == [5.0, None, 3.0]
    assert (done.columns["radius"].differ, done.columns["radius"].emptied) == (1, 1)


def test_a_join_that_changes_nothing_is_no_version(base, ids):
    given = table(ids[:3], lens=[True, False, None])
    version = base.add_columns(given, "lenses").version
    again = base.add_columns(given, "lenses")
    assert (again.altered, again.version, base.version) == (False, version, version)
    foreseen = base.add_columns(table(ids, lens=[True] * len(ids)), "others", dry_run=True)
    assert (foreseen.altered, foreseen.columns["lens"].new, base.version) == (True, len(ids) - 2, version)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"class_derived": [1.0, 2.0]}, "holds text, the table's number .such as 1.0"),
        ({"plate": ["a", "b"]}, "holds number, the table's text"),
        ({"plate": [1.5, 2.0]}, "the values do not convert"),
        ({"z": [0.1, 0.2]}, "comes with the spectra"),
        ({"vector_shape": [0.1, 0.2]}, "the base makes this column itself"),
        ({"labels": ["a", "b"]}, "comes with the spectra"),
        ({"a.b": ["a", "b"]}, "SQL would read the dot"),
        ({"list": [[1], [2]]}, "expected text, booleans or numbers"),
        ({}, "expected object_id and one or more columns"),
    ],
)
def test_what_a_base_cannot_hold_is_refused_and_nothing_written(base, ids, columns, said):
    before = base.version
    with pytest.raises(KnowledgeError, match=said):
        base.add_columns(table(ids[:2], **columns), "x")
    assert base.version == before


def test_an_id_twice_in_the_table_is_refused(base, ids):
    with pytest.raises(KnowledgeError, match="0000-51602-0001': 2 such rows"):
        base.add_columns(table([ids[0], ids[0]], lens=[True, False]), "x")
    with pytest.raises(KnowledgeError, match="empty"):
        base.add_columns(table([ids[0], None], lens=[True, False]), "x")


def test_rollback_and_dropping_undo_a_join(base, ids):
    """Dropping takes the notes with it; what came with the spectra is not dropped."""
    before, version = everything(base), base.version
    base.add_columns(table(ids[:2], lens=[True, False]), "lenses")
    base.drop_columns(["lens"])
    assert "lens" not in base.columns
    assert noted(base, ids[0], "lens") == []
    joined = base.versions()[1]["version"]
    base.rollback(version)
    assert everything(base)[0].equals(before[0])
    base.rollback(joined)
    assert values(base, "lens")[ids[0]] is True
    with pytest.raises(KnowledgeError, match=r"plate came with the spectra.*joined later are lens"):
        base.drop_columns(["plate"])
    with pytest.raises(KnowledgeError, match=r"no column 'lenz'.*lens"):
        base.drop_columns(["lenz"])


def test_a_joined_column_is_searched_and_filled_by_later_additions(base, ids, make_spectra, make_vectors):
    """With and without the column; an addition does not forget where the column came from."""
    base.optimize()
    base.add_columns(table(ids[:4], lens=[True, False, True, False]), "lenses")
    query = make_vectors(["q"], 3)
    assert {r["lens"] for r in base.search(query, 4, target=LENS).rows[0]} == {True, False}
    base.add(make_spectra(["a"]), {"shape": make_vectors(["a"], 8)})
    base.add(make_spectra(["b"], lens=[True]), {"shape": make_vectors(["b"], 9)})
    base.upsert(make_spectra(["b"], 1, lens=[False]), {"shape": make_vectors(["b"], 9)})
    assert (values(base, "lens")["a"], values(base, "lens")["b"]) == (None, False)
    base.add_columns(table(["a"], lens=[True]), "more")
    base.drop_columns(["lens"])
    assert "lens" not in base.columns


def test_what_is_measured_in_spectra_is_kept_through_a_join(base, ids, make_spectra, make_vectors):
    """A join, or two, leave the spectra as they were; an addition or a rollback does not say so."""
    made = base.measured_version
    base.add_columns(table(ids[:2], lens=[True, False]), "x")
    base.add_columns(table(ids[:2], grade=["A", "B"]), "x")
    assert base.version > base.measured_version == made
    assert KnowledgeBase.open(base.path).measured_version == made
    base.drop_columns(["grade"])
    assert base.measured_version == made
    base.add(make_spectra(["a"]), {"shape": make_vectors(["a"], 8)})
    assert base.measured_version == base.version
    base.add_columns(table(ids[:2], grade=["A", "B"]), "x")
    labelled, base_version = base.version, base.measured_version
    base.rollback(labelled)
    assert base.measured_version == base.version > base_version


def test_kept_measurements_are_read_after_a_join(base, ids):
    """Files of measurements stay; they are not measured again."""
    asked = []

    def measure(names):
        asked.append(list(names))
        return np.zeros((len(names), 1))

    measured_once(base, "lines", f"lines {base.measured_version}", ids[:3], measure)
    base.add_columns(table(ids[:2], lens=[True, False]), "x")
    measured_once(base, "lines", f"lines {base.measured_version}", ids[:4], measure)
    measured_once(base, "lines", f"lines {base.measured_version}", ids[:4], measure)
    assert asked == [ids[:3], [ids[3]]]


def test_an_address_takes_columns(ids, make_spectra, make_vectors, tmp_path):
    """As an object store does, here of files."""
    base = KnowledgeBase.create(
        f"file://{tmp_path}/a.kb", make_spectra(ids), {"shape": make_vectors(ids)}, encoder="made-up"
    )
    base.add_columns(table(ids[:2], lens=[True, False]), "x")
    assert values(base, "lens")[ids[0]] is True


def test_two_writers_at_once_lose_nothing(base, ids):
    """Each joins twenty columns while the other does."""
    code = """
    import pyarrow as pa
    path, name, *ids = sys.argv[1:]
    base = KnowledgeBase.open(path)
    for i in range(8):
        base.add_columns(pa.table({"object_id": ids, f"{name}{i}": [name] * len(ids)}), name)
    """
    writers = [start(code, base.path, name, *ids[:3]) for name in ("a", "b")]
    for writer in writers:
        assert writer.wait(120) == 0, writer.stderr.read()
        writer.communicate()
    assert {f"{n}{i}" for n in "ab" for i in range(8)} <= set(base.columns)
    assert len(base.versions()) == 17


def test_a_writer_killed_while_joining_loses_nothing_it_acknowledged(base, ids):
    """kill -9 among many joins: the base opens, holds every reported column whole, and takes more."""
    code = """
    import pyarrow as pa
    path, turn, *ids = sys.argv[1:]
    base = KnowledgeBase.open(path)
    for i in range(10_000):
        base.add_columns(pa.table({"object_id": ids, f"c{turn}_{i}": [i] * len(ids)}), "x")
        print(f"c{turn}_{i}", flush=True)
    """
    done = []
    for turn, wait in enumerate((0.0, 0.013, 0.03)):
        writer = start(code, base.path, turn, *ids)
        heard = "".join(writer.stdout.readline() for _ in range(3))
        time.sleep(wait)
        said = killed(writer, heard)
        done += said[: said.rfind("\n") + 1].split()
    opened = KnowledgeBase.open(base.path)
    assert len(opened) == len(ids)
    for name in done:
        assert set(values(opened, name).values()) == {int(name.partition("_")[2])}
    opened.add_columns(table(ids[:1], last=["yes"]), "x")
    assert values(opened, "last")[ids[0]] == "yes"


def test_a_base_that_may_only_be_read_says_so(base, ids, monkeypatch):
    """A dry run says what would be done all the same."""

    def refuse(self, name, line):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(base.files), "append", refuse)
    before = base.version
    with pytest.raises(KnowledgeError, match=r"could not label: .*Permission denied.*writable"):
        base.add_columns(table(ids[:1], lens=[True]), "x")
    assert base.version == before
    assert base.add_columns(table(ids[:1], lens=[True]), "x", dry_run=True).columns["lens"].new == 1


WORDS = st.one_of(st.none(), st.sampled_from(["SF", "sf ", "AGN", "", "lens"]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    old=st.lists(WORDS, min_size=6, max_size=6),
    new=st.lists(WORDS, min_size=6, max_size=6),
    existing=st.sampled_from(["keep", "replace", "renew"]),
)
def test_the_join_is_what_a_loop_over_objects_gives(make_spectra, make_vectors, old, new, existing):
    names = [f"o{i}" for i in range(6)]
    base = KnowledgeBase.in_memory(
        make_spectra(names, word=old), {"shape": make_vectors(names)}, encoder="made-up"
    )
    shown = names[::-1][:5]
    done = base.add_columns(table(shown, word=pa.array(new[:5], pa.string())), "x", existing=existing)
    expected = dict(zip(names, old, strict=True))
    for name, given_word in zip(shown, new[:5], strict=True):
        known = bool(given_word and given_word.strip())
        was = expected[name] or None
        if not known:
            expected[name] = None if existing == "renew" else expected[name]
        elif was is None or (existing != "keep" and was.strip().lower() != given_word.strip().lower()):
            expected[name] = given_word
    found = values(base, "word") if "word" in base.columns else {}
    assert {n: found.get(n) or None for n in names} == {n: v or None for n, v in expected.items()}
    assert done.matched == 5
