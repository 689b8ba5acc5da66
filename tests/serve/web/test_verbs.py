"""Every verb of the table over HTTP says what its command prints, of galaxies and of X-ray sources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.serve.web.conftest import uploads

from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.verbs import VERBS
from spectrove.readers.writing import write_files
from spectrove.serve.service.explaining import all_tasks
from spectrove.serve.service.questions import FORMS, PYTHON_ALONE
from spectrove.spectra import SpectrumSet


@pytest.fixture(scope="module")
def sets(survey) -> tuple[list[str], list[str]]:
    """Ids of the galaxies with the strongest and with the weakest emission."""
    rows = KnowledgeBase.open(survey.base).rows("ha_ew IS NOT NULL", ["ha_ew"]).to_pylist()
    names = [row["object_id"] for row in sorted(rows, key=lambda row: row["ha_ew"])]
    return names[-4:], names[:4]


@pytest.fixture(scope="module")
def epochs(tmp_path_factory) -> list[Path]:
    """Files of three galaxies at two epochs each."""
    from experiments.samples.repeats import mock_epochs
    from spectrove.galaxies.mock import load_recipe

    spectra = [one for i in range(3) for one in mock_epochs(i, load_recipe("test"), 77)]
    return write_files(tmp_path_factory.mktemp("epochs"), SpectrumSet.from_spectra(spectra))


#: Verb to the words of its command and the fields of its question; a pair of lists of examples is filled in.
QUESTIONS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "search": (["search", "-k", "2"], {"k": 2}),
    "search_region": (["search", "--region", "Halpha", "--region", "5000:5100"], {"regions": ["Halpha", "5000:5100"]}),
    "search_text": (["search", "--text", "z < 0.1", "--top", "5"], {"text": "z < 0.1", "top": 5}),
    "hunt": (["hunt", "--target", "liner", "--prevalence", "0.2"], {"target": "liner", "prevalence": 0.2}),
    "hunt_like": (["hunt"], {"witness": "none"}),
    "classify": (["classify", "--label", "class_derived"], {"label": "class_derived"}),
    "estimate": (["estimate", "--quantity", "d4000n", "--level", "0.9"], {"quantity": "d4000n", "level": 0.9}),
    "redshift": (["estimate", "--quantity", "z"], {}),
    "measure": (["measure", "--measures", "d4000n,ha_ew"], {"measures": ["d4000n", "ha_ew"]}),
    "contrast": (["contrast", "--top", "3"], {"top": 3}),
    "epochs": (["epochs"], {}),
    "outliers": (["outliers"], {}),
}  # fmt: skip


def asked_of(verb: str, survey, asked_files, epochs, sets) -> tuple[list[str], dict[str, Any], list[Path]]:
    """The words of a command and the fields of the question that is the same, and the files of both."""
    words, fields = QUESTIONS[verb]
    words, fields, files = list(words), dict(fields), asked_files
    if verb in ("hunt_like", "contrast"):
        like, unlike = sets
        words += ["--like", ",".join(like), "--unlike", ",".join(unlike)]
        words += ["--witness", "none"] if verb == "hunt_like" else []
        fields |= {"like": like, "unlike": unlike}
    if verb == "epochs":
        return [words[0], *map(str, epochs), *words[1:]], fields, epochs
    files = [] if VERBS[verb].of_base else files
    base = [] if verb == "measure" else [str(survey.base)]
    return [words[0], *base, *map(str, files), *words[1:], "--json"], fields, files


@pytest.mark.parametrize("verb", VERBS)
def test_an_address_says_what_its_command_prints(verb, served, spectrove, survey, asked_files, epochs, sets):
    """The lines of both, character for character; and as one document the same rows."""
    words, fields, files = asked_of(verb, survey, asked_files, epochs, sets)
    printed = spectrove(*words, *([] if "--json" in words else ["--json"])).stdout.splitlines()
    assert printed
    address = f"/v1/bases/mock/{verb}"
    if files:
        form = {name: value if isinstance(value, list) else str(value) for name, value in fields.items()}
        asked = {"files": uploads(files), "data": form}
    else:
        asked = {"json": fields}
    lines = served.post(address, headers={"accept": "application/x-ndjson"}, **asked)
    assert lines.status_code == 200, lines.text
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    answers = [line for line in lines.text.splitlines() if not line.startswith('{"path":')]
    assert answers == printed
    whole = served.post(address, **asked).json()
    assert whole["answers"] == [json.loads(line) for line in printed]


def test_every_verb_is_asked_above():
    """A new verb says here how its command and its address are asked the same."""
    assert set(QUESTIONS) == set(VERBS)


@pytest.mark.parametrize(
    ("verb", "words", "fields"),
    [
        ("search", ["search"], {}),
        ("classify", ["classify", "--label", "class"], {"label": "class"}),
        ("hunt_like", ["hunt", "--like", "s00,s02"], {"like": ["s00", "s02"]}),
        ("estimate", ["estimate", "--quantity", "n_counts"], {"quantity": "n_counts"}),
        ("outliers", ["outliers"], {}),
    ],
)
def test_counts_are_asked_about_at_the_same_addresses(verb, words, fields, served, spectrove, counts):
    """Responses come with the spectra that name them."""
    printed = spectrove(words[0], counts.base, *counts.files, *words[1:], "--json").stdout.splitlines()
    files = uploads([*counts.files, *counts.response])
    said = served.post(
        f"/v1/bases/xray/{verb}", files=files, data=fields, headers={"accept": "application/x-ndjson"}
    )
    assert said.status_code == 200, said.text
    answers = [line for line in said.text.splitlines() if not line.startswith('{"path":')]
    assert answers == printed


def test_a_response_may_be_named_among_the_files(served, counts):
    """As --response does; a name that did not come is refused."""
    files = uploads([*counts.files[:1], *counts.response])
    named = {"response": ["r.arf", "r.rmf"]}
    assert served.post("/v1/bases/xray/search", files=files, data=named).status_code == 200
    refused = served.post("/v1/bases/xray/search", files=files, data={"response": "/etc/passwd"})
    assert refused.status_code == 422
    assert "no file of this name came" in refused.json()["detail"]


def test_objects_arrays_and_files_are_the_same_spectra(served, survey, asked_files):
    """An object by its id, its arrays, and its file have the same neighbours."""
    whole = served.post("/v1/bases/mock/search", files=uploads(asked_files[:1])).json()["answers"][0]
    spectrum = _inline(asked_files[0])
    inline = served.post("/v1/bases/mock/search", json={"spectra": [spectrum]})
    assert inline.status_code == 200, inline.text
    near = inline.json()["answers"][0]["neighbors"]
    assert [one["object_id"] for one in near] == [one["object_id"] for one in whole["neighbors"]]
    known = whole["neighbors"][0]["object_id"]
    own = served.post("/v1/bases/mock/search", json={"objects": [known], "allow_self": True, "k": 1}).json()
    assert own["answers"][0]["neighbors"][0]["object_id"] == known


def _inline(path: Path) -> dict[str, Any]:
    """A file as arrays."""
    from spectrove.readers import read_file

    [one] = read_file(path)
    return {
        "object_id": one.object_id, "wavelength": one.wavelength.tolist(), "flux": one.flux.astype(float).tolist(),
        "ivar": one.ivar.astype(float).tolist(), "mask": (~one.good).tolist(), "z": float(one.z),
    }  # fmt: skip


def test_refusals_stand_beside_answers(served, spectrove, survey, asked_files, tmp_path):
    """As the command prints them, with the name of the file in place of its path."""
    broken = tmp_path / "broken.fits"
    broken.write_bytes(asked_files[0].read_bytes()[:4000])
    files = [asked_files[0], broken]
    printed = spectrove("search", survey.base, *files, "--json")
    refused = [json.loads(line) for line in printed.stderr.splitlines() if line.startswith("{")]
    said = served.post("/v1/bases/mock/search", files=uploads(files)).json()
    assert len(said["answers"]) == 1
    assert said["refusals"] == [one | {"path": Path(one["path"]).name} for one in refused] != []


def test_what_cannot_be_read_at_all_is_a_problem_with_its_refusals(served):
    """Nobody takes an empty answer for one."""
    said = served.post("/v1/bases/mock/search", files=[("spectra", ("a.txt", b"no spectrum"))])
    assert said.status_code == 422
    assert [one["path"] for one in said.json()["refusals"]] == ["a.txt"]


def test_a_missing_redshift_is_refused_or_estimated(served, asked_files):
    """As with --missing-z and -z."""
    spectrum = _inline(asked_files[0]) | {"z": None}
    alone = served.post(
        "/v1/bases/mock/classify", json={"spectra": [spectrum], "label": "class_derived"}
    ).json()
    assert not alone["answers"]
    assert "no redshift" in alone["refusals"][0]["error"]
    for more in ({"missing_z": "estimate"}, {"z": 0.1}):
        asked = {"spectra": [spectrum], "label": "class_derived", **more}
        said = served.post("/v1/bases/mock/classify", json=asked).json()
        assert len(said["answers"]) == 1, said


def test_a_target_may_be_given_by_its_keys(served, asked_files):
    """As a file does on the command line."""
    target = {
        "name": "mine",
        "label": "class_derived",
        "classes": {"L": ["LINER"], "other": ["*"]},
        "positive": "L",
    }
    said = served.post(
        "/v1/bases/mock/hunt", files=uploads(asked_files), data={"target": json.dumps(target)}
    ).json()
    assert said["answers"][0]["target"] == "mine"
    wrong = served.post("/v1/bases/mock/hunt", json={"objects": [], "target": {"name": "x", "labl": "a"}})
    assert wrong.status_code == 422


def test_an_explanation_is_that_of_the_command_with_its_figures(served, spectrove, survey, asked_files):
    """The JSON of `explain --json`; figures are PNG."""
    printed = json.loads(spectrove("explain", survey.base, asked_files[0], "--json").stdout)
    said = served.post(
        "/v1/bases/mock/explain", files=uploads(asked_files[:1]), data={"figures": "true"}
    ).json()
    assert len(said["answers"]) == 1
    mine = said["answers"][0]
    assert mine["answer"] == printed["answer"]
    assert mine["neighbors"] == printed["neighbors"]
    assert mine["citations"] == printed["citations"]
    assert "spectra" in [figure["name"] for figure in said["figures"]]
    assert all(figure["data"].startswith("iVBOR") for figure in said["figures"])


def test_counts_are_explained_with_their_own_figures(served, counts):
    """By the panels of their kind of light."""
    files = uploads([*counts.files[:1], *counts.response])
    said = served.post("/v1/bases/xray/explain", files=files, data={"label": "class"})
    assert said.status_code == 200, said.text
    assert said.json()["figures"]


def test_every_option_has_a_form_that_travels():
    """None is of any type, and none that only Python has is asked for."""
    for name, task in all_tasks().items():
        fields = task.model.model_fields
        assert not set(fields) & PYTHON_ALONE, name
        assert all(field.annotation is not Any for field in fields.values()), name
        assert all((field.description or "").endswith((".", "'.")) for field in fields.values()), name
    assert {name for verb in VERBS.values() for name, f in verb.options.model_fields.items()
            if f.annotation is Any} - PYTHON_ALONE <= set(FORMS)  # fmt: skip


def test_the_schema_describes_every_task(served):
    """With types of options, forms with files, and the keys of answers."""
    document = served.get("/openapi.json").json()
    for name, task in all_tasks().items():
        operation = document["paths"][f"/v1/bases/{{name}}/{name}"]["post"]
        body = operation["requestBody"]["content"]
        model = document["components"]["schemas"][
            body["application/json"]["schema"]["$ref"].rpartition("/")[2]
        ]
        assert set(model["properties"]) == set(task.model.model_fields)
        assert set(task.files) <= set(body["multipart/form-data"]["schema"]["properties"])
        answers = operation["responses"]["200"]["content"]["application/json"]["schema"]["properties"][
            "answers"
        ]
        assert set(answers["items"]["properties"]) == set(task.columns)
        assert "application/problem+json" in operation["responses"]["4XX"]["content"]
    text = json.dumps(document)
    names = set(document["components"]["schemas"])
    assert {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]} <= names
