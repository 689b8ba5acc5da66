"""A real LINER explained by the whole path, read from its survey file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from spectrove.explanation.report import write_report
from spectrove.explanation.sentences import why
from spectrove.galaxies.diagram.measured import bpt_of
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import Spectrum


def read_some(data_dir: Path, n: int) -> list[tuple[Spectrum, str]]:
    """The first n bright LINERs by their catalog label, with it."""
    from spectrove.readers import read_file

    with open(data_dir / "galaxies" / "index.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["group"] == "sdss" and r["class_derived"] == "LINER"]
    bright = [r for r in rows if float(r["sn_median"]) > 40][:n]
    return [(read_file(data_dir / "galaxies" / r["path"])[0], r["class_derived"]) for r in bright]


@pytest.mark.real
def test_a_real_liner_is_explained_by_real_liners(data_dir, by_base, tmp_path):
    found = read_some(data_dir, 4)
    query, known = found[0][0], found[1:]
    answer = by_base(tmp_path, query, [s for s, _ in known], [v for _, v in known], load_target("liner"))
    assert (
        f"{query.object_id} is called a LINER (P 1.00): 3 of its 3 nearest known spectra are LINERs"
        in why(answer)
    )
    assert bpt_of(answer.query).nii_ha.kind == "measured"
    page = write_report(answer, tmp_path / "why.html").read_text("utf-8")
    assert all(n.object_id in page for n in answer.neighbors)
