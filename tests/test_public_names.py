"""What `import spectrove` offers, and what the documentation says it offers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import spectrove

API = Path(__file__).parents[1] / "docs" / "api.md"


def test_public_names_are_exactly_the_documented_ones():
    """docs/api.md has a heading for each name, and for nothing else."""
    documented = re.findall(r"^### `([A-Za-z_]+)`", API.read_text("utf-8"), flags=re.MULTILINE)
    assert sorted(documented) == sorted(spectrove.__all__)
    assert len(documented) == len(set(documented))


@pytest.mark.parametrize("name", spectrove.__all__)
def test_every_public_name_can_be_used(name: str):
    """It exists, it says what it is, and it is called what it is called."""
    value = getattr(spectrove, name)
    assert value.__name__ == name
    assert value.__doc__


def test_no_public_name_is_hidden_by_a_package_of_the_same_name():
    """A package takes the place of a function of its own name as soon as it is imported."""
    packages = {path.stem for path in Path(spectrove.__file__).parent.iterdir()}
    assert not packages & set(spectrove.__all__)


def test_an_unknown_name_is_an_attribute_error():
    """As for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = spectrove.no_such_name


def test_dir_lists_the_public_names():
    """What a shell completes."""
    assert set(spectrove.__all__) <= set(dir(spectrove))
