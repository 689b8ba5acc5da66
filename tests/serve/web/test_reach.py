"""No text of a request names a file of the server, and nothing that is sent breaks it."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from astropy.io import fits
from tests.serve.web.conftest import until, uploads
from tests.xray.ogip_files import write_pha

from spectrove.reach import reachable, within
from spectrove.serve.service.explaining import all_tasks
from spectrove.serve.service.questions import OfSpectra
from spectrove.serve.web.uploads import harmless

#: Files that Python opened or listed while `WATCHED` says so; a hook can never be taken away.
OPENED: list[str] = []
WATCHED = [False]


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if WATCHED[0] and event in ("open", "os.listdir", "os.scandir", "glob.glob") and arguments:
        OPENED.append(str(arguments[0]))


sys.addaudithook(_hook)


@pytest.fixture
def opened():
    """The files that are opened during a test."""
    OPENED.clear()
    WATCHED[0] = True
    yield OPENED
    WATCHED[0] = False


@pytest.fixture
def secret(tmp_path, asked_files) -> Path:
    """A spectrum, a target and shares that a server has and nobody may read through it."""
    folder = tmp_path / "canary-folder"
    folder.mkdir()
    shutil.copy(asked_files[0], folder / "canary.fits")
    target = 'name = "t"\nlabel = "class_derived"\npositive = "a"\n[classes]\na = ["LINER"]\nb = ["*"]\n'
    (folder / "canary.toml").write_text(target)
    (folder / "canary.json").write_text('{"LINER": 0.5}')
    return folder


def text_fields(task) -> list[str]:
    """Fields of a question that take text, in whatever form; those that every task shares are asked of one."""
    schema = task.model.model_json_schema()["properties"]
    shared = set(OfSpectra.model_fields) if task.name != "search" else set()
    return [name for name, field in schema.items() if '"string"' in json.dumps(field) and name not in shared]


#: What questions cannot do without.
NEEDED: dict[str, Any] = {
    "label": "class_derived",
    "quantity": "d4000n",
    "regions": ["5000:5100"],
    "text": "z < 1",
}


@pytest.mark.parametrize("name", all_tasks())
def test_a_path_in_any_field_is_no_path(name, served, secret, opened):
    """It is not opened, and a file that is there is answered as one that is not."""
    task = all_tasks()[name]
    [one] = served.get("/v1/bases/mock/objects?limit=1").json()["objects"]
    fields = task.model.model_fields
    base = {key: value for key, value in NEEDED.items() if key in fields}
    base |= {"objects": [one["object_id"]]} if "objects" in fields else {}
    for field in text_fields(task):
        many = "list[" in str(fields[field].annotation)
        said = []
        for place in (
            secret / "canary.fits",
            secret / "absent.fits",
            secret / "canary.toml",
            secret / "absent.toml",
        ):
            text = f"galaxies like {place}" if field == "text" else str(place)
            answer = served.post(f"/v1/bases/mock/{name}", json=base | {field: [text] if many else text})
            assert answer.status_code < 500, answer.text
            detail = answer.json().get("detail", "").replace("absent", "canary")
            said.append((answer.status_code, detail))
        assert said[0] == said[1], field
        assert said[2] == said[3], field
    assert not [path for path in opened if "canary" in path]


def test_a_header_names_no_file_outside_the_upload(served, counts, secret, opened):
    """The response of an X-ray spectrum is looked for among the files that came with it."""
    shutil.copy(counts.response[1], secret / "canary.rmf")
    shutil.copy(counts.response[0], secret / "canary.arf")
    rows = fits.getdata(counts.files[0], 1)
    for place in (secret / "canary.rmf", Path(f"../../../../../..{secret}/canary.rmf")):
        made = secret / "pha.pi"
        write_pha(
            made,
            rows["COUNTS"],
            OBS_ID="1",
            EXPOSURE=5e4,
            RESPFILE=str(place),
            ANCRFILE=str(place)[:-3] + "arf",
        )
        content = made.read_bytes()
        OPENED.clear()
        for address in ("/v1/bases/xray/search", "/kb/xray/bring"):
            said = served.post(address, files=[("spectra", ("a.pi", content))])
            assert said.status_code == 422, said.text
            assert not [path for path in opened if path.endswith(("canary.rmf", "canary.arf"))]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\me\\spec.fits", "spec.fits"),
        ("..", "spectrum"),
        ("", "spectrum"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("a\0b\nc.fits", "a_b_c.fits"),
        ("a*b?[c].fits", "a_b__c_.fits"),
        ("all.lance", "all.lance_"),
        ("x" * 500 + ".fits", "x" * 115 + ".fits"),
        ("NGC 4303#2.fits", "NGC 4303#2.fits"),
    ],
)  # fmt: skip
def test_uploaded_names_are_names(name, kept):
    assert harmless(name) == kept


def test_an_uploaded_name_decides_the_id_and_nothing_else(served, asked_files, tmp_path):
    """A name that would leave the folder does not."""
    content = asked_files[0].read_bytes()
    beside = Path(tempfile.gettempdir())  # where folders for what comes are made
    for name in ("../evil.fits", f"../../..{beside}/evil.fits"):
        said = served.post("/v1/bases/mock/search", files=[("spectra", (name, content))])
        assert said.status_code == 200
    assert not (beside / "evil.fits").exists()


def test_nothing_that_came_is_left_behind(served, asked_files, tmp_path, monkeypatch):
    """Neither of what was answered nor of what was refused; an answer may come a moment before they are removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    served.post("/v1/bases/mock/search", files=uploads(asked_files))
    served.post("/v1/bases/mock/search", files=uploads(asked_files), data={"k": "none"})
    served.post("/v1/bases/mock/search_text", files=[("text", (None, "z < 0.1"))])  # a form without files
    served.post("/v1/bases/mock/search", files=[*uploads(asked_files[:1]), ("spectra", ("b.txt", b"x"))])
    until(lambda: not list(tmp_path.glob("spectrove-*")))


def test_text_reaches_one_folder_alone(tmp_path):
    """And every one where nobody says otherwise."""
    assert reachable(Path("/etc/passwd"))
    with within(tmp_path):
        assert reachable(tmp_path / "a")
        assert not reachable(tmp_path / ".." / "a")
        assert not reachable(Path("/etc/passwd"))
    (tmp_path / "link").symlink_to("/etc")
    with within(tmp_path):
        assert not reachable(tmp_path / "link" / "passwd")


# --- what nobody meant to send ------------------------------------------------------------------------

#: Uploads that are damaged, and questions of any options.
MUTATIONS, ASKED = 300, 12


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file with a fault: cut, bytes changed, a part gone or twice, a card of its header overwritten, or noise."""
    data, n = bytearray(content), len(content)
    kind = rng.randrange(7)
    if kind == 0:
        return bytes(data[: rng.randrange(n)])
    if kind == 1:
        for _ in range(rng.choice((1, 10, 1000))):
            data[rng.randrange(n)] = rng.randrange(256)
    elif kind == 2:
        start = rng.randrange(n)
        del data[start : start + rng.choice((1, 80, 2880, 5760))]
    elif kind == 3:
        start = rng.randrange(n)
        data[start:start] = data[start : start + rng.choice((1, 80, 2880))]
    elif kind == 4:
        start = 80 * rng.randrange(max(1, min(n, 8640) // 80))
        cards = (b"NAXIS1  = 99999999999999", b"BITPIX  = 7", b"TFORM1  = '99999999E'", b"TUNIT1  = 'nonsense'",
                 b"END", b"XTENSION= 'IMAGE'", b"COEFF1  = NaN", b"TTYPE1  = ''", b"CRVAL1  = -1E308")  # fmt: skip
        data[start : start + 80] = rng.choice(cards).ljust(80)
    elif kind == 5:
        return gzip.compress(bytes(data))[: rng.randrange(30, 5000)]
    else:
        return rng.randbytes(rng.choice((0, 1, 80, 2880, 10_000)))
    return bytes(data)


def seeds(asked_files, counts) -> list[tuple[str, str, bytes]]:
    """Files of every layout, and the base that is asked about them."""
    lines = "\n".join(f"{4000 + 2 * i} {1 + 0.01 * (i % 7)} 0.1" for i in range(400))
    votable = (
        '<VOTABLE><RESOURCE><TABLE><FIELD name="wave" datatype="double" unit="nm" ucd="em.wl"/><FIELD name="flux" '
        'datatype="double"/><DATA><TABLEDATA><TR><TD>400</TD><TD>1</TD></TR><TR><TD>401</TD><TD>2</TD></TR></TABLEDATA>'
        "</DATA></TABLE></RESOURCE></VOTABLE>"
    )
    return [
        ("mock", "spec.fits", asked_files[0].read_bytes()),
        ("mock", "spec.txt", f"# wavelength flux error\n{lines}\n".encode()),
        ("mock", "spec.csv", ("wave,flux,err\n" + lines.replace(" ", ",")).encode()),
        ("mock", "spec.xml", votable.encode()),
        ("xray", "src.pi", counts.files[0].read_bytes()),
        ("xray", "r.rmf", counts.response[1].read_bytes()),
    ]


def test_damaged_uploads_are_answered_or_refused(served, asked_files, counts):
    """None of 300 is a fault of the server; five at a time, as refusals stand beside each other."""
    rng = random.Random(20)
    files = seeds(asked_files, counts)
    seen: dict[int, int] = {}
    for start in range(0, MUTATIONS, 5):
        base, name, content = files[(start // 5) % len(files)]
        sent = [("spectra", (f"{start + i}-{name}", damaged(content, rng))) for i in range(5)]
        said = served.post(f"/v1/bases/{base}/search", files=sent, data={"k": "1"})
        assert said.status_code < 500, (start, name, said.text)
        seen[said.status_code] = seen.get(said.status_code, 0) + 1
    assert set(seen) == {200, 422}


def junk(schema: dict[str, Any], rng: random.Random, depth: int = 0) -> Any:
    """A value that a field may have, or one that it may not."""
    if rng.random() < 0.2 or depth > 4:
        return rng.choice(
            [None, True, -1, 0, 1e308, 2**70, "", "x" * 300, "' OR 1=1 --", "\u0000", "[O III]", [], {}, [[]]]
        )
    if "anyOf" in schema:
        return junk(rng.choice(schema["anyOf"]), rng, depth + 1)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return [junk(schema.get("items", {}), rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == "object" or "properties" in schema:
        return {
            name: junk(one, rng, depth + 1)
            for name, one in schema.get("properties", {}).items()
            if rng.random() < 0.7
        }
    if kind == "string":
        return rng.choice(
            ["liner", "class_derived", "z < 0.1", "z", "5000:5100", "Halpha", "shape=1", "a=", "(((", "é"]
        )
    return {"integer": rng.choice([1, 3, 50]), "number": rng.choice([0.0, 0.5, 0.9]), "boolean": True}.get(
        kind
    )


def test_questions_of_any_options_are_answered_or_refused(served):
    """Made from the document that describes them."""
    rng = random.Random(21)
    document = served.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    names = [one["object_id"] for one in served.get("/v1/bases/mock/objects?limit=3").json()["objects"]]

    def whole(schema: Any) -> Any:
        if isinstance(schema, dict) and "$ref" in schema:
            return whole(schemas[schema["$ref"].rpartition("/")[2]])
        if isinstance(schema, dict):
            return {key: whole(value) for key, value in schema.items()}
        return [whole(one) for one in schema] if isinstance(schema, list) else schema

    seen = set()
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody")
        if body is None:
            continue
        properties = whole(body["content"]["application/json"]["schema"])["properties"]
        for _ in range(ASKED):
            few = rng.sample(sorted(properties), min(3, len(properties)))
            asked = {name: junk(properties[name], rng) for name in few}
            if "objects" in properties and rng.random() < 0.7:
                asked["objects"] = names[:1]
            said = served.post(path.format(name="mock", listed="some"), json=asked)
            assert said.status_code < 500, (path, asked, said.text)
            if said.status_code >= 400:
                assert said.headers["content-type"] == "application/problem+json"
            seen.add(said.status_code)
    assert {200, 422} <= seen


@pytest.mark.parametrize(
    "address",
    [
        "/v1/bases/..%2f..%2fetc/search", "/v1/bases/mock/objects/..%2f..%2fetc%2fpasswd", "/v1/bases/mock/objects/%00",
        "/v1/bases/mock/objects/'%20OR%20'1'='1", "/v1/bases/mock/objects/%ff%fe", "/v1/bases/mock/objects?where=')))",
        "/v1/bases/mock/objects?columns=a%00b", "/ssap?REQUEST=queryData&TARGETNAME='",
        "/ssap?REQUEST=queryData&POS=nan,nan", "/ssap?REQUEST=queryData&POS=1e999,0&SIZE=-1", "/v1/jobs/../../etc",
        "/v1/bases/mock/objects?offset=1099511627777", "/v1/bases/mock/objects?limit=1&offset=1099511627776",
        "/v1/bases/mock/objects/x/spectrum?format=../../x",
    ],
)  # fmt: skip
def test_strange_addresses_are_refused(served, address):
    said = served.get(address)
    assert said.status_code < 500, said.text
    assert "root:" not in said.text
