"""All cores for one answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spectrove import cores
from spectrove.errors import DatasetError


def failing(task):
    if task == 3:
        raise ValueError("three")
    return task


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("way", [cores.in_threads, cores.in_processes])
def test_results_come_in_the_order_of_the_tasks(monkeypatch, way, n):
    monkeypatch.setattr(cores, "cores", lambda: n)
    assert list(way(abs, range(-7, 0))) == [7, 6, 5, 4, 3, 2, 1]
    assert list(way(abs, [])) == []


@pytest.mark.parametrize("way", [cores.in_threads, cores.in_processes])
def test_an_error_is_raised_in_its_turn_and_the_next_call_works(monkeypatch, way):
    monkeypatch.setattr(cores, "cores", lambda: 2)
    found = way(failing, range(9))
    assert [next(found), next(found), next(found)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(found)
    assert list(way(failing, range(3))) == [0, 1, 2]


def dying(task):
    if task == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return task


def test_a_process_that_dies_is_told_in_a_sentence_and_the_next_call_works(monkeypatch):
    monkeypatch.setattr(cores, "cores", lambda: 2)
    with pytest.raises(DatasetError, match="one of 2 processes that helped died"):
        list(cores.in_processes(dying, range(9)))
    assert list(cores.in_processes(abs, range(3))) == [0, 1, 2]


@pytest.mark.skipif(
    not hasattr(os, "getppid") or sys.platform == "win32", reason="needs parents of processes"
)
def test_processes_end_with_their_parent_in_the_middle_of_a_task(tmp_path):
    """Killed as `kill -9` does."""
    (tmp_path / "endless.py").write_text(
        "import os, pathlib, time\n"
        "def run(name):\n"
        "    part = pathlib.Path(name + '.part')\n"
        "    part.write_text(str(os.getpid()))\n"
        "    part.rename(name)\n"
        "    time.sleep(600)\n"
    )
    (tmp_path / "script.py").write_text(
        "import endless\nfrom spectrove import cores\ncores.cores = lambda: 2\n"
        "list(cores.in_processes(endless.run, ['a', 'b']))\n"
    )
    parent = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    files = [tmp_path / "a", tmp_path / "b"]
    try:
        assert awaited(lambda: all(file.exists() for file in files))
    finally:
        parent.kill()
        parent.wait()
    assert awaited(lambda: not any(running(int(file.read_text())) for file in files))


def awaited(true, seconds=100):
    """Whether something becomes true."""
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.1)
    return true()


def running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # one that has ended and that nobody has asked about yet
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def waiting(task):
    time.sleep(0.1)
    return task


def test_who_is_stopped_does_not_stop_the_processes_of_another(monkeypatch):
    """Two questions of one server share them."""
    monkeypatch.setattr(cores, "cores", lambda: 2)
    one, other = (cores.in_processes(waiting, range(12)) for _ in range(2))
    assert (next(one), next(other)) == (0, 0)
    one.close()
    assert list(other) == list(range(1, 12))


def test_the_environment_says_how_many(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores.cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert cores.cores() >= 1
    if hasattr(os, "sched_setaffinity"):
        mine = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(mine)})
        try:
            assert cores.cores() == 1
        finally:
            os.sched_setaffinity(0, mine)


def test_a_script_without_a_guard_is_not_run_again(tmp_path):
    """What `multiprocessing` would do in each process that it starts."""
    script = tmp_path / "plain.py"
    script.write_text(
        "from spectrove import cores\ncores.cores = lambda: 2\nprint('begun')\n"
        "print(sum(cores.in_processes(abs, range(-4, 1))))\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["begun", "10"], done.stderr
    assert done.stderr == ""
    assert time.monotonic() - began < 100


def test_answers_that_are_made_at_one_time_share_the_cores() -> None:
    """In a process of its own, as a server is: the limit stays."""
    script = (
        "from threadpoolctl import threadpool_info\n"
        "from spectrove.cores import cores, share_cores\n"
        "share_cores(cores())\n"
        "print({one['num_threads'] for one in threadpool_info() if one['user_api'] == 'blas'})\n"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "{1}"
