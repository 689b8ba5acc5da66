"""The data of the paper, from servers of ours with a mock survey in the archives' layouts, up to the hunts."""

from __future__ import annotations

import csv
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from astropy.table import Table
from tests.archives.loopback import Loopback, loopback
from tests.archives.test_tables import tap

from experiments.fulldata.run import DOES, HERE, STEPS, Recipe, Work, main
from spectrove.pipeline.shipped import load_recipe, load_target
from spectrove.readers import read_dataset
from spectrove.serve.cli import app

N = 60
#: Classes of the mock survey as emissionLinesPort and galSpecExtra call them.
CALLED = {"SF": ("Star Forming", "1"), "Composite": ("Composite", "3"), "Seyfert2-like": ("Seyfert", "4"),
          "LINER": ("LINER", "5"), "quiescent": ("BLANK", "-1")}  # fmt: skip


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """Files of a mock survey, and the rows of its catalog."""
    from spectrove.galaxies.mock import write_survey

    folder = tmp_path_factory.mktemp("survey")
    catalog = write_survey(N, folder, seed=11)
    with open(catalog, newline="") as file:
        return folder, list(csv.DictReader(file))


@pytest.fixture
def server(survey: tuple[Path, list[dict[str, str]]]) -> Iterator[Loopback]:
    """Science Archive Server, SkyServer and VizieR."""
    pytest.importorskip("pyvo")
    folder, rows = survey
    with loopback() as made:
        for path in folder.rglob("spec-*.fits"):
            plate = path.name.split("-")[1]
            made.files[f"/sas/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/{plate}/{path.name}"] = (
                path.read_bytes()
            )

        def skyserver(path: str, query: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
            low, high = (
                int(n) for n in re.search(r"plate >= (\d+) AND s.plate < (\d+)", query["cmd"]).groups()
            )  # type: ignore[union-attr]
            lines = ["#Table1", "plate,mjd,fiberid,run2d,z,bptclass,bpt"]
            for row in rows:
                bpt, number = CALLED.get(row["class_derived"], ("", ""))
                if low <= int(row["plate"]) < high and row["outlier"] == "none":
                    lines.append(
                        f"{row['plate']},{row['mjd']},{row['fiberid']},v5_13_0,{row['z']},{number},{bpt}"
                    )
            return 200, "text/plain", "\n".join(lines).encode()

        def listed(column: str) -> Table:
            few = [row for row in rows if row[column] != "none"]
            return Table(
                {n: np.array([int(r[n.lower()]) for r in few], "i4") for n in ("Plate", "MJD", "FiberID")}
            )

        made.answers["/dr16/SkyServerWS"] = skyserver
        made.answers["/tap"] = tap(
            {"J/MNRAS/502/4617/table2": listed("lens"), "J/MNRAS/465/4530/table1": listed("outlier")}
        )
        yield made


@pytest.fixture
def at(server: Loopback, tmp_path: Path) -> list[str]:
    """The options that lead to our servers, and a recipe with few ranges of plates."""
    recipe = (HERE / "recipe.toml").read_text().replace("9000, 20000]", "9000, 40000]")
    (tmp_path / "recipe.toml").write_text(recipe)
    ours = {
        "sdss.sas": f"{server.address}/sas",
        "sdss.skyserver": server.address,
        "vizier.tap": f"{server.address}/tap",
    }
    servers = [word for name, url in ours.items() for word in ("--server", f"{name}={url}")]
    return ["--recipe", str(tmp_path / "recipe.toml"), "--rate", "1000", *servers]


def test_from_the_archives_to_a_dataset_and_again_without_asking_anybody(server, survey, at, tmp_path, capfd):
    """Labels are those of the mock survey, no plate is on both sides, and a repetition asks for nothing of SDSS."""
    rows = {row["object_id"]: row for row in survey[1]}
    out = tmp_path / "paper"
    assert main(["-o", str(out), *at]) == 0, capfd.readouterr().err
    spectra = read_dataset(out / "sdss.lance")
    assert sorted(spectra.object_id) == sorted(rows)
    agreed = dict(zip(CALLED, Recipe.read(HERE / "recipe.toml").classes, strict=True))
    sides: dict[str, set[str]] = {}
    for i, name in enumerate(spectra.object_id):
        row, ordinary = rows[name], rows[name]["outlier"] == "none"
        assert spectra.column("lens")[i] == ("none" if row["lens"] == "none" else "lens")
        assert spectra.column("outlier")[i] == ("none" if ordinary else "outlier")
        assert spectra.column("class_agreed")[i] == (agreed.get(row["class_derived"]) if ordinary else None)
        sides.setdefault(row["plate"], set()).add(spectra.column("split")[i])
    assert {len(side) for side in sides.values()} == {1}
    assert set().union(*sides.values()) == {"train", "test"}
    server.asked.clear()
    assert main(["-o", str(out), "--until", "spectra", *at]) == 0
    assert not [one for one in server.asked if one["path"].startswith(("/sas", "/dr16"))]


def test_the_later_steps_are_commands_that_there_are(tmp_path, monkeypatch, capsys):
    """Parsed as if they were typed; the demo and the tests of the commands run them."""
    typed: list[list[str]] = []

    def parsed(words: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        command, words = typer.main.get_command(app), words[3:]
        typed.append(list(words))
        (tmp_path / "sdss.lance").mkdir(exist_ok=True)
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context("spectrove", list(words))
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr("experiments.fulldata.run.subprocess.run", parsed)
    work = Work(Recipe.read(HERE / "recipe.toml"), tmp_path, None, {}, {}, "galspecencoder", {})
    for step in STEPS[STEPS.index("dataset") :]:
        DOES[step](work)
    assert [words[0] for words in typed] == ["ingest", "train", "kb", "hunt", "hunt", "hunt"]
    load_recipe(typed[1][1])
    assert [load_target(words[words.index("--target") + 1]).positive for words in typed[3:]] == [
        "LINER", "lens", "outlier",
    ]  # fmt: skip
    assert capsys.readouterr().out.count("$ spectrove ") == 6


def test_a_limit_takes_lenses_and_outliers_first(server, survey, at, tmp_path):
    rows = {row["object_id"]: row for row in survey[1]}
    out = tmp_path / "paper"
    assert main(["-o", str(out), "--until", "labels", "--limit", "12", *at]) == 0
    with open(out / "labels.csv", newline="") as file:
        kept = list(csv.DictReader(file))
    n_special = {what: sum(row[what] != "none" for row in rows.values()) for what in ("lens", "outlier")}
    assert len(kept) == 12
    assert sum(row["lens"] == "lens" for row in kept) >= min(3, n_special["lens"])
    assert sum(row["outlier"] == "outlier" for row in kept) >= min(3, n_special["outlier"])


def test_what_vizier_does_not_have_is_said_and_a_table_of_ones_own_stands_in(
    server, survey, at, tmp_path, capfd
):
    server.answers["/tap"] = tap({})
    own = tmp_path / "lenses.csv"
    first = survey[1][0]
    own.write_text(f"PLATE,MJD,FIBERID\n{first['plate']},{first['mjd']},{first['fiberid']}\n")
    out = tmp_path / "paper"
    assert main(["-o", str(out), "--until", "labels", "--lenses", str(own), *at]) == 1
    said = capfd.readouterr()
    assert "VizieR has no table of this catalog" in said.err
    assert "no table of outliers: none of them will be known" in said.out
    with open(out / "labels.csv", newline="") as file:
        assert [row["object_id"] for row in csv.DictReader(file) if row["lens"] == "lens"] == [
            first["object_id"]
        ]


def test_classes_on_which_the_catalogs_differ_are_none():
    recipe = Recipe.read(HERE / "recipe.toml")
    assert recipe.agreed({"bpt": "LINER", "bptclass": "5"}) == "LINER"
    assert recipe.agreed({"bpt": "Star Forming", "bptclass": "2"}) == "star-forming"
    assert recipe.agreed({"bpt": "LINER", "bptclass": "4"}) == ""
    assert recipe.agreed({"bpt": "", "bptclass": "-1"}) == ""
    assert recipe.agreed({}) == ""


def test_the_queries_cover_each_plate_once():
    recipe = Recipe.read(HERE / "recipe.toml")
    ranges = [re.search(r"plate >= (\d+) AND s.plate < (\d+)", q).groups() for q in recipe.queries()]  # type: ignore[union-attr]
    assert [a for a, _ in ranges][1:] == [b for _, b in ranges][:-1]
    assert all("{" not in query and "% 10 = 0" in query for query in recipe.queries())
