"""The sentence that says why, case by case."""

from __future__ import annotations

import pytest

from spectrove.explanation.sentences import cautions, why
from spectrove.spectra import FLAGS

LINER = {"ha": 100, "nii": 130, "hb": 30, "oiii": 60}
SEYFERT = {"ha": 100, "nii": 80, "hb": 30, "oiii": 300}


def test_agreeing_neighbours_and_lines_make_one_plain_sentence(make_answer, make_lines):
    answer = make_answer(["LINER"] * 3, lines=make_lines(**LINER), positive="LINER")
    assert why(answer) == (
        "0881-52368-0036 is called a LINER (P 0.93): 3 of its 3 nearest known spectra are LINERs, the "
        "closest (1000-52000-0000) at 0.8 times the base's usual neighbour distance; its own lines, "
        "log [N II]/Hα = 0.11 ± 0.01, log [O III]/Hβ = 0.30 ± 0.02, lie on the LINER side of the 1.18x+0.77 "
        "line by 34.6σ."
    )
    assert cautions(answer) == []


def test_lines_on_the_other_side_speak_against_the_answer(make_answer, make_lines):
    answer = make_answer(["LINER"] * 3, lines=make_lines(**SEYFERT), positive="LINER")
    assert "Seyfert side of the 1.18x+0.77 line" in why(answer)
    assert why(answer).endswith("which contradicts the answer.")


def test_where_the_target_is_denied_its_lines_speak_against_the_denial(make_answer, make_lines):
    denied = make_answer(
        ["SF", "LINER", "SF"], lines=make_lines(**LINER), positive="LINER", is_target=False, probability=0.3
    )
    text = why(denied)
    assert "is not called a LINER (P 0.30, below 0.50): 1 of its 3 nearest known spectra is a LINER" in text
    assert text.endswith("which contradicts the answer.")
    agreed = make_answer(["SF"] * 3, lines=make_lines(**SEYFERT), positive="LINER", is_target=False)
    assert "none of its 3 nearest known spectra is a LINER (3 labelled SF" in why(agreed)
    assert "against" not in why(agreed)


def test_disagreeing_neighbours_are_counted_with_their_share_of_the_vote(make_answer, make_lines):
    answer = make_answer(["Seyfert2-like", "LINER", "LINER"], lines=make_lines(**LINER), positive="LINER")
    assert (
        "2 of its 3 nearest known spectra are LINERs (1 labelled Seyfert2-like, with 33% of the vote)"
        in why(answer)
    )
    assert "the closest (1000-52000-0000, Seyfert2-like)" in why(answer)


def test_a_limit_is_given_as_a_limit(make_answer, make_lines):
    answer = make_answer(["LINER"] * 3, lines=make_lines(ha=100, nii=130, hb=1, oiii=20), positive="LINER")
    assert "log [O III]/Hβ > 0.70 (Hβ undetected), allow Seyfert or LINER" in why(answer)
    assert "against" not in why(answer)


def test_no_line_at_all_fits_a_quiescent_galaxy_and_no_liner(make_answer, make_lines):
    quiet = make_answer(["quiescent"] * 3, lines=make_lines())
    assert (
        "none of its four diagnostic lines is detected at 3σ, as for a galaxy without line emission"
        in why(quiet)
    )
    hunted = make_answer(["LINER"] * 3, lines=make_lines(), positive="LINER")
    assert "so they do not support the answer" in why(hunted)


def test_lines_in_a_quiescent_galaxy_contradict_it(make_answer, make_lines):
    assert "contradicts" in why(make_answer(["quiescent"] * 3, lines=make_lines(**LINER)))


def test_lines_outside_the_spectrum_are_said_to_be_outside(make_answer, make_lines):
    far = make_lines(missing=("ha", "nii"), hb=1, oiii=1)
    assert "its own line ratios are unknown: Hα, [N II] 6583 not covered" in why(
        make_answer(["SF"] * 2, lines=far)
    )
    half = make_lines(missing=("ha", "nii"), hb=30, oiii=60)
    assert "log [O III]/Hβ = 0.30 ± 0.02 (Hα, [N II] 6583 not covered)" in why(
        make_answer(["SF"] * 2, lines=half)
    )


def test_a_spectrum_that_could_not_be_measured_says_why(make_answer):
    text = why(make_answer(["SF", "SF"], reason="it has no redshift"))
    assert text.endswith("its own lines could not be measured because it has no redshift.")


def test_without_voters_there_is_no_answer_and_the_reason_stands(make_answer, make_lines):
    text = why(make_answer([None, None], lines=make_lines(**LINER)))
    assert text.startswith(
        "0881-52368-0036 gets no answer: no neighbour has a label that counts; its own lines"
    )


def test_a_single_neighbour_is_not_called_one_of_one(make_answer, make_lines):
    assert "its one labelled neighbour, 1000-52000-0000 (SF), is at 0.8" in why(make_answer(["SF"]))


@pytest.mark.parametrize(("positive", "phrase"), [("lens", "a strong lens"), ("outlier", "an outlier")])
def test_line_ratios_are_not_taken_to_test_a_lens_or_an_outlier(make_answer, make_lines, positive, phrase):
    answer = make_answer([positive] * 3, lines=make_lines(**LINER), positive=positive)
    assert f"is called {phrase}" in why(answer)
    assert "do not test the answer" in why(answer)
    assert cautions(answer) == []


def test_an_unknown_class_is_quoted(make_answer):
    assert "is called “green pea” (P 0.93): 3 of its 3 nearest known spectra are “green pea”" in why(
        make_answer(["green pea"] * 3)
    )


def test_flags_are_spelled_out(make_answer, make_lines):
    answer = make_answer(
        ["LINER"] * 3, lines=make_lines(**LINER), flags=("neighbor_coverage", "few_neighbors")
    )
    assert cautions(answer) == [FLAGS["neighbor_coverage"], FLAGS["few_neighbors"]]


def test_far_neighbours_and_mislabelled_ones_are_cautioned(make_answer, make_lines):
    answer = make_answer(
        ["LINER", "LINER"],
        lines=make_lines(**LINER),
        distances=[3.0, 4.0],
        neighbor_lines=make_lines(**SEYFERT),
    )
    texts = cautions(answer)
    assert "3.0 times the base's usual neighbour distance away" in texts[0]
    assert "is labelled LINER, but its own lines, as we measure them, lie in the Seyfert region" in texts[1]


def test_a_point_close_to_a_line_is_cautioned(make_answer, make_lines):
    answer = make_answer(["LINER"] * 3, lines=make_lines(noise=8, ha=100, nii=130, hb=30, oiii=190))
    assert any("noise alone could move it to the other side" in text for text in cautions(answer))


def test_ratios_off_the_diagram_are_cautioned(make_answer, make_lines):
    answer = make_answer(
        ["outlier"] * 3, lines=make_lines(ha=10, nii=500, hb=30, oiii=60), positive="outlier"
    )
    assert any("outside the range of galaxies" in text for text in cautions(answer))


def test_a_weak_liner_may_be_a_retired_galaxy(make_answer, make_lines):
    """Equivalent widths are a tenth of the flux here: 2.0 angstrom."""
    weak = make_answer(
        ["LINER"] * 3, lines=make_lines(noise=0.5, ha=20, nii=26, hb=6, oiii=12), positive="LINER"
    )
    assert any("2.0 ± 0.1 Å: below 3 Å old stars alone" in text for text in cautions(weak))
