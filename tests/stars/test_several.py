"""Several quantities in one answer, with samples of their posterior."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from astropy.table import Table
from tests.stars.made import run

from spectrove.domain import Quantity
from spectrove.errors import KnowledgeError, ShapeError
from spectrove.inference.numbers.posterior import Reading
from spectrove.inference.numbers.several import Joint
from spectrove.posterior import Posterior
from spectrove.readers import write_dataset

ASKED = "teff,logg,fe_h"


def test_each_is_what_it_is_alone(base, made):
    for by in ("network", "neighbours"):
        [joint] = base.estimate(made.take([1]), ASKED, by=by)
        for name in ASKED.split(","):
            [alone] = base.estimate(made.take([1]), name, by=by)
            assert joint[name] == alone
    assert joint.covariance is None
    assert [one.quantity for one in joint.estimates] == ASKED.split(",")


def test_samples_have_the_mean_and_spread_of_the_posterior(base, made):
    answers = base.estimate(made.take([1, 2]), ASKED, by="network", samples=4000)
    for joint in answers:
        drawn = np.array([one.samples for one in joint.estimates])
        sigma = np.sqrt(np.diag(joint.covariance))
        assert drawn.shape == (3, 4000)
        assert abs(drawn.mean(axis=1) - [one.value for one in joint.estimates]).max() < sigma.max() * 0.1
        assert np.allclose(np.cov(drawn) / np.outer(sigma, sigma), np.eye(3), atol=0.1)
    [again] = base.estimate(made.take([2]), ASKED, by="network", samples=4000)
    assert again["teff"].samples == pytest.approx(answers[1]["teff"].samples), "whoever else is asked about"


def test_levels_and_tables(base, made):
    answers = base.estimate(made.take([1, 2]), ASKED, by="network", samples=5)
    wide = answers.at(0.95)[0]["logg"].interval
    assert wide[0] < answers[0]["logg"].interval[0]
    table = answers.to_table()
    assert table["teff"].unit == "K"
    assert table["teff_samples"].shape == (2, 5)
    assert re.search(r"<br>logg [0-9.]+ <span", answers._repr_html_())


def test_a_posterior_is_cut_at_the_limits_of_its_quantity():
    found = Posterior(np.array(["a"]), ("mass",), np.array([[0.5]]), np.array([[[1.0]]]), None, [()])
    [estimate] = Reading(found, Quantity("mass", "kg", 0.0), "flow", 100).estimates(0.9)
    assert estimate.interval[0] == min(estimate.samples) == 0.0
    drawn = Posterior(found.object_id, ("mass",), found.mean, found.covariance, np.ones((1, 7, 1)), [()])
    with pytest.raises(ShapeError, match="7 samples"):
        drawn.samples(8)
    both = Joint([Reading(found, Quantity("mass"), "flow")], found)
    assert both.estimates(0.9)[0].to_dict()["covariance"] == [[1.0]]


@pytest.mark.parametrize(
    ("asked", "options", "said"),
    [
        ("teff,teff", {}, "named twice"),
        ("teff,,logg", {}, "no name"),
        ("teff,z", {}, "Ask for z alone"),
        ("teff", {"samples": 3}, "no posterior.* or ask by network"),
        ("teff,age", {"by": "network"}, "'age' is nothing that network reads"),
    ],
)
def test_what_cannot_be_asked_is_refused(base, made, asked, options, said):
    with pytest.raises(KnowledgeError, match=said):
        base.estimate(made.take([1]), asked, **options)


def test_the_command_writes_one_row_for_a_star(base, made, tmp_path):
    dataset = tmp_path / "few.lance"
    write_dataset(dataset, made.take([1, 2]))
    asked = ("estimate", base.path, dataset, "--quantity", ASKED, "--by", "network", "--samples", 20)
    done = run(*asked, "-o", tmp_path / "stars.fits")
    assert done.exit_code == 0, done.output
    table = Table.read(tmp_path / "stars.fits")
    assert table["teff_samples"].shape == (2, 20)
    assert str(table["teff"].unit) == str(table["teff_low"].unit) == "K"
    assert table["logg"].description == "[dex(cm/s2)]", "FITS has no such unit"
    assert {"covariance_teff_logg", "fe_h_confident", "flags", "object_id"} <= set(table.colnames)
    assert "by network" in done.output
    lines = [json.loads(line) for line in run(*asked, "--json").stdout.splitlines() if line.startswith("{")]
    assert lines[0]["estimates"]["logg"]["value"] == pytest.approx(table["logg"][0])
    for suffix in ("csv", "ecsv", "vot", "parquet"):
        assert run(*asked, "-o", tmp_path / f"stars.{suffix}").exit_code == 0
    refused = run("estimate", base.path, dataset, "--quantity", ASKED, "--samples", 20)
    assert refused.exit_code == 2
    assert "no --samples" in refused.output
