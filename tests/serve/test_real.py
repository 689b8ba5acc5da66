"""The commands on real files of every survey at hand."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.real


def test_every_file_is_read_or_has_a_line_that_says_why_not(spectrove, data_dir):
    """The smallest files of each group, in one run: nothing is lost without a word."""
    files = []
    for group in sorted(p for p in (data_dir / "galaxies").iterdir() if p.is_dir()):
        files += sorted((f for f in group.iterdir() if f.is_file()), key=lambda f: f.stat().st_size)[:2]
    result = spectrove("ingest", *files, "-o", "all.lance", "--workers", 1)
    refused = [json.loads(line) for line in result.stderr.splitlines()]
    from spectrove.readers import read_dataset

    read = {path for path in read_dataset("all.lance").column("path") if path}
    assert read | {line["path"] for line in refused} == {str(f) for f in files}
    assert not read & {line["path"] for line in refused}
    assert result.exit_code == (1 if refused else 0)


def test_a_label_from_a_catalog_can_be_asked_for(spectrove, survey, data_dir):
    """Real galaxies with the real catalog, against a base of mocks: one Target serves both."""
    files = sorted((data_dir / "galaxies" / "sdss").glob("spec-0266-*"))[:6]
    catalog = data_dir / "galaxies" / "index.csv"
    result = spectrove("ingest", *files, "--catalog", catalog, "-o", "sdss.lance", "--workers", 1)
    assert "6 of 6 spectra matched" in result.stdout
    result = spectrove("hunt", survey.base, "sdss.lance", "--target", "liner", "--json")
    assert result.exit_code == 0
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["z_source"] for row in rows] == ["catalog"] * 6
