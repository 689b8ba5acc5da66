"""What leaving out a neighbour changes, what came second, and why not another: by the whole path."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove import pipeline
from spectrove.encoders import ENCODERS, EncoderRecipe
from spectrove.encoders.recipe import PcaRecipe
from spectrove.explanation import works
from spectrove.explanation.argument import alternative, argued, reason, stability, why_not
from spectrove.explanation.citations import citations, write_bibtex
from spectrove.explanation.evidence import Evidence
from spectrove.explanation.report import write_report
from spectrove.galaxies import works as galaxies
from spectrove.galaxies.domain import GALAXIES
from spectrove.knowledge import KnowledgeBase
from spectrove.preprocess import PreprocessRecipe
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.targets import Target

KNOWN = [
    ("1445-53062-0466", "LINER", "LINER"),
    ("0500-52000-0001", "LINER", "LINER"),
    ("1009-52644-0170", "Seyfert", "Seyfert2-like"),
    ("1009-52644-0171", "Seyfert", "Seyfert2-like"),
    ("0300-51900-0001", "SF", "SF"),
    ("0300-51900-0002", "SF", "SF"),
    ("0300-51900-0003", "quiescent", "quiescent"),
    ("0300-51900-0004", "quiescent", None),
]


@pytest.fixture(scope="module")
def asked(make_spectrum, tmp_path_factory):
    """A base of eight and a LINER that is none of them; places in the sky are known."""
    known = []
    for i, (name, kind, label) in enumerate(KNOWN):
        s = make_spectrum(name, kind, z=0.03 + 0.01 * i, noise=0.1)
        row = {**s.row, "class_derived": label, "ra": 10.0 + i, "dec": -5.0, "survey": "sdss"}
        known.append(Spectrum(s.object_id, s.wavelength, s.flux, s.ivar, s.mask, s.lsf, row))
    recipe = PreprocessRecipe(n_pixels=900)
    rng = np.random.default_rng(0)
    weights = {"mean": np.ones(900), "components": np.linalg.qr(rng.normal(size=(900, 40)))[0].T}
    encoder = ENCODERS["pca"](
        EncoderRecipe(
            name="small", kind="pca", preprocess=recipe, pca=PcaRecipe(n_components=40, whitening=0)
        ),
        weights | {"deviation": np.ones(40)},
    )
    folder = tmp_path_factory.mktemp("asked")
    base, _ = pipeline.create(folder / "known.kb", [SpectrumSet.from_spectra(known)], encoder, views={})
    query = SpectrumSet.from_spectra([make_spectrum("0881-52368-0036", "LINER", z=0.0668, noise=0.1)])
    return base, query, encoder


def explained(asked, k=3, **more) -> tuple[KnowledgeBase, Evidence]:
    base, query, encoder = asked
    answers = pipeline.classify(base, query, "class_derived", k=k, metric="none", encoder=encoder)
    return base, pipeline.explain(base, answers, **more)


def test_leaving_out_is_asking_a_base_without_the_object(asked, tmp_path):
    """The same probabilities as by deleting it; the next nearest takes its place."""
    base, evidence = explained(asked)
    everyone = pipeline.classify(base, asked[1], "class_derived", k=4, metric="none", encoder=asked[2])
    fourth = everyone.neighbors.object_id[0, 3]
    assert [i.object_id for i in evidence.influence] == [n.object_id for n in evidence.neighbors]
    for one in evidence.influence:
        assert one.instead == fourth
        where = f"object_id != '{one.object_id}'"
        other = pipeline.classify(
            base, asked[1], "class_derived", k=3, metric="none", where=where, encoder=asked[2]
        ).predictions[0]
        expected = other.probabilities.get(evidence.prediction.value, 0.0)
        assert one.value == other.value
        assert one.probability == pytest.approx(expected, rel=1e-6)
        assert one.change == pytest.approx(expected - evidence.prediction.probability, rel=1e-6, abs=1e-9)
        assert one.overturns == (other.value != evidence.prediction.value)


def test_with_one_neighbour_the_answer_may_hang_on_it(asked):
    """K = 1: without it the next nearest decides alone, and the sentence says so."""
    _, evidence = explained(asked, k=1)
    [one] = evidence.influence
    said = stability(evidence)
    if one.overturns:
        assert said.startswith(f"The answer depends on {one.object_id}")
    else:
        assert said == "The answer does not change if its one neighbour is left out (P 1.00)."


def test_the_rival_is_the_nearest_of_another_class(asked):
    """Its rank and distance are those of a longer search."""
    base, evidence = explained(asked)
    longer = pipeline.classify(base, asked[1], "class_derived", k=7, metric="none", encoder=asked[2])
    votes = longer.predictions[0].neighbors
    rank = next(i for i, v in enumerate(votes) if v.group != evidence.prediction.value)
    assert evidence.rival.object_id == votes[rank].object_id
    assert evidence.rival.rank == rank + 1
    assert evidence.rival.distance == pytest.approx(votes[rank].distance)


def test_a_hunt_is_left_out_of_in_the_same_way(asked):
    """Probabilities are of the hunted class, and overturned is another side of the threshold."""
    base, query, encoder = asked
    target = Target(name="liner", label="class_derived", positive="LINER", k=2, metric="none",
                    classes={"LINER": ["LINER"], "other": ["*"]})  # fmt: skip
    answers = pipeline.hunt(base, query, target, encoder=encoder)
    evidence = pipeline.explain(base, answers, target=target)
    assert len(evidence.influence) == 2
    for one in evidence.influence:
        assert one.overturns == ((one.probability >= target.threshold) != answers.predictions[0].is_target)
    nearest = answers.predictions[0].neighbors[0].object_id
    said = reason(answers.predictions[0], 1.0, GALAXIES.panels.names)
    assert said.startswith("None of its 2 nearest known spectra is a LINER (2 labelled SF")
    assert nearest in said


def test_the_alternative_is_named_with_its_votes(make_answer, make_lines):
    """Two LINERs against a Seyfert, whose region the lines speak against."""
    answer = make_answer(
        ["LINER", "LINER", "Seyfert2-like"],
        lines=make_lines(ha=100, nii=130, hb=30, oiii=60),
        probability=0.7,
    )
    said = alternative(answer)
    assert said.startswith(
        "The alternative, Seyfert 2-like, has 1 of 3 votes and 33% of their weight, the nearest"
    )
    assert "its own lines speak against Seyfert 2-like" in said
    assert "on the other side of the 1.18x+0.77 line" in said


def test_nothing_is_said_where_nobody_voted(make_answer):
    """No answer, no alternative, nothing to leave out."""
    assert argued(make_answer([None, None])) == []


def test_why_not_gives_rank_regions_lines_and_what_would_have_to_change(asked):
    """A far object: its place by a search for everyone, and with the named regions replaced it would be near."""
    base, before = explained(asked)
    longer = pipeline.classify(base, asked[1], "class_derived", k=7, metric="none", encoder=asked[2])
    last = longer.predictions[0].neighbors[-1]
    _, evidence = explained(asked, against=last.object_id)
    beside = evidence.against
    assert beside.rank == 7
    assert beside.searched == 7
    assert beside.distance == pytest.approx(last.distance, rel=1e-4)
    assert beside.label == last.label
    assert beside.change.distance < beside.distance
    assert beside.change.enough == (beside.change.distance < before.neighbors[-1].distance)
    sigmas = [abs(d["sigma"]) for d in evidence.to_dict()["against"]["line_differences"]]
    assert sigmas == sorted(sigmas, reverse=True)
    assert sigmas
    said = why_not(evidence)
    assert f"{last.object_id} ({last.label}) is number 7 of 7" in said[0]
    assert any(text.startswith("The equivalent widths that differ most") for text in said)
    assert evidence.to_dict()["against"]["would_have_to_change"]["regions"]


def test_why_not_says_who_was_asked_and_who_was_not_searched(asked):
    """A neighbour was asked; an unlabelled object is not among those searched, and has a distance all the same."""
    _, evidence = explained(asked)
    near = evidence.neighbors[1].object_id
    _, asked_already = explained(asked, against=near)
    assert "is neighbour 2 of 3" in why_not(asked_already)[0]
    assert asked_already.against.change is None
    _, unlabelled = explained(asked, against="0300-51900-0004")
    assert unlabelled.against.rank is None
    assert unlabelled.against.distance > 0
    assert "is not among the 7 spectra that were searched" in why_not(unlabelled)[0]


def test_the_page_has_it_all(asked, tmp_path):
    """Influence, wavelengths, the other object, links and what to cite."""
    _, evidence = explained(asked, saliency=True, against="0300-51900-0003")
    page = write_report(evidence, tmp_path / "why.html").read_text("utf-8")
    for text in (
        "If a neighbour were left out",
        "Why the named object is not a neighbour",
        "What to cite",
        "@article{york2000",
    ):
        assert text in page
    assert page.count("https://www.legacysurvey.org/viewer?ra=1") >= 3
    assert page.count("data:image/png;base64,") == 4
    for one in evidence.to_dict()["neighbors"]:
        assert one["links"]["skyserver"].startswith("https://skyserver.sdss.org/dr18/")


def test_what_was_used_is_cited_and_what_was_not_is_not(asked, tmp_path):
    """Gradients only where they were asked for; the survey of the neighbours always."""
    _, plain = explained(asked)
    _, deep = explained(asked, saliency=True)
    keys = {c.key for c in citations(plain)}
    assert {"spectrove", "york2000", "kewley2001", "vazdekis2016"} <= keys
    assert "sundararajan2017" not in keys
    assert {c.key for c in citations(deep)} - keys == {"sundararajan2017", "kokhlikyan2020", "zeiler2014"}
    text = write_bibtex(citations(deep), tmp_path / "cite.bib").read_text("utf-8")
    assert text.count("\n@") + 1 == len(citations(deep))
    assert text.count("{") == text.count("}")


def test_every_key_that_can_be_cited_is_in_the_table():
    """Surveys' keys exist, and so does every key that the code names."""
    import inspect
    import re

    from spectrove.explanation import citations as module

    named = {key for keys in galaxies.SURVEYS.values() for key in keys} | set(galaxies._DIAGRAM)
    for function in (galaxies.of_surveys, galaxies.of_lines):
        named |= set(re.findall(r'"([a-z]+\d{4})"', inspect.getsource(function)))
    assert named == set(galaxies.WORKS)
    general = set(re.findall(r'"([a-z]+\d{4})"', inspect.getsource(module.used)))
    assert general == set(works.WORKS) - {"spectrove"}


WORKS = works.WORKS | galaxies.WORKS


@pytest.mark.parametrize("key", sorted(WORKS))
def test_a_work_has_what_its_entry_needs(key):
    """Author and title; a place and a year, but for ourselves; a DOI, where there is one, that begins as DOIs do."""
    work = WORKS[key]
    assert {"author", "title"} <= set(work.fields)
    assert work.fields.get("doi", "10.").startswith("10.")
    if key != "spectrove":
        assert "year" in work.fields
        assert {"journal", "booktitle", "publisher", "eprint"} & set(work.fields)
        assert work.fields["year"] in work.short
        assert key.endswith(work.fields["year"])


def test_the_second_most_probable_class_is_named_where_it_is_another(make_answer):
    """The nearest object of another class need not be of the class that comes second."""
    from dataclasses import replace

    answer = make_answer(["LINER", "LINER", "Seyfert2-like"], probability=0.7)
    p = {"LINER": 0.7, "Seyfert2-like": 0.1, "Composite": 0.2}
    voted = replace(answer.prediction, target=None, value="LINER", probabilities=p)
    said = alternative(replace(answer, prediction=voted))
    assert "The alternative, Seyfert 2-like (P 0.10)" in said
    assert said.endswith("The second most probable class is a composite galaxy (P 0.20).")
    p = {"LINER": 0.7, "Seyfert2-like": 0.2, "Composite": 0.1}
    said = alternative(replace(answer, prediction=replace(voted, probabilities=p)))
    assert "second most probable" not in said


def test_evidence_is_shown_in_a_line(make_answer):
    answer = make_answer(["LINER", "LINER", "Seyfert2-like"], probability=0.7)
    assert len(repr(answer)) < 120
    assert repr(answer).startswith(f"<Evidence for {answer.object_id}: LINER 0.70, 3 neighbours")
