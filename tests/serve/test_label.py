"""spectrove kb label and kb labels: a table in, counts out, one version, and back again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spectrove.knowledge import KnowledgeBase


@pytest.fixture
def kb(survey, tmp_path) -> Path:
    path = tmp_path / "mock.kb"
    shutil.copytree(survey.base, path)
    return path


@pytest.fixture
def ids(kb) -> list[str]:
    return sorted(KnowledgeBase.open(kb).rows(columns=[])["object_id"].to_pylist())


def table(path: Path, lines) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_becomes_labels_that_are_hunted_at_once(spectrove, kb, ids, survey, tmp_path):
    """And listed with their source; the old version comes back with rollback, the column goes with --drop."""
    rows = [f"{name},{'ring' if i % 3 else 'disc'},{i}" for i, name in enumerate(ids)]
    path = table(tmp_path / "shapes.csv", ["object_id,Shape,Rank", *rows, "stranger,ring,1"])
    before = KnowledgeBase.open(kb).version
    foreseen = spectrove("kb", "label", kb, "--from", path, "--column", "shape", "--dry-run")
    assert "nothing was written (--dry-run)" in foreseen.stdout
    assert KnowledgeBase.open(kb).version == before
    done = spectrove("kb", "label", kb, "--from", path, "--column", "Shape", "--column", "rank")
    assert done.exit_code == 0
    assert f"shapes: {len(ids) + 1} rows, {len(ids)} objects of the base found" in done.stdout
    assert "1 row matches no object: stranger" in done.stdout
    assert f"shape: new column, {len(ids)} new" in done.stdout
    assert f"kb rollback {kb} {before}" in done.stdout
    listed = [json.loads(line) for line in spectrove("kb", "labels", kb, "--json").stdout.splitlines()]
    [about] = [line for line in listed if line["column"] == "shape"]
    assert about["sources"][0]["base_version"] == before + 1
    assert sum(about["values"].values()) == about["n"] == len(ids)
    shown = spectrove("kb", "labels", kb).stdout
    assert f"shapes {len(ids)} (version {before + 1})" in shown
    assert f"median {(len(ids) - 1) / 2:.4g}" in shown
    assert "label (shape, rank from shapes)" in spectrove("kb", "versions", kb).stdout
    assert "from shapes" in spectrove("kb", "info", kb).stdout
    target = table(
        tmp_path / "ring.toml",
        [
            'name = "ring"',
            'label = "shape"',
            'positive = "ring"',
            "[classes]",
            'ring = ["ring"]',
            'disc = ["disc"]',
        ],
    )
    hunted = spectrove(
        "hunt", kb, survey.dataset, "--target", target, "--queries", "split = 'test'", "--json"
    )
    assert hunted.exit_code == 0
    assert all(0 <= json.loads(line)["probability"] <= 1 for line in hunted.stdout.splitlines())
    dropped = spectrove("kb", "label", kb, "--drop", "shape", "--json")
    assert json.loads(dropped.stdout)["dropped"] == ["shape"]
    assert "shape" not in KnowledgeBase.open(kb).columns
    assert spectrove("kb", "rollback", kb, before).exit_code == 0
    assert "rank" not in KnowledgeBase.open(kb).columns


def test_a_list_of_ids_and_a_second_opinion(spectrove, kb, ids, tmp_path):
    """Differing values stay, and are counted; --overwrite replaces them."""
    path = table(tmp_path / "yes.txt", ids[:4])
    spectrove("kb", "label", kb, "--from", path, "--column", "opinion", "--value", "yes")
    other = table(tmp_path / "other.csv", ["object_id,lens", f"{ids[0]},no", f"{ids[5]},no"])
    arguments = ("kb", "label", kb, "--from", other, "--column", "lens", "--as", "opinion")
    kept = spectrove(*arguments)
    assert (
        "opinion: 1 new, 0 the same, 1 different (kept as they were; --overwrite replaces them)"
        in kept.stdout
    )
    assert KnowledgeBase.open(kb).label_values("opinion") == {"yes": 4, "no": 1}
    assert "they disagree about 1" in spectrove("kb", "labels", kb).stdout
    done = json.loads(spectrove(*arguments, "--overwrite", "--json").stdout)
    assert done["columns"]["opinion"]["differ"] == 1
    assert KnowledgeBase.open(kb).label_values("opinion") == {"yes": 3, "no": 2}
    again = spectrove(*arguments, "--overwrite")
    assert f"nothing to change; {kb} stays at version {done['version']}" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "takes --from TABLE and --column NAME"),
        (("--from", "absent.csv", "--column", "x"), "there is no such table"),
        (("--from", "a.csv"), "takes --from TABLE and --column NAME"),
        (("--from", "a.csv", "--column", "lenz"), "did you mean lens"),
        (("--from", "a.csv", "--column", "lens", "--as", "z"), "comes with the spectra"),
        (("--from", "a.csv", "--column", "lens", "--as", "sn_median"), "holds number, the table's text"),
        (("--from", "a.csv", "--column", "lens", "--on", "path"), "joining on path needs"),
        (("--from", "b.csv", "--column", "lens"), "none of the 1 rows is about one of"),
        (
            ("--from", "a.csv", "--column", "lens", "--column", "object_id", "--as", "x"),
            "2 columns and one new name",
        ),
        (("--drop", "plate"), "came with the spectra"),
        (("--drop", "plate", "--from", "a.csv"), "takes no other option"),
    ],
)
def test_a_wrong_request_is_wrong_usage_and_writes_nothing(spectrove, kb, ids, tmp_path, arguments, said):
    table(tmp_path / "a.csv", ["object_id,lens", f"{ids[0]},yes"])
    table(tmp_path / "b.csv", ["object_id,lens", "nobody,yes"])
    before = KnowledgeBase.open(kb).version
    result = spectrove("kb", "label", kb, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert KnowledgeBase.open(kb).version == before


def test_a_label_that_is_not_there_is_answered_with_how_to_add_it(spectrove, kb, survey, tmp_path):
    target = table(
        tmp_path / "x.toml",
        ['name = "x"', 'label = "ringness"', 'positive = "a"', "[classes]", 'a = ["a"]', 'b = ["b"]'],
    )
    result = spectrove("hunt", kb, survey.dataset, "--target", target)
    assert "kb label" in result.stderr


def test_the_options_of_on_are_the_keys_of_the_match():
    from spectrove.catalog.matching import KEYS
    from spectrove.serve.cli.label import On

    assert {on.value for on in On} == set(KEYS)


def test_a_dataset_takes_workers_and_is_answered_once_if_named_twice(spectrove, kb, survey):
    """Workers read files: a dataset has none, and no use for them. A repeated path is said on stderr."""
    once = spectrove("search", kb, survey.dataset, "--workers", 2, "--json")
    assert once.exit_code == 0
    twice = spectrove("search", kb, survey.dataset, survey.dataset, "--json")
    assert twice.exit_code == 0
    assert twice.stdout == once.stdout
    assert "named more than once" in twice.stderr
    files = sorted(survey.files.glob("*.fits"))[:1] * 2
    said = spectrove("search", kb, *files, "--json")
    assert len(said.stdout.splitlines()) == 1
    assert "named more than once" in said.stderr
    assert spectrove("search", kb, survey.dataset, "--survey", "sdss").exit_code == 2


def test_fits_of_photometry_are_joined_as_a_whole(spectrove, kb, tmp_path):
    """Without --column; units stand in the list of labels, and a band does not fill it."""
    from spectrove.serve.output import write_table

    rows = KnowledgeBase.open(kb).rows(columns=["ra", "dec", "z"]).to_pylist()
    fits = [
        {"id": f"g{i}", "ra": row["ra"], "dec": row["dec"], "redshift": row["z"], "bayes.log_mass": 9.0 + i / 20,
         "bayes.log_mass_err": 0.1, "chi2": 3.0, "n_bands": 5, "error_floor": 0.05, "flags": "", "flux.sdss.up": 0.1,
         "flux.sdss.up_err": 0.01, "model.sdss.up": 0.11, "pivot.sdss.up": 3550.0}
        for i, row in enumerate(rows)
    ]  # fmt: skip
    write_table(tmp_path / "sed.fits", fits, {"ssp": "made up"})
    done = spectrove("kb", "label", kb, "--from", tmp_path / "sed.fits")
    assert done.exit_code == 0, done.output
    assert (
        f"sed: {len(rows)} fits, {len(rows)} objects of the base found ({len(rows)} by position)"
        in done.stdout
    )
    found = KnowledgeBase.open(kb).rows(columns=["ra", "bayes_log_mass"]).to_pylist()
    mass = {row["ra"]: 9.0 + i / 20 for i, row in enumerate(rows)}
    assert all(mass[row["ra"]] == row["bayes_log_mass"] for row in found)
    shown = spectrove("kb", "labels", kb).stdout
    assert "bayes_log_mass" in shown
    assert (
        "3 columns of single bands: sed_flux_sdss_up, sed_flux_sdss_up_err, sed_model_sdss_up; each with"
        in shown
    )
    listed = [json.loads(line) for line in spectrove("kb", "labels", kb, "--json").stdout.splitlines()]
    assert next(x for x in listed if x["column"] == "bayes_log_mass")["sources"][0]["unit"] == "dex(Msun)"
    again = spectrove("kb", "label", kb, "--from", tmp_path / "sed.fits", "--json")
    assert json.loads(again.stdout)["same"] == len(rows)
    lacking = spectrove("kb", "label", kb, "--from", tmp_path / "sed.fits", "--as", "mass")
    assert lacking.exit_code == 2
    assert "kb label takes --from TABLE and --column NAME" in lacking.stderr
