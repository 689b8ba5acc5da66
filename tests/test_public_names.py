"""What `import spectrove` offers, and what the documentation says it offers."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import spectrove
from spectrove.moved import MOVED, at

API = Path(__file__).parents[1] / "docs" / "api.md"


def test_public_names_are_exactly_the_documented_ones():
    """docs/api.md has a heading for each name, and for nothing else."""
    documented = re.findall(r"^### `([A-Za-z_]+)`", API.read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(documented) == sorted(spectrove.__all__)
    assert len(documented) == len(set(documented))


@pytest.mark.parametrize("name", spectrove.__all__)
def test_every_public_name_can_be_used(name: str):
    """It exists, it says what it is, and it is called what it is called."""
    value = getattr(spectrove, name)
    assert value.__name__ == name
    assert value.__doc__


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    """A module takes the place of a function of its own name as soon as it is imported; those that do can be called."""
    modules = {path.stem for path in Path(spectrove.__file__).parent.iterdir()}
    assert modules & set(spectrove.__all__) <= {name.removeprefix("spectrove.") for name in OLD_MODULES}


OLD_MODULES = [f"spectrove.{name}" for name, names in MOVED.items() if "" in names or name == "mock"]


@pytest.mark.parametrize("old", [f"spectrove.{m}.{n}" for m, names in MOVED.items() for n in names if n])
def test_names_that_moved_work_with_a_warning(old: str):
    """The warning says the new name, which has what the old one gives."""
    module, _, name = old.rpartition(".")
    with pytest.warns(DeprecationWarning, match=f"{re.escape(old)} is spectrove[.a-zA-Z_]+ now") as said:
        found = getattr(import_module(module), name)
    assert found is at(str(said[0].message).split(" is spectrove.")[1].split(" now;")[0])
    assert said[0].filename == __file__


@pytest.mark.parametrize("module", OLD_MODULES)
def test_names_that_never_were_are_missing_from_old_modules(module: str):
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = import_module(module).no_such_name


def test_functions_can_be_called_after_the_old_module_of_their_name_was_imported():
    """In a process of its own: what was imported stays."""
    code = """
import warnings, spectrove
from spectrove import ingest
assert ingest.__module__ == "spectrove.readers.dataset", ingest
warnings.simplefilter("ignore", DeprecationWarning)
from spectrove.ingest import read_dataset
import spectrove.explain
for function, wrong in ((spectrove.ingest, "x"), (spectrove.explain, None)):
    try:
        function(wrong, wrong)
    except Exception as error:
        assert type(error).__name__ in ("DatasetError", "AttributeError"), error
print(type(spectrove.ingest).__name__, spectrove.readers.read_dataset is read_dataset)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "OldModule True", done.stderr


def named_calls() -> list[str]:
    """Every call of ours by its full name in README.md and docs, and what they import."""
    root = API.parents[1]
    text = "\n".join(
        p.read_text("utf-8")
        for p in (root / "README.md", *sorted((root / "docs").glob("*.md")))
        if not p.name.startswith("add-a-")  # these make what they call; `test_pages.py` follows them
    )
    calls = set(re.findall(r"(?<![\w.`/])`?(spectrove(?:\.\w+)+)\(", text))
    for module, names in re.findall(r"from (spectrove[\w.]*) import ([\w, ]+)", text):
        calls |= {f"@{module}:{name.strip()}" for name in names.split(",")}
    return sorted(calls)


def test_every_call_that_the_documents_name_works_after_import_spectrove_alone():
    """In a fresh process, and each as if it were the first thing that is asked for."""
    code = """
import importlib, sys
for name in sys.argv[1:]:
    for module in [m for m in sys.modules if m.split(".")[0] == "spectrove"]:
        del sys.modules[module]
    import spectrove
    if name.startswith("@"):
        home, _, one = name[1:].partition(":")
        module = importlib.import_module(home)
        found = getattr(module, one, None) or importlib.import_module(f"{home}.{one}")
    else:
        found = eval(name)
        assert callable(found), name
print("done")
"""
    calls = named_calls()
    assert {
        "spectrove.open",
        "spectrove.ingest",
        "spectrove.inference.metric_for",
        "spectrove.explain",
    } <= set(calls)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *calls], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "done", done.stderr


def test_what_is_shown_is_one_short_line(tmp_path: Path):
    """The numbers that matter, for every public object that holds many."""
    spectrum = spectrove.Spectrum(
        np.linspace(4000, 5000, 50), np.ones(50), error=np.ones(50), z=0.1, object_id="a"
    )
    spectra = spectrove.SpectrumSet.from_spectra([spectrum, replace(spectrum, object_id="b")])
    vectors = spectrove.Embeddings(
        np.eye(2, 3, dtype="f4"), spectra.object_id, "0" * 12, np.full((2, 2), 1.0)
    )
    base = spectrove.KnowledgeBase.create(tmp_path / "x.kb", spectra, {"shape": vectors}, encoder="pca")
    neighbors = base.search(vectors, 1, spectra=spectra)
    prediction = spectrove.Prediction(
        "a", "class", "SF", {"SF": 0.9, "AGN": 0.1}, (0.8, 0.95), calibrated=True
    )
    target = spectrove.load_target("liner")
    shown = {
        repr(spectrum): "<Spectrum a: 50 pixels, 4000-5000 A, z 0.1>",
        repr(spectra): "<SpectrumSet of 2 spectra, 4000-5000 A, 2 with a redshift>",
        repr(vectors): "<Embeddings of 2 spectra in 3 dimensions, fingerprint 000000000000>",
        repr(base): f"<KnowledgeBase x.kb: 2 objects, version {base.version}, shape by pca>",
        repr(neighbors): "<Neighbors of 2 queries: 1 each, view shape, the nearest at 1.41 (median)>",
        repr(prediction): "<Prediction a: P(SF) = 0.9 [0.8, 0.95], calibrated>",
        repr(target): "<Target liner: LINER among other in class_derived, views shape>",
    }
    assert list(shown) == list(shown.values())
    assert "<td>version</td>" in base._repr_html_()


def test_an_unknown_name_is_an_attribute_error():
    """As for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = spectrove.no_such_name


def test_dir_lists_the_public_names():
    """What a shell completes."""
    assert set(spectrove.__all__) <= set(dir(spectrove))
