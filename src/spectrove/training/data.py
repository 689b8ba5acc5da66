"""What an encoder learns from: mock spectra and datasets, prepared once and kept for resuming."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.mock import load_recipe as load_mock_recipe
from spectrove.mock import make_survey
from spectrove.preprocess import Prepared, prepare
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.spectra import SpectrumSet

Progress = Callable[[int, int], None]

#: Mock spectra made at a time: bounds memory.
_CHUNK = 2000


@dataclass(frozen=True)
class TrainingData:
    """Prepared spectra to learn from and to validate on, split by object.

    Attributes:
        prepared: All of them.
        counts: How often each may be drawn, (n_spectra,); 0 for those kept for validation.
    """

    prepared: Prepared
    counts: NDArray[np.int64]

    @property
    def validation(self) -> NDArray[np.int64]:
        """Rows kept for validation."""
        return np.flatnonzero(self.counts == 0)

    def draw(self, step: int, batch_size: int, seed: int) -> NDArray[np.int64]:
        """Rows of one batch; the same for a step and seed, so that a resumed run sees what it would have seen."""
        rng = np.random.default_rng([seed, step])
        pool = np.repeat(np.arange(len(self.counts)), self.counts)
        return rng.choice(pool, size=min(batch_size, len(pool)), replace=False)


def training_data(
    recipe: EncoderRecipe,
    datasets: Sequence[SpectrumSet] = (),
    *,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> TrainingData:
    """The recipe's mock spectra and the datasets, prepared; kept in `cache` so that a second call is quick.

    Raises:
        RecipeError: If nothing is left to train on.
    """
    plan = recipe.training
    key = canonical_json(
        [
            recipe.preprocess.fingerprint,
            plan.n_mock,
            plan.mock_seed,
            load_mock_recipe().model_dump(),
            [hash_arrays({"id": d.object_id, "flux": d.flux, "ivar": d.ivar, "z": d.z}) for d in datasets],
        ]
    )
    prepared = _read_cache(cache, key)
    if prepared is None:
        parts = [prepare(d, recipe.preprocess)[0] for d in datasets]
        parts += _mock_parts(recipe, workers, progress)
        parts = [p for p in parts if len(p)]
        if not parts:
            raise RecipeError(
                f"recipe {recipe.name}: nothing to train on. Set training.n_mock, or give a dataset."
            )
        prepared = join_prepared(parts)
        _write_cache(cache, key, prepared)
    n_data = len(prepared) - _count_mock(prepared, datasets)
    counts = np.ones(len(prepared), dtype=np.int64)
    counts[:n_data] = plan.repeat_data
    rng = np.random.default_rng(plan.seed)
    counts[rng.permutation(len(counts))[: max(1, round(plan.validation * len(counts)))]] = 0
    return TrainingData(prepared, counts)


def join_prepared(parts: Sequence[Prepared]) -> Prepared:
    """Prepared spectra of one recipe, one after the other."""
    first = parts[0]
    arrays = ("object_id", "flux", "ivar", "valid", "z", "coverage")
    return Prepared(
        wavelength=first.wavelength, fingerprint=first.fingerprint, steps=first.steps,
        flags=tuple(flag for p in parts for flag in p.flags),
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in arrays},
    )  # fmt: skip


def _mock_parts(recipe: EncoderRecipe, workers: int, progress: Progress | None) -> list[Prepared]:
    plan, done = recipe.training, 0
    parts: list[Prepared] = []
    while done < plan.n_mock:
        n = min(_CHUNK, plan.n_mock - done)
        survey = make_survey(n, seed=plan.mock_seed + len(parts), workers=workers)
        parts.append(prepare(survey, recipe.preprocess)[0])
        done += n
        if progress:
            progress(done, plan.n_mock)
    return parts


def _count_mock(prepared: Prepared, datasets: Sequence[SpectrumSet]) -> int:
    given = {i for d in datasets for i in d.object_id.tolist()}
    return sum(i not in given for i in prepared.object_id.tolist())


def _read_cache(cache: Path | None, key: str) -> Prepared | None:
    if cache is None or not (cache / "prepared.json").is_file():
        return None
    about = json.loads((cache / "prepared.json").read_text())
    if about["key"] != key:
        return None
    arrays = load_file(cache / "prepared.safetensors")
    return Prepared(
        object_id=np.array(about["object_id"], dtype=str), flags=tuple(tuple(f) for f in about["flags"]),
        fingerprint=about["fingerprint"], steps=tuple(about["steps"]), valid=arrays["ivar"] > 0, **arrays,
    )  # fmt: skip


def _write_cache(cache: Path | None, key: str, prepared: Prepared) -> None:
    if cache is None:
        return
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "prepared.json").unlink(missing_ok=True)
    arrays = {name: getattr(prepared, name) for name in ("flux", "ivar", "z", "coverage", "wavelength")}
    save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, cache / "prepared.safetensors")
    about = {
        "key": key, "object_id": prepared.object_id.tolist(), "flags": prepared.flags,
        "fingerprint": prepared.fingerprint, "steps": prepared.steps,
    }  # fmt: skip
    part = cache / "prepared.json.part"
    part.write_text(json.dumps(about))
    part.replace(cache / "prepared.json")
