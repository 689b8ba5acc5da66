"""What is written to a base is what was shown, and noted in the journal, or nothing is written."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.serve.web.page.test_addresses import BROWSER
from tests.serve.web.page.test_hunts import (
    answered,
    copied,
    hunted,
    labels_of,
    mark,
    rows,
    seal_in,
    where,
    writing,
)

from spectrove.errors import KnowledgeError
from spectrove.knowledge.files import Folder, Memory
from spectrove.serve.bases import open_base
from spectrove.serve.page import labels, listing, marking
from spectrove.serve.service.marks import Applied, Marks, noted, seal
from spectrove.serve.service.problems import Problem

__all__ = ["copied", "writing"]

COLUMN = "class_derived"


def others(client: TestClient, label: str, n: int) -> list[str]:
    """Objects with another label than this one."""
    return [name for name, had in labels_of(client, COLUMN).items() if had not in (None, label)][:n]


def shown_of(client: TestClient, page: str, status: int = 200, **more: Any) -> str:
    """The page of a list of marks with what would change."""
    asked = {"column": COLUMN, "yes": "LINER", **more}
    answer = client.get(page, params=asked, headers=BROWSER)
    assert answer.status_code == status
    return answer.text


def form_of(page: str) -> dict[str, str]:
    """What the form on it sends."""
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: value for name, value in fields if name in ("column", "yes", "no", "version", "changes")}


def marked(client: TestClient, n: int) -> tuple[str, str, list[str]]:
    """Where marks are sent, their page, and objects that are marked yes."""
    place = where(hunted(client))
    names = others(client, "LINER", n)
    mark(client, place, *({"object_id": name, "who": "Ann", "mark": "yes"} for name in names))
    return place, f"/kb/mock/marks/{place.rpartition('/')[2]}", names


def test_marks_that_came_in_between_are_not_written(writing):
    """Refused with the new list, also where as many labels change; then that list is written."""
    place, page, [first, second] = marked(writing, 2)
    before, version = labels_of(writing, COLUMN), writing.get("/v1/bases/mock").json()["version"]
    old = form_of(shown_of(writing, page))
    third = others(writing, "LINER", 3)[2]
    mark(
        writing, place, {"object_id": second, "who": "Ann", "mark": ""},
        {"object_id": third, "who": "Ben", "mark": "yes"},
    )  # fmt: skip
    refused = writing.post(f"{page}/apply", data=old, headers=BROWSER)
    assert refused.status_code == 409
    assert "Somebody has marked since" in refused.text
    assert third in refused.text.partition("What would change")[2].partition("</table>")[0]
    assert writing.post(f"{page}/apply", data=old).json()["status"] == 409
    assert writing.post(f"{page}/apply", data=old | {"changes": ""}).status_code == 409
    assert writing.get("/v1/bases/mock").json()["version"] == version
    assert labels_of(writing, COLUMN) == before
    done = writing.post(f"{page}/apply", data=form_of(refused.text), follow_redirects=False)
    assert done.status_code == 303
    after = labels_of(writing, COLUMN)
    assert {name for name in after if after[name] != before[name]} == {first, third}


def test_decisions_that_came_in_between_are_not_written(writing):
    """The same of findings about labels."""
    query = {"label": COLUMN, "lines": "0"}
    page = answered(writing, "/kb/mock/labels", **query)
    first, second = [row for row in rows(page) if row["about"].startswith("label")][:2]
    said = [{"object_id": row["id"], "about": row["about"], "who": "Ann"} for row in (first, second)]
    mark(writing, where(page), said[0] | {"mark": "yes"}, title=f"labels of {COLUMN}")
    before = labels_of(writing, COLUMN)
    old = {"changes": seal_in(answered(writing, "/kb/mock/labels", **query))}
    mark(writing, where(page), said[1] | {"mark": "yes"}, title=f"labels of {COLUMN}")
    refused = writing.post("/kb/mock/labels/apply", params=query, data=old, headers=BROWSER)
    assert refused.status_code == 409
    assert "There are 2 now" in refused.text
    assert "2 findings accepted" in refused.text
    assert labels_of(writing, COLUMN) == before
    new = {"changes": seal_in(refused.text)}
    assert new != old
    done = writing.post("/kb/mock/labels/apply", params=query, data=new, follow_redirects=False)
    assert done.status_code == 303
    after = labels_of(writing, COLUMN)
    assert {name for name in after if after[name] != before[name]} == {first["id"], second["id"]}


def full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_what_the_journal_cannot_note_is_taken_back(writing, copied, monkeypatch):
    """Writing, and taking back: the base is as it was, and that is said."""
    _, page, [name] = marked(writing, 1)
    before = labels_of(writing, COLUMN)
    form = form_of(shown_of(writing, page))
    append = Folder.append

    def of_marks(self: Folder, file: str, line: bytes) -> None:
        full() if file.startswith("marks/") else append(self, file, line)

    monkeypatch.setattr(Folder, "append", of_marks)
    refused = writing.post(f"{page}/apply", data=form)
    assert refused.status_code == 507
    assert "Nothing is changed" in refused.json()["detail"]
    assert "No space left" in refused.json()["detail"]
    assert open_base(copied).rows(f"object_id = '{name}'", [COLUMN]).column(COLUMN).to_pylist() == [
        before[name]
    ]
    monkeypatch.undo()
    form = form_of(shown_of(writing, page))
    assert writing.post(f"{page}/apply", data=form, follow_redirects=False).status_code == 303
    monkeypatch.setattr(Folder, "append", of_marks)
    assert writing.post(f"{page}/undo").status_code == 507
    assert labels_of(writing, COLUMN)[name] == "LINER"
    monkeypatch.undo()


class Base:
    """A base of which only the version counts."""

    def __init__(self, version: int, fails: bool = False) -> None:
        self.version, self.fails, self.back = version, fails, list[int]()
        self.path = self
        self.name = "mock.kb"

    def rollback(self, version: int) -> int:
        if self.fails:
            raise KnowledgeError("the disk is full")
        self.back.append(version)
        return self.version + 1


@pytest.mark.parametrize(
    ("base", "back", "words"),
    [
        (Base(5), [4], "Nothing is changed: version 6 of the base is as version 4 was"),
        (Base(7), [], "others have changed the base since; kb rollback mock.kb 4 leads back"),
        (Base(5, fails=True), [], "could not be taken back (the disk is full); kb rollback mock.kb 4"),
    ],
)
def test_what_became_of_a_version_that_was_not_noted_is_said(base, back, words, monkeypatch):
    """It is taken back unless others came after it; the command that leads back is named."""
    done = Applied(what="applied", when="2026-01-01", before=4, after=5)
    monkeypatch.setattr(Memory, "append", full)
    with pytest.raises(Problem) as refused:
        noted(base, Marks(Memory()), "liner-00000000", "liner", done)
    assert refused.value.status == 507
    assert words in refused.value.detail
    assert base.back == back


def test_the_hash_is_of_the_changes_whatever_their_order():
    """Of the version, and of every text; a text cannot pass for two."""
    changes = [["class", "a", None, "LINER"], ["class", "b", "SF", "LINER"]]
    assert seal(3, changes) == seal(3, changes[::-1])
    others = [
        seal(4, changes), seal(3, changes[:1]), seal(3, [["class", "a", "", "LINER"], changes[1]]),
        seal(3, [["class", "a", None, "LINER", *changes[1]]]), seal(3, [changes[0], ["class", "b", "SF", "SF"]]),
    ]  # fmt: skip
    assert seal(3, changes) not in others
    assert len(set(others)) == len(others)


def test_what_is_left_out_of_a_table_is_said_and_can_be_shown(writing, monkeypatch):
    """Changes, marks, findings that are accepted, spectra without an answer."""
    for module in (marking, labels):
        monkeypatch.setattr(module, "MOST_CHANGES", 1)
    monkeypatch.setattr(marking, "MOST_MARKS", 2)
    _, page, names = marked(writing, 3)

    def shown(text: str, title: str) -> list[str]:
        table = text.partition(f'aria-label="{title}"')[2].partition("</table>")[0]
        return [name for name in names if name in table]

    text = shown_of(writing, page)
    assert "The first 1 of 3 are shown, and all would be written" in text
    assert "The last 2 of 3 marks are shown" in text
    assert (shown(text, "What would change"), shown(text, "Marks")) == (names[:1], names[1:])
    found = re.search(r'<a href="([^"]+whole=1[^"]*)">Show all', text)
    assert found is not None
    text = writing.get(found[1].replace("&amp;", "&"), headers=BROWSER).text
    assert (shown(text, "What would change"), shown(text, "Marks")) == (names, names)
    assert "are shown" not in text

    query = {"label": COLUMN, "lines": "0"}
    text = answered(writing, "/kb/mock/labels", **query)
    findings = [row for row in rows(text) if row["about"].startswith("label")][:2]
    names = [row["id"] for row in findings]
    said = ({"object_id": row["id"], "about": row["about"], "who": "Ann", "mark": "yes"} for row in findings)
    mark(writing, where(text), *said, title=f"labels of {COLUMN}")
    text = answered(writing, "/kb/mock/labels", **query)
    assert "The first 1 of 2 are shown, and all would be written" in text
    assert len(shown(text, "What would change")) == 1
    found = re.search(r'<a href="([^"]+whole=1[^"]*)">Show all', text)
    assert found is not None
    text = writing.get(found[1].replace("&amp;", "&"), headers=BROWSER).text
    assert len(shown(text, "What would change")) == 2


def test_spectra_without_an_answer_are_counted_and_can_all_be_shown(writing, monkeypatch):
    """In a hunt and among outliers: those that have no answer."""
    from spectrove.serve.service.hunting import Candidates

    monkeypatch.setattr(listing, "MOST_REFUSALS", 1)
    refused = [{"object_id": f"bad-{i}", "error": "all of it is masked"} for i in range(3)]
    of = Candidates.of
    monkeypatch.setattr(
        Candidates, "of",
        lambda *given: Candidates((made := of(*given)).rows, refused, made.about),
    )  # fmt: skip
    for text in (hunted(writing), answered(writing, "/kb/mock/outliers")):
        assert "The first 1 of 3 are shown" in text
        assert ("bad-0" in text, "bad-1" in text) == (True, False)
        found = re.search(r'<a href="([^"]+whole=1[^"]*)#unanswered">Show all', text)
        assert found is not None
        assert "bad-2" in writing.get(found[1].replace("&amp;", "&"), headers=BROWSER).text
