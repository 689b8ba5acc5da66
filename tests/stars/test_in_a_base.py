"""Stars in a base of their own: made from files and datasets, searched, classified, and estimated in two ways."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stars.giraffe import as_spectra, mocks
from tests.stars.made import run, star

import spectrove
from spectrove.errors import DatasetError, KnowledgeError
from spectrove.pipeline.kinds import domain_of_spectra, fits
from spectrove.readers.dataset import write_dataset
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.estimators import NetworkEstimator
from spectrove.stars.grid import log_wavelength
from spectrove.stars.measuring import LEARNED, StarMeasurer, network


def test_stars_are_searched_at_their_own_velocity(base, made):
    """What a catalog says of the velocity is not read: neighbours are of the same kind whatever z is."""
    queries = made.take(range(120, 150))
    answers = base.search(queries, k=3)
    kinds = [int(name.split("-")[1]) % 27 for name in queries.object_id]
    near = [[int(n["object_id"].split("-")[1]) % 27 for n in one.neighbors] for one in answers]
    assert np.mean([kind in found for kind, found in zip(kinds, near, strict=True)]) > 0.9


def test_a_redshift_of_the_row_changes_nothing(base, made):
    one = made.take([130])
    rows = one.rows
    moved = one.with_rows(rows.set_column(rows.column_names.index("z"), "z", [[0.3]]))
    assert [a.neighbors for a in base.search(one)] == [a.neighbors for a in base.search(moved)]
    assert [a.value for a in base.estimate(one, "teff", by="network")] == [
        a.value for a in base.estimate(moved, "teff", by="network")
    ]


def test_classes_are_told(base, made):
    queries = made.take(range(120, 150))
    answers = base.classify(queries, "spectral_class")
    right = [a.value == c for a, c in zip(answers, queries.column("spectral_class"), strict=True)]
    assert np.mean(right) > 0.9


def test_a_quantity_is_estimated_in_two_ways(base, made):
    queries = made.take(range(120, 150))
    by_neighbours, by_network = base.estimate(queries, "teff"), base.estimate(queries, "teff", by="network")
    assert by_network.predictions[0].by == "network"
    assert by_network.predictions[0].neighbors == ()
    assert "by" not in by_neighbours.predictions[0].to_dict()
    warm = np.array(queries.column("teff"))
    known = (warm > 4200) & (warm < 8000)
    for answers in (by_neighbours, by_network):
        value = np.array([a.value for a in answers])
        assert np.median(abs(value - warm)[known] / warm[known]) < 0.06


def test_a_wider_interval_holds_more(base, made):
    one = made.take([125])
    [narrow], [wide] = (base.estimate(one, "logg", by="network", level=level) for level in (0.68, 0.95))
    assert wide.interval[0] < narrow.interval[0] < narrow.value < narrow.interval[1] < wide.interval[1]


@pytest.mark.parametrize(
    ("quantity", "by", "message"),
    [
        ("teff", "divination", "has neighbours, network"),
        ("mass", "network", "teff, logg, fe_h"),
    ],
)
def test_ways_and_quantities_that_are_not_there_are_refused(base, made, quantity, by, message):
    with pytest.raises(KnowledgeError, match=message):
        base.estimate(made.take([1]), quantity, by=by)


def test_a_spectrum_without_lines_is_refused_and_the_others_are_answered(base):
    rng = np.random.default_rng(0)
    wavelength = np.arange(3650.0, 7350.0, 1.2)
    flat = spectrove.Spectrum(
        wavelength,
        1 + rng.normal(0, 0.05, len(wavelength)),
        error=np.full(len(wavelength), 0.05),
        object_id="flat",
    )
    both = SpectrumSet.from_spectra([flat, star(14, 30.0, name="good")])
    answers = base.estimate(both, "teff", by="network")
    assert [a.object_id for a in answers] == ["good"]
    assert [r.name for r in answers.refusals] == ["flat"]
    assert "velocity" in answers.refusals[0].error
    assert [r.name for r in base.search(both).refusals] == ["flat"]


def test_what_is_measured_has_errors_and_flags():
    both = SpectrumSet.from_spectra([star(14, 70.0, name="a"), star(26, 0.0, name="hottest")])
    table = StarMeasurer().measure(both).to_pylist()
    assert abs(table[0]["velocity"] - 70) < 3 * table[0]["velocity_err"]
    assert LEARNED[0][0] < table[0]["teff"] < LEARNED[0][1]
    assert table[0]["flags"] == []
    assert "outside_labels" in table[1]["flags"], "its lines are those of 23,000 K"


def test_company_does_not_matter(made):
    measurer = StarMeasurer()
    whole = measurer.measure(made.take(range(40))).to_pylist()[23]
    alone = measurer.measure(made.take([23])).to_pylist()[0]
    assert_allclose([alone["teff"], alone["logg"]], [whole["teff"], whole["logg"]], rtol=1e-4)


def test_the_command_line_makes_a_base_of_stars_and_asks_it(made, tmp_path):
    dataset, kb = tmp_path / "stars.lance", tmp_path / "stars.kb"
    write_dataset(dataset, made.take(range(60)))
    done = run("kb", "create", kb, "--from", dataset, "--domain", "stars")
    assert done.exit_code == 0, done.output
    assert json.loads((kb / "kb.json").read_text())["domain"] == "stars"
    asked = run(
        "estimate",
        kb,
        dataset,
        "--queries",
        "object_id = 'star-014'",
        "--quantity",
        "teff",
        "--by",
        "network",
        "--json",
    )
    assert asked.exit_code == 0, asked.output
    row = json.loads(asked.stdout.splitlines()[0])
    assert row["by"] == "network"
    assert row["interval"][0] < row["value"] < row["interval"][1]
    table = run(
        "estimate",
        kb,
        dataset,
        "--queries",
        "object_id = 'star-014'",
        "--quantity",
        "teff",
        "--by",
        "network",
    )
    assert "by network" in table.output
    velocity = run(
        "estimate", kb, dataset, "--queries", "object_id = 'star-014'", "--quantity", "z", "--json"
    )
    assert json.loads(velocity.stdout.splitlines()[0])["type"] == "star"


def test_a_dataset_that_says_its_kind_needs_no_option(made, tmp_path):
    rows = made.rows.append_column("domain", [["stars"] * len(made)])
    write_dataset(tmp_path / "said.lance", made.with_rows(rows))
    assert domain_of_spectra([tmp_path / "said.lance"]).name == "stars"
    rows = made.rows.append_column("domain", [["stars"] * 100 + ["galaxies"] * (len(made) - 100)])
    write_dataset(tmp_path / "mixed.lance", made.with_rows(rows))
    with pytest.raises(DatasetError, match=r"galaxies and stars.*--domain"):
        domain_of_spectra([tmp_path / "mixed.lance"])
    only = ("--domain", "stars", "--where", "domain = 'stars'")
    done = run("kb", "create", tmp_path / "stars.kb", "--from", tmp_path / "mixed.lance", *only)
    assert done.exit_code == 0, done.output
    rows = made.rows.append_column("domain", [["halo"] * len(made)])
    write_dataset(tmp_path / "other.lance", made.with_rows(rows))
    assert domain_of_spectra([tmp_path / "other.lance"]).name == "galaxies", "a column of another meaning"


def test_options_of_neighbours_are_refused_where_they_mean_nothing(base, made):
    for option in ({"k": 3}, {"where": "teff < 5000"}, {"allow_self": True}):
        with pytest.raises(KnowledgeError, match=f"{next(iter(option))} would change nothing"):
            base.estimate(made.take([1]), "teff", by="network", **option)


def test_a_star_that_leaves_the_range_at_rest_is_refused_with_a_reason(base):
    """At +300 km/s it has just enough pixels, at rest too few."""
    whole = star(14, 300.0, 0.005, name="narrow")
    end = 10 ** (log_wavelength()[0] + 1e-4 * 159)
    keep = whole.wavelength < end
    narrow = spectrove.Spectrum(
        whole.wavelength[keep], whole.flux[keep], ivar=whole.ivar[keep], object_id="narrow"
    )
    answers = base.search(SpectrumSet.from_spectra([narrow]))
    assert len(answers) + len(answers.refusals) == 1


def test_a_star_that_the_network_has_learned_from_is_marked(made):
    one = made.take([14])
    known = SpectrumSet(np.array([next(iter(network().learned_from))]), one.offsets, **{
        name: getattr(one, name) for name in ("wavelength", "flux", "ivar", "mask", "lsf", "rows")
    })  # fmt: skip
    assert "learned_from" in StarMeasurer().measure(known).to_pylist()[0]["flags"]
    [estimate] = NetworkEstimator().posterior(known).doubts & {"learned_from"}
    assert estimate == "learned_from"


def test_an_unknown_kind_is_named(made, tmp_path):
    dataset = tmp_path / "stars.lance"
    write_dataset(dataset, made.take(range(5)))
    done = run("kb", "create", tmp_path / "no.kb", "--from", dataset, "--domain", "comets")
    assert done.exit_code == 2
    assert "comets" in done.output


def test_a_mock_survey_becomes_a_base_of_stars_by_itself(tmp_path):
    """`mock`, `ingest`, `kb create`: nothing but the catalog says that these are stars."""
    pytest.importorskip("numba")
    for command in (
        ("mock", "--domain", "stars", "-n", 60, "-o", tmp_path / "ms"),
        ("ingest", tmp_path / "ms", "-o", tmp_path / "ms.lance"),
        ("kb", "create", tmp_path / "ms.kb", "--from", tmp_path / "ms.lance"),
    ):
        done = run(*command)
        assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "ms.kb" / "kb.json").read_text())["domain"] == "stars"
    asked = run(
        "estimate", tmp_path / "ms.kb", tmp_path / "ms.lance", "--quantity", "teff", "--by", "network"
    )
    assert "0 of" in asked.output or "nothing could be estimated" in asked.output, (
        "two windows are no whole star"
    )


def test_files_of_fluxes_are_brought_to_a_base_of_stars(base, made):
    """What a page or REST receives has no kind of its own, unless it is counts."""
    assert fits(made, "stars")
    assert fits(made, "galaxies")
    assert not fits(made, "xray")


def test_answers_of_the_network_say_how_pixels_were_read(base, made):
    """A mask of which all is bad is read the other way round: whoever reads the answer is told."""
    [one] = made.take([3])
    flags = ["mask_inverted", "no_redshift", "star"]
    told = Spectrum.stored(
        "told", one.wavelength, one.flux, one.ivar, one.mask, one.lsf, {**one.row, "flags": flags}
    )
    [answer] = base.estimate(SpectrumSet.from_spectra([told]), "teff", by="network")
    assert "mask_inverted" in answer.flags
    assert not {"no_redshift", "star"} & set(answer.flags)


def test_spectra_that_share_an_id_are_refused(base, made):
    """One would get the velocity and the labels of the other."""
    one, other = made.take([3, 9])
    same = Spectrum.stored(
        one.object_id, other.wavelength, other.flux, other.ivar, other.mask, other.lsf, other.row
    )
    with pytest.raises(KnowledgeError, match=r"the id 'star-003' is that of 2 spectra, expected one"):
        base.estimate(SpectrumSet.from_spectra([one, same]), "teff", by="network")


def test_what_the_network_cannot_read_is_refused_for_the_reason_it_has():
    rng = np.random.default_rng(0)
    wavelength = np.arange(3650.0, 7350.0, 1.2)
    noise = 1 + 0.3 * rng.normal(size=len(wavelength))
    few = star(14, 20.0, name="few")
    half = few.wavelength < 5400
    made = [
        Spectrum(wavelength, noise, error=np.full(len(noise), 0.3), object_id="noise"),
        Spectrum(few.wavelength[half], few.flux[half], ivar=few.ivar[half], object_id="few"),
    ]
    found = NetworkEstimator().posterior(SpectrumSet.from_spectra(made))
    reasons = {one.name: one.error for one in found.refusals}
    assert reasons["noise"].startswith("noise: no radial velocity explains its lines")
    assert reasons["few"].startswith("few: fewer than 60% of the pixels from 3560 to 7390 angstrom")


def test_a_velocity_at_the_telescope_says_so(base, made):
    """It holds the motion of the Earth, 30 km/s and more than any error."""
    one, other = made.take([3, 9])
    row = {**one.row, "flags": ["topocentric", "mask_inverted"]}
    moving = Spectrum.stored("moving", one.wavelength, one.flux, one.ivar, one.mask, one.lsf, row)
    told, untold = base.redshift(SpectrumSet.from_spectra([moving, other]))
    assert "topocentric" in told.flags
    assert "topocentric" not in untold.flags


def test_velocities_of_spectra_that_share_an_id_are_refused(base, made):
    one, other = made.take([3, 9])
    same = Spectrum.stored(one.object_id, other.wavelength, other.flux, other.ivar, other.mask, other.lsf, {})
    with pytest.raises(KnowledgeError, match="the id 'star-003' is that of 2 spectra"):
        base.redshift(SpectrumSet.from_spectra([one, same]))


def test_a_trend_that_leads_away_from_all_stars_gives_no_number(base):
    """Of two narrow ranges of wavelengths the trend made temperatures of a million kelvin."""
    drawn = as_spectra(mocks(6, ratio=50.0), [30.0, -50.0, 100.0, 0.0, 10.0, 20.0])
    known = np.array(base.rows("teff > 0", ["teff"]).column("teff").to_pylist())
    answers = base.estimate(drawn, "teff")
    given = [a.value for a in answers if a.value is not None]
    assert len(given) < len(answers)
    assert all(known.min() ** 2 / known.max() <= one <= known.max() ** 2 / known.min() for one in given)
    for one in answers:
        if one.value is None:
            assert one.interval is None
            assert not one.confident
            assert "far beyond all its values of teff" in one.reason_no_interval
