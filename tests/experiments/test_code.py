"""The hash of code: what only moves keeps it, what computes something else does not."""

from __future__ import annotations

import pytest

from experiments.code import code_hash

ONE = (
    '"""One."""\nimport math\n\ndef area(r):\n    """Of a circle."""\n    return math.pi * r**2\n\nTWO = 2\n'
)


def hash_of(folder, **files):
    """The hash of a folder with these modules."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return code_hash([folder])


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / str(i) for i in range(2)]
    for folder in made:
        folder.mkdir()
    return made


def test_definitions_that_move_keep_the_hash(folders):
    """To another module, with another docstring, comment and import."""
    moved = {
        "b": "TWO = 2  # a pair\n",
        "a": "from math import pi\nimport math\n\ndef area(r):\n    return math.pi * r**2\n",
    }
    assert hash_of(folders[0], one=ONE) == hash_of(folders[1], **moved)


@pytest.mark.parametrize(
    "change", [("r**2", "r**3"), ("TWO = 2", "TWO = 3"), ("TWO", "PAIR"), ("(r)", "(r, s)")]
)
def test_another_definition_is_another_hash(folders, change):
    assert hash_of(folders[0], one=ONE) != hash_of(folders[1], one=ONE.replace(*change))


def test_tables_count(folders):
    before = hash_of(folders[0], one=ONE)
    (folders[0] / "recipe.toml").write_text("k = 3\n")
    assert code_hash([folders[0]]) != before


def test_code_that_is_not_there_is_not_left_out_unseen(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        code_hash([tmp_path / "nowhere"])
