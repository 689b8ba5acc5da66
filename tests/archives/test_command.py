"""spectrove fetch, as it is typed, against a server of ours."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.archives.loopback import Loopback, sas_files, skyserver
from typer.testing import CliRunner, Result

from spectrove.archives import ARCHIVES
from spectrove.serve.cli import app
from spectrove.serve.cli.fetch import FETCH_COMMANDS

# A shell starts what it does not wait for with Ctrl-C ignored, and that is inherited: the tests may be such a thing.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from spectrove.serve.cli import main; main()"
)


def run(*words: Any) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def names(spectra: Path, server: Loopback) -> list[str]:
    files = sorted(p.name for p in spectra.glob("spec-*.fits"))
    server.files |= sas_files(spectra, files, "v5_13_2")
    return [file.removeprefix("spec-").removesuffix(".fits") for file in files]


def at(server: Loopback) -> list[str]:
    """The options that lead to our server."""
    sas, sky = f"sas={server.address}/sas", f"skyserver={server.address}"
    return ["--server", sas, "--server", sky, "--rate", "1000", "--timeout", "60", "--again", "1"]


def test_every_archive_has_its_command_with_the_options_that_it_takes():
    """The table of archives says what each takes; the commands are typed by hand."""
    program = typer.main.get_command(app).commands["fetch"]
    assert list(FETCH_COMMANDS) == list(ARCHIVES) == list(program.commands)
    common = {"output", "server", "rate", "timeout", "again", "as_json", "help"}
    called = {"sql": "query", "product": "products"}
    for name, archive in ARCHIVES.items():
        options = {p.name for p in program.commands[name].params} - common
        assert {called.get(o, o) for o in options} == archive.takes, name


def test_what_came_is_counted_and_the_next_command_works(server, names, tmp_path):
    """The command that is printed is typed as it stands."""
    server.answers["/dr17/SkyServerWS"] = skyserver(
        "plate,mjd,fiberid,logmass\n" + "".join(f"{','.join(n.split('-'))},11.5\n" for n in names)
    )
    folder = tmp_path / "got"
    done = run("fetch", "sdss", "--sql", "SELECT plate, mjd, fiberid FROM SpecObj", "-o", folder, *at(server))
    assert done.exit_code == 0, done.output
    assert f"7 files: 7 fetched, 0 already there, 0 not to be had   in {folder}" in done.output
    [line] = [line for line in done.output.splitlines() if "next: spectrove " in line]
    ingested = run(*line.split("spectrove ")[1].split())
    assert ingested.exit_code == 0, ingested.output
    assert "6 of 6 spectra matched (6 by plate-mjd-fiber)" in ingested.output


def test_ids_come_from_files_and_what_cannot_be_had_ends_with_1(server, names, tmp_path):
    (tmp_path / "ids.txt").write_text(f"# lenses\n{names[0]}\n\n{names[1]}\n9000-59000-0001\n")
    done = run("fetch", "sdss", tmp_path / "ids.txt", "-o", tmp_path / "got", *at(server))
    assert done.exit_code == 1
    assert "2 fetched, 0 already there, 1 not to be had" in done.output
    assert "9000-59000-0001: 127.0.0.1" in done.output


def test_json_has_a_line_for_each_thing_on_stdout(server, names, tmp_path):
    done = run("fetch", "sdss", names[0], "x", "-o", tmp_path, "--json", *at(server))
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["name"], first["state"], len(first["sha256"])) == (names[0], "fetched", 64)
    assert (second["state"], second["file"]) == ("refused", None)
    assert json.loads(done.stderr.splitlines()[0])["error"].startswith("'x': expected plate-mjd-fibre")


@pytest.mark.parametrize(
    "words",
    [
        ["sdss"],
        ["sdss", "1-2-3", "--server", "nonsense"],
        ["sdss", "1-2-3", "--server", "sass=http://127.0.0.1"],
        ["sdss", "1-2-3", "--release", "DR 17"],
        ["desi", "--where", "redshift"],
        ["csc", "1.0.1", "--product", "jpg"],
    ],
)
def test_what_can_be_seen_to_be_wrong_ends_with_2_and_asks_nobody(words, tmp_path):
    done = run("fetch", *words, "-o", tmp_path / "got")
    assert done.exit_code == 2, done.output
    assert "ArchiveError: " in done.output
    assert not (tmp_path / "got").exists()


def test_addresses_come_from_the_environment(server, names, tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTROVE_SDSS_SAS", f"{server.address}/sas/")
    assert run("fetch", "sdss", names[0], "-o", tmp_path).exit_code == 0


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(server, names, tmp_path):
    """In a process of its own: the third file stalls, and is interrupted."""
    server.faults.extend(["ok", "ok", "stall"])
    command = [sys.executable, "-c", START, "fetch", "sdss", *names, "-o", str(tmp_path), *at(server)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(server.asked) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted while fetching from SDSS" in said
    assert "whole files stay, and the same command goes on" in said
    server.stop.set()
    done = run("fetch", "sdss", *names, "-o", tmp_path, *at(server))
    assert done.exit_code == 0
    assert "4 fetched, 2 already there" in done.output
