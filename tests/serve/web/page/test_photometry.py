"""Fits of photometry that were joined to a base stand on the page of each object and in its report."""

from __future__ import annotations

import shutil

import pytest
from fastapi.testclient import TestClient
from tests.serve.web.page.test_addresses import BROWSER, brought, parts

from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.photometry import join_fits
from spectrove.serve.cli.sed import meaning
from spectrove.serve.output import write_table
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.app import create_app
from spectrove.serve.web.settings import Settings


@pytest.fixture(scope="module")
def fitted(survey, tmp_path_factory):
    """A client of a base whose first object alone has a fit, and the ids of the first two."""
    folder = tmp_path_factory.mktemp("fitted")
    shutil.copytree(survey.base, folder / "mock.kb")
    base = KnowledgeBase.open(folder / "mock.kb")
    rows = base.rows(columns=["ra", "dec", "z"], where="z > 0.01").to_pylist()[:2]
    fit = {
        "id": "phot-1", "ra": rows[0]["ra"], "dec": rows[0]["dec"], "redshift": rows[0]["z"], "bayes.log_mass": 10.41,
        "bayes.log_mass_err": 0.12, "bayes.log_mass_low": 10.3, "bayes.log_mass_high": 10.5, "best.log_mass": 10.6,
        "chi2": 3.25, "n_bands": 2, "n_limits": 0, "error_floor": 0.07, "flags": "slope low",
    }  # fmt: skip
    for band, pivot, flux in (("sdss.gp", 4770.0, 0.1), ("sdss.rp", 6230.0, 0.2)):
        fit |= {f"flux.{band}": flux, f"flux.{band}_err": 0.01, f"model.{band}": 0.15, f"pivot.{band}": pivot}
    write_table(folder / "sed.fits", [fit], {"ssp": "made up"}, meaning)
    join_fits(base, folder / "sed.fits")
    with TestClient(
        create_app(Shelf.of([folder / "mock.kb"], 2), Settings()), base_url="http://localhost:8765"
    ) as client:
        yield client, [row["object_id"] for row in rows]


def test_an_object_shows_its_fit(fitted):
    client, (first, second) = fitted
    assert "Photometry" in client.get(f"/kb/mock/spectrum?object={first}", headers=BROWSER).text
    shown = parts(client, f"object={first}&part=joined")["joined"]
    assert (
        "Log stellar mass 10.41 ± 0.12 (Msun); chi2 3.2 in 2 bands, with an error floor of 7% of each flux."
        in shown
    )
    assert "slope added to the law of attenuation at its lowest" in shown
    assert "10.30 to 10.50" in shown
    assert "sdss.gp" in shown
    assert "data:image/png;base64," in shown
    lacking = parts(client, f"object={second}&part=joined")["joined"]
    assert f"{second} has no fit of photometry: none was joined to this object" in lacking


def test_its_report_has_it_and_that_of_another_has_not(fitted):
    client, (first, second) = fitted
    shown, other = (parts(client, f"object={name}&part=why")["why"] for name in (first, second))
    assert "Masses, rates and dust from photometry" in shown
    assert "Fluxes in 2 bands with the best model; chi2 3.2 in 2 bands" in shown
    assert "from photometry" not in other


def test_what_is_brought_has_none_and_says_so(fitted, asked_files):
    client, _ = fitted
    tray = brought(client, asked_files[:1]).json()["tray"]
    assert "it was brought by you" in parts(client, f"tray={tray}&i=0&part=joined")["joined"]


def test_a_base_without_fits_has_no_such_part(served, survey):
    name = KnowledgeBase.open(survey.base).rows(columns=[]).column("object_id")[0].as_py()
    assert "part-joined" not in served.get(f"/kb/mock/spectrum?object={name}", headers=BROWSER).text
