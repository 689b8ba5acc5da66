"""Long work announces itself, once, to whoever listens."""

from __future__ import annotations

import logging
import time

import numpy as np
import pytest
from tests.inference.test_kept import small

from spectrove.inference.kept import fitted_once, measured_once
from spectrove.work import Notes, advance, counted, doing, listening, roughly


@pytest.fixture
def base(tmp_path):
    return small(tmp_path / "a.kb")


def fit_slope(base, fit=lambda: np.array([2.0])):
    return fitted_once(
        base,
        "metrics",
        "key",
        fit,
        lambda a: ({"slope": a}, {}),
        lambda a, t: a["slope"],
        doing="fitting a slope",
    )


def whole(heard):
    return [work.doing for work, state in heard if state == "running" and work.within is None]


def hear(heard):
    return listening(lambda work: heard.append((work, work.state)))


def test_a_fit_announces_itself_once_and_a_kept_one_does_not(base):
    heard = []
    with hear(heard):
        fit_slope(base)
        fit_slope(base)
        fit_slope(type(base).open(base.path))
    version = base.version
    assert whole(heard) == [f"fitting a slope, 3 objects, once for version {version} of a.kb"]
    assert [state for _, state in heard] == ["running", "done"]


def test_only_what_is_not_kept_is_measured_and_counted(base):
    heard = []

    def measure(names):
        advance(len(names))
        return np.ones((len(names), 1))

    with hear(heard):
        measured_once(base, "lines", "key", ["a", "b"], measure)
        measured_once(base, "lines", "key", ["a", "b", "c"], measure)
        measured_once(base, "lines", "key", ["c"], measure)
    ended = [(work.total, work.done) for work, state in heard if state == "done"]
    assert ended == [(2, 2), (1, 1)]


def test_parts_know_the_whole_and_count_to_the_end():
    heard = []
    with hear(heard), doing("fitting"):
        assert list(counted("comparing", 5, 2)) == [0, 2, 4]
    compared = [work for work, state in heard if work.doing == "comparing" and state == "done"]
    assert [(work.done, work.total, work.within.doing) for work in compared] == [(5, 5, "fitting")]


def test_an_interrupted_fit_keeps_nothing_says_so_and_begins_anew(base):
    def stop():
        with doing("a part of it"):
            raise KeyboardInterrupt

    heard = []
    with hear(heard), pytest.raises(KeyboardInterrupt) as stopped:
        fit_slope(base, stop)
    [note] = stopped.value.__notes__
    assert note.startswith("interrupted while fitting a slope, 3 objects")
    assert heard[-1][1] == "interrupted"
    assert base.files.names("metrics") == []
    assert fit_slope(base) == [2.0]


def test_without_a_listener_the_log_has_it_and_nothing_is_printed(base, caplog, capfd):
    with caplog.at_level(logging.INFO, logger="spectrove"):
        fit_slope(base)
    assert [r.message.split(",")[0] for r in caplog.records] == ["fitting a slope"] * 2
    assert "done after" in caplog.records[-1].message
    assert capfd.readouterr() == ("", "")


def test_notes_are_of_what_takes_long_alone():
    said = []
    with listening(Notes(said.append, after=0.05)):
        with doing("waiting"):
            time.sleep(0.3)
        with doing("blinking"):
            pass
        time.sleep(0.1)
    assert said == ["waiting ...", "waiting: 1 s"]


def test_a_failure_ends_the_work_too():
    heard = []
    with hear(heard), pytest.raises(ValueError, match="wrong"), doing("trying"):
        raise ValueError("wrong")
    assert [state for _, state in heard] == ["running", "failed"]


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (8, "8 s"), (42, "40 s"), (139, "2 minutes")])
def test_times_are_said_roughly(seconds, said):
    assert roughly(seconds) == said
