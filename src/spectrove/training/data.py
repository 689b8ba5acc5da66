"""What an encoder learns from: mock spectra and datasets, prepared once and kept for resuming."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from spectrove.domain import Domain, Mock
from spectrove.encoders.recipe import EncoderRecipe, TrainingRecipe
from spectrove.errors import RecipeError
from spectrove.preprocess import Prepared, prepare
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.spectra import SpectrumSet

Progress = Callable[[int, int], None]

#: Datasets alone, of any kind of light: neither mocks nor measurements.
DATASETS_ONLY = Domain("datasets only")

#: Mock spectra made at a time: bounds memory.
_CHUNK = 2000

#: Folders in which each such part waits for the others, so that a run that is stopped goes on.
_PART = "mocks-"


@dataclass(frozen=True)
class TrainingData:
    """Prepared spectra to learn from and to validate on, split by object.

    Attributes:
        prepared: All of them.
        counts: How often each may be drawn, (n_spectra,); 0 for those kept for validation.
        values, errors: The recipe's measurements of each, (n_spectra, n_measurements); NaN where unknown.
    """

    prepared: Prepared
    counts: NDArray[np.int64]
    values: NDArray[np.float32]
    errors: NDArray[np.float32]

    @property
    def validation(self) -> NDArray[np.int64]:
        """Rows kept for validation."""
        return np.flatnonzero(self.counts == 0)

    def draw(self, step: int, batch_size: int, seed: int) -> NDArray[np.int64]:
        """Rows of one batch; the same for a step and seed, so that a resumed run sees what it would have seen."""
        rng = np.random.default_rng([seed, step])
        return self._pool[rng.integers(len(self._pool), size=min(batch_size, len(self._pool)))]

    @cached_property
    def _pool(self) -> NDArray[np.int64]:
        """Rows to draw from, each as often as it counts."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def training_data(
    recipe: EncoderRecipe,
    datasets: Sequence[SpectrumSet] = (),
    *,
    domain: Domain = DATASETS_ONLY,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> TrainingData:
    """The recipe's mock spectra and the datasets, prepared; kept in `cache` so that a second call is quick.

    Args:
        domain: The kind of light, with its mock survey and its measurements.

    Raises:
        RecipeError: If nothing is left to train on, or the domain lacks a measurement or the mocks of the recipe.
    """
    check_recipe(recipe, domain)
    plan, names = recipe.training, recipe.network.measurements if recipe.network else ()
    key = canonical_json(
        [
            recipe.on_grid.fingerprint,
            plan.n_mock,
            plan.mock_seed,
            domain.mock.recipe(plan.mock_recipe).model_dump() if domain.mock else None,
            names,
            [hash_arrays({"id": d.object_id, "flux": d.flux, "ivar": d.ivar, "z": d.z}) for d in datasets],
        ]
    )
    known = _read_cache(cache, key)
    if known is None:
        parts = [prepare_measured(d, recipe, domain) for d in datasets]
        parts += _mock_parts(recipe, domain, cache, key, workers, progress)
        parts = [p for p in parts if len(p[0])]
        if not parts:
            raise RecipeError(
                f"recipe {recipe.name}: nothing to train on. Set training.n_mock, or give a dataset."
            )
        known = MeasuredSpectra(
            join_prepared([p for p, _, _ in parts]),
            np.concatenate([v for _, v, _ in parts]),
            np.concatenate([e for _, _, e in parts]),
        )
        _write_cache(cache, key, known)
        for part in cache.glob(f"{_PART}*") if cache else ():
            shutil.rmtree(part)
    prepared, values, errors = known
    n_data = len(prepared) - _count_mock(prepared, datasets)
    counts = np.ones(len(prepared), dtype=np.int64)
    counts[:n_data] = _times(n_data, len(prepared) - n_data, plan)
    rng = np.random.default_rng(plan.seed)
    counts[rng.permutation(len(counts))[: max(1, round(plan.validation * len(counts)))]] = 0
    return TrainingData(prepared, counts, values, errors)


def check_recipe(recipe: EncoderRecipe, domain: Domain) -> None:
    """Refuse a recipe unless the domain has the measurements and the mock survey that it names.

    Raises:
        RecipeError: Naming those that there are.
    """
    names = recipe.network.measurements if recipe.network else ()
    if unknown := sorted(set(names) - set(domain.measurements)):
        raise RecipeError(
            f"recipe {recipe.name}: network: measurements names {unknown}, expected some of "
            f"{list(domain.measurements)}. Correct the recipe."
        )
    if recipe.training.n_mock:
        mock_of(domain, recipe)


def mock_of(domain: Domain, recipe: EncoderRecipe) -> Mock:
    """The mock survey of a domain.

    Raises:
        RecipeError: It has none.
    """
    if domain.mock is None:
        raise RecipeError(
            f"recipe {recipe.name}: training.n_mock is {recipe.training.n_mock}, but {domain.name} has no mock survey. "
            "Set training.n_mock = 0, and give a dataset."
        )
    return domain.mock


def _times(n_data: int, n_mock: int, plan: TrainingRecipe) -> int:
    """How often each spectrum of the datasets may be drawn, where a mock may be once."""
    if plan.real_share is None or not n_data:
        return plan.repeat_data
    return max(1, round(plan.real_share / (1 - plan.real_share) * n_mock / n_data))


class MeasuredSpectra(NamedTuple):
    """Prepared spectra, and the values and errors of their measurements."""

    prepared: Prepared
    values: NDArray[np.float32]
    errors: NDArray[np.float32]


def prepare_measured(spectra: SpectrumSet, recipe: EncoderRecipe, domain: Domain) -> MeasuredSpectra:
    """Spectra as the recipe wants them, with the measurements that their rows hold."""
    prepared = prepare(spectra, recipe.on_grid)[0]
    index = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    rows = spectra.rows.take(pa.array([index[name] for name in prepared.object_id.tolist()], pa.int64()))
    names = recipe.network.measurements if recipe.network else ()
    if domain.measured is None:
        return MeasuredSpectra(prepared, *np.zeros((2, len(prepared), 0), np.float32))
    return MeasuredSpectra(prepared, *domain.measured(rows, names))


def join_prepared(parts: Sequence[Prepared]) -> Prepared:
    """Prepared spectra of one recipe, one after the other."""
    first = parts[0]
    arrays = ("object_id", "flux", "ivar", "valid", "z", "coverage")
    return Prepared(
        wavelength=first.wavelength, fingerprint=first.fingerprint, steps=first.steps,
        flags=tuple(flag for p in parts for flag in p.flags),
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in arrays},
    )  # fmt: skip


def _mock_parts(
    recipe: EncoderRecipe,
    domain: Domain,
    cache: Path | None,
    key: str,
    workers: int,
    progress: Progress | None,
) -> list[MeasuredSpectra]:
    plan, done = recipe.training, 0
    parts: list[MeasuredSpectra] = []
    if not plan.n_mock:
        return parts
    mock = mock_of(domain, recipe)
    survey_recipe = mock.recipe(plan.mock_recipe)
    while done < plan.n_mock:
        n = min(_CHUNK, plan.n_mock - done)
        place = cache / f"{_PART}{len(parts)}" if cache else None
        part = _read_cache(place, key)
        if part is None:
            survey = mock.make(n, recipe=survey_recipe, seed=plan.mock_seed + len(parts), workers=workers)
            part = prepare_measured(survey, recipe, domain)
            _write_cache(place, key, part)
        parts.append(part)
        done += n
        if progress:
            progress(done, plan.n_mock)
    return parts


def _count_mock(prepared: Prepared, datasets: Sequence[SpectrumSet]) -> int:
    given = {i for d in datasets for i in d.object_id.tolist()}
    return sum(i not in given for i in prepared.object_id.tolist())


def _read_cache(cache: Path | None, key: str) -> MeasuredSpectra | None:
    if cache is None or not (cache / "prepared.json").is_file():
        return None
    about = json.loads((cache / "prepared.json").read_text())
    if about["key"] != key:
        return None
    arrays = load_file(cache / "prepared.safetensors")
    values, errors = arrays.pop("values"), arrays.pop("errors")
    prepared = Prepared(
        object_id=np.array(about["object_id"], dtype=str), flags=tuple(tuple(f) for f in about["flags"]),
        fingerprint=about["fingerprint"], steps=tuple(about["steps"]), valid=arrays["ivar"] > 0, **arrays,
    )  # fmt: skip
    return MeasuredSpectra(prepared, values, errors)


def _write_cache(cache: Path | None, key: str, known: MeasuredSpectra) -> None:
    if cache is None:
        return
    prepared, values, errors = known
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "prepared.json").unlink(missing_ok=True)
    arrays = {name: getattr(prepared, name) for name in ("flux", "ivar", "z", "coverage", "wavelength")}
    arrays |= {"values": values, "errors": errors}
    save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, cache / "prepared.safetensors")
    about = {
        "key": key, "object_id": prepared.object_id.tolist(), "flags": prepared.flags,
        "fingerprint": prepared.fingerprint, "steps": prepared.steps,
    }  # fmt: skip
    part = cache / "prepared.json.part"
    part.write_text(json.dumps(about))
    part.replace(cache / "prepared.json")
