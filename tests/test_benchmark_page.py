"""Benchmarks write their tables into one page, each between its own marks."""

from __future__ import annotations

from pathlib import Path

from benchmarks import results


def test_a_table_replaces_the_one_before_it_and_leaves_the_rest(tmp_path: Path):
    """Text before, between and after the marks of two benchmarks stays as it is."""
    readme = tmp_path / "README.md"
    readme.write_text("# Head\n\n<!-- one: begin -->\nold\n<!-- one: end -->\n\ntail\n", "utf-8")
    results.keep("two", "first", readme)
    results.keep("one", "new", readme)
    results.keep("two", "second", readme)
    assert readme.read_text("utf-8") == (
        "# Head\n\n<!-- one: begin -->\nnew\n<!-- one: end -->\n\ntail\n\n"
        "<!-- two: begin -->\nsecond\n<!-- two: end -->\n"
    )


def test_a_table_has_a_line_for_each_row():
    assert results.markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"
