"""Sentences that are read, what they say, and sentences that are refused with the word that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.words.sentences import READ, REFUSED

from spectrove.errors import WordsError
from spectrove.galaxies.lines import LINES
from spectrove.galaxies.words import WORDS
from spectrove.inference.regions import parse_region
from spectrove.lines import names_of
from spectrove.words.read import read
from spectrove.words.reading import leaves
from spectrove.words.tokens import folded, lexicon_of, names_in

PIECES = sorted({written for _, _, written in lexicon_of(WORDS).phrases.values()} - {""})


def test_there_are_a_hundred_and_fifty_of_them():
    """As many as were promised, each once."""
    assert len({text for text, _ in READ}) >= 100
    assert len({text for text, _ in REFUSED}) >= 50


@pytest.mark.parametrize(("text", "meaning"), READ, ids=[text for text, _ in READ])
def test_a_sentence_says_what_a_reader_says(text: str, meaning: str):
    """And what is printed of it, read again, says the same."""
    found = read(text, WORDS)
    assert found.sentence == meaning
    assert read(found.sentence, WORDS) == found


@pytest.mark.parametrize(("text", "word"), REFUSED, ids=[text for text, _ in REFUSED])
def test_a_sentence_that_nobody_could_answer_is_refused_by_word(text: str, word: str):
    """The message names the word, besides the sentence."""
    with pytest.raises(WordsError) as refused:
        read(text, WORDS)
    assert word.lower() in str(refused.value).removeprefix(repr(text)).lower()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(PIECES + ["0.1", "3", "-2", "0266-51630-0168", "xyzzy", "(", ")", "Å"]), max_size=9
    )
)
def test_any_words_are_read_or_refused(pieces: list[str]):
    """No sentence of known words breaks the grammar; whatever is read is printed as a sentence that says the same."""
    try:
        found = read(" ".join(pieces), WORDS)
    except WordsError:
        return
    assert read(found.sentence, WORDS) == found


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str):
    """Also of letters that are no words."""
    try:
        read(text, WORDS)
    except WordsError:
        return


def test_no_phrase_has_two_meanings():
    """The first entry would win without a word."""
    meaning: dict[str, str] = {}
    for kind in WORDS.kinds:
        for word in (kind.title, *kind.words):
            assert meaning.setdefault(folded(word), kind.title) == kind.title, word
    for number in WORDS.numbers:
        for word in (number.title, *number.words):
            assert meaning.setdefault(folded(word), number.title) == number.title, word
    for known in WORDS.lines:
        for word in names_in(known, WORDS):
            named = meaning.setdefault(folded(word), known.name)
            assert named == known.name or known.line.together, word


def test_every_title_is_read_as_itself():
    """So that what is printed can be read."""
    for kind in WORDS.kinds:
        assert [d.words for d in leaves(read(kind.title, WORDS).demands)] == [kind.title]
        assert kind.condition or kind.labels or kind.share
        assert kind.source or kind.share
    for number in WORDS.numbers:
        middle = 0.5 * ((number.low or 0) + (number.high or 10))
        assert read(f"{number.title} > {middle}", WORDS).sentence == f"{number.title} > {middle:g}"


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.key)
def test_regions_know_every_name_of_a_line(line):
    """One table of names: what a sentence calls a line, --region calls so too."""
    for name in names_of(line, LINES):
        region = parse_region(name, LINES)
        assert region.low < line.wavelength < region.high


def test_greek_and_latin_names_are_one():
    """Hα, Halpha, H-alpha, H_alpha, HALPHA."""
    for name in ("Hα", "Halpha", "H-alpha", "H_alpha", "HALPHA", "H alpha", "Ha"):
        assert read(f"strong {name}", WORDS).sentence == "strong H alpha emission"
    for name in ("[O III]", "[OIII]", "OIII", "[O III] 5007", "[OIII]λ5007", "[O iii]"):
        assert read(f"weak {name}", WORDS).sentence == "weak [O III] 5007 emission"


def test_an_unknown_word_is_named_with_its_place_and_the_nearest():
    """And every other one of the sentence."""
    with pytest.raises(WordsError, match=r"'flurble' \(at 1\).*'xyzzy' \(at 22\)"):
        read("flurble galaxies and xyzzy", WORDS)
    with pytest.raises(WordsError, match=r"did you mean .*Seyfert"):
        read("Seyferrrt galaxies", WORDS)


def test_what_was_understood_of_a_misspelling_is_said():
    """It is read, and a note says as what."""
    assert read("quiesent galaxies", WORDS).notes == ("quiesent (at 1) is read as 'quiescent'",)


def test_what_holds_for_two_lines_is_said():
    """ "strong A and B": both are strong."""
    found = read("strong Ha and [O III]", WORDS)
    assert [d.condition for d in leaves(found.demands)] == [
        "ha_ew > quantile(ha_ew, 0.75)",
        "oiii_ew > quantile(oiii_ew, 0.75)",
    ]
    assert "'strong' holds for '[O III]' too" in found.notes


def test_conditions_are_what_the_words_mean():
    """By hand, for one of each form."""
    expected = {
        "EW(Hα) > 3 Å": "ha_ew > 3",
        "[O III]/Hβ > 3": "oiii_flux > 3 * hb_flux AND hb_flux > 0",
        "log [N II]/Hα < -1": "nii_flux < 0.1 * ha_flux AND ha_flux > 0",
        "z ~ 0.1": "z >= 0.09 AND z <= 0.11",
        "stellar mass > 10^11 Msun": "logmass > 11",
        "strong Na D": "lick_nad > quantile(lick_nad, 0.75)",
        "Hα": "ha_flux > 3 * ha_flux_err",
        "no Hα": "NOT (ha_flux > 3 * ha_flux_err)",
        "red": "rest_g_r > quantile(rest_g_r, 0.666667)",
        "redder than 0266-51630-0168": "rest_g_r > value_of(rest_g_r, '0266-51630-0168')",
        "strong Hδ absorption": "hdelta_a > quantile(hdelta_a, 0.75)",
        "LINERs or z < 0.1": None,
    }
    for text, condition in expected.items():
        where = read(text, WORDS).to_dict()["where"]
        assert condition is None or where == condition
    assert read("quiescent", WORDS).to_dict()["read"][0]["as"].startswith("labelled quiescent, or ha_ew < 3")


@pytest.mark.parametrize("word", ["hosted", "ongoing", "formatted", "clasp", "star"])
def test_a_word_that_is_near_to_none_has_no_suggestion(word: str):
    """It is told where all words stand, not which one happens to share letters."""
    with pytest.raises(WordsError, match=r"docs/words\.md") as refused:
        read(f"galaxies {word}", WORDS)
    assert "did you mean" not in str(refused.value)


def test_adjectives_of_a_balmer_line_in_any_order_mean_one_thing():
    """Both states, each by its own column, or a refusal; never emission for absorption."""
    for line, emission, absorption in (("Hδ", "hd_ew", "hdelta_a"), ("Hγ", "hg_ew", "hgamma_a")):
        for form in ("strong {} {}", "{} {} is strong", "{} {} > 4 A", "EW of {} {} > 4", "EW({}) {} > 4"):
            for state, column in (("emission", emission), ("absorption", absorption)):
                try:
                    found = read(form.format(line, state), WORDS)
                except WordsError:
                    continue
                assert {d.condition.split()[0] for d in leaves(found.demands)} == {column}
