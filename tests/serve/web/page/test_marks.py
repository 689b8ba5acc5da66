"""The journal of marks: nothing that was kept is lost, by restarts, by two who write at once, or by a torn line."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spectrove.knowledge.files import Folder, Memory
from spectrove.serve.service.marks import Mark, Marks, agreed, agreement
from spectrove.serve.service.problems import Problem

NAME = "liner-01234567"


def said(who: str, **marks: str) -> list[Mark]:
    """Marks of a person by object."""
    return [Mark(object_id=name, who=who, mark=mark) for name, mark in marks.items()]  # type: ignore[arg-type]


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    """A journal in a folder."""
    return Marks(Folder(tmp_path))


def test_the_last_word_of_a_person_counts_and_the_others_are_kept(marks):
    """A mark that is changed, and one that is taken back."""
    marks.add(NAME, "liner", said("Ann", a="yes", b="no"))
    marks.add(NAME, "liner", said("Ben", a="no"))
    marks.add(NAME, "liner", said("Ann", a="unsure", b=""))
    read = marks.read(NAME)
    assert [(m.who, m.object_id, m.mark) for m in read.now()] == [("Ann", "a", "unsure"), ("Ben", "a", "no")]
    assert len(read.lines) == 5
    assert read.title == "liner"
    assert marks.names() == [NAME]


def test_a_restart_loses_nothing(marks, tmp_path):
    """Another server reads what the first one kept."""
    kept = marks.add(NAME, "liner", said("Ann", a="yes"))
    assert Marks(Folder(tmp_path)).read(NAME).now() == kept


@pytest.mark.parametrize(
    "torn", [b'{"line": "mark", "object_id": "b", "who": "A', '{"comment": "é'.encode()[:-1]]
)
def test_a_torn_line_is_left_out_and_said(marks, tmp_path, torn):
    """Writing was interrupted; what comes after it is whole."""
    marks.add(NAME, "liner", said("Ann", a="yes"))
    with (tmp_path / "marks" / f"{NAME}.jsonl").open("ab") as file:
        file.write(torn)
    marks.add(NAME, "liner", said("Ann", c="no"))
    read = marks.read(NAME)
    assert [m.object_id for m in read.now()] == ["a", "c"]
    assert read.torn == 1


def test_two_who_mark_at_once_lose_nothing(tmp_path):
    """Two journals in one folder, as of two servers: the lock is that of the file."""

    def many(who: str) -> None:
        journal = Marks(Folder(tmp_path))
        for i in range(40):
            journal.add(NAME, "liner", [Mark(object_id=f"{who}-{i}", who=who, mark="yes", comment="x" * 500)])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(many, ("Ann", "Ben")))
    read = Marks(Folder(tmp_path)).read(NAME)
    assert read.torn == 0
    assert {m.object_id for m in read.now()} == {f"{who}-{i}" for who in ("Ann", "Ben") for i in range(40)}
    content = (tmp_path / "marks" / f"{NAME}.jsonl").read_text().splitlines()
    assert sum(json.loads(line)["line"] == "list" for line in content) == 1


def test_bases_in_memory_and_object_stores_keep_marks(tmp_path):
    """By the files that a base has, wherever it is."""
    from pyarrow.fs import LocalFileSystem

    from spectrove.knowledge.files import ObjectStore

    (tmp_path / "bucket").mkdir()
    for files in (Memory(), ObjectStore(LocalFileSystem(), str(tmp_path / "bucket"))):
        journal = Marks(files)
        journal.add(NAME, "liner", said("Ann", a="yes"))
        journal.add(NAME, "liner", said("Ben", a="no"))
        assert len(Marks(files).read(NAME).now()) == 2
        assert journal.names() == [NAME]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    """And says how to keep marks elsewhere."""
    tmp_path.chmod(0o500)
    with pytest.raises(Problem, match="--marks FOLDER"):
        Marks(Folder(tmp_path)).add(NAME, "liner", said("Ann", a="yes"))


def test_a_place_that_is_a_file_is_a_sentence(tmp_path):
    """And says how to keep marks elsewhere."""
    (tmp_path / "marks").write_text("")
    with pytest.raises(Problem, match="--marks FOLDER"):
        Marks(Folder(tmp_path)).add(NAME, "liner", said("Ann", a="yes"))


@pytest.mark.parametrize("name", ["../kb", "a/b", "", "A", "x" * 100, "kb.json", ".lock"])
def test_no_other_text_names_a_file(marks, name):
    """Neither to read nor to write."""
    with pytest.raises(Problem, match="no list of marks"):
        marks.read(name)
    with pytest.raises(Problem, match="no list of marks"):
        marks.add(name, "x", said("Ann", a="yes"))


def test_agreement_is_cohens_kappa(marks):
    """By hand: of ten, seven alike; expected by chance .5 * .6 + .5 * .4 = .5, so (.7 - .5) / .5 = .4."""
    ann = dict(zip("abcdefghij", ["yes"] * 5 + ["no"] * 5, strict=True))
    ben = dict(
        zip("abcdefghij", ["yes", "yes", "yes", "yes", "no", "no", "no", "no", "yes", "yes"], strict=True)
    )
    marks.add(NAME, "liner", [*said("Ann", **ann, only="yes"), *said("Ben", **ben)])
    found = agreement(marks.read(NAME), "Ann", "Ben")
    assert (found.both, found.alike) == (10, 7)
    assert found.kappa == pytest.approx(0.4)
    assert [a.object_id for a, _ in found.differ] == ["e", "i", "j"]


def test_agreement_without_meaning_is_none(marks):
    """Everything the same, or nothing in common."""
    marks.add(
        NAME, "liner", [*said("Ann", a="yes", b="yes"), *said("Ben", a="yes", b="yes"), *said("Cleo", c="no")]
    )
    read = marks.read(NAME)
    assert agreement(read, "Ann", "Ben").kappa is None
    assert agreement(read, "Ann", "Cleo").both == 0


def test_what_people_differ_in_is_disputed(marks):
    """Yes and no, or two classes; a class that only one gives is taken."""
    marks.add(NAME, "liner", [
        *said("Ann", a="yes", b="yes"), *said("Ben", a="no"),
        Mark(object_id="c", who="Ann", mark="yes", kind="LINER"),
        Mark(object_id="c", who="Ben", mark="yes", kind="Seyfert"),
        Mark(object_id="d", who="Ann", mark="yes", kind="LINER"), Mark(object_id="d", who="Ben", mark="yes"),
        Mark(object_id="e", who="Ben", comment="only a word"),
    ])  # fmt: skip
    sure, disputed = agreed(marks.read(NAME))
    assert set(sure) == {"b", "d"}
    assert sure["d"].kind == "LINER"
    assert set(disputed) == {"a", "c"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": 5},
        {"z": -3.0},
        {"mark": "perhaps"},
        {"who": ""},
        {"who": "  "},
        {"object_id": ""},
        {"more": 1},
    ],
)
def test_marks_that_cannot_be_are_refused(wrong):
    """Before they are kept."""
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        Mark.model_validate({"object_id": "a", "who": "Ann", "mark": "yes"} | wrong)
