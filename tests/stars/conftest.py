"""Made stars, and a base of some of them."""

from __future__ import annotations

import pytest
from tests.stars.made import stars

import spectrove


@pytest.fixture(scope="session")
def made():
    return stars(150)


@pytest.fixture(scope="session")
def base(made, tmp_path_factory):
    path = tmp_path_factory.mktemp("stars") / "stars.kb"
    base, refused = spectrove.create(path, [made.take(range(120))], domain="stars", views={})
    assert not refused
    return base
