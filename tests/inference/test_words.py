"""Sentences held against a base: probabilities by hand, unknown values, labels, examples, order."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.embeddings import Embeddings
from spectrove.errors import WordsError
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.words import search_text
from spectrove.readers import read_spectra
from spectrove.serve.text import lines_alone
from spectrove.spectra import Spectrum, SpectrumSet

ROWS: list[dict[str, Any]] = [
    {"ha_ew": 3.5, "ha_ew_err": 0.5, "ha_flux": 9.0, "ha_err": 1.0, "class_derived": "SF"},
    {"ha_ew": 2.0, "ha_ew_err": 0.5, "ha_flux": 2.0, "ha_err": 1.0, "class_derived": "quiescent"},
    {"ha_ew": None, "ha_ew_err": None, "ha_flux": None, "ha_err": None, "class_derived": "LINER"},
    {"ha_ew": 40.0, "ha_ew_err": 1.0, "ha_flux": 99.0, "ha_err": 1.0, "class_derived": None},
]
for row, colour, d4000n in zip(ROWS, (0.3, 0.8, 0.6, 0.5), (1.1, 1.9, 1.5, 1.3), strict=True):
    row |= {"rest_g_r": colour, "d4000n": d4000n}
Z = (0.02, 0.05, 0.10, 0.20)


def base_of(rows: list[dict[str, Any]]) -> KnowledgeBase:
    """A base of flat spectra with these catalog values; vectors lie on a line, in order."""
    wavelength = np.linspace(4000, 7000, 40)
    spectra = SpectrumSet.from_spectra(
        [
            Spectrum(
                wavelength, np.ones(40), error=np.ones(40), z=Z[i], object_id=f"100{i}-50000-0001", **row
            )
            for i, row in enumerate(rows)
        ]
    )
    vectors = np.array([[0.0, 1.0], [1.0, 1.0], [3.0, 1.0], [7.0, 1.0]], dtype="f4")
    shape = Embeddings(vectors, spectra.object_id, "0" * 12, np.tile([4000.0, 7000.0], (4, 1)))
    return KnowledgeBase.in_memory(spectra, {"shape": shape}, encoder="pca")


@pytest.fixture(scope="module")
def base() -> KnowledgeBase:
    """Four objects."""
    return base_of(ROWS)


def probabilities(base: KnowledgeBase, text: str, **options: Any) -> dict[str, float]:
    """P by the first digits of the id, of every object that can be judged."""
    answers = search_text(base, text, threshold=0.0, top=99, **options)
    return {match.object_id[:4]: match.probability for match in answers}


def test_the_probability_is_that_of_a_gaussian_error(base: KnowledgeBase):
    """EW 3.5 +- 0.5 is above 3 at one sigma: .841; 2.0 +- .5 at minus two: .023. The unknown one is not judged."""
    found = probabilities(base, "EW(Ha) > 3")
    assert set(found) == {"1000", "1001", "1003"}
    normal = NormalDist()
    assert_allclose(found["1000"], normal.cdf(1), atol=0.003)
    assert_allclose(found["1001"], normal.cdf(-2), atol=0.003)
    assert found["1003"] == 1
    answers = search_text(base, "EW(Ha) > 3")
    assert answers.provenance["unknown"] == 1
    assert_allclose(answers.provenance["expected"], normal.cdf(1) + normal.cdf(-2) + 1, atol=0.006)
    assert [m.object_id[:4] for m in answers] == ["1003", "1000"]


def test_two_conditions_on_one_number_are_not_independent(base: KnowledgeBase):
    """Between 3 and 4: .683 of one Gaussian, not the product of two probabilities."""
    normal = NormalDist()
    assert_allclose(
        probabilities(base, "EW(Ha) between 3 and 4")["1000"], normal.cdf(1) - normal.cdf(-1), atol=0.003
    )
    found = probabilities(base, "EW(Ha) > 3 or EW(Ha) < 3")
    assert found["1000"] == 1


def test_not_is_the_complement(base: KnowledgeBase):
    """And what is unknown stays unknown."""
    yes, no = probabilities(base, "EW(Ha) > 3"), probabilities(base, "not (EW(Ha) > 3)")
    assert set(yes) == set(no)
    assert_allclose([yes[n] + no[n] for n in yes], 1)


def test_an_unknown_value_does_not_matter_where_another_decides(base: KnowledgeBase):
    """Unknown AND false is false; unknown OR true is true."""
    assert probabilities(base, "EW(Ha) > 3 and z > 0.15")["1002"] == 0
    assert probabilities(base, "EW(Ha) > 3 or z > 0.05")["1002"] == 1
    assert "1002" not in probabilities(base, "EW(Ha) > 3 and z > 0.05")


def test_a_detection_compares_with_the_error(base: KnowledgeBase):
    """Flux 9 +- 1 is 6 above the limit of 3 sigma; 2 +- 1 is one below: .159."""
    found = probabilities(base, "Hα emission")
    assert found["1000"] == 1
    assert_allclose(found["1001"], NormalDist().cdf(-1), atol=0.003)


def test_without_an_error_a_detection_is_unknown_and_a_limit_is_exact():
    """An error that is missing is not an error of zero, at which everything would be detected."""
    bare = base_of([{k: v for k, v in row.items() if k != "ha_err"} for row in ROWS])
    assert set(probabilities(bare, "Hα emission").values()) <= {None}
    assert search_text(bare, "Hα emission").provenance["unknown"] == 4


def test_an_error_that_one_object_lacks_is_taken_from_the_others_and_said():
    """Four errors of .01 to .04, one missing: .0352 (the 84% quantile) above a limit .0176 below the value is 69%."""
    errors = (0.01, None, 0.02, 0.04)
    some = base_of([{**row, "d4000n_err": error} for row, error in zip(ROWS, errors, strict=True)])
    taken = float(np.quantile([0.01, 0.02, 0.04], 0.84))
    answers = search_text(some, f"Dn4000 > {1.9 - taken / 2}", threshold=0.0, top=99)
    [match] = [m for m in answers if m.object_id.startswith("1001")]
    assert_allclose(match.probability, NormalDist().cdf(0.5), atol=0.003)
    assert match.values["d4000n"]["error"] is None
    [note] = [n for n in answers.provenance["notes"] if "d4000n" in n]
    assert note.startswith("d4000n has no error for 1 of 4 objects, which are given")


def test_classes_are_labels_where_there_are_labels(base: KnowledgeBase):
    """The quiescent one by its label; without a label nothing is said. Elsewhere the condition decides."""
    assert probabilities(base, "quiescent") == {"1000": 0, "1001": 1, "1002": 0}
    read = search_text(base, "quiescent").provenance["read"]
    assert read == [["quiescent", "class_derived IN ('quiescent')   (the label column class_derived)"]]
    bare = base_of([{k: v for k, v in row.items() if k != "class_derived"} for row in ROWS])
    found = probabilities(bare, "quiescent")
    assert_allclose(found["1000"], NormalDist().cdf(-1), atol=0.003)
    assert "ha_ew < 3" in search_text(bare, "quiescent").provenance["read"][0][1]


def test_objects_without_a_label_are_counted(base: KnowledgeBase):
    """Three have a class, two of them are not LINERs; the fourth cannot be judged, and a note says why."""
    answers = search_text(base, "LINERs but not quiescent")
    assert answers.provenance["unknown"] == 1
    assert any("1 of 4 objects have no class_derived label" in n for n in answers.provenance["notes"])


def test_a_class_that_no_label_and_no_condition_gives_is_refused(base: KnowledgeBase):
    """With the column it would be in."""
    with pytest.raises(WordsError, match="morph"):
        search_text(base, "spirals")


def test_without_a_broad_component_the_answer_is_no_and_not_unknown():
    """Significant and wide; too weak to be significant, so without a width; narrow; nothing measured at all."""
    broad = [
        {"ha_broad_ew": 40.0, "ha_broad_ew_err": 2.0, "ha_broad_fwhm": 3000.0, "ha_broad_fwhm_err": 100.0},
        {"ha_broad_ew": 6.0, "ha_broad_ew_err": 3.0, "ha_broad_fwhm": None, "ha_broad_fwhm_err": None},
        {"ha_broad_ew": 40.0, "ha_broad_ew_err": 2.0, "ha_broad_fwhm": 700.0, "ha_broad_fwhm_err": 50.0},
        {"ha_broad_ew": None, "ha_broad_ew_err": None, "ha_broad_fwhm": None, "ha_broad_fwhm_err": None},
    ]
    table = base_of([{**row, **more} for row, more in zip(ROWS, broad, strict=True)])
    for text in ("broad Hα", "broad lines"):
        found = probabilities(table, text)
        assert set(found) == {"1000", "1001", "1002"}
        assert_allclose([found["1000"], found["1001"], found["1002"]], [1, 0, 0], atol=0.01)
    assert probabilities(table, "not (broad lines)")["1001"] > 0.99


def test_a_number_with_a_negative_error_is_unknown():
    """Catalogs write so what was not fitted."""
    table = base_of(
        [{**row, "ha_ew_err": -1.0 if i == 3 else row["ha_ew_err"]} for i, row in enumerate(ROWS)]
    )
    assert set(probabilities(table, "EW(Ha) > 3")) == {"1000", "1001"}


def test_red_is_a_part_of_the_base_and_says_which(base: KnowledgeBase):
    """The reddest third by g-r: above the quantile of 2/3, by hand."""
    [[_, meaning]] = search_text(base, "red").provenance["read"]
    limit = np.quantile([0.3, 0.8, 0.6, 0.5], 2 / 3)
    assert meaning.startswith(f"rest_g_r > {limit:.4g}")
    assert "33% of the base" in meaning
    # The second reddest lies on the limit, where its error leaves one half.
    assert [m.object_id[:4] for m in search_text(base, "red", threshold=0.51)] == ["1001", "1002"][
        : sum(np.array([0.8, 0.6]) > limit)
    ]


def test_order_and_number(base: KnowledgeBase):
    """The two strongest, the largest first; no condition, so no probability, and it says so."""
    answers = search_text(base, "the 2 strongest Hα galaxies")
    assert [m.object_id[:4] for m in answers] == ["1003", "1000"]
    assert answers[0].probability is None
    assert answers[0].reason_no_probability
    assert [m.object_id[:4] for m in search_text(base, "sorted by increasing z", top=3)] == [
        "1000",
        "1001",
        "1002",
    ]


def test_examples_order_by_distance_and_are_not_among_the_answers(base: KnowledgeBase):
    """Vectors at 0, 1, 3, 7: from 1 the order is 0, 3, 7."""
    answers = search_text(base, "like 1001-50000-0001")
    assert [m.object_id[:4] for m in answers] == ["1000", "1002", "1003"]
    distance = [m.distance for m in answers]
    assert_allclose(np.array(distance) / distance[0], [1, 2, 6], rtol=1e-5)
    unlike = search_text(base, "unlike 1000-50000-0001")
    assert [m.object_id[:4] for m in unlike] == ["1003", "1002", "1001"]


def test_more_than_the_example_has(base: KnowledgeBase):
    """Higher z than 0.05."""
    answers = search_text(base, "like 1001-50000-0001 but with higher redshift")
    assert [m.object_id[:4] for m in answers] == ["1002", "1003"]
    assert answers.provenance["read"][0][1].startswith("z > 0.05")
    with pytest.raises(WordsError, match="has no ha_ew"):
        search_text(base, "stronger Hα than 1002-50000-0001")


def test_the_error_of_the_example_counts(base: KnowledgeBase):
    """3.5 +- .5 above 2.0 +- .5: 1.5 over the root of two errors, 2.12 sigma; not 3."""
    found = probabilities(base, "stronger Hα than 1001-50000-0001")
    assert_allclose(found["1000"], NormalDist().cdf(1.5 / math.hypot(0.5, 0.5)), atol=0.003)


def test_an_example_that_is_not_there_is_named_with_the_nearest(base: KnowledgeBase):
    """As is the one that a comparison names."""
    for text in ("like 1001-50000-0002", "redder than 1001-50000-0002"):
        with pytest.raises(WordsError, match="did you mean 1001-50000-0001"):
            search_text(base, text)


def test_where_nothing_matches_each_condition_is_counted_alone(base: KnowledgeBase):
    """By hand: three of four are below z .15; one of three known is above EW 30. Not said where something matches."""
    about = search_text(base, "EW(Ha) > 30 and z < 0.15").provenance
    assert about["matching"] == 0
    first, second = about["alone"]
    assert (first["matching"], first["unknown"]) == (1, 1)
    assert (second["matching"], second["unknown"]) == (3, 0)
    assert "unknown of 1" in lines_alone(about)[0]
    assert lines_alone(about)[1].endswith(" alone: 3 of 4 objects")
    assert "alone" not in search_text(base, "EW(Ha) > 30 and z < 0.25").provenance


def test_a_quantity_that_nothing_gives_is_refused(base: KnowledgeBase):
    """Not answered with nothing."""
    with pytest.raises(WordsError, match="'massive' needs logmass"):
        search_text(base, "massive galaxies")


def test_where_narrows_the_objects_but_not_the_parts_of_the_base(base: KnowledgeBase):
    """ "Red" means the same in a part of the base."""
    whole = search_text(base, "red").provenance["read"]
    part = search_text(base, "red", where="z < 0.15")
    assert part.provenance["read"] == whole
    assert part.provenance["objects"] == 3


@pytest.mark.real
def test_a_sentence_finds_what_sql_finds(data_dir):
    """Where errors are small beside the limits, on real galaxies with their catalog."""
    files = sorted((data_dir / "galaxies" / "sdss").glob("*"))[:120]
    spectra, _ = read_spectra(files, catalogs=[data_dir / "galaxies" / "index.csv"], workers=1)
    n = len(spectra)
    vectors = np.random.default_rng(1).normal(size=(n, 4)).astype("f4")
    base = KnowledgeBase.in_memory(
        spectra,
        {"shape": Embeddings(vectors, spectra.object_id, "0" * 12, np.tile([4000.0, 7000.0], (n, 1)))},
        encoder="pca",
    )
    for text, where in (
        ("z < 0.03", "z < 0.03"),
        ("galaxies between z = 0.02 and 0.05", "z >= 0.02 AND z <= 0.05"),
        ("EW(Hα) > 20 Å", "ha_ew > 20 AND ha_ew_err > 0"),
        ("LINERs or Seyferts", "class_derived IN ('LINER', 'Seyfert2-like')"),
        ("quiescent and D4000 > 1.7", "class_derived = 'quiescent' AND d4000n > 1.7"),
        ("ellipticals without Hα emission",
         "morph = 'elliptical' AND NOT (ha_flux > 3 * ha_err) AND ha_err > 0"),
    ):  # fmt: skip
        found = {m.object_id for m in search_text(base, text, top=n)}
        expected = set(base.rows(where, []).column("object_id").to_pylist())
        assert found == expected != set()
        assert math.isfinite(search_text(base, text).provenance["expected"])
