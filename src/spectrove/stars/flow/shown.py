"""What the flow is shown of a spectrum: components of its lines over a smooth continuum.

The continuum of a setting is the polynomial over which the mean of the flux, and its first moments, are those of a
constant. Whatever smooth curve a spectrum is multiplied with, it divides out, alike for mock and real stars; no
quantile or median is taken, which would rise with noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrove.stars.labels import PIXEL
from spectrove.stars.settings import SETTINGS

#: Order of the polynomial along a setting, and how often it is fitted anew to what is left.
ORDER, PASSES = 4, 3

#: Times that missing pixels are filled with what the components say.
FILLINGS = 4


@cache
def parts() -> tuple[slice, ...]:
    """Where the pixels of each setting lie in `labels.pixels()`."""
    ends = np.cumsum([0, *(len(setting.pixels(PIXEL)) for setting in SETTINGS.values())])
    return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))


@cache
def _polynomials(n: int) -> Tensor:
    """Orthonormal polynomials on n pixels, (n, ORDER + 1)."""
    x = np.linspace(-1, 1, n)
    return torch.from_numpy(np.linalg.qr(np.polynomial.legendre.legvander(x, ORDER))[0]).float()


def over_continuum(flux: Tensor) -> tuple[Tensor, Tensor]:
    """Spectra of one setting over their continuum, and this continuum; both (n_spectra, n_pixels).

    Args:
        flux: In any unit, without missing pixels, (n_spectra, n_pixels).
    """
    curves = _polynomials(flux.shape[1])
    over = flux / level_of(flux)
    for _ in range(PASSES):
        fitted = (over @ curves) @ curves.T
        over = over / fitted.clamp(min=0.05)
    continuum = flux / torch.where(over == 0, 1.0, over)
    return over, torch.where(over == 0, level_of(flux), continuum)


def level_of(flux: Tensor) -> Tensor:
    """The mean of each spectrum, (n_spectra, 1); 1 where it is not positive."""
    mean = flux.mean(dim=1, keepdim=True)
    return torch.where(mean > 0, mean, 1.0)


@dataclass(frozen=True)
class Basis:
    """Components of each setting: orthonormal rows, so that noise that is alike in all pixels is so in them.

    Attributes:
        mean: Of the spectra over their continuum, (n_pixels,).
        rows: (n_components, n_pixels of the setting) of each setting.
        spread: One sigma of the mock stars in each component, (n_components,) of each setting.
    """

    mean: Tensor
    rows: tuple[Tensor, ...]
    spread: tuple[Tensor, ...]

    def components(self, flux: Tensor) -> tuple[Tensor, Tensor]:
        """Components of spectra without missing pixels, and the level of each setting.

        Args:
            flux: In any unit, (n_spectra, n_pixels).

        Returns:
            (n_spectra, n_components) of all settings, and (n_spectra, n_settings): what errors are divided by.
        """
        found, levels = [], []
        for part, rows in zip(parts(), self.rows, strict=True):
            over, continuum = over_continuum(flux[:, part])
            found.append((over - self.mean[part]) @ rows.T)
            levels.append(continuum.mean(dim=1))
        return torch.cat(found, dim=1), torch.stack(levels, dim=1)

    def rebuilt(self, components: Tensor, setting: int) -> Tensor:
        """Spectra of a setting over their continuum from its components, (n_spectra, n_pixels of the setting)."""
        return self.mean[parts()[setting]] + components @ self.rows[setting]

    @property
    def sizes(self) -> list[int]:
        """Number of components of each setting."""
        return [len(rows) for rows in self.rows]


def seen(components: Tensor, error: Tensor, has: Tensor, basis_spread: tuple[Tensor, ...]) -> Tensor:
    """What the network is given: components as far as they stand out of the noise, errors, and what settings are there.

    A component is shrunk as its noise asks, and has a spread of at most one: the most likely value of it alone.

    Args:
        components: (n_spectra, n_components).
        error: One sigma of a pixel over the continuum, (n_spectra, n_settings).
        has: 1 where a setting is there, same shape.
        basis_spread: As in `Basis`.
    """
    given, start = [], 0
    for i, spread in enumerate(basis_spread):
        part = components[:, start : start + len(spread)]
        start += len(spread)
        shrunk = part * spread / (spread**2 + error[:, i : i + 1] ** 2)
        given.append(shrunk * has[:, i : i + 1])
    told = torch.log(error / 0.03) * has
    return torch.cat([*given, told, has], dim=1)


def filled(flux: NDArray, used: NDArray, error: NDArray, basis: Basis) -> NDArray[np.float32]:
    """Spectra whose missing pixels are what the components of the others say, in the unit of the flux.

    Args:
        flux: (n_spectra, n_pixels).
        used: Pixels that are good, same shape.
        error: One sigma of a pixel, in units of the mean flux of its setting, (n_spectra, n_settings).
        basis: The components.

    Returns:
        Same shape; a setting without a good pixel is its mean spectrum.
    """
    out = np.array(flux, np.float32)
    for i, part in enumerate(parts()):
        some = np.flatnonzero(~used[:, part].all(axis=1))
        if not len(some):
            continue
        values = torch.from_numpy(np.where(used[some, part], flux[some, part], 0).astype(np.float32))
        good = torch.from_numpy(used[some, part])
        share = good.float().mean(dim=1, keepdim=True).clamp(min=1e-6)
        level = values.mean(dim=1, keepdim=True) / share
        level = torch.where(level > 0, level, 1.0)
        noise = torch.from_numpy(error[some, i : i + 1].astype(np.float32)).clamp(min=1e-3)
        curves, model = _polynomials(values.shape[1]), basis.mean[part].expand(len(some), -1)
        smooth = level.expand_as(values)
        for _ in range(FILLINGS):
            whole = torch.where(good, values, smooth * model)
            over = whole / smooth
            smooth = smooth * ((over / model.clamp(min=0.05)) @ curves @ curves.T).clamp(min=0.05)
            found = ((whole / smooth) - basis.mean[part]) @ basis.rows[i].T
            spread = basis.spread[i]
            model = basis.rebuilt(found * spread**2 / (spread**2 + noise**2), i)
        out[some, part] = torch.where(good, values, smooth * model).numpy()
    return out
