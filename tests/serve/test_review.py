"""hunt --review: from no sheet to a list that says how complete it is."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import Result

from spectrove.serve.exits import WRONG_USAGE


@pytest.fixture
def asked(survey):
    """The hunt that is looked through."""
    return ("hunt", survey.base, survey.dataset, "--target", "liner", "--review", "marks.csv", "--next", 12)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refused(result: Result) -> str:
    """What stderr says, in one line, of a command that was asked wrongly."""
    assert result.exit_code == WRONG_USAGE
    return " ".join(result.stderr.split())


def mark(path: Path, said: dict[str, str]) -> None:
    """Write marks as a person does who has also sorted nothing and added a column."""
    rows = [row | {"mark": said[row["object_id"]], "mine": f"saw {i}"} for i, row in enumerate(rows_of(path))]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def truth(survey) -> dict[str, str]:
    from spectrove.readers import read_dataset

    spectra = read_dataset(survey.dataset)
    column = spectra.column("z")
    middle = sorted(column)[len(column) // 2]
    return {n: "yes" if z > middle else "no" for n, z in zip(spectra.object_id.tolist(), column, strict=True)}


def test_a_sheet_is_made_then_marks_are_read_and_more_is_proposed(spectrove, asked, truth, tmp_path):
    """Two rounds: what the person wrote is kept, nothing is proposed twice, and the sentence has the numbers."""
    first = spectrove(*asked)
    assert first.exit_code == 0
    made = rows_of(tmp_path / "marks.csv")
    assert len(made) == 12
    assert {row["proposed_because"] for row in made} == {"likely", "random"}
    assert "12 spectra added to marks.csv" in first.stdout
    mark(tmp_path / "marks.csv", truth)
    second = spectrove(*asked)
    found = sum(truth[row["object_id"]] == "yes" for row in made)
    assert f"found {found}; estimated " in second.stdout
    again = rows_of(tmp_path / "marks.csv")
    assert [row["mine"] for row in again[:12]] == [f"saw {i}" for i in range(12)]
    assert [row["object_id"] for row in again[:12]] == [row["object_id"] for row in made]
    assert len({row["object_id"] for row in again}) == len(again) == 24
    assert {row["round"] for row in again[12:]} == {"2"}


def test_json_says_the_same_and_a_page_and_a_ranking_are_written(spectrove, asked, truth, tmp_path):
    spectrove(*asked)
    mark(tmp_path / "marks.csv", truth)
    result = spectrove(*asked, "--json", "-o", "ranking.csv", "--report", "look.html")
    *proposed, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["object_id"] for one in proposed] == [
        row["object_id"] for row in rows_of(tmp_path / "marks.csv")[12:]
    ]
    assert last["completeness"]["found"] == sum(
        truth[row["object_id"]] == "yes" for row in rows_of(tmp_path / "marks.csv")[:12]
    )
    ranking = rows_of(tmp_path / "ranking.csv")
    assert len(ranking) == len(truth)
    assert sum(row["mark"] != "" for row in ranking) == 12
    assert all(one["object_id"] in (tmp_path / "look.html").read_text("utf-8") for one in proposed)


def test_wrong_sheets_are_refused_before_the_work(spectrove, asked, survey, tmp_path):
    (tmp_path / "marks.csv").write_text("id,verdict\n1,yes\n")
    assert "no column object_id nor mark" in refused(spectrove(*asked))
    assert (tmp_path / "marks.csv").read_text() == "id,verdict\n1,yes\n"
    hunt = ("hunt", survey.base, survey.dataset, "--target", "liner")
    assert "Give --review" in refused(spectrove(*hunt, "--next", 3))
    assert "expected one of .csv" in refused(spectrove(*hunt, "--review", "marks.txt"))


def test_a_sheet_of_another_hunt_is_refused_and_stays(spectrove, asked, tmp_path):
    spectrove(*asked)
    before = (tmp_path / "marks.csv").read_bytes()
    other = ["outlier" if word == "liner" else word for word in asked]
    assert "marks of liner, this hunt is for outlier" in refused(spectrove(*other))
    assert (tmp_path / "marks.csv").read_bytes() == before


def test_python_reads_and_writes_the_same_sheet(spectrove, asked, survey, truth, tmp_path):
    """`base.review` continues what the command began."""
    import spectrove as package
    from spectrove.readers import read_dataset

    spectrove(*asked)
    mark(tmp_path / "marks.csv", truth)
    spectra = read_dataset(survey.dataset)
    state = package.open(survey.base).review(spectra, "liner", sheet=tmp_path / "marks.csv", n=5)
    assert len(state.marks) == 12
    assert [one.object_id for one in state.next] == [
        row["object_id"] for row in rows_of(tmp_path / "marks.csv")[12:]
    ]
    assert len(state.next) == 5
    assert state.completeness.sentence.startswith("found ")


def test_a_hunt_by_example_is_looked_through_and_its_examples_are_named_in_the_sheet(
    spectrove, survey, truth, tmp_path
):
    """Examples are no candidates; with other examples the sheet is refused."""
    one, two = [name for name, said in truth.items() if said == "yes"][:2]
    hunt = ("hunt", survey.base, survey.dataset, "--review", "marks.csv", "--next", 15, "--like")
    assert spectrove(*hunt, one).exit_code == 0
    made = rows_of(tmp_path / "marks.csv")
    assert {row["target"] for row in made} == {f"like {one}"}
    assert one not in {row["object_id"] for row in made}
    mark(tmp_path / "marks.csv", truth)
    assert "estimated" in spectrove(*hunt, one).stdout
    assert f"this hunt is for like {two}" in refused(spectrove(*hunt, two))
