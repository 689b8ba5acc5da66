"""Workers end with the process that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pytest

from spectrove.errors import DatasetError
from spectrove.processes import guarded, map_chunks

PARENT = """
import os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from spectrove.processes import end_with_parent

if __name__ == "__main__":
    with ProcessPoolExecutor(2, get_context(sys.argv[1]), end_with_parent) as pool:
        waiting = [pool.submit(time.sleep, 0.2) for _ in range(4)]
        workers = {pool.submit(os.getpid).result() for _ in range(20)} | set(pool._processes)
        print(*workers, flush=True)
        time.sleep(600)
"""


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody has asked about is none."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc, which Linux has")
@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_a_killed_parent(tmp_path, method, end):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, method], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    assert all(map(is_running, workers))
    parent.send_signal(end)
    parent.wait()
    parent.stdout.close()
    for _ in range(200):
        if not any(map(is_running, workers)):
            return
        time.sleep(0.1)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    pytest.fail("workers outlived their parent")


def test_ctrl_c_does_not_reach_a_worker_that_starts():
    """A terminal sends it to the whole group: a worker that dies of it breaks the pool before the parent ends."""
    masks = list(map_chunks(signal.pthread_sigmask, iter([(signal.SIG_BLOCK, ())] * 2), 2))
    assert all(signal.SIGINT in mask for mask in masks)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_ctrl_c_that_another_thread_takes_waits_until_a_worker_has_started(monkeypatch):
    """A pool that is interrupted between the start of a worker and its entry in the pool waits for it forever."""
    seen = []

    class Pool(ProcessPoolExecutor):
        def submit(self, *task):
            signal.raise_signal(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            seen.append("whole")
            return super().submit(*task)

    monkeypatch.setattr("spectrove.processes.ProcessPoolExecutor", Pool)
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where a shell does not wait for tests
    idle = threading.Event()
    threading.Thread(target=idle.wait, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        list(map_chunks(abs, iter([(-1,)]), 1))
    idle.set()
    assert seen == ["whole"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


INTERRUPTED = """
import os, sys, time
from spectrove.processes import guarded


def task(i):
    print(os.getpid(), flush=True)
    time.sleep(600)


if __name__ == "__main__":
    try:
        with guarded(2, patient=False) as submit:
            for future in [submit(task, i) for i in range(4)]:
                future.result()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc, which Linux has")
def test_ctrl_c_ends_a_pool_whose_tasks_take_long(tmp_path):
    """At once, without a word of its workers; nothing is left."""
    script = tmp_path / "pool.py"
    script.write_text(
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + INTERRUPTED
    )
    parent = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    assert parent.stderr is not None
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    os.killpg(parent.pid, signal.SIGINT)  # a terminal sends it to the whole group
    try:
        assert parent.wait(60) == 0
        assert parent.stdout.read() == "interrupted\n"
        assert parent.stderr.read() == ""
        assert not any(map(is_running, workers))
    finally:
        parent.kill()
        parent.stdout.close()
        parent.stderr.close()


def test_a_worker_of_a_pool_begins_as_it_is_told():
    with guarded(1, partial(os.umask, 0o027)) as submit:
        assert submit(os.umask, 0o022).result() == 0o027


ON_CLUSTER = """
import os, signal, sys, time
from pathlib import Path
from spectrove.processes import map_chunks

folder = Path(sys.argv[1])


def square(n, folder):
    with open(folder / f"{n}.times", "a") as file:
        file.write("x")
    if n == 5 and not (folder / "died").exists():
        (folder / "died").touch()
        time.sleep(3)  # what it has done before is fetched meanwhile
        os.kill(os.getpid(), signal.SIGKILL)
    return n * n, os.getpid()


if __name__ == "__main__":
    found = list(map_chunks(square, ((n, folder) for n in range(12)), 2, "local"))
    print([n for n, _ in found], os.getpid() in {pid for _, pid in found})
"""


def test_a_worker_of_a_cluster_that_is_killed_costs_its_chunk_alone(tmp_path):
    """Results come in the order of the tasks; the chunk it was at is done once more, no other is."""
    script = tmp_path / "cluster.py"
    script.write_text(ON_CLUSTER)
    done = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip() == f"{[n * n for n in range(12)]} False", done.stderr
    times = {int(file.stem): len(file.read_text()) for file in tmp_path.glob("*.times")}
    assert times == {n: 2 if n == 5 else 1 for n in range(12)}


def test_a_cluster_that_is_not_there_is_refused_in_a_sentence(monkeypatch):
    """And so is dask where it is not installed."""
    monkeypatch.setattr("spectrove.processes.PATIENCE", 0.5)
    with pytest.raises(DatasetError, match="no scheduler of dask answers there"):
        list(map_chunks(abs, iter([(1,)]), cluster="tcp://127.0.0.1:9"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DatasetError, match=r"pip install 'spectrove\[cluster\]'"):
        list(map_chunks(abs, iter([(1,)]), cluster="local"))
