"""Planners of fits: what is done is checked and counted, rules find what mocks lack, and a trace can be done again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectrove.errors import DatasetError, ParameterError
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.engine import Engine
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement
from spectrove.sed.planner.actions import (
    ACTIONS,
    Accept,
    AddAgn,
    DropBand,
    FreeRedshift,
    Recall,
    Refine,
    SetModules,
    action_of,
)
from spectrove.sed.planner.bench import Bench, Budget
from spectrove.sed.planner.controls import FixedOrder, Random
from spectrove.sed.planner.knowledge import Knowledge
from spectrove.sed.planner.rules import Rules
from spectrove.sed.planner.run import Plan, Refused, planned
from spectrove.sed.planner.search import covering, settle, thinned
from spectrove.sed.planner.space import Ingredients, Space, Structure
from spectrove.sed.planner.trace import Recorded, Remembered, Trace, differences, lines

CORE = {"tau_main": (0.3, 1.0, 4.0), "age_main": (0.3, 1.0, 3.0, 6.0), "ebv": (0.0, 0.1, 0.2, 0.4)}
MODULES = {
    "burst": {"f_burst": (0.0, 0.1, 0.3), "tau_burst": (0.05,), "age_burst": (0.01, 0.03)},
    "slope": {"slope": (-0.5, -0.25, 0.0)},
    "clouds": {"av_ism": (0.0, 0.5, 1.0), "mu": (0.3, 0.5)},
    "agn": {"agn_fraction": (0.0, 0.3, 0.6)},
}
FLOOR = 0.03


@pytest.fixture(scope="module")
def ingredients(populations, filters) -> Ingredients:
    return Ingredients(populations, filters, core=CORE, modules=MODULES)


@pytest.fixture(scope="module")
def bands(filters) -> tuple[str, ...]:
    return tuple(one.name for one in filters)


def galaxy(
    ingredients: Ingredients, z: float = 0.6, seed: int = 1, noise: float = 0.02, **parameters: Any
) -> Photometry:
    """A galaxy of the simplest structure but for what is named."""
    given = {
        "tau": 1.0,
        "age": 3.0,
        "f_burst": 0.0,
        "age_burst": 0.02,
        "ebv": 0.15,
        "slope": 0.0,
        "agn": 0.0,
    } | parameters
    grid = Grid(
        DelayedBurst((given["tau"],), (given["age"],), (given["f_burst"],), (0.05,), (given["age_burst"],)), (0.02,),
        law=Calzetti((given["ebv"],), (given["slope"],)), agn_fraction=(given["agn"],),
    )  # fmt: skip
    flux = Engine(ingredients.populations, ingredients.filters, grid).at(z).flux(0, 0) * 1e10
    noisy = flux * (1 + noise * np.random.default_rng(seed).normal(size=flux.size))
    return Photometry("mock", z, noisy, noise * flux)


def bench(ingredients, bands, one: Photometry, **more: Any) -> Bench:
    return Bench(ingredients, bands, one, FLOOR, **more)


class Says:
    """Proposes what it is told to, and keeps what it is sent."""

    name = "says"

    def __init__(self, *actions: Any) -> None:
        self.actions, self.sent = actions, []

    def plan(self, first, budget) -> Plan:
        self.sent.append(first)
        for action in self.actions:
            self.sent.append((yield action))


def test_an_action_computes_what_the_whole_grid_has(ingredients, bands):
    one = galaxy(ingredients)
    desk = bench(ingredients, bands, one, structure=Structure(("burst",)))
    desk.start()
    seen = desk.do(Refine(parameters={name: list(v) for name, v in desk.sheet.space.levels.items()}))
    models = Space.of(ingredients, Structure(("burst",)), one.z).models
    found = agreement(models, one, FLOOR)
    assert seen.chi2 == pytest.approx(found.chi2[found.scale > 0].min(), rel=1e-3)
    assert desk.sheet.seen.all()
    assert not seen.promising


def test_models_are_counted_once_and_never_beyond_the_budget(ingredients, bands):
    desk = bench(ingredients, bands, galaxy(ingredients), budget=Budget(models=100, rounds=5))
    first = desk.start()
    assert first.models == first.total == len(desk.sheet.bound) + 1
    part = {"age_main": [0.3, 1.0, 3.0], "tau_main": [0.3, 1.0, 4.0]}
    new = desk.do(Refine(parameters=part))
    assert 0 < new.models <= 9
    assert desk.do(Refine(parameters=part)).models == 0
    before = desk.total
    with pytest.raises(ParameterError, match="100 are allowed"):
        desk.do(SetModules(modules=["burst", "slope", "agn"]))
    assert (desk.total, desk.structure) == (before, Structure())
    for _ in range(3):
        desk.do(Refine(parameters=part))
    with pytest.raises(ParameterError, match="all 5 rounds are used"):
        desk.do(Refine(parameters=part))


def test_a_node_is_gone_back_to_and_a_band_is_left_out_from_there_on(ingredients, bands):
    desk = bench(ingredients, bands, galaxy(ingredients))
    desk.start()
    dropped = desk.do(DropBand(band=bands[2], reason="it is off"))
    assert dropped.n_bands == len(bands) - 1
    assert desk.do(AddAgn()).dropped == (bands[2],)
    again = desk.do(SetModules(modules=["slope"], node=0))
    assert (again.dropped, again.parent, again.n_bands) == ((), 0, len(bands))
    with pytest.raises(ParameterError, match="node 99"):
        desk.do(AddAgn(node=99))
    assert desk.structure.modules == ("slope",)


def test_values_between_the_levels_are_computed(ingredients, bands):
    desk = bench(ingredients, bands, galaxy(ingredients, ebv=0.15, noise=0.001))
    desk.start()
    coarse = desk.do(Refine(parameters={name: list(v) for name, v in desk.sheet.space.levels.items()}))
    fine = desk.do(Refine(parameters={"ebv": [0.12, 0.15, 0.18], "age_main": [3.0], "tau_main": [1.0]}))
    assert fine.best["ebv"] == 0.15
    assert fine.chi2 < coarse.chi2 / 3


@pytest.mark.parametrize(
    ("proposed", "said"),
    [
        ({"action": "fly"}, "Actions are set_modules"),
        ({"action": "refine", "parameters": {"ebv": [0.1]}, "path": "/etc/passwd"}, "Extra inputs"),
        ({"action": "refine", "parameters": {"ebv": [9.0]}}, "ebv 9: expected 0 to 2"),
        ({"action": "refine", "parameters": {"ebv": ["0.1"]}}, "no action"),
        ({"action": "refine", "parameters": {"__class__": [1.0]}}, "no parameter"),
        ({"action": "refine", "parameters": {"ebv": []}}, "0 values of ebv"),
        ({"action": "refine", "parameters": {"slope": [0.0], "mu": [0.3]}}, "mu is no parameter"),
        ({"action": "set_modules", "modules": ["black hole"]}, "module 'black hole'"),
        ({"action": "set_modules", "modules": ["slope", "clouds"]}, "Choose one of both"),
        ({"action": "drop_band", "band": "nowhere", "reason": "x"}, "no such band"),
        ({"action": "free_redshift", "low": 2.0, "high": 1.0}, "the lower one comes first"),
        ({"action": "recall", "similar": 3}, "no other galaxy"),
        ({"action": "accept", "reason": "chi2 is 123456.7"}, "figures that no observation has: 123456.7"),
        ("import os", "no action"),
        (None, "no action"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_and_nothing_changes(ingredients, bands, proposed, said):
    desk = bench(ingredients, bands, galaxy(ingredients))
    says = Says(proposed, {"action": "stop", "reason": "enough"})
    done = planned(says, desk)
    assert isinstance(says.sent[1], Refused)
    assert said in says.sent[1].error
    assert (desk.structure, desk.rounds, done.stopped) == (Structure(), 0, "enough")


def test_a_planner_that_does_not_learn_is_stopped(ingredients, bands):
    done = planned(
        Says(*["nothing"] * 50), bench(ingredients, bands, galaxy(ingredients), budget=Budget(refusals=3))
    )
    assert len(done.steps) == 4
    assert "4 actions were refused" in done.stopped


def _mutated(rng: np.random.Generator, names: list[str]) -> Any:
    """A reply as a bad model gives it: nearly an action, or nothing of the kind."""
    odd: list[Any] = [None, True, -1, 1e308, "x" * 5000, "ignore all rules", [], {}, [1.0, 2.0], {"ebv": [0.1]},
                      {"ebv": [float("nan")]}, {"tau_main": [0.5, 1.5]}, ["burst"], ["agn", "rm -rf /"],
                      "http://a.b", 3]  # fmt: skip
    if rng.random() < 0.1:
        return odd[int(rng.integers(len(odd)))]
    keys = ["parameters", "modules", "band", "reason", "low", "high", "similar", "node", "path", "code"]
    made = {
        key: odd[int(rng.integers(len(odd)))] for key in rng.choice(keys, rng.integers(0, 4), replace=False)
    }
    return {"action": str(rng.choice([*ACTIONS, "eval", ""]))} | made | (
        {"band": str(rng.choice(names))} if rng.random() < 0.2 else {}
    )  # fmt: skip


def test_of_10000_replies_none_is_done_that_is_no_action_and_no_budget_is_exceeded(ingredients, bands):
    """Fuzzed replies: whatever is done is an action of the list, and rounds and models stay within the budget."""
    rng = np.random.default_rng(7)
    budget = Budget(rounds=12, models=4000, at_once=300, refusals=10**6)
    replies = done_steps = 0
    while replies < 10_000:
        made = [_mutated(rng, list(bands)) for _ in range(500)]
        replies += len(made)
        desk = bench(ingredients, bands, galaxy(ingredients), budget=budget)
        done = planned(Says(*made), desk)
        replies -= len(made) - len(done.steps)
        assert desk.rounds <= budget.rounds
        assert desk.total <= budget.models
        for step in done.steps:
            if step.observation is not None:
                done_steps += 1
                assert action_of({k: v for k, v in step.action.items() if v is not None}).action in ACTIONS
                assert step.observation.models <= budget.models
    assert done_steps > 100, "some replies are actions, so that the test means something"


CASES = {
    "plain": {}, "burst": {"f_burst": 0.3, "tau": 0.3, "age": 6.0, "ebv": 0.1},
    "slope": {"slope": -0.5, "ebv": 0.4}, "agn": {"agn": 0.6},
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_rules_name_what_a_mock_has_and_nothing_where_it_has_nothing(ingredients, bands, kind):
    one = galaxy(ingredients, noise=0.01, **CASES[kind])
    done = planned(Rules(), Bench(ingredients, bands, one, 0.01))
    assert done.changes()[:1] == ([] if kind == "plain" else [kind])
    assert done.bench.rounds <= 20
    assert done.fit is not None
    assert done.reason.startswith("chi2 is ")


def test_rules_find_a_wrong_redshift_and_a_wrong_band(ingredients, bands):
    true = galaxy(ingredients, z=0.6, noise=0.01)
    done = planned(Rules(), Bench(ingredients, bands, replace(true, z=4.0), 0.01))
    assert done.changes() == ["redshift"]
    assert done.fit.quantities["redshift"].mean == pytest.approx(0.6, abs=0.15)
    flux = true.flux.copy()
    flux[3] *= 2
    done = planned(Rules(), Bench(ingredients, bands, replace(true, flux=flux), 0.01))
    assert done.changes() == [f"without {bands[3]}"]


@pytest.mark.parametrize("planner", [FixedOrder(), Random(3)])
def test_controls_keep_to_the_budget_and_end(ingredients, bands, planner):
    desk = bench(ingredients, bands, galaxy(ingredients), budget=Budget(rounds=8))
    done = planned(planner, desk)
    assert (desk.rounds, bool(done.reason)) == (8, True)


class Settles:
    name = "settles"

    def plan(self, first, budget) -> Plan:
        yield from settle(first, budget.rounds, covering(first.levels, budget.at_once, 20), budget.at_once)
        yield Accept(reason="settled")


@pytest.mark.parametrize("seed", range(4))
def test_a_search_finds_the_best_of_the_grid_with_a_part_of_its_models(ingredients, bands, seed):
    one = galaxy(ingredients, seed=seed, noise=0.05, slope=-0.3, f_burst=0.2)
    desk = bench(ingredients, bands, one, structure=Structure(("burst", "slope")), budget=Budget(at_once=40))
    done = planned(Settles(), desk)
    found = agreement(desk.sheet.space.models, one, FLOOR)
    least = float(found.chi2[found.scale > 0].min())
    assert done.observations[-1].chi2 == pytest.approx(least, abs=1.0)
    assert desk.total < 0.5 * found.chi2.size


def test_sub_grids_cover_every_pair_and_keep_to_their_size():
    levels = {"a": tuple(range(12)), "b": (0.0, 1.0), "c": (0.0, 1.0, 2.0), "d": tuple(range(8))}
    order = covering(levels, 100, 12)
    assert all(np.prod([len(levels[name]) for name in subset]) <= 100 for subset in order)
    met = {frozenset((x, y)) for subset in order for x in subset for y in subset if x != y}
    assert len(met) == 6
    part = thinned({"a": levels["a"], "c": levels["c"]}, {"a": 10.0, "c": 1.0}, 12)
    assert len(part["a"]) * len(part["c"]) <= 12
    assert 10 in part["a"]


def test_a_galaxy_does_not_learn_from_itself(ingredients, bands, tmp_path):
    known, one = Knowledge(), galaxy(ingredients)
    known.learn(one, bands, {"age_main": 3.0}, ())
    known.learn(replace(one, object_id="twin", flux=one.flux * 7), bands, {"age_main": 1.0}, ())
    known.learn(replace(galaxy(ingredients, seed=2), object_id="other"), bands, {"age_main": 6.0}, ("burst",))
    assert known.similar(one, bands, 5) == [{"age_main": 6.0}], "neither by its name nor by its photometry"
    known.write(tmp_path / "known.json")
    assert Knowledge.read(tmp_path / "known.json") == known
    desk = bench(ingredients, bands, one, knowledge=known)
    desk.start()
    assert desk.do(Recall(similar=5)).recalled == ({"age_main": 6.0},)
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(DatasetError, match="no knowledge of galaxies"):
        Knowledge.read(tmp_path / "bad.json")


def written(path: Path, *planned_ones: Any) -> Path:
    head = {"trace": 1, "budget": vars(planned_ones[0].bench.budget)}
    rows = [head, *(line for one in planned_ones for line in lines(one))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("planner", [Rules(), Random(5)])
def test_a_trace_is_done_again_to_the_last_digit_and_a_changed_one_is_told(
    ingredients, bands, tmp_path, planner
):
    known = Knowledge()
    known.learn(replace(galaxy(ingredients, seed=2), object_id="other"), bands, {"age_main": 6.0}, ())
    one = galaxy(ingredients, noise=0.01, agn=0.6)
    said = Says({"action": "recall", "similar": 2}, "junk", {"action": "accept", "reason": "done"})
    done = [planned(p, bench(ingredients, bands, one, knowledge=known)) for p in (planner, said)]
    trace = Trace.read(written(tmp_path / "t.jsonl", *done))
    for told, before in zip(trace.galaxies, done, strict=True):
        again = planned(
            Recorded(told), Bench(ingredients, bands, told.galaxy, FLOOR, trace.budget, Remembered(told))
        )
        assert differences(told, again) == []
        assert repr(again.fit.row()) == repr(before.fit.row())
    other = trace.galaxies[0]
    changed = replace(other, galaxy=replace(other.galaxy, flux=other.galaxy.flux * (1 + 1e-12)))
    again = planned(Recorded(changed), Bench(ingredients, bands, changed.galaxy, FLOOR, trace.budget))
    assert differences(other, again)


def done_again(told: Any, ingredients: Ingredients, budget: Budget) -> list[str]:
    names = tuple(one.name for one in ingredients.filters)
    desk = Bench(ingredients, names, told.galaxy, FLOOR, budget, Remembered(told))
    return differences(told, planned(Recorded(told), desk))


def test_a_recall_that_was_refused_is_refused_again_and_does_not_take_what_a_later_one_brought(
    ingredients, bands, tmp_path
):
    known = Knowledge()
    for seed in (2, 3, 4):
        other = replace(galaxy(ingredients, seed=seed), object_id=f"other {seed}")
        known.learn(other, bands, {"age_main": float(seed)}, ())
    says = Says(
        {"action": "recall", "similar": 3},
        {"action": "recall", "similar": 1},
        {"action": "accept", "reason": "done"},
    )
    desk = bench(ingredients, bands, galaxy(ingredients), knowledge=known, budget=Budget(at_once=1))
    done = planned(says, desk)
    assert [bool(step.refused) for step in done.steps] == [True, False, False]
    trace = Trace.read(written(tmp_path / "t.jsonl", done))
    assert done_again(trace.galaxies[0], ingredients, trace.budget) == []


BROKEN: dict[str, Any] = {
    "a step that is a list": lambda head, rows: rows.insert(2, []),
    "a step without action": lambda head, rows: rows.insert(2, {"seconds": 1}),
    "an action that is a number": lambda head, rows: rows.insert(2, {"action": 3}),
    "an observation that is text": lambda head, rows: rows.insert(2, {"action": "x", "observation": "y"}),
    "what was recalled is a number": lambda head, rows: rows.insert(2, {"action": "x", "recalled": [1]}),
    "a flux beyond all numbers": lambda head, rows: rows[0]["galaxy"]["flux"].__setitem__(0, 10**400),
    "fluxes that are text": lambda head, rows: rows[0]["galaxy"].update(flux=["a"]),
    "an end without a reason": lambda head, rows: rows[-1].update(end={}),
    "a budget of text": lambda head, rows: head["budget"].update(rounds="all"),
    "no bands": lambda head, rows: head.pop("bands"),
    "a band twice": lambda head, rows: head["bands"].__setitem__(1, head["bands"][0]),
    "a band too few": lambda head, rows: head["bands"].pop(),
    "no floor": lambda head, rows: head.pop("floor"),
    "a floor that is none": lambda head, rows: head.update(floor=-1),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_trace_that_somebody_broke_is_refused(ingredients, bands, tmp_path, how):
    done = planned(FixedOrder(), bench(ingredients, bands, galaxy(ingredients), budget=Budget(rounds=2)))
    head, *rows = map(json.loads, written(tmp_path / "t.jsonl", done).read_text().splitlines())
    head |= {"bands": list(bands), "floor": FLOOR}
    BROKEN[how](head, rows)
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (head, *rows)))

    def read() -> None:
        trace = Trace.read(tmp_path / "t.jsonl")
        assert trace.bands
        assert trace.budget
        assert trace.floor

    with pytest.raises(DatasetError, match="trace"):
        read()


@pytest.mark.parametrize("text", ['{"trace": 1}', "[" * 100_000 + "\n", "[]\n"])
def test_a_trace_without_a_finished_head_or_nested_without_end_is_refused(tmp_path, text):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(DatasetError, match="no trace of plans"):
        Trace.read(tmp_path / "t.jsonl")


@pytest.mark.parametrize(
    "row",
    [
        {"name": "a", "z": float("nan"), "magnitudes": {}, "best": {}, "modules": []},
        {"name": "a", "z": 1, "magnitudes": {"u": float("inf")}, "best": {}, "modules": []},
        {"name": "a", "z": 1, "magnitudes": [], "best": {}, "modules": []},
        {"name": "a", "z": 1, "magnitudes": {}, "best": {}, "modules": [], "place": [1]},
        {"name": "a", "z": 10**400, "magnitudes": {}, "best": {}, "modules": []},
    ],
)
def test_knowledge_that_is_no_number_is_refused(tmp_path, row):
    (tmp_path / "k.json").write_text(json.dumps({"version": 1, "galaxies": [row]}))
    with pytest.raises(DatasetError, match="no knowledge of galaxies"):
        Knowledge.read(tmp_path / "k.json")


def test_a_galaxy_does_not_learn_from_another_measurement_of_itself(ingredients, bands, tmp_path):
    """The same place under another name, with other noise; also across 0 hours."""
    known = Knowledge()
    here, there = {"ra": 359.9999, "dec": 2.0}, {"ra": 0.0002, "dec": 2.0}
    far = {"ra": 0.01, "dec": 2.0}
    again = replace(galaxy(ingredients, seed=2), object_id="again", carried=here)
    known.learn(again, bands, {"age_main": 1.0}, ())
    known.learn(replace(again, object_id="other", carried=far), bands, {"age_main": 6.0}, ())
    known.write(tmp_path / "k.json")
    assert Knowledge.read(tmp_path / "k.json") == known
    assert known.similar(replace(galaxy(ingredients), carried=there), bands, 5) == [{"age_main": 6.0}]


@pytest.mark.parametrize("kind", ["plain", "slope"])
def test_the_structure_accepted_is_the_one_that_the_reason_names_whatever_the_rounds(
    ingredients, bands, kind
):
    """Rounds may end while a change is tried: the structure before is accepted, not the one in hand then."""
    one = galaxy(ingredients, noise=0.01, **CASES[kind])
    for rounds in range(1, 21):
        desk = Bench(ingredients, bands, one, 0.01, Budget(rounds=rounds, at_once=40))
        done = planned(Rules(), desk)
        assert f"chi2 is {desk.sheet.chi2:.1f} for {desk.galaxy.measured.sum()} bands" in (
            done.reason or done.stopped
        )
        assert not (kind == "plain" and done.changes())
        tried = {name for one in done.observations for name in one.modules}
        for name in ("burst", "agn"):
            said = (done.reason or done.stopped).partition("Not tried with this structure: ")[2]
            assert (name not in tried) <= (name in said), rounds
        assert set(done.changes()) == set(desk.structure.modules) | {f"without {band}" for band in desk.dropped} | (
            {"redshift"} if desk.structure.redshift else set()
        )  # fmt: skip


def test_a_node_that_is_accepted_is_fitted(ingredients, bands):
    says = Says(
        SetModules(modules=["burst"]), DropBand(band=bands[2], reason="off"), AddAgn(node=0),
        Accept(reason="too far", node=9), Accept(reason="enough", node=1),
    )  # fmt: skip
    done = planned(says, bench(ingredients, bands, galaxy(ingredients)))
    assert "node 9: there are 0 to 3" in done.steps[3].refused
    assert (done.reason, done.changes(), done.fit.n_bands) == ("enough", ["burst"], len(bands))
    done = planned(
        Says(AddAgn(), {"action": "stop", "reason": "no", "node": 0}),
        bench(ingredients, bands, galaxy(ingredients)),
    )
    assert (done.stopped, done.changes()) == ("no", [])


@pytest.mark.parametrize("models", [300, 1000, 3000, 10_000])
def test_a_free_redshift_keeps_to_the_budget(ingredients, bands, models):
    """It begins with all histories at each redshift, of which there are more than blocks where bursts are open."""
    desk = bench(ingredients, bands, galaxy(ingredients), budget=Budget(models=models))
    planned(Says(SetModules(modules=["burst"]), FreeRedshift(low=0.01, high=6.5)), desk)
    assert desk.total <= models


def test_a_fit_with_a_free_redshift_does_not_show_the_given_one(ingredients, bands):
    done = planned(
        Says(FreeRedshift(low=0.4, high=0.8), Accept(reason="found")),
        bench(ingredients, bands, galaxy(ingredients)),
    )
    row = done.fit.row()
    assert np.isnan(row["redshift"])
    assert 0.4 <= row["bayes.redshift"] <= 0.8


def test_a_structure_of_more_models_than_a_fit_can_look_at_is_refused(ingredients, bands):
    values = {name: np.linspace(0.2, 0.9, 100).tolist() for name in ("ebv", "tau_main")}
    desk = bench(ingredients, bands, galaxy(ingredients), structure=Structure(("burst", "agn")))
    says = Says(
        Refine(parameters=values), Refine(parameters={"age_main": values["ebv"], "f_burst": values["ebv"]})
    )
    done = planned(says, desk)
    assert "would have" in done.steps[1].refused
    assert "e+08 models" in done.steps[1].refused or "e+09 models" in done.steps[1].refused


def test_a_value_next_to_a_level_is_a_value_of_its_own(ingredients, bands):
    desk = bench(ingredients, bands, galaxy(ingredients))
    desk.start()
    assert desk.do(Refine(parameters={"ebv": [5e-9]})).found_at["ebv"] == 5e-9


def test_models_that_do_not_agree_are_counted_all_the_same(ingredients, bands):
    one = galaxy(ingredients)
    done = bench(ingredients, bands, replace(one, flux=-one.flux))
    with pytest.raises(ParameterError, match="none of the models computed agrees"):
        done.start()
    assert done.total > 0


def test_a_trace_that_was_cut_off_keeps_the_galaxies_that_were_finished(ingredients, bands, tmp_path):
    done = [planned(FixedOrder(), bench(ingredients, bands, galaxy(ingredients))) for _ in range(2)]
    path = written(tmp_path / "t.jsonl", *done)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(0.8 * len(raw))])
    trace = Trace.read(path)
    assert len(trace.galaxies) == 1
    assert raw[: trace.whole].count(b'"end"') == 1
    path.write_text("nothing\n")
    with pytest.raises(DatasetError, match="no trace of plans"):
        Trace.read(path)
