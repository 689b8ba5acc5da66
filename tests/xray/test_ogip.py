"""OGIP files: what is read of them, and the sentence for each that lacks a part."""

from __future__ import annotations

import csv
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal
from tests.xray.ogip_files import (
    CHANNELS,
    ENERGIES,
    power_law,
    smeared,
    smooth_area,
    write_arf,
    write_pha,
    write_rmf,
    write_source,
)

from spectrove.errors import FormatError
from spectrove.xray.ogip import is_ogip, read_counts, read_pha

N = len(CHANNELS) - 1

#: Two energies, three channels: one row in two groups, one in a single group.
SMALL = np.array([[0.75, 0.0, 0.25], [0.0, 0.5, 0.5]])


def small(folder, first=1, **more):
    write_arf(folder / "r.arf", np.array([100.0, 10.0]), np.array([1.0, 2.0, 3.0]))
    write_rmf(
        folder / "r.rmf",
        SMALL,
        first=first,
        edges=np.array([1.0, 2.0, 3.0]),
        bounds=np.arange(1.0, 5.0),
        **more,
    )
    return write_pha(folder / "s.pi", np.array([3, 0, 4]), first=first)


@pytest.mark.parametrize("first", [0, 1])
def test_a_matrix_in_groups_folds_as_by_hand(tmp_path, first):
    """Channels counted from 0 or from 1: 2 photons per cm2 s of the first and 5 of the second energy."""
    (spectrum,) = read_pha(small(tmp_path, first))
    expected = [2 * 100 * 0.75, 5 * 10 * 0.5, 2 * 100 * 0.25 + 5 * 10 * 0.5]
    assert_allclose(spectrum.response.fold([2.0, 5.0]), expected, rtol=1e-3)
    assert spectrum.response.first_channel == first
    assert spectrum.counts.tolist() == [3, 0, 4]
    assert spectrum.counts.dtype == np.int32


def test_a_matrix_that_does_not_say_where_it_counts_from_counts_from_one(tmp_path):
    (spectrum,) = read_pha(small(tmp_path, say_least=False))
    assert_allclose(spectrum.response.fold([1.0, 0.0]), [75, 0, 25], rtol=1e-3)


def test_a_full_response_needs_no_arf(tmp_path):
    """HDUCLAS3 FULL: the matrix holds the area in cm2."""
    write_rmf(
        tmp_path / "r.rmf",
        SMALL * 200,
        edges=np.array([1.0, 2.0, 3.0]),
        bounds=np.arange(1.0, 5.0),
        kind="FULL",
    )
    path = write_pha(tmp_path / "s.pi", np.array([3, 0, 4]), ANCRFILE="none")
    assert_allclose(read_pha(path)[0].response.fold([1.0, 0.0]), [150, 0, 50], rtol=1e-3)


def test_the_background_is_scaled_by_time_region_and_area(tmp_path):
    small(tmp_path)
    write_pha(
        tmp_path / "b.pi", np.array([8, 0, 2]), HDUCLAS2="BKG", EXPOSURE=2e4, BACKSCAL=5e-6, AREASCAL=2.0
    )
    path = write_pha(tmp_path / "s.pi", np.array([3, 0, 4]), BACKFILE="b.pi")
    (spectrum,) = read_pha(path)
    assert spectrum.background.tolist() == [8, 0, 2]
    assert_allclose(spectrum.background_scale, 0.5 * 0.2 * 0.5)
    assert spectrum.row["flags"] == []


def test_without_a_background_the_row_says_so(tmp_path):
    (spectrum,) = read_pha(small(tmp_path))
    assert spectrum.background_scale == 0
    assert spectrum.row["flags"] == ["no_background"]


def test_responses_may_be_gzipped_and_stand_in_another_folder(tmp_path):
    small(tmp_path)
    (tmp_path / "cal").mkdir()
    for name in ("r.rmf", "r.arf"):
        with open(tmp_path / name, "rb") as plain, gzip.open(tmp_path / "cal" / f"{name}.gz", "wb") as packed:
            shutil.copyfileobj(plain, packed)
        (tmp_path / name).unlink()
    path = write_pha(tmp_path / "s.pi", np.array([3, 0, 4]), RESPFILE="cal/r.rmf", ANCRFILE="cal/r.arf")
    assert read_pha(path)[0].counts.sum() == 7


def test_type_two_is_a_spectrum_a_row(tmp_path):
    small(tmp_path)
    path = write_pha(tmp_path / "two.pha", np.array([[1, 2, 3], [4, 5, 6]]))
    assert [(s.object_id, s.counts.tolist()) for s in read_pha(path)] == [
        ("two#1", [1, 2, 3]),
        ("two#2", [4, 5, 6]),
    ]


def test_bad_channels_are_marked(tmp_path):
    small(tmp_path)
    path = write_pha(tmp_path / "s.pi", np.array([3, 0, 4]), quality=np.array([0, 1, 2]))
    assert read_pha(path)[0].good.tolist() == [True, False, True]  # 2: left over by grouping


def test_files_that_a_spectrum_names_are_no_refusals(tmp_path):
    """A folder is given as it is: with ARF, RMF and background beside the spectra."""
    write_source(tmp_path, "a", np.ones(N, int), background=np.ones(N, int))
    write_arf(tmp_path / "other.arf", smooth_area())
    spectra, refusals = read_counts(sorted(tmp_path.iterdir()))
    assert spectra.object_id.tolist() == ["a"]
    assert [r.name for r in refusals] == [str(tmp_path / "other.arf")]
    assert "an ARF, not a PHA file" in refusals[0].error


def test_spectra_with_one_response_share_it(tmp_path):
    small(tmp_path)
    write_pha(tmp_path / "t.pi", np.array([1, 1, 1]))
    spectra, _ = read_counts([tmp_path / "s.pi", tmp_path / "t.pi"])
    assert len(spectra.responses) == 1


def test_files_of_this_kind_are_recognised(tmp_path):
    write_source(tmp_path, "a", np.ones(N, int))
    (tmp_path / "text.txt").write_text("1 2 3\n")
    fits.HDUList([fits.PrimaryHDU(np.ones(9))]).writeto(tmp_path / "image.fits")
    names = ("a.pi", "a.arf", "a.rmf", "text.txt", "image.fits", "away.fits")
    assert [is_ogip(tmp_path / name) for name in names] == [True, True, True, False, False, False]


BROKEN = {
    "no RESPFILE": ({"RESPFILE": "none"}, "names no RESPFILE"),
    "RMF away": ({"RESPFILE": "away.rmf"}, "RESPFILE away.rmf is not there"),
    "no ARF": ({"ANCRFILE": ""}, "names no ANCRFILE"),
    "ARF away": ({"ANCRFILE": "away.arf"}, "ANCRFILE away.arf is not there"),
    "background away": ({"BACKFILE": "away.pi"}, "BACKFILE away.pi is not there"),
    "ARF for RMF": ({"RESPFILE": "a.arf"}, "has no MATRIX extension"),
    "RMF for ARF": ({"ANCRFILE": "a.rmf"}, "has no SPECRESP extension"),
    "no exposure": ({"EXPOSURE": 0.0}, "EXPOSURE is 0 s"),
    "exposure in words": ({"EXPOSURE": "abc"}, "EXPOSURE is 'abc', expected a number of seconds"),
    "subtracted": ({"HDUCLAS2": "NET"}, "its background is subtracted"),
    "background": ({"HDUCLAS2": "BKG"}, "a background"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_missing_is_named(tmp_path, case):
    header, sentence = BROKEN[case]
    path = write_source(tmp_path, "a", np.ones(N, int), **header)
    with pytest.raises(FormatError, match=sentence):
        read_pha(path)


def test_channels_that_do_not_fit_the_matrix_are_refused(tmp_path):
    small(tmp_path)
    path = write_pha(tmp_path / "s.pi", np.array([1, 2, 3, 4]))
    with pytest.raises(FormatError, match=r"4 channels, 1 to 4, do not fit the RMF's 3, 1 to 3"):
        read_pha(path)
    with pytest.raises(FormatError, match=r"3 channels, 0 to 2, do not fit"):
        read_pha(write_pha(tmp_path / "s.pi", np.array([1, 2, 3]), first=0))


def test_an_arf_on_another_grid_is_refused(tmp_path):
    path = write_source(tmp_path, "a", np.ones(N, int))
    write_arf(tmp_path / "a.arf", smooth_area()[:-3], ENERGIES[:-3])
    with pytest.raises(
        FormatError, match=r"ARF a.arf has 177 energies, 0.3-9.15 keV, RMF a.rmf 180, 0.3-9.3 keV"
    ):
        read_pha(path)


def test_rates_are_no_counts(tmp_path):
    path = write_source(tmp_path, "a", np.full(N, 0.25))
    with pytest.raises(FormatError, match=r"COUNTS holds 0\.25 and the like, expected whole numbers"):
        read_pha(path)


def test_a_file_that_is_no_fits_is_refused(tmp_path):
    (tmp_path / "x.pi").write_text("no FITS at all")
    with pytest.raises(FormatError, match=r"x\.pi"):
        read_pha(tmp_path / "x.pi")


def test_a_truncated_file_is_refused_and_the_others_are_read(tmp_path):
    good = write_source(tmp_path, "a", np.ones(N, int))
    bad = tmp_path / "cut.pi"
    bad.write_bytes(good.read_bytes()[:4000])
    spectra, refusals = read_counts([bad, good])
    assert spectra.object_id.tolist() == ["a"]
    assert [r.name for r in refusals] == [str(bad)]


def test_folded_counts_keep_their_sum(tmp_path):
    """What the stored response leaves out of a row is given back to it."""
    path = write_source(tmp_path, "a", np.ones(N, int))
    photons = power_law(1.7, 1e-4)
    exact = (photons * smooth_area()) @ smeared()
    folded = read_pha(path)[0].response.fold(photons)
    assert_allclose(folded.sum(), exact.sum(), rtol=1e-3)
    assert_array_equal(np.abs(folded - exact) <= 2e-3 * exact.max(), True)


@pytest.fixture(scope="module")
def real_sets(data_dir):
    folder = data_dir / "xray" / "pha"
    return folder, *read_counts(sorted(folder.glob("*/*.gz")))


@pytest.mark.real
def test_real_chandra_sets(real_sets):
    """Twelve of fifteen are whole: one names a background that is away, two say that they have no response."""
    folder, spectra, refusals = real_sets
    assert len(spectra) == 12
    with open(folder / "chandra_acis_sets.csv") as file:
        known = {row["pha"].split(".")[0]: int(row["counts_0p5_8keV"]) for row in csv.DictReader(file)}
    # Counts from .5 to 8 keV as another program gives them, grouped channels and broken EBOUNDS included.
    assert {s.object_id: _between(s, 0.5, 8.0) for s in spectra} == {
        i: known[i] for i in spectra.object_id.tolist()
    }
    sentences = " ".join(r.error for r in refusals)
    assert sentences.count("names no RESPFILE") == 2
    assert sentences.count("BACKFILE 12845_bkg.pi is not there") == 1
    given = folder / "sherpatest"
    two, refused = read_counts(
        [given / "pi2278.fits.gz"], [given / f"{n}2278.fits.gz" for n in ("rmf", "arf")]
    )
    assert not refused
    assert _between(two[0], 0.5, 8.0) == known["pi2278"]


@pytest.mark.real
def test_real_sets_are_as_plain_fits_says(real_sets):
    """Counts, exposure, background and its scale, grouping and the folded power law, read and folded by hand."""
    _, spectra, _ = real_sets
    for spectrum in spectra:
        path = Path(spectrum.row["path"])
        with fits.open(path) as hdus:
            own = [hdu for hdu in hdus if hdu.name == "SPECTRUM"]
            source = own[0]
            assert spectrum.counts.tolist() == source.data["COUNTS"].tolist(), path
            assert spectrum.exposure == source.header["EXPOSURE"]
            if "GROUPING" in source.columns.names:
                assert spectrum.grouping.tolist() == source.data["GROUPING"].tolist()
            name = source.header.get("BACKFILE", "none")
            if name == "none":
                assert spectrum.background_scale == 0
            else:
                behind = own[1] if len(own) > 1 else fits.open(path.parent / f"{name}.gz")[1]
                sizes = [
                    hdu.header["EXPOSURE"] * hdu.header["BACKSCAL"] * hdu.header["AREASCAL"]
                    for hdu in (source, behind)
                ]
                assert spectrum.background.tolist() == behind.data["COUNTS"].tolist(), path
                assert_allclose(spectrum.background_scale, sizes[0] / sizes[1], rtol=1e-12)
            stem = path.name.split(".")[0]
            rmf, arf = (
                path.parent / f"{source.header.get(key, f'{stem}.{end}')}.gz"
                for key, end in (("RESPFILE", "rmf"), ("ANCRFILE", "arf"))
            )
        expected, low, high = folded_by_hand(rmf, arf)
        folded = spectrum.response.fold(power_law_photons(spectrum.response.energy.astype(float)))
        for first, last in ((0.5, 1.2), (1.2, 2.0), (2.0, 7.0)):
            inside = (low >= first) & (high <= last)
            assert_allclose(folded[inside].sum(), expected[inside].sum(), rtol=2e-3, err_msg=str(path))


def power_law_photons(edges):
    return np.diff(-(np.maximum(edges, 1e-3) ** -0.7) / 0.7)


def folded_by_hand(rmf, arf):
    """Counts per second of a power law in each channel, by loops over the groups of the matrix."""
    with fits.open(rmf) as hdus, fits.open(arf) as areas:
        matrix = next(h for h in hdus if "MATRIX" in h.name)
        bounds = hdus["EBOUNDS"].data
        area = areas["SPECRESP"].data["SPECRESP"]
        edges = np.append(matrix.data["ENERG_LO"], matrix.data["ENERG_HI"][-1]).astype(float)
        photons = power_law_photons(edges) * area
        out = np.zeros(len(bounds))
        columns = [matrix.data[n] for n in ("N_GRP", "F_CHAN", "N_CHAN", "MATRIX")]
        for photon, n, first, length, values in zip(photons, *columns, strict=True):
            place = 0
            for start, size in zip(np.atleast_1d(first)[:n], np.atleast_1d(length)[:n], strict=True):
                out[start - 1 : start - 1 + size] += photon * values[place : place + size]
                place += size
        return out, np.asarray(bounds["E_MIN"], float), np.asarray(bounds["E_MAX"], float)


def _between(spectrum, low, high):
    """Counts in the channels that lie in a range of energies as a whole."""
    return int(spectrum.counts[(spectrum.response.e_min >= low) & (spectrum.response.e_max <= high)].sum())
