"""Evidence by the whole path: base, search, vote, stored spectra, measured lines."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from spectrove.errors import SpectrumError
from spectrove.explanation.evidence import build_evidence
from spectrove.galaxies.diagram.measured import bpt_of, measure
from spectrove.galaxies.domain import GALAXIES


def test_neighbours_come_nearest_first_with_weights_that_sum_to_one(liner):
    assert [n.object_id for n in liner.neighbors] == ["1445-53062-0466", "1009-52644-0170", "0500-52000-0001"]
    assert [n.distance for n in liner.neighbors] == pytest.approx([1.0, 1.5, 2.0])
    assert sum(n.weight for n in liner.neighbors) == pytest.approx(1)
    assert [n.label for n in liner.neighbors] == ["LINER", "Seyfert2-like", "LINER"]
    assert [n.group for n in liner.neighbors] == ["LINER", "other", "LINER"]


def test_line_ratios_are_measured_from_the_pixels(liner):
    """The Gaussians were made with [N II]/Ha = 1.3 and [O III]/Hb = 2."""
    place = bpt_of(liner.query)
    x, y = place.nii_ha, place.oiii_hb
    assert abs(x.value - np.log10(1.3)) < 4 * x.error + 0.03
    assert abs(y.value - np.log10(2.0)) < 4 * y.error + 0.08
    assert [bpt_of(n).own_class for n in liner.neighbors] == ["LINER", "Seyfert", "LINER"]


def test_the_query_s_catalog_row_changes_nothing(make_spectrum):
    plain, loaded = make_spectrum("a"), make_spectrum("a", ha_flux=1e9, **{"class": "STAR"}, bpt_class="SF")
    assert measure(plain, 0.05).values.bpt == measure(loaded, 0.05).values.bpt


def test_provenance_says_what_made_the_answer(liner):
    p = liner.provenance
    assert (p.encoder, p.fingerprint, p.base, p.base_size) == ("made-up", "0123456789abcdef", "known.kb", 3)
    assert (p.target, p.label_column, p.k, p.weighting, p.view) == (
        "liner",
        "class_derived",
        3,
        "exp, sum",
        "shape",
    )
    assert p.base_version >= 1
    assert liner.threshold == 0.5


def test_the_dictionary_is_plain_json(liner):
    text = json.dumps(liner.to_dict(), allow_nan=False)
    assert json.loads(text)["neighbors"][0]["label"] == "LINER"
    assert json.loads(text)["answer"]["positive"] == "LINER"
    assert "wavelength" not in json.loads(text)["query"]


def test_a_spectrum_without_redshift_is_explained_without_lines(make_spectrum):
    found = measure(make_spectrum("a", z=None), float("nan"))
    assert (found.values, found.model, found.reason) == (None, None, "it has no redshift")
    assert found.json == {"lines": None, "bpt": None}


def test_a_spectrum_without_good_pixels_is_explained_without_lines(make_spectrum):
    s = make_spectrum("a")
    assert measure(replace(s, ivar=s.ivar * 0), 0.05).reason == "it has no good pixel"


def test_a_neighbour_that_was_deleted_meanwhile_is_named_without_its_spectrum(liner):
    from spectrove.errors import KnowledgeError
    from spectrove.explanation.evidence import _neighbors
    from spectrove.spectra import SpectrumSet

    class Base:
        def spectra(self, ids):
            if "1009-52644-0170" in ids:
                raise KnowledgeError("1009-52644-0170 is not in the base.")
            return SpectrumSet.from_spectra([n.spectrum for n in liner.neighbors if n.object_id in ids])

    found = _neighbors(Base(), liner.prediction, GALAXIES.panels)
    assert [n.spectrum is None for n in found] == [False, True, False]
    assert found[1].measurement.reason == "its spectrum is not in the base"


def test_another_spectrum_s_answer_is_refused(liner, make_spectrum):
    class Neighbors:
        query_id = np.array(["0881-52368-0036"])

    with pytest.raises(SpectrumError, match="the answer is about 0881-52368-0036"):
        build_evidence(None, make_spectrum("other"), liner.prediction, Neighbors())
