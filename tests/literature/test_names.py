"""Names of objects: spellings that are one, and positions inside of names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrove.literature.names import canonical, place_in, spellings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NGC 1068", "ngc1068"),
        ("NGC  1068", "NGC_1068"),
        ("Cygnus X-3", "Cyg X−3"),
        ("V* V404 Cyg", "V404 Cygni"),
        ("PSR B1937+21", "B1937$+$21"),
        ("PSRJ0437-4715", "J0437$-$4715"),
        ("Markarian 231", "Mrk 231"),
        ("α Centauri", "* alf Cen"),
        ("NAME Cygnus A", "Cyg A"),
    ],
)
def test_spellings_of_one_name_are_equal(one: str, other: str):
    """As people, SIMBAD and TeX write them."""
    assert canonical(one) == canonical(other)


def test_other_objects_have_other_names():
    """A satellite of a galaxy and a star in a cluster are not the galaxy and not the cluster."""
    assert canonical("NGC 1052") != canonical("NGC 1052-DF2")
    assert canonical("NGC 6397") != canonical("Cl* NGC 6397 GLC 12")
    assert canonical("UX Tau") != canonical("UX Ari")


def test_a_messier_object_is_found_under_its_catalogue_name():
    """In both directions; M 5 may be the type of a star, so that small numbers have to be called Messier."""
    assert "M77" in spellings("NGC 1068")
    assert "NGC1068" in spellings("M 77")
    assert "M5" not in spellings("NGC 5904")
    assert "MESSIER5" in spellings("NGC 5904")


def test_roman_numbers_are_numbers():
    assert spellings("Westerlund 1") & spellings("Westerlund I")


@pytest.mark.parametrize("name", ["", "T Tau", "the", "source", "1234", "FU Ori", "unknown", "W UMa"])
def test_a_name_that_says_too_little_is_not_looked_for(name: str):
    """A number, a common word, or a star after which a kind of stars is called."""
    assert not spellings(name)


@pytest.mark.parametrize(
    ("name", "ra", "dec", "size"),
    [
        ("PSR J0437-4715", 15 * (4 + 37 / 60), -(47 + 15 / 60), 60.0 * 10.2),
        ("2CXO J024104.8-081520", 15 * (2 + 41 / 60 + 4.8 / 3600), -(8 + 15 / 60 + 20 / 3600), 1.5),
        ("2MASS J05351979-0514053", 15 * (5 + 35 / 60 + 19.79 / 3600), -(5 + 14 / 60 + 5.3 / 3600), 0.15),
        ("SAX J1748.9-2021", 15 * (17 + 48.9 / 60), -(20 + 21 / 60), 84.4),
        ("SDSS J11143+5319", 15 * (11 + 14.3 / 60), 53 + 19 / 60, 60.0),
    ],
)
def test_a_name_holds_a_position_as_exact_as_its_digits(name: str, ra: float, dec: float, size: float):
    """Worked out by hand; the size is that of one last digit."""
    place = place_in(name)
    assert place is not None
    assert place.ra == pytest.approx(ra, abs=1e-6)
    assert place.dec == pytest.approx(dec, abs=1e-6)
    assert place.size == pytest.approx(size, rel=0.02)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 599), st.integers(-89, 89), st.integers(0, 59),
    st.integers(0, 59),
)  # fmt: skip
def test_a_position_survives_being_written_as_a_name(h: int, m: int, tenth: int, d: int, dm: int, ds: int):
    """Declinations just below zero too, whose sign stands before 00."""
    for sign in ("+", "-"):
        place = place_in(f"CXOU J{h:02d}{m:02d}{tenth / 10:04.1f}{sign}{abs(d):02d}{dm:02d}{ds:02d}")
        assert place is not None
        assert place.ra == pytest.approx(15 * (h + m / 60 + tenth / 36000), abs=1e-6)
        assert place.dec == pytest.approx(
            (1 if sign == "+" else -1) * (abs(d) + dm / 60 + ds / 3600), abs=1e-6
        )


def test_what_is_no_position_is_none():
    assert place_in("NGC 1068") is None
    assert place_in("J2575-4715") is None
    assert place_in("J1475-0000") is None
