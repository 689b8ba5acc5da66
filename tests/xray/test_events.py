"""Lists of photons become counts through a response, and say whether the source was constant."""

from __future__ import annotations

import json

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose
from scipy.stats import kstest
from tests.xray.ogip_files import CHANNELS, smeared, smooth_area, write_arf, write_rmf
from typer.testing import CliRunner

from spectrove.errors import DatasetError, FormatError
from spectrove.readers import ingest, read_dataset
from spectrove.serve.cli import app
from spectrove.xray.events import is_events
from spectrove.xray.files import PhaFiles
from spectrove.xray.ogip import read_counts, read_pha
from spectrove.xray.variability import constant_p, merged

N = len(CHANNELS) - 1


@pytest.fixture(scope="module")
def response(tmp_path_factory):
    folder = tmp_path_factory.mktemp("response")
    return [write_rmf(folder / "r.rmf", smeared()), write_arf(folder / "r.arf", smooth_area())]


def write_events(path, time, *, energy=None, pi=None, unit="eV", limits=(1, N), gti=None, more=(), **header):
    """Events with energies or channels, and good time intervals."""
    columns = [fits.Column("TIME", "D", unit="s", array=time)]
    columns += [] if energy is None else [fits.Column("ENERGY", "E", unit=unit, array=energy)]
    columns += [] if pi is None else [fits.Column("PI", "J", array=pi)]
    hdu = fits.BinTableHDU.from_columns([*columns, *more])
    about = {
        "EXTNAME": "EVENTS",
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "EVENTS",
        "TELESCOP": "CHANDRA",
        "OBS_ID": "77",
    }
    hdu.header.update(about | {"INSTRUME": "ACIS"} | header)
    if pi is not None and limits:
        hdu.header.update({f"TLMIN{len(columns)}": limits[0], f"TLMAX{len(columns)}": limits[1]})
    hdus = [fits.PrimaryHDU(), hdu]
    for name, chip, rows in gti or ():
        both = [fits.Column(n, "D", array=np.array(rows)[:, i]) for i, n in enumerate(("START", "STOP"))]
        table = fits.BinTableHDU.from_columns(both, name=name)
        table.header.update({} if chip is None else {"CCD_ID": chip})
        hdus.append(table)
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def drawn(n=400, span=1000.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, span, n)), rng.uniform(0.35, 9.5, n)


def by_hand(energy):
    return np.histogram(energy, CHANNELS)[0]


def one(path, response):
    spectra, refusals = read_counts([path], response)
    assert not refusals
    return spectra[0]


def test_energies_are_counted_in_the_channels_of_the_response(tmp_path, response):
    time, energy = drawn()
    for unit, factor in (("eV", 1000.0), ("keV", 1.0)):
        path = write_events(
            tmp_path / f"{unit}.fits",
            time,
            energy=energy * factor,
            unit=unit,
            gti=[("GTI", None, [[0, 1000]])],
        )
        counts = one(path, response)
        assert counts.counts.sum() == 400
        assert np.abs(counts.counts - by_hand(energy)).sum() <= 4  # edges of channels are kept in 32 bits
        assert counts.row["survey"] == "chandra_acis"
        assert counts.row["obsid"] == "77"


@pytest.mark.parametrize(("first", "width"), [(1, 1), (0, 5)])
def test_channels_are_used_as_they_are_or_in_wide_ones(tmp_path, response, first, width):
    """As those of Chandra, and of XMM-Newton, where five of PI are one of the response."""
    time, energy = drawn()
    channel = np.searchsorted(CHANNELS, energy) - 1
    pi = channel * width + first + np.arange(len(channel)) % width
    path = write_events(
        tmp_path / "e.evt",
        time,
        pi=pi,
        limits=(first, first + N * width - 1),
        gti=[("GTI", None, [[0, 1000]])],
    )
    assert one(path, response).counts.tolist() == by_hand(energy).tolist()


def test_channels_that_do_not_fit_are_refused(tmp_path, response):
    path = write_events(tmp_path / "e.fits", drawn()[0], pi=np.full(400, 3), limits=(1, 1024))
    _, refusals = read_counts([path], response)
    assert "its channels (1, 1024) do not fit the response's 200, from 1" in refusals[0].error


def test_exposure_is_the_good_time_in_which_photons_are_counted(tmp_path, response):
    """Of the chip that most events are from; overlaps count once."""
    time, energy = drawn()
    chips = fits.Column("CCD_ID", "I", array=np.where(np.arange(400) % 4, 3, 7))
    gti = [("GTI", 7, [[0, 50]]), ("GTI", 3, [[0, 300], [200, 500], [600, 900]])]
    path = write_events(
        tmp_path / "e.fits", time, energy=energy * 1e3, more=[chips], gti=gti, DTCOR=0.9, EXPOSURE=5.0
    )
    assert_allclose(one(path, response).exposure, 0.9 * 800)
    without = write_events(tmp_path / "f.fits", time, energy=energy * 1e3, EXPOSURE=950.0)
    assert_allclose(one(without, response).exposure, 950)


def test_events_find_the_response_beside_them(tmp_path, response):
    """By the name of the file, or as products of the Chandra Source Catalog."""
    time, energy = drawn()
    for events, rmf, arf in (
        ("src.evt", "src.rmf", "src.arf"),
        (
            "acisf00001_000N001_r0001_regevt3.fits",
            *(f"acisf00001_000N001_r0001_{n}3.fits" for n in ("rmf", "arf")),
        ),
    ):
        folder = tmp_path / events
        folder.mkdir()
        write_events(folder / events, time, energy=energy * 1e3, gti=[("GTI", None, [[0, 1000]])])
        for path, name in zip(response, (rmf, arf), strict=True):
            (folder / name).write_bytes(path.read_bytes())
        spectra, refusals = read_counts(sorted(folder.iterdir()))
        assert not refusals
        assert spectra.counts.sum() == 400


def test_events_without_a_response_say_what_to_do(tmp_path):
    path = write_events(tmp_path / "e.fits", *drawn()[:1], energy=drawn()[1] * 1e3)
    with pytest.raises(
        FormatError, match=r"e: events without a response.*Put e\.rmf and e\.arf beside it.*--response"
    ):
        read_pha(path)


def test_events_of_a_whole_field_are_refused(tmp_path, response):
    time, energy = drawn()
    places = np.random.default_rng(0).uniform(0, 2000, 400)
    more = [fits.Column(n, "D", array=places) for n in ("X", "Y")]
    path = write_events(
        tmp_path / "e.fits", time, energy=energy * 1e3, more=more, TCDLT3=-1.4e-4, TCDLT4=1.4e-4
    )
    _, refusals = read_counts([path], response)
    assert "its events fill 15 arcmin, expected those of one source (below 6)" in refusals[0].error


def test_a_list_that_was_cut_in_energy_uses_only_the_channels_inside(tmp_path, response):
    time, energy = drawn()
    cut = np.clip(energy, 0.55, 7.9)
    path = write_events(tmp_path / "e.fits", time, energy=cut * 1e3, gti=[("GTI", None, [[0, 1000]])])
    found = one(path, response)
    used = found.response.e_min[found.good], found.response.e_max[found.good]
    assert_allclose([used[0].min(), used[1].max()], [0.5, 8.0], atol=0.06)


def test_text_with_exposure_and_good_time_is_read(tmp_path, response):
    time, energy = drawn()
    path = tmp_path / "e.csv"
    rows = [f"{t:.4f},{e * 1e3:.3f}" for t, e in zip(time, energy, strict=True)]
    path.write_text("\n".join(["# gti = 0 400", "# gti = 500 1000", "Time,Energy (eV)", *rows]))
    found = one(path, response)
    assert is_events(path)
    assert np.abs(found.counts - by_hand(energy)).sum() <= 8
    assert_allclose(found.exposure, 900)
    path.write_text(
        "\n".join(["# exposure: 1234 s", "time energy_kev", *(r.replace(",", " ") for r in rows[:9])])
    )
    with pytest.raises(FormatError, match="none of its 9 events lies in the channels"):
        read_pha(path, None if not response else _files(response))
    path.write_text("time,flux\n1,2\n")
    assert not is_events(path)


@pytest.mark.parametrize(
    ("said", "seconds"), [("1500", 1500), ("1500 s", 1500), ("1.5 ks", 1500), ("1.5ks", 1500)]
)
def test_an_exposure_in_text_has_the_unit_that_it_says(tmp_path, response, said, seconds):
    time, energy = drawn()
    rows = [f"{t:.4f},{e:.5f}" for t, e in zip(time, energy, strict=True)]
    path = tmp_path / "e.csv"
    path.write_text("\n".join([f"# exposure = {said}", "time,energy_kev", *rows]))
    assert_allclose(one(path, response).exposure, seconds)


def test_an_exposure_in_hours_is_refused(tmp_path, response):
    path = tmp_path / "e.csv"
    path.write_text("# exposure = 3 h\ntime,energy_kev\n1,2\n2,2\n")
    with pytest.raises(FormatError, match="exposure '3 h', expected seconds, or a number with the unit ks"):
        read_pha(path, _files(response))


def _files(response):
    from spectrove.xray.found import Files

    return Files.with_responses(response)


def record(name, obsid, time, energy, **more):
    events = [[float(t), float(e) * 1e3] for t, e in zip(time, energy, strict=True)]
    return {"source_name": name, "obsid": obsid, "ra": 10.5, "dec": -3.0, "hard_hs": 0.25, "powlaw_gamma": None,
            "source_type": "AGN", "event_list": events} | more  # fmt: skip


def test_records_of_sources_are_spectra_with_what_the_catalog_says(tmp_path, response):
    time, energy = drawn()
    thinned = record(
        "2CXO J1", 12, time[::4], energy[::4], _event_list_capped=True, _event_list_original_size=400
    )
    path = tmp_path / "corpus.json"
    path.write_text(json.dumps([record("2CXO J1", 11, time, energy), thinned]))
    spectra, refusals = read_counts([path], response)
    assert not refusals
    assert spectra.object_id.tolist() == ["2CXO J1#11", "2CXO J1#12"]
    assert len(spectra.responses) == 1
    whole, quarter = spectra
    assert (whole.row["ra"], whole.row["hard_hs"], whole.row["source_type"]) == (10.5, 0.25, "AGN")
    assert whole.row["powlaw_gamma"] is None
    assert whole.row["constant_p"] > 0.01
    # A list with every fourth photon is that of a quarter of the time, and its regular gaps are no constancy.
    assert_allclose(quarter.exposure, whole.exposure / 4, rtol=0.03)
    assert quarter.row["constant_p"] is None
    assert "events_thinned" in quarter.row["flags"]


def test_the_exposure_of_times_alone_is_right_on_average():
    """Ends of a list are missing by one step on either side."""
    from spectrove.xray.events import Events, _exposure

    found = [_exposure(Events("x", drawn(12, 1000.0, seed)[0]))[0] for seed in range(400)]
    assert abs(np.mean(found) / 1000 - 1) < 0.02


def test_constancy_is_that_of_the_good_time_only():
    """A gap between intervals is no variation; a flare is. The p-values of constant sources are uniform."""
    rng = np.random.default_rng(4)
    intervals = np.array([[0.0, 100.0], [900.0, 1000.0]])
    times = np.r_[rng.uniform(0, 100, 200), rng.uniform(900, 1000, 200), 500.0]
    assert constant_p(times, intervals) > 0.01
    assert constant_p(times) < 1e-6
    assert constant_p(np.r_[times, rng.uniform(40, 45, 120)], intervals) < 1e-3
    p = [constant_p(rng.uniform(0, 1000, 60)) for _ in range(400)]
    assert kstest(p, "uniform").pvalue > 0.01
    assert np.isnan(constant_p(times[:4], intervals))
    assert merged(np.array([[5, 6], [1, 3], [2, 4], [7, 7]])).tolist() == [[1, 4], [5, 6]]


def test_broken_lists_are_sentences_and_the_others_are_read(tmp_path, response):
    time, energy = drawn(30)
    good = write_events(tmp_path / "good.fits", time, energy=energy * 1e3, gti=[("GTI", None, [[0, 1000]])])
    write_events(tmp_path / "none.fits", time[:0], energy=energy[:0])
    write_events(tmp_path / "cut.fits", time, energy=energy * 1e3)
    (tmp_path / "cut.fits").write_bytes((tmp_path / "cut.fits").read_bytes()[:5000])
    write_events(tmp_path / "nan.fits", time * np.nan, energy=energy * 1e3)
    (tmp_path / "words.csv").write_text("time,energy\n1,two\n")
    (tmp_path / "empty.csv").write_text("time,energy\n")
    (tmp_path / "classes.csv").write_text("path,class\ngood.fits,AGN\n")
    (tmp_path / "torn.json").write_text('[{"event_list": [[1, 2')
    (tmp_path / "flat.json").write_text('[{"event_list": [1, 2]}]')
    (tmp_path / "text.json").write_text('[{"event_list": ["a", "b"]}]')
    spectra, refusals = read_counts(sorted(tmp_path.iterdir()), response)
    assert spectra.object_id.tolist() == [good.stem]
    assert len(refusals) == 9
    assert any("classes.csv: a text without time and energy" in r.error for r in refusals)
    assert all(
        r.error.endswith(".") and "\n" not in r.error and "broken inside" not in r.error for r in refusals
    ), refusals


def test_events_are_ingested_from_the_command_line(tmp_path, response):
    time, energy = drawn()
    (tmp_path / "corpus.json").write_text(json.dumps([record("2CXO J1", 11, time, energy)]))
    words = ["ingest", str(tmp_path / "corpus.json"), "-o", str(tmp_path / "x.lance")]
    refused = CliRunner().invoke(app, words)
    assert refused.exit_code == 1
    assert "--response" in refused.stderr
    for path in response:
        words += ["--response", str(path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    (spectrum,) = read_dataset(tmp_path / "x.lance", light=PhaFiles())
    assert spectrum.row["constant_p"] > 0.01


def test_a_response_is_refused_for_spectra_of_flux(tmp_path, response):
    (tmp_path / "a.csv").write_text("wavelength,flux\n" + "\n".join(f"{w},1" for w in range(4000, 4100)))
    with pytest.raises(
        DatasetError, match=r"--response: the files, the first a\.csv, are no spectra of counts"
    ):
        ingest(tmp_path / "a.csv", tmp_path / "x.lance", response=response[0])


@pytest.mark.real
def test_real_lists_of_chandra_sources_are_read(data_dir):
    folder = data_dir / "xray"
    given = [folder / "pha" / "sherpatest" / f"9774.{n}.gz" for n in ("rmf", "arf")]
    spectra, refusals = read_counts([folder / "axia" / "sample_corpus.json"], given)
    assert (len(spectra), len(refusals), len(spectra.responses)) == (22, 0, 1)
    records = json.loads((folder / "axia" / "sample_corpus.json").read_text())
    for spectrum, own in zip(spectra, records, strict=True):
        energy = np.array(own["event_list"])[:, 1] / 1e3
        edges = np.append(spectrum.response.e_min, spectrum.response.e_max[-1]).astype(float)
        assert np.abs(spectrum.counts - np.histogram(energy, edges)[0]).sum() <= 4
        assert spectrum.row["obsid"] == str(own["obsid"])
