"""Rare things change a host where they should, and only there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spectrove.errors import RecipeError, RedshiftError, SpectrumError
from spectrove.galaxies.line_fit import measure_lines
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.mock import OUTLIER_KINDS, inject_lens, inject_outlier, load_recipe, make_survey
from spectrove.spectra import Spectrum, SpectrumSet


@pytest.fixture(scope="module")
def hosts() -> SpectrumSet:
    """Plain galaxies: one of each main class, and red ones."""
    shares = {"SF": 0.25, "quiescent": 0.25, "red": 0.25, "Composite": 0.25}
    return make_survey(12, recipe=load_recipe().model_copy(update={"shares": shares}), seed=5)


def red_host(hosts: SpectrumSet) -> Spectrum:
    return next(s for s in hosts if s.row["truth_class"] == "red")


def test_a_lens_adds_light_only_near_its_lines(hosts):
    host = red_host(hosts)
    lensed = inject_lens(host, np.random.default_rng(2), z_source=0.71, line_sn=80.0)
    change = (lensed.flux - host.flux) * np.sqrt(host.ivar)
    rest = host.wavelength / 1.71
    near = np.zeros(len(rest), bool)
    for key in ("oii_3726", "neiii", "hd", "hg", "hb", "oiii_4959", "oiii"):
        near |= np.abs(rest - LINE[key].wavelength) < 12
    at_oii = host.good & (np.abs(rest - LINE["oii_3726"].wavelength) < 6)
    far = host.good & ~near & (np.abs(rest - 3970) > 12) & (np.abs(rest - 3890) > 8)
    assert np.sum(change[at_oii]) > 20
    assert np.median(np.abs(change[far])) < 0.5
    assert lensed.row["lens"] == "lens"
    assert lensed.row["truth_z_source"] == 0.71
    assert lensed.z == host.z


def test_the_strongest_line_of_a_lens_has_the_signal_to_noise_asked_for(hosts):
    """Independent route: a Gaussian fit at the background redshift finds about that S/N."""
    host = red_host(hosts)
    lensed = inject_lens(host, np.random.default_rng(6), z_source=0.65, line_sn=50.0)
    residual = dataclasses.replace(lensed, flux=lensed.flux - host.flux)
    fit = measure_lines(residual, 0.65)
    best = max(fit.flux[k] / fit.error[k] for k in ("oii", "oiii", "hb") if np.isfinite(fit.flux[k]))
    assert 25 < best < 80


def test_a_lens_whose_lines_would_fall_into_a_gap_is_drawn_again(hosts):
    """Of a gap nobody can say how bright its lines are: they came out 1e30 times too bright at its edge."""
    host = red_host(hosts)
    kept = np.abs(host.wavelength - 5500) < 700
    half = dataclasses.replace(host, ivar=np.where(kept, host.ivar, 0).astype(host.ivar.dtype))
    for seed in range(30):
        lensed = inject_lens(half, np.random.default_rng(seed))
        assert np.abs(lensed.flux[kept]).max() < 1e4 * np.abs(host.flux).max()
        z = lensed.row["truth_z_source"]
        assert any(4780 < LINE[k].wavelength * (1 + z) < 6220 for k in ("oii_3726", "hb", "oiii", "ha"))
    with pytest.raises(SpectrumError, match=r"at redshift 1\.3 falls on good pixels"):
        inject_lens(half, np.random.default_rng(0), z_source=1.3)


def test_drawn_lenses_show_oii_or_oiii_behind_the_host(hosts):
    host = red_host(hosts)
    for seed in range(20):
        z = inject_lens(host, np.random.default_rng(seed)).row["truth_z_source"]
        seen = [LINE[k].wavelength * (1 + z) for k in ("oii_3726", "oiii")]
        assert z > host.z
        assert any(host.wavelength[0] < w < host.wavelength[-1] for w in seen)


@pytest.mark.parametrize("kind", OUTLIER_KINDS)
def test_every_outlier_kind_changes_the_spectrum(hosts, kind):
    for i, host in enumerate(hosts):
        changed = inject_outlier(host, kind, np.random.default_rng(i))
        assert changed.row["outlier_kind"] == kind
        assert changed.row["outlier"] == "outlier"
        assert np.isfinite(changed.flux).all()
        assert (changed.ivar >= 0).all()
        if kind == "wrong_redshift":
            assert abs(changed.z - host.z) > 0.005
            assert changed.row["truth_z"] == host.row["truth_z"]
            continue
        assert changed.z == host.z
        good = host.good
        chi2 = (changed.flux - host.flux)[good] ** 2 * host.ivar[good]
        assert chi2.sum() > 60
        np.testing.assert_array_equal(changed.flux[~good], host.flux[~good])


def test_masked_pixels_stay_as_they_are(hosts):
    host = hosts[0]
    host.mask[500:520] |= 2
    changed = inject_outlier(host, "star_blend", np.random.default_rng(1))
    np.testing.assert_array_equal(changed.flux[500:520], host.flux[500:520])
    np.testing.assert_array_equal(changed.mask, host.mask)


def test_added_light_brings_its_noise(hosts):
    """Twice the light cannot have the same error: inverse variance falls, and the scatter is as it says."""
    host = hosts[1]
    changed = inject_outlier(host, "quasar_blend", np.random.default_rng(3))
    good = host.good
    assert np.all(changed.ivar[good] <= host.ivar[good] * (1 + 1e-5))
    assert np.median(changed.ivar[good] / host.ivar[good]) < 0.95


def test_strong_sodium_touches_only_sodium(hosts):
    host = next(s for s in hosts if s.z < 0.3)
    changed = inject_outlier(host, "strong_nad", np.random.default_rng(1))
    rest = host.wavelength / (1 + host.z)
    far = host.good & (np.abs(rest - 5890) > 60)
    np.testing.assert_allclose(changed.flux[far], host.flux[far], rtol=1e-5, atol=1e-5)
    near = host.good & (np.abs(rest - 5892) < 6)
    assert changed.flux[near].mean() < 0.9 * host.flux[near].mean()


def test_extreme_emission_is_measured_as_extreme(hosts):
    host = next(s for s in hosts if s.row["truth_class"] == "SF")
    fit = measure_lines(inject_outlier(host, "extreme_emission", np.random.default_rng(1)), host.z)
    assert fit.ew["ha"] > 300
    assert fit.log_nii_ha < -1


def test_injection_is_the_same_for_the_same_seed(hosts):
    a, b = (inject_outlier(hosts[0], "supernova", np.random.default_rng(9)) for _ in range(2))
    np.testing.assert_array_equal(a.flux, b.flux)


def test_unknown_kinds_and_unknown_redshifts_are_refused(hosts):
    with pytest.raises(RecipeError, match="double_peaks"):
        inject_outlier(hosts[0], "unicorn", np.random.default_rng(0))
    lost = dataclasses.replace(hosts[0], row={**hosts[0].row, "z": None})
    with pytest.raises(RedshiftError, match="column z"):
        inject_lens(lost, np.random.default_rng(0))


def test_a_host_without_good_pixels_comes_back_unchanged(hosts):
    dead = dataclasses.replace(hosts[0], ivar=np.zeros_like(hosts[0].ivar))
    assert inject_lens(dead, np.random.default_rng(0)).row["lens"] == "none"


@pytest.mark.real
def test_real_hosts_take_every_kind(data_dir):
    """Injection works on real SDSS files as the reader gives them."""
    import csv

    from spectrove.readers import read_file

    with open(data_dir / "galaxies" / "index.csv", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["group"] == "sdss" and r["class_derived"] == "quiescent"]
    host = read_file(data_dir / "galaxies" / rows[0]["path"])[0]
    lensed = inject_lens(host, np.random.default_rng(0), line_sn=30.0)
    assert np.sum((lensed.flux - host.flux)[host.good] ** 2 * host.ivar[host.good]) > 100
    for i, kind in enumerate(OUTLIER_KINDS):
        assert np.isfinite(inject_outlier(host, kind, np.random.default_rng(i)).flux).all()
