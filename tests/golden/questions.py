"""The questions of the golden answers: every verb, on a mock survey and on real spectra.

`python tests/golden/questions.py` asks them and writes the answers that the tests compare with.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent

#: Objects of the mock survey; it has the seed and the recipe of `make demo`.
N_MOCK, SEED = 620, 42

#: The queries among them, on other plates than the base.
MOCK_QUERIES = "split = 'test' AND fiberid % 4 = 1"

#: Real queries: SDSS galaxies on every 4th plate, the base has those of the other plates; and spectra of other kinds.
N_QUERIES, OTHER_KINDS = 40, ("boss", "sky", "star", "lamost", "qso")

#: Question to the arguments of its command; the base and the queries are put after the verb.
QUESTIONS: dict[str, list[str]] = {
    "search": ["search"],
    "search in one view": ["search", "-k", "5", "--where", "z < 0.1"],
    "search a region": ["search", "--region", "Halpha", "--region", "4800:5100"],
    "classify": ["classify", "--label", "class_derived"],
    "classify by votes": [
        "classify", "--label", "class_derived", "--calibration", "none", "--metric", "none", "--witness", "none",
    ],
    "classify trusted": ["classify", "--label", "class_derived", "--trusted", "-k", "5"],
    "hunt liner": ["hunt", "--target", "liner"],
    "hunt liner without lines": ["hunt", "--target", "liner", "--witness", "none", "--prevalence", "0.1"],
    "hunt three classes": ["hunt", "--target", "star_forming_agn_normal"],
    "hunt strong_lens": ["hunt", "--target", "strong_lens"],
    "hunt outlier": ["hunt", "--target", "outlier"],
    "estimate an equivalent width": ["estimate", "--quantity", "ha_ew"],
    "estimate at another level": ["estimate", "--quantity", "ha_ew", "--level", "0.9", "-k", "5"],
    "estimate z": ["estimate", "--quantity", "z"],
    "outliers": ["outliers"],
    "measure": ["measure"],
}  # fmt: skip

#: Commands that ask no base.
WITHOUT_BASE = {"measure"}

#: Questions that take long or that the real base has no labels for.
MOCK_ONLY = {"hunt strong_lens", "hunt outlier", "classify trusted", "estimate at another level"}


def run(folders: list[Path], *arguments: object) -> dict[str, Any]:
    """What a command prints with --json, without the names of these folders: stdout, stderr and the exit code."""
    from typer.testing import CliRunner

    from spectrove import work
    from spectrove.serve.cli import app

    work.LONG = 1e6  # what is printed does not depend on how fast the machine is
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the program does
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    out, err = result.stdout, result.stderr
    for folder in folders:
        out, err = (text.replace(f"{folder}{os.sep}", "") for text in (out, err))
    return {
        "exit": result.exit_code,
        "stdout": [json.loads(line) for line in out.splitlines()],
        "stderr": err.splitlines(),
    }


def ask(folders: list[Path], base: Path, queries: list[str], questions: list[str]) -> dict[str, Any]:
    """Question to what its command prints."""
    answers = {}
    for name in questions:
        verb, *options = QUESTIONS[name]
        asked = [] if verb in WITHOUT_BASE else [base]
        answers[name] = run(folders, verb, *asked, *queries, *options)
    return answers


def curated(base: Path, label: str) -> list[dict[str, Any]]:
    """The findings of a review."""
    from spectrove import pipeline
    from spectrove.knowledge import KnowledgeBase

    return pipeline.curate(KnowledgeBase.open(base), label).to_dicts()


def of_mocks(folder: Path) -> dict[str, Any]:
    """Every question on a small survey of the demo's recipe; queries are those on other plates."""
    from spectrove import pipeline
    from spectrove.galaxies.mock import write_survey
    from spectrove.readers import ingest, read_dataset

    files, dataset, base = folder / "mock", folder / "mock.lance", folder / "mock.kb"
    catalog = write_survey(N_MOCK, files, seed=SEED)
    ingest([files], dataset, catalogs=[catalog], workers=1)
    pipeline.create(base, [read_dataset(dataset, where="split = 'train'")])
    answers = ask([folder], base, [str(dataset), "--queries", MOCK_QUERIES], list(QUESTIONS))
    for name in read_dataset(dataset, where=MOCK_QUERIES).object_id.tolist()[:3]:
        for options in (["--target", "liner"], ["--label", "class_derived"]):
            question = f"explain {name} {options[1]}"
            answers[question] = run([folder], "explain", base, dataset, "--id", name, *options)
    answers["curate"] = curated(base, "class_derived")
    return answers


def of_real(folder: Path, data: Path) -> dict[str, Any]:
    """The questions on real spectra: SDSS galaxies on other plates than the base's, and spectra of other kinds."""
    from spectrove import pipeline
    from spectrove.readers import ingest, read_dataset

    galaxies, dataset, base = data / "galaxies", folder / "sdss.lance", folder / "sdss.kb"
    files = sorted((galaxies / "sdss").glob("spec-*"))
    left_out = set(sorted({_plate(path) for path in files})[::4])
    ingest(
        [path for path in files if _plate(path) not in left_out],
        dataset,
        catalogs=[galaxies / "index.csv"],
        workers=1,
    )
    pipeline.create(base, [read_dataset(dataset)])
    others = [path for path in files if _plate(path) in left_out]
    kinds = [sorted(p for p in (galaxies / kind).iterdir() if p.is_file())[:2] for kind in OTHER_KINDS]
    n = N_QUERIES - sum(map(len, kinds))
    queries = [*others[:: len(others) // n][:n], *(path for paths in kinds for path in paths)]
    paths = [str(path) for path in queries]
    answers = ask([folder, data], base, paths, [name for name in QUESTIONS if name not in MOCK_ONLY])
    answers["explain a hunt"] = run([folder, data], "explain", base, paths[0], "--target", "liner")
    return answers


def _plate(path: Path) -> str:
    return path.name.split("-")[1]


def arithmetic() -> list[float]:
    """A few figures of numpy and torch alone: equal where processor and libraries compute alike.

    Another processor rounds sums of single precision differently; answers can then agree only to that.
    """
    import torch

    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 300, 300)).astype(np.float32)
    x = torch.from_numpy(a)
    values = [
        float((a @ b).astype(np.float64).sum()),
        float(np.linalg.svd(a.astype(np.float64), compute_uv=False)[-1]),
        float(torch.nn.functional.gelu(x @ torch.from_numpy(b)).double().sum()),
        float(torch.nn.functional.softmax(x, dim=1).double().square().sum()),
        float(np.exp(a).astype(np.float64).sum()),
    ]
    return values


def keep(name: str, answers: dict[str, Any]) -> Path:
    """Write the golden answers of a survey, with the arithmetic that they were made with."""
    path = FOLDER / f"{name}.json.gz"
    text = json.dumps({"arithmetic": arithmetic(), "answers": answers}, ensure_ascii=False, sort_keys=True)
    with gzip.GzipFile(path, "wb", mtime=0, compresslevel=9) as file:
        file.write(text.encode())
    return path


def kept(name: str) -> dict[str, Any]:
    """The golden answers of a survey, with their arithmetic."""
    with gzip.open(FOLDER / f"{name}.json.gz", "rt", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def main() -> None:
    """Ask everything anew and keep the answers: only when an answer is meant to change."""
    import tempfile

    makers: dict[str, Callable[[Path], dict[str, Any]]] = {"mock": of_mocks}
    if data := os.environ.get("SPECTROVE_DATA"):
        makers["real"] = lambda folder: of_real(folder, Path(data))
    for name, make in makers.items():
        with tempfile.TemporaryDirectory() as folder:
            print(keep(name, make(Path(folder))), file=sys.stderr)


if __name__ == "__main__":
    main()
