"""What is asked wrongly or cannot be done: one line with object, finding, next step; and the exit code."""

from __future__ import annotations

import json
import os
import re

import pytest
from astropy.io import fits

from spectrove.pipeline.shipped import shipped_targets

HUNT = ("--target", "liner")


def one_line(result, kind: str) -> str:
    """The error line, after a check that there is nothing else: no traceback, no result."""
    said = [line for line in result.stderr.splitlines() if line.strip()]
    assert "Traceback" not in result.stderr
    assert len(said) == 1, result.stderr
    assert re.match(rf"{kind}: .+\.$", said[0]), said[0]
    return said[0]


def test_an_unknown_target_lists_the_known_ones(spectrove, survey):
    """And names the nearest."""
    result = spectrove("hunt", survey.base, survey.dataset, "--target", "linear")
    assert result.exit_code == 2
    said = one_line(result, "TargetError")
    assert all(name in said for name in shipped_targets())
    assert "Did you mean liner?" in said


def test_a_target_that_names_a_column_the_base_lacks(spectrove, survey, tmp_path):
    """The message names column, near columns and what to do."""
    (tmp_path / "t.toml").write_text(
        'name = "t"\nlabel = "class_derivd"\npositive = "a"\n[classes]\na = ["LINER"]\nb = ["*"]\n'
    )
    result = spectrove("hunt", survey.base, survey.dataset, "--target", "t.toml")
    assert result.exit_code == 2
    assert "class_derived" in one_line(result, "TargetError")


def test_a_target_whose_class_nobody_in_the_base_has(spectrove, survey, tmp_path):
    """The values that there are, are shown."""
    (tmp_path / "t.toml").write_text(
        'name = "t"\nlabel = "class_derived"\npositive = "a"\n[classes]\na = ["blazar"]\nb = ["*"]\n'
    )
    result = spectrove("hunt", survey.base, survey.dataset, "--target", "t.toml")
    assert result.exit_code == 2
    assert "quiescent" in one_line(result, "TargetError")


def test_a_target_file_with_an_unknown_key(spectrove, survey, tmp_path):
    """The nearest key is suggested."""
    (tmp_path / "t.toml").write_text(
        'name = "t"\nlable = "a"\npositive = "a"\n[classes]\na = ["LINER"]\nb = ["*"]\n'
    )
    result = spectrove("hunt", survey.base, survey.dataset, "--target", "t.toml")
    assert result.exit_code == 2
    assert "the nearest is `label`" in one_line(result, "TargetError")


@pytest.mark.parametrize("condition", ["nosuch = 1", "z <", "z < 'a'; DROP TABLE objects", ""])
def test_a_mistake_in_where_is_asked_wrongly(spectrove, survey, condition):
    """Whatever SQL does not understand; nothing is answered."""
    result = spectrove("search", survey.base, survey.dataset, "--where", condition)
    assert result.exit_code == 2
    assert result.stdout == ""
    one_line(result, "KnowledgeError")


def test_a_condition_that_nothing_in_the_base_meets(spectrove, survey):
    """Says how many objects there are."""
    result = spectrove("search", survey.base, survey.dataset, "--where", "z > 5")
    assert result.exit_code == 2
    assert "none of the" in one_line(result, "KnowledgeError")


@pytest.mark.parametrize("condition", ["nosuch = 1", "z <", ""])
def test_a_mistake_in_queries_is_asked_wrongly(spectrove, survey, condition):
    """The same for a dataset and for files."""
    for spectra in (survey.dataset, survey.files):
        result = spectrove("search", survey.base, spectra, "--queries", condition)
        assert result.exit_code == 2
        assert result.stdout == ""
        one_line(result, "DatasetError")


def test_a_condition_that_no_spectrum_meets(spectrove, survey):
    """Nothing could be answered."""
    result = spectrove("search", survey.base, survey.dataset, "--queries", "z > 5")
    assert result.exit_code == 1
    assert "no spectrum meets --queries" in one_line(result, "DatasetError")


def test_an_unknown_label_lists_the_columns(spectrove, survey):
    """Before anything is encoded."""
    result = spectrove("classify", survey.base, survey.dataset, "--label", "bpt")
    assert result.exit_code == 2
    assert "bpt_class" in one_line(result, "KnowledgeError")


def test_a_label_without_values_is_said_so(spectrove, survey):
    """The column is there, and empty."""
    result = spectrove("classify", survey.base, survey.dataset, "--label", "targetid")
    assert result.exit_code == 2
    assert "no object has a value in 'targetid'" in one_line(result, "KnowledgeError")


def test_ids_and_measurements_are_no_classes(spectrove, survey):
    """Every object would be a class of its own."""
    for column in ("object_id", "ha_flux"):
        result = spectrove("classify", survey.base, survey.dataset, "--label", column)
        assert result.exit_code == 2
        assert "are not classes" in one_line(result, "KnowledgeError")


@pytest.mark.parametrize("what", ["nothing there", "a file", "a folder", "a dataset"])
def test_what_is_not_a_base(spectrove, survey, tmp_path, what):
    """Each says what was found instead."""
    path = {
        "nothing there": tmp_path / "no.kb",
        "a file": tmp_path / "f.kb",
        "a folder": tmp_path / "d.kb",
    }.get(what, survey.dataset)
    if what == "a file":
        path.write_text("")
    elif what == "a folder":
        path.mkdir()
    for ask in (("search", path, survey.dataset), ("kb", "info", path)):
        result = spectrove(*ask)
        assert result.exit_code == 2
        assert path.name in one_line(result, "KnowledgeError")


def test_a_base_of_another_encoder_refuses_its_queries(spectrove, survey, tmp_path):
    """Vectors of two encoders have nothing to say to each other."""
    from spectrove.encoders import save_encoder
    from spectrove.pipeline.shipped import load_encoder, load_recipe
    from spectrove.preprocess import prepare
    from spectrove.readers import read_dataset
    from spectrove.training import fit_pca

    recipe = load_recipe("pca")
    recipe = recipe.model_copy(
        update={"pca": recipe.pca.model_copy(update={"n_components": 6, "iterations": 1})}
    )
    prepared, _ = prepare(read_dataset(survey.dataset, "split = 'test'"), recipe.preprocess)
    save_encoder(fit_pca(recipe, prepared, source="other"), tmp_path / "other")
    mine, other = load_encoder(survey.encoder), load_encoder(tmp_path / "other")
    assert mine.fingerprint != other.fingerprint
    result = spectrove("search", survey.base, survey.dataset, "--encoder", tmp_path / "other")
    assert result.exit_code == 1
    said = one_line(result, "FingerprintError")
    assert mine.fingerprint in said
    assert other.fingerprint in said


def test_an_unknown_encoder_lists_the_known_ones(spectrove, survey):
    """For queries and for new bases."""
    for ask in (
        ("search", survey.base, survey.dataset, "--encoder", "bse"),
        ("kb", "create", "new.kb", "--from", survey.dataset, "--encoder", "bse"),
    ):
        result = spectrove(*ask)
        assert result.exit_code == 2
        assert "bse: no such encoder" in one_line(result, "RecipeError")


def test_spectra_that_are_not_there(spectrove, survey):
    """A path, a glob, a dataset."""
    for path in ("no.fits", "no*.fits", "no.lance"):
        result = spectrove("search", survey.base, path)
        assert result.exit_code == 2
        assert path in one_line(result, "DatasetError")


def test_an_empty_folder(spectrove, survey, tmp_path):
    """Could not: there is nothing to read."""
    (tmp_path / "empty").mkdir()
    for ask in (("search", survey.base, "empty"), ("ingest", "empty", "-o", "new.lance")):
        result = spectrove(*ask)
        assert result.exit_code == 1
        assert "empty" in one_line(result, "DatasetError")
    assert not (tmp_path / "new.lance").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder, so none is unreadable")
def test_an_unreadable_folder(spectrove, survey, tmp_path):
    """Says whose rights are missing."""
    (tmp_path / "closed").mkdir(mode=0)
    result = spectrove("search", survey.base, "closed")
    assert result.exit_code == 1
    assert "closed" in one_line(result, "DatasetError")


def test_a_folder_that_the_system_refuses_to_read(spectrove, survey, tmp_path, monkeypatch):
    """The same as above for those who run as root: the system's answer is replaced."""
    (tmp_path / "closed").mkdir()
    real = os.scandir

    def scandir(path="."):
        if os.path.basename(os.fspath(path)) == "closed":
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    result = spectrove("search", survey.base, "closed")
    assert result.exit_code == 1
    assert "Permission denied" in one_line(result, "DatasetError")


def test_a_bad_file_never_stops_a_folder(spectrove, survey, tmp_path):
    """Path and error as JSON on stderr, the rest is answered, and the exit code is 1 at the end."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    good = sorted(survey.files.glob("spec-*.fits"))[:2]
    for path in good:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "spec-0001-00001-0001.fits").write_bytes(good[0].read_bytes()[:4000])
    (folder / "nothing.fits").write_bytes(b"")
    result = spectrove("search", survey.base, folder, "--json")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    refused = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert {os.path.basename(line["path"]) for line in refused} == {
        "spec-0001-00001-0001.fits",
        "nothing.fits",
    }
    assert all(set(line) == {"path", "object_id", "error"} for line in refused)
    assert "2 files unreadable" in result.stderr
    result = spectrove("ingest", folder, "-o", "new.lance")
    assert result.exit_code == 1
    assert "2 spectra from 4 files, 2 refused" in result.stdout


def test_a_spectrum_that_cannot_be_encoded_is_named_and_the_rest_is_answered(spectrove, survey, tmp_path):
    """No redshift, for an encoder of the rest frame: read, reported, left out; the file itself was fine."""
    import pyarrow as pa

    from spectrove.readers import read_dataset, write_dataset

    spectra = read_dataset(survey.dataset, "split = 'test'").take([0, 1])
    z = pa.array([None, spectra.z[1]], pa.float64())
    rows = spectra.rows.set_column(spectra.rows.column_names.index("z"), "z", z)
    write_dataset(tmp_path / "z.lance", spectra.with_rows(rows))
    result = spectrove("hunt", survey.base, "z.lance", *HUNT, "--json")
    assert result.exit_code == 0
    assert [json.loads(line)["object_id"] for line in result.stdout.splitlines()] == [spectra.object_id[1]]
    refused = json.loads(result.stderr.splitlines()[0])
    assert refused["object_id"] == spectra.object_id[0]
    assert "no redshift" in refused["error"]
    write_dataset(tmp_path / "none.lance", spectra.with_rows(rows).take([0]))
    for ask in (("search",), ("hunt", *HUNT), ("classify", "--label", "class_derived")):
        result = spectrove(ask[0], survey.base, "none.lance", *ask[1:], "--json")
        assert result.exit_code == 1
        assert result.stdout == ""


@pytest.mark.parametrize("command", ["search", "hunt", "classify", "evaluate", "explain"])
def test_an_output_without_a_known_suffix_is_refused_first(spectrove, survey, command):
    """Nothing is computed for it, and the known ones are listed."""
    ask = {
        "search": (survey.base, survey.dataset),
        "hunt": (survey.base, survey.dataset, *HUNT),
        "classify": (survey.base, survey.dataset, "--label", "class_derived"),
        "evaluate": ("classes", survey.dataset),
        "explain": (survey.base, survey.dataset),
    }[command]
    result = spectrove(command, *ask, "-o", "answers.txt")
    assert result.exit_code == 2
    assert "names no format, expected one of ." in one_line(result, "DatasetError")


def test_a_dataset_without_its_suffix_is_asked_wrongly(spectrove, survey):
    """Every dataset is a folder whose name ends in .lance."""
    result = spectrove("ingest", survey.files, "-o", "mock")
    assert result.exit_code == 2
    assert ".lance" in one_line(result, "DatasetError")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (("--survey", "sdds"), "FormatError"),
        (("--medium", "water"), "FormatError"),
        (("--columns", "wave=WAVE"), "FormatError"),
        (("--columns", "flux"), "FormatError"),
        (("--catalog", "no.csv"), "DatasetError"),
    ],
)
def test_wrong_options_of_ingest_are_refused_first(spectrove, survey, tmp_path, options, kind):
    """Nothing is written."""
    result = spectrove("ingest", survey.files, "-o", "new.lance", *options)
    assert result.exit_code == 2
    one_line(result, kind)
    assert not (tmp_path / "new.lance").exists()


def test_a_base_is_not_overwritten_unasked(spectrove, survey, tmp_path):
    """And what is no base never is, asked or not."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("...")
    ask = ("--from", survey.dataset, "--encoder", survey.encoder)
    for options in ((), ("--overwrite",)):
        result = spectrove("kb", "create", "precious", *ask, *options)
        assert result.exit_code == 2
        one_line(result, "KnowledgeError")
    assert (tmp_path / "precious" / "thesis.tex").read_text() == "..."
    result = spectrove("kb", "create", survey.base, *ask)
    assert result.exit_code == 2
    assert "--overwrite" in one_line(result, "KnowledgeError")


def test_a_measurement_that_does_not_exist_lists_those_that_do(spectrove, survey):
    """As for targets."""
    result = spectrove("evaluate", "redshifts", survey.dataset)
    assert result.exit_code == 2
    assert "classes" in one_line(result, "SpectroveError")


def test_a_measurement_needs_its_dataset_and_its_column(spectrove, survey):
    """Both are looked at before anything is encoded."""
    result = spectrove("evaluate", "classes", survey.dataset, "--group", "plat")
    assert result.exit_code == 2
    assert "plate" in one_line(result, "CatalogError")
    result = spectrove("evaluate", "classes", survey.files)
    assert result.exit_code == 2
    one_line(result, "DatasetError")


def test_a_measurement_needs_the_classes_that_it_scores(spectrove, survey, tmp_path):
    """A dataset without a catalog has none, which is said before anything is encoded."""
    spectrove("ingest", survey.files, "-o", "bare.lance")
    result = spectrove("evaluate", "classes", "bare.lance")
    assert result.exit_code == 1
    assert "class_derived" in one_line(result, "CatalogError")


def test_a_base_that_cannot_be_made_is_called_by_its_own_name(spectrove, survey, tmp_path):
    """It is built beside its place, under a name that nobody has asked for."""
    files = sorted(survey.files.glob("spec-*.fits*"))[:1]
    with fits.open(files[0]) as hdus:
        hdus[1].data["ivar"][:] = 0
        hdus.writeto(tmp_path / "dark.fits")
    result = spectrove("kb", "create", "new.kb", "--from", "dark.fits")
    assert result.exit_code == 1
    assert one_line(result, "KnowledgeError").startswith("KnowledgeError: new.kb: no spectrum")
    assert not [p for p in tmp_path.iterdir() if "new.kb" in p.name]


def test_a_mistake_in_sql_is_told_without_places_in_foreign_source(spectrove, survey):
    """Lance adds file and line of its own source."""
    result = spectrove("search", survey.base, survey.dataset, "--queries", "z > 'a'")
    assert result.exit_code == 2
    assert ".rs:" not in one_line(result, "DatasetError")


def test_an_unknown_recipe_is_asked_wrongly(spectrove, tmp_path):
    """For training and for mocks."""
    (tmp_path / "m.toml").write_text("stars = 1\n")
    for ask in (("train", "no.toml", "-o", "enc"), ("mock", "-n", 3, "-o", "m", "--recipe", "m.toml")):
        result = spectrove(*ask)
        assert result.exit_code == 2
        one_line(result, "RecipeError")


@pytest.mark.parametrize(
    "arguments",
    [
        ("hunt",),
        ("hunt", "a.kb", "b.lance"),
        ("search", "a.kb", "b.lance", "-k", "0"),
        ("search", "a.kb", "b.lance", "-k", "three"),
        ("search", "a.kb", "b.lance", "--shortlist", "0"),
        ("estimate", "a.kb"),
        ("mock", "-n", "0", "-o", "m"),
        (),
        ("kb",),
        ("kb", "curate"),
    ],
)
def test_usage_errors_are_asked_wrongly(spectrove, arguments):
    """A missing argument, a value out of range, an option or command that does not exist."""
    result = spectrove(*arguments)
    assert result.exit_code == 2
    assert "Usage: " in result.output
    assert "Traceback" not in result.output
