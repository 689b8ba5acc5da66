"""Reviews of a base: duplicates are found, decisions become one version, and nothing is written on an error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.curation import Finding, apply_review
from spectrove.knowledge.duplicates import difference, duplicates
from spectrove.spectra import Spectrum, SpectrumSet

LABEL = "class_derived"


def row(base: KnowledgeBase, name: str, **changed):
    """One accepted row of a review that turns an object's label into LINER."""
    finding = Finding(name, "label", LABEL, "SF", "relabel", "LINER", 0.9, "for a test")
    return finding.to_dict(base.version) | {"decision": "accept"} | changed


def everything(base: KnowledgeBase):
    """All that can be read of a base, sorted by id."""
    table = base.rows().sort_by("object_id")
    return table, base.embeddings().vectors.tolist()


def test_an_accepted_row_changes_the_label_and_keeps_the_old_one(base, ids):
    """The new value has the source curation; the old one stays in `labels`."""
    applied = apply_review(base, [row(base, ids[0])])
    found = base.rows(where=f"object_id = '{ids[0]}'").to_pylist()[0]
    assert (applied.relabelled, applied.removed, found[LABEL]) == (1, 0, "LINER")
    assert [(e["value"], e["source"]) for e in found["labels"] if e["name"] == LABEL] == [
        ("SF", "before curation"), ("LINER", "curation"),
    ]  # fmt: skip


def test_a_review_is_one_version_and_rollback_brings_everything_back(base, ids):
    """Labels, sources, vectors, spectra and rows are as they were."""
    before, version, listed = everything(base), base.version, len(base.versions())
    pixels = base.spectra(ids[:2]).flux
    applied = apply_review(base, [row(base, ids[0]), row(base, ids[1], action="remove"), row(base, ids[2])])
    assert (applied.relabelled, applied.removed) == (2, 1)
    assert len(base.versions()) == listed + 1
    assert base.versions()[-1]["operation"] == "curate"
    assert len(base) == len(ids) - 1
    base.rollback(version)
    after = everything(base)
    assert after[0].equals(before[0])
    assert after[1] == before[1]
    assert np.array_equal(base.spectra(ids[:2]).flux, pixels)


@pytest.mark.parametrize("decision", ["reject", "", None, float("nan")])
def test_rows_that_are_not_accepted_change_nothing(base, ids, decision):
    """No version is made where nothing changes."""
    before = base.version
    applied = apply_review(base, [row(base, ids[0], decision=decision)])
    assert (applied.relabelled, applied.left, base.version) == (0, 1, before)


def test_decisions_may_begin_with_a_capital(base, ids):
    """As spreadsheets write them."""
    applied = apply_review(
        base, [row(base, ids[0], decision="Accept "), row(base, ids[1], decision="REJECT")]
    )
    assert (applied.relabelled, applied.left) == (1, 1)


def test_keeping_is_no_change(base, ids):
    """An accepted repeat observation stays as it is."""
    before = base.version
    apply_review(base, [row(base, ids[0], action="keep")])
    assert base.version == before


def test_a_review_of_one_column_hides_no_other(base, ids):
    """The columns that kb info takes for labels stay the same."""
    before = set(base.info()["labels"])
    apply_review(base, [row(base, ids[0])])
    assert set(base.info()["labels"]) == before


def test_an_empty_suggestion_takes_the_label_away(base, ids):
    """What nobody can tell need not vote."""
    apply_review(base, [row(base, ids[0], suggested=None)])
    assert base.rows(where=f"object_id = '{ids[0]}'").column(LABEL).to_pylist() == [None]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"object_id": "nobody"}, "nobody is not in"),
        ({"decision": "maybe"}, "decision 'maybe'"),
        ({"action": "burn"}, "action 'burn'"),
        ({"suggested": "LINNER"}, "did you mean LINER"),
        ({"label": "klass"}, "no column 'klass'"),
        ({"base_version": 0}, "made of version 0"),
    ],
)
def test_nothing_is_written_where_one_row_is_wrong(base, ids, changed, words):
    """The good row before it is not applied either, and the log has no entry."""
    before, log = base.version, (base.path / "operations.jsonl").read_text()
    with pytest.raises(KnowledgeError, match=words):
        apply_review(base, [row(base, ids[0]), row(base, ids[1], **changed)])
    assert base.version == before
    assert (base.path / "operations.jsonl").read_text() == log


def test_a_review_of_an_older_version_is_refused(base, ids):
    """Whatever changed in between may have been what the reviewer looked at."""
    old = row(base, ids[0])
    base.delete(f"object_id = '{ids[5]}'")
    with pytest.raises(KnowledgeError, match="is at version"):
        apply_review(base, [old])


def test_a_change_between_check_and_write_is_refused(base, ids):
    """The lock's holder looks again."""
    since = base.version
    base.delete(f"object_id = '{ids[5]}'")
    with pytest.raises(KnowledgeError, match="changed while the review was applied"):
        base.curate({ids[0]: (LABEL, "LINER")}, set(), since=since)


def test_rows_that_contradict_each_other_are_refused(base, ids):
    """Two values for one object, or a new label for one that is removed."""
    for other in ({"suggested": "Composite"}, {"action": "remove"}):
        with pytest.raises(KnowledgeError, match="contradict each other"):
            apply_review(base, [row(base, ids[0]), row(base, ids[0], **other)])


def test_a_table_that_is_no_review_is_refused(base):
    """The missing column is named."""
    with pytest.raises(KnowledgeError, match="no column object_id"):
        apply_review(base, [{"name": "x"}])


# --- the same spectrum twice --------------------------------------------------------------------------------


def spectrum(name: str, seed: int, shape: np.ndarray, ra: float = 10.0, noise: float = 0.05) -> Spectrum:
    """A smooth spectrum with noise of its own."""
    n = len(shape)
    flux = shape + noise * np.random.default_rng(seed).normal(size=n)
    return Spectrum(
        name, 4000 + 2 * np.arange(n, dtype=float), flux.astype(np.float32),
        np.full(n, noise**-2, np.float32), np.zeros(n, np.int32), np.full(n, np.nan, np.float32),
        row={"ra": ra, "dec": 0.0, "z": 0.1, "z_source": "catalog", LABEL: "SF", "plate": seed},
    )  # fmt: skip


@pytest.fixture(scope="module")
def doubled(tmp_path_factory):
    """Ten galaxies; one is there again under another id, brighter; one was observed again; one has a twin elsewhere."""
    wave = np.linspace(0, 6, 400)
    shapes = [2 + np.sin(wave * (1 + 0.3 * i)) for i in range(10)]
    single = [spectrum(f"g{i}", i, shapes[i], ra=10.0 + i) for i in range(10)]
    copy = replace(
        spectrum("g0-copy", 0, shapes[0], ra=50.0), flux=3 * single[0].flux, ivar=single[0].ivar / 9
    )
    repeat = spectrum("g1-again", 77, shapes[1], ra=11.0 + 0.5 / 3600)
    twin = spectrum("g2-twin", 78, shapes[2], ra=60.0)
    spectra = SpectrumSet.from_spectra([*single, copy, repeat, twin])
    vectors = np.array([*np.eye(10), *(np.eye(10)[:3] + 1e-3)], np.float32)
    views = Embeddings(vectors, spectra.object_id, "f" * 16, np.tile([3700.0, 8700.0], (13, 1)), "made-up")
    path = tmp_path_factory.mktemp("doubled") / "d.kb"
    return KnowledgeBase.create(path, spectra, {"shape": views}, encoder="made-up")


def test_copies_are_to_go_and_repeats_are_kept_apart(doubled):
    """A scaled copy shares its noise; another observation does not; a twin far away is another galaxy."""
    found = {f.object_id: f for f in duplicates(doubled, LABEL)}
    assert set(found) == {"g0-copy", "g1-again"}
    assert (found["g0-copy"].kind, found["g0-copy"].action) == ("duplicate", "remove")
    assert found["g0-copy"].neighbors == ("g0",)
    assert (found["g1-again"].kind, found["g1-again"].action) == ("repeat", "keep")


def test_the_difference_of_two_observations_is_their_noise():
    """Chi2 per pixel is one for independent noise, zero for a copy, and does not depend on brightness."""
    shape = 2 + np.sin(np.linspace(0, 6, 4000))
    first, second = spectrum("a", 1, shape), spectrum("b", 2, shape)
    bright = replace(second, flux=7 * second.flux, ivar=second.ivar / 49)
    assert difference(first, second)[0] == pytest.approx(1, abs=0.1)
    assert difference(first, bright)[0] == pytest.approx(difference(first, second)[0], rel=1e-3)
    assert difference(first, first)[0] == pytest.approx(0, abs=1e-6)


def test_spectra_without_common_pixels_are_not_compared():
    """Infinitely different, never equal by lack of evidence."""
    shape = np.ones(400)
    far = replace(spectrum("b", 2, shape), wavelength=9000 + 2 * np.arange(400, dtype=float))
    assert difference(spectrum("a", 1, shape), far)[0] == np.inf
