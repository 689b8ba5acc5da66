"""ingest, kb, mock, explain, train, evaluate: what they make and what they say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits


def lines(text: str) -> list[dict]:
    """JSON Lines as dictionaries."""
    return [json.loads(line) for line in text.splitlines()]


def test_ingest_says_what_it_read_and_what_was_there_already(spectrove, survey):
    """Counts, then what the catalog matched; the second run has nothing to do."""
    ask = (
        "ingest",
        survey.files,
        "--catalog",
        survey.files / "index.csv",
        "-o",
        "again.lance",
        "--workers",
        1,
    )
    first = spectrove(*ask)
    assert first.exit_code == 0
    assert "60 spectra from 60 files, 0 refused, 0 files already there   wrote again.lance" in first.stdout
    assert "60 of 60 spectra matched" in first.stdout
    second = spectrove(*ask)
    assert second.exit_code == 0
    assert "0 spectra from 0 files, 0 refused, 60 files already there" in second.stdout


def test_ingest_json_is_the_report(spectrove, survey):
    """One object on stdout, the sentence on stderr."""
    file = sorted(survey.files.glob("spec-*.fits"))[0]
    result = spectrove("ingest", file, "-o", "one.lance", "--json")
    assert lines(result.stdout) == [
        {
            "dataset": "one.lance", "spectra": 1, "files": 1, "already_there": 0, "refused": 0,
            "left_out": 0, "matched": {}, "disagreements": {}, "unplaced": {},
        }
    ]  # fmt: skip
    assert "1 spectrum from 1 file, 0 refused" in result.stderr


def test_ingest_names_what_it_leaves_out_of_a_file_and_ends_well(spectrove, tmp_path):
    """A frame of three fibres, one of them parked: two spectra, a sentence, exit code 0."""
    frame = fits.PrimaryHDU(np.ones((3, 50), "f4"))
    frame.header.update(
        {"CRVAL1": 5700.0, "CRPIX1": 1.0, "CDELT1": 1.6, "CTYPE1": "Wavelength", "CUNIT1": "Angstrom"}
    )
    types = fits.Column("TYPE", "1A", array=["P", "S", "N"])
    table = fits.BinTableHDU.from_columns([types], name="FIBRES")
    fits.HDUList([frame, fits.ImageHDU(np.ones((3, 50)), name="VARIANCE"), table]).writeto(
        tmp_path / "run.fits"
    )
    result = spectrove("ingest", "run.fits", "-o", "run.lance")
    assert result.exit_code == 0
    assert "2 spectra from 1 file, 0 refused, 1 left out of files that were read" in result.stdout
    (line,) = lines(result.stderr)
    assert line["path"].endswith("run.fits")
    assert "1 of 3 fibres saw no object" in line["error"]


def test_ingest_reads_text_with_named_columns(spectrove, tmp_path):
    """In air, by option, with columns in any order."""
    rows = "\n".join(f"{1 + i % 3},{0.1},{5000 + i}" for i in range(40))
    (tmp_path / "a.csv").write_text(f"signal,noise,lam\n{rows}\n")
    columns = "wavelength=lam,flux=signal,error=noise"
    result = spectrove("ingest", "a.csv", "-o", "a.lance", "--columns", columns, "--medium", "air")
    assert result.exit_code == 0
    from spectrove.readers import read_dataset

    spectrum = read_dataset("a.lance")[0]
    assert spectrum.wavelength[0] == pytest.approx(5001.395, abs=0.01)
    assert spectrum.flux[:4].tolist() == [1, 2, 3, 1]
    assert spectrum.ivar[0] == pytest.approx(100)


def test_a_base_is_made_looked_at_changed_and_brought_back(spectrove, survey):
    """create, info, add, delete, versions, rollback, optimize, in the order a user meets them."""
    create = ("kb", "create", "my.kb", "--from", survey.dataset, "--encoder", survey.encoder, "--json")
    [made] = lines(spectrove(*create, "--where", "split = 'train'").stdout)
    n = made["rows"]
    [info] = lines(spectrove("kb", "info", "my.kb", "--json").stdout)
    assert info["rows"] == n
    assert info["encoder"] == str(survey.encoder)
    assert set(info["labels"]["lens"]) == {"lens", "none"}

    [added] = lines(spectrove("kb", "add", "my.kb", "--from", survey.dataset, "--json").stdout)
    assert added["added"] == 60 - n
    assert added["already_there"] == n
    [again] = lines(spectrove("kb", "add", "my.kb", "--from", survey.dataset, "--json").stdout)
    assert again["added"] == 0
    assert again["already_there"] == 60
    replaced = spectrove("kb", "add", "my.kb", "--from", survey.dataset, "--upsert")
    assert "0 objects added, 60 replaced; my.kb has 60" in replaced.stdout
    [counted] = lines(spectrove("kb", "add", "my.kb", "--from", survey.dataset, "--upsert", "--json").stdout)
    assert (counted["added"], counted["replaced"], counted["already_there"]) == (0, 60, 0)

    gone = spectrove("kb", "delete", "my.kb", "--where", "split = 'test'")
    assert f"{60 - n} objects deleted, {n} left; bring them back with kb rollback my.kb" in gone.stdout
    version = gone.stdout.split()[-1]
    back = spectrove("kb", "rollback", "my.kb", version)
    assert f"is as it was at version {version}: 60 objects" in back.stdout
    listed = lines(spectrove("kb", "versions", "my.kb", "--json").stdout)
    assert [v["operation"] for v in listed][-2:] == ["delete", "rollback"]
    assert "rollback" in spectrove("kb", "versions", "my.kb").stdout

    result = spectrove("kb", "optimize", "my.kb", "--forget-older-than", 0, "--json")
    assert result.exit_code == 0
    [optimized] = lines(result.stdout)
    assert optimized["bytes"] < optimized["bytes_before"]


def test_info_for_people_names_encoder_labels_and_columns(spectrove, survey):
    """Everything that --where, --label and a target may name."""
    said = spectrove("kb", "info", survey.base).stdout
    for word in (
        "objects",
        str(survey.encoder),
        "fingerprint",
        "label class_derived",
        "quiescent",
        "columns",
    ):
        assert word in said


def test_an_old_base_stays_until_the_new_one_is_whole(spectrove, survey, tmp_path, monkeypatch):
    """--overwrite replaces in one step; Ctrl-C on the way leaves the old one and nothing else."""
    from spectrove import pipeline

    shutil.copytree(survey.base, "my.kb")
    before = lines(spectrove("kb", "info", "my.kb", "--json").stdout)[0]["rows"]
    create = ("kb", "create", "my.kb", "--from", survey.dataset, "--encoder", survey.encoder, "--overwrite")
    real = pipeline.create

    def interrupted(path, batches, encoder, **options):
        real(path, batches, encoder, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "create", interrupted)
    result = spectrove(*create)
    assert result.exit_code == 130
    assert "interrupted; run the same command to continue" in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["my.kb"]
    assert lines(spectrove("kb", "info", "my.kb", "--json").stdout)[0]["rows"] == before
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert spectrove(*create).exit_code == 0
    assert lines(spectrove("kb", "info", "my.kb", "--json").stdout)[0]["rows"] == 60
    assert [p.name for p in tmp_path.iterdir()] == ["my.kb"]


def test_spectra_without_a_redshift_stay_out_of_a_base_and_are_named(spectrove, survey, tmp_path):
    """The rest goes in and the command succeeds."""
    import pyarrow as pa

    from spectrove.readers import read_dataset, write_dataset

    spectra = read_dataset(survey.dataset)
    z = pa.array([None, *spectra.z[1:]], pa.float64())
    rows = spectra.rows.set_column(spectra.rows.column_names.index("z"), "z", z)
    write_dataset(tmp_path / "z.lance", spectra.with_rows(rows))
    result = spectrove("kb", "create", "z.kb", "--from", "z.lance", "--encoder", survey.encoder)
    assert result.exit_code == 0
    assert "59 objects" in result.stdout
    assert "1 refused" in result.stdout
    assert json.loads(result.stderr.splitlines()[0])["object_id"] == spectra.object_id[0]


def test_mock_writes_what_ingest_reads(spectrove, tmp_path):
    """Files and their catalog; the same seed gives the same bytes."""
    for folder in ("one", "two"):
        result = spectrove("mock", "-n", 3, "-o", folder, "--seed", 4, "--workers", 1)
        assert result.exit_code == 0
        assert "3 spectra, seed 4" in result.stdout
    names = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_explain_writes_a_page_and_says_why(spectrove, survey, tmp_path):
    """A sentence, the label it was explained by, one file without anything beside it."""
    file = sorted(survey.files.glob("spec-*.fits"))[0]
    result = spectrove("explain", survey.base, file, "-o", "why.html")
    assert result.exit_code == 0
    assert "nearest known spectra" in result.stdout
    assert "explained by --label class_derived   wrote why.html" in result.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["why.html"]
    assert file.stem.removeprefix("spec-") in (tmp_path / "why.html").read_text("utf-8")


def test_explain_gives_all_the_evidence_as_json(spectrove, survey):
    """For a hunt, one object of a dataset, chosen by id; figures only where a page is asked for."""
    from spectrove.readers import read_dataset

    name = str(read_dataset(survey.dataset, "split = 'test'").object_id[2])
    ask = ("explain", survey.base, survey.dataset, "--id", name, "--target", "liner", "-k", 4, "--json")
    [evidence] = lines(spectrove(*ask).stdout)
    assert evidence["object_id"] == name
    assert len(evidence["neighbors"]) == 4
    [row] = lines(spectrove("hunt", *ask[1:3], "--queries", f"object_id = '{name}'", *ask[5:]).stdout)
    assert evidence["answer"]["probability"] == row["probability"]
    assert spectrove(*ask, "--figures").exit_code == 2


def test_explain_needs_to_know_which_spectrum(spectrove, survey):
    """A dataset holds many: --id names one, and one that is not there is asked wrongly."""
    for options in ((), ("--id", "nobody")):
        result = spectrove("explain", survey.base, survey.dataset, *options)
        assert result.exit_code == 2
        assert "Name one of them with --id." in result.stderr


def test_explain_takes_a_target_or_a_label(spectrove, survey):
    """Not both."""
    result = spectrove(
        "explain", survey.base, survey.dataset, "--target", "liner", "--label", "class_derived"
    )
    assert result.exit_code == 2


def test_a_hunt_report_has_the_best_with_their_evidence(spectrove, survey, tmp_path):
    """As many sections as --top says, and every answer in the table."""
    ask = ("hunt", survey.base, survey.dataset, "--queries", "split = 'test'", "--target", "liner")
    result = spectrove(*ask, "--top", 1, "--report", "hunt.html", "--figures")
    assert result.exit_code == 0
    assert "wrote hunt.html" in result.stdout
    best = result.stdout.splitlines()[1].split()[0]
    assert best in (tmp_path / "hunt.html").read_text("utf-8")
    assert list(tmp_path.glob("*.png"))
    assert spectrove(*ask, "--figures").exit_code == 2


def test_train_makes_an_encoder_that_kb_create_takes(spectrove, survey, tmp_path):
    """From a recipe file, on a dataset, with a few mocks."""
    from spectrove.encoders.recipe import recipe_toml
    from spectrove.pipeline.shipped import load_recipe

    recipe = load_recipe("pca")
    recipe = recipe.model_copy(
        update={
            "name": "tiny",
            "pca": recipe.pca.model_copy(update={"n_components": 4, "iterations": 2}),
            "training": recipe.training.model_copy(update={"n_mock": 8}),
        }
    )
    (tmp_path / "tiny.toml").write_text(recipe_toml(recipe), "utf-8")
    train = ("train", "tiny.toml", "-o", "encoders", "--data", survey.dataset, "--workers", 1)
    [made] = lines(spectrove(*train, "--queries", "split = 'train'", "--json").stdout)
    assert made["dimensions"] == 4
    result = spectrove("kb", "create", "t.kb", "--from", survey.dataset, "--encoder", made["encoder"])
    assert result.exit_code == 0
    [info] = lines(spectrove("kb", "info", "t.kb", "--json").stdout)
    assert info["views"]["shape"]["fingerprint"] == made["fingerprint"]


def test_evaluate_prints_what_the_evaluation_says(spectrove, survey, monkeypatch):
    """Options go through as they are; rows as JSON and as a table, text for people."""
    import spectrove.evaluation as evaluation

    asked = {}

    def measured(what, dataset, **options):
        asked.update(options, what=what)
        return evaluation.Evaluation(({"task": "5-class", "metric": "f1", "value": 0.8},), "F1 0.80")

    monkeypatch.setattr(evaluation, "evaluate", measured)
    ask = ("evaluate", "classes", survey.dataset, "--encoder", "pca, base", "--folds", 3, "--seeds", 2)
    assert spectrove(*ask).stdout == "F1 0.80\n"
    assert asked["encoders"] == ["pca", "base"]
    assert (asked["folds"], asked["group"], asked["seeds"], asked["k"]) == (3, "plate", 2, 3)
    result = spectrove(*ask, "--json", "-o", "f1.csv")
    assert lines(result.stdout) == [{"task": "5-class", "metric": "f1", "value": 0.8}]
    assert "F1 0.80" in result.stderr


def test_the_version_is_printed(spectrove):
    """As in pyproject.toml."""
    import spectrove as package

    assert spectrove("--version").stdout == f"spectrove {package.__version__}\n"


def test_a_base_whose_encoder_has_moved_can_be_told_where_it_is(spectrove, survey, tmp_path):
    """The base keeps the place of its encoder; --encoder names another."""
    shutil.copytree(survey.encoder, tmp_path / "first")
    create = ("kb", "create", "my.kb", "--from", survey.dataset, "--encoder", "first")
    assert spectrove(*create).exit_code == 0
    (tmp_path / "first").rename(tmp_path / "second")
    ask = ("search", "my.kb", survey.dataset, "--queries", "split = 'test'", "--json")
    lost = spectrove(*ask)
    assert lost.exit_code == 2
    assert "--encoder" in lost.stderr
    assert spectrove(*ask, "--encoder", "second").exit_code == 0


# --- the objects of a base --------------------------------------------------------------------------


def test_kb_list_names_objects_with_their_values(spectrove, survey):
    """By id; the screen shows the first, files and JSON all; a column that is not there is wrong usage."""
    rows = lines(spectrove("kb", "list", survey.base, "--json").stdout)
    [info] = lines(spectrove("kb", "info", survey.base, "--json").stdout)
    assert len(rows) == info["rows"]
    assert [row["object_id"] for row in rows] == sorted(row["object_id"] for row in rows)
    assert {"z", *info["labels"]} <= set(rows[0])
    shown = spectrove("kb", "list", survey.base).stdout.splitlines()
    assert shown[-1] == f" 20 of {len(rows)} objects"
    assert rows[0]["object_id"] in shown[1]
    few = spectrove(
        "kb", "list", survey.base, "--where", "z > 0.05", "--columns", "z,plate", "--limit", 3, "-o", "a.csv"
    )
    assert few.stdout.endswith("wrote a.csv\n")
    assert Path("a.csv").read_text().splitlines()[0] == '"object_id","z","plate"'
    assert len(Path("a.csv").read_text().splitlines()) == 4
    wrong = spectrove("kb", "list", survey.base, "--columns", "redshft")
    assert wrong.exit_code == 2
    assert "no column 'redshft'" in wrong.stderr


def test_kb_show_tells_everything_about_an_object(spectrove, survey):
    first, second = [
        row["object_id"] for row in lines(spectrove("kb", "list", survey.base, "--json").stdout)
    ][:2]
    one, two = lines(spectrove("kb", "show", survey.base, first, second, "--json").stdout)
    assert (one["object_id"], two["object_id"]) == (first, second)
    assert one["views"]["shape"] is True
    assert 0 < one["good_pixels"] <= one["pixels"]
    assert one["nearest"]["object_id"] not in ("", first)
    assert one["row"]["z"] > 0
    said = spectrove("kb", "show", survey.base, first).stdout
    assert first in said
    assert f"{one['nearest']['object_id']} (d {one['nearest']['distance']:.2f}" in said
    wrong = spectrove("kb", "show", survey.base, "nobody")
    assert wrong.exit_code == 2
    assert "nobody is not in the base" in wrong.stderr


def test_kb_export_gives_back_the_spectra(spectrove, survey):
    """A dataset holds all that the base held; FITS files hold the pixels and the redshift."""
    from numpy.testing import assert_allclose

    from spectrove.knowledge import KnowledgeBase
    from spectrove.readers import read_dataset, read_spectra

    said = spectrove("kb", "export", survey.base, "out.lance", "--where", "z > 0.05")
    assert said.stdout.endswith("wrote out.lance\n")
    spectra = read_dataset("out.lance")
    base = KnowledgeBase.open(survey.base)
    known = base.spectra(spectra.object_id)
    assert len(spectra) == base.count("z > 0.05")
    assert (spectra.flux == known.flux).all()
    assert spectra.column("class_derived") == known.column("class_derived")

    [row] = lines(spectrove("kb", "export", survey.base, "files", "--where", "z > 0.05", "--json").stdout)
    assert row == {"dataset": "files", "spectra": len(spectra)}
    again, refused = read_spectra("files", workers=1)
    assert not refused
    assert again.object_id.tolist() == spectra.object_id.tolist()
    assert_allclose(again.z, spectra.z)
    assert_allclose(again.wavelength, spectra.wavelength)
    good = spectra.ivar > 0
    assert_allclose(again.flux[good], spectra.flux[good], rtol=1e-5)
    same = good & (spectra.mask == again.mask)
    assert_allclose(again.ivar[same], spectra.ivar[same], rtol=1e-4)
    taken = spectrove("kb", "export", survey.base, "out.lance")
    assert taken.exit_code == 2
    assert "something is there already" in taken.stderr
