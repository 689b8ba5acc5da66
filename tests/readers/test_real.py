"""Every real file, against what the index says of it."""

from __future__ import annotations

import csv
import math
from collections import Counter

import pytest

from spectrove.readers import read_file, read_spectra

pytestmark = pytest.mark.real

#: Files and spectra per group; every one is read.
GROUPS = {
    "sdss": (1031, 1031),
    "boss": (68, 68),
    "qso": (71, 71),
    "star": (4, 4),
    "sky": (50, 50),
    "desi": (26, 26),
    "desi_mock_lens": (7, 7),
    "lamost": (40, 40),
    "fors2": (260, 260),
    "sixdf": (81, 81),
    "sixdf_noz": (7, 7),
    "vandels": (90, 90),
    "muse": (20, 20),
    "xshooter": (12, 12),
    "manga": (2, 11),
    "jwst": (2, 2),
}
#: What is known of a whole group.
EXPECTED_FLAGS = {
    "sky": {"sky", "z_warning"},
    "star": {"star"},
    "desi_mock_lens": {"ivar_estimated", "no_redshift"},
    "lamost": {"star", "lsf_unknown"},
    "fors2": {"ivar_estimated", "air_converted", "air_assumed", "not_calibrated"},
    "sixdf": {"air_converted", "air_assumed", "not_calibrated"},
    "vandels": {"air_converted", "air_assumed"},
    "muse": {"air_converted"},
}


@pytest.fixture(scope="module")
def index(data_dir):
    with open(data_dir / "galaxies" / "index.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("group", GROUPS)
def test_every_file_of_a_group_is_read(data_dir, group):
    folder = data_dir / "galaxies" / group
    spectra, refusals = read_spectra(folder, workers=1)
    assert refusals == []
    assert (len(list(folder.iterdir())), len(spectra)) == GROUPS[group]
    counted = Counter(flag for flags in spectra.column("flags") for flag in flags)
    assert all(counted[flag] == len(spectra) for flag in EXPECTED_FLAGS.get(group, ()))


def test_ids_and_values_are_those_of_the_index(data_dir, index):
    """All 1,780 rows: the same id once the index is joined, the same redshift, specobjid and line fluxes."""
    spectra, refusals = read_spectra(
        data_dir / "galaxies", catalogs=[data_dir / "galaxies" / "index.csv"], workers=1
    )
    assert refusals == []
    assert sorted(spectra.object_id) == sorted(row["object_id"] for row in index)
    place = {str(object_id): i for i, object_id in enumerate(spectra.object_id)}
    for name in ("class_derived", "split", "bpt_class", "specobjid"):
        found = spectra.column(name)
        assert [found[place[row["object_id"]]] for row in index] == [row[name] or None for row in index]


def test_what_the_files_say_is_what_the_index_says(data_dir, index):
    """Read from the files alone, without the index: an independent reading of the same values."""
    for row in [r for r in index if r["group"] in ("sdss", "boss", "qso", "star")][::9]:
        (s,) = read_file(data_dir / "galaxies" / row["path"])
        assert s.object_id == row["object_id"]
        assert s.row["specobjid"] == row["specobjid"]
        for name in (
            "z",
            "ra",
            "dec",
            "vdisp",
            "ha_flux",
            "ha_err",
            "nii_flux",
            "oiii_flux",
            "sii_flux",
            "sii_err",
        ):
            expected = float(row[name]) if row[name] else None
            found = s.row.get(name)
            assert (found is None) == (expected is None), (row["object_id"], name)
            assert found is None or math.isclose(found, expected, rel_tol=1e-6), (row["object_id"], name)
        assert math.isclose(s.wavelength[0], float(row["wave_min"]), rel_tol=1e-3)


def test_the_spectrum_without_a_good_pixel_is_read_and_flagged(data_dir):
    path = next((data_dir / "galaxies" / "sdss").glob("*0269-51581-0003*"))
    assert "no_good_pixels" in read_file(path)[0].row["flags"]
