"""The journal of a watch: which question it answers, and what it learns when it is opened again."""

from __future__ import annotations

import json

import pytest

from spectrove.errors import DatasetError
from spectrove.pipeline.journal import Arrival, Journal, digest_of

ASKED = {
    "base": "/a.kb",
    "folder": "/in",
    "targets": ["quiet"],
    "contents": {"quiet": "01ab"},
    "missing_z": "refuse",
}


def opened(results, **differing) -> None:
    """Open a journal and close it."""
    Journal.open(results, ASKED | differing).close()


def lines(results) -> list[dict]:
    journal = results.with_name("found.journal.jsonl")
    return [json.loads(line) for line in journal.read_text().splitlines()]


def test_a_journal_that_did_not_say_what_its_targets_ask_says_it_from_now_on(tmp_path):
    """As earlier versions wrote it: it is gone on with once, and then holds to that content."""
    results = tmp_path / "found.jsonl"
    old = {"event": "watch", "base": "/a.kb", "folder": "/in", "targets": ["quiet"], "time": "2026-01-01"}
    results.with_name("found.journal.jsonl").write_text(json.dumps(old) + "\n")
    opened(results)
    assert [entry.get("contents") for entry in lines(results)] == [None, {"quiet": "01ab"}]
    opened(results)
    assert len(lines(results)) == 2
    with pytest.raises(DatasetError, match="targets that said something else"):
        opened(results, contents={"quiet": "02cd"})
    with pytest.raises(DatasetError, match="another --missing-z"):
        opened(results, missing_z="estimate")
    with pytest.raises(DatasetError, match="another folder"):
        opened(results, folder="/elsewhere")
    assert len(lines(results)) == 2


def test_a_file_whose_content_changed_is_another_one_also_after_a_restart(tmp_path):
    """Under its name and with its size; the first content that comes back is done again."""
    file, results = tmp_path / "a.fits", tmp_path / "found.jsonl"

    def arrival(content: str, at: int) -> Arrival:
        file.write_text(content)
        return Arrival(file, "a.fits", (len(content), at), 0.0, digest_of(file))

    one, two = arrival("first", 1), arrival("other", 2)
    journal = Journal.open(results, ASKED)
    journal.settle("done", [(one, {})])
    for turn in range(2):
        assert journal.is_settled("a.fits", one.mark)
        assert not journal.is_settled("a.fits", two.mark)
        assert journal.same_as(one) == "a.fits"
        assert journal.same_as(two) == ""
        assert journal.replaces(two)
        if turn == 0:
            journal.close()
            journal = Journal.open(results, ASKED)
    journal.settle("done", [(two, {})])
    assert journal.same_as(one) == ""
    assert journal.replaces(one)
    journal.close()
