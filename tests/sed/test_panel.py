"""What a page shows of a fit that was joined to an object."""

from __future__ import annotations

import re

import numpy as np
import pytest

from spectrove.explanation.style import png
from spectrove.sed.joined_bands import bands_of, unit_of
from spectrove.sed.joined_names import KIND
from spectrove.sed.joined_panel import PhotometryPanel
from spectrove.sed.panel import panel_of

NOTES = {
    "sed_chi2": {"column": "chi2", **KIND},
    **{
        f"sed_flux_{band}": {"column": f"flux.{band}", "band": band, "pivot": pivot, "unit": "mJy", **KIND}
        for band, pivot in (("g", "4770"), ("u", "3550"), ("r", "6230"), ("k", "21600"), ("odd", ""))
    },
    **{f"sed_flux_{band}_err": {"column": f"flux.{band}_err", "band": band, **KIND} for band in "ugrk"},
    "sed_flux_mine": {"column": "mine"},
}  # fmt: skip
ROW = {
    "z": 0.1, "sed_redshift": 0.1, "sed_chi2": 9.25, "sed_n_bands": 3, "sed_n_limits": 1, "sed_error_floor": 0.05,
    "sed_flags": "tau_main low; chi2 above 5 for each band", "sed_models": "toy, kroupa IMF",
    "bayes_log_mass": 10.5, "bayes_log_mass_err": 0.12, "bayes_log_mass_low": 10.41, "bayes_log_mass_high": 10.63,
    "best_log_mass": 10.7, "bayes_log_sfr100": None,
    "sed_flux_u": 0.03, "sed_flux_u_err": -0.01, "sed_model_u": 0.02,
    "sed_flux_g": 0.1, "sed_flux_g_err": 0.003, "sed_model_g": 0.12,
    "sed_flux_r": -0.01, "sed_flux_r_err": 0.02, "sed_model_r": 0.2,
    "sed_flux_k": None, "sed_flux_k_err": None, "sed_model_k": 0.4, "sed_flux_mine": 5.0,
}  # fmt: skip


def test_bands_are_those_of_fits_by_wavelength_with_residuals_by_hand():
    found = bands_of(ROW, NOTES)
    assert [one.label for one in found] == ["u", "g", "r", "k"]
    u, g, r, k = found
    assert (u.is_limit, u.error) == (True, 0.01)
    assert u.residual == pytest.approx(0.01 / np.hypot(0.01, 0.0015))
    assert g.residual == pytest.approx(-0.02 / np.hypot(0.003, 0.005))
    assert r.residual == pytest.approx(-0.21 / np.hypot(0.02, 0.0005))
    assert (k.measured, k.model) == (False, 0.4)
    assert np.isnan(k.residual)
    assert unit_of(found) == (1e3, "µJy")


def test_it_says_masses_chi2_with_bands_and_floor_and_what_to_be_careful_about():
    shown = panel_of(ROW, NOTES)
    assert shown.sentence == (
        "Log stellar mass 10.50 ± 0.12 (Msun); chi2 9.2 in 3 bands and 1 upper limit, with an error floor of 5% of "
        "each flux."
    )
    assert shown.cautions == (
        "The best model is at the end of the grid: time scale of the delayed star formation at its lowest.",
        "Flag: chi2 above 5 for each band.",
    )
    masses, bands = shown.tables
    assert masses.rows == [
        ("log10 of the stellar mass", "10.50 ± 0.12", "10.41 to 10.63", "10.70", "dex(Msun)")
    ]
    assert "toy, kroupa IMF" in masses.note
    assert bands.rows[0] == ("u", "3550", "< 30", "10", "20", "+1.0")
    assert bands.rows[2][2:] == ("−10", "20", "200", "−10.5")
    assert bands.rows[3] == ("k", "21600", "–", "–", "400", "–")
    assert bands.faint == (3,)


def test_the_figure_says_what_it_cannot_draw():
    [figure] = panel_of(ROW, NOTES).figures
    assert "Fluxes not above 0 are in the table alone: r." in figure.caption
    assert "largest residual 10.5 sigma" in figure.alt
    drawn = figure.draw(None)
    flux, residual = drawn.axes
    assert {line.get_label() for line in flux.lines} >= {"best model", "upper limit"}
    assert "−" not in flux.get_ylabel()
    assert any(re.fullmatch(r"-10", text.get_text()) for text in residual.texts)
    assert len(png(drawn)) > 3000


def test_another_redshift_and_one_that_was_found_are_said():
    [_, _, said] = panel_of(ROW | {"sed_redshift": 0.7}, NOTES).cautions
    assert "The fit is at redshift 0.7000, the spectrum at 0.1000" in said
    free = ROW | {"sed_redshift": None, "bayes_redshift": 0.12, "bayes_redshift_err": 0.03}
    assert (
        "found in the photometry: 0.120 ± 0.030; that of the spectrum is 0.1000"
        in panel_of(free, NOTES).cautions[-1]
    )


def test_errors_that_were_widened_are_said():
    assert not any("times as large" in said for said in panel_of(ROW | {"sed_widening": 1.0}, NOTES).cautions)
    said = panel_of(ROW | {"sed_widening": 1.756}, NOTES).cautions
    assert sum("errors 1.76 times as large" in one for one in said) == 1


def test_there_is_none_without_a_fit():
    panel = PhotometryPanel()
    assert panel.of_row(ROW | {"sed_chi2": None}, NOTES) is None
    assert panel.of_row(ROW, {}) is None
    assert panel.of_row(ROW, {"sed_chi2": {"column": "chi2"}}) is None  # somebody else's column
    assert panel.of_row(ROW, NOTES) is not None
    assert not panel_of({"sed_chi2": 1.0}, NOTES).figures
