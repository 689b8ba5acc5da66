"""From PHA files to classes with the same commands as for galaxies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.xray.ogip_files import (
    CHANNELS,
    expected_counts,
    power_law,
    smeared,
    smooth_area,
    write_arf,
    write_pha,
    write_rmf,
)
from typer.testing import CliRunner

from spectrove.serve.cli import app

N = len(CHANNELS) - 1

#: Photon index and absorption of two classes, and how many there are of each.
KINDS = {"AGN": (1.7, 0.6), "LM-STAR": (2.8, 0.0)}
EACH = 45


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of sources, six in each observation, one response for all; and a catalog of the classes."""
    place = tmp_path_factory.mktemp("pha")
    write_arf(place / "r.arf", smooth_area())
    write_rmf(place / "r.rmf", smeared())
    rng = np.random.default_rng(3)
    rows = ["path,class"]
    for i in range(2 * EACH):
        kind, (index, absorbed) = list(KINDS.items())[i % 2]
        photons = power_law(index + rng.normal(0, 0.25), 10 ** rng.uniform(-4.5, -3.5), absorbed)
        counts = rng.poisson(expected_counts(photons, smooth_area(), smeared(), 5e4))
        write_pha(place / f"s{i:02d}.pi", counts, OBS_ID=str(100 + i // 6), EXPOSURE=5e4)
        rows.append(f"s{i:02d}.pi,{kind}")
    (place / "classes.csv").write_text("\n".join(rows) + "\n")
    return place


@pytest.fixture(scope="module")
def base(folder):
    dataset, made = folder / "all.lance", folder / "all.kb"
    run("ingest", folder, "-o", dataset, "--catalog", folder / "classes.csv")
    run("kb", "create", made, "--from", dataset, "--where", "object_id != 's00'")
    return made


def run(*words, code=0):
    done = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_a_base_of_counts_says_what_it_is(base):
    about = json.loads(run("kb", "info", base, "--json").stdout)
    assert about["domain"] == "xray"
    assert about["encoder"] == "sources8"
    assert about["rows"] == 2 * EACH - 1
    assert about["labels"]["class"] == {"AGN": EACH - 1, "LM-STAR": EACH}


def test_a_base_is_made_of_files_without_a_dataset(folder, tmp_path):
    run("kb", "create", tmp_path / "few.kb", "--from", folder / "s0*.pi")
    assert json.loads(run("kb", "info", tmp_path / "few.kb", "--json").stdout)["domain"] == "xray"


def test_neighbours_have_the_colour_of_the_query(folder, base):
    found = [
        json.loads(line)
        for line in run("search", base, folder / "s00.pi", "-k", 5, "--json").stdout.splitlines()
    ]
    assert [row["object_id"] for row in found] == ["s00"]
    assert all(int(n["object_id"][1:]) % 2 == 0 for n in found[0]["neighbors"])


def test_classes_have_calibrated_probabilities(folder, base):
    done = run("classify", base, folder / "s00.pi", "--label", "class", "--json")
    (answer,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert answer["value"] == "AGN"
    assert answer["calibrated"]
    assert answer["probabilities"]["AGN"] > 0.8
    assert "of 15 observations" in done.stderr


def test_counts_stay_whole_numbers_in_the_base(folder, base):
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.kinds import open_base
    from spectrove.xray.ogip import read_pha

    (kept,) = open_base(base, KnowledgeBase).spectra(["s07"])
    (own,) = read_pha(folder / "s07.pi")
    assert kept.counts.dtype == np.int32
    assert kept.counts.tolist() == own.counts.tolist()
    assert kept.exposure == own.exposure
    assert np.array_equal(kept.response.fold(np.ones(180)), own.response.fold(np.ones(180)))


def test_what_lacks_a_part_is_refused_and_the_others_are_answered(folder, base):
    bad = write_pha(folder / "bad.pha", np.ones(N, int), RESPFILE="none")
    done = run("search", base, folder / "s00.pi", bad, "--json", code=1)
    assert len(done.stdout.splitlines()) == 1
    assert "names no RESPFILE" in done.stderr


def test_an_answer_is_explained_by_what_fits_the_counts(folder, base, tmp_path):
    done = run("explain", base, folder / "s00.pi", "--label", "class", "-o", tmp_path / "s00.html")
    assert "its own counts fit best as" in done.stdout
    page = (tmp_path / "s00.html").read_text()
    assert "Models fitted to the counts" in page
    assert page.count("data:image/png") == 3


def test_a_base_shows_counts(base):
    shown = json.loads(run("kb", "show", base, "s01", "--json").stdout)
    assert shown["measured"]["exposure_s"] == 5e4
    assert shown["row"]["obsid"] == "100"


def test_counts_are_refused_by_an_encoder_of_fluxes(folder):
    from spectrove.encoders import EncoderRecipe
    from spectrove.encoders.pca import PcaEncoder
    from spectrove.xray.ogip import read_counts

    recipe = EncoderRecipe.model_validate({"name": "x", "kind": "pca", "pca": {"n_components": 1}})
    n = recipe.on_grid.n_pixels
    encoder = PcaEncoder(
        recipe, {"mean": np.zeros(n), "components": np.ones((1, n)), "deviation": np.ones(1)}
    )
    counts, _ = read_counts([folder / "s00.pi"])
    prepared, refusals = encoder.prepare(counts)
    assert len(prepared) == 0
    assert "no flux on wavelengths" in refusals[0].error


def test_counts_are_asked_about_in_a_list_and_with_a_condition_too(base):
    """But not together with fluxes."""
    import spectrove
    from spectrove.errors import DatasetError

    opened = spectrove.open(base)
    counts = opened.spectra(["s07", "s08"])
    plain = opened.search(counts, k=2)
    assert opened.search([counts], k=2).to_dicts() == plain.to_dicts()
    chosen = opened.search(counts, k=2, queries="object_id = 's08'")
    assert chosen.to_dicts() == plain.to_dicts()[1:]
    fluxes = spectrove.Spectrum(np.linspace(4000.0, 9000.0, 50), np.ones(50), error=np.ones(50), z=0.1)
    with pytest.raises(DatasetError, match="one kind"):
        opened.search([counts, fluxes])


def test_counts_are_measured_without_a_base(folder):
    """Net counts with their error, and what fits."""
    done = CliRunner().invoke(app, ["measure", str(folder / "s01.pi"), "--json"])
    found = json.loads(done.stdout)["measured"]
    assert found["net_counts"] > 5 * found["net_counts_err"] > 0
    assert found["gamma_err"] > 0
