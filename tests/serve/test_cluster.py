"""--cluster: what a single process gives, from the workers of a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.vectors import Vectors
from spectrove.processes import map_chunks
from spectrove.readers import read_dataset

#: A scheduler with two workers, that says its address.
CLUSTER = """
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, memory_limit=0, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


@pytest.fixture
def cluster(tmp_path):
    """The address of the scheduler of a cluster of two workers."""
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:  # fmt: skip
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.communicate("\n")


def test_a_cluster_gives_what_a_single_process_gives(survey, cluster, spectrove, tmp_path, monkeypatch):
    """Datasets, vectors and answers, to the last bit; with batches so small that several workers have some."""
    monkeypatch.setattr("spectrove.serve.batches.BATCH", 16)
    monkeypatch.setattr("spectrove.pipeline.embedding.BLOCK", 16)
    assert os.getpid() not in set(map_chunks(os.getpid, iter([()] * 4), cluster=cluster))
    places = {"one": [], "many": ["--cluster", cluster]}
    for name, typed in places.items():
        made = spectrove(
            "ingest", survey.files, "-o", f"{name}.lance", "--catalog", survey.files / "index.csv", *typed
        )
        assert made.exit_code == 0, made.output
        spectrove(
            "kb", "create", f"{name}.kb", "--from", f"{name}.lance", "--encoder", survey.encoder, "--view", "none",
            "--where", "split = 'train'", *typed,
        )  # fmt: skip
        spectrove("embed", f"{name}.lance", "--encoder", survey.encoder, "--view", "none", *typed)
    one, many = (read_dataset(tmp_path / f"{name}.lance") for name in places)
    assert one.to_arrow().equals(many.to_arrow())
    rows = [
        Vectors(tmp_path / f"{name}.vectors.lance").rows(["object_id", "vector_shape"]) for name in places
    ]
    assert rows[0].equals(rows[1])
    assert rows[0].num_rows == len(one)
    bases = [KnowledgeBase.open(tmp_path / f"{name}.kb") for name in places]
    vectors = [base.embeddings() for base in bases]
    assert len(vectors[0].object_id) > 32
    assert_array_equal(vectors[0].object_id, vectors[1].object_id)
    assert vectors[0].vectors.tobytes() == vectors[1].vectors.tobytes()
    assert bases[0].rows().equals(bases[1].rows())

    shutil.copy(
        Path(__file__).parents[2] / "src/spectrove/galaxies/targets/liner.toml", tmp_path / "quiet.toml"
    )
    text = (tmp_path / "quiet.toml").read_text().replace('lines = "bpt_nii"', 'metric = "none"')
    (tmp_path / "quiet.toml").write_text(text)
    hunt = ("hunt", "one.kb", "one.lance", "--target", "quiet.toml", "--json")
    said = [spectrove(*hunt, *typed) for typed in places.values()]
    assert len(said[0].stdout.splitlines()) > 32
    assert said[0].stdout == said[1].stdout
    assert said[0].stderr == said[1].stderr
