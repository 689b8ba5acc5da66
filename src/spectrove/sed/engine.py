"""Fluxes of models: everything but the history of star formation is linear.

flux = W(history) @ [stars(Z, attenuation) + Q_H(Z, age) nebula(Z of gas, U, attenuation)
                     + absorbed energy x dust(alpha) + f / (1 - f) L(Z, age) nucleus(reddening)]

at a redshift. What is in brackets is small and is computed once for a redshift; histories are one matrix product each.
Stars' light beyond the Lyman limit is taken by gas, all of it. Lines, Lyman alpha among them, are attenuated as their
wavelength is, without scattering. Energy that dust absorbs is that of stars and gas above the Lyman limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed import agn, intergalactic
from spectrove.sed.attenuation import transmission
from spectrove.sed.constants import LYMAN_LIMIT, MILLIJANSKY, SOLAR_LUMINOSITY, epoch
from spectrove.sed.dust import DustEmission
from spectrove.sed.filters import Filter
from spectrove.sed.grid import Grid, cells, priors
from spectrove.sed.histories import HistoryModels
from spectrove.sed.nebula import Nebula
from spectrove.sed.populations import Populations
from spectrove.sed.tables import trapezoid_weights

Array = NDArray[np.float64]
Single = NDArray[np.float32]

#: Stars younger than this (yr) are in their clouds of birth.
YOUNG = 1e7

#: Share of the mass that a history may form in stars younger than the populations have.
OLD_ENOUGH = 1e-4

#: Stars count nothing beyond this wavelength (angstrom), so that populations may end there.
STARLIGHT_ENDS = 2e5

#: Parameters of an active nucleus.
AGN = ("agn_fraction", "agn_ebv")

#: Numbers of a block of fluxes that is made at once: 8 MB.
CHUNK = 2_000_000


@dataclass(frozen=True)
class Blocks:
    """All that is not history: a block is an attenuation, a metallicity, gas, a dust template and an active nucleus.

    Attributes:
        parameters: Level of each parameter in each block, (n_blocks,) each.
        prior: (n_blocks,), summing to one.
        index: Place of each block among attenuations, metallicities, ionisation parameters, alphas, metallicities of
            gas and nuclei, (n_blocks, 6).
    """

    parameters: dict[str, Array]
    prior: Array
    index: NDArray[np.intp]


@dataclass(frozen=True)
class Models:
    """Fluxes of the models of a grid at one redshift, for one solar mass formed.

    A model is a block and a history; arrays of all models are (n_blocks, n_histories).

    Attributes:
        z: The redshift.
        blocks: What is not history.
        histories: Those not older than the universe.
        places: Their place among all histories of the grid.
        prior: Of each history, summing to one.
        light: Flux of one solar mass of each age in each block, mJy, (n_blocks, n_ages, n_bands).
        surviving: Mass that is left, (n_blocks, n_histories).
        absorbed: Energy that dust radiates, Lsun, (n_blocks, n_histories); NaN where populations begin too red.
    """

    z: float
    blocks: Blocks
    histories: HistoryModels
    places: NDArray[np.intp]
    prior: Array
    light: Single
    surviving: Single
    absorbed: Single

    @property
    def shape(self) -> tuple[int, int]:
        """Number of blocks and of histories."""
        return self.light.shape[0], self.histories.weights.shape[0]

    @cached_property
    def weights(self) -> Single:
        """Of ages in histories, (n_histories, n_ages)."""
        return np.ascontiguousarray(self.histories.weights, np.float32)

    def fluxes(self, scale: Single, chunk: int = CHUNK) -> Iterator[tuple[slice, Single]]:
        """Blocks, and their fluxes times `scale` by band, (n_blocks, n_histories, n_bands).

        Each block is a matrix product of its own shape, so that numbers are the same however many are made at once.
        """
        blocks, histories = self.shape
        at_once = max(1, chunk // (histories * self.light.shape[2]))
        for start in range(0, blocks, at_once):
            part = self.light[start : start + at_once] * scale
            yield slice(start, start + len(part)), np.matmul(self.weights[None], part)

    def flux(self, block: int, history: int) -> Array:
        """Fluxes of one model, mJy for one solar mass formed, in double precision, (n_bands,)."""
        return np.asarray(self.histories.weights[history] @ self.light[block].astype(float))


class Engine:
    """Computes fluxes of the models of a grid in bands.

    What `Blocks.index` counts: `attenuations`, `metallicities` (places among those of the populations), `log_u`,
    `alphas`, `gas_levels` and `nuclei`.

    Args:
        populations: Of stars.
        filters: Of the bands.
        grid: Of the models.
        nebula: None leaves out light of gas.
        dust: None leaves out light of dust.

    Raises:
        ParameterError: A level of the grid is not among what the tables hold.
    """

    def __init__(
        self,
        populations: Populations,
        filters: tuple[Filter, ...],
        grid: Grid | None = None,
        nebula: Nebula | None = None,
        dust: DustEmission | None = None,
    ) -> None:
        self.populations, self.filters, self.grid = populations, filters, grid or Grid()
        self.nebula, self.dust = nebula, dust
        if not populations.begins_in_ultraviolet and (nebula is not None or dust is not None):
            raise ParameterError(
                f"{populations.name}: its spectra begin at {populations.wavelength[0]:.0f} A, and what gas and dust "
                "take below is not known. Leave both out (--without nebular,dust)."
            )
        self.metallicities = self._metallicities()
        self.log_u = np.array(self.grid.log_u if nebula is not None else (np.nan,))
        if nebula is not None and (wrong := [u for u in self.log_u if not np.isclose(nebula.log_u, u).any()]):
            raise ParameterError(
                f"log_u {wrong[0]:g}: the tables of gas have {', '.join(f'{u:g}' for u in nebula.log_u)}."
            )
        self.alphas = np.array(self.grid.alpha if dust is not None else (np.nan,))
        models = self.grid.law.models()
        same = self.grid.law.same(models)
        kept = np.unique(same)
        self.attenuations = models[kept]
        self._attenuation_prior = priors(models, self.grid.law.axes, same)[kept]
        self.gas_levels = self._gas_metallicities()
        self._nuclei()
        self._rest_frame()
        self.blocks = self._blocks()
        self._all_histories()

    def _metallicities(self) -> NDArray[np.intp]:
        known = self.populations.metallicities
        if self.grid.metallicity is None:
            return np.arange(known.size)
        chosen = np.array(self.grid.metallicity)
        nearest = np.argmin(abs(np.log(known[None] / chosen[:, None])), 1)
        if not np.allclose(known[nearest], chosen, rtol=0.02):
            raise ParameterError(
                f"metallicity {', '.join(f'{z:g}' for z in chosen)}: the populations have "
                f"{', '.join(f'{z:g}' for z in known)}. "
                "Choose among these."
            )
        return nearest

    def _gas_metallicities(self) -> Array:
        """Metallicities of gas, (n_metallicities, 1) where they follow the stars and (1, n_levels) where not."""
        if self.grid.gas_metallicity is None:
            return self.populations.metallicities[self.metallicities][:, None]
        levels = np.array(self.grid.gas_metallicity, float)
        if self.nebula is not None:
            low, high = self.nebula.metallicities[[0, -1]]
            if wrong := [z for z in levels if not low <= z <= high]:
                raise ParameterError(
                    f"gas_metallicity {wrong[0]:g}: the tables of gas go from {low:g} to {high:g}. Choose between."
                )
        return levels[None]

    def _blocks(self) -> Blocks:
        z = self.populations.metallicities[self.metallicities]
        gas = self.gas_levels if self.grid.gas_metallicity is not None and self.nebula is not None else None
        has_gas, has_dust = self.nebula is not None, self.dust is not None
        # Name, levels and scale of the prior of each axis behind attenuation, in the order of `Blocks.index`.
        axes = [
            ("metallicity", z, "log"), ("log_u", self.log_u, "linear" if has_gas else ""),
            ("alpha", self.alphas, "linear" if has_dust else ""),
            ("gas_metallicity", gas[0] if gas is not None else np.zeros(1), "log" if gas is not None else ""),
        ]  # fmt: skip
        shape = (len(self.attenuations), *(levels.size for _, levels, _ in axes), len(self.nuclei))
        index = np.stack([i.ravel() for i in np.indices(shape)], 1)
        prior = self._attenuation_prior[index[:, 0]] * self._nucleus_prior[index[:, -1]]
        parameters = {name: self.attenuations[index[:, 0], i] for i, name in enumerate(self.grid.law.axes)}
        for place, (name, levels, scale) in enumerate(axes, 1):
            if scale:
                ordered = np.sort(levels)
                prior = prior * cells(ordered, scale)[np.searchsorted(ordered, levels)][index[:, place]]
                parameters[name] = levels[index[:, place]]
        if self.nuclei[:, 0].any():
            parameters |= {name: self.nuclei[index[:, -1], i] for i, name in enumerate(AGN)}
        return Blocks(parameters, prior / prior.sum(), index)

    def _nuclei(self) -> None:
        """Active nuclei, (n_nuclei, 2) with their fraction and reddening, and light of each for one Lsun of stars."""
        levels = self.grid.agn_fraction, self.grid.agn_ebv
        models, same = agn.models_of(*levels)
        kept = np.unique(same)
        self.nuclei = models[kept]
        axes = dict(zip(AGN, ((level, "linear") for level in levels), strict=True))
        self._nucleus_prior = priors(models, axes, same)[kept]
        self._nucleus = (
            agn.for_stars(self.nuclei[:, 0])[:, None] * agn.spectra(self.nuclei[:, 1])
            if self.nuclei[:, 0].any()
            else None
        )

    def _all_histories(self) -> None:
        models = self.grid.histories.models()
        same = self.grid.histories.same(models)
        kept = np.unique(same)
        prior = priors(models, self.grid.histories.axes, same)[kept]
        youngest = self.populations.ages[0]
        if youngest > YOUNG:
            # Stars younger than the table would count as its youngest: such histories are no models of these tables.
            formed = self.grid.histories.made(models[kept], youngest * np.array([1, 1.001])).weights[:, 0]
            old = formed < OLD_ENOUGH
            if not old.any():
                raise ParameterError(
                    f"{self.populations.name}: its youngest stars are {youngest / 1e6:.0f} Myr old, and every history "
                    f"of the grid forms more than {OLD_ENOUGH:g} of its mass later. Give it ones that ended before."
                )
            kept, prior = kept[old], prior[old]
        self.history_prior = prior / prior.sum()
        self.histories = self.grid.histories.made(models[kept], self.populations.ages)

    def _rest_frame(self) -> None:
        """What does not depend on redshift: curves of attenuation, and energies that dust absorbs."""
        wave = self.populations.wavelength
        law = self.grid.law
        self._old, self._young, self._gas = (transmission(m) for m in law.magnitudes(wave, self.attenuations))
        stars = self.populations.luminosity[self.metallicities]
        self._stars = stars * (wave > LYMAN_LIMIT)
        self._is_young = self.populations.ages < YOUNG
        energy = trapezoid_weights(wave)
        taken = {True: energy * (1 - self._young), False: energy * (1 - self._old)}
        absorbed = np.stack(
            [
                row @ taken[bool(y)].T
                for row, y in zip(self._stars.swapaxes(0, 1), self._is_young, strict=True)
            ],
            2,
        )
        self._absorbed = absorbed.swapaxes(0, 1)  # attenuations, metallicities, ages
        self._photons = self.populations.ionising()[self.metallicities]
        self._bolometric = self._stars @ energy  # metallicities, ages
        if self.nebula is not None:
            known = self.gas_levels
            lines, continuum = self.nebula.at(known.ravel(), self.log_u, wave)
            self._lines = lines.reshape(*known.shape, *lines.shape[1:])  # metallicities, those of gas, U
            self._continuum = continuum.reshape(*known.shape, *continuum.shape[1:])
            self._line_gas = transmission(law.magnitudes(self.nebula.line_wavelength, self.attenuations)[2])
            by_gas = np.einsum("zguw,aw->azgu", self._continuum, energy * (1 - self._gas), optimize=True)
            self._absorbed_gas = by_gas + np.einsum("zgul,al->azgu", self._lines, 1 - self._line_gas)
        if self.dust is not None:
            self._dust = self.dust.at(self.alphas)

    def at(self, z: float) -> Models:
        """The models at a redshift; histories that began before the universe are not among them.

        Raises:
            ParameterError: No history of the grid is young enough, or the redshift is not above 0.
        """
        if not z > 0:
            raise ParameterError(f"redshift {z:g}: expected one above 0, as the distance follows from it.")
        self._check_covered(float(z))
        known = epoch(round(float(z), 6))
        young = np.flatnonzero(self.histories.age <= known.age)
        if not young.size:
            raise ParameterError(
                f"redshift {z:g}: the universe is {known.age / 1e9:.2f} Gyr old there and the youngest "
                f"history of the grid "
                f"{self.histories.age.min() / 1e9:.2f} Gyr. Give the grid younger ones."
            )
        all_of = self.histories
        histories = HistoryModels(
            {name: values[young] for name, values in all_of.parameters.items()}, all_of.weights[young],
            {name: rate[young] for name, rate in all_of.rates.items()}, all_of.mean_age[young], all_of.age[young],
        )  # fmt: skip
        light, absorbed = self._light(known.z, known.sphere)
        a, m, u, d, g, n = self.blocks.index.T
        surviving = histories.weights @ self.populations.surviving[self.metallicities].T
        if not self.populations.begins_in_ultraviolet:
            absorbed = np.full_like(
                absorbed, np.nan
            )  # what is absorbed of the light that is not there is not known
        energies = np.matmul(absorbed[a, m, g, u], histories.weights.T)
        prior = self.history_prior[young]
        return Models(known.z, self.blocks, histories, young, prior / prior.sum(), light[a, m, g, u, d, n],
                      surviving.T[m].astype(np.float32), energies.astype(np.float32))  # fmt: skip

    def _check_covered(self, z: float) -> None:
        """Refuse a redshift at which a band sees what the populations do not have."""
        wave = self.populations.wavelength
        for one in self.filters:
            low, high = one.wavelength[[0, -1]] / (1 + z)
            if low < wave[0] or (high > wave[-1] and wave[-1] < STARLIGHT_ENDS):
                raise ParameterError(
                    f"band {one.name} at redshift {z:g} sees {low:.0f} to {high:.0f} A of the galaxy, and "
                    f"{self.populations.name} has {wave[0]:.0f} to {wave[-1]:.0f} A. Leave the band out (--leave-out), "
                    "or take other populations (--ssp)."
                )

    def _light(self, z: float, sphere: float) -> tuple[Single, Array]:
        """Fluxes of one solar mass by attenuation, metallicity, that of gas, U, alpha, nucleus, age and band (mJy).

        With the energies that dust absorbs, by attenuation, metallicity, that of gas, U and age, Lsun.
        """
        to_flux = SOLAR_LUMINOSITY / sphere * MILLIJANSKY
        absorbed = self._absorbed[:, :, None, None]
        if self.nebula is not None:
            absorbed = absorbed + self._photons[None, :, None, None] * self._absorbed_gas[..., None]
        shape = (
            *absorbed.shape[:4],
            self.alphas.size,
            len(self.nuclei),
            absorbed.shape[-1],
            len(self.filters),
        )
        light = np.empty(shape, np.float32)
        for i, one in enumerate(self.filters):
            light[..., i] = to_flux * self._in_band(one, z, absorbed)
        return light, absorbed

    def _in_band(self, one: Filter, z: float, absorbed: Array) -> Array:
        """Luminosities in one band, Lsun / Hz as observed; axes are those of `_light`."""
        wave = self.populations.wavelength
        passed = intergalactic.transmission(one.wavelength, z)
        weights = one.quadrature() * passed / (1 + z)
        rest = one.wavelength / (1 + z)
        first, node = projected(rest, weights, wave)
        seen = slice(first, first + node.size)
        stars = self._stars[:, :, seen]
        old, young = self._old[:, seen] * node, self._young[:, seen] * node
        band = np.empty((len(old), stars.shape[0], stars.shape[1]))
        for is_young, curve in ((False, old), (True, young)):
            chosen = self._is_young == is_young
            band[:, :, chosen] = np.einsum("zkw,aw->azk", stars[:, chosen], curve, optimize=True)
        total = band[:, :, None, None]
        if self.nebula is not None:
            gas = np.einsum(
                "zguw,aw->azgu", self._continuum[..., seen], self._gas[:, seen] * node, optimize=True
            )
            lines = line_weights(one, z, self.nebula.line_wavelength)
            gas = gas + np.einsum("zgul,al->azgu", self._lines, self._line_gas * lines, optimize=True)
            total = total + self._photons[None, :, None, None] * gas[..., None]
        total = total[:, :, :, :, None]
        if self.dust is not None:
            start, dust_node = projected(rest, weights, self.dust.wavelength)
            dust = self._dust[:, start : start + dust_node.size] @ dust_node
            total = total + absorbed[:, :, :, :, None] * dust[:, None]
        total = total[:, :, :, :, :, None]
        if self._nucleus is not None:
            start, nucleus_node = projected(rest, weights, agn.WAVELENGTH)
            nucleus = self._nucleus[:, start : start + nucleus_node.size] @ nucleus_node
            total = total + self._bolometric[None, :, None, None, None, None] * nucleus[:, None]
        return np.asarray(total)


def line_weights(one: Filter, z: float, wavelength: Array) -> Array:
    """Weights of luminosities of lines in a band, as `wavelength` (angstrom in the galaxy's frame)."""
    observed = wavelength * (1 + z)
    # The density of quadrature weights per angstrom, at the lines themselves.
    density = one.quadrature() / trapezoid_weights(one.wavelength)
    return np.asarray(
        np.interp(observed, one.wavelength, density, 0, 0) * intergalactic.transmission(observed, z)
    )


def projected(points: Array, weights: Array, nodes: Array) -> tuple[int, Array]:
    """Weights of the nodes of a spectrum that stand for weights at points between them, on straight lines.

    Args:
        points: Growing, (n_points,). Those outside of the nodes count nothing.
        weights: Of the spectrum at these, (n_points,).
        nodes: Growing, (n_nodes,).

    Returns:
        Place of the first node that has a weight, and the weights from there on.
    """
    inside = (points >= nodes[0]) & (points <= nodes[-1])
    points, weights = points[inside], weights[inside]
    if not points.size:
        return 0, np.zeros(0)
    left = np.clip(np.searchsorted(nodes, points, "right") - 1, 0, nodes.size - 2)
    share = (points - nodes[left]) / (nodes[left + 1] - nodes[left])
    first = int(left[0])
    above = np.bincount(left + 1 - first, weights * share)
    count = int(left[-1]) + 2 - first
    node = np.bincount(left - first, weights * (1 - share), count)
    return first, np.asarray(node + above, float)
