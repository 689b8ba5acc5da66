"""Populations in the form of E-MILES: made here, and refused where they do not reach."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError, ParameterError
from spectrove.sed.catalog import fit
from spectrove.sed.emiles import TOGETHER
from spectrove.sed.engine import Engine
from spectrove.sed.filters import Filter
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry
from spectrove.sed.populations import read_populations

AGES = (0.03, 1.0, 5.0, 13.5)
WAVE = 1680.2 + 0.9 * np.arange(53688)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two metallicities at four ages: slopes that redden with age and metals."""
    top = tmp_path_factory.mktemp("emiles")
    for metals, word in ((0.5, "m0.25"), (1.0, "p0.06")):
        for age in AGES:
            flux = 1e-4 / (age + 0.1) * (WAVE / 5000) ** (-2 + age / 10 + metals)
            header = fits.Header({"CRVAL1": 1680.2, "CDELT1": 0.9, "CRPIX1": 1})
            fits.writeto(top / f"Eku1.30Z{word}T{age:07.4f}_iTp0.00_baseFe.fits", flux.astype("f4"), header)
    return top


def test_files_become_populations_in_vacuum(folder):
    found = read_populations(folder)
    assert found.name.startswith("E-MILES")
    assert_allclose(found.ages, np.array(AGES) * 1e9)
    assert_allclose(found.metallicities, [0.01, 0.0198])
    assert found.luminosity.shape == (2, 4, WAVE.size // TOGETHER)
    air = WAVE[: WAVE.size // TOGETHER * TOGETHER].reshape(-1, TOGETHER).mean(1)
    at = np.argmin(abs(air - 5500))
    assert_allclose(found.wavelength[at] / air[at], 1.000278, atol=2e-6)
    assert_allclose(
        found.luminosity[1, 1, at], 1e-4 / 1.1 * (air[at] / 5000) ** -0.9 * 3.826 / 3.828, rtol=1e-4
    )
    assert (np.diff(found.surviving, axis=1) < 0).all()
    assert_allclose(found.surviving[:, -1], 0.5, atol=0.05)


def test_salpeter_s_function_loses_less_mass_than_kroupa_s(folder, tmp_path):
    """Integrals of both functions from .1 to 100 Msun say how much mass is in stars that lose any."""
    for path in folder.iterdir():
        shutil.copy(path, tmp_path / path.name.replace("Eku", "Eun"))
    mass = np.geomspace(0.1, 100, 20001)
    heavy = []
    for shape in (np.where(mass < 0.5, mass**-1.3, 0.5 * mass**-2.3), mass**-2.35):
        log_mass = shape * mass**2
        heavy.append(np.trapezoid(log_mass[mass >= 0.5]) / np.trapezoid(log_mass))
    kroupa, salpeter = (read_populations(d, imf) for d, imf in ((folder, "kroupa"), (tmp_path, "salpeter")))
    assert_allclose((1 - salpeter.surviving) / (1 - kroupa.surviving), heavy[1] / heavy[0], rtol=2e-3)


def test_only_histories_without_young_stars_are_models(folder, filters):
    engine = Engine(read_populations(folder), filters[1:7])
    since_now = engine.grid.histories.made(engine.grid.histories.models(), engine.populations.ages)
    assert 10 < len(engine.histories.age) < len(since_now.age) / 2
    assert engine.histories.rates["sfr10"].max() < 2e-11
    models = engine.at(0.3)
    flux = 1e10 * models.flux(4, 8)
    known = fit(engine, Photometry("a", 0.3, flux, flux / 50)).quantities
    assert "log_dust_luminosity" not in known  # ultraviolet light that dust takes is not in the tables
    assert_allclose(known["log_mass"].mean, 10 + np.log10(models.surviving[4, 8]), atol=0.3)
    with pytest.raises(ParameterError, match="youngest stars are 30 Myr old, and every history"):
        Engine(read_populations(folder), filters, Grid(DelayedBurst((10.0,), (1.0,), (0.0,))))


def test_bands_beyond_the_spectra_are_refused(folder, filters):
    engine = Engine(read_populations(folder), filters)
    engine.at(0.5)
    with pytest.raises(
        ParameterError, match=r"band box3600 at redshift 1.2 sees 15\d\d to 17\d\d A .* Leave the band"
    ):
        engine.at(1.2)
    red = Filter("w4", np.linspace(2e5, 2.5e5, 50), np.ones(50))
    with pytest.raises(ParameterError, match="band w4 at redshift"):
        Engine(read_populations(folder), (red,)).at(0.1)


def test_gas_and_dust_need_ultraviolet_light(folder, filters, nebula, dust):
    for parts in ((nebula, None), (None, dust)):
        with pytest.raises(ParameterError, match=r"begin at 168\d A.*--without nebular,dust"):
            Engine(read_populations(folder), filters, None, *parts)


def test_a_folder_that_is_no_full_table_is_refused(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "Eku1.30Zp0.06T05.0000_iTp0.00_baseFe.fits").unlink()
    with pytest.raises(FormatError, match=r"no file of metallicity 0.0198 and age 5 Gyr"):
        read_populations(tmp_path)
    with pytest.raises(ParameterError, match=r"imf salpeter: .* has no files Eun1.30"):
        read_populations(folder, "salpeter")
    (tmp_path / "Eku1.30Zp0.06T05.0000_iTp0.00_baseFe.fits").write_text("no FITS")
    with pytest.raises(FormatError, match="no spectrum of E-MILES"):
        read_populations(tmp_path)
