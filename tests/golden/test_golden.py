"""The answers of every verb are those that were kept: a change of the code's form changes none of them."""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _questions() -> Any:
    """The module beside this file, which is also a program."""
    path = Path(__file__).with_name("questions.py")
    spec = importlib.util.spec_from_file_location("golden_questions", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


questions = _questions()
#: How far figures may differ: where processor and libraries compute as those did that made the answers, and elsewhere.
EXACT, ELSEWHERE = 1e-9, 1e-2

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


def differences(found: Any, expected: Any, tolerance: float, place: str = "") -> Iterator[str]:
    """Every place where two answers differ, with what was found and expected there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in sorted({*found, *expected}):
            if name not in found or name not in expected:
                yield f"{place}/{name}: {'missing' if name not in found else 'new'}"
            else:
                yield from differences(found[name], expected[name], tolerance, f"{place}/{name}")
    elif isinstance(expected, list) and isinstance(found, list):
        if len(found) != len(expected):
            yield f"{place}: {len(found)} values, expected {len(expected)}"
        for i, (a, b) in enumerate(zip(found, expected, strict=False)):
            yield from differences(a, b, tolerance, f"{place}/{i}")
    elif isinstance(expected, float) and isinstance(found, int | float):
        if not math.isclose(found, expected, rel_tol=tolerance, abs_tol=tolerance):
            yield f"{place}: {found!r}, expected {expected!r}"
    elif isinstance(expected, str) and isinstance(found, str) and tolerance > EXACT:
        if NUMBER.sub("", found) != NUMBER.sub("", expected):
            yield f"{place}: {found!r}, expected {expected!r}"
    elif found != expected:
        yield f"{place}: {found!r}, expected {expected!r}"


def compare(name: str, found: dict[str, Any]) -> None:
    """Every answer of a survey equals the one that was kept."""
    golden = questions.kept(name)
    tolerance = EXACT if questions.arithmetic() == golden["arithmetic"] else ELSEWHERE
    wrong = list(differences(found, golden["answers"], tolerance))
    if tolerance > EXACT:  # rounding may decide a tie
        wrong = wrong if len(wrong) > 0.02 * sum(1 for _ in _leaves(golden["answers"])) else []
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:40])


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def test_answers_on_mocks_are_as_they_were(tmp_path: Path):
    """Every question on a small survey of the demo's recipe."""
    compare("mock", questions.of_mocks(tmp_path))


@pytest.mark.real
def test_answers_on_real_spectra_are_as_they_were(tmp_path: Path, data_dir: Path):
    """The questions on 40 real spectra of six kinds, against a base of SDSS galaxies."""
    compare("real", questions.of_real(tmp_path, data_dir))


def test_a_difference_is_found():
    """The comparison can fail: on a figure, a word, a missing key and a missing object."""
    one = {"a": [1.0, "x"], "b": 2}
    assert not list(differences(one, {"a": [1.0 + 1e-12, "x"], "b": 2}, EXACT))
    for other in (
        {"a": [1.1, "x"], "b": 2},
        {"a": [1.0, "y"], "b": 2},
        {"a": [1.0, "x"]},
        {"a": [1.0], "b": 2},
    ):
        assert list(differences(one, other, EXACT))
