"""What the light of one model is made of: stars, gas, dust and nucleus, in each band and as a spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.sed import agn, intergalactic
from spectrove.sed.attenuation import transmission
from spectrove.sed.catalog import Fit
from spectrove.sed.constants import LIGHT, LYMAN_LIMIT, MILLIJANSKY, SOLAR_LUMINOSITY, epoch
from spectrove.sed.engine import YOUNG, Engine, line_weights, projected
from spectrove.sed.filters import Filter
from spectrove.sed.tables import trapezoid_weights

Array = NDArray[np.float64]

#: What light comes from; the first two also as they would be without dust, under `BARE`.
PARTS = ("stars", "gas", "dust", "agn")
BARE = ("stars_unattenuated", "gas_unattenuated")

#: Lines are drawn this wide (one sigma, km/s) in spectra; in bands they are not.
WIDTH = 150.0


@dataclass(frozen=True)
class Part:
    """Light of one origin, in the frame of the galaxy.

    Attributes:
        wavelength: Angstrom, growing, (n_wavelengths,).
        luminosity: Lsun / angstrom, on straight lines between these, (n_wavelengths,).
        lines: Lsun in each line, (n_lines,); empty where there are none.
        line_wavelength: Angstrom, (n_lines,).
    """

    wavelength: Array
    luminosity: Array
    lines: Array
    line_wavelength: Array


@dataclass(frozen=True)
class Components:
    """The best model of a galaxy by what its light comes from.

    All is as it reaches us, after hydrogen between galaxies, also what is without the galaxy's own dust.

    Attributes:
        bands: mJy in each band, by `PARTS` and `BARE`, (n_bands,) each.
        wavelength: Of the spectra, angstrom in the frame of the observer, (n_wavelengths,).
        spectra: mJy, by the same names, (n_wavelengths,) each.
    """

    bands: dict[str, Array]
    wavelength: Array
    spectra: dict[str, Array]

    @property
    def total(self) -> Array:
        """The spectrum of all parts, mJy, (n_wavelengths,)."""
        return np.sum([self.spectra[name] for name in PARTS], axis=0)


def components(engine: Engine, fit: Fit) -> Components:
    """The best model of a fit by what its light comes from.

    It is computed for this model alone, by sums over its spectrum and not by those of the grid.

    Args:
        engine: Of the models of the fit.
        fit: Of a galaxy.
    """
    z = fit.best.z
    to_flux = fit.best.formed * SOLAR_LUMINOSITY / epoch(round(z, 6)).sphere * MILLIJANSKY
    parts = parts_of(engine, fit)
    bands = {
        name: np.array([to_flux * _in_band(one, z, part) for one in engine.filters])
        for name, part in parts.items()
    }
    wavelength = _shared(parts, z)
    passed = intergalactic.transmission(wavelength, z)
    # f_nu of the observer from f_lambda of the galaxy.
    factor = to_flux * wavelength**2 / LIGHT / (1 + z) * passed
    spectra = {name: factor * _drawn(part, wavelength / (1 + z)) for name, part in parts.items()}
    return Components(bands, wavelength, spectra)


def parts_of(engine: Engine, fit: Fit) -> dict[str, Part]:
    """Light of one solar mass formed by its origin, by `PARTS` and `BARE`."""
    attenuation, metallicity, log_u, alpha, gas_metallicity, nucleus = fit.best.block
    populations, wave = engine.populations, engine.populations.wavelength
    place = engine.metallicities[metallicity]
    weights = engine.histories.weights[fit.best.history]
    by_age = weights[:, None] * populations.luminosity[place] * (wave > LYMAN_LIMIT)
    young = populations.ages < YOUNG
    law = engine.attenuations[attenuation : attenuation + 1]
    through_old, through_young, through_gas = (
        transmission(m)[0] for m in engine.grid.law.magnitudes(wave, law)
    )
    bare = by_age.sum(0)
    stars = by_age[~young].sum(0) * through_old + by_age[young].sum(0) * through_young
    none = np.zeros(0)
    parts = {"stars": Part(wave, stars, none, none), "stars_unattenuated": Part(wave, bare, none, none)}
    energy = trapezoid_weights(wave)
    absorbed = float((bare - stars) @ energy)
    if engine.nebula is not None:
        photons = float(weights @ populations.ionising()[place])
        own = engine.gas_levels[min(metallicity, len(engine.gas_levels) - 1), gas_metallicity]
        lines, continuum = engine.nebula.at(np.array([own]), engine.log_u[log_u : log_u + 1], wave)
        lines, continuum = photons * lines[0, 0], photons * continuum[0, 0]
        at_lines = engine.nebula.line_wavelength
        line_gas = transmission(engine.grid.law.magnitudes(at_lines, law)[2])[0]
        parts["gas"] = Part(wave, continuum * through_gas, lines * line_gas, at_lines)
        parts["gas_unattenuated"] = Part(wave, continuum, lines, at_lines)
        absorbed += float((continuum * (1 - through_gas)) @ energy + lines @ (1 - line_gas))
    if engine.dust is not None:
        template = engine.dust.at(engine.alphas[alpha : alpha + 1])[0]
        parts["dust"] = Part(engine.dust.wavelength, absorbed * template, none, none)
    fraction, ebv = engine.nuclei[nucleus]
    if fraction:
        light = float(agn.for_stars(np.array(fraction)) * (bare @ energy)) * agn.spectra(np.array([ebv]))[0]
        parts["agn"] = Part(agn.WAVELENGTH, light, none, none)
    dark = Part(wave, np.zeros_like(wave), none, none)
    return {name: parts.get(name, dark) for name in (*PARTS, *BARE)}


def _in_band(one: Filter, z: float, part: Part) -> float:
    """Luminosity in a band, Lsun / Hz as observed."""
    weights = one.quadrature() * intergalactic.transmission(one.wavelength, z) / (1 + z)
    first, node = projected(one.wavelength / (1 + z), weights, part.wavelength)
    light = float(part.luminosity[first : first + node.size] @ node)
    return light + float(part.lines @ line_weights(one, z, part.line_wavelength) if part.lines.size else 0.0)


def _shared(parts: dict[str, Part], z: float) -> Array:
    """Wavelengths of all parts and around their lines, angstrom in the frame of the observer."""
    grids = [part.wavelength for part in parts.values()]
    for part in parts.values():
        if part.lines.size:
            step = part.line_wavelength * WIDTH * 1e13 / LIGHT
            grids.append((part.line_wavelength[:, None] + step[:, None] * np.linspace(-4, 4, 17)).ravel())
    every = np.unique(np.concatenate(grids))
    return np.asarray(every[every > LYMAN_LIMIT] * (1 + z))


def _drawn(part: Part, wavelength: Array) -> Array:
    """Lsun / angstrom at other wavelengths of the galaxy's frame, lines as Gaussians."""
    light = np.interp(wavelength, part.wavelength, part.luminosity, 0, 0)
    for line, at in zip(part.lines, part.line_wavelength, strict=True):
        sigma = at * WIDTH * 1e13 / LIGHT
        near = slice(*np.searchsorted(wavelength, [at - 6 * sigma, at + 6 * sigma]))
        light[near] += (
            line / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((wavelength[near] - at) / sigma) ** 2)
        )
    return np.asarray(light)
