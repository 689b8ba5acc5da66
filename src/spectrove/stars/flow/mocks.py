"""Mock spectra as the flow learns them: components without noise, drawn once, to which every step adds other noise."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.stars.emulator.network import load_emulator
from spectrove.stars.flow.recipe import FlowRecipe
from spectrove.stars.flow.shown import Basis, over_continuum, parts
from spectrove.stars.labels import ASKED, LABELS, kept_lte_spectra
from spectrove.stars.mock import MockSpectra, draw_labels, load_recipe, observe
from spectrove.stars.mock.recipe import MockRecipe

#: Spectra of one file, and of one draw.
PART, TOGETHER = 10_000, 250

#: Stars that components are made of, and those at which spectra are derived by their labels.
STARS, DERIVED = 3_000, 600

#: First draws of the computed stars that the emulator is compared with, and of those that widths are checked with.
COMPARED, CHECKED = 600_000, 600_008

#: Computed stars one of which shows what the emulator is off by at a star.
NEAREST = 8

#: Weight of each label's derivatives beside the spectra themselves.
_DERIVATIVES = 0.5

Progress = Callable[[int, int], None]


def make_basis(recipe: FlowRecipe) -> Basis:
    """Components of mock stars without wrong depths, and of how their spectra change with each label.

    Principal components of spectra alone follow temperature and iron: the few lines of aluminium would be lost.
    """
    mocks = load_recipe(recipe.mocks).model_copy(update={"line_mismatch": 0.0})
    flux, labels = _clean(mocks, STARS, 900_000)
    mean, rows, spread = [], [], []
    changed = _derivatives(mocks, labels[:DERIVED], flux[:DERIVED])
    for i, part in enumerate(parts()):
        over, _ = over_continuum(flux[:, part])
        mean.append(over.mean(dim=0))
        centred = over - mean[-1]
        stacked = [centred / centred.norm()]
        for one in changed:
            apart = over_continuum(one[:, part])[0] - over[:DERIVED]
            stacked.append(_DERIVATIVES * apart / apart.norm().clamp(min=1e-12))
        n = recipe.components[i]
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            vectors = torch.svd_lowrank(torch.cat(stacked), q=n + 16, niter=4)[2][:, :n].T.contiguous()
        found = centred @ vectors.T
        # Rows in the order of the mock stars' spread, and uncorrelated in them.
        turn = torch.linalg.svd(found, full_matrices=False)[2]
        rows.append((turn @ vectors).contiguous())
        spread.append((centred @ rows[-1].T).std(dim=0))
    return Basis(torch.cat(mean), tuple(rows), tuple(spread))


def _clean(mocks: MockRecipe, n: int, first: int) -> tuple[Tensor, Tensor]:
    """Spectra without noise and their labels, (n, n_pixels) and (n, n_labels)."""
    drawn = [_draw(mocks, first + i) for i in range(-(-n // TOGETHER))]
    labels = torch.from_numpy(np.concatenate([one.labels for one in drawn])).float()
    return torch.cat([one.clean for one in drawn])[:n], labels[:n]


def _draw(mocks: MockRecipe, seed: int) -> MockSpectra:
    """As `mock.draw`; the few stars that lie a little beyond what the emulator learned are put at its edge."""
    emulator = load_emulator()
    labels = draw_labels(TOGETHER, mocks, np.random.default_rng([mocks.stream, seed, 0]))
    labels = np.clip(labels, emulator.low.double().numpy(), emulator.high.double().numpy())
    with torch.no_grad():
        flux = emulator(torch.from_numpy(labels).float())
    return observe(labels, flux, mocks, seed)


def _derivatives(mocks: MockRecipe, labels: Tensor, flux: Tensor) -> list[Tensor]:
    """Spectra of stars of which one label differs, for each label that is asked, in units of `flux`."""
    emulator, found = load_emulator(), []
    depth = _depths(mocks)
    with torch.no_grad():
        here = emulator(labels)
        for k in range(len(ASKED)):
            step = 0.1 * labels[:, k].std()
            up = labels[:, k] + step
            step = torch.where(up > emulator.high[k], -step, step)
            other = labels.clone()
            other[:, k] += step
            found.append(flux - depth * ((1 - emulator(other)) - (1 - here)))
    return found


def _depths(mocks: MockRecipe) -> Tensor | float:
    from spectrove.stars.mock.observed import solar_depths

    return solar_depths() if mocks.solar_correction else 1.0


def pool(
    recipe: FlowRecipe,
    basis: Basis,
    folder: Path,
    progress: Progress = lambda done, total: None,
    first: int = 0,
    n: int | None = None,
) -> dict[str, Tensor]:
    """Mock spectra without noise: components, level of each setting, and labels; what the folder has is not drawn anew.

    Args:
        recipe: Of the flow.
        basis: Of the components.
        folder: For files of ten thousand spectra each, 7 MB.
        progress: Told how many are there.
        first: Number of the first draw.
        n: How many; those of the recipe if None.

    Raises:
        RecipeError: The folder holds those of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n = recipe.pool if n is None else n
    mocks = load_recipe(recipe.mocks)
    content = hash_arrays({f"rows{i}": rows.numpy() for i, rows in enumerate(basis.rows)})
    about, wanted = folder / "mocks.json", canonical_json([mocks.model_dump(), content, first])
    if about.exists() and about.read_text("utf-8") != wanted:
        raise RecipeError(
            f"{folder}: holds mock spectra of another recipe. Choose another folder, or remove it."
        )
    about.write_text(wanted, "utf-8")
    made = []
    for start in range(0, n, PART):
        size, path = min(PART, n - start), folder / f"{start // PART:04d}.safetensors"
        if path.exists():
            found = load_file(path)
        else:
            found = _drawn(size, mocks, basis, first + start // TOGETHER)
            unfinished = path.with_suffix(f".{os.getpid()}.part")
            save_file(found, unfinished)
            unfinished.replace(path)
        if len(found["labels"]) < size:
            raise RecipeError(f"{path}: {len(found['labels'])} spectra, expected {size}. Remove the folder.")
        made.append({name: tensor[:size] for name, tensor in found.items()})
        progress(start + size, n)
    return {name: torch.cat([one[name] for one in made]) for name in made[0]}


def differences(recipe: FlowRecipe, basis: Basis, folder: Path, labels: Tensor) -> tuple[Tensor, Tensor]:
    """What the emulator is off by at computed stars, and which of these are most like each star.

    Args:
        recipe: Of the flow.
        basis: Of the components.
        folder: For the computed spectra.
        labels: Of the stars, (n_stars, n_labels).

    Returns:
        Components of computed less those of emulated spectra, (n_compared, n_components), and numbers of the computed
        stars, (n_stars, `NEAREST`).
    """
    known, flux = computed(folder, COMPARED, recipe.compared)
    emulator = load_emulator()
    with torch.no_grad():
        emulated = emulator(torch.minimum(torch.maximum(known, emulator.low), emulator.high))
    off = basis.components(flux)[0] - basis.components(emulated)[0]
    spread = labels.std(dim=0)
    near = [
        torch.cdist(part / spread, known / spread).topk(min(NEAREST, len(known)), largest=False).indices
        for part in labels.split(2_000)
    ]
    return off, torch.cat(near)


def checks(recipe: FlowRecipe, basis: Basis, folder: Path) -> dict[str, Tensor]:
    """As `pool`, of computed stars that nothing else has seen."""
    labels, flux = computed(folder, CHECKED, recipe.checked)
    clean = observe(labels.double().numpy(), flux, load_recipe(recipe.mocks), CHECKED).clean
    components, level = basis.components(clean)
    return {"components": components, "level": level, "labels": labels}


def computed(folder: Path, first: int, n: int) -> tuple[Tensor, Tensor]:
    """Labels and computed spectra of stars of the recipe "train", (n, n_labels) and (n, n_pixels); kept in a folder."""
    mocks, labels, flux = load_recipe("train"), [], []
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(-(-n // TOGETHER)):
        drawn = draw_labels(TOGETHER, mocks, np.random.default_rng([mocks.stream, first + i, 0]))
        drawn = drawn[: n - i * TOGETHER]
        labels.append(torch.from_numpy(drawn).float())
        flux.append(torch.from_numpy(kept_lte_spectra(folder / f"{first + i}.npy", drawn)))
    return torch.cat(labels), torch.cat(flux)


def _drawn(n: int, mocks: MockRecipe, basis: Basis, first: int) -> dict[str, Tensor]:
    parts_of = []
    for i in range(-(-n // TOGETHER)):
        one = _draw(mocks, first + i)
        components, level = basis.components(one.clean)
        labels = torch.from_numpy(one.labels).float()
        parts_of.append((components, level, labels))
    joined = (torch.cat(tensors)[:n] for tensors in zip(*parts_of, strict=True))
    return dict(zip(("components", "level", "labels"), joined, strict=True))


#: Labels in the order of the flow: those that are asked, then the nuisances.
ORDER = tuple(LABELS)
