"""Papers of a base: attached by a command, listed by every answer, searched by a sentence."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from spectrove.errors import KnowledgeError, WordsError
from spectrove.knowledge import KnowledgeBase
from spectrove.literature.library import COLUMN, current

TEXTS = [
    "A warped disc with a ring of molecular gas around the nucleus.",
    "Tidal streams of stars tell of a recent merger of two galaxies.",
    "Dust lanes and young clusters trace a spiral arm of the disc.",
    "A quiescent elliptical galaxy with old stars and a hot corona.",
    "An outflow of ionised gas driven by a hidden active nucleus.",
    "The rotation curve is flat far beyond the disc of stars.",
    "A lens of four images is formed by a massive elliptical galaxy.",
    "Emission lines of star formation are strong in dwarf galaxies.",
]


@pytest.fixture(scope="module")
def named(survey, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A base whose objects are called NGC 9000, NGC 9001, ..., and abstracts on half of them."""
    folder = tmp_path_factory.mktemp("papers")
    base = folder / "named.kb"
    shutil.copytree(survey.base, base)
    opened = KnowledgeBase.open(base)
    ids = sorted(opened.rows(None, []).column("object_id").to_pylist())
    import pyarrow as pa

    names = pa.table({"object_id": ids, "object": [f"NGC {9000 + i}" for i in range(len(ids))]})
    opened.add_columns(names, "ours")
    rows = [
        (f"paper{i}", f"On a galaxy, part {i}", f"{TEXTS[i % 8]} We observe NGC{9000 + i} here.", 2000 + i)
        for i in range(len(ids) // 2)
    ]
    for name, chosen in (("abstracts.csv", rows), ("few.csv", rows[:8])):
        with open(folder / name, "w") as file:
            csv.writer(file).writerows([("id", "title", "abstract", "year"), *chosen])
    return base, folder / "abstracts.csv"


@pytest.fixture
def attached(named, tmp_path: Path) -> Path:
    """A copy of that base with the abstracts attached."""
    from spectrove.pipeline.papers import attach_papers

    base = tmp_path / "with.kb"
    shutil.copytree(named[0], base)
    attach_papers(KnowledgeBase.open(base), named[1])
    return base


def test_papers_are_attached_as_a_version_with_their_source_and_rolled_back(named, spectrove, tmp_path):
    """The same answer after the base was opened again; then none."""
    base = tmp_path / "one.kb"
    shutil.copytree(named[0], base)
    before = KnowledgeBase.open(base).version
    dry = spectrove("kb", "papers", base, "--from", named[1], "--dry-run", "--json")
    assert KnowledgeBase.open(base).version == before
    done = json.loads(spectrove("kb", "papers", base, "--from", named[1], "--json").stdout)
    assert done | {"version": 0, "dry_run": True} == json.loads(dry.stdout) | {"version": 0}
    opened = KnowledgeBase.open(base)
    assert done["links"] == done["papers"] == opened.count(f"{COLUMN} > 0") == len(opened) // 2
    assert opened.sources_of(COLUMN)[-1]["source"] == "abstracts"
    assert opened.versions()[-1]["operation"] == "papers"
    assert len(current(opened)) == done["papers"]
    spectrove("kb", "rollback", base, str(before))
    assert current(KnowledgeBase.open(base)) is None


def test_other_papers_with_the_same_links_take_the_place_of_the_first(attached, named):
    """The column is the same, and still it names the new ones."""
    from spectrove.pipeline.papers import attach_papers

    base = KnowledgeBase.open(attached)
    library = current(base)
    table = library.abstracts.table
    titles = table.set_column(1, "title", [[f"New {t}" for t in table.column("title").to_pylist()]])
    attach_papers(base, titles, source="again")
    assert current(base).paper("paper0")["title"].startswith("New On a galaxy")
    assert base.sources_of(COLUMN)[-1]["source"] == "again"


@pytest.mark.parametrize(
    "verb", [("search",), ("classify", "--label", "class_derived"), ("hunt", "--target", "liner")]
)
def test_every_answer_lists_papers_on_its_neighbours_with_the_sentence(attached, survey, spectrove, verb):
    """In JSON and on the screen, and without papers as it was before."""
    name, *options = verb
    asked = (name, attached, survey.dataset, "--queries", "split = 'test'", *options)
    rows = [json.loads(line) for line in spectrove(*asked, "--json").stdout.splitlines()]
    library = current(KnowledgeBase.open(attached))
    for row in rows:
        near = [n["object_id"] for n in row["neighbors"]]
        with_papers = [n for n in near if library.about_object(n)]
        assert [p["object_id"] for p in row["papers"]] == with_papers[:3]
        assert all("We observe NGC9" in p["sentence"] for p in row["papers"])
    assert any(row["papers"] for row in rows)
    shown = spectrove(*asked).stdout
    assert "papers that speak of neighbours" in shown
    assert "weak evidence" in shown
    bare = spectrove(
        name, survey.base, survey.dataset, "--queries", "split = 'test'", *options, "--json"
    ).stdout
    assert [json.loads(line) for line in bare.splitlines()] == [
        {k: v for k, v in row.items() if k != "papers"} for row in rows
    ]


def test_a_base_whose_papers_speak_of_no_neighbour_says_so(attached, survey, spectrove):
    base = KnowledgeBase.open(attached)
    base.delete(f"{COLUMN} > 0")
    asked = ("search", attached, survey.dataset, "--queries", "split = 'test'")
    assert "no abstract of the base speaks of the neighbours" in spectrove(*asked).stdout
    assert all(json.loads(line)["papers"] == [] for line in spectrove(*asked, "--json").stdout.splitlines())


def test_an_explanation_and_its_page_have_the_papers(attached, survey, spectrove, tmp_path):
    base = KnowledgeBase.open(attached)
    one = next(i for i in base.rows(f"{COLUMN} > 0", []).column("object_id").to_pylist())
    page = tmp_path / "why.html"
    asked = ("explain", attached, survey.dataset, "--id", one, "--label", "class_derived", "--allow-self")
    said = spectrove(*asked, "-o", page)
    assert "paper on" in said.stdout
    html = page.read_text()
    assert "Papers that speak of the neighbours" in html
    assert "We observe NGC9" in html
    row = json.loads(spectrove(*asked, "--json").stdout)
    assert row["papers"][0]["object_id"] == one


def test_a_sentence_that_the_grammar_reads_is_a_condition_also_with_papers(attached, survey):
    """The same objects as without papers; only --papers compares it with abstracts."""
    from spectrove.pipeline import search_text

    base, bare = KnowledgeBase.open(attached), KnowledgeBase.open(survey.base)
    assert [p.object_id for p in search_text(base, "z < 0.1")] == [
        p.object_id for p in search_text(bare, "z < 0.1")
    ]
    assert "abstracts" in search_text(base, "galaxies", papers=True).provenance


def test_a_sentence_that_cannot_be_read_is_compared_with_abstracts_and_that_is_said(
    attached, survey, spectrove
):
    """Without papers it is refused as before."""
    text = "a lens with four images"
    said = spectrove("search", attached, "--text", text)
    assert "was not read as a condition" in said.stdout
    assert "No spectrum was looked at" in said.stdout
    *rows, last = [
        json.loads(s) for s in spectrove("search", attached, "--text", text, "--json").stdout.splitlines()
    ]
    best = last["abstracts"][0]
    assert (
        "four images" in rows[0]["papers"][0]["sentence"]
        or best["objects"][0]["object_id"] == rows[0]["object_id"]
    )
    assert best["objects"][0]["sentence"] == "We observe NGC9006 here."
    assert all(row["probability"] is None and row["reason_no_probability"] for row in rows)
    from spectrove.pipeline import search_text

    with pytest.raises(WordsError):
        search_text(KnowledgeBase.open(survey.base), text)
    with pytest.raises(KnowledgeError, match="no papers are attached"):
        search_text(KnowledgeBase.open(survey.base), text, papers=True)


def test_missing_columns_and_files_are_refused_with_a_sentence(named, spectrove, tmp_path):
    (tmp_path / "no.csv").write_text("id,title\n1,a\n")
    for path, sentence in (
        (tmp_path / "no.csv", "no column abstract"),
        (tmp_path / "none.csv", "no such file"),
    ):
        refused = spectrove("kb", "papers", named[0], "--from", path)
        assert refused.exit_code == 2
        assert sentence in refused.stderr
    refused = spectrove("kb", "papers", named[0], "--from", named[1], "--names", "objet")
    assert "did you mean object" in refused.stderr


def test_spectra_and_texts_are_aligned_measured_and_searched(attached, named, spectrove):
    """What was measured on links left out is said beside the spectra that are found; too few links are refused."""
    from spectrove.pipeline.papers import attach_papers

    refused = spectrove("kb", "papers", attached, "--from", named[1].with_name("few.csv"), "--align")
    assert refused.exit_code == 2
    assert "parts that share no object and no abstract, expected 20 or more" in refused.stderr
    base = KnowledgeBase.open(attached)
    ids = sorted(base.rows(None, []).column("object_id").to_pylist())
    library = current(base)
    table = library.abstracts.table
    more = {"paper_id": [f"more{i}" for i in range(len(ids))], "title": ["Another part"] * len(ids),
            "abstract": [f"{TEXTS[i % 8]} This is NGC {9000 + i}." for i in range(len(ids))]}  # fmt: skip
    done = attach_papers(base, type(table).from_pydict(more), align=True)
    assert done.alignment.startswith("of texts left out, ")
    said = json.loads(
        spectrove(
            "search", attached, "--text", "four images", "--papers", "--top", 2, "--json"
        ).stdout.splitlines()[2]
    )
    assert (said["through"], said["papers"]) == ("alignment", [])
    shown = spectrove("search", attached, "--text", "four images", "--papers").stdout
    assert "in a shared space: of texts left out" in shown
    aligned = current(KnowledgeBase.open(attached)).alignment
    assert aligned.about["fingerprint"] == base.fingerprints[aligned.about["view"]]


def test_papers_come_from_a_table_or_from_the_service_not_both(named, spectrove, monkeypatch):
    for name in ("ADS_API_TOKEN", "ADS_DEV_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert "give a table of abstracts, or --ads" in spectrove("kb", "papers", named[0]).stderr
    assert "give a table" in spectrove("kb", "papers", named[0], "--from", named[1], "--ads").stderr
    assert "no token of the Astrophysics Data System" in spectrove("kb", "papers", named[0], "--ads").stderr
