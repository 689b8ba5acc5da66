"""The page as people use it, in a browser without a screen: drop, drag, click, type; dark, narrow, by keyboard."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from tests.serve.web.page.conftest import dropped

#: Everything that has been made at once.
DONE = ".part[data-state=done]"


def answered(page: Any) -> None:
    """Wait until the curves with the neighbours and every part are there."""
    page.wait_for_selector("#plot[data-drawn]")
    page.wait_for_selector("#part-twins[data-state=done]")
    page.wait_for_selector("#part-oddity[data-state=done]")


def neighbours(page: Any) -> list[str]:
    """Ids in the list of known spectra."""
    return [one.get_attribute("data-draw") for one in page.query_selector_all("[data-draw]")]


@pytest.fixture
def one(served, survey) -> str:
    """The page of an object of the base of galaxies."""
    name = served.get("/v1/bases/mock/objects").json()["objects"][0]["object_id"]
    return f"/kb/mock/spectrum?object={quote(name)}"


@pytest.fixture
def source(served) -> str:
    """The page of an X-ray source."""
    name = served.get("/v1/bases/xray/objects").json()["objects"][0]["object_id"]
    return f"/kb/xray/spectrum?object={quote(name)}"


def test_a_dropped_file_is_drawn_over_its_neighbours(look, asked_files, picture):
    """And classified, with its redshift and its oddity, on one page."""
    page = look("/kb/mock")
    dropped(page, asked_files[:1])
    page.wait_for_url(re.compile("/spectrum"))
    answered(page)
    assert page.query_selector("#plot canvas") is not None
    assert len(neighbours(page)) == 12
    assert page.inner_text("#part-redshift .answer").startswith("z = ")
    assert page.query_selector("#part-classes meter") is not None
    picture(page, "dropped")


def test_dragging_over_wavelengths_changes_the_list(look, one, picture):
    """The region stands in the field and in the address."""
    page = look(one)
    answered(page)
    before = neighbours(page)
    page.check("#choose")
    box = page.query_selector("#plot .u-over").bounding_box()
    page.mouse.move(box["x"] + 0.62 * box["width"], box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 90, steps=5)
    page.mouse.up()
    page.wait_for_selector("#part-twins >> text=Compared in")
    assert re.fullmatch(r"\d{4}\.\d:\d{4}\.\d", page.input_value("#regions input[name=region]"))
    assert "region=" in page.url
    assert neighbours(page) != before
    picture(page, "region")


def test_dragging_otherwise_looks_closer(look, one):
    """And "Whole range" goes back; the list stays."""
    page = look(one)
    answered(page)
    whole = page.inner_text("#plot .u-legend")
    box = page.query_selector("#plot .u-over").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 80, steps=5)
    page.mouse.up()
    page.click("#whole")
    assert "region=" not in page.url
    assert page.inner_text("#plot .u-legend") == whole


def test_controls_draw_again(look, one):
    """Axis, smoothing, error band, distance between curves, elements, a redshift by hand, a candidate by a click."""
    page = look(one)
    answered(page)

    def times() -> int:
        return int(page.get_attribute("#plot", "data-drawn"))

    for act in (
        lambda: page.select_option("#axis", "observed"),
        lambda: page.select_option("#axis", "velocity"),
        lambda: page.select_option("#axis", "rest"),
        lambda: page.uncheck("#band"),
        lambda: page.check("#apart"),
        lambda: page.select_option("#elements", "O"),
        lambda: page.fill("#z", "0.2"),
        lambda: page.click("#part-redshift [data-z] >> nth=1"),
    ):
        before = times()
        act()
        page.wait_for_selector(f"#plot:not([data-drawn='{before}'])")
    candidate = page.get_attribute("#part-redshift [data-z] >> nth=1", "data-z")
    assert float(page.input_value("#z")) == pytest.approx(float(candidate), abs=1e-5)


def test_a_line_that_is_clicked_gives_the_redshift(look, one):
    """H alpha at its peak, which is found near the click; the page then asks with it."""
    page = look(one)
    answered(page)
    own = float(page.input_value("#z"))
    page.fill("#z", "0")
    page.select_option("#axis", "observed")
    page.select_option("#named", label="H alpha")
    box = page.query_selector("#plot .u-over").bounding_box()
    low, high = (float(page.get_attribute("#plot", f"data-{end}")) for end in ("low", "high"))
    at = (6564.61 * (1 + own) - low) / (high - low)
    page.mouse.click(box["x"] + at * box["width"], box["y"] + 100)
    assert float(page.input_value("#z")) == pytest.approx(own, abs=3e-3)
    page.click("#ask-z")
    page.wait_for_url(re.compile("z="))


def test_reasons_come_when_they_are_opened(look, one, picture):
    """With the figures of the domain, none of them broken."""
    page = look(one)
    answered(page)
    page.click("#part-why summary")
    page.wait_for_selector("#part-why img")
    assert "Neighbours" in page.inner_text("#part-why")
    broken = "[...document.querySelectorAll('#part-why img')].filter((one) => one.complete && !one.naturalWidth).length"
    assert page.query_selector("#part-why").evaluate(f"() => {broken}") == 0
    picture(page, "why")


def test_a_second_kind_of_light(look, source, picture):
    """Counts are drawn by their own domain, in the same place."""
    page = look(source)
    answered(page)
    assert page.query_selector("#plot img") is not None
    assert "AGN" in page.inner_text("#part-classes")
    page.click("#part-measured summary")
    page.wait_for_selector("#part-measured table")
    picture(page, "xray")


def test_what_is_estimated_comes_when_it_is_opened(look, one):
    """And with another quantity when that is chosen; no part of a page says that the server failed."""
    page = look(one)
    answered(page)
    page.click("#part-estimate > summary")
    page.wait_for_selector("#part-estimate[data-state=done] .answer")
    quantity = page.eval_on_selector(
        "#part-estimate select", "(one) => [...one.options].find((o) => !o.selected).value"
    )
    page.select_option("#part-estimate select", quantity)
    page.wait_for_selector(f"#part-estimate .answer >> text={quantity} =")
    assert "server failed" not in page.inner_text("main")


def script(page: Any, name: str) -> str:
    """The address at which a script is loaded, with the hash of its content."""
    return page.evaluate(
        "(name) => performance.getEntriesByType('resource').map((one) => one.name).find((one) => one.includes(name))",
        f"/static/{name}",
    )


def test_every_script_is_loaded_once_at_the_address_of_its_content(look, one):
    """A second copy would answer each drop twice, and an old one be kept by the browser for a year."""
    page = look(one)
    answered(page)
    loaded = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    scripts = sorted(name.rpartition("/")[2] for name in loaded if "/static/" in name and ".js" in name)
    assert [re.fullmatch(r"[\w.]+\.js\?[0-9a-f]{12}", name) is not None for name in scripts] == [True] * 4
    assert len({name.partition("?")[0] for name in scripts}) == len(scripts)


def test_a_smoothed_curve_has_the_error_of_the_mean_of_what_is_averaged(look, one):
    """At the ends and beside bad pixels there are fewer: each is computed here from the points themselves."""
    page = look(one)
    answered(page)
    flux = [1.0, None, 3.0, 4.0, 10.0, 6.0, None, 8.0]
    error = [0.1, None, 0.3, 0.4, 1.0, 0.6, None, 0.8]
    n = 2
    mean, sigma = page.evaluate(
        """async ([at, flux, error, n]) => { const curves = await import(at);
        return [curves.smoothed(flux, n), curves.error_of_mean(error, n)]; }""",
        [script(page, "curves.js"), flux, error, n],
    )
    for i, (value, own) in enumerate(zip(mean, sigma, strict=True)):
        near = range(max(0, i - n), min(len(flux), i + n + 1))
        values, errors = (
            [flux[j] for j in near if flux[j] is not None],
            [error[j] for j in near if error[j] is not None],
        )
        if flux[i] is None:
            assert value is None
            assert own is None
        else:
            assert value == pytest.approx(sum(values) / len(values))
            assert own == pytest.approx(sum(e * e for e in errors) ** 0.5 / len(errors))


def test_smoothing_is_said_in_pixels_of_the_spectrum(look, one):
    """Where one point of the curve stands for three of them, a mean of five points is one of fifteen pixels."""
    page = look("/kb/mock")
    page.route("**/curves?*", lambda route: _thinned(route, 3))
    page.goto(page.url.partition("/kb")[0] + one)
    answered(page)
    assert page.inner_text("#smooth-says") == "15 px"


def _thinned(route: Any, pixels: int) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "pixels": pixels})


def test_another_base_is_gone_to_by_a_button_and_not_by_an_arrow(look):
    """Arrow keys go through a menu; the page stays until somebody says that one is meant."""
    page = look("/kb/mock")
    page.focus("#base-switch")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(200)
    assert page.url.endswith("/kb/mock")
    page.select_option("#base-switch", "xray")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/kb/xray")


def test_progress_is_said_at_its_beginning_each_quarter_and_at_its_end(look):
    """However often it is shown: a hundred steps are five sentences."""
    page = look("/kb/mock")
    said = page.evaluate(
        """async (at) => { const { teller } = await import(at), tell = teller(), said = [];
        const noted = (one) => one.addedNodes.forEach((line) => said.push(line.textContent));
        new MutationObserver((all) => all.forEach(noted))
          .observe(document.getElementById("aloud"), { childList: true });
        tell("begun");
        for (let i = 0; i < 100; i += 1) tell(`${i} of 100`, i / 100);
        tell("done", null, true);
        await new Promise((resolve) => { setTimeout(resolve); });
        return said; }""",
        script(page, "page.js"),
    )
    assert said == ["begun", "25 of 100", "50 of 100", "75 of 100", "done"]
    assert page.get_attribute("#aloud", "aria-live") == "polite"


def test_the_unit_of_a_file_is_typed_where_the_error_says(look, tmp_path):
    """What was dropped stays chosen, so that it is asked with again."""
    file = tmp_path / "odd.csv"
    file.write_text("wavelength,flux\n" + "".join(f"{30 + i / 100},{1 + i % 7}\n" for i in range(3000)))
    page = look("/kb/mock", expect="422")
    dropped(page, [file])
    told = page.wait_for_selector(".refused").inner_text()
    assert "“Unit of wavelengths” (on Start, “How files are read”)" in told
    page.click("summary:has-text('How files are read')")
    page.fill("input[name=wavelength_unit]", "nm")
    page.fill("input[name=z]", "0.1")
    page.click("form.bring button.main")
    page.wait_for_url(re.compile("/spectrum"))


def test_a_sentence_that_cannot_be_read_is_mended_where_it_was_typed(look):
    """Below the field, which holds it, in the frame of the base."""
    page = look("/kb/mock/find?q=z+%3C%3C+1", expect="422")
    assert page.input_value("main input[name=q]") == "z << 1"
    assert "The page Start lists the columns." in page.inner_text("main .caution")
    page.fill("main input[name=q]", "z < 1")
    page.click("main form button:has-text('Find')")
    page.wait_for_selector("table.objects tbody tr")


def test_numbers_of_a_sentence_are_shown_as_numbers(look):
    """The value that the sentence turns on, not how a program writes it."""
    page = look("/kb/mock/find?q=quiescent+galaxies&how=words")
    assert "{" not in page.inner_text("main table")


def test_a_broken_file_is_a_sentence(look, tmp_path):
    """On the same page, for those who see and for those who hear it."""
    bad = tmp_path / "broken.fits"
    bad.write_bytes(b"no spectrum at all")
    page = look("/kb/mock", expect="422")
    dropped(page, [bad])
    told = page.wait_for_selector(".refused")
    assert "broken.fits" in told.inner_text()
    assert told.get_attribute("role") == "alert"
    assert page.url.endswith("/kb/mock")


def test_columns_are_completed(look):
    """A click puts the name of a column in the place of its beginning."""
    page = look("/kb/mock")
    field = page.query_selector("main input[data-complete]")
    field.type("zwarn")
    page.click(".completions button >> text=zwarning")
    assert field.input_value() == "zwarning "


PLACES = [
    "/",
    "/kb/mock",
    "/kb/mock/find?q=z+%3E+0",
    "/kb/mock/about",
    "/kb/mock/find?q=nothing+like+it&how=id",
    "/enter",
]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_hinders_those_who_do_not_see_or_point(look, one, source, dark, picture):
    """axe-core finds no serious fault on any page, in either colours."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = []
    for place in (*PLACES, one, source):
        page = look(place, dark=dark)
        if "spectrum" in place:
            answered(page)
            for name in ("estimate", "measured", "why"):
                if page.query_selector(f"#part-{name}"):
                    page.click(f"#part-{name} > summary")
                    page.wait_for_selector(f"#part-{name}[data-state=done]")
        said = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        found += [
            (place, fault["id"], fault["impact"], [node["target"] for node in fault["nodes"]][:3])
            for fault in said
            if fault["impact"] in ("serious", "critical")
        ]
        picture(page, f"{'dark' if dark else 'light'}-{re.sub(r'[^a-z]+', '-', place)[:40].strip('-')}")
    assert found == []


@pytest.mark.parametrize("place", PLACES)
def test_a_telephone_shows_everything(look, place):
    """At 380 pixels the page itself does not scroll sideways."""
    page = look(place, width=380)
    assert page.evaluate_handle("document.documentElement").get_property("scrollWidth").json_value() <= 380


def test_a_telephone_shows_a_spectrum(look, one, picture):
    """The same with curves, lists and figures."""
    page = look(one, width=380)
    answered(page)
    assert page.evaluate_handle("document.documentElement").get_property("scrollWidth").json_value() <= 380
    picture(page, "narrow")


def test_keys_lead_everywhere(look, one):
    """The first stop leaps over the header; lists and details take the focus."""
    page = look(one)
    answered(page)
    page.keyboard.press("Tab")
    assert page.query_selector(":focus").inner_text() == "To the content"
    page.keyboard.press("Enter")
    page.focus("#part-why > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#part-why img")
