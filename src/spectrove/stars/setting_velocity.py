"""Radial velocities in HR10 and HR21: emulated stars are moved and compared with the star, which stays where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.continuum import lines, means
from spectrove.stars.grid import SYSTEMATIC
from spectrove.stars.labels import PIXEL
from spectrove.stars.placing import placed, why_not
from spectrove.stars.settings import SETTINGS, Setting
from spectrove.stars.velocity import Search, Templates, Velocity

Floats = NDArray[np.float64]

#: Velocities that are tried, km/s, and how far apart: of all templates, then of the best.
FASTEST, COARSE, FINE = 500.0, 8.0, 2.0

#: No velocity is better known than this, km/s: that by which a template and a star of other labels differ.
FLOOR = 0.15

#: km/s of a pixel of the templates, and how many of these one of the star has.
_TEMPLATE_STEP, _WIDE = 2.0, 3

#: Pixels that the continuum is the mean of: 1,200 km/s.
_WIDTH = 201

#: Number of templates, and of mock stars that they are chosen among; their broadening in km/s.
_TEMPLATES, _AMONG, _BROADENING = 12, 2000, 5.0

#: Velocities that are one minimum, km/s, and templates that are looked at in narrow steps.
_APART, _CLOSELY = 40.0, 2

#: Least share of good pixels with which a setting takes part.
_LEAST = 0.3


@dataclass(frozen=True)
class _Both:
    """Templates of both settings, one after the other."""

    parts: Sequence[Templates]

    def moved(self, velocity: float, which: slice = slice(None)) -> Floats:
        return np.concatenate([part.moved(velocity, which) for part in self.parts], axis=1)


def velocities(spectra: SpectrumSet) -> list[Velocity | None]:
    """The radial velocity of each spectrum; None where neither setting is covered well and sharp enough.

    Args:
        spectra: Flux on wavelengths; nothing but pixels is read.
    """
    star, weight = [], []
    for one in spectra:
        parts = [_lines(one, setting) for setting in SETTINGS.values()]
        star.append(np.concatenate([part[0] for part in parts]))
        weight.append(np.concatenate([part[1] for part in parts]))
    some = [i for i, w in enumerate(weight) if w.any()]
    found: list[Velocity | None] = [None] * len(star)
    if some:
        measured = _search()(np.stack([star[i] for i in some]), np.stack([weight[i] for i in some]))
        for i, one_velocity in zip(some, measured, strict=True):
            found[i] = one_velocity
    return found


def _edges(setting: Setting) -> Floats:
    """log10 of the edges of pixels that stars are on: the range of the setting for stars at any velocity."""
    most = FASTEST / SPEED_OF_LIGHT
    low, high = np.log10([setting.low * (1 - most), setting.high * (1 + most)])
    step = _WIDE * np.log10(1 + _TEMPLATE_STEP / SPEED_OF_LIGHT)
    return low + step * np.arange(int((high - low) / step) + 1)


def _lines(one: Spectrum, setting: Setting) -> tuple[Floats, Floats]:
    """Lines of a spectrum over the continuum in the observed frame, and their inverse variance."""
    edges = _edges(setting)
    at = 10 ** (0.5 * (edges[1:] + edges[:-1]))
    if why_not(one, setting):
        return np.zeros(len(at)), np.zeros(len(at))
    flux, ivar = placed(one, at, 0.0, setting)
    used = ivar > 0
    if used.mean() < _LEAST:
        return np.zeros(len(at)), np.zeros(len(at))
    level = means(flux[None], used[None], _WIDTH)[0]
    fine = used & (level > 0)
    level = np.where(fine, level, 1.0)
    variance = 1 / np.where(fine, ivar * level**2, 1.0) + SYSTEMATIC**2
    return np.where(fine, flux / level - 1, 0.0), np.where(fine, 1 / variance, 0.0)


@cache
def template_labels() -> Floats:
    """Labels of the stars that are moved, spread over those of the mocks, (n_templates, n_labels)."""
    from spectrove.stars.mock import draw_labels, load_recipe

    labels = draw_labels(_AMONG, load_recipe(), np.random.default_rng(0))
    labels[:, -1] = _BROADENING
    scaled = labels[:, :3] / labels[:, :3].std(axis=0)
    chosen = [int(((scaled - scaled.mean(axis=0)) ** 2).sum(axis=1).argmin())]
    for _ in range(_TEMPLATES - 1):
        away = ((scaled[:, None] - scaled[chosen]) ** 2).sum(axis=2).min(axis=1)
        chosen.append(int(away.argmax()))
    return np.asarray(labels[chosen])


@cache
def _search() -> Search:
    from spectrove.stars.emulator.network import load_emulator, predict

    known = load_emulator()
    labels = template_labels().clip(known.low.double().numpy(), known.high.double().numpy())
    flux = predict(labels).astype(float)
    parts, start, step = [], 0, np.log10(1 + _TEMPLATE_STEP / SPEED_OF_LIGHT)
    for setting in SETTINGS.values():
        at = setting.pixels(PIXEL)
        here = flux[:, start : start + len(at)]
        start += len(at)
        log_first = float(np.log10(at[0]))
        places = 10 ** (log_first + step * np.arange(int((np.log10(at[-1]) - log_first) / step)))
        spectra = CubicSpline(at, here, axis=1)(places)
        width = _WIDTH * _WIDE // 2 * 2 + 1
        over = np.asarray(lines(spectra, np.ones(spectra.shape, bool), width), np.float64)
        parts.append(Templates(log_first, over, labels[:, 0], _edges(setting), float(step)))
    return Search(_Both(parts), FASTEST, COARSE, FINE, FLOOR, _APART, _CLOSELY, FINE)
