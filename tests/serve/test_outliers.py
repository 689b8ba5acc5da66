"""spectrove outliers: what it prints, the table and the page that it writes."""

from __future__ import annotations

import json
import re

import pyarrow.parquet as pq
import pytest

TEST = ("--queries", "split = 'test'")


def rows_of(text: str) -> list[dict]:
    """JSON Lines as dictionaries."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def answered(survey, tmp_path_factory):
    """One run that writes the page, for every test that only reads what came out."""
    from typer.testing import CliRunner

    from spectrove.serve.cli import app

    page = tmp_path_factory.mktemp("page") / "weird.html"
    command = ["outliers", survey.base, survey.dataset, *TEST, "--json", "--top", "5", "-o", page]
    return CliRunner().invoke(app, [str(word) for word in command]), page


def test_json_has_the_documented_keys_oddest_first(answered):
    result, _ = answered
    assert result.exit_code == 0, result.output
    rows = rows_of(result.stdout)
    assert len(rows) == 5
    assert list(rows[0]) == ["object_id", "score", "p_value", "reason", "why", "regions", "flags"]
    assert [row["p_value"] for row in rows] == sorted(row["p_value"] for row in rows)
    assert all(0 < row["p_value"] <= 1 for row in rows)
    assert all(low < high for row in rows for low, high in row["regions"])
    assert "unusual at p ≤ 0.01" in result.stderr


def test_the_page_holds_a_picture_and_a_reason_for_each_and_needs_nothing_else(answered):
    """Figures are inside the file; the only addresses are links that a reader may follow."""
    result, page = answered
    html = page.read_text("utf-8")
    assert html.count("data:image/png;base64,") == 5
    for row in rows_of(result.stdout):
        assert row["object_id"] in html
        assert row["reason"] in html
    assert "<script" not in html
    assert not re.search(r'(?:src|href)="(?!#|data:|https://(?:skyserver|www\.legacysurvey)\.)', html)


def test_another_suffix_writes_a_table_of_every_answer(spectrove, survey, tmp_path):
    """In the order of the input."""
    result = spectrove("outliers", survey.base, survey.dataset, *TEST, "--json", "-o", "weird.parquet")
    table = pq.read_table(tmp_path / "weird.parquet")
    rows = rows_of(result.stdout)
    assert table.column("object_id").to_pylist() == [row["object_id"] for row in rows]
    assert table.column("p_value").to_pylist() == [row["p_value"] for row in rows]
    assert table.column("reason").to_pylist() == [row["reason"] for row in rows]


def test_an_unknown_suffix_is_asked_wrongly(spectrove, survey):
    result = spectrove("outliers", survey.base, survey.dataset, "-o", "weird.docx")
    assert result.exit_code == 2
    assert ".html" in result.stderr


def test_the_screen_shows_the_reason_in_words(spectrove, survey):
    result = spectrove("outliers", survey.base, survey.dataset, *TEST, "--top", "3")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["object", "p", "score", "reason", "evidence"]
    assert len(lines) == 5
