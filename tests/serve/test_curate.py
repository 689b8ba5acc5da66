"""spectrove kb curate: a review out, decisions in, and back again."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from spectrove.knowledge import KnowledgeBase

LABEL = "class_derived"


@pytest.fixture
def kb(survey, tmp_path) -> Path:
    """A copy of the base in which one quiescent galaxy is called star-forming."""
    path = tmp_path / "mock.kb"
    shutil.copytree(survey.base, path)
    base = KnowledgeBase.open(path)
    rows = base.rows(columns=[LABEL]).to_pylist()
    victim = next(r["object_id"] for r in rows if r[LABEL] == "quiescent")
    base.curate({victim: (LABEL, "SF")}, set(), since=base.version)
    (tmp_path / "victim").write_text(victim)
    return path


def review(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV review."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def decided(path: Path, rows: list[dict[str, str]]) -> Path:
    """The review as people give it back."""
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_wrong_label_goes_through_review_to_a_new_version_and_back(spectrove, kb, tmp_path):
    """Found by its lines, accepted, applied, rolled back."""
    victim = (tmp_path / "victim").read_text()
    result = spectrove("kb", "curate", kb, "--label", LABEL, "-o", "review.csv")
    assert result.exit_code == 0
    assert victim in result.stdout
    rows = review(Path("review.csv"))
    row = next(r for r in rows if r["object_id"] == victim)
    assert (row["current"], row["suggested"], row["action"]) == ("SF", "quiescent", "relabel")
    assert row["decision"] == ""
    assert float(row["confidence"]) > 0.8

    before = KnowledgeBase.open(kb).version
    row["decision"] = "accept"
    done = spectrove("kb", "curate", kb, "--apply", decided(Path("review.csv"), rows), "--json")
    assert json.loads(done.stdout) == {
        "relabelled": 1, "removed": 0, "unchanged": len(rows) - 1, "version": before + 1,
    }  # fmt: skip
    value = KnowledgeBase.open(kb).rows(f"object_id = '{victim}'", [LABEL]).column(LABEL).to_pylist()
    assert value == ["quiescent"]
    assert spectrove("kb", "rollback", kb, before).exit_code == 0
    value = KnowledgeBase.open(kb).rows(f"object_id = '{victim}'", [LABEL]).column(LABEL).to_pylist()
    assert value == ["SF"]


def test_json_is_a_line_per_finding(spectrove, kb):
    """With the keys of the table."""
    result = spectrove("kb", "curate", kb, "--label", LABEL, "--no-duplicates", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines
    assert all(set(line) >= {"object_id", "kind", "suggested", "reason", "nearest"} for line in lines)
    assert isinstance(lines[0]["nearest"], list)


@pytest.mark.parametrize("suffix", [".ecsv", ".parquet", ".fits", ".vot"])
def test_a_review_comes_back_from_every_format(spectrove, kb, suffix):
    """Nothing is accepted, so nothing changes."""
    before = KnowledgeBase.open(kb).version
    spectrove("kb", "curate", kb, "--label", LABEL, "--no-duplicates", "-o", f"review{suffix}")
    result = spectrove("kb", "curate", kb, "--apply", f"review{suffix}")
    assert result.exit_code == 0
    assert "0 labels changed" in result.stdout
    assert KnowledgeBase.open(kb).version == before


def test_a_vote_of_trusted_labels_is_a_vote(spectrove, kb, survey):
    """The option leaves objects out of the vote, not out of the answers."""
    asked = ("classify", kb, survey.dataset, "--label", LABEL, "--metric", "none", "--json")
    plain, trusted = (spectrove(*asked, *more).stdout.splitlines() for more in ((), ("--trusted",)))
    assert len(plain) == len(trusted) > 0


def test_a_stale_review_is_refused(spectrove, kb, tmp_path):
    """With exit code 2, and nothing written."""
    spectrove("kb", "curate", kb, "--label", LABEL, "--no-duplicates", "-o", "review.csv")
    victim = (tmp_path / "victim").read_text()
    spectrove("kb", "delete", kb, "--where", f"object_id = '{victim}'")
    before = KnowledgeBase.open(kb).version
    result = spectrove("kb", "curate", kb, "--apply", "review.csv")
    assert result.exit_code == 2
    assert "is at version" in result.stderr
    assert KnowledgeBase.open(kb).version == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--label COLUMN or --apply FILE"),
        (("--label", LABEL, "--apply", "x.csv"), "found both"),
        (("--label", "klass_derived"), "class_derived"),
        (("--apply", "nothing.csv"), "no such review"),
        (("--label", LABEL, "-o", "x.txt"), "names no format"),
    ],
)
def test_wrong_questions_end_with_two(spectrove, kb, arguments, words):
    """One sentence on stderr, before any work."""
    result = spectrove("kb", "curate", kb, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
