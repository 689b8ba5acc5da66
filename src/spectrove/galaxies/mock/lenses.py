"""Strong lenses as spectra show them: emission of a distant galaxy on top of a red one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RecipeError, SpectrumError
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.mock.distant import BACKGROUNDS, BackgroundKind, distant_light
from spectrove.galaxies.mock.emission import LineSet, draw_lines, draw_ratios, paint_lines
from spectrove.galaxies.mock.signal import change_light, host_redshift, level, with_row
from spectrove.galaxies.mock.truth import UNTRUE, forget
from spectrove.galaxies.stellar import broaden, stellar_basis
from spectrove.spectra import Spectrum


@dataclass(frozen=True)
class Background:
    """The lensed galaxy: redshift, lines, S/N of its strongest visible line, share of continuum."""

    z: float
    lines: LineSet
    line_sn: float
    continuum: float


#: Lines that make a lens recognisable; at least one must fall where the spectrum is good.
_SIGNPOSTS = ("oii_3726", "hb", "oiii", "ha")

#: Backgrounds that are drawn until one shows, and the part of a signpost's flux that has to fall on good pixels.
_DRAWS, _SHOWN = 100, 0.01


def draw_background(
    z_lens: float,
    reach: tuple[float, float],
    rng: np.random.Generator,
    *,
    z_source: float | None = None,
    line_sn: float | None = None,
    line_sn_range: tuple[float, float] = (8.0, 60.0),
    z_max: float = 1.4,
    line_cells: str = "all",
) -> Background:
    """A galaxy behind the lens whose [O II] or [O III] is within reach (observed angstrom)."""
    if z_source is None:
        z_source = _draw_redshift(z_lens, reach, z_max, rng)
    ratios = draw_ratios("SF", rng, cells=line_cells)
    lines = draw_lines("SF", ratios, float(rng.uniform(35, 130)), rng)
    low, high = np.log(line_sn_range)
    sn = float(np.exp(rng.uniform(low, high))) if line_sn is None else line_sn
    return Background(float(z_source), lines, sn, float(rng.uniform(0, 0.06)))


def _draw_redshift(
    z_lens: float, reach: tuple[float, float], z_max: float, rng: np.random.Generator
) -> float:
    low, high = z_lens + 0.05, max(z_max, z_lens + 0.1)
    z = low
    for _ in range(200):
        z = rng.uniform(low, high)
        seen = [LINE[key].wavelength * (1 + z) for key in ("oii_3726", "oiii")]
        if any(reach[0] + 30 < w < reach[1] - 100 for w in seen):
            break
    return float(z)


def add_background(spectrum: Spectrum, background: Background, rng: np.random.Generator) -> Spectrum:
    """The spectrum with the background galaxy's light added, and its photons' noise."""
    centre = background.lines.wavelength * (1 + background.z)
    unit = background.lines.paint(spectrum.wavelength, spectrum.lsf, background.z, 1.0)
    scale = background.line_sn / max(_strongest_sn(spectrum, background, centre), 1e-30)
    blue = background.continuum * level(spectrum) * _young_light(spectrum.wavelength / (1 + background.z))
    return change_light(spectrum, rng, added=unit * scale + blue)


def _shows(spectrum: Spectrum, background: Background) -> bool:
    """Whether a signpost line falls on good pixels, and not all of them into gaps or beyond the ends."""
    spectrum, _ = spectrum.with_gaps_filled()
    width = np.gradient(spectrum.wavelength) * spectrum.good
    for key in _SIGNPOSTS:
        which = [background.lines.keys.index(key)]
        centre = background.lines.wavelength[which] * (1 + background.z)
        profile = paint_lines(spectrum.wavelength, spectrum.lsf, centre, np.ones(1), background.lines.sigma)
        if np.sum(profile * width) > _SHOWN:
            return True
    return False


def _strongest_sn(spectrum: Spectrum, background: Background, centre: NDArray) -> float:
    """S/N, by matched filter, of the strongest signpost line were H alpha's flux one."""
    ivar = np.where(spectrum.good, spectrum.ivar, 0)
    best = 0.0
    for key in _SIGNPOSTS:
        pair = ("oii_3726", "oii_3729") if key == "oii_3726" else (key,)
        which = [background.lines.keys.index(k) for k in pair]
        profile = paint_lines(
            spectrum.wavelength,
            spectrum.lsf,
            centre[which],
            background.lines.relative[which],
            background.lines.sigma,
        )
        best = max(best, float(np.sqrt(np.sum(profile**2 * ivar))))
    return best


def _young_light(rest: NDArray) -> NDArray[np.float64]:
    """Continuum of a young population, 1 at 5300-5850 angstrom; constant where the templates end."""
    wavelength, templates, names = stellar_basis()
    young = broaden(templates[names.index("Z-0.25_T00.0900")], 80.0)
    return np.interp(rest, wavelength, young)


def inject_lens(
    spectrum: Spectrum,
    rng: np.random.Generator,
    *,
    z_source: float | None = None,
    line_sn: float | None = None,
    line_sn_range: tuple[float, float] = (8.0, 60.0),
    z_source_max: float = 1.4,
    background: BackgroundKind = "galaxy",
    line_cells: str = "all",
) -> Spectrum:
    """The host as the foreground of a strong lens: emission of a galaxy behind it is added.

    The host keeps its redshift and catalog values. Its row says `lens` = "lens" and holds `truth_background`,
    `truth_z_source` and `truth_line_sn`; of a mock host, what the added light dilutes becomes null.

    Args:
        spectrum: Host with a redshift, real or mock; best a red galaxy.
        rng: Source of all randomness.
        z_source: Redshift of the background; drawn so that [O II] or [O III] is visible if None.
        line_sn: S/N of the strongest background line; drawn log-uniform from `line_sn_range` if None.
        line_sn_range: Where it is drawn from.
        z_source_max: Highest redshift of a drawn "galaxy".
        background: "galaxy" (optical lines of a star-forming galaxy), or lines that no detector is told of: a
            lone "lyman_alpha" at redshift 2.2 to 6, or the "uv_lines" C IV, He II and C III] of one at 1.7 to
            3. The last two have no continuum.
        line_cells: Where the line ratios of a "galaxy" come from, as in a recipe.

    Raises:
        RecipeError: If there is no such kind of background.
        RedshiftError: If the host has no redshift.
        SpectrumError: If no line of such a galaxy falls on its good pixels.
    """
    if background not in BACKGROUNDS:
        raise RecipeError(f"There is no background {background!r}; known are {', '.join(BACKGROUNDS)}.")
    good = spectrum.wavelength[spectrum.good]
    z = host_redshift(spectrum)
    if not len(good):
        return with_row(spectrum, lens="none")
    if background == "galaxy":
        for _ in range(_DRAWS):
            source = draw_background(
                z, (float(good[0]), float(good[-1])), rng, z_source=z_source, line_sn=line_sn,
                line_sn_range=line_sn_range, z_max=z_source_max, line_cells=line_cells,
            )  # fmt: skip
            if _shows(spectrum, source):
                break
        else:
            where = "" if z_source is None else f" at redshift {z_source:g}"
            raise SpectrumError(
                f"{spectrum.object_id}: no line of a galaxy behind it{where} falls on good pixels. Take another host."
            )
        behind, sn, lensed = source.z, source.line_sn, add_background(spectrum, source, rng)
    else:
        sn = float(np.exp(rng.uniform(*np.log(line_sn_range)))) if line_sn is None else line_sn
        behind, light = distant_light(background, spectrum, sn, rng, z_source)
        lensed = change_light(spectrum, rng, added=light)
    row = {"lens": "lens", "truth_background": background, "truth_z_source": behind, "truth_line_sn": sn}
    return forget(with_row(lensed, **row), UNTRUE["lens"])
