"""Errors on the page say what can be done on the page; the command line and REST keep their options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from tests.serve.web.page.test_addresses import BROWSER

import spectrove
from spectrove.serve.page.wording import _NAMED, KEEPER, for_page

READING = "(on Start, “How files are read”)"


@pytest.mark.parametrize(
    ("said", "on_page"),
    [
        ("a.csv: no column. Mend the header.", "a.csv: no column. Mend the header."),
        ("Say it with --wavelength-unit.", f"Say it in the field “Unit of wavelengths” {READING}."),
        (
            "Name its columns with --columns wavelength=NAME,flux=NAME, or leave it out.",
            f"Name its columns in the field “Columns” {READING} as wavelength=NAME,flux=NAME, or leave it out.",
        ),
        (
            "Say it with --flux-unit, or --flux-unit relative to keep the flux as it is.",
            f"Say it in the field “Unit of flux” {READING}, or relative to keep the flux as it is.",
        ),
        (
            "Put it beside the spectrum, or give its folder with --response.",
            "Put it beside the spectrum. Bring spectra together with the files that they name.",
        ),
        (
            "Say more in the condition, or start the server with a larger --max-spectra.",
            "Say more in the condition. Whoever started the server can change that.",
        ),
        ("Ask about fewer spectra, or prepare the base for it (kb prepare).", "Ask about fewer spectra."),
        ("Add it with a catalog (kb label), or name another.", "Name another."),
        ("'z <': not usable. kb info lists the columns.", "'z <': not usable. The page Start lists the columns."),
        ("Name another; kb info lists them.", "Name another. The page Start lists the columns."),
        ("Go back with kb rollback.", f"{KEEPER}go back with kb rollback."),
        ("Make one with `spectrove ingest`.", f"{KEEPER}make one with `spectrove ingest`."),
        ("Hunt it with --target, ask for it with classify --label bpt, or say it in numbers.", "Say it in numbers."),
    ],
)  # fmt: skip
def test_what_the_page_has_is_named_as_the_page_names_it(said, on_page):
    assert for_page(said) == on_page


def messages() -> Iterator[tuple[str, str]]:
    """Every text of the package that ends as a sentence and names an option or a command, and where it stands."""
    home = Path(spectrove.__file__).parent
    for path in sorted(home.rglob("*.py")):
        if {"cli", "archives", "training"} & set(path.relative_to(home).parts):
            continue
        tree = ast.parse(path.read_text())
        inside = {
            id(part)
            for node in ast.walk(tree)
            if isinstance(node, ast.JoinedStr)
            for part in ast.walk(node)
            if part is not node
        }
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in inside or id(node) in described:
                continue
            said = _text(node)
            if said.endswith(".") and _NAMED.search(said):
                yield f"{path.relative_to(home)}:{getattr(node, 'lineno', 0)}", said


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "X" for one in node.values)
    return ""


def test_no_advice_of_the_package_reaches_the_page_with_an_option():
    """What is found may name one, before a colon; what to do then does not, unless it says whose it is."""
    found = list(messages())
    assert len(found) > 60
    left = []
    for place, said in found:
        for sentence in re.split(r"(?<=[.;!?])\s+", for_page(said)):
            if _NAMED.search(sentence) and ": " not in sentence:
                left.append((place, sentence))
    # Options of processes and of sheets, which no question of the page has.
    meant = r"--cluster|--workers|--background|--vectors|the folder that|made by spectrove embed|--review proposes"
    assert [one for one in left if not re.search(meant, one[1])] == []


def test_every_template_that_shows_an_error_words_it_for_the_page():
    """Except the page of a problem, whose members are worded before."""
    shown = re.compile(r"\{\{[^}]*(?:detail|[.]error|why_not|refused)\b[^}]*\}\}")
    folder = resources.files("spectrove.serve.page") / "templates"
    bare = [
        (one.name, piece)
        for one in folder.iterdir()
        if one.name.endswith(".html") and one.name != "problem.html"
        for piece in shown.findall(one.read_text())
        if "for_page" not in piece
    ]
    assert bare == []


@pytest.fixture
def catalog(tmp_path) -> Path:
    """A table of objects, which is no spectrum."""
    path = tmp_path / "catalog.csv"
    path.write_text("object_id,ra,dec,z\na,1,2,0.1\nb,3,4,0.2\n")
    return path


def test_a_file_is_refused_to_each_in_their_words(served, catalog):
    """The page names its field, REST the option that is a field of the question; both name the file."""
    sent = [("spectra", (catalog.name, catalog.read_bytes()))]
    on_page = served.post("/kb/mock/bring", files=sent, headers={"accept": "application/json"}).json()
    assert "“Columns”" in on_page["detail"]
    assert "--columns" not in str(on_page)
    assert on_page["detail"].startswith("catalog.csv: ")
    with_html = served.post("/kb/mock/bring", files=sent, headers=BROWSER)
    assert "“Columns”" in with_html.text
    over_rest = served.post("/v1/bases/mock/search", files=sent).json()
    assert "--columns" in str(over_rest)
    assert "“Columns”" not in str(over_rest)


def test_marks_that_the_page_sends_are_refused_in_its_words(served):
    """Their address is one of REST; the browser says which page asks."""
    from spectrove.serve.web.problems import asks_the_page

    scope = {
        "path": "/v1/bases/mock/marks/x",
        "headers": [(b"referer", b"http://localhost/kb/mock/hunt?go=1")],
    }
    assert asks_the_page(scope)
    assert not asks_the_page(scope | {"headers": []})
    assert asks_the_page({"path": "/kb/mock/bring", "headers": []})


def test_what_came_is_named_and_not_where_the_server_keeps_it(served, counts):
    """A response that did not come is missing among what came."""
    sent = [("spectra", (Path(counts.files[0]).name, Path(counts.files[0]).read_bytes()))]
    said = served.post("/kb/xray/bring", files=sent, headers={"accept": "application/json"}).json()["detail"]
    assert "among what came" in said
    assert "spectrove-" not in said
    assert said.endswith("Bring spectra together with the files that they name.")
