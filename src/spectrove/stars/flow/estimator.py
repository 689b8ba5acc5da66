"""The answers of a flow for spectra as they come: velocity, pixels at rest, posterior, and whether it explains them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal
from spectrove.stars.labels import ASKED
from spectrove.stars.medium import is_doubtful
from spectrove.stars.placing import OnSettings, at_rest
from spectrove.stars.settings import SETTINGS
from spectrove.stars.velocity import Velocity

if TYPE_CHECKING:
    from torch import Tensor

    from spectrove.posterior import Posterior
    from spectrove.spectra import SpectrumSet
    from spectrove.stars.flow.model import Flow

#: What a flow gives, as columns: [X/Fe] of an element is X_fe.
QUANTITIES: tuple[str, ...] = tuple(
    name if name in ("teff", "logg", "fe_h") else f"{name}_fe" for name in ASKED
)

#: Files of the package.
DATA = files("spectrove.stars") / "data"

#: Least signal-to-noise ratio of a pixel of .1 A: below, the flow has learned nothing.
LEAST_SN = 6.0

#: What a model is taken to be off by in a pixel: a share of the depth of its lines, and of the continuum. Mock stars
#: have the first from the recipe "real", where they have it at all.
_DEPTH, _CONTINUUM = 0.15, 0.005

#: Reduced chi2, with what a model is off by, from which a fit is called poor.
POOR = 2.5

#: Spectra that are read together: pixels of more do not fit into a processor's cache.
TOGETHER = 100

#: Flags with which no label is confident.
DOUBTS = frozenset({"outside_labels", "poor_fit"})


@cache
def shipped(name: str) -> Flow:
    """A flow of the package, "flow" or "flow_lte": see data/README.md."""
    from spectrove.stars.flow.model import Flow

    with as_file(DATA / f"{name}.safetensors") as path:
        return Flow.load(path)


@dataclass
class FlowEstimator:
    """A flow as one of the estimators of stars.

    Attributes:
        name: Of its file, without the ending.
        title: The words for it.
        depth: Share of the depth of lines by which its mock stars are off.
        quantities: Names of what it gives.
    """

    name: str
    title: str
    depth: float = _DEPTH
    quantities: tuple[str, ...] = QUANTITIES

    def posterior(self, spectra: SpectrumSet, n_draws: int = 0) -> Posterior:
        """The nine labels of each star that has a velocity and is sharp enough in HR10, HR21 or both.

        Args:
            spectra: Flux on wavelengths, in any unit; nothing but pixels is read.
            n_draws: Samples of each posterior, independent of those of any other spectrum; none if 0.
        """
        from spectrove.posterior import Posterior

        parts = [
            self._of_part(spectra.take(range(i, min(i + TOGETHER, len(spectra)))), n_draws)
            for i in range(0, max(len(spectra), 1), TOGETHER)
        ]
        return Posterior.concatenate(parts)

    def _of_part(self, spectra: SpectrumSet, n_draws: int) -> Posterior:
        import torch

        from spectrove.posterior import Posterior

        rest, velocity, refusals = self.rest(spectra)
        if not len(rest.object_id):  # the network is not asked, and need not be installed
            return _nothing(self.quantities, refusals)
        flow = shipped(self.name)
        error = _errors(rest)
        noisy = error > 1 / LEAST_SN
        faint = np.asarray(noisy.all(axis=1))
        refusals += [_too_faint(str(rest.object_id[i]), error[i]) for i in np.flatnonzero(faint)]
        rest, velocity = _take(rest, ~faint), [v for v, f in zip(velocity, faint, strict=True) if not f]
        rest, error = _without(rest, noisy[~faint]), np.where(np.isfinite(error), error, 1.0)[~faint]
        flux, given = network_input(flow, rest, error)
        place = {str(name): i for i, name in enumerate(spectra.object_id)}
        with torch.no_grad():
            mean, covariance = flow.labels(given)
            seeds = [_seed(spectra, place[str(name)]) for name in rest.object_id] if n_draws else []
            draws = flow.draws(given, n_draws, seeds).double().numpy() if n_draws else None
        chi2, n_pixels, reduced = explained(flow, flux, rest, mean, self.depth)
        n = len(ASKED)
        sigma = covariance.diagonal(dim1=1, dim2=2).sqrt()
        outside = ((mean - sigma < flow.low) | (mean + sigma > flow.high))[:, :n].any(dim=1).numpy()
        of_rows = spectra.column("flags")
        flags = [
            _flags(one, of_rows[place[str(name)]] or (), bool(beyond), float(r), bool(here.all()))
            for name, one, beyond, r, here in zip(
                rest.object_id, velocity, outside, reduced, rest.has, strict=True
            )
        ]
        return Posterior(
            rest.object_id, self.quantities, mean[:, :n].double().numpy(), covariance[:, :n, :n].double().numpy(),
            draws, flags, DOUBTS, tuple(refusals), chi2, n_pixels,
        )  # fmt: skip

    def rest(self, spectra: SpectrumSet) -> tuple[OnSettings, list[Velocity], list[Refusal]]:
        """Spectra on the pixels of the flow, at rest at their own velocities; and a sentence for each that is not."""
        from spectrove.stars.setting_velocity import velocities

        found = velocities(spectra)
        known = np.array([one is not None and not one.failed for one in found], bool)
        z = np.array([one.z if one is not None else 0.0 for one in found])
        refusals = [
            Refusal(
                str(name),
                f"{name}: no radial velocity, which would bring the star to rest: {one.reason} Give a spectrum of a "
                "star of spectral type F to K with more signal.",
            )
            for name, one in zip(spectra.object_id, found, strict=True)
            if one is not None and one.failed
        ]
        elsewhere = spectra.take(np.array([one is None for one in found], bool))
        there, uncovered = at_rest(elsewhere, np.zeros(len(elsewhere)))
        refusals += [*uncovered, *(_without_light(str(name)) for name in there.object_id)]
        placed, uncovered = at_rest(spectra.take(known), z[known])
        by_name = {
            str(name): one for name, one in zip(spectra.object_id, found, strict=True) if one is not None
        }
        return placed, [by_name[str(name)] for name in placed.object_id], refusals + uncovered


def _nothing(quantities: tuple[str, ...], refusals: list[Refusal]) -> Posterior:
    """Of spectra none of which can be read."""
    from spectrove.posterior import Posterior

    n = len(quantities)
    return Posterior(
        np.zeros(0, str), quantities, np.zeros((0, n)), np.zeros((0, n, n)), None, [], DOUBTS, tuple(refusals),
        np.zeros(0), np.zeros(0, np.int64),
    )  # fmt: skip


def _seed(spectra: SpectrumSet, i: int) -> int:
    """A number of a spectrum's pixels, so that its samples are its own, and the same in any company."""
    flux = np.ascontiguousarray(spectra.flux[spectra.offsets[i] : spectra.offsets[i + 1]])
    return int.from_bytes(blake2b(flux.tobytes(), digest_size=8).digest(), "little") >> 1


def _flags(
    velocity: Velocity, of_row: Collection[str], is_outside: bool, reduced_chi2: float, has_both: bool
) -> tuple[str, ...]:
    """Names of `spectra.FLAGS` that a spectrum has."""
    is_set = {
        "medium_doubtful": is_doubtful(velocity, of_row), "outside_labels": is_outside,
        "poor_fit": reduced_chi2 > POOR, "one_setting": not has_both,
        "lsf_unknown": "lsf_unknown" in of_row,
    }  # fmt: skip
    return tuple(flag for flag, here in is_set.items() if here)


def network_input(flow: Flow, rest: OnSettings, error: NDArray) -> tuple[Tensor, Tensor]:
    """Spectra with missing pixels filled, over their mean, (n_spectra, n_pixels), and what the network is given.

    Args:
        flow: Which.
        rest: Spectra at rest.
        error: One sigma of a pixel over the mean flux of its setting, (n_spectra, n_settings).
    """
    import torch

    from spectrove.stars.flow.shown import filled, parts

    flux = rest.flux.copy()
    for i, part in enumerate(parts()):
        flux[:, part] /= _level(rest, i)
    whole = torch.from_numpy(filled(flux, rest.used, error, flow.basis))
    # The fewer pixels are good, the less is known.
    share = np.stack([rest.used[:, part].mean(axis=1) for part in parts()], axis=1)
    known = torch.from_numpy((error / np.sqrt(np.maximum(share, 1e-3))).astype(np.float32))
    has = torch.from_numpy(rest.has.astype(np.float32))
    return whole, flow.given(whole, torch.where(has > 0, known, 1.0), has)


def explained(
    flow: Flow, flux: Tensor, rest: OnSettings, labels: Tensor, depth: float
) -> tuple[NDArray, NDArray, NDArray]:
    """How far the emulated spectrum of labels is from each star.

    Args:
        flow: Which; its stars' depths are the real Sun's, or computed.
        flux: Whole, as `network_input` gives it.
        rest: The same with errors and good pixels.
        labels: All labels of each, (n_spectra, n_labels).
        depth: Share of the depth of lines by which its mock stars are off.

    Returns:
        chi2 with the errors of the pixels alone, the number of these, and the reduced chi2 with what the model is off
        by; each (n_spectra,).
    """
    import torch

    from spectrove.stars.emulator.network import load_emulator
    from spectrove.stars.flow.shown import over_continuum, parts
    from spectrove.stars.mock import load_recipe
    from spectrove.stars.mock.observed import solar_depths

    emulator = load_emulator()
    inside = torch.minimum(torch.maximum(labels, emulator.low), emulator.high)
    with torch.no_grad():
        lines = 1 - emulator(inside)
    if load_recipe(flow.recipe.mocks).solar_correction:
        lines = lines * solar_depths()
    chi2, n_pixels, softened = (np.zeros(len(flux)) for _ in range(3))
    for i, part in enumerate(parts()):
        used = rest.used[:, part]
        model, _ = over_continuum(1 - lines[:, part])
        star, _ = over_continuum(flux[:, part])
        relative = rest.ivar[:, part] * _level(rest, i) ** 2
        variance = np.where(used, 1 / np.where(used, relative, 1.0), 1.0)
        off = (star - model).double().numpy() ** 2
        wrong = (depth * lines[:, part].double().numpy()) ** 2 + _CONTINUUM**2
        chi2 += (used * off / variance).sum(axis=1)
        softened += (used * off / (variance + wrong)).sum(axis=1)
        n_pixels += used.sum(axis=1)
    return chi2, n_pixels.astype(np.int64), softened / np.maximum(n_pixels, 1)


def _level(rest: OnSettings, setting: int) -> NDArray[np.float64]:
    """The mean flux of a setting's good pixels, (n_spectra, 1); 1 where it is not positive."""
    from spectrove.stars.flow.shown import parts

    part = parts()[setting]
    used = rest.used[:, part]
    mean = (rest.flux[:, part] * used).sum(axis=1) / np.maximum(used.sum(axis=1), 1)
    return np.where(mean > 0, mean, 1.0)[:, None]


def _errors(rest: OnSettings) -> NDArray[np.float64]:
    """One sigma of a pixel over the mean flux of its setting, (n_spectra, n_settings).

    Infinite where a setting is missing or has no flux above zero.
    """
    from spectrove.stars.flow.shown import parts

    error = np.full((len(rest.flux), len(SETTINGS)), np.inf)
    for i, part in enumerate(parts()):
        used = rest.used[:, part]
        variance = np.where(used, 1 / np.where(used, rest.ivar[:, part], 1.0), 0.0)
        mean = variance.sum(axis=1) / np.maximum(used.sum(axis=1), 1)
        positive = (rest.flux[:, part] * used).sum(axis=1) > 0
        found = np.sqrt(mean) / _level(rest, i)[:, 0]
        error[:, i] = np.where(rest.has[:, i] & positive, found, np.inf)
    return error


def _without(rest: OnSettings, noisy: NDArray[np.bool_]) -> OnSettings:
    """The spectra without settings that have too much noise, (n_spectra, n_settings): they are taken for missing."""
    from spectrove.stars.flow.shown import parts

    used = rest.used.copy()
    for i, part in enumerate(parts()):
        used[:, part] &= ~noisy[:, i, None]
    return replace(rest, used=used, has=rest.has & ~noisy)


def _too_faint(name: str, error: NDArray) -> Refusal:
    if not np.isfinite(error).any():
        return _without_light(name)
    best = 1 / error.min()
    return Refusal(
        name,
        f"{name}: a signal-to-noise ratio of {best:.1f} in a pixel of .1 angstrom, expected {LEAST_SN:g} or more. Add "
        "exposures of the star.",
    )


def _without_light(name: str) -> Refusal:
    return Refusal(
        name,
        f"{name}: the flux is nowhere above zero in the mean of a setting, expected a star's. Give a spectrum of which "
        "no more than the sky was subtracted.",
    )


def _take(rest: OnSettings, chosen: NDArray[np.bool_]) -> OnSettings:
    return OnSettings(*(getattr(rest, name)[chosen] for name in ("object_id", "flux", "ivar", "used", "has")))
