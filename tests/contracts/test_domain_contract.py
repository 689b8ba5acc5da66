"""What every kind of light keeps to, whatever it brings."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from spectrove.inference.regions import parse_region
from spectrove.knowledge import DEFAULT_VIEW
from spectrove.pipeline.domains import DOMAINS


@pytest.fixture(params=sorted(DOMAINS))
def domain(request):
    return DOMAINS[request.param]


def test_it_is_called_what_the_table_calls_it(domain):
    (name,) = [key for key, value in DOMAINS.items() if value is domain]
    assert domain.name == name
    assert domain.title.endswith(".")


def test_groups_have_a_column_and_a_noun_or_neither(domain):
    assert bool(domain.group) == bool(domain.groups)


def test_outliers_are_scored_in_views_that_a_new_base_has(domain):
    assert set(domain.outlier_views) <= {DEFAULT_VIEW, *domain.views}
    assert all(weight > 0 for weight in domain.outlier_views.values())


def test_every_line_is_a_region_by_its_printed_name(domain):
    for line in domain.lines:
        region = parse_region(line.name, domain.lines)
        assert region.low < line.wavelength < region.high


def test_quantities_are_called_what_the_table_calls_them_and_are_no_bookkeeping(domain):
    assert all(quantity.name == name for name, quantity in domain.quantities.items())
    assert not set(domain.quantities) & domain.administration


def test_a_diagram_is_of_quantities_that_the_light_has_and_something_reads(domain):
    if domain.diagram is not None:
        both = {domain.diagram.x, domain.diagram.y}
        assert both <= set(domain.quantities)
        assert set(domain.diagram.falling) <= both
        assert any(both <= set(one.quantities) for one in domain.estimators.values())


def test_a_reviewer_says_what_it_measures_and_judges_nothing_where_nothing_is_to_be_told_apart(domain):
    if domain.review is not None:
        assert domain.review.name
        assert not domain.review.judges([])


def test_importing_it_loads_nothing_heavy(domain):
    """What is heavy is imported where it is first used."""
    heavy = ("torch", "astropy", "matplotlib", "sklearn")
    code = f"import {domain.home}.domain, sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_examples_are_compared_in_has_a_word_for_each_state(domain):
    """The witness of `likeness` is one of the domain's, and its measurement has a column for each of its states."""
    if domain.likeness:
        witness = domain.witnesses[domain.likeness]
        spectra = domain.mock.make(2, domain.mock.recipe(None), 3, 1)
        shares = witness.measure(spectra)
        assert shares.shape == (2, len(witness.states))
        known = shares[np.isfinite(shares).all(axis=1)]
        assert (known >= 0).all()
        assert (known.sum(axis=1) <= 1 + 1e-9).all()
