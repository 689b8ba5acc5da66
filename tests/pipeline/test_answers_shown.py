"""Answers where astronomers look: as a table in a notebook, as a table of astropy, and in Specviz."""

from __future__ import annotations

import io
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from numpy.testing import assert_allclose

import spectrove
from spectrove.errors import Refusal, SpectrumError
from spectrove.explanation.sketch import HIGH, WIDE, points
from spectrove.explanation.specviz import beside
from spectrove.flat import Vector
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline.answer_table import answer_table
from spectrove.pipeline.verbs import VERBS
from spectrove.xray import mock as xray_mock

N, N_BASE = 58, 50
#: Of sources, each of which is fitted by all models.
N_SOURCES, N_KNOWN = 24, 18
EXAMPLES = {"like": 4, "unlike": 4}


def asked(base, spectra) -> dict[str, spectrove.Answers]:
    """Answers of every verb that this base can answer."""
    ids = base.rows(None, []).column("object_id").to_pylist()
    like, unlike = ids[: EXAMPLES["like"]], ids[-EXAMPLES["unlike"] :]
    galaxies = base.domain == "galaxies"
    found = {
        "search": base.search(spectra),
        "hunt_like": base.hunt(spectra, like=like),
        "classify": base.classify(spectra, "class_derived" if galaxies else "class"),
        "estimate": base.estimate(spectra, "hdelta_a" if galaxies else "nh"),
        "measure": base.measure(spectra),
        "outliers": base.outliers(spectra),
    }
    if galaxies:
        found |= {
            "hunt": base.hunt(spectra, "liner"),
            "redshift": base.redshift(spectra.take([0, 1])),
            "contrast": base.contrast(like=like, unlike=unlike, top=3),
            "search_region": base.search_region(spectra, [(6500, 6800)]),
            "search_text": base.search_text("z < 0.1"),
            "epochs": spectrove.epochs(None, spectra.take([0, 1]), by="survey"),
        }
    return found


@pytest.fixture(scope="module")
def of_galaxies(tmp_path_factory):
    spectra = make_survey(N, seed=5)
    base, _ = spectrove.create(
        tmp_path_factory.mktemp("shown") / "g.kb", spectra.take(range(N_BASE)), encoder="pca"
    )
    return asked(base, spectra.take(range(N_BASE, N)))


@pytest.fixture(scope="module")
def of_sources(tmp_path_factory):
    spectra = xray_mock.make_survey(N_SOURCES, seed=5)
    place = tmp_path_factory.mktemp("shown") / "x.kb"
    base, _ = spectrove.create(place, spectra.take(np.arange(N_KNOWN)), domain="xray", views={})
    return asked(base, spectra.take(np.arange(N_KNOWN, N_SOURCES)))


@pytest.fixture(params=["of_galaxies", "of_sources"])
def found(request):
    return request.getfixturevalue(request.param)


def parsed(html: str) -> ET.Element:
    """HTML as a tree: what is not closed or not escaped is an error."""
    return ET.fromstring(html.replace("<br>", "<br/>"))


def test_every_verb_is_shown(of_galaxies):
    """None is forgotten here."""
    assert set(of_galaxies) == set(VERBS)


def test_a_notebook_shows_a_row_and_a_small_spectrum_for_each_answer(found):
    for verb, answers in found.items():
        tree = parsed(answers._repr_html_())
        rows = tree.findall(".//tr")[1:]
        assert len(rows) == min(len(answers), 20), verb
        names = [prediction.object_id for prediction in answers][:20]
        for row, name in zip(rows, names, strict=True):
            assert name in [cell.text for cell in row.findall("td")], verb
            curve = row.find(".//polyline")
            assert curve is not None, verb
            pairs = np.array([pair.split(",") for pair in curve.get("points").split()], float)
            assert len(pairs) > 20
            assert pairs.min() >= -3
            assert pairs.max(axis=0)[0] <= WIDE


def test_it_needs_nothing_else_and_keeps_the_colours_of_the_page(found):
    """No address, no script, no style sheet, and no colour that a dark page does not have."""
    for answers in found.values():
        html = answers._repr_html_()
        assert not re.search(r"https?:|<script|<link|<style|#[0-9a-fA-F]{3,6}\b|background:(?!none)", html)


def test_ids_and_reasons_are_escaped(of_galaxies):
    answers = of_galaxies["search"]
    name = '<script>alert("1")</script>'
    first = replace(answers.predictions[0], object_id=name)
    said = replace(
        answers, predictions=(first, *answers.predictions[1:]), refusals=(Refusal("x", "x: <b>no pixel</b>"),)
    )
    html = said._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert name in [cell.text for cell in parsed(html).iter("td")]
    assert "x: <b>no pixel</b>" in [item.text for item in parsed(html).iter("li")]


def test_it_says_how_many_more_there_are(of_galaxies):
    answers = of_galaxies["search"]
    many = answers.take(list(range(len(answers))) * 4)
    assert f"and {4 * len(answers) - 20} more" in many._repr_html_()
    assert "more" not in answers._repr_html_()


def test_values_are_those_of_the_answers(of_galaxies):
    """The probability with its interval, and the nearest neighbour with its label and distance."""
    answers = of_galaxies["hunt"]
    tree = parsed(answers._repr_html_())
    heads = [cell.text for cell in tree.find(".//tr")]
    for prediction, row in zip(answers, tree.findall(".//tr")[1:], strict=True):
        cells = ["".join(cell.itertext()) for cell in row]
        if not 0.99995 <= prediction.probability < 1:
            assert float(cells[heads.index("probability")].split()[0].replace("−", "-")) == pytest.approx(
                prediction.probability, rel=1e-3
            )
        nearest = prediction.neighbors[0]
        assert cells[heads.index("neighbors")].startswith(
            f"{nearest.object_id} {nearest.label or ''}".strip()
        )


def test_a_curve_is_the_spectrum():
    """A step up in the middle is a step up in the drawing, whose zero is at the top."""
    pairs = np.array([p.split(",") for p in points(np.repeat([1.0, 2.0], 50)).split()], float)
    assert_allclose(pairs[:50, 1], HIGH - 3)
    assert_allclose(pairs[50:, 1], 3)
    assert points(np.full(5, np.nan)) == ""


def test_a_table_has_units_and_masks_what_is_missing(of_galaxies):
    measured = of_galaxies["measure"]
    table = measured.to_table()
    assert isinstance(table, QTable)
    assert table["measured_ha_ew"].unit == u.AA
    assert u.Unit("1e-17 erg / (s cm2)").is_equivalent(table["measured_ha_flux"].unit)
    for name in ("ha_ew", "ha_flux", "oii_ew"):
        values = [p.values[name] for p in measured]
        column = table[f"measured_{name}"]
        lost = np.array([value is None for value in values])
        assert (np.asarray(getattr(column, "mask", np.zeros(len(lost), bool))) == lost).all()
        assert_allclose(u.Quantity(column[~lost]).value, [v for v in values if v is not None])
    estimated = of_galaxies["estimate"].to_table()
    assert estimated["hdelta_a"].unit == estimated["interval_low"].unit == estimated["label_1"].unit == u.AA
    assert_allclose(estimated["hdelta_a"].value, [p.value for p in of_galaxies["estimate"]])


def test_a_table_comes_back_from_ecsv(found):
    for verb, answers in found.items():
        table, text = answers.to_table(), io.StringIO()
        table.write(text, format="ascii.ecsv")
        again = QTable.read(text.getvalue(), format="ascii.ecsv")
        assert again.colnames == table.colnames, verb
        for name in table.colnames:
            assert type(again[name]) is type(table[name]), (verb, name)
            assert again[name].unit == table[name].unit
            _same(table[name], again[name])


@pytest.mark.filterwarnings(
    "ignore:.*deprecated in the VOUnit standard", "ignore::astropy.io.votable.exceptions.W50"
)
def test_a_table_comes_back_from_votable(found):
    """VOTable knows no dex, whose columns come back without a unit, and no missing text, which comes back empty."""
    for answers in found.values():
        table, file = answers.to_table(), io.BytesIO()
        table.write(file, format="votable")
        again = QTable.read(io.BytesIO(file.getvalue()), format="votable")
        for name in table.colnames:
            one, other = table[name], again[name]
            if one.dtype.kind == "U":
                one, other = (getattr(c, "filled", lambda _, c=c: c)("") for c in (one, other))
            _same(one, other)
            if not str(one.unit or "").startswith("dex"):
                assert other.unit == one.unit


def _same(one, other):
    """The same values where there are any, and the same ones missing."""
    lost = np.asarray(getattr(one, "mask", np.zeros(len(one), bool)))
    assert (np.asarray(getattr(other, "mask", np.zeros(len(one), bool))) == lost).all()
    a, b = (np.asarray(getattr(c, "unmasked", c))[~lost] for c in (one, other))
    assert (a.astype(str) == b.astype(str)).all() if a.dtype.kind in "US" else np.allclose(a, b)


class Viewer:
    """Takes spectra as Specviz does."""

    def __init__(self):
        self.shown = {}

    def load(self, data, data_label=None):
        self.shown[data_label] = data


def test_specviz_gets_the_spectrum_and_its_neighbours(of_galaxies):
    """As spectra of specutils in one unit, the neighbours at its redshift and as bright."""
    from specutils import Spectrum

    answers = of_galaxies["classify"]
    viewer = answers.specviz(1, app=Viewer())
    query, *others = viewer.shown.values()
    nearest = [n.object_id for n in answers[1].neighbors]
    assert list(viewer.shown) == [answers[1].object_id, *(f"{i}: {n}" for i, n in enumerate(nearest, 1))]
    assert all(isinstance(one, Spectrum) and one.flux.unit == query.flux.unit for one in others)
    assert_allclose(query.flux.value, answers.spectra[1].flux)
    known = answers.base.spectra(nearest)
    for one, stored in zip(others, known, strict=True):
        expected = stored.wavelength * (1 + answers.spectra[1].z) / (1 + stored.z)
        assert_allclose(one.spectral_axis.to_value(u.AA), expected)
        ours = np.interp(one.spectral_axis.value, query.spectral_axis.value, query.flux.value, np.nan, np.nan)
        both = np.isfinite(ours) & ~one.mask
        assert_allclose(np.median(one.flux.value[both]), np.median(ours[both]), rtol=0.1)


def test_a_scaled_neighbour_keeps_its_signal_to_noise(of_galaxies):
    first, second = of_galaxies["search"].spectra[0], of_galaxies["search"].spectra[1]
    shown = beside(first, second)
    assert_allclose(shown.flux * np.sqrt(shown.ivar), second.flux * np.sqrt(second.ivar), rtol=1e-4)


def test_without_jdaviz_a_sentence_says_what_to_do(of_galaxies, monkeypatch):
    monkeypatch.setitem(sys.modules, "jdaviz", None)
    with pytest.raises(
        SpectrumError, match=r"jdaviz is not installed here\. Install it \(pip install jdaviz\)"
    ):
        of_galaxies["search"].specviz(0)


def test_what_is_no_viewer_and_what_has_no_fluxes_is_refused(of_galaxies, of_sources):
    with pytest.raises(SpectrumError, match="found a dict, expected a Specviz of jdaviz"):
        of_galaxies["search"].specviz(0, app={})
    with pytest.raises(SpectrumError, match="specviz: these spectra have no fluxes"):
        of_sources["search"].specviz(0, app=Viewer())


def test_a_figure_is_a_picture_in_a_notebook(of_galaxies):
    """Without pyplot, whose absence would leave its size in words."""
    found = of_galaxies["search"]
    assert found.plot(0)._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"


def test_samples_that_one_answer_has_not_are_nan_in_the_table():
    rows = [{"object_id": "a", "samples": [1.0, 2.0]}, {"object_id": "b", "samples": None}]
    table = answer_table([{**one, "samples": Vector(one["samples"] or ())} for one in rows], {}, {})
    assert_allclose(table["samples"], [[1.0, 2.0], [np.nan, np.nan]])
    read = [
        {"object_id": name, "estimates": {"teff": _read(s)}} for name, s in (("a", (1.0, 2.0)), ("b", ()))
    ]
    shorter = answer_table(read, {"teff_samples": "K"}, {})
    assert table.colnames == ["object_id", "samples"]
    assert_allclose(shorter["teff_samples"].to_value(u.K), [[1.0, 2.0], [np.nan, np.nan]])


def _read(samples: tuple[float, ...]) -> dict[str, object]:
    return {"value": 1.0, "interval": (0.0, 2.0), "confident": True, "samples": samples}
