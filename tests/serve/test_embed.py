"""spectrove embed: vectors before there is a base, and bases of vectors that are there."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import embedding
from spectrove.pipeline.vectors import Vectors
from spectrove.readers import read_dataset, write_dataset

N = 60


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Several blocks of the mock survey, the same that `kb create` takes together."""
    monkeypatch.setattr(embedding, "BLOCK", 16)
    monkeypatch.setattr("spectrove.serve.batches.BATCH", 16)


@pytest.fixture
def dataset(survey, tmp_path):
    """The mock survey, with one spectrum that has no redshift."""
    spectra = read_dataset(survey.dataset)
    z = spectra.z.copy()
    z[7] = np.nan
    place = spectra.rows.column_names.index("z")
    rows = spectra.rows.set_column(place, "z", pa.array(z, from_pandas=True))
    write_dataset(tmp_path / "mock.lance", spectra.with_rows(rows))
    return tmp_path / "mock.lance"


@pytest.fixture
def embed(spectrove, survey, dataset):
    """Runs the command with the small encoder: `embed("-o", "v.lance")`."""
    views = ("--encoder", survey.encoder, "--view", "none", "--view", f"more={survey.encoder}")
    return lambda *more: spectrove("embed", dataset, *views, *more)


def same(one: Vectors, other: Vectors) -> bool:
    columns = ["object_id", "z", "spectrum_key", "flags", "refused"]
    for view in one.about.views:
        columns += [f"vector_{view}", f"coverage_{view}"]
    return one.rows(columns).equals(other.rows(columns))


def test_a_base_of_vectors_is_the_base_that_is_made_of_the_dataset(spectrove, survey, dataset, embed):
    """To the last bit: rows, flags, vectors, refusals; the refused spectrum is named by both."""
    made = embed("--json")
    said = json.loads(made.stdout)
    assert (said["spectra"], said["refused"]) == (N, 1)
    assert said["views"]["shape"]["rows"] == N - 1
    assert "no redshift, and this encoder" in made.stderr
    views = ("--encoder", survey.encoder, "--view", "none", "--view", f"more={survey.encoder}")
    direct = spectrove("kb", "create", "direct.kb", "--from", dataset, *views)
    later = spectrove("kb", "create", "later.kb", "--from", dataset, "--vectors", "mock.vectors.lance")
    assert direct.stderr == later.stderr
    one, other = (KnowledgeBase.open(name) for name in ("direct.kb", "later.kb"))
    assert one.rows().equals(other.rows())
    assert one.encoders == other.encoders
    for view in ("shape", "more"):
        assert one.embeddings(view).vectors.tobytes() == other.embeddings(view).vectors.tobytes()
        assert one.fingerprints == other.fingerprints
    part = spectrove(
        "kb", "create", "part.kb", "--from", dataset, "--vectors", "mock.vectors.lance", "--where", "split = 'test'",
        "--view", "none",
    )  # fmt: skip
    assert part.exit_code == 0
    assert KnowledgeBase.open("part.kb").views == ("shape",)


def test_flags_of_the_catalog_are_those_that_it_has_when_the_base_is_made(embed, spectrove, dataset):
    """Those of the encoding come with the vectors; a flag that a catalog no longer gives is gone."""
    spectra = read_dataset(dataset)

    def with_flag(name, i):
        flags = [list(known or ()) for known in spectra.column("flags")]
        flags[i].append(name)
        place = spectra.rows.column_names.index("flags")
        column = pa.array(flags, pa.list_(pa.string()))
        write_dataset(dataset, spectra.with_rows(spectra.rows.set_column(place, "flags", column)))

    def base(name, *more):
        assert spectrove("kb", "create", name, "--from", dataset, *more).exit_code == 0
        rows = KnowledgeBase.open(name).rows()
        return dict(zip(rows["object_id"].to_pylist(), rows["flags"].to_pylist(), strict=True))

    with_flag("blended", 3)
    embed("-o", "v.lance")
    with_flag("variable", 4)
    later = base("later.kb", "--vectors", "v.lance")
    named = Vectors("v.lance").about.views
    views = [word for view, (place, _) in named.items() for word in ("--view", f"{view}={place}")][2:]
    assert later == base("direct.kb", "--encoder", named["shape"][0], "--view", "none", *views)
    ids = spectra.object_id.tolist()
    assert "blended" not in (later[ids[3]] or [])
    assert "variable" in later[ids[4]]


def test_an_interrupted_run_is_gone_on_with_and_a_finished_one_does_nothing(embed, monkeypatch):
    """Blocks that are kept are not encoded again, and the vectors are those of an uninterrupted run."""
    embed("-o", "whole.lance")
    real, done = embedding.embed, []

    def interrupted(spectra, *encoders):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(len(spectra))
        return real(spectra, *encoders)

    monkeypatch.setattr(embedding, "embed", interrupted)
    assert embed("-o", "v.lance").exit_code == 130
    assert done == [16, 16]
    monkeypatch.setattr(embedding, "embed", lambda *given: done.append(len(given[0])) or real(*given))
    assert embed("-o", "v.lance").exit_code == 0
    assert done == [16, 16, 16, 12]
    assert same(Vectors("whole.lance"), Vectors("v.lance"))
    assert embed("-o", "v.lance").exit_code == 0
    assert done == [16, 16, 16, 12]


def test_two_processes_give_what_one_gives(embed, spectrove, survey, dataset):
    """To the last bit, in the order of the dataset; and so does a base that they embed. A cluster has its own test."""
    for name, typed in (("one", []), ("two", ["--workers", 2])):
        assert embed("-o", f"{name}.lance", *typed).exit_code == 0
        made = spectrove(
            "kb",
            "create",
            f"{name}.kb",
            "--from",
            dataset,
            "--encoder",
            survey.encoder,
            "--view",
            "none",
            *typed,
        )
        assert made.exit_code == 0
    assert same(Vectors("one.lance"), Vectors("two.lance"))
    one, two = (KnowledgeBase.open(f"{name}.kb") for name in ("one", "two"))
    assert one.rows().equals(two.rows())
    assert one.embeddings().vectors.tobytes() == two.embeddings().vectors.tobytes()


def test_vectors_that_do_not_fit_are_refused(embed, spectrove, survey, dataset, tmp_path):
    """Another encoder, other ids, another redshift, another place; no base is made."""
    embed("-o", "v.lance")

    def refused(*more):
        result = spectrove("kb", "create", "x.kb", "--vectors", "v.lance", *more)
        assert result.exit_code != 0
        assert not (tmp_path / "x.kb").exists()
        return result.stderr

    assert "of one dataset, and --from names" in refused("--from", dataset, "--from", survey.dataset)
    said = refused("--from", dataset, "--encoder", "pca")
    assert said.startswith("FingerprintError: v.lance: the vectors of the view shape were made by")
    assert "no vectors of the view other, only of shape, more" in refused(
        "--from", dataset, "--view", "other=pca"
    )
    assert "20502-52019-0002 has another redshift than" in refused("--from", survey.dataset)
    write_dataset(tmp_path / "few.lance", read_dataset(dataset).take(range(1, N)))
    assert "vectors of 60 spectra, and few.lance has 59: 1 are here and not there" in refused(
        "--from", "few.lance"
    )
    assert "expected vectors made by spectrove embed" in spectrove(
        "kb", "create", "x.kb", "--from", dataset, "--vectors", "few.lance"
    ).stderr  # fmt: skip
    other = ("embed", "few.lance", "--encoder", survey.encoder, "-o", "v.lance")
    assert "Replace them with --overwrite" in spectrove(*other).stderr
    assert spectrove(*other, "--overwrite").exit_code == 0
    assert len(Vectors("v.lance")) == N - 1
    assert "holds vectors, expected spectra" in refused("--from", "v.lance")
    shutil.copytree(dataset, "other.lance")
    assert "something that is no vectors is there" in embed("-o", "other.lance").stderr
