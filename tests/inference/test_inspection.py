"""Looks through candidates: the ranking learns from marks, the estimate of what is missing holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrove.errors import CatalogError
from spectrove.inference.inspection.completeness import Completeness, Scored, estimate
from spectrove.inference.inspection.proposals import propose
from spectrove.inference.inspection.ranking import Candidates, Marks, Ranking
from spectrove.inference.inspection.sheet import Sheet
from spectrove.pipeline.inspection import Inspection, inspect

NONE = np.zeros(0, np.int64)


def planted(seed: int, n: int = 400, n_targets: int = 30) -> tuple[Candidates, set[str]]:
    """Candidates with a small cluster of targets, of which the first ranking knows little."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 8))
    vectors[:n_targets] = 0.5 * vectors[:n_targets] + np.array([2.5, 2.5, 0, 0, 0, 0, 0, 0])
    truth = np.arange(n) < n_targets
    names = np.array([f"o{i:04d}" for i in rng.permutation(n)])
    first = truth + rng.normal(0, 1.5, n)
    return Candidates(names, {"shape": vectors}, first), set(names[truth].tolist())


def answered(found: Inspection, targets: set[str]) -> Sheet:
    """The sheet after a person who is never wrong has marked everything."""
    rows = [list(row) for row in found.sheet.rows]
    for row in rows:
        row[1] = "yes" if row[0] in targets else "no"
    return replace(found.sheet, rows=tuple(map(tuple, rows)))


def looked_through(candidates: Candidates, targets: set[str], rounds: int) -> list[Inspection]:
    """The state after each round."""
    sheet, states = Sheet(), []
    for _ in range(rounds):
        states.append(inspect(sheet, candidates, "planted"))
        sheet = answered(states[-1], targets)
        if not states[-1].next:
            break
    return states


def test_a_reviewer_finds_a_planted_cluster_in_a_fraction_of_the_looks():
    """The first ranking needs most of the list; with marks a third is enough for nine in ten."""
    candidates, targets = planted(1)
    order = candidates.object_id[np.argsort(-candidates.first)].tolist()
    hits = np.cumsum([name in targets for name in order])
    by_rank = int(np.searchsorted(hits, 27)) + 1
    states = looked_through(candidates, targets, 30)
    looks = next(len(s.marks) for s in states if sum(m == "yes" for m in s.marks.values()) >= 27)
    assert looks <= 0.4 * by_rank


def test_the_review_ends_by_itself_when_the_list_is_complete():
    candidates, targets = planted(2)
    last = looked_through(candidates, targets, 40)[-1]
    assert not last.next
    assert last.completeness.reached
    assert len(last.marks) < len(candidates)
    assert last.completeness.found >= 0.9 * len(targets)


def test_completeness_intervals_cover_the_truth_in_simulated_reviews():
    """68% intervals hold the number of targets in 60% of all states with an estimate at least, 95% ones in 88%."""
    inside: list[tuple[bool, bool]] = []
    for seed in range(12):
        candidates, targets = planted(100 + seed, n_targets=20 + seed)
        for state in looked_through(candidates, targets, 8)[1:]:
            now = state.completeness
            if now.total_68 and now.total_95:
                inside.append(
                    tuple(low <= len(targets) <= high for low, high in (now.total_68, now.total_95))  # type: ignore[arg-type]
                )
    rate = np.mean(inside, axis=0)
    assert len(inside) > 30
    assert rate[0] >= 0.6
    assert rate[1] >= 0.88


def test_random_marks_alone_give_the_share_of_targets():
    """Scores that say nothing: the estimate is the fraction of yes among the marks, as by hand."""
    rng = np.random.default_rng(3)
    truth = np.arange(200) < 40
    scored = Scored(rng.normal(size=200), rng.permutation(truth), np.ones(200, bool), rng.normal(size=1000))
    found = estimate(scored, 40)
    assert found.total is not None
    assert found.total_95 is not None
    assert found.total == pytest.approx(240, abs=25)
    assert found.total_95[0] < 240 < found.total_95[1]


def test_with_nothing_left_the_list_is_complete_without_an_interval():
    done = estimate(Scored(np.zeros(5), np.arange(5) < 2, np.zeros(5, bool), np.zeros(0)), 2)
    assert (done.total, done.interval, done.reached) == (2, (1.0, 1.0), True)


@pytest.mark.parametrize(("n_yes", "said"), [(0, "none of 12 marks is yes"), (12, "every mark is yes")])
def test_without_a_yes_or_a_no_there_is_a_reason_and_no_number(n_yes: int, said: str):
    scored = Scored(np.arange(12.0), np.arange(12) < n_yes, np.zeros(12, bool), np.zeros(30))
    found = estimate(scored, n_yes)
    assert found.total is None
    assert said in found.reason
    assert said in found.sentence
    assert not found.reached


def test_the_sentence_says_found_estimated_complete_and_how_many_more():
    found = Completeness(23, 27.0, (24.0, 34.0), (23.0, 50.0), 20)
    assert found.sentence == (
        "found 23; estimated 27 [24 34] in all: .85 [.67 .95] complete; look at about 20 more to reach .9"
    )


def test_a_mark_changes_neither_the_score_it_is_left_out_of_nor_the_order_of_the_candidates():
    """The left-out score of an object is the same whether it was marked yes or no."""
    candidates, _ = planted(4)
    ranking = Ranking(candidates)
    yes, no = np.arange(10), np.arange(50, 80)
    one = ranking.left_out(Marks(yes, no))
    assert len(one) == 40
    assert one[:10].mean() > one[10:].mean() + 0.5


def test_proposals_mix_likely_near_and_random_ones_and_say_with_which_probability():
    scores = np.linspace(3, -3, 200)
    proposed = propose(scores, np.arange(10, 200), 20, seed=1)
    because = [one.because for one in proposed]
    assert [because.count(word) for word in ("likely", "informative", "random")] == [14, 2, 4]
    assert [one.place for one in proposed[:14]] == list(range(10, 24))
    assert all(abs(one.score) < 0.05 for one in proposed[14:16])
    assert {one.probability for one in proposed[16:]} == {4 / (190 - 16)}
    assert len({one.place for one in proposed}) == 20


def test_everything_is_proposed_once_if_little_is_left():
    assert sorted(one.place for one in propose(np.zeros(9), np.arange(5), 20, seed=0)) == list(range(5))


def test_unsure_ones_are_neither_found_nor_missing_and_are_not_proposed_again():
    candidates, targets = planted(5)
    first = inspect(Sheet(), candidates, "planted")
    sheet = answered(first, targets)
    rows = [list(row) for row in sheet.rows]
    name = next(row[0] for row in rows if row[1] == "yes")
    rows = [[row[0], "?" if row[0] == name else row[1], *row[2:]] for row in rows]
    state = inspect(replace(sheet, rows=tuple(map(tuple, rows))), candidates, "planted")
    assert state.marks[name] == "unsure"
    assert state.completeness.found == sum(row[1] == "yes" for row in rows)
    assert name not in {one.object_id for one in state.next}


def test_no_more_are_open_than_were_asked_for():
    """Running again before marking adds nothing; after half is marked, half is added."""
    candidates, targets = planted(6)
    first = inspect(Sheet(), candidates, "planted", 10)
    assert not inspect(first.sheet, candidates, "planted", 10).next
    rows = [list(row) for row in answered(first, targets).rows]
    for row in rows[5:]:
        row[1] = ""
    half = inspect(replace(first.sheet, rows=tuple(map(tuple, rows))), candidates, "planted", 10)
    assert (len(half.open), len(half.next)) == (5, 5)


def test_given_examples_count_as_found_and_are_not_proposed():
    candidates, targets = planted(7)
    places = np.flatnonzero([name in targets for name in candidates.object_id])[:3]
    state = inspect(Sheet(), candidates, "planted", examples=Marks(places, NONE))
    assert state.completeness.found == 3
    assert not {one.object_id for one in state.next} & set(candidates.object_id[places].tolist())


def test_a_sheet_of_another_hunt_or_of_other_spectra_is_refused_and_a_few_strangers_are_named():
    candidates, _ = planted(8)
    sheet = inspect(Sheet(), candidates, "planted").sheet
    with pytest.raises(CatalogError, match="marks of planted, this hunt is for liner"):
        inspect(sheet, candidates, "liner")
    others = replace(candidates, object_id=np.array([f"x{i}" for i in range(len(candidates))]))
    with pytest.raises(CatalogError, match="none of the 20 objects"):
        inspect(sheet, others, "planted")
    row = {"object_id": "stranger", "mark": "yes"}
    said = inspect(sheet.with_rows([row]), candidates, "planted")
    assert any("stranger" in caution for caution in said.cautions)
    assert "stranger" not in said.marks
