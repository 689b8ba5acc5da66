"""The program as a process: speed of --help, closed pipes, Ctrl-C, full disks, and a quiet stderr."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points

import pytest

# A shell starts what it does not wait for with Ctrl-C ignored, and that is inherited: the tests may be such a thing.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from spectrove.serve.cli import main; main()"
)


def start(*arguments: object, **options) -> subprocess.Popen:
    """The program, running."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"} | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options,
    )  # fmt: skip


def test_the_console_script_is_this_program():
    """What `pip install` puts on the path."""
    [script] = [e for e in entry_points(group="console_scripts") if e.name == "spectrove"]
    assert script.value == "spectrove.serve.cli:main"


def test_help_comes_at_once(program):
    """Under 0.7 s on an idle machine; the best of three counts here, with room for a busy one."""
    times = []
    for _ in range(3):
        before = time.perf_counter()
        assert program("--help").returncode == 0
        times.append(time.perf_counter() - before)
    assert min(times) < 0.7


def without_work(said: str) -> list[str]:
    """The lines, without those of work that a slow machine is long at."""
    return [line for line in said.splitlines() if "once for version" not in line]


def test_what_the_package_warns_of_is_on_stderr(program, survey, tmp_path):
    """An index that cannot be used is no secret of the log."""
    damaged = tmp_path / "damaged.kb"
    shutil.copytree(survey.base, damaged)
    (damaged / "index").mkdir(exist_ok=True)
    (damaged / "index" / "shape.json").write_text('{"format": 1, "vie')
    small = "from spectrove.knowledge.index import opening; opening.INDEX_FROM = 10\n"
    words = ["search", damaged, sorted(survey.files.glob("spec-*"))[0], "-k", "1"]
    done = subprocess.run(
        [sys.executable, "-c", small + START, *map(str, words)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "every search looks at all objects" in done.stderr


def test_a_run_is_quiet_on_stderr(program, survey):
    """No log lines or warnings of other people's libraries: only a line on distances and one on probabilities."""
    done = program("explain", survey.base, sorted(survey.files.glob("spec-*"))[0], "-o", "why.html")
    assert done.returncode == 0
    distances, probabilities = without_work(done.stderr)
    assert "distances" in distances
    assert "calibrat" in probabilities
    assert "distances" in done.stderr
    done = program("search", survey.base, survey.dataset, "--queries", "nosuch = 1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_that_stops_reading_is_no_error(survey):
    """`| head -1`: no traceback, no complaint, exit code 0."""
    process = start("search", survey.base, survey.dataset, "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert said == ""


def test_head_gets_its_lines(survey):
    """The first lines of a JSON answer, through a real pipe."""
    call = f"{sys.executable} -c '{START}' search {survey.base} {survey.dataset} --json 2>/dev/null | head -2"
    done = subprocess.run(call, shell=True, capture_output=True, text=True, timeout=60)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 2


@pytest.mark.parametrize("options", [("--json",), ()], ids=["json", "text"])
def test_a_reader_that_stops_reading_costs_no_file(survey, program, tmp_path, options):
    """`-o` is written whole although nobody reads stdout to its end."""
    expected = program("search", survey.base, survey.dataset, "--json").stdout.splitlines()
    table = tmp_path / "found.csv"
    process = start("search", survey.base, survey.dataset, "-o", table, *options)
    assert process.stdout is not None
    process.stdout.close()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(table.read_text().splitlines()) == 1 + len(expected)


def test_interrupted_work_says_how_to_go_on(tmp_path):
    """Ctrl-C while processes simulate: one line, exit code 130, no process left behind."""
    process = start("mock", "-n", 4000, "-o", tmp_path / "m", "--workers", 2, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "m").is_dir() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "interrupted; run the same command to continue"
    assert "Traceback" not in said
    assert out == ""
    assert not (tmp_path / "m" / "index.csv").exists()


def limited(size: int):
    """A disk that is full after so many bytes of any file, for the process that calls this."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("name", ["hunt.csv", "hunt.fits"])
def test_a_table_that_does_not_fit_the_disk(survey, tmp_path, name):
    """One sentence, exit code 1, and nothing half-written."""
    (tmp_path / name).write_text("old")
    ask = ("hunt", survey.base, survey.dataset, "--target", "liner", "-o", name)
    process = start(*ask, cwd=tmp_path, preexec_fn=limited(600))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    [sentence] = without_work(said)
    assert sentence.startswith(f"DatasetError: {name}: cannot be written (")
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "old"


@pytest.mark.parametrize("command", ["ingest", "mock", "kb create"])
def test_nothing_is_left_half_written_on_a_full_disk(survey, tmp_path, command):
    """Each one line, exit code 1; no dataset, base or catalog that looks complete."""
    ask = {
        "ingest": ("ingest", survey.files, "-o", "new.lance", "--workers", 1),
        "mock": ("mock", "-n", 2, "-o", "m", "--workers", 1),
        "kb create": ("kb", "create", "new.kb", "--from", survey.dataset, "--encoder", survey.encoder),
    }[command]
    process = start(*ask, cwd=tmp_path, preexec_fn=limited(20_000))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1, said
    assert not (tmp_path / "new.lance").exists()
    assert not (tmp_path / "new.kb").exists()
    assert not (tmp_path / "m" / "index.csv").exists()
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_results_pipe_on_a_full_device_is_said(survey):
    """/dev/full takes nothing: exit code 1 and a sentence."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", START, "search", str(survey.base), str(survey.dataset), "--json"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=environment,
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
