"""What an answer may depend on, from the base to the printed line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrove.embeddings import Embeddings
from spectrove.inference import classify, hunt
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import Spectrum, SpectrumSet

N = 60
IDS = np.array([f"{i:04d}-51602-0001" for i in range(N)])
VECTORS = np.random.default_rng(2).normal(size=(N, 5)).astype(np.float32)
COVERAGE = np.tile([3700.0, 8700.0], (N, 1))
TARGET = load_target("liner")


def spectra_of(ids, rows):
    pixels = (np.arange(3) + 4000.0, *(np.ones(3, kind) for kind in ("f4", "f4", "i4", "f4")))
    return SpectrumSet.from_spectra(
        [Spectrum(str(i), *pixels, row=row) for i, row in zip(ids, rows, strict=True)]
    )


def true_rows():
    labels = ("LINER", "SF", None, "quiescent")
    return [
        {"ra": 6.0 * i, "dec": 1.0 * i, "z": 0.1, "class_derived": labels[i % 4], "plate": i % 7}
        for i in range(N)
    ]


def vectors_of(index):
    return Embeddings(VECTORS[index], IDS[index], "f", COVERAGE[index])


@pytest.fixture(scope="module")
def base():
    everything = np.arange(N)
    return KnowledgeBase.in_memory(
        spectra_of(IDS, true_rows()), {"shape": vectors_of(everything)}, encoder=""
    )


def answers(base, query, spectra):
    hunted = hunt(base.search(query, spectra=spectra, target=TARGET), TARGET)
    classes = classify(base.search(query, spectra=spectra, labelled="class_derived"), "class_derived")
    return [p.to_dict() for p in [*hunted, *classes]]


def test_an_answer_never_depends_on_the_querys_catalog_values(base):
    """Class, redshift, plate and every other value replaced by lies or left out: every line is the same."""
    query = vectors_of(np.arange(10))
    lies = [
        {"class_derived": "LINER", "plate": 0, "z": 5.0, "subclass": "AGN", "zwarning": 4} for _ in range(N)
    ]
    places = [{"ra": row["ra"], "dec": row["dec"]} for row in true_rows()]
    expected = answers(base, query, spectra_of(IDS, true_rows()))
    assert (
        answers(base, query, spectra_of(IDS, [p | lie for p, lie in zip(places, lies, strict=True)]))
        == expected
    )
    assert answers(base, query, spectra_of(IDS, places)) == expected
    # Without a position the id still tells the query from its neighbours.
    assert answers(base, query, spectra_of(IDS, [{}] * N)) == expected


def test_removing_the_query_from_the_base_does_not_change_its_answer(base):
    """It is never its own neighbour, so its own label can have no part in the answer (the scale apart)."""
    query = vectors_of(np.array([0]))
    rest = np.arange(1, N)
    others = KnowledgeBase.in_memory(
        spectra_of(IDS[rest], true_rows()[1:]), {"shape": vectors_of(rest)}, encoder=""
    )
    inside = replace(base.search(query, target=TARGET), scale=1.0)
    outside = replace(others.search(query, target=TARGET), scale=1.0)
    assert [p.to_dict() for p in hunt(inside, TARGET)] == [p.to_dict() for p in hunt(outside, TARGET)]


def test_the_querys_label_in_the_base_does_not_leak(base):
    """Its entry in the base says LINER or SF: the answer about it is the same."""
    query = vectors_of(np.array([0]))
    rows = true_rows()
    results = []
    for value in ("LINER", "SF"):
        rows[0]["class_derived"] = value
        changed = KnowledgeBase.in_memory(
            spectra_of(IDS, rows), {"shape": vectors_of(np.arange(N))}, encoder=""
        )
        results.append([p.to_dict() for p in hunt(changed.search(query, target=TARGET), TARGET)])
    assert results[0] == results[1]


def test_the_same_object_under_another_id_is_not_a_neighbour(base):
    """A second observation within 2 arcsec in the base does not answer for the first."""
    query = Embeddings(VECTORS[:1], np.array(["elsewhere"]), "f", COVERAGE[:1])
    here = spectra_of(["elsewhere"], [{"ra": 0.0, "dec": 1.9 / 3600}])
    near = hunt(base.search(query, spectra=here, target=TARGET), TARGET)[0]
    assert IDS[0] not in [v.object_id for v in near.neighbors]
    there = spectra_of(["elsewhere"], [{"ra": 0.0, "dec": 2.1 / 3600}])
    far = hunt(base.search(query, spectra=there, target=TARGET), TARGET)[0]
    assert far.neighbors[0].object_id == IDS[0]
    assert far.neighbors[0].distance == 0


def test_unlabelled_neighbours_do_not_vote(base):
    """Neither when only labelled ones are searched, nor when all are."""
    query = vectors_of(np.arange(20))
    for found in (base.search(query, 5), base.search(query, 5, labelled="class_derived")):
        for answer in classify(found, "class_derived"):
            assert all(v.weight == 0 for v in answer.neighbors if v.label is None)
            np.testing.assert_allclose(sum(answer.probabilities.values()), 1)


def test_company_does_not_matter(base):
    """Queries alone, in any batch and in any order get the same line."""
    spectra = spectra_of(IDS, true_rows())
    index = np.random.default_rng(3).permutation(N)
    together = {a["object_id"]: a for a in answers(base, vectors_of(index), spectra)[:N]}
    for i in range(0, N, 7):
        assert answers(base, vectors_of(np.array([i])), spectra)[0] == together[IDS[i]]


def test_inference_and_knowledge_need_no_torch():
    """In a fresh interpreter: importing them brings in neither torch nor, before it is used, LanceDB."""
    import subprocess
    import sys

    code = (
        "import sys, spectrove.inference, spectrove.knowledge, spectrove.targets; "
        "print([m for m in ('torch', 'lancedb', 'astropy', 'specutils') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
