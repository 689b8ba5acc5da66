"""SpectrumSet: nothing is lost on the way in, out, or through another library's format."""

from __future__ import annotations

import dataclasses

import astropy.units as u
import numpy as np
import pyarrow as pa
import pytest
from astropy import constants
from astropy.nddata import StdDevUncertainty, VarianceUncertainty
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from specutils import SpectralAxis, SpectrumCollection, SpectrumList
from specutils import Spectrum as AstropySpectrum

from spectrove.errors import ShapeError, SpectroveError, SpectrumError
from spectrove.spectra import BAD, CORE_COLUMNS, FLAGS, PIXEL_COLUMNS, Mask, Spectrum, SpectrumSet

AXIS = np.array([4000.0, 4001, 4002]) * u.AA
UNIT = "1e-17 erg/s/cm2/A"
ALL_BITS = int(sum(Mask))
FLOAT32 = st.floats(width=32, allow_nan=True, allow_infinity=True)

#: A busy machine is no failure.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


# --- sets of any kind, for hypothesis ----------------------------------------------------------------


@st.composite
def rows(draw):
    text = st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
    number = st.none() | st.floats(allow_nan=False, allow_infinity=False)
    return {
        "survey": draw(text), "ra": draw(st.none() | st.floats(0, 360)), "dec": draw(st.none() | st.floats(-90, 90)),
        "z": draw(st.none() | st.floats(-0.01, 7)), "zwarning": draw(st.none() | st.integers(0, 2**40)),
        "flux_unit": UNIT, "calibrated": draw(st.none() | st.booleans()),
        "flags": draw(st.lists(st.sampled_from(sorted(FLAGS)), max_size=3)),
        "class_derived": draw(text), "ha_flux": draw(number), "plate": draw(st.none() | st.integers(0, 2**50)),
        "never_known": None,
    }  # fmt: skip


@st.composite
def spectrum_sets(draw, dirty=True, min_size=0):
    """Sets of spectra of different lengths, an empty one among them at times."""
    singles = []
    for i in range(draw(st.integers(min_size, 4))):
        n = draw(st.integers(0, 12))
        positive = st.floats(0, 1e6, width=32)
        singles.append(
            Spectrum(
                f"{i:04d}-51602-{i:04d}",
                3600.0 + np.cumsum(draw(arrays(float, n, elements=st.floats(0.5, 3)))),
                draw(arrays(np.float32, n, elements=FLOAT32 if dirty else st.floats(-1e6, 1e6, width=32))),
                draw(arrays(np.float32, n, elements=FLOAT32 if dirty else positive)),
                draw(arrays(np.int32, n, elements=st.integers(0, ALL_BITS))),
                draw(arrays(np.float32, n, elements=st.just(np.nan) | st.floats(0.5, 3, width=32))),
                draw(rows()),
            )
        )
    return SpectrumSet.from_spectra(singles)


def assert_same_pixels(one: SpectrumSet, other: SpectrumSet) -> None:
    assert one.object_id.tolist() == other.object_id.tolist()
    assert_array_equal(one.offsets, other.offsets)
    for name, kind in PIXEL_COLUMNS.items():
        first, second = getattr(one, name), getattr(other, name)
        assert first.dtype == second.dtype == kind.to_pandas_dtype()
        assert_array_equal(first, second, err_msg=name)  # NaN in lsf equals NaN


def assert_same(one: SpectrumSet, other: SpectrumSet) -> None:
    assert_same_pixels(one, other)
    assert one.rows.column_names == other.rows.column_names
    assert one.rows.to_pylist() == other.rows.to_pylist()


def known(spectra: SpectrumSet) -> list[dict]:
    """Rows without the values that are unknown."""
    return [{k: v for k, v in row.items() if v is not None} for row in spectra.rows.to_pylist()]


def three() -> SpectrumSet:
    """Three good spectra of 3, 5 and 4 pixels."""
    singles = []
    for i, n in enumerate((3, 5, 4)):
        pixels = (4000.0 + np.arange(n), np.arange(n, dtype="f4") + 10 * i, np.full(n, 4, "f4"))
        row = {
            "z": 0.1 * (i + 1),
            "flux_unit": UNIT,
            "flags": ["lsf_unknown"][:i],
            "plate": 266 + i,
            "bpt_class": None,
        }
        singles.append(Spectrum(f"s{i}", *pixels, np.zeros(n, "i4"), np.full(n, 1.5, "f4"), row))
    return SpectrumSet.from_spectra(singles)


# --- what comes in -----------------------------------------------------------------------------------


@unhurried
@given(spectrum_sets())
def test_values_that_are_no_numbers_are_masked_and_zero(spectra):
    """Whatever came in: flux finite, ivar finite and never negative, and good pixels have ivar."""
    assert np.isfinite(spectra.flux).all()
    assert np.isfinite(spectra.ivar).all()
    assert (spectra.ivar >= 0).all()
    assert (spectra.mask[spectra.ivar == 0] & Mask.NODATA).all()
    for spectrum in spectra:
        assert (spectrum.ivar[spectrum.good] > 0).all()
        assert not (spectrum.mask[spectrum.good] & int(BAD)).any()


def test_each_fault_has_its_own_bit():
    flux = np.array([1, np.nan, 2, 3, 4], "f4")
    ivar = np.array([1, 1, np.inf, -2, 0], "f4")
    pixels = (4000.0 + np.arange(5), flux, ivar, np.array([Mask.SKYLINE, 0, 0, 0, 0], "i4"), np.ones(5, "f4"))
    spectra = SpectrumSet.from_spectra([Spectrum("x", *pixels, {})])
    faults = [Mask.SKYLINE, Mask.NONFINITE | Mask.NODATA, Mask.NONFINITE | Mask.NODATA]
    faults += [Mask.NEGATIVE_IVAR | Mask.NODATA, Mask.NODATA]
    assert spectra.mask.tolist() == [int(f) for f in faults]
    assert_array_equal(spectra.flux, [1, 0, 0, 3, 4])
    assert_array_equal(spectra.ivar, [1, 0, 0, 0, 0])
    assert spectra[0].good.tolist() == [True, False, False, False, False]


def test_bits_for_information_leave_a_pixel_good():
    pixels = (4000.0 + np.arange(2), np.ones(2, "f4"), np.ones(2, "f4"))
    spectra = SpectrumSet.from_spectra(
        [
            Spectrum(
                "x", *pixels, np.array([Mask.SUSPECT | Mask.SKYLINE, Mask.COSMIC], "i4"), np.ones(2, "f4"), {}
            )
        ]
    )
    assert spectra[0].good.tolist() == [True, False]


def test_every_flag_and_bit_has_its_own_name():
    assert all(sentence.endswith(".") for sentence in FLAGS.values())
    assert len({int(m) for m in Mask}) == len(Mask)
    assert all(int(m).bit_count() == 1 for m in Mask)


def test_core_columns_are_always_there():
    pixels = (np.arange(2) + 4000.0, *(np.ones(2, kind) for kind in ("f4", "f4", "i4", "f4")))
    spectra = SpectrumSet.from_spectra([Spectrum("x", *pixels, {"z": float("nan"), "ours": 3})])
    assert spectra.rows.column_names == [*CORE_COLUMNS, "ours"]
    assert spectra.rows.schema.field("flags").type == CORE_COLUMNS["flags"]
    assert spectra.column("flags") == [[]]
    assert spectra.column("z") == [None]
    assert np.isnan(spectra.z[0])
    assert np.isnan(spectra[0].z)


def test_pixel_columns_of_different_length_are_refused():
    pixels = (np.arange(3) + 4000.0, *(np.ones(2, kind) for kind in ("f4", "f4", "i4", "f4")))
    with pytest.raises(ShapeError, match="x: pixel columns differ"):
        SpectrumSet.from_spectra([Spectrum("x", *pixels, {})])


def test_parts_that_do_not_belong_together_are_refused():
    s = three()
    pixels = [getattr(s, name) for name in PIXEL_COLUMNS]
    with pytest.raises(ShapeError, match="3 ids, 3 offsets"):
        SpectrumSet(s.object_id, s.offsets[:-1], *pixels, rows=s.rows)
    with pytest.raises(ShapeError, match="flux has 11 pixels"):
        SpectrumSet(s.object_id, s.offsets, pixels[0], pixels[1][1:], *pixels[2:], rows=s.rows)
    with pytest.raises(ShapeError, match="2 rows"):
        SpectrumSet(s.object_id, s.offsets, *pixels, rows=s.rows.slice(1))


# --- choosing and joining ----------------------------------------------------------------------------


@unhurried
@given(spectrum_sets(min_size=1), st.data())
def test_taking_gives_the_chosen_spectra_in_their_order(spectra, data):
    index = data.draw(st.lists(st.integers(0, len(spectra) - 1), max_size=6))
    taken = spectra.take(np.array(index, dtype=int))
    assert len(taken) == len(index)
    for i, j in enumerate(index):
        one, other = taken[i], spectra[j]
        assert (one.object_id, one.row) == (other.object_id, other.row)
        for name in PIXEL_COLUMNS:
            assert_array_equal(getattr(one, name), getattr(other, name))


@unhurried
@given(spectrum_sets(), st.data())
def test_cutting_and_joining_again_changes_nothing(spectra, data):
    cut = data.draw(st.integers(0, len(spectra)))
    parts = [spectra.take(np.arange(cut)), spectra.take(np.arange(cut, len(spectra)))]
    assert_same(SpectrumSet.concatenate(parts), spectra)


def test_a_mask_takes_what_it_marks():
    assert three().take(np.array([True, False, True])).object_id.tolist() == ["s0", "s2"]
    assert len(three().take(np.zeros(3, bool))) == 0
    assert len(three().take([])) == 0


def test_spectra_are_found_from_the_end_too():
    assert three()[-1].object_id == "s2"
    for i in (3, -4):
        with pytest.raises(IndexError):
            three()[i]
    assert [s.object_id for s in three()] == ["s0", "s1", "s2"]


def test_joined_sets_have_the_columns_of_both():
    second = SpectrumSet.from_spectra(
        [Spectrum("t", *(three()[0].__dict__[n] for n in PIXEL_COLUMNS), {"ours": "a"})]
    )
    joined = SpectrumSet.concatenate([three(), second])
    assert joined.column("ours") == [None, None, None, "a"]
    assert joined.column("plate") == [266, 267, 268, None]
    assert joined.column("flags") == [[], ["lsf_unknown"], ["lsf_unknown"], []]
    assert len(SpectrumSet.concatenate([])) == 0


def test_a_column_unknown_in_one_part_takes_the_type_of_the_other():
    """A batch in which nothing was classified must not spoil the column of the others."""
    second = three().with_rows(
        three().rows.set_column(three().rows.column_names.index("bpt_class"), "bpt_class", [["SF"] * 3])
    )
    joined = SpectrumSet.concatenate([three().take([0]), second.take([1, 2])])
    assert joined.column("bpt_class") == [None, "SF", "SF"]
    assert joined.rows.schema.field("bpt_class").type == pa.string()


def test_other_rows_leave_the_pixels_alone():
    changed = three().with_rows(pa.table({"z": [1.0, 2.0, 3.0]}))
    assert_same_pixels(changed, three())
    assert_array_equal(changed.z, [1, 2, 3])
    with pytest.raises(ShapeError):
        three().with_rows(pa.table({"z": [1.0]}))


# --- Arrow -------------------------------------------------------------------------------------------


@unhurried
@given(spectrum_sets())
def test_arrow_keeps_everything(spectra):
    assert_same(SpectrumSet.from_arrow(spectra.to_arrow()), spectra)


@unhurried
@given(spectrum_sets(min_size=1))
def test_arrow_in_pieces_is_the_same_table(spectra):
    """Batches of one row, as a reader of a large dataset gets them, and a slice, whose lists start late."""
    table = spectra.to_arrow()
    batches = pa.Table.from_batches(table.to_batches(max_chunksize=1), table.schema)
    assert_same(SpectrumSet.from_arrow(batches), spectra)
    assert_same(SpectrumSet.from_arrow(table.slice(1)), spectra.take(np.arange(1, len(spectra))))


def test_arrow_files_keep_everything(tmp_path):
    """Through Parquet, which knows no large offsets of its own."""
    import pyarrow.parquet as pq

    pq.write_table(three().to_arrow(), tmp_path / "x.parquet")
    assert_same(SpectrumSet.from_arrow(pq.read_table(tmp_path / "x.parquet")), three())


# --- specutils ---------------------------------------------------------------------------------------


@unhurried
@given(spectrum_sets(dirty=False))
def test_specutils_keeps_pixels_masks_resolution_and_rows(spectra):
    lengths = np.diff(spectra.offsets)
    spectra = spectra.take(lengths > 1)  # specutils wants a spectral axis
    again = SpectrumSet.from_specutils(spectra.to_specutils())
    assert_same_pixels(again, spectra)
    assert known(again) == known(spectra)


def test_specutils_get_what_they_expect():
    (first, *_) = three().to_specutils()
    assert first.spectral_axis.unit == u.AA
    assert_allclose(first.flux.to_value("erg / (s cm2 AA)"), [0, 1e-17, 2e-17])
    assert_allclose(first.uncertainty.represent_as(StdDevUncertainty).array, 0.5)
    assert not first.mask.any()
    assert first.meta["object_id"] == "s0"


@pytest.mark.parametrize(
    ("uncertainty", "ivar"),
    [
        (StdDevUncertainty(np.array([0.5, 2.0, 1.0])), [4, 0.25, 1]),
        (VarianceUncertainty(np.array([0.25, 4.0, 1.0])), [4, 0.25, 1]),
        (StdDevUncertainty(np.array([0.5, 0.0, 1.0])), [4, 0, 1]),
        (None, [0, 0, 0]),
    ],
    ids=["sigma", "variance", "a zero error", "none"],
)
def test_every_kind_of_uncertainty_becomes_inverse_variance(uncertainty, ivar):
    item = AstropySpectrum(
        spectral_axis=np.array([4000.0, 4001, 4002]) * u.AA, flux=np.ones(3) * u.Jy, uncertainty=uncertainty
    )
    spectra = SpectrumSet.from_specutils([item])
    assert_allclose(spectra.ivar, ivar)
    assert spectra[0].good.tolist() == [v > 0 for v in ivar]
    assert spectra.object_id.tolist() == ["#0"]
    assert spectra.column("flux_unit") == ["Jy"]
    assert np.isnan(spectra.lsf).all()


def test_a_foreign_mask_makes_pixels_bad():
    item = AstropySpectrum(
        spectral_axis=np.array([4000.0, 4001, 4002]) * u.AA, flux=np.ones(3) * u.Jy,
        uncertainty=StdDevUncertainty(np.ones(3)), mask=np.array([False, True, False]),
    )  # fmt: skip
    spectra = SpectrumSet.from_specutils(SpectrumList([item]))
    assert spectra.mask.tolist() == [0, int(Mask.BADPIXEL), 0]


def test_other_units_and_orders_become_rising_angstrom():
    """Micron, and frequencies, which rise where wavelengths fall: each pixel keeps its flux and error."""
    wavelength = np.array([4000.0, 5000, 6000])
    for axis in (wavelength * 1e-4 * u.micron, (wavelength * u.AA).to(u.Hz, u.spectral())[::-1]):
        flip = slice(None, None, -1) if axis.unit == u.Hz else slice(None)
        item = AstropySpectrum(
            spectral_axis=axis, flux=np.array([1.0, 2, 3])[flip] * u.Jy,
            uncertainty=StdDevUncertainty(np.array([1.0, 0.5, 0.25])[flip]),
        )  # fmt: skip
        spectra = SpectrumSet.from_specutils([item])
        assert_allclose(spectra.wavelength, wavelength)
        assert_allclose(spectra.flux, [1, 2, 3])
        assert_allclose(spectra.ivar, [1, 4, 16])


@pytest.mark.parametrize(
    ("given", "meta", "expected"),
    [
        ({"redshift": 0.1}, {}, 0.1),
        ({"redshift": 0.0}, {}, 0.0),
        ({"redshift": -0.001}, {}, -0.001),
        ({"radial_velocity": 0.6 * constants.c}, {}, 1.0),  # sqrt((1 + 0.6) / (1 - 0.6)) - 1
        ({}, {"z": 0.3}, 0.3),
        ({}, {"redshift": np.float32(0.25)}, 0.25),
        ({}, {"Z": 0.5 * u.one}, 0.5),
        ({"redshift": 0.1}, {"z": 0.3}, 0.1),
        ({}, {}, np.nan),
        ({}, {"z": None}, np.nan),
        ({}, {"z": -9999.0}, np.nan),
        ({}, {"z": "unknown"}, np.nan),
    ],
)
def test_the_redshift_of_specutils_is_that_of_the_row(given, meta, expected):
    """The one that was set last, on the object, goes before that of its meta; nothing set is nothing known."""
    item = AstropySpectrum(spectral_axis=AXIS, flux=np.ones(3) * u.Jy, meta=meta, **given)
    spectra = SpectrumSet.from_specutils([item])
    assert_allclose(spectra.z, [expected], rtol=1e-6)
    assert spectra.column("z_source") == [
        None if meta.get("z") == expected or np.isnan(expected) else "given"
    ]


def test_a_redshift_on_the_axis_or_set_later_is_kept():
    """All the ways in which specutils takes a redshift."""
    axis = AstropySpectrum(spectral_axis=SpectralAxis(AXIS, redshift=0.3), flux=np.ones(3) * u.Jy)
    later = AstropySpectrum(spectral_axis=AXIS, flux=np.ones(3) * u.Jy)
    later.set_redshift_to(0.2)
    rest = AstropySpectrum(spectral_axis=AXIS, flux=np.ones(3) * u.Jy, redshift=0.2, meta={"z": 0.2})
    rest.shift_spectrum_to(redshift=0)
    spectra = SpectrumSet.from_specutils([axis, later, rest])
    assert_allclose(spectra.z, [0.3, 0.2, 0.0], atol=1e-12)
    assert_allclose(spectra[2].wavelength, AXIS.value / 1.2)


def test_specutils_get_the_redshift_and_give_it_back():
    """To the last digit, although specutils keeps a velocity."""
    items = three().to_specutils()
    assert_allclose([item.redshift for item in items], three().z)
    assert SpectrumSet.from_specutils(items).z.tolist() == three().z.tolist()


def test_a_collection_and_a_single_spectrum_of_specutils_are_taken():
    collection = SpectrumCollection(
        flux=np.ones((2, 3)) * u.Jy, spectral_axis=np.vstack([AXIS, AXIS + 1 * u.AA])
    )
    assert SpectrumSet.from_specutils(collection).object_id.tolist() == ["#0", "#1"]
    single = AstropySpectrum(spectral_axis=AXIS, flux=np.ones(3) * u.Jy, redshift=0.1)
    assert_allclose(SpectrumSet.from_specutils(single).z, [0.1])


def test_specutils_without_errors_get_them_from_the_scatter():
    """As files without errors do; otherwise no pixel would be usable."""
    flux = np.random.default_rng(1).normal(10, 0.5, 400)
    item = AstropySpectrum(spectral_axis=np.linspace(8000, 4000, 400) * u.AA, flux=flux * u.Jy)
    spectra = SpectrumSet.from_specutils([item])
    assert_allclose(np.median(spectra.ivar) ** -0.5, 0.5, rtol=0.2)
    assert spectra.column("flags") == [["ivar_estimated"]]


def test_a_cube_is_refused_with_a_sentence():
    item = AstropySpectrum(spectral_axis=np.array([4000.0, 4001]) * u.AA, flux=np.ones((3, 2)) * u.Jy)
    with pytest.raises(SpectrumError, match=r"shape \(3, 2\), expected one dimension"):
        SpectrumSet.from_specutils([item])


# --- a spectrum as users write it ----------------------------------------------------------------------

GRID = np.linspace(4000.0, 5000, 50)
NOISE = np.random.default_rng(0).normal(0, 0.1, 50)


def test_arrays_make_a_spectrum():
    """Angstrom, and errors that become inverse variance; further names are values of the row."""
    s = Spectrum(GRID, 1 + NOISE, error=np.full(50, 0.1), z=0.1, object_id="a", ra=10.0, flux_unit="mJy")
    assert_allclose(s.wavelength, GRID)
    assert_allclose(s.flux, 1 + NOISE, rtol=1e-6)
    assert_allclose(s.ivar, 100, rtol=1e-6)
    assert (s.object_id, s.z, s.row["ra"], s.row["flux_unit"]) == ("a", 0.1, 10.0, "mJy")
    assert s.row["z_source"] == "given"
    assert s.row["flags"] == ["lsf_unknown"]
    assert s.good.all()
    (again,) = SpectrumSet.from_spectra([s])
    assert again.row["ra"] == 10.0
    assert_array_equal(again.ivar, s.ivar)


def test_quantities_are_converted():
    """Micron to angstrom; an error in another unit to that of the flux; positions to degrees."""
    s = Spectrum(
        GRID * 1e-4 * u.um,
        np.ones(50) * u.mJy,
        error=np.full(50, 100) * u.uJy,
        ra=1 * u.hourangle,
        lsf=0.2 * u.nm,
    )
    assert_allclose(s.wavelength, GRID)
    assert_allclose(s.ivar, 100)
    assert_allclose(s.lsf, 2)
    assert s.row["flux_unit"] == "mJy"
    assert_allclose(s.row["ra"], 15)
    ivar = Spectrum(GRID, np.ones(50) * u.mJy, ivar=np.full(50, 1e-4) / u.uJy**2).ivar
    assert_allclose(ivar, 100, rtol=1e-6)


def test_frequencies_that_rise_are_turned_round():
    """Each pixel keeps its flux and its error; the medium says nothing about frequencies."""
    frequency = (GRID * u.AA).to(u.Hz, u.spectral())[::-1]
    s = Spectrum(frequency, np.arange(50.0)[::-1] * u.Jy, error=np.arange(1.0, 51)[::-1] * u.Jy, medium="air")
    assert_allclose(s.wavelength, GRID)
    assert_allclose(s.flux, np.arange(50))
    assert_allclose(s.ivar, np.arange(1.0, 51) ** -2, rtol=1e-6)
    assert "air_converted" not in s.row["flags"]


def test_wavelengths_in_air_become_those_in_vacuum():
    s = Spectrum(np.array([5006.843, 6562.79]), np.ones(2), error=np.ones(2), medium="air")
    assert_allclose(s.wavelength, [5008.240, 6564.60], atol=0.006)
    assert "air_converted" in s.row["flags"]


def test_masks_of_users_mark_what_is_bad():
    """True is bad, as in numpy and specutils; whole numbers are our bits; a masked array hides pixels."""
    hidden = np.arange(50) == 7
    for s in (
        Spectrum(GRID, np.ones(50), error=np.ones(50), mask=hidden),
        Spectrum(GRID, np.ones(50), error=np.ones(50), mask=hidden * int(Mask.COSMIC)),
        Spectrum(GRID, np.ma.array(np.ones(50), mask=hidden), error=np.ones(50)),
        Spectrum(GRID, np.ones(50), error=np.where(hidden, 0, 1)),
        Spectrum(GRID, np.ones(50), error=np.where(hidden, np.nan, 1)),
    ):
        (stored,) = SpectrumSet.from_spectra([s])
        assert_array_equal(stored.good, ~hidden)


def test_without_errors_they_are_estimated_from_the_scatter():
    s = Spectrum(GRID, 1 + NOISE)
    assert_allclose(np.median(s.ivar) ** -0.5, 0.1, rtol=0.4)
    assert "ivar_estimated" in s.row["flags"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"error": np.ones(50), "ivar": np.ones(50)}, "a: has both error and ivar"),
        (
            {"error": np.ones(49)},
            r"a: wavelength \(50,\), flux \(50,\), error \(49,\); expected arrays of one",
        ),
        ({"flux": np.ones((2, 25))}, r"flux \(2, 25\)"),
        ({"wavelength": GRID[::-1]}, "a: wavelengths fall from 5000 to 4000, expected rising ones. Reverse"),
        ({"wavelength": np.repeat(GRID[::2], 2)}, "a: wavelengths do not rise at 25 of 49 steps"),
        ({"wavelength": GRID * 1e-4}, "a: wavelengths run from 0.4 to 0.5 angstrom, expected 100 to 1e.06"),
        ({"wavelength": GRID * u.s}, "a: wavelength is in s, expected a unit of length, frequency or energy"),
        ({"wavelength": np.where(GRID > 4500, np.nan, GRID)}, "a: wavelengths do not rise"),
        ({"z": np.nan}, "a: z is nan, expected a finite number above -1. Give None if it is unknown"),
        ({"z": np.inf}, "a: z is inf"),
        ({"z": -2}, "a: z is -2"),
        ({"z": [0.1, 0.2]}, "a: z is .0.1, 0.2., expected one number"),
        ({"flux": ["x"] * 50}, "a: flux holds <U1, expected numbers"),
        ({"flux": np.ones(50) * u.ABmag}, r"a: flux is in mag\(AB\), expected a linear unit"),
        ({"flux": np.ones(50) * u.Jy, "error": np.ones(50) * u.s}, "a: error is in s, expected Jy"),
        ({"error": np.ones(50) * u.Jy}, "a: error is in Jy, and flux has no unit"),
        ({"mask": np.full(50, 1 << 20)}, "a: mask holds int64 up to 1048576, expected True for bad pixels"),
        ({"medium": "water"}, "a: medium 'water', expected 'vacuum' or 'air'"),
        ({"distance": 3 * u.Mpc}, "a: distance is in Mpc, expected a plain value"),
    ],
)
def test_what_cannot_be_a_spectrum_is_refused_with_a_sentence(given, sentence):
    given = {"wavelength": GRID, "flux": np.ones(50), "object_id": "a"} | given
    with pytest.raises(SpectroveError, match=sentence):
        Spectrum(**given)


def test_the_stored_columns_make_a_spectrum_as_they_are():
    """By place or by name; what is replaced leaves the rest alone."""
    s = three()[1]
    pixels = [getattr(s, name) for name in PIXEL_COLUMNS]
    for same in (
        Spectrum("s1", *pixels, s.row),
        Spectrum("s1", *pixels, row=s.row),
        Spectrum.stored("s1", *pixels, s.row),
    ):
        assert all(getattr(same, name) is getattr(s, name) for name in PIXEL_COLUMNS)
    changed = dataclasses.replace(s, row={"z": 2.0})
    assert changed.flux is s.flux
    assert (changed.object_id, changed.z) == ("s1", 2.0)
    with pytest.raises(TypeError, match="found object_id, wavelength, flux, ivar; expected object_id"):
        Spectrum("s1", *pixels[:3])


def test_spectra_without_a_name_are_called_by_their_place():
    assert SpectrumSet.from_spectra([Spectrum(GRID, NOISE), Spectrum(GRID, NOISE)]).object_id.tolist() == [
        "#0",
        "#1",
    ]


def test_spectra_are_shown_in_one_line():
    """The numbers that matter; a notebook gets a small table."""
    assert repr(three()) == "<SpectrumSet of 3 spectra, 4000-4004 A, 3 with a redshift>"
    assert repr(three()[1]) == "<Spectrum s1: 5 pixels, 4000-4004 A, z 0.2>"
    assert repr(Spectrum(GRID, NOISE)) == "<Spectrum (without a name): 50 pixels, 4000-5000 A, no redshift>"
    assert repr(three().take([])) == "<SpectrumSet of 0 spectra, 0 with a redshift>"
    many = SpectrumSet.concatenate([three()] * 5)
    assert many._repr_html_().count("<tr>") == 11
    assert "and 5 more" in many._repr_html_()


# --- astropy tables ----------------------------------------------------------------------------------


@unhurried
@given(spectrum_sets())
def test_an_astropy_table_keeps_everything(spectra):
    again = SpectrumSet.from_table(spectra.to_table())
    assert_same_pixels(again, spectra)
    assert known(again) == known(spectra)


def test_an_astropy_table_is_one_row_per_spectrum():
    table = three().to_table()
    assert isinstance(table, Table)
    assert len(table) == 3
    assert table["flux"][1].tolist() == [10, 11, 12, 13, 14]
    assert table["plate"].tolist() == [266, 267, 268]
    assert table["bpt_class"].tolist() == [None] * 3
    assert table[[2, 0]]["object_id"].tolist() == ["s2", "s0"]


def test_a_table_of_equally_long_spectra_stays_a_table_of_rows():
    """numpy would make one matrix of lists that are equally long."""
    spectra = three().take([1, 1, 1])
    again = SpectrumSet.from_table(spectra.to_table())
    assert_same_pixels(again, spectra)
    assert again.column("flags") == [["lsf_unknown"]] * 3


@pytest.mark.parametrize("name", ["erorr", "medum", "redshift"])
def test_a_misspelt_argument_of_a_spectrum_is_no_catalog_value(name):
    """It would be kept in the row, and do nothing."""
    with pytest.raises(SpectrumError, match="did you mean"):
        Spectrum(np.linspace(4000.0, 9000.0, 50), np.ones(50), **{name: 0.1})


def test_errors_of_which_none_is_positive_are_refused():
    with pytest.raises(SpectrumError, match="none of 50 errors is positive"):
        Spectrum(np.linspace(4000.0, 9000.0, 50), np.ones(50), error=-np.ones(50))
