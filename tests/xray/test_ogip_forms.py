"""Every form in which OGIP files may be written gives the numbers of a hand calculation, or one sentence."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose
from tests.xray.ogip_files import write_arf, write_pha, write_rmf

from spectrove.errors import FormatError
from spectrove.xray.files import PhaFiles
from spectrove.xray.ogip import read_counts, read_pha

#: Three energies, four channels: a row in two groups, one in a single group, one that makes no counts.
MATRIX = np.array([[0.5, 0.0, 0.25, 0.25], [0.0, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]])
EDGES = np.array([1.0, 2.0, 3.0, 4.0])
BOUNDS = np.arange(1.0, 6.0)
AREA = np.array([100.0, 10.0, 1.0])
PHOTONS = np.array([2.0, 5.0, 7.0])
EXPECTED = (PHOTONS * AREA) @ MATRIX


def table(columns, **header):
    hdu = fits.BinTableHDU.from_columns([fits.Column(n, f, array=a) for n, f, a in columns])
    hdu.header.update(header)
    return hdu


def save(path, *hdus):
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path


def bounds_table(first=1, unit="keV", scale=1.0):
    low, high = BOUNDS[:-1] * scale, BOUNDS[1:] * scale
    hdu = table(
        [("CHANNEL", "J", np.arange(4) + first), ("E_MIN", "E", low), ("E_MAX", "E", high)],
        EXTNAME="EBOUNDS", HDUCLASS="OGIP", HDUCLAS1="RESPONSE", HDUCLAS2="EBOUNDS",
    )  # fmt: skip
    hdu.columns["E_MIN"].unit = hdu.columns["E_MAX"].unit = unit
    return hdu


def ragged(rows, kind):
    return np.array([*(np.asarray(row, kind) for row in rows), None], object)[:-1]


def padded(rows, n):
    return np.array([[*row, *[0] * (n - len(row))] for row in rows])


def matrix_table(form, first=1, matrix=MATRIX, **header):
    """The matrix by hand: groups (0, 1) and (2, 2) of the first row, (1, 2) of the second, none of the third."""
    starts, sizes = [[0, 2], [1], []], [[1, 2], [2], []]
    values = [np.r_[matrix[0, :1], matrix[0, 2:]], matrix[1, 1:3], []]
    starts = [[s + first for s in row] for row in starts]
    if form == "whole":  # a single group of all channels, as scalars
        columns = [
            ("N_GRP", "I", [1, 1, 1]),
            ("F_CHAN", "I", [first] * 3),
            ("N_CHAN", "I", [4] * 3),
            ("MATRIX", "4E", matrix),
        ]
    elif form == "fixed":
        columns = [("N_GRP", "I", [2, 1, 0]), ("F_CHAN", "2I", padded(starts, 2)), ("N_CHAN", "2I", padded(sizes, 2)),
                   ("MATRIX", "3E", padded(values, 3))]  # fmt: skip
    else:
        lists = {"F_CHAN": ("PI()", ragged(starts, np.int16)), "N_CHAN": ("PJ()", ragged(sizes, np.int32)),
                 "MATRIX": ("PE()", ragged(values, np.float32))}  # fmt: skip
        columns = [("N_GRP", "I", [2, 1, 0]), *((name, *column) for name, column in lists.items())]
    energies = [("ENERG_LO", "E", EDGES[:-1]), ("ENERG_HI", "E", EDGES[1:])]
    usual = {
        "EXTNAME": "MATRIX",
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "RSP_MATRIX",
        "HDUCLAS3": "REDIST",
    }
    return table(energies + columns, **(usual | header))


def spectrum(folder, first=1, **header):
    """Three, no, four and one counts, with the names of a response."""
    if not (folder / "r.arf").exists():
        write_arf(folder / "r.arf", AREA, EDGES)
    return write_pha(folder / "s.pi", np.array([3, 0, 4, 1]), first=first, **header)


def folded(folder, **header):
    (one,) = read_pha(spectrum(folder, **header))
    return one.response.fold(PHOTONS)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("form", ["variable", "fixed", "whole"])
def test_a_matrix_in_any_form_folds_as_by_hand(tmp_path, form, first):
    save(tmp_path / "r.rmf", matrix_table(form, first, TLMIN4=first), bounds_table(first))
    assert_allclose(folded(tmp_path, first=first), EXPECTED, rtol=1e-3)


@pytest.mark.parametrize(("first", "said"), [(0, None), (0, 1), (1, 0), (1, None)])
def test_a_matrix_whose_least_channel_is_missing_or_wrong_is_placed_where_it_fits(tmp_path, first, said):
    """Groups that reach the first and the last channel fit in one way only."""
    header = {} if said is None else {"TLMIN4": said}
    save(tmp_path / "r.rmf", matrix_table("whole", first, **header), bounds_table(first))
    assert_allclose(folded(tmp_path, first=first), EXPECTED, rtol=1e-3)


def test_a_response_that_holds_the_area_needs_no_arf_whatever_it_calls_itself(tmp_path):
    """SPECRESP MATRIX without HDUCLAS3: sums of more than 1 can only be an area."""
    whole = MATRIX * AREA[:, None]
    save(
        tmp_path / "r.rsp",
        matrix_table("variable", matrix=whole, EXTNAME="SPECRESP MATRIX", HDUCLAS3=""),
        bounds_table(),
    )
    for arf in ("none", "r.arf"):  # an area that is named as well is not applied twice
        assert_allclose(folded(tmp_path, RESPFILE="r.rsp", ANCRFILE=arf), EXPECTED, rtol=2e-3)


def test_a_specresp_matrix_without_area_is_refused_without_an_arf(tmp_path):
    save(tmp_path / "r.rmf", matrix_table("variable", EXTNAME="SPECRESP MATRIX", HDUCLAS3=""), bounds_table())
    with pytest.raises(FormatError, match=r"names no ANCRFILE, and RMF r\.rmf holds no effective area"):
        folded(tmp_path, ANCRFILE="none")


def test_parts_of_a_split_matrix_are_added_and_orders_are_chosen(tmp_path):
    parts = [matrix_table("variable", matrix=MATRIX * share) for share in (0.75, 0.25)]
    save(tmp_path / "r.rmf", *parts, bounds_table())
    assert_allclose(folded(tmp_path), EXPECTED, rtol=1e-3)
    orders = [matrix_table("variable", matrix=MATRIX * n / 4, ORDER=n) for n in (3, 1)]
    save(tmp_path / "r.rmf", *orders, bounds_table())
    assert_allclose(folded(tmp_path), EXPECTED / 4, rtol=1e-3)
    assert_allclose(folded(tmp_path, TG_M=-3), EXPECTED * 0.75, rtol=1e-3)
    assert_allclose(folded(tmp_path, RESPFILE="r.rmf[1]"), EXPECTED * 0.75, rtol=1e-3)


def test_energies_may_be_in_ev_and_fall(tmp_path):
    falling = matrix_table("whole")
    falling.data = falling.data[::-1]
    save(tmp_path / "r.rmf", falling, bounds_table(unit="eV", scale=1000))
    (one,) = read_pha(spectrum(tmp_path))
    assert_allclose(one.response.fold(PHOTONS), EXPECTED, rtol=1e-3)
    assert_allclose(one.response.e_min, BOUNDS[:-1])


def simple(folder):
    write_rmf(folder / "r.rmf", MATRIX, edges=EDGES, bounds=BOUNDS)
    return spectrum(folder)


def add_columns(path, **columns):
    """More columns in the table of a PHA file."""
    with fits.open(path) as hdus:
        own = fits.ColDefs(
            [
                fits.Column(n, "E" if np.asarray(a).dtype.kind == "f" else "I", array=a)
                for n, a in columns.items()
            ]
        )
        hdu = fits.BinTableHDU.from_columns(hdus[1].columns + own, header=hdus[1].header)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return path


def test_rates_that_are_counts_over_time_become_counts(tmp_path):
    """And others are refused: nobody can say how many photons they were."""
    path = simple(tmp_path)
    with fits.open(path) as hdus:
        data, header = hdus[1].data, hdus[1].header
        rate = fits.Column("RATE", "E", array=data["COUNTS"] / header["EXPOSURE"])
        both = [fits.Column("CHANNEL", "J", array=data["CHANNEL"]), rate]
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(both, header=header)]).writeto(
            tmp_path / "rate.pi"
        )
        rate.array[1] = 0.3 / header["EXPOSURE"]
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(both, header=header)]).writeto(
            tmp_path / "net.pi"
        )
    (one,) = read_pha(tmp_path / "rate.pi")
    assert one.counts.tolist() == [3, 0, 4, 1]
    assert "counts_from_rate" in one.row["flags"]
    with pytest.raises(
        FormatError, match=r"RATE times 10000 s is 0\.3 and the like, expected the whole numbers"
    ):
        read_pha(tmp_path / "net.pi")


def test_grouping_and_quality_are_kept_and_counts_stay_those_of_channels(tmp_path):
    path = add_columns(simple(tmp_path), GROUPING=[1, -1, 1, 1], QUALITY=[0, 0, 2, 5])
    (one,) = read_pha(path)
    assert (one.counts.tolist(), one.grouping.tolist()) == ([3, 0, 4, 1], [1, -1, 1, 1])
    assert one.good.tolist() == [True, True, True, False]


def test_quality_may_be_one_value_of_the_header(tmp_path):
    simple(tmp_path)
    (one,) = read_pha(spectrum(tmp_path, QUALITY=5, GROUPING=0))
    assert not one.good.any()
    assert not one.grouping.any()


def test_what_was_grouped_twice_is_refused(tmp_path):
    """Sums of groups in the first channel of each are not the counts of channels."""
    simple(tmp_path)
    summed = write_pha(tmp_path / "s.pi", np.array([30, 0, 41, 0]))
    with pytest.raises(
        FormatError, match="all 71 counts of its 2 groups are in their first channels: it was grouped twice"
    ):
        read_pha(add_columns(summed, GROUPING=[1, -1, 1, -1]))
    rebinned = write_pha(tmp_path / "s.pi", np.array([3, 5]))
    with pytest.raises(
        FormatError, match=r"2 channels, 1 to 2, do not fit the RMF's 4, 1 to 4\. It was rebinned by 2"
    ):
        read_pha(rebinned)


def test_backscal_and_areascal_may_be_columns(tmp_path):
    """Background of 2e4 s, source of 1e4 s; scale by hand."""
    simple(tmp_path)
    behind = write_pha(tmp_path / "b.pi", np.array([8, 0, 2, 0]), HDUCLAS2="BKG", EXPOSURE=2e4)
    add_columns(behind, BACKSCAL=np.full(4, 5e-6), AREASCAL=np.array([2.0, 2.0, 2.0, 0.0]))
    (one,) = read_pha(spectrum(tmp_path, BACKFILE="b.pi"))
    assert_allclose(one.background_scale, 0.5 * (1e-6 / 5e-6) / 2)
    assert one.good.tolist() == [True, True, True, False]  # where the background has no area
    add_columns(
        write_pha(tmp_path / "b.pi", np.array([8, 0, 2, 0]), HDUCLAS2="BKG"),
        BACKSCAL=np.array([5.0, 5.0, 6.0, 6.0]) * 1e-6,
    )
    (one,) = read_pha(spectrum(tmp_path, BACKFILE="b.pi"))
    assert_allclose(one.background_scale, (8 / 5 + 2 / 6) / 10)  # the expected background is kept
    assert one.row["flags"] == ["background_scale_varies"]
    add_columns(
        write_pha(tmp_path / "b.pi", np.array([8, 0, 2, 0]), HDUCLAS2="BKG"),
        BACKSCAL=np.array([5.0, 5.0, 9.0, 9.0]) * 1e-6,
    )
    with pytest.raises(FormatError, match=r"stands for 0\.111 to 0\.2 of the source's region"):
        read_pha(spectrum(tmp_path, BACKFILE="b.pi"))


def test_the_source_counts_the_part_of_the_area_that_areascal_says(tmp_path):
    simple(tmp_path)
    assert_allclose(folded(tmp_path, AREASCAL=0.5), EXPECTED / 2, rtol=1e-3)
    (one,) = read_pha(add_columns(spectrum(tmp_path), AREASCAL=np.array([1.0, 0.5, 1.0, 0.0])))
    assert_allclose(one.response.fold(PHOTONS)[:3], EXPECTED[:3] * [1, 0.5, 1], rtol=1e-3)
    assert one.good.tolist() == [True, True, True, False]


def test_a_background_inside_the_file_is_found_and_several_are_added(tmp_path):
    """Regions of 5 and 15 times the source's: 20 counts stand for one twentieth each."""
    path = simple(tmp_path)
    with fits.open(path) as hdus:
        inside = [hdus[1].copy() for _ in range(2)]
        for hdu, size, counts in zip(inside, (5e-6, 15e-6), ([1, 0, 2, 0], [4, 3, 0, 0]), strict=True):
            hdu.data["COUNTS"][:] = counts
            hdu.header.update(HDUCLAS2="BKG", BACKSCAL=size)
        fits.HDUList([fits.PrimaryHDU(), hdus[1].copy(), *inside]).writeto(tmp_path / "all.pi")
    (one,) = read_pha(tmp_path / "all.pi")
    assert one.background.tolist() == [5, 3, 2, 0]
    assert_allclose(one.background_scale, 1 / 20)


def test_the_backgrounds_on_both_sides_of_a_grating_are_added(tmp_path):
    simple(tmp_path)
    path = write_pha(
        tmp_path / "g.pha2", np.array([[1, 2, 3, 4], [4, 3, 2, 1]]), BACKSCUP=3e-6, BACKSCDN=1e-6
    )
    sides = {"BACKGROUND_UP": [[1, 0, 0, 1]] * 2, "BACKGROUND_DOWN": [[0, 1, 0, 1]] * 2}
    with fits.open(path) as hdus:
        own = fits.ColDefs([fits.Column(n, "4J", array=a) for n, a in sides.items()])
        hdu = fits.BinTableHDU.from_columns(hdus[1].columns + own, header=hdus[1].header)
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    one, two = read_pha(path)
    assert [s.background.tolist() for s in (one, two)] == [[1, 1, 0, 2]] * 2
    assert_allclose(one.background_scale, 1 / 4)


def test_spectra_of_type_two_take_the_background_of_their_row_or_of_the_row_they_name(tmp_path):
    simple(tmp_path)
    write_pha(tmp_path / "b.pha", np.array([[1, 0, 0, 0], [0, 2, 0, 0]]), HDUCLAS2="BKG")
    two = read_pha(write_pha(tmp_path / "t.pha", np.array([[1, 2, 3, 4], [4, 3, 2, 1]]), BACKFILE="b.pha"))
    assert [s.background.tolist() for s in two] == [[1, 0, 0, 0], [0, 2, 0, 0]]
    assert read_pha(spectrum(tmp_path, BACKFILE="b.pha{2}"))[0].background.tolist() == [0, 2, 0, 0]
    with pytest.raises(FormatError, match=r"BACKFILE b.pha has no spectrum \{3\}"):
        read_pha(spectrum(tmp_path, BACKFILE="b.pha{3}"))


def test_channels_that_are_left_out_of_the_table_are_not_used(tmp_path):
    simple(tmp_path)
    path = write_pha(tmp_path / "s.pi", np.array([4, 1]), first=3, DETCHANS=4)
    (one,) = read_pha(path)
    assert one.counts.tolist() == [0, 0, 4, 1]
    assert one.good.tolist() == [False, False, True, True]


def test_detchans_that_differs_is_flagged(tmp_path):
    simple(tmp_path)
    (one,) = read_pha(spectrum(tmp_path, DETCHANS=7))
    assert "detchans_differs" in one.row["flags"]


def test_products_of_the_chandra_source_catalog_are_found_by_name(tmp_path):
    """Two observations in one folder, whose headers name nothing."""
    for obsid, area in (("00123", 1.0), ("04567", 3.0)):
        stem = f"acisf{obsid}_000N001_r0002_"
        write_arf(tmp_path / f"{stem}arf3.fits", AREA * area, EDGES)
        write_rmf(tmp_path / f"{stem}rmf3.fits", MATRIX, edges=EDGES, bounds=BOUNDS)
        write_pha(tmp_path / f"{stem}pha3.fits", np.array([3, 0, 4, 1]), RESPFILE="none", ANCRFILE="")
    spectra, refusals = read_counts(sorted(tmp_path.iterdir()))
    assert not refusals
    assert spectra.object_id.tolist() == ["acisf00123_000N001_r0002_pha3", "acisf04567_000N001_r0002_pha3"]
    assert_allclose(spectra[1].response.fold(PHOTONS), 3 * EXPECTED, rtol=1e-3)


def xmm(folder, arf=True):
    """Products of 4XMM: gzipped as .FTZ, their headers name .FIT files and a shared RMF that is kept elsewhere."""
    stem = "P0123456701PNS003{}0001.{}"
    source = write_pha(
        folder / "s.pi", np.array([3, 0, 4, 1]), first=0, TELESCOP="XMM", INSTRUME="EPN", BACKSCAL=4e5,
        RESPFILE="epn_e3_ff20_sdY9.rmf", ANCRFILE=stem.format("SRCARF", "FIT"), BACKFILE=stem.format("BGSPEC", "FIT"),
    )  # fmt: skip
    behind = write_pha(folder / "b.pi", np.array([2, 0, 0, 0]), first=0, BACKSCAL=16e5)
    area = write_arf(folder / "a.arf", AREA, EDGES)
    for name, path in (("SRSPEC", source), ("BGSPEC", behind), ("SRCARF", area)):
        (folder / stem.format(name, "FTZ")).write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder / stem.format("SRSPEC", "FTZ")


def test_products_of_4xmm_say_where_their_shared_response_is(tmp_path):
    source = xmm(tmp_path)
    with pytest.raises(
        FormatError, match=r"epn_e3_ff20_sdY9.rmf is one of XMM-Newton's shared RMFs .*https://www.cosmos"
    ):
        read_pha(source)
    spectra, refusals = read_counts(sorted(tmp_path.iterdir()))
    assert [len(spectra), len(refusals)] == [0, 1]


def test_products_of_4xmm_are_read_with_a_folder_of_responses(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "shared").mkdir()
    xmm(tmp_path / "own")
    write_rmf(tmp_path / "shared" / "epn_e3_ff20_sdY9.rmf", MATRIX, first=0, edges=EDGES, bounds=BOUNDS)
    spectra, refusals = read_counts(sorted((tmp_path / "own").iterdir()), [tmp_path / "shared"])
    assert not refusals
    assert spectra.object_id.tolist() == ["P0123456701PNS003SRSPEC0001"]
    assert spectra[0].background.tolist() == [2, 0, 0, 0]
    assert_allclose(spectra[0].background_scale, 0.25)
    assert_allclose(spectra[0].response.fold(PHOTONS), EXPECTED, rtol=1e-3)


def test_responses_are_given_to_spectra_that_name_none(tmp_path):
    simple(tmp_path)
    path = spectrum(tmp_path, RESPFILE="none", ANCRFILE="none")
    with pytest.raises(FormatError, match="--response"):
        read_pha(path)
    spectra, _ = read_counts([path], [tmp_path / "r.arf", tmp_path / "r.rmf"])
    assert_allclose(spectra[0].response.fold(PHOTONS), EXPECTED, rtol=1e-3)
    with pytest.raises(FormatError, match=r"--response .*s\.pi: FITS, expected an RMF, an ARF, or a folder"):
        read_counts([path], [path])


BROKEN = {
    "not a number": (lambda m: m.data["MATRIX"].__setitem__((0, 0), np.nan), "holds nan"),
    "negative": (lambda m: m.data["MATRIX"].__setitem__((0, 0), -0.5), r"holds -0\.5"),
    "beyond the last channel": (lambda m: m.data["F_CHAN"].__setitem__(1, 3), "do not fit its 4 channels"),
    "more groups than are there": (lambda m: m.data["N_GRP"].__setitem__(1, 3), "first channels and"),
    "energies with a gap": (lambda m: m.data["ENERG_HI"].__setitem__(0, 1.5), "gaps or do not increase"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_matrix_is_named(tmp_path, case):
    damage, sentence = BROKEN[case]
    matrix = matrix_table("whole")
    damage(matrix)
    save(tmp_path / "r.rmf", matrix, bounds_table())
    with pytest.raises(FormatError, match=sentence):
        folded(tmp_path)


def test_an_absurd_number_of_channels_is_refused(tmp_path):
    """A calorimeter has more channels than are stored."""
    simple(tmp_path)
    many = np.arange(40001.0)
    write_rmf(tmp_path / "r.rmf", np.zeros((3, 2)), edges=EDGES, bounds=many)
    with pytest.raises(FormatError, match="has 40000 channels, expected 1 to 32767"):
        folded(tmp_path)


@pytest.mark.parametrize("bad", [np.nan, -5.0])
def test_an_area_that_is_no_number_is_refused_and_not_taken_as_none(tmp_path, bad):
    simple(tmp_path)
    write_arf(tmp_path / "r.arf", np.array([100.0, bad, 1.0]), EDGES)
    with pytest.raises(FormatError, match=rf"SPECRESP of ARF r\.arf holds {bad:g} at 1 of 3 energies"):
        read_pha(spectrum(tmp_path))


@pytest.mark.parametrize("lacks", ["s.pi", "b.pi"])
def test_a_background_is_refused_if_one_of_the_pair_says_no_size(tmp_path, lacks):
    """A missing BACKSCAL read as 1 would leave out the background, or make it a million times too large."""
    simple(tmp_path)
    write_pha(tmp_path / "b.pi", np.array([8, 0, 2, 0]), HDUCLAS2="BKG")
    path = spectrum(tmp_path, BACKFILE="b.pi")
    with fits.open(tmp_path / lacks, mode="update") as hdus:
        del hdus[1].header["BACKSCAL"]
    with pytest.raises(FormatError, match=rf"has BACKSCAL and {lacks} has none; expected both"):
        read_pha(path)


@pytest.mark.parametrize("packed", [False, True])
def test_a_spectrum_behind_the_image_of_its_region_is_seen_to_be_one(tmp_path, packed):
    """As dmextract writes it: 128 x 256 numbers of four bytes are more than is looked at from the beginning."""
    simple(tmp_path)
    path = tmp_path / ("s.pi.gz" if packed else "s.pi")
    with fits.open(tmp_path / "s.pi") as hdus:
        image = fits.PrimaryHDU(np.zeros((128, 256), np.int32))
        fits.HDUList([image, hdus[1].copy()]).writeto(path, overwrite=True)
    assert PhaFiles().recognises(path)
    fits.HDUList([image]).writeto(tmp_path / "image.fits")
    assert not PhaFiles().recognises(tmp_path / "image.fits")


@pytest.mark.parametrize("bad", [-3, 2**31 - 1 + 2**31])
def test_counts_that_nobody_can_have_counted_are_refused(tmp_path, bad):
    simple(tmp_path)
    path = write_pha(tmp_path / "s.pi", np.array([3.0, 0.0, bad, 1.0]))
    with pytest.raises(FormatError, match=r"COUNTS holds .* expected whole numbers from 0"):
        read_pha(path)


def test_files_cut_anywhere_are_refused_or_read_and_never_stop_a_batch(tmp_path):
    """The good spectrum beside them is always read."""
    path = simple(tmp_path)
    rng = np.random.default_rng(1)
    for name in ("s.pi", "r.rmf", "r.arf"):
        whole = (tmp_path / name).read_bytes()
        for i, cut in enumerate(rng.integers(1, len(whole), 6)):
            (tmp_path / f"cut{i}_{name}").write_bytes(whole[:cut])
        for i in range(6):
            noise = bytearray(whole)
            for place in rng.integers(0, len(whole), 40):
                noise[place] = rng.integers(0, 256)
            (tmp_path / f"noise{i}_{name}").write_bytes(bytes(noise))
    spectra, refusals = read_counts(sorted(tmp_path.iterdir()))
    assert path.stem in spectra.object_id.tolist()
    assert all(r.error.endswith((".", "?")) and "\n" not in r.error for r in refusals)


@pytest.mark.parametrize("name", ["r.rmf", "r.arf"])
@pytest.mark.parametrize("kept", [2880, 4000])
@pytest.mark.parametrize("packed", [False, True])
def test_a_response_that_is_cut_short_is_fetched_again_and_not_named_otherwise(tmp_path, name, kept, packed):
    """At the end of the first header, or within the next."""
    path = simple(tmp_path)
    whole = (tmp_path / name).read_bytes()[:kept]
    (tmp_path / name).write_bytes(gzip.compress(whole) if packed else whole)
    with pytest.raises(FormatError, match=rf"{name} is cut short .* ends at byte {kept} .* Fetch it again"):
        read_pha(path)


@pytest.mark.parametrize("name", ["r.rmf", "r.arf"])
def test_a_damaged_response_is_a_sentence_of_its_spectrum(tmp_path, name):
    path = simple(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-3000])
    keyword = {"r.rmf": "RESPFILE", "r.arf": "ANCRFILE"}[name]
    with pytest.raises(FormatError, match=rf"^s: {keyword} {name} (is broken|is cut short)"):
        read_pha(path)
    renamed = fits.BinTableHDU.from_columns([fits.Column("ENERGY", "E", array=EDGES)], name=hdu_name(name))
    save(tmp_path / name, renamed, bounds_table())
    with pytest.raises(FormatError, match=rf"^s: {keyword} {name} has no column ENERG_LO, expected it"):
        read_pha(path)


def hdu_name(name):
    return {"r.rmf": "MATRIX", "r.arf": "SPECRESP"}[name]
