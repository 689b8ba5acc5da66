"""Two commands that make one file of vectors or one base: the second is refused, and kills cost nothing."""

from __future__ import annotations

import os
import shutil

import pytest

from spectrove import folders, pipeline
from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.claim import claimed
from spectrove.pipeline import embedding
from spectrove.pipeline.vectors import Vectors
from spectrove.readers import read_dataset


class Killed(BaseException):
    """What ends a process, for the code that it ends."""


@pytest.fixture
def embed(spectrove, survey):
    """Runs the command: `embed("-o", "v.lance")`."""
    return lambda *more: spectrove(
        "embed", survey.dataset, "--encoder", survey.encoder, "--view", "none", *more
    )


@pytest.fixture
def create(spectrove, survey):
    """Makes the base a.kb of the vectors v.lance."""
    return lambda *more: spectrove(
        "kb", "create", "a.kb", "--from", survey.dataset, "--vectors", "v.lance", *more
    )


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_second_embed_of_one_file_is_refused_and_leaves_the_first_its_blocks(embed, tmp_path, monkeypatch):
    """It says who is at work, since when, and what to do."""
    monkeypatch.setattr(embedding, "BLOCK", 16)
    real, said, blocks = embedding.embed, [], []

    def meanwhile(spectra, *encoders):
        if len(blocks) == 2:
            before = names(tmp_path / ".v.lance.part")
            said.append(embed("-o", "v.lance", "--view", "more=pca"))
            assert names(tmp_path / ".v.lance.part") == before
            assert len(before) == 2
        blocks.append(len(spectra))
        return real(spectra, *encoders)

    monkeypatch.setattr(embedding, "embed", meanwhile)
    assert embed("-o", "v.lance").exit_code == 0
    assert said[0].exit_code != 0
    assert f"v.lance: process {os.getpid()} on" in said[0].stderr
    assert "is making it, since 20" in said[0].stderr
    assert "Wait until that has ended, or choose another name." in said[0].stderr
    assert len(Vectors("v.lance")) == 60
    assert blocks == [16, 16, 16, 12]
    assert names(tmp_path) == ["v.lance"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_embed_that_is_killed_at_its_end_leaves_vectors_under_the_name(
    embed, survey, tmp_path, monkeypatch, moment
):
    """The old ones or the new ones, and the next run removes what is left beside them."""
    assert embed("-o", "v.lance").exit_code == 0
    real = folders.put

    def put(written, place):
        if moment == "after":
            with monkeypatch.context() as change:
                change.setattr(folders, "remove", lambda path: None)
                real(written, place)
        raise Killed

    monkeypatch.setattr(embedding, "put", put)
    again = ("-o", "v.lance", "--view", f"more={survey.encoder}", "--overwrite")
    with pytest.raises(Killed):
        embed(*again)
    assert set(Vectors("v.lance").about.views) == ({"shape"} if moment == "before" else {"shape", "more"})
    assert ".v.lance.part" in names(tmp_path)
    monkeypatch.setattr(embedding, "put", real)
    assert embed(*again).exit_code == 0
    assert set(Vectors("v.lance").about.views) == {"shape", "more"}
    assert names(tmp_path) == ["v.lance"]


def test_vectors_that_a_kill_left_aside_are_found_by_the_next_run(embed, tmp_path, monkeypatch):
    """On a disk that cannot exchange two names."""
    assert embed("-o", "v.lance").exit_code == 0
    (tmp_path / "v.lance").rename(tmp_path / ".v.lance.old")
    monkeypatch.setattr(embedding, "embed", lambda *given: pytest.fail("encoded again"))
    assert embed("-o", "v.lance").exit_code == 0
    assert names(tmp_path) == ["v.lance"]


def test_a_second_create_of_one_base_is_refused(embed, create, tmp_path):
    """And what a killed one left is removed by the next."""
    embed("-o", "v.lance")
    with claimed(tmp_path / "a.kb"):
        said = create()
        assert said.exit_code != 0
        assert f"a.kb: process {os.getpid()} on" in said.stderr
        assert not (tmp_path / "a.kb").exists()
    (tmp_path / ".a.kb.part" / "objects.lance").mkdir(parents=True)
    assert create().exit_code == 0
    assert len(KnowledgeBase.open("a.kb")) == 60
    assert names(tmp_path) == ["a.kb", "v.lance"]


def test_a_base_that_appears_meanwhile_is_not_replaced(embed, create, survey, tmp_path, monkeypatch):
    """Unless that was asked for."""
    embed("-o", "v.lance")
    real = pipeline.create_from_vectors

    def slow(*given, **options):
        made = real(*given, **options)
        shutil.copytree(survey.base, tmp_path / "a.kb")
        return made

    monkeypatch.setattr(pipeline, "create_from_vectors", slow)
    n = len(KnowledgeBase.open(survey.base))
    assert "a knowledge base is there already" in create().stderr
    assert len(KnowledgeBase.open("a.kb")) == n
    shutil.rmtree("a.kb")
    monkeypatch.setattr(pipeline, "create_from_vectors", real)
    assert create("--overwrite").exit_code == 0
    assert names(tmp_path) == ["a.kb", "v.lance"]


def test_the_library_does_not_make_one_base_twice_at_once(survey, tmp_path):
    """It says so before anything is encoded, and not that the folder is to be removed."""
    spectra = read_dataset(survey.dataset).take(range(5))

    def batches():
        yield spectra
        with pytest.raises(KnowledgeError, match="is making it, since"):
            pipeline.create(tmp_path / "a.kb", [spectra], str(survey.encoder), views={})
        yield read_dataset(survey.dataset).take(range(5, 9))

    base, _ = pipeline.create(tmp_path / "a.kb", batches(), str(survey.encoder), views={})
    assert len(base) == 9
    assert names(tmp_path) == ["a.kb"]
