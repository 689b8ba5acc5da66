"""Asking about lenses: every host of a fold as it is, with lines that the detector is told of, and with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from experiments.samples.injected import with_lenses
from experiments.samples.problems import COPY, OTHER_LINES
from experiments.samples.surveys import GROUP, MOCK_SEED
from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.evaluation.protocol import check_groups, group_names, not_trained_on, stripped
from spectrove.galaxies.lenses.second_redshift import SecondRedshift
from spectrove.galaxies.lenses.signs import common_residuals_for
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.shipped import load_encoder, load_target
from spectrove.provenance import canonical_json
from spectrove.readers import read_dataset, write_dataset
from spectrove.spectra import SpectrumSet

#: Edges of the S/N of the strongest line.
BINS = (3.0, 5.0, 7.0, 10.0, 15.0, 30.0)
#: Kind of lens to what is put behind the hosts.
LINES: dict[str, tuple[str, ...]] = {"told": ("galaxy",), "not told": OTHER_LINES}
#: Controls of their own, of each mock survey, for each of its spectra.
EXTRA = 2
#: Seed of the first of these surveys; nothing else uses them.
EXTRA_SEED = MOCK_SEED + 500
#: A redshift of the galaxy behind is right within this, in 1 + z.
RIGHT = 0.003


@dataclass(frozen=True)
class LensQueries:
    """The answers to the queries of one fold, as they are ("controls") and with a lens of each of `LINES`.

    Attributes:
        score: Method, then kind of query, to scores, larger more lens-like.
        is_target: Kind to whether the hunt says so.
        training: Method to the scores of the base's hosts without lenses, each asked with itself left out.
        extra: Method to the scores of other mock controls; empty for real hosts.
        extra_is_target: Whether the hunt calls them lenses.
        host, plate, sn: Of the queries by kind; S/N of the strongest line.
        right: Whether the first, second and third candidate has the redshift of what is behind ("told"), (n, 3).
    """

    score: dict[str, dict[str, NDArray[np.float64]]]
    is_target: dict[str, NDArray[np.bool_]]
    training: dict[str, NDArray[np.float64]]
    extra: dict[str, NDArray[np.float64]]
    extra_is_target: NDArray[np.bool_]
    host: dict[str, NDArray[np.str_]]
    plate: dict[str, NDArray[np.str_]]
    sn: dict[str, NDArray[np.float64]]
    right: NDArray[np.bool_]


def ask(setting: Setting, part: str, seed: int) -> list[LensQueries]:
    """The answers for every fold of a lens problem."""
    data = setting.data
    problem, hosts = data.problem(part, "lens", seed), data.lens_hosts(part, seed)
    kinds = {"controls": hosts}
    for i, (kind, backgrounds) in enumerate(LINES.items()):
        cells = {"line_cells": load_recipe("test").line_cells} if part == "mock" and kind == "told" else {}
        kinds[kind] = with_lenses(
            hosts,
            100 + 10 * seed + i,
            share=1.0,
            backgrounds=backgrounds,
            line_sn_range=(BINS[0], BINS[-1]),
            **cells,
        )
    extra = _extra(setting, seed) if part == "mock" else None
    answers = []
    for fold in problem.folds:
        known = problem.spectra.take(fold.base)
        asked_of = {name.removesuffix(COPY) for name in problem.spectra.object_id[fold.queries].tolist()}
        base = pipeline.create("memory://base", pipeline.in_batches(known), "base")[0]
        answers.append(_ask_fold(base, kinds, hosts, known, asked_of, extra, setting.k, f"{part}{seed}"))
    return answers


def extra_controls(asked: Sequence[LensQueries]) -> dict[str, NDArray[np.float64]]:
    """Method to the scores of the other mock controls of all of them; empty where there are none."""
    methods = asked[0].extra
    return {method: np.concatenate([a.extra[method] for a in asked]) for method in methods}


def _ask_fold(
    base: KnowledgeBase,
    kinds: dict[str, SpectrumSet],
    hosts: SpectrumSet,
    known: SpectrumSet,
    asked_of: set[str],
    extra: SpectrumSet | None,
    k: int,
    name: str,
) -> LensQueries:
    target = load_target("strong_lens")
    residuals = common_residuals_for(base, target=target)
    queries = {kind: _scored(spectra, asked_of) for kind, spectra in kinds.items()}
    check_groups(group_names(known, GROUP).tolist(), group_names(queries["controls"], GROUP).tolist())
    hunted, lines, is_target = {}, {}, {}
    right = np.zeros((0, 3), bool)
    for kind, spectra in queries.items():
        hunted[kind], is_target[kind] = _hunted(base, spectra, k)
        found = residuals.second_redshifts(spectra)
        lines[kind] = _line_scores(spectra, found)
        if kind == "told":
            right = _right(spectra, found)
    training = hosts.take(np.isin(hosts.object_id, known.object_id))
    own = _line_scores(training, residuals.second_redshifts(training))
    others: dict[str, NDArray[np.float64]] = {}
    called = np.zeros(0, bool)
    if extra is not None:
        others["hunt"], called = _hunted(base, extra, k)
        others["lines alone"] = _line_scores(extra, residuals.second_redshifts(extra))
    own_survey = name if name.startswith("mock") else ""  # plates of two mock surveys are not the same ones
    return LensQueries(
        {"hunt": hunted, "lines alone": lines},
        is_target,
        {"hunt": _hunted(base, training, k)[0], "lines alone": own},
        others,
        called,
        {kind: np.array([f"{own_survey}{i}" for i in s.object_id.tolist()]) for kind, s in queries.items()},
        {
            kind: np.array([f"{own_survey}{g}" for g in group_names(s, GROUP).tolist()])
            for kind, s in queries.items()
        },
        {kind: np.array(queries[kind].column("truth_line_sn"), float) for kind in LINES},
        right,
    )


def _scored(spectra: SpectrumSet, asked_of: set[str]) -> SpectrumSet:
    """The queries of a fold, where an injection came to something, that no encoder was trained on."""
    keep = np.isin(spectra.object_id, list(asked_of))
    if "truth_line_sn" in spectra.rows.column_names:
        injected = np.array(spectra.column("lens")) == "lens"
        keep &= injected | ~injected.any()
    chosen = spectra.take(keep)
    for encoder in ("base", "surprise"):
        chosen = chosen.take(not_trained_on(load_encoder(encoder), chosen.object_id))
    return chosen


def _hunted(
    base: KnowledgeBase, spectra: SpectrumSet, k: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores in the order that a hunt ranks by, and whether each is called a lens; who has no answer is last."""
    target = load_target("strong_lens")
    order: dict[str, float] = {}
    called: set[str] = set()
    for batch in pipeline.in_batches(stripped(spectra), 512):
        for p in pipeline.hunt(base, batch, target, k=k).predictions:
            probability, nearness = p.rank
            order[p.object_id] = probability + 1e-6 / (1 - nearness) if np.isfinite(nearness) else probability
            called |= {p.object_id} if p.is_target else set()
    names = spectra.object_id.tolist()
    return np.array([order.get(name, -2.0) for name in names]), np.array(
        [name in called for name in names], bool
    )


def _line_scores(spectra: SpectrumSet, found: dict[str, list[SecondRedshift]]) -> NDArray[np.float64]:
    names = spectra.object_id.tolist()
    return np.array([found[name][0].score if found.get(name) else 0.0 for name in names])


def _right(spectra: SpectrumSet, found: dict[str, list[SecondRedshift]]) -> NDArray[np.bool_]:
    right = np.zeros((len(spectra), 3), bool)
    truth = np.array(spectra.column("truth_z_source"), float)
    for i, name in enumerate(spectra.object_id.tolist()):
        for j, candidate in enumerate(found.get(name, [])[:3]):
            right[i, j] = abs(candidate.z - truth[i]) < RIGHT * (1 + truth[i])
    return right


def _extra(setting: Setting, seed: int) -> SpectrumSet:
    """Red mock galaxies that are in no base and among no queries."""
    n = EXTRA * setting.n_mock
    recipe = load_recipe("test").model_copy(update={"shares": {"red": 1.0}})
    made_by = blake2b(canonical_json(recipe.model_dump(mode="json")).encode(), digest_size=4).hexdigest()
    path = setting.data.folder / f"controls-{EXTRA_SEED + seed}-{n}-{made_by}.lance"
    if not path.exists():
        setting.data.folder.mkdir(parents=True, exist_ok=True)
        write_dataset(path, make_survey(n, recipe=recipe, seed=EXTRA_SEED + seed, workers=setting.workers))
    spectra = read_dataset(path)
    # Surveys of different seeds may use the same ids.
    return replace(spectra, object_id=np.array([f"{name}:control" for name in spectra.object_id.tolist()]))
