"""One tree of errors, and what its module says of it is true."""

from __future__ import annotations

import inspect
import re

import pytest

from spectrove import errors
from spectrove.errors import Refusal, ShapeError, SpectroveError

CLASSES = [
    c
    for _, c in inspect.getmembers(errors, inspect.isclass)
    if issubclass(c, Exception) and c.__module__ == errors.__name__
]


def test_every_error_is_a_spectrove_error():
    """One `except SpectroveError` is enough."""
    assert all(issubclass(c, SpectroveError) for c in CLASSES)


def test_the_drawn_tree_is_the_tree():
    """Every class is drawn under its parent."""
    drawn, path = {}, []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"^(\s*(?:[│├└─ ]*))([A-Z]\w+Error)\b", line):
            depth = len(found[1])
            path = [(d, name) for d, name in path if d < depth]
            drawn[found[2]] = path[-1][1] if path else "Exception"
            path.append((depth, found[2]))
    real = {c.__name__: next(b.__name__ for b in c.__mro__[1:] if issubclass(b, Exception)) for c in CLASSES}
    assert drawn == real


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_says_what_it_means(error):
    assert inspect.getdoc(error) != inspect.getdoc(error.__mro__[1])
    assert str(error("spec-0266: found 3, expected 4.")) == "spec-0266: found 3, expected 4."


def test_wrong_shapes_are_value_errors_too():
    """numpy's users expect one."""
    with pytest.raises(ValueError):
        raise ShapeError("a is (3,), expected (4,).")


def test_a_refusal_is_a_name_and_a_sentence():
    refusal = Refusal("x.fits", "x.fits: truncated.")
    assert (refusal.name, refusal.error) == ("x.fits", "x.fits: truncated.")
    with pytest.raises(AttributeError):
        refusal.name = "y"
