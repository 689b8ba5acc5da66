"""The table of verbs, and what is held to it: the command line, the public names, the documents, the answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import typer
from tests.golden.questions import QUESTIONS, kept

import spectrove as package
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.options import SearchOptions
from spectrove.pipeline.verbs import VERBS, Verb
from spectrove.readers import read_dataset
from spectrove.serve.cli import (
    app,
    classify,
    contrast,
    epochs,
    estimate,
    explain,
    hunt,
    measure,
    outliers,
    search,
)

DOCS = Path(__file__).parents[2] / "docs"
PROGRAM = typer.main.get_command(app)
TYPED = {
    "search": search.Typed,
    "hunt": hunt.Typed,
    "classify": classify.Typed,
    "estimate": estimate.Typed,
    "measure": measure.Typed,
    "outliers": outliers.Typed,
    "contrast": contrast.Typed,
    "epochs": epochs.Typed,
}

#: Options that only Python has: objects, and what studies vary.
PYTHON_ALONE = {
    "hunt_like": set(),
    "search": set(),
    "search_region": set(),
    "search_text": {"threshold", "progress"},
    "hunt": {"redshifts"},
    "classify": {"weighting", "normalise", "redshifts"},
    "estimate": set(),
    "redshift": {"n"},
    "measure": set(),
    "outliers": set(),
    "contrast": set(),
    "epochs": {"encoder"},
}

#: Options that the command line has in another form: one default for two verbs, names of galaxies' diagrams, a text.
OTHER_FORM = {
    ("search", "view"), ("classify", "view"), ("hunt", "view"), ("hunt_like", "view"),
    ("hunt_like", "unlike"), ("hunt_like", "region"), ("hunt_like", "witness"),
    ("estimate", "k"), ("redshift", "k"), ("hunt", "witness"), ("classify", "witness"), ("classify", "prevalence"),
    ("hunt", "threshold"),
    ("measure", "measures"), ("outliers", "explained"),
    ("contrast", "like"), ("contrast", "unlike"),
}  # fmt: skip

#: Verbs whose columns another test holds, as the golden answers do not have them.
HELD_ELSEWHERE = {
    "hunt_like": "pipeline/test_hunt_by_example.py",
    "contrast": "serve/test_contrast.py",
    "epochs": "serve/test_epochs.py",
}

verbs = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


def command_of(verb: Verb) -> Any:
    """The command that asks a verb."""
    return PROGRAM.commands[verb.command.split()[0]]  # type: ignore[attr-defined]


@verbs
def test_every_verb_is_a_command(verb: Verb):
    """With the option that chooses it where a command asks two verbs, and with one for its subject."""
    options = {name for parameter in command_of(verb).params for name in parameter.opts}
    assert {word for word in verb.command.split() if word.startswith("-")} <= options
    subject = {"": set(), "regions": {"--region"}}.get(verb.subject, {f"--{verb.subject}"})
    assert subject <= options
    assert verb.summary.endswith(".")
    if " " not in verb.command:
        assert command_of(verb).help.splitlines()[0] == verb.summary


def test_every_command_that_answers_is_a_verb():
    """A command that takes spectra and gives answers is in the table, or explains those that are, or watches."""
    answering = {
        name
        for name, command in PROGRAM.commands.items()  # type: ignore[attr-defined]
        if any(parameter.name == "missing_z" for parameter in command.params)
    }
    assert answering - {"explain", "watch"} == {verb.command.split()[0] for verb in VERBS.values()}


@verbs
def test_options_of_a_command_are_those_of_its_verb(verb: Verb):
    """The same names, types and defaults; what Python alone has is listed above."""
    typed = TYPED[verb.command.split()[0]]
    there, here = get_type_hints(verb.options), get_type_hints(typed)
    assert set(verb.options.model_fields) - set(here) == PYTHON_ALONE[verb.name]
    for name, field in verb.options.model_fields.items():
        if name == "encoder" or name not in here or (verb.name, name) in OTHER_FORM:
            continue
        assert here[name] == there[name], name
        assert getattr(typed, name) == field.default, name


@verbs
def test_every_option_says_what_it_is(verb: Verb):
    """In a sentence."""
    assert all((field.description or "").endswith(".") for field in verb.options.model_fields.values())


@verbs
def test_every_verb_is_public_and_documented(verb: Verb):
    """Under its name in Python, also as a method of a base, in docs/api.md, and in docs/cli.md as its command."""
    assert getattr(package, verb.name) is verb.ask
    assert getattr(package.Base, verb.name).__doc__
    assert f"### `{verb.name}`" in (DOCS / "api.md").read_text("utf-8")
    name, *options = verb.command.split()
    section = re.split(rf"^## `spectrove {name}`", (DOCS / "cli.md").read_text("utf-8"), flags=re.MULTILINE)[
        1
    ]
    assert all(option in section.split("\n## ")[0] for option in options)


def verb_of(question: str) -> Verb:
    """The verb of a golden question."""
    words = QUESTIONS[question]
    name = {"--region": "search_region"}.get(next((w for w in words if w == "--region"), ""), words[0])
    return VERBS["redshift" if words[-2:] == ["--quantity", "z"] else name]


@verbs
def test_answers_have_the_columns_of_their_verb(verb: Verb, survey):
    """In the golden answers, mock and real; an open redshift and a lack of an interval add others. Some are asked."""
    if verb.of_base:
        said = verb.ask(KnowledgeBase.open(survey.base), "z < 0.1")
        assert set(said.to_dicts()[0]) == set(verb.columns)
        return
    if verb.name in HELD_ELSEWHERE:
        assert verb.name in (Path(__file__).parents[1] / HELD_ELSEWHERE[verb.name]).read_text("utf-8")
        return
    answers = [kept(survey)["answers"] for survey in ("mock", "real")]
    asked = [survey[q] for survey in answers for q in QUESTIONS if q in survey and verb_of(q) is verb]
    columns = {name for one in asked for row in one["stdout"] for name in row}
    without = (
        {"reason_no_interval"} if verb.name in ("estimate", "redshift") else set()
    )  # all have an interval here
    if verb.name == "estimate":  # of several at once, or read off spectra: tests/stars/test_several.py
        without |= {"estimates", "by", "covariance", "samples", "chi2", "n_pixels"}
    assert columns == set(verb.columns) - {"redshifts"} - without
    assert len(verb.columns) == len(set(verb.columns))


@pytest.mark.parametrize(
    ("typed", "name", "subject", "options"),
    [
        (("hunt", "--target", "liner"), "hunt", ("liner",), {}),
        (
            ("hunt", "--target", "liner", "--prevalence", 0.2, "--threshold", "f1", "-k", 5, "--where", "z < 0.1"),
            "hunt", ("liner",), {"prevalence": 0.2, "threshold": "f1", "k": 5, "where": "z < 0.1"},
        ),
        (("classify", "--label", "class_derived", "--calibration", "none"), "classify", ("class_derived",),
         {"calibration": "none"}),
        (("search", "--region", "Halpha", "-k", 2), "search_region", (["Halpha"],), {"k": 2}),
        (("estimate", "--quantity", "z_err", "--level", 0.9), "estimate", ("z_err",), {"level": 0.9}),
    ],
)  # fmt: skip
def test_a_command_prints_what_the_answers_of_python_say(spectrove, survey, typed, name, subject, options):
    """Line for line."""
    command, *rest = typed
    asked = spectrove(command, survey.base, survey.dataset, "--queries", "split = 'test'", *rest, "--json")
    spectra = read_dataset(survey.dataset, "split = 'test'")
    answers = VERBS[name].ask(KnowledgeBase.open(survey.base), spectra, *subject, **options)
    assert len(asked.stdout.splitlines()) == len(answers) > 0
    assert asked.stdout == answers.to_json()


def test_an_option_that_is_not_given_is_left_to_the_verb(spectrove, survey):
    """-k of a target, of an estimate and of a redshift differ: each is the default of its own options."""
    assert VERBS["estimate"].options().k != VERBS["redshift"].options().k  # type: ignore[attr-defined]
    for quantity, name in (("z_err", "estimate"), ("z", "redshift")):
        one = ("--quantity", quantity, "--queries", "split = 'test'", "--json")
        row = json.loads(spectrove("estimate", survey.base, survey.dataset, *one).stdout.splitlines()[0])
        assert len(row["neighbors"]) == VERBS[name].options().k  # type: ignore[attr-defined]


def test_explain_takes_options_of_hunts_and_classifications():
    """Under their names, so that what is explained is what was answered."""
    typed = set(get_type_hints(explain.Typed))
    for name in ("hunt", "classify"):
        shared = set(get_type_hints(TYPED[name])) & set(VERBS[name].options.model_fields)
        assert shared - typed <= {"threshold"}
    assert set(SearchOptions.model_fields) - {"view"} <= typed
