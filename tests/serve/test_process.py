"""The program as a process: speed of --help, closed pipes, Ctrl-C, full disks, and a quiet stderr."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import entry_points

import pytest
from tests.serve.conftest import environment

# A shell starts what it does not wait for with Ctrl-C ignored, and that is inherited: the tests may be such a thing.
START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from spectrove.serve.cli import main; main()"
)


def start(*arguments: object, **options) -> subprocess.Popen:
    """The program, running."""
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), **options,
    )  # fmt: skip


def ended(commands: list[tuple[object, ...]], **options) -> list[tuple[int, list[str]]]:
    """Exit code and stderr of commands that one process, whose start takes seconds, does in turn."""
    each = START.replace("main()", "") + (
        "import json, sys\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    sys.argv[1:] = words\n"
        "    try:\n        main()\n"
        "    except SystemExit as end:\n        print('ended with', end.code, file=sys.stderr)\n"
    )
    words = json.dumps([[str(word) for word in command] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", each, words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=environment(), timeout=120, **options,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *parts, rest = re.split(r"ended with (\d+)\n", done.stderr)
    assert rest == ""
    return [(int(code), said.splitlines()) for said, code in zip(parts[::2], parts[1::2], strict=True)]


def test_the_console_script_is_this_program():
    """What `pip install` puts on the path."""
    [script] = [e for e in entry_points(group="console_scripts") if e.name == "spectrove"]
    assert script.value == "spectrove.serve.cli:main"


def test_help_comes_at_once():
    """It loads nothing of what takes seconds to load."""
    heavy = (
        "torch",
        "lancedb",
        "lance",
        "scipy",
        "matplotlib",
        "pyarrow",
        "astropy",
        "pandas",
        "numba",
        "sklearn",
    )
    code = START.replace("main()", "") + (
        "import sys\n"
        "sys.argv[1:] = ['--help']\n"
        "try:\n    main()\n"
        f"except SystemExit as end:\n    print(end.code, [m for m in {heavy} if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=120
    )
    assert "Usage" in done.stdout
    assert done.stderr.strip() == "0 []"


def without_work(said: str) -> list[str]:
    """The lines, without those of work that a slow machine is long at."""
    lines = said.splitlines()
    return [line for line in lines if "once for version" not in line and not line.endswith(" ...")]


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


def test_head_gets_its_lines_and_stopping_is_no_error(survey):
    """`| head -2`: the first lines of a JSON answer through a real pipe, no traceback, no complaint, exit code 0."""
    asked = f"{sys.executable} -c '{START}' search {survey.base} {survey.dataset} --json"
    through = ["bash", "-c", f"{asked} | head -2; exit ${{PIPESTATUS[0]}}"]
    done = subprocess.run(through, capture_output=True, text=True, timeout=60)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 2
    complaints = [line for line in done.stderr.splitlines() if not line.startswith(" searched ")]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize("options", [("--json",), ()], ids=["json", "text"])
def test_a_reader_that_stops_reading_costs_no_file(survey, spectrove, tmp_path, options):
    """`-o` is written whole although nobody reads stdout, and there is no complaint."""
    expected = spectrove("search", survey.base, survey.dataset, "--json").stdout.splitlines()
    table = tmp_path / "found.csv"
    process = start("search", survey.base, survey.dataset, "-o", table, *options)
    assert process.stdout is not None
    process.stdout.close()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "rror" not in said
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


def test_a_table_that_does_not_fit_the_disk(survey, tmp_path):
    """One sentence, exit code 1, and nothing half-written."""
    tables = ("hunt.csv", "hunt.fits")
    for name in tables:
        (tmp_path / name).write_text("old")
    ask = ("hunt", survey.base, survey.dataset, "--target", "liner", "-o")
    said = ended([(*ask, name) for name in tables], cwd=tmp_path, preexec_fn=limited(600))
    for name, (code, lines) in zip(tables, said, strict=True):
        assert code == 1
        [sentence] = without_work("\n".join(lines))
        assert sentence.startswith(f"DatasetError: {name}: cannot be written (")
        assert (tmp_path / name).read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == sorted(tables)


def test_nothing_is_left_half_written_on_a_full_disk(survey, tmp_path):
    """Each one line, exit code 1; no dataset, base or catalog that looks complete."""
    asked = [
        ("ingest", survey.files, "-o", "new.lance", "--workers", 1),
        ("mock", "-n", 2, "-o", "m", "--workers", 1),
        ("kb", "create", "new.kb", "--from", survey.dataset, "--encoder", survey.encoder),
    ]
    for command, (code, said) in zip(
        asked, ended(asked, cwd=tmp_path, preexec_fn=limited(20_000)), strict=True
    ):
        assert code == 1, (command, said)
        assert len(said) == 1, (command, said)
    assert not (tmp_path / "new.lance").exists()
    assert not (tmp_path / "new.kb").exists()
    assert not (tmp_path / "m" / "index.csv").exists()
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_results_pipe_on_a_full_device_is_said(survey):
    """/dev/full takes nothing: exit code 1 and a sentence."""
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", START, "search", str(survey.base), str(survey.dataset), "--json"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=environment(),
        )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr
