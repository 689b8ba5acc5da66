"""A review of labels: neighbours and the own spectrum together, in sentences that name what was looked at."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from spectrove.domain import OwnEvidence
from spectrove.inference.labels.noise import LabelVotes
from spectrove.inference.labels.review import Words, combined, label_findings, redshift_findings

#: Four objects of two classes; the third is labelled a, and all its neighbours are b.
VOTES = LabelVotes(
    np.array(["o0", "o1", "o2", "o3"]),
    ("a", "b"),
    np.array([0, 0, 0, 1]),
    np.array([[0.9, 0.1], [0.9, 0.1], [0.02, 0.98], [0.1, 0.9]]),
    np.array([[1, -1], [0, -1], [3, -1], [2, -1]]),
)


def test_evidence_is_multiplied_and_ignorance_changes_nothing():
    """By hand: (.9 + .01)(.5 + .01) to (.1 + .01)(.5 + .01) is .9 to .1 again only where shares are equal."""
    votes = np.array([[0.9, 0.1], [0.9, 0.1], [np.nan, np.nan]])
    own = np.array([[0.5, 0.5], [0.2, 0.8], [0.2, 0.8]])
    together = combined(votes, own)
    assert_allclose(together[0], [0.9, 0.1])
    assert_allclose(together[1, 0] / together[1, 1], 0.91 * 0.21 / (0.11 * 0.81))
    assert_allclose(together[2, 0] / together[2, 1], 0.21 / 0.81)  # nobody voted


def test_a_label_against_all_neighbours_is_found_and_groups_are_named_where_there_are_any():
    nothing = OwnEvidence.none(4, 2)
    (finding,) = label_findings(VOTES, "kind", nothing, Words("plates"), limit=0.1)
    assert (finding.object_id, finding.current, finding.suggested, finding.kind) == ("o2", "a", "b", "label")
    assert finding.reason == "of its 1 nearest neighbours on other plates 1 are b, 0 a"
    (alone,) = label_findings(VOTES, "kind", nothing, Words(), limit=0.1)
    assert alone.reason == "of its 1 nearest neighbours 1 are b, 0 a"


def test_what_the_spectrum_excludes_is_found_with_its_measurements():
    """Though the neighbours agree with the label."""
    own = OwnEvidence(
        np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]]),
        np.array([[True, False], [False, False], [False, False], [False, False]]),
        ("counts 3 +/- 1", "", "", ""),
        ("", "the edge is off by 2 keV", "", ""),
    )
    found = {f.object_id: f for f in label_findings(VOTES, "kind", own, Words(own="counts"), limit=0.0)}
    assert found["o0"].kind == "lines"
    assert found["o0"].reason.endswith("; its own counts exclude a (counts 3 +/- 1)")
    (redshift,) = redshift_findings(VOTES, "kind", own)
    assert (redshift.object_id, redshift.action) == ("o1", "remove")
    assert redshift.reason == "the edge is off by 2 keV"


def test_evidence_of_batches_is_that_of_the_whole():
    whole = OwnEvidence.concatenate([OwnEvidence.none(3, 2), OwnEvidence.none(1, 2)])
    assert whole.probability.shape == whole.excluded.shape == (4, 2)
    assert len(whole.measurements) == len(whole.conflict) == 4
