"""spectrove measure, and kb measure: what is printed, refused, stored."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import spectrove as package
from spectrove.galaxies.measuring import measurer as of_galaxies
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import read_dataset


@pytest.fixture
def own_base(survey, tmp_path):
    """A copy of the base, to change, without what other tests had it measure."""
    return shutil.copytree(survey.base, tmp_path / "own.kb", ignore=shutil.ignore_patterns("measures"))


def one_file(survey):
    """The first file of the survey."""
    return sorted(survey.files.rglob("spec-*"))[0]


def test_one_spectrum_is_shown_in_full_without_a_base(spectrove, survey):
    """By groups, with names, errors and units; what could not be measured is named."""
    shown = spectrove("measure", one_file(survey)).stdout
    for word in (
        "line flux",
        "equivalent width",
        "ha_ew",
        "H alpha equivalent width",
        "±",
        "1e-17 erg/s/cm2",
        "mag",
    ):
        assert word in shown
    assert "measured 1 spectrum" in shown


def test_what_cannot_be_is_flagged(survey):
    """Strengths of emission far below zero, and a redshift of the solar neighbourhood."""
    from spectrove.pipeline.measure import doubts

    spectra = read_dataset(survey.dataset)
    found = package.measure(None, spectra)
    lines = [one for one in found[0].measures if one.name in ("ha_ew", "nii_ew")]
    good = {"ha_ew": -1.0, "ha_ew_err": 0.5, "nii_ew": None, "nii_ew_err": None}
    assert doubts(0.05, lines, good) == ()
    assert doubts(0.05, lines, good | {"ha_ew": -2.6}) == ("negative_strength",)
    assert doubts(0.0004, lines, good) == ("z_near_zero",)
    assert doubts(None, lines, good) == ()
    wrong = package.measure(None, package.at_redshift(spectra.take([0]), 0.0005), measures="d4000n")
    assert "z_near_zero" in wrong[0].flags


def test_many_spectra_are_a_table_of_a_few_numbers(spectrove, survey):
    """A line each; --measures says which."""
    lines = spectrove("measure", survey.dataset).stdout.splitlines()
    assert len(lines) == 62
    assert "ha_ew (angstrom)" in lines[0]
    assert "lick_mgb" not in lines[0]
    chosen = spectrove("measure", survey.dataset, "--measures", "lick_mgb,rest_g_r").stdout.splitlines()
    assert chosen[0].split()[:4] == ["object", "z", "lick_mgb", "(angstrom)"]
    assert "ha_ew" not in chosen[0]


def test_json_and_a_file_say_the_same(spectrove, survey, tmp_path):
    """And the same as from Python."""
    path = tmp_path / "m.parquet"
    done = spectrove("measure", survey.dataset, "--measures", "d4000n", "--json", "-o", path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    table = pq.read_table(path)
    assert table.column("measured_d4000n").to_pylist() == [row["measured"]["d4000n"] for row in rows]
    assert done.stdout == package.measure(None, read_dataset(survey.dataset), measures=["d4000n"]).to_json()


def test_a_name_that_is_not_measured_is_refused_with_the_nearest(spectrove, survey):
    """Before anything is measured."""
    done = spectrove("measure", survey.dataset, "--measures", "ha_eww")
    assert done.exit_code == 2
    assert "did you mean ha_ew" in done.stderr


def test_a_spectrum_without_a_redshift_is_refused_with_advice(spectrove, survey, tmp_path):
    """Until it is given, or estimated, which is said."""
    spectrum = read_dataset(survey.dataset)[0]
    path = tmp_path / "bare.csv"
    rows = zip(spectrum.wavelength, spectrum.flux, spectrum.ivar**-0.5, strict=True)
    good = [f"{w:.4f},{f:.5g},{e:.5g}" for w, f, e in rows if np.isfinite(e)]
    path.write_text("\n".join(["wavelength,flux,error", *good]))
    refused = spectrove("measure", path)
    assert refused.exit_code == 1
    assert "no redshift" in refused.stderr
    assert "-z Z" in refused.stderr
    given = json.loads(spectrove("measure", path, "-z", spectrum.z, "--json").stdout)
    assert given["z_source"] == "given"
    assert given["measured"]["d4000n"] is not None
    assert given["measured"]["ha_flux"] is None  # the file names no unit
    estimated = json.loads(spectrove("measure", path, "--missing-z", "estimate", "--json").stdout)
    assert estimated["z_source"] == "estimated"


def test_numbers_are_stored_as_one_version_with_their_origin(spectrove, own_base):
    """Under names of their own, the same numbers as of the spectra; the catalog and the vectors stay as they were."""
    before = KnowledgeBase.open(own_base)
    version, catalog = before.version, before.rows(columns=["object_id", "d4000n"]).to_pylist()
    done = json.loads(spectrove("kb", "measure", own_base, "--json").stdout.splitlines()[0])
    assert done["version"] == version + 1
    base = KnowledgeBase.open(own_base)
    rows = base.rows(columns=["measured_d4000n", "measured_d4000n_err"]).to_pylist()
    fresh = package.measure(None, base.spectra([row["object_id"] for row in rows]))
    assert [row["measured_d4000n"] for row in rows] == [m.values["d4000n"] for m in fresh]
    assert base.rows(columns=["object_id", "d4000n"]).to_pylist() == catalog
    assert base.count("measured_d4000n > 1.5 AND measured_d4000n_err < 0.5") < len(base)
    assert base.fingerprints == before.fingerprints
    again = json.loads(spectrove("kb", "measure", own_base, "--json").stdout.splitlines()[0])
    assert again["version"] == version + 1
    for command in ("info", "labels"):  # 57 quantities are one line
        shown = spectrove("kb", command, own_base).stdout
        assert "57 quantities as measured_NAME, with errors: oii_flux," in shown
        assert "measured_nad_ew" not in shown
    base.rollback(version)
    assert "measured_d4000n" not in KnowledgeBase.open(own_base).rows().column_names


def test_an_interrupted_measurement_goes_on_where_it_stopped(own_base, monkeypatch):
    """What had been measured is kept, and no column is there before all is measured."""
    monkeypatch.setattr(of_galaxies, "KEPT", 8)
    monkeypatch.setattr(of_galaxies, "BLOCK", 8)
    base, seen = KnowledgeBase.open(own_base), []

    def stop(n):
        seen.append(n)
        if len(seen) == 3:
            raise KeyboardInterrupt

    from spectrove import pipeline

    with pytest.raises(KeyboardInterrupt):
        pipeline.store_measures(base, progress=stop)
    assert "measured_d4000n" not in KnowledgeBase.open(own_base).rows().column_names
    left: list[int] = []
    pipeline.store_measures(KnowledgeBase.open(own_base), progress=left.append)
    assert sum(left) == len(base) - 16


def test_a_condition_measures_a_part(own_base):
    """Others keep what they have, and the names chosen are all there is."""
    base = package.open(own_base)
    done = base.store_measures("ha_ew", where="z < 0.08")
    assert done.columns == ("measured_ha_ew",)
    inside = base.count("z < 0.08")
    assert 0 < inside < len(base)
    assert base.count("measured_ha_ew IS NOT NULL") <= inside
    assert done.measured + done.unmeasured == inside
