"""Abstracts linked to objects by names and positions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.literature.papers import abstracts, objects

from spectrove.literature.abstracts import read_abstracts, read_links
from spectrove.literature.linking import link
from spectrove.literature.sentences import LONGEST, sentences_of, shortened


def pairs(found):
    return {(one.object_id, one.paper_id, one.how) for one in found.links}


def test_a_link_has_the_sentence_that_names_the_object():
    """Not its neighbours; "et al." ends no sentence."""
    [one] = [one for one in link(abstracts(), objects()).links if one.paper_id == "p1"]
    assert (one.object_id, one.how, one.name) == ("src0", "name", "NGC 1068")
    assert one.sentence == "The nucleus of NGC 1068 is hidden by dust, et al. agree."


def test_every_spelling_and_a_position_are_found_and_nothing_else():
    """M 77 is NGC 1068; NGC1052-DF2 is not NGC 1052, and T Tau stars are no star."""
    assert pairs(link(abstracts(), objects())) == {
        ("src0", "p1", "name"), ("src0", "p2", "name"), ("src1", "p2", "name"), ("src3", "p3", "position"),
    }  # fmt: skip


def test_a_position_that_fits_several_objects_links_none_and_is_told():
    assert link(abstracts(), objects()).crowded == {"J0535-0515": 2}


def test_a_name_of_several_objects_is_told_and_its_links_are_weaker():
    """Unless they are at one place, being one source twice."""
    given = objects()
    names = [(i, "NGC 1068" if i in ("src0", "src1") else n) for i, n in given.names]
    apart = link(abstracts(), replace(given, names=names))
    assert apart.ambiguous["NGC 1068"] == ("src0", "src1")
    same = link(abstracts(), replace(given, names=names, ra=np.array([40.67, 40.67, 0, 1, 2]),
                                     dec=np.array([-0.01, -0.0101, 0, 1, 2])))  # fmt: skip
    assert not same.ambiguous
    strength = {
        len(f.links): max(one.confidence for one in f.links if one.paper_id == "p1") for f in (apart, same)
    }
    assert min(strength.values()) == max(strength.values()) / 2


def test_a_table_of_links_adds_what_reading_cannot_find():
    """With the sentence if there is one; rows on what is not there are counted."""
    listed = [("p5", "src2", ""), ("p1", "src4", "NGC1068"), ("p99", "src0", ""), ("p1", "M 33", "")]
    found = link(abstracts(), objects(), listed)
    assert {("src2", "p5", "list"), ("src4", "p1", "list")} <= pairs(found)
    assert found.strangers == 2
    assert next(o for o in found.links if o.object_id == "src4").sentence.startswith(
        "The nucleus of NGC 1068"
    )


def test_sentences_end_where_they_end():
    """Not after abbreviations, initials and numbers."""
    text = "We follow A. Author et al. Their value is 2.5 keV. Fig. 3 shows it (cf. Sect. 2). Is it so? Yes."
    assert sentences_of(text) == [
        "We follow A. Author et al. Their value is 2.5 keV.", "Fig. 3 shows it (cf. Sect. 2).", "Is it so?", "Yes.",
    ]  # fmt: skip


def test_a_long_sentence_is_cut_around_the_name():
    cut = shortened("word " * 300 + "NGC 1068 " + "word " * 300, "NGC")
    assert "NGC 1068" in cut
    assert len(cut) <= LONGEST + 8


def test_ids_in_a_table_of_text_are_no_numbers(tmp_path):
    """Read as numbers arXiv 2101.00010 would be 2101.0001, another paper, and the object 007 would be 7."""
    (tmp_path / "a.csv").write_text(
        "arxiv_id,title,abstract,year\n2101.00010,T,dust,2021\n2101.12340,T,gas,\n"
    )
    (tmp_path / "l.tsv").write_text("paper_id\tobject_id\n2101.00010\t007\n")
    papers = read_abstracts(tmp_path / "a.csv").table
    assert papers.column("paper_id").to_pylist() == ["2101.00010", "2101.12340"]
    assert papers.column("url").to_pylist()[0] == "https://arxiv.org/abs/2101.00010"
    assert papers.column("year").to_pylist() == [2021, None]
    assert read_links(tmp_path / "l.tsv") == [("2101.00010", "007", "")]
