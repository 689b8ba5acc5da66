"""spectrove epochs: pairs of spectra of one object, from files to answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.samples.repeats import mock_epochs
from spectrove.galaxies.mock import load_recipe
from spectrove.pipeline.verbs import VERBS
from spectrove.readers import write_dataset
from spectrove.spectra import Spectrum, SpectrumSet


def with_broad_line(spectrum: Spectrum, width: float, fwhm: float = 4500.0) -> Spectrum:
    """The spectrum with a broad H alpha and H beta of an equivalent width, angstrom at rest, added."""
    flux = spectrum.flux.astype(float)
    level = np.median(flux)
    for line, part in ((6564.614, 1.0), (4862.683, 0.3)):
        sigma = line * fwhm / 2.3548 / 299_792.458
        x = spectrum.wavelength / (1 + spectrum.z) - line
        flux = flux + part * width * level * np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    return replace(spectrum, flux=flux.astype(np.float32))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Six galaxies at two epochs; the later epoch of the third has a broad component, one has no partner."""
    recipe = load_recipe("test")
    spectra = [s for i in range(6) for s in mock_epochs(i, recipe, 77)]
    spectra[5] = with_broad_line(spectra[5], 40.0)
    path = tmp_path_factory.mktemp("epochs") / "epochs.lance"
    write_dataset(path, SpectrumSet.from_spectra(spectra[:-1]))
    return path


def test_the_changed_one_comes_first_and_the_others_do_not_change(spectrove, dataset):
    result = spectrove("epochs", dataset, "--json", "--report", "page.html")
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert tuple(rows[0]) == VERBS["epochs"].columns
    assert [row["earlier"][:-2] for row in rows] == [row["object_id"][:-2] for row in rows]
    assert len(rows) == 5
    assert rows[0]["object_id"] == "mock-2/1"
    assert rows[0]["what"].startswith("broad H alpha appeared")
    assert rows[0]["p_corrected"] < 0.01
    assert all(row["p_corrected"] > 0.01 for row in rows[1:])
    width = next(change for change in rows[0]["changes"] if change["line"] == "H alpha" and change["broad"])
    assert width["width"] > 15
    assert "no second spectrum" in result.stderr
    html = Path("page.html").read_text("utf-8")
    assert html.count("data:image/png;base64,") == 5


def test_screen_and_changed_only(spectrove, dataset):
    result = spectrove("epochs", dataset, "--changed")
    assert result.stdout.splitlines()[1].split()[:2] == ["mock-2/1", "mock-2/0"]
    assert len([line for line in result.stdout.splitlines() if "mock-" in line]) == 1


def test_bad_requests_are_sentences(spectrove, dataset):
    assert "--by nothing: no such column" in spectrove("epochs", dataset, "--by", "nothing").stderr
    alone = spectrove("epochs", dataset, "--queries", "object = 'mock-5'")
    assert "no object among 1 spectra has two epochs" in alone.stderr
