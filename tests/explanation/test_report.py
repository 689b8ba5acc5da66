"""The pages: self-contained, escaped, complete, and written whole or not at all."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from spectrove.errors import DatasetError
from spectrove.explanation.report import Hunt, write_hunt_report, write_report
from spectrove.explanation.tables import Table, with_error
from spectrove.galaxies.diagram.measured import bpt_of, lines_of
from spectrove.galaxies.domain import GALAXIES

NASTY = "<script>alert('x')</script>&\"#0"


class Page(HTMLParser):
    """Tags with their attributes, in order; open elements must close."""

    VOID = ("meta", "img", "br", "link", "hr")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


@pytest.fixture(scope="module")
def page(liner, tmp_path_factory):
    return write_report(liner, tmp_path_factory.mktemp("page") / "why.html").read_text("utf-8")


def test_the_page_answers_first_then_says_why_then_shows(page):
    places = [
        page.index(t)
        for t in ("LINER, P 0.", "is called a LINER", "<figure>", "Neighbours</h2>", "Origin</h2>")
    ]
    assert places == sorted(places)


def test_the_page_needs_nothing_from_outside(page):
    parsed = Page(page)
    assert parsed.open == []
    tags = {tag for tag, _ in parsed.found}
    assert not tags & {"script", "link", "iframe", "object"}
    sources = [a.get("src") for tag, a in parsed.found if tag == "img"]
    assert sources
    assert all(s.startswith("data:image/png;base64,") for s in sources)
    assert not re.search(r"url\(|@import", page)
    # An address may only be a link that nobody follows unasked.
    links = [a["href"] for tag, a in parsed.found if tag == "a"]
    assert all(s.startswith(("https://", "#")) for s in links)
    assert len(re.findall(r"https?://", page)) == sum(s.startswith("https://") for s in links)


def test_the_page_holds_every_neighbour_with_distance_weight_label_and_ratios(page, liner):
    for n in liner.neighbors:
        assert n.object_id in page
        assert f"{n.distance:.3f}" in page
        assert f"{n.weight:.3f}" in page
        assert bpt_of(n).nii_ha.text() in page
    assert page.count(" ✓</td>") == 2


def test_the_page_holds_the_line_table_and_the_origin(page, liner):
    assert "[O II] 3726+3729" in page
    assert with_error(lines_of(liner.query).flux["ha"], lines_of(liner.query).error["ha"]) in page
    assert "0123456789abcdef" in page
    assert "1e-17 erg/s/cm2/A" in page


def test_equal_evidence_gives_an_equal_page(page, liner, tmp_path):
    assert write_report(liner, tmp_path / "again.html").read_text("utf-8") == page


def test_text_from_outside_is_escaped(make_answer, make_lines, tmp_path):
    answer = make_answer(
        [NASTY, NASTY], lines=make_lines(ha=9, nii=9, hb=9, oiii=9), object_id=NASTY, flags=(NASTY,)
    )
    html = write_report(answer, tmp_path / "x.html").read_text("utf-8")
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 5
    Page(html)


def test_figures_are_written_beside_the_page_on_request(liner, tmp_path):
    write_report(liner, tmp_path / "deep" / "why.html", figures=True)
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == [
        "why-bpt.png",
        "why-spectra.png",
        "why.html",
    ]


def test_a_page_that_cannot_be_written_leaves_nothing_and_says_where(make_answer, tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(DatasetError, match="taken: could not be written"):
        write_report(make_answer(["SF"]), tmp_path / "taken")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]


@pytest.fixture(scope="module")
def hunt(liner):
    others = [
        replace(liner.prediction, object_id=f"x{i}", is_target=i < 2,
                probabilities={"LINER": p, "other": 1 - p})
        for i, p in enumerate([0.9, 0.6, 0.4, 0.1])
    ]  # fmt: skip
    truth = {liner.object_id: True, "x0": True, "x1": False, "x2": True, "x3": False}
    return Hunt("liner", [*others, liner.prediction], [liner], truth=truth, panels=GALAXIES.panels)


def test_a_hunt_is_ranked_by_probability_and_then_by_id(hunt):
    ranked = [p.probability for p in hunt.ranked()]
    assert ranked == sorted(ranked, reverse=True)
    assert [p.object_id for p in hunt.hits()][:1] == ["x0"]


def test_a_hunt_is_scored_against_the_truth(hunt):
    """Found: two right, one wrong; one missed; one rightly left."""
    found = hunt.score()
    counts = (found.true_positive, found.false_positive, found.false_negative, found.true_negative)
    assert counts == (2, 1, 1, 1)
    assert found.precision == found.recall == found.f1 == pytest.approx(2 / 3)


def test_the_hunt_page_links_each_shown_object_to_its_section(hunt, tmp_path):
    html = write_hunt_report(hunt, tmp_path / "hunt.html").read_text("utf-8")
    parsed = Page(html)
    links = [a["href"][1:] for tag, a in parsed.found if tag == "a" and a["href"].startswith("#")]
    ids = [a["id"] for _, a in parsed.found if "id" in a]
    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)
    assert "hunt-1-object-2" in links
    assert "3 of 5 spectra are called LINERs at P ≥ 0.50" in html


def test_the_hunt_page_shows_so_many_rows_and_sections_as_asked(hunt, tmp_path):
    html = write_hunt_report(hunt, tmp_path / "hunt.html", top=0, others=1).read_text("utf-8")
    assert "Not listed here: 1 more, not found, less probable; -o FILE writes" in html
    assert "Neighbours</h3>" not in html


def test_several_hunts_share_a_page_with_tables_notes_and_refusals(hunt, tmp_path):
    second = replace(
        hunt, evidence=(), truth=None, tables=[Table("Beside it", ["Encoder"], [[NASTY]], "note")],
        notes=["Lenses were injected into real hosts."], refused=[("bad.fits", NASTY)],
    )  # fmt: skip
    html = write_hunt_report(
        [hunt, second], tmp_path / "demo.html", title="Demo", intro=["Hello."]
    ).read_text()
    Page(html)
    assert "Lenses were injected into real hosts." in html
    assert "<script" not in html
    assert html.count("Against the truth") == 1
    assert (
        html.count("95% interval") == 1
    )  # where tables give a figure its interval, no second one stands beside it
    assert 'href="#hunt-2"' in html


def test_an_empty_hunt_is_a_page_too(tmp_path):
    html = write_hunt_report(Hunt("liner", [], truth={}), tmp_path / "none.html").read_text("utf-8")
    assert "0 of 0 spectra are called" in html


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (457.3, 16.2, "457 ± 16"),
        (1.2345, 0.0123, "1.234 ± 0.012"),
        (-4.2, 11.0, "−4 ± 11"),
        (float("nan"), 1, "–"),
    ],
)
def test_values_are_printed_to_two_figures_of_their_error(value, error, text):
    assert with_error(value, error) == text


def test_a_hunt_page_lists_all_that_was_found_and_few_others_and_names_the_file_of_the_rest(hunt, tmp_path):
    """Three were found, two were not; those that are listed keep their rank among all."""
    told = replace(hunt, table="hunt.parquet", truth=None, evidence=())
    html = write_hunt_report(told, tmp_path / "hunt.html", others=0).read_text("utf-8")
    assert re.findall(r'<td class="n">(\d+)</td><td class="id">', html) == ["1", "2", "3"]
    assert "Not listed here: 2 more, not found, less probable; every answer is in hunt.parquet." in html


def test_what_is_wider_than_the_screen_says_that_it_scrolls(page):
    """To the eye (faded edges, a hint) and to a screen reader (a named region that takes the focus)."""
    found = Page(page).found
    regions = [a for tag, a in found if a.get("role") == "region"]
    tables = [a for tag, a in found if tag == "table" and a.get("class") != "facts"]
    images = [a for tag, a in found if tag == "img"]
    assert len(regions) == len(tables) + len(images)
    assert all(a["tabindex"] == "0" and "scrolls sideways" in a["aria-label"] for a in regions)
    assert page.count("↔ scrolls sideways") == len(regions)
    assert "animation-timeline: scroll(self inline)" in page


def test_figures_stay_legible_on_a_small_screen_and_dark_where_the_page_is(page):
    """No figure shrinks below ninety pixels an inch; light is turned over where dark is preferred."""
    widths = [int(w) for w in re.findall(r'style="min-width: (\d+)px"', page)]
    assert len(widths) == page.count("<img ")
    assert widths[0] == 11 * 90
    dark = page.index("@media (prefers-color-scheme: dark) { figure img")
    assert "invert(.915)" in page[dark : dark + 120]
