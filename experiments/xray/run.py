"""Classes of real X-ray sources by their neighbours, with the encoder that comes with the package.

python -m experiments xray [-o FOLDER]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from experiments.xray.sources import of_catalog, of_events, of_files
from spectrove import pipeline
from spectrove.knowledge import KnowledgeBase
from spectrove.xray.domain import XRAY

#: The observation whose response the sources without one are seen through.
RESPONSE = "3c273"

FOLDS, RESAMPLINGS, SEED = 5, 1000, 1

#: Classes of compact objects, which are told from active galaxies.
COMPACT = ("LMXB", "HMXB", "CV", "NS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurements."""
    parser = argparse.ArgumentParser(prog="python -m experiments xray", description=__doc__)
    parser.add_argument(
        "--fast", type=int, default=0, metavar="N", help="only N sources of the catalog, as a test"
    )
    given = parser.parse_args(arguments)
    folder = Path(os.environ["SPECTROVE_DATA"]) / "xray"
    files = of_files(folder)
    response = files[files.object_id.tolist().index(RESPONSE)].response
    catalog = of_catalog(folder, response)
    catalog = catalog.take(np.arange(given.fast)) if given.fast else catalog
    truth, predicted, compact, chance = cross_validated(catalog)
    print(f"{len(truth)} sources after the fluxes of MUWCLASS, {FOLDS} folds by source")
    print(f"  8 classes      {interval_of(truth, predicted)}")
    two = np.isin(truth, ("AGN", *COMPACT))
    named = np.where(np.isin(truth, COMPACT), "compact", "AGN")
    print(f"  AGN / compact  {interval_of(named[two], np.where(compact, 'compact', 'AGN')[two])}")
    share = np.array([np.mean(truth == kind) for kind in truth])
    print(
        f"  log-loss {-np.log(chance).mean():.3f}, by the shares of the classes alone {-np.log(share).mean():.3f}"
    )
    with tempfile.TemporaryDirectory() as place:
        base = base_of(catalog, Path(place) / "all.kb")
        for name, spectra in (("event lists of the CSC", of_events(folder, response)), ("PHA files", files)):
            print(f"{name}, answered by all of these sources")
            for line in answered(base, spectra):
                print(f"  {line}")
    return 0


def base_of(spectra: Any, place: Path) -> KnowledgeBase:
    """A base of X-ray sources."""
    batches = (spectra.take(np.arange(i, min(i + 512, len(spectra)))) for i in range(0, len(spectra), 512))
    base, _ = pipeline.create(place, batches, domain=XRAY.name)
    return base


def cross_validated(spectra: Any) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """True class, most probable class, if compact is likelier than AGN, and P(truth), of each source."""
    fold = np.array([crc32(name.encode()) % FOLDS for name in spectra.object_id.tolist()])
    truth, predicted, compact, chance = [], [], [], []
    for i in range(FOLDS):
        with tempfile.TemporaryDirectory() as place:
            base = base_of(spectra.take(fold != i), Path(place) / "fold.kb")
            answers = pipeline.classify(base, spectra.take(fold == i), "class")
            truth += answers.spectra.column("class")
            for p, kind in zip(answers.predictions, answers.spectra.column("class"), strict=True):
                chances = p.probabilities
                predicted.append(max(chances, key=chances.__getitem__))
                chance.append(max(chances.get(kind, 0.0), 1e-3))
                compact.append(sum(chances.get(c, 0.0) for c in COMPACT) > chances.get("AGN", 0.0))
    return np.array(truth), np.array(predicted), np.array(compact), np.array(chance)


def interval_of(truth: NDArray[np.str_], predicted: NDArray[np.str_]) -> str:
    """Balanced accuracy with its 95% interval by bootstrap over sources."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(len(truth), size=(RESAMPLINGS, len(truth)))
    spread = [balanced_accuracy(truth[d], predicted[d]) for d in draws]
    low, high = np.quantile(spread, [0.025, 0.975])
    return f"balanced accuracy {balanced_accuracy(truth, predicted):.3f} [{low:.3f} {high:.3f}]"


def balanced_accuracy(truth: NDArray[np.str_], predicted: NDArray[np.str_]) -> float:
    """Mean over classes of the fraction that is recognised."""
    return float(np.mean([(predicted[truth == c] == c).mean() for c in np.unique(truth)]))


def answered(base: KnowledgeBase, spectra: Any) -> list[str]:
    """A line for each spectrum of a known class, and how many sources are recognised, each source once."""
    answers = pipeline.classify(base, spectra, "class")
    lines: list[str] = []
    right: dict[str, list[bool]] = {}
    for p, kind, name, source in zip(
        answers.predictions,
        answers.spectra.column("class"),
        answers.spectra.object_id.tolist(),
        answers.spectra.column("object"),
        strict=True,
    ):
        if kind is None:
            continue
        best = max(p.probabilities, key=p.probabilities.__getitem__)
        right.setdefault(source, []).append(best == kind)
        lines.append(f"{name:<34} {kind:<8} {best:<8} P({kind}) {p.probabilities.get(kind, 0):.2f}")
    hits = sum(np.mean(found) > 0.5 for found in right.values())
    return [*lines, f"{hits} of {len(right)} sources recognised"]


if __name__ == "__main__":
    raise SystemExit(main())
