"""Measurements come from the truth of mocks and the catalog of real spectra, with the catalog's errors."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.testing import assert_allclose

from spectrove.galaxies.measurements import MEASUREMENTS, measured
from spectrove.galaxies.mock import make_survey

CATALOG = {
    "ha_flux": [100.0, -1.0], "ha_err": [10.0, 1.0], "ha_ew": [20.0, -0.2],
    "nii_flux": [50.0, 5.0], "nii_err": [5.0, 1.0], "nii_ew": [10.0, 1.0],
    "d4000n": [1.5, None], "vdisp": [150.0, 3.0],
}  # fmt: skip


def test_catalog_values_in_the_units_of_the_measurements():
    values, errors = measured(pa.table(CATALOG), ["ha_ew", "log_nii_ha", "d4000n", "log_vdisp"])
    assert_allclose(values[0], [np.arcsinh(20), np.log10(0.5), 1.5, np.log10(150)], rtol=1e-6)
    # A tenth of 20 angstrom, as asinh sees it; and two tenths in quadrature, in dex.
    assert_allclose(errors[0, :2], [2 / np.hypot(1, 20), np.hypot(0.1, 0.1) / np.log(10)], rtol=1e-5)


def test_what_is_missing_or_below_what_can_be_measured_is_unknown():
    values, errors = measured(pa.table(CATALOG), ["log_nii_ha", "d4000n", "log_vdisp", "log_age", "oi_ew"])
    assert np.isnan(
        values[1]
    ).all()  # negative flux, null, a dispersion of 3 km/s, columns that are not there
    assert np.isnan(errors[1]).all()


def test_of_a_mock_only_the_truth_counts_and_the_catalog_tells_how_well_it_could_be_seen():
    truth = {"truth_z": [0.1, 0.1], "truth_log_nii_ha": [-0.4, None]}
    values, errors = measured(pa.table(CATALOG | truth), ["log_nii_ha"])
    assert_allclose(values[0], -0.4)
    assert_allclose(errors[0], np.hypot(0.1, 0.1) / np.log(10), rtol=1e-5)
    assert np.isnan(values[1]).all()


def test_a_mock_survey_knows_every_measurement_of_most_of_its_galaxies():
    survey = make_survey(40, seed=3)
    values, errors = measured(survey.rows, list(MEASUREMENTS))
    known = np.isfinite(values) & np.isfinite(errors)
    assert (known.mean(axis=0) > 0.3).all(), dict(zip(MEASUREMENTS, known.mean(axis=0), strict=True))
