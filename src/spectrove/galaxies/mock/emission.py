"""Emission lines of mock galaxies: which lines, in which ratios, how strong and how wide."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RecipeError
from spectrove.galaxies.lines import BPT_CLASSES, LINE, bpt_class
from spectrove.galaxies.mock.dust import balmer_reddening, calzetti
from spectrove.lines import SPEED_OF_LIGHT

#: Case B recombination, 10^4 K (Osterbrock & Ferland 2006, table 4.2), relative to H beta.
_CASE_B = {"ha": 2.86, "hg": 0.468, "hd": 0.259}


@dataclass(frozen=True)
class LineRatios:
    """log10 of the ratios that diagnose a galaxy, as observed (dust included)."""

    log_nii_ha: float
    log_oiii_hb: float
    log_sii_ha: float
    log_oi_ha: float
    log_ha_hb: float


#: Fainter lines that `lines.LINES` does not list, rest vacuum angstrom (NIST Atomic Spectra Database).
FAINT_LINES: dict[str, float] = {
    "h8": 3890.15, "neiii_3968": 3968.59, "hepsilon": 3971.20, "hei_4471": 4472.73, "ni_5200": 5200.53,
    "hei_6678": 6679.99, "hei_7065": 7067.14, "ariii_7136": 7137.77, "oii_7320": 7322.0, "oii_7330": 7332.7,
    "siii_9069": 9071.1,
}  # fmt: skip


@dataclass(frozen=True)
class LineSet:
    """Emission lines of one galaxy: names, fluxes relative to H alpha, intrinsic width.

    Attributes:
        keys: Of `lines.LINE` or `FAINT_LINES`.
        relative: (n_lines,).
        sigma: km/s.
        wing_share: Share of the flux in a broader component; `wing_sigma` and `wing_shift` (km/s) describe
            it.
    """

    keys: tuple[str, ...]
    relative: NDArray[np.float64]
    sigma: float
    wing_share: float = 0.0
    wing_sigma: float = 0.0
    wing_shift: float = 0.0

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """Rest vacuum angstrom, (n_lines,)."""
        return np.array([FAINT_LINES[k] if k in FAINT_LINES else LINE[k].wavelength for k in self.keys])

    def paint(self, wavelength: NDArray, lsf: NDArray, z: float, ha_flux: float) -> NDArray[np.float64]:
        """Flux density on observed pixels of all lines, for a total H alpha flux."""
        centre, flux = self.wavelength * (1 + z), self.relative * ha_flux
        # Weak lines keep to the narrow component, with all of their flux.
        wing = np.where(self.relative > 0.05, self.wing_share, 0.0)
        out = paint_lines(wavelength, lsf, centre, flux * (1 - wing), self.sigma)
        if self.wing_share > 0:
            moved = centre * (1 + self.wing_shift / SPEED_OF_LIGHT)
            out += paint_lines(wavelength, lsf, moved, flux * wing, self.wing_sigma)
        return out


@cache
def _fitted() -> dict[str, tuple[NDArray, NDArray, NDArray]]:
    text = (files("spectrove.galaxies") / "data" / "line_ratios.json").read_text()
    classes = json.loads(text)["classes"]
    return {
        name: (
            np.cumsum(c["weights"]) / np.sum(c["weights"]),
            np.array(c["means"]),
            np.linalg.cholesky(np.array(c["covariances"])),
        )
        for name, c in classes.items()
    }


#: Side of a cell of the [N II] diagram, dex.
CELL = 0.1


def in_cells(log_nii_ha: float, log_oiii_hb: float, cells: str) -> bool:
    """Whether a place in the [N II] diagram is in the named cells: "all", or a checkerboard's "even" or "odd"."""
    if cells == "all":
        return True
    return (math.floor(log_nii_ha / CELL) + math.floor(log_oiii_hb / CELL)) % 2 == ("even", "odd").index(
        cells
    )


def draw_ratios(name: str, rng: np.random.Generator, scatter: float = 0.0, cells: str = "all") -> LineRatios:
    """Line ratios of one galaxy that truly lies in the named class of the [N II] diagram.

    Draws from the fitted mixture of the class, widened by `scatter` dex, until one falls inside the class and
    the `cells` (see `in_cells`), and its Balmer decrement is one that gas and dust can have.

    Raises:
        RecipeError: If the scatter is so wide that none of thousands of draws does.
    """
    cumulative, means, roots = _fitted()[name]
    for _ in range(5000):
        c = int(np.searchsorted(cumulative, rng.random()))
        values = means[c] + roots[c] @ rng.standard_normal(5) + scatter * rng.standard_normal(5)
        x, y, decrement = float(values[0]), float(values[1]), float(values[4])
        if 0.43 < decrement < 1.1 and in_cells(x, y, cells) and str(bpt_class(x, y)) == name:
            return LineRatios(*(float(v) for v in values))
    raise RecipeError(f"lines.ratio_scatter is {scatter}: no draw falls in class {name}. Give a smaller one.")


def draw_lines(name: str, ratios: LineRatios, sigma: float, rng: np.random.Generator) -> LineSet:
    """All lines of one galaxy; those without a fitted distribution follow simple relations with scatter."""
    hb = 10**-ratios.log_ha_hb
    ebv = balmer_reddening(ratios.log_ha_hb)
    oiii = hb * 10**ratios.log_oiii_hb
    sii, oi, nii = 10**ratios.log_sii_ha, 10**ratios.log_oi_ha, 10**ratios.log_nii_ha
    agn = name in ("Seyfert", "LINER")
    # [S II] doublet: 1.44 at low density, 0.8 in dense nuclei.
    doublet = rng.uniform(0.95, 1.3) if agn else rng.uniform(1.2, 1.44)
    mean_oii = {"LINER": 0.62, "Seyfert": 0.45}.get(name, 0.45)
    oii = hb * 10 ** rng.normal(mean_oii, 0.2) * _redden("oii_3729", "hb", ebv)
    neiii = oiii * (0.13 if agn else 0.09) * 10 ** rng.normal(0, 0.15) * _redden("neiii", "oiii", ebv)
    flux = {
        "ha": 1.0, "nii": nii, "nii_6548": nii / 3.05, "hb": hb,
        "hg": hb * _CASE_B["hg"] * _redden("hg", "hb", ebv),
        "hd": hb * _CASE_B["hd"] * _redden("hd", "hb", ebv),
        "oiii": oiii, "oiii_4959": oiii / 2.98,
        "sii_6716": sii * doublet / (1 + doublet), "sii_6731": sii / (1 + doublet), "oi": oi,
        "oi_6364": oi / 3,
        "oii_3726": oii * 0.42, "oii_3729": oii * 0.58, "neiii": neiii,
        "hei": hb * 0.105 * 10 ** rng.normal(0, 0.1) * _redden("hei", "hb", ebv),
        "oiii_4363": oiii * rng.uniform(0.004, 0.02),
    }  # fmt: skip
    flux |= {
        "h8": 0.107 * hb * _redden("hd", "hb", ebv), "hepsilon": 0.159 * hb * _redden("hd", "hb", ebv),
        "neiii_3968": neiii / 3.3, "hei_4471": 0.4 * flux["hei"], "hei_6678": 0.3 * flux["hei"],
        "hei_7065": 0.2 * flux["hei"], "ariii_7136": 0.025 * rng.uniform(0.5, 2) * oiii,
        "oii_7320": 0.015 * oii, "oii_7330": 0.012 * oii, "siii_9069": rng.uniform(0.03, 0.12) * 2.86 * hb,
        "ni_5200": rng.uniform(0.02, 0.2) * oi,
    }  # fmt: skip
    if name == "Seyfert":
        flux["heii"] = hb * rng.uniform(0.03, 0.25)
    wings = rng.uniform(0.05, 0.35) if rng.random() < (0.6 if agn else 0.3) else 0.0
    spread = sigma * rng.uniform(2.0, 3.5)
    shift = rng.normal(-60, 80) if agn else rng.normal(0, 20)
    return LineSet(
        tuple(flux), np.array(list(flux.values())), sigma, float(wings), float(spread), float(shift)
    )


def _redden(line: str, reference: str, ebv: float) -> float:
    """How dust changes the ratio of two lines."""
    wavelengths = np.array([LINE[line].wavelength, LINE[reference].wavelength])
    k = calzetti(wavelengths)
    return float(10 ** (-0.4 * ebv * (k[0] - k[1])))


def paint_lines(
    wavelength: NDArray, lsf: NDArray, centre: NDArray, flux: NDArray, sigma: NDArray | float
) -> NDArray[np.float64]:
    """Flux density of Gaussian lines on a grid of pixels.

    Args:
        wavelength: Pixel centres, angstrom, increasing, (n_pixels,).
        lsf: One sigma of the instrument, angstrom, (n_pixels,); 69 km/s is taken where it is not known.
        centre: Same frame as `wavelength`, (n_lines,).
        flux: Integrated line fluxes, (n_lines,).
        sigma: Intrinsic one sigma, km/s, (n_lines,) or one for all.
    """
    out = np.zeros(len(wavelength))
    inside = (centre > wavelength[0]) & (centre < wavelength[-1]) & (flux != 0)
    sigma = np.broadcast_to(sigma, centre.shape)[inside]
    centre, flux = centre[inside], flux[inside]
    instrument = np.asarray(lsf, float)[np.clip(np.searchsorted(wavelength, centre), 0, len(wavelength) - 1)]
    unknown = ~(np.isfinite(instrument) & (instrument > 0))
    instrument = np.where(unknown, centre * 69.0 / SPEED_OF_LIGHT, instrument)
    width = np.hypot(instrument, centre * sigma / SPEED_OF_LIGHT)
    low, high = np.searchsorted(wavelength, [centre - 6 * width, centre + 6 * width])
    for c, f, w, a, b in zip(centre, flux, width, low, high, strict=True):
        u = (wavelength[a:b] - c) / w
        out[a:b] += f / (np.sqrt(2 * np.pi) * w) * np.exp(-0.5 * u * u)
    return out


def emission_class(name: str, rng: np.random.Generator) -> str:
    """Which class of the diagram a galaxy's lines come from; passive galaxies have weak LINER-like ones."""
    if name in BPT_CLASSES:
        return name
    return "LINER" if rng.random() < 0.8 else "Composite"
