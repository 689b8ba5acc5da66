"""The demo is the main job: it runs over what an earlier run left, and its report says what was done."""

from __future__ import annotations

import re

import pytest

from experiments.demo import main, not_flagged
from experiments.samples.injected import with_lenses, with_outliers
from spectrove.errors import LeakError, SpectroveError
from spectrove.evaluation.evaluate import evaluate
from spectrove.evaluation.hunts import make_bases, score_hunt
from spectrove.galaxies.mock import write_survey
from spectrove.readers import ingest, read_dataset


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    # What an earlier run left is replaced.
    ingest([write_survey(4, folder / "mock", seed=7).parent], folder / "mock.lance")
    make_bases(folder, read_dataset(folder / "mock.lance"), ["pca"], "mock")
    (folder / "report.html").write_text("an earlier report")
    assert main(["-n", "160", "-o", str(folder), "--no-data", "--top", "1"]) == 0
    assert len(read_dataset(folder / "mock.lance")) == 160
    return folder


def test_the_report_shows_each_hunt_with_both_encoders(demo):
    page = (demo / "report.html").read_text()
    for words in ("LINER", "strong lens", "outlier", "Encoders side by side", "Mock spectra only"):
        assert words in page
    assert len(re.findall(r"<td[^>]*>\s*pca\s*</td>", page)) == 3
    assert not re.search(r'src="https?:', page)


def test_classes_are_measured_by_plate_with_intervals(demo):
    result = evaluate("classes", demo / "mock.lance", encoders=["pca"], folds=2, group="plate", seeds=1)
    macro = next(r for r in result.rows if (r["task"], r["class"], r["metric"]) == ("3-class", "macro", "f1"))
    assert macro["low"] <= macro["value"] <= macro["high"]
    assert macro["value"] > 0.7  # chance is a third; 0.9 is usual with this few
    assert "bootstrap over plates" in result.text


def test_an_unknown_measurement_lists_those_there_are(demo):
    with pytest.raises(SpectroveError, match="classes"):
        evaluate("everything", demo / "mock.lance")


def test_a_plate_in_the_base_and_among_the_queries_is_refused(demo, tmp_path):
    spectra = read_dataset(demo / "mock.lance")
    base = make_bases(tmp_path, spectra, ["pca"], "all")["pca"]
    with pytest.raises(LeakError, match="groups are in the base"):
        score_hunt(base, spectra, "liner")


def test_injection_leaves_controls_and_no_twins(demo):
    hosts = read_dataset(demo / "mock.lance", where="lens = 'none' AND outlier = 'none'")
    for inject, label in ((with_lenses, "lens"), (with_outliers, "outlier")):
        made = inject(hosts, seed=3)
        assert set(made.column(label)) == {"none", label}
        assert len(set(made.object_id.tolist())) == len(made)
        again = inject(hosts, seed=3)
        assert (made.flux == again.flux).all()


def test_the_liner_hunt_leaves_out_what_lenses_and_outliers_spoil(demo):
    spectra = read_dataset(demo / "mock.lance")
    kept = spectra.take(not_flagged(spectra, "liner"))
    assert set(kept.column("outlier")) == set(kept.column("lens")) == {"none"}
    assert len(not_flagged(spectra, "outlier")) == len(spectra)
