"""What `import spectrove` offers, and what the documentation says it offers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
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


def test_what_is_shown_is_one_short_line(tmp_path: Path):
    """The numbers that matter, for every public object that holds many."""
    spectrum = spectrove.Spectrum(
        np.linspace(4000, 5000, 50), np.ones(50), error=np.ones(50), z=0.1, object_id="a"
    )
    spectra = spectrove.SpectrumSet.from_spectra([spectrum, replace(spectrum, object_id="b")])
    vectors = spectrove.Embeddings(
        np.eye(2, 3, dtype="f4"), spectra.object_id, "0" * 12, np.full((2, 2), 1.0)
    )
    base = spectrove.KnowledgeBase.create(tmp_path / "x.kb", spectra, {"shape": vectors}, encoder="pca")
    neighbors = base.search(vectors, 1, spectra=spectra)
    prediction = spectrove.Prediction(
        "a", "class", "SF", {"SF": 0.9, "AGN": 0.1}, (0.8, 0.95), calibrated=True
    )
    target = spectrove.load_target("liner")
    shown = {
        repr(spectrum): "<Spectrum a: 50 pixels, 4000-5000 A, z 0.1>",
        repr(spectra): "<SpectrumSet of 2 spectra, 4000-5000 A, 2 with a redshift>",
        repr(vectors): "<Embeddings of 2 spectra in 3 dimensions, fingerprint 000000000000>",
        repr(base): f"<KnowledgeBase x.kb: 2 objects, version {base.version}, shape by pca>",
        repr(neighbors): "<Neighbors of 2 queries: 1 each, view shape, the nearest at 1.41 (median)>",
        repr(prediction): "<Prediction a: P(SF) = 0.9 [0.8, 0.95], calibrated>",
        repr(target): "<Target liner: LINER among other in class_derived, views shape>",
    }
    assert list(shown) == list(shown.values())
    assert "<td>version</td>" in base._repr_html_()


def test_an_unknown_name_is_an_attribute_error():
    """As for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = spectrove.no_such_name


def test_dir_lists_the_public_names():
    """What a shell completes."""
    assert set(spectrove.__all__) <= set(dir(spectrove))
