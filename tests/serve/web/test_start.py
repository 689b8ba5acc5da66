"""spectrove serve: where it listens, what it refuses, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from tests.serve.conftest import command, environment

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--host", "0.0.0.0"), "a token is needed"),
        (("--host", "192.168.0.1"), "a token is needed"),
        (("--host", "::"), "a token is needed"),
        (("--token", "short"), "expected 16 or more"),
        (("--token", "a token with \u00e9 in it"), "that can be typed"),
    ],
)
def test_beyond_this_machine_a_token_is_needed(spectrove, survey, words, sentence):
    """One sentence, exit code 2, before anything listens."""
    done = spectrove("serve", survey.base, *words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_place_that_is_taken_and_a_base_that_is_not_there(spectrove, survey, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = spectrove("serve", survey.base, "--port", taken.getsockname()[1])
    assert done.exit_code == 1
    assert "Choose another with --port" in done.stderr
    assert spectrove("serve", tmp_path / "none.kb").exit_code == 2
    assert "two bases have this name" in spectrove("serve", survey.base, survey.base).stderr


def test_it_serves_until_it_is_ended(survey):
    """On a free port, with a token of the environment; the log is JSON."""
    with subprocess.Popen(
        command("serve", survey.base, "--port", 0), stderr=subprocess.PIPE, text=True,
        env=environment() | {"SPECTROVE_TOKEN": TOKEN},
    ) as process:  # fmt: skip
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert "1 base (mock) at http://127.0.0.1:" in said, said
            address = said.split(" at ")[1].split(";")[0]
            asked = urllib.request.Request(
                f"{address}/v1/bases", headers={"Authorization": f"Bearer {TOKEN}"}
            )
            with urllib.request.urlopen(asked, timeout=30) as answer:
                assert json.load(answer)["bases"][0]["name"] == "mock"
            line = json.loads(process.stderr.readline())
            assert line["path"] == "/v1/bases"
            process.send_signal(signal.SIGINT)
            assert process.wait(60) in (0, 130)
        finally:
            process.kill()


def test_the_command_line_starts_without_what_serves():
    """`--help` stays quick: nothing of HTTP is loaded before it is needed."""
    code = (
        "import sys\n"
        "from spectrove.serve.cli import build\n"
        "build()\n"
        "heavy = {'fastapi', 'starlette', 'uvicorn', 'mcp', 'prometheus_client', 'torch', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
