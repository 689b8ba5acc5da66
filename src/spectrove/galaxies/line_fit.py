"""Emission lines of a galaxy, as a catalog would measure them: stellar continuum off, Gaussians on.

These numbers label mock catalogs and stand as evidence beside an answer. They never decide one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RedshiftError
from spectrove.galaxies.lines import LINE, bpt_class
from spectrove.galaxies.stellar import fit_continuum
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum

#: Fitted lines, by the stretch of continuum they share (one constant offset each).
GROUPS: tuple[tuple[str, ...], ...] = (
    ("oii_3726", "oii_3729"), ("neiii",), ("hd",), ("hg", "oiii_4363"), ("heii",), ("hb", "oiii"),
    ("hei",), ("oi",), ("ha", "nii"), ("sii_6716", "sii_6731"),
)  # fmt: skip
FITTED: tuple[str, ...] = tuple(key for group in GROUPS for key in group)

#: Doublets with a ratio fixed by atomic physics: weaker line, stronger line, ratio (Storey & Zeippen 2000;
#: Osterbrock & Ferland 2006).
TIED: tuple[tuple[str, str, float], ...] = (
    ("oiii_4959", "oiii", 1 / 2.98),
    ("nii_6548", "nii", 1 / 3.05),
    ("oi_6364", "oi", 1 / 3.0),
)

#: Sums that catalogs quote.
SUMS: dict[str, tuple[str, str]] = {"oii": ("oii_3726", "oii_3729"), "sii": ("sii_6716", "sii_6731")}

BALMER = frozenset({"ha", "hb", "hg", "hd"})

#: How far the stellar continuum under a line may be off, as an equivalent width (rest angstrom), and the same
#: relative to the line for its profile. Half the width of the differences to SDSS's own fits of 1,030 galaxies,
#: which share our pixels but not our continua: .27 for H alpha, .35 for H beta, .13 for [N II], .10 for [O III]
#: between 1 and 8 angstrom. Balmer lines stand on stellar absorption, which depends on the ages of the stars.
CONTINUUM_EW: dict[str, float] = dict.fromkeys(FITTED, 0.12) | {
    "ha": 0.27, "hb": 0.42, "hg": 0.35, "hd": 0.35, "nii": 0.13, "oiii": 0.10, "oii": 0.15, "sii": 0.15,
}  # fmt: skip
PROFILE = 0.01

_WINDOW, _LINE_MASK = 1800.0, 500.0  # km/s either side of a line: what is fitted, what the continuum ignores
_WIDTHS = (70.0, 130.0, 240.0, 450.0)  # km/s, where the search for the common width begins
_LIMIT_WIDTH, _LIMIT_VELOCITY = (20.0, 700.0), 400.0
_SDSS_LSF = 69.0  # km/s, where a spectrum does not say its resolution


@dataclass(frozen=True)
class LineFit:
    """Lines and continuum of one galaxy.

    Attributes:
        flux: Line flux by `Line.key`, plus "oii" and "sii" for the sums; unit of the spectrum times angstrom.
            NaN unless more than 60% of the pixels within 200 km/s of the line are good.
        noise: One sigma of the photon noise alone, from the inverse variance: what catalogs quote; same keys and unit.
        error: One sigma in all: the noise, and how far the continuum and the profile may be off (`CONTINUUM_EW`).
        ew: Rest-frame equivalent width, angstrom, positive in emission; `ew_error` its one sigma in all, `ew_noise`
            that of the noise alone.
        continuum: Stellar continuum on the spectrum's pixels, NaN where none was fitted.
        emission: The fitted lines on the spectrum's pixels.
        log_nii_ha, log_oiii_hb: Line ratios with one-sigma errors; NaN unless both fluxes are positive.
        bpt_class: One of `lines.BPT_CLASSES` where the four lines stand 3 sigma above the noise, as catalogs have
            it, else "".
        d4000n: Narrow 4000 angstrom break (Balogh et al. 1999). `hdelta_a`: Lick index, angstrom (Worthey &
            Ottaviani 1997), emission left in: it fills the absorption. One sigma of both in `index_error`.
        velocity, width: Of the lines, km/s: offset from the redshift and intrinsic one sigma; Balmer lines.
        kinematics_error: One sigma of both from the noise; NaN where lines are too weak and a usual width was taken.
        forbidden: Velocity and width of the other lines, km/s; those of the Balmer lines where they share them.
        stars: The stellar populations without the running correction of `continuum`, on the spectrum's pixels.
        dispersion: Of the stars, km/s, to the nearest step of `stellar.FIT_DISPERSIONS`.
    """

    flux: dict[str, float]
    noise: dict[str, float]
    error: dict[str, float]
    ew: dict[str, float]
    ew_error: dict[str, float]
    ew_noise: dict[str, float]
    continuum: NDArray[np.float64]
    emission: NDArray[np.float64]
    log_nii_ha: float
    log_nii_ha_error: float
    log_oiii_hb: float
    log_oiii_hb_error: float
    bpt_class: str
    d4000n: float
    hdelta_a: float
    index_error: tuple[float, float]
    velocity: float
    width: float
    kinematics_error: tuple[float, float]
    forbidden: tuple[float, float]
    stars: NDArray[np.float64]
    dispersion: float


def measure_lines(spectrum: Spectrum, z: float) -> LineFit:
    """Line fluxes, widths and ratios of one galaxy at a known redshift.

    The continuum is a non-negative mix of stellar populations (`stellar.fit_continuum`) fitted with the lines
    masked. All lines share one velocity and width; where they are strong, Balmer and forbidden lines get one
    of each. Amplitudes are linear and may come out negative: an absent line averages to zero.

    Args:
        spectrum: Vacuum wavelengths, observed frame. Bad pixels are left out; a missing pixel is a bad one.
        z: Redshift of the galaxy.

    Raises:
        RedshiftError: If the redshift is not a finite number above -0.01.
    """
    if not np.isfinite(z) or z < -0.01:
        raise RedshiftError(f"{spectrum.object_id}: redshift is {z}; lines need a finite one above -0.01.")
    spectrum, own = spectrum.with_gaps_filled()
    rest = np.asarray(spectrum.wavelength, float) / (1 + z)
    flux = np.asarray(spectrum.flux, float)
    ivar = np.where(spectrum.good, np.asarray(spectrum.ivar, float), 0.0)
    weight = np.where(_near_lines(rest), 0.0, ivar)
    fitted = fit_continuum(rest, flux, weight)
    nothing = np.full(len(rest), np.nan)
    continuum, stars = (nothing, nothing) if fitted is None else (fitted.flux, fitted.stars)
    known = np.isfinite(continuum)
    lines = _Lines(
        rest,
        flux - np.where(known, continuum, 0),
        np.where(known, ivar, 0),
        line_spread(spectrum, rest, z, np.exp(_CENTRE)),
    )
    amplitude, error, theta = lines.fit()
    emission = lines.model(amplitude, theta)
    values = dict(zip(FITTED, amplitude * (1 + z), strict=True))
    noise = dict(zip(FITTED, error * (1 + z), strict=True))
    for name, (a, b) in SUMS.items():
        values[name] = values[a] + values[b]
        noise[name] = lines.pair_error(a, b) * (1 + z)
    levels = continuum_levels(rest, continuum, tuple(values), z)
    errors = {key: _whole_error(key, values[key], noise[key], levels[key]) for key in values}
    (d4000n, d4000n_error), (hdelta_a, hdelta_error) = stellar_indices(rest, flux, ivar)
    x, x_error = _log_ratio(values, errors, "nii", "ha")
    y, y_error = _log_ratio(values, errors, "oiii", "hb")
    detected = all(values[k] > 3 * noise[k] for k in ("ha", "hb", "oiii", "nii"))
    return LineFit(
        flux=values, noise=noise, error=errors,
        ew={k: values[k] / levels[k] for k in values}, ew_error={k: errors[k] / levels[k] for k in values},
        ew_noise={k: noise[k] / levels[k] for k in values},
        continuum=continuum[own], emission=emission[own],
        log_nii_ha=x, log_nii_ha_error=x_error, log_oiii_hb=y, log_oiii_hb_error=y_error,
        bpt_class=str(bpt_class(x, y)) if detected else "",
        d4000n=d4000n, hdelta_a=hdelta_a, index_error=(d4000n_error, hdelta_error),
        velocity=float(theta[0]), width=float(theta[2]), kinematics_error=lines.kinematics_error(theta),
        forbidden=(float(theta[1]), float(theta[3])), stars=stars[own],
        dispersion=float("nan") if fitted is None else fitted.dispersion,
    )  # fmt: skip


def _wavelengths(keys: tuple[str, ...]) -> NDArray[np.float64]:
    return np.array([LINE[key].wavelength for key in keys])


_ALL = FITTED + tuple(weak for weak, _, _ in TIED)
_CENTRE = np.log(_wavelengths(_ALL))
_IS_BALMER = np.array([key in BALMER for key in _ALL])
_GROUP_OF = np.array([i for i, group in enumerate(GROUPS) for _ in group])


def _near_lines(rest: NDArray) -> NDArray[np.bool_]:
    """Pixels too close to an emission line to show the continuum."""
    near = np.zeros(len(rest), bool)
    for key in (*_ALL, "nad_5890", "nad_5896"):
        reach = (_LINE_MASK if key not in ("ha", "nii") else 1.6 * _LINE_MASK) / SPEED_OF_LIGHT
        low, high = np.searchsorted(rest, LINE[key].wavelength * np.array([1 - reach, 1 + reach]))
        near[low:high] = True
    return near


def line_spread(spectrum: Spectrum, rest: NDArray, z: float, at: NDArray) -> NDArray[np.float64]:
    """One sigma of the line-spread function at rest wavelengths, km/s; that of SDSS where it is unknown."""
    known = np.isfinite(spectrum.lsf) & (spectrum.lsf > 0)
    if known.sum() < 2:
        return np.full(len(at), _SDSS_LSF)
    sigma = np.interp(at, rest[known], np.asarray(spectrum.lsf, float)[known] / (1 + z))
    return SPEED_OF_LIGHT * sigma / at


class _Lines:
    """The linear problem of one spectrum: pixels near lines, columns of Gaussians and offsets.

    `theta` is velocity and width (km/s) of the Balmer lines and of the others: (v, v_other, s, s_other).
    """

    def __init__(self, rest: NDArray, residual: NDArray, ivar: NDArray, lsf: NDArray) -> None:
        x = np.log(rest)
        reach = _WINDOW / SPEED_OF_LIGHT
        group = np.full(len(x), -1)
        for i in range(len(FITTED)):
            low, high = np.searchsorted(x, [_CENTRE[i] - reach, _CENTRE[i] + reach])
            group[low:high] = _GROUP_OF[i]
        self.n_total, self.lsf = len(x), lsf
        self.ends = (1.5 * x[0] - 0.5 * x[1], 1.5 * x[-1] - 0.5 * x[-2]) if len(x) > 1 else (x[0], x[0])
        self.pixels = np.flatnonzero(group >= 0)
        self.x = x[self.pixels]
        self.per_wavelength = 1 / (np.sqrt(2 * np.pi) * rest[self.pixels, None])
        self.data, self.root = residual[self.pixels], np.sqrt(ivar[self.pixels])
        self.offsets = (group[self.pixels][:, None] == np.arange(len(GROUPS))).astype(float)
        self.covered = self._coverage()
        self.covariance = np.full((len(FITTED), len(FITTED)), np.nan)
        self.moves: NDArray | None = None  # from free kinematics to theta; None where none was fitted

    def _coverage(self) -> NDArray[np.bool_]:
        """Lines of which most of what lies within 200 km/s is good pixels, beyond the spectrum's ends none."""
        centre, reach = _CENTRE[: len(FITTED)], 200 / SPEED_OF_LIGHT
        near = np.abs(self.x[:, None] - centre) < reach
        good = (near & (self.root > 0)[:, None]).sum(axis=0)
        first, last = self.ends
        seen = np.clip(
            (np.minimum(centre + reach, last) - np.maximum(centre - reach, first)) / (2 * reach), 0, 1
        )
        return (near.sum(axis=0) >= 3) & (good * seen > 0.6 * near.sum(axis=0))

    def profiles(self, theta: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Unit-flux Gaussians (n, n_lines), distances in sigmas; per line, total sigma and width (c = 1)."""
        velocity = np.where(_IS_BALMER, theta[0], theta[1])
        width = np.where(_IS_BALMER, theta[2], theta[3]) / SPEED_OF_LIGHT
        sigma = np.sqrt(width**2 + (self.lsf / SPEED_OF_LIGHT) ** 2)
        u = (self.x[:, None] - (_CENTRE + velocity / SPEED_OF_LIGHT)) / sigma
        gauss = np.exp(-0.5 * np.minimum(u * u, 80))
        gauss *= self.per_wavelength / sigma
        return gauss, u, sigma, width

    def tie(self, columns: NDArray) -> NDArray:
        """Columns of the fitted lines, each with its tied companion added."""
        out = columns[:, : len(FITTED)].copy()
        for i, (_, strong, ratio) in enumerate(TIED):
            out[:, FITTED.index(strong)] += ratio * columns[:, len(FITTED) + i]
        return out

    def solve(self, theta: NDArray, moves: NDArray | None = None) -> tuple[NDArray, NDArray, float, NDArray]:
        """Amplitudes, covariance, chi2, and (with `moves`, from free parameters to theta) the next step."""
        profiles, n = self.profiles(theta), len(FITTED)
        design = np.hstack([self.tie(profiles[0]), self.offsets])
        amplitude, inverse, chi2 = self._normal(design)
        step = np.zeros(4)
        if moves is not None:
            step = moves @ self._slopes(profiles, moves, amplitude)[0][design.shape[1] :]
        return amplitude[:n], inverse[:n, :n], chi2, step

    def _slopes(
        self, profiles: tuple[NDArray, ...], moves: NDArray, amplitude: NDArray | None = None
    ) -> tuple[NDArray, NDArray]:
        """Amplitudes and steps of the free kinematics together, and their covariance, the kinematics last."""
        single, u, sigma, width = profiles
        design, n = np.hstack([self.tie(single), self.offsets]), len(FITTED)
        if amplitude is None:
            amplitude = self._normal(design)[0]
        # What the model changes by per km/s of velocity and of width, of Balmer lines and of the others.
        ties = [(FITTED.index(strong), ratio) for _, strong, ratio in TIED]
        flux = np.concatenate([amplitude[:n], [amplitude[i] * ratio for i, ratio in ties]])
        by_line = np.stack([_IS_BALMER * flux, ~_IS_BALMER * flux], axis=1) / SPEED_OF_LIGHT
        slopes = np.hstack([
            (single * u) @ (by_line / sigma[:, None]),
            (single * (u * u - 1)) @ (by_line * (width / sigma**2)[:, None]),
        ]) @ moves  # fmt: skip
        both, inverse, _ = self._normal(np.hstack([design, slopes]))
        return both, inverse

    def _normal(self, design: NDArray) -> tuple[NDArray, NDArray, float]:
        weighted, data = design * self.root[:, None], self.data * self.root
        gram = weighted.T @ weighted
        scale = np.sqrt(np.diag(gram))
        scale[scale == 0] = 1.0
        inverse = np.linalg.inv(gram / np.outer(scale, scale) + 1e-9 * np.eye(len(gram))) / np.outer(
            scale, scale
        )
        answer = inverse @ (weighted.T @ data)
        return answer, inverse, float(np.sum((data - weighted @ answer) ** 2))

    def fit(self) -> tuple[NDArray, NDArray, NDArray]:
        """Amplitudes and errors (rest-frame flux), NaN where not covered, and theta."""
        theta = np.array([0.0, 0.0, _WIDTHS[1], _WIDTHS[1]])
        if self.covered.any():
            theta = self._kinematics(theta)
            amplitude, self.covariance, _, _ = self.solve(theta)
            error = np.sqrt(np.maximum(np.diag(self.covariance), 0))
        else:
            amplitude, error = np.full((2, len(FITTED)), np.nan)
        gone = ~self.covered
        return np.where(gone, np.nan, amplitude), np.where(gone, np.nan, error), theta

    def _kinematics(self, theta: NDArray) -> NDArray:
        starts = [np.array([0.0, 0.0, w, w]) for w in _WIDTHS]
        solved = [self.solve(start) for start in starts]
        best = int(np.argmin([s[2] for s in solved]))
        amplitude, covariance = solved[1][0], solved[1][1]
        sn = np.where(self.covered, amplitude / np.sqrt(np.maximum(np.diag(covariance), 1e-300)), 0)
        if sn.max() < 5:
            return theta
        self.moves = np.array([[1, 0], [1, 0], [0, 1], [0, 1.0]])
        theta = self._descend(starts[best], self.moves, 6)
        balmer = _IS_BALMER[: len(FITTED)]
        if min(sn[balmer].max(), sn[~balmer].max()) > 10:
            self.moves = np.eye(4)
            theta = self._descend(theta, self.moves, 4)
        return theta

    def kinematics_error(self, theta: NDArray) -> tuple[float, float]:
        """One sigma of velocity and width of the Balmer lines, km/s; NaN where none was fitted or at a limit."""
        if self.moves is None or not _LIMIT_WIDTH[0] < theta[2] < _LIMIT_WIDTH[1]:
            return float("nan"), float("nan")
        free = self.moves.shape[1]
        covariance = self._slopes(self.profiles(theta), self.moves)[1][-free:, -free:]
        variance = np.diag(self.moves @ covariance @ self.moves.T)
        return float(np.sqrt(max(variance[0], 0))), float(np.sqrt(max(variance[2], 0)))

    def _descend(self, theta: NDArray, moves: NDArray, n_steps: int) -> NDArray:
        """Gauss-Newton steps, each bounded; the best theta met on the way."""
        best, lowest = theta, np.inf
        for _ in range(n_steps):
            _, _, chi2, step = self.solve(theta, moves)
            if chi2 < lowest:
                best, lowest = theta, chi2
            step[:2] = np.clip(step[:2], -100, 100)
            step[2:] = np.clip(step[2:], -0.4 * theta[2:], 0.6 * theta[2:])
            theta = theta + step
            theta[:2] = np.clip(theta[:2], -_LIMIT_VELOCITY, _LIMIT_VELOCITY)
            theta[2:] = np.clip(theta[2:], *_LIMIT_WIDTH)
            if np.abs(step).max() < 0.5:
                break
        return theta if self.solve(theta)[2] < lowest else best

    def pair_error(self, a: str, b: str) -> float:
        """Error of the sum of two lines: blended doublets are known far better as a sum."""
        i, j = FITTED.index(a), FITTED.index(b)
        if not (self.covered[i] and self.covered[j]):
            return float("nan")
        c = self.covariance
        return float(np.sqrt(max(c[i, i] + c[j, j] + 2 * c[i, j], 0)))

    def model(self, amplitude: NDArray, theta: NDArray) -> NDArray[np.float64]:
        """Emission on all pixels of the spectrum."""
        out = np.zeros(self.n_total)
        out[self.pixels] = self.tie(self.profiles(theta)[0]) @ np.nan_to_num(amplitude)
        return out


def continuum_levels(rest: NDArray, continuum: NDArray, keys: tuple[str, ...], z: float) -> dict[str, float]:
    """Continuum under each line, stellar absorption included, as SDSS has it; per rest-frame angstrom.

    Flux per angstrom at rest over this is a rest-frame equivalent width.

    Args:
        rest: Rest-frame angstrom, (n_pixels,).
        continuum: Observed flux density on those pixels.
        keys: Lines, or "oii" and "sii", whose level is that of their first line.
        z: Redshift.
    """
    centres = _wavelengths(tuple(SUMS[key][0] if key in SUMS else key for key in keys))
    edges = np.searchsorted(rest, centres[:, None] * (1 + np.array([-150, 150]) / SPEED_OF_LIGHT))
    means = [continuum[a:b].mean() if b > a else np.nan for a, b in edges]
    return {
        key: float(mean) * (1 + z) if mean > 0 else float("nan")
        for key, mean in zip(keys, means, strict=True)
    }


def _whole_error(key: str, flux: float, noise: float, level: float) -> float:
    """Noise, continuum and profile together; without a continuum its part is unknown and left out."""
    continuum = CONTINUUM_EW[key] * level if np.isfinite(level) else 0.0
    return float(np.sqrt(noise**2 + continuum**2 + (PROFILE * flux) ** 2))


def _log_ratio(flux: dict[str, float], error: dict[str, float], top: str, bottom: str) -> tuple[float, float]:
    if not (flux[top] > 0 and flux[bottom] > 0):
        return float("nan"), float("nan")
    relative = np.hypot(error[top] / flux[top], error[bottom] / flux[bottom])
    return float(np.log10(flux[top] / flux[bottom])), float(relative / np.log(10))


def _band(rest: NDArray, values: NDArray, ivar: NDArray, low: float, high: float) -> tuple[float, float]:
    """Mean over a band and its variance; NaN where less than 80% of the band's pixels are good."""
    a, b = np.searchsorted(rest, [low, high])
    good = ivar[a:b] > 0
    if b - a < 3 or rest[0] > low + 1 or rest[-1] < high - 1 or good.sum() < 0.8 * (b - a):
        return float("nan"), float("nan")
    return float(values[a:b][good].mean()), float((1 / ivar[a:b][good]).sum() / good.sum() ** 2)


def stellar_indices(
    rest: NDArray, flux: NDArray, ivar: NDArray
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Narrow 4000 angstrom break and H delta A (angstrom), each with its error; NaN where not covered.

    Args:
        rest: Rest-frame vacuum angstrom, (n_pixels,).
        flux, ivar: Per angstrom, any unit, emission left in; zero inverse variance where bad.
    """
    return _d4000n(rest, flux, ivar), _hdelta_a(rest, flux, ivar)


def _d4000n(rest: NDArray, flux: NDArray, ivar: NDArray) -> tuple[float, float]:
    nu, nu_ivar = flux * rest**2, ivar / rest**4
    red, red_var = _band(rest, nu, nu_ivar, 4000, 4100)
    blue, blue_var = _band(rest, nu, nu_ivar, 3850, 3950)
    if not (blue > 0 and red > 0):
        return float("nan"), float("nan")
    ratio = red / blue
    return ratio, ratio * float(np.sqrt(red_var / red**2 + blue_var / blue**2))


#: Lick H delta A: blue side band, central band, red side band; air angstrom moved to vacuum (+1.16).
_HDELTA = ((4042.76, 4082.66), (4084.66, 4123.41), (4129.66, 4162.16))


def _hdelta_a(rest: NDArray, flux: NDArray, ivar: NDArray) -> tuple[float, float]:
    (b0, b1), (c0, c1), (r0, r1) = _HDELTA
    blue, _ = _band(rest, flux, ivar, b0, b1)
    red, _ = _band(rest, flux, ivar, r0, r1)
    line = blue + (red - blue) * (rest - (b0 + b1) / 2) / ((r0 + r1 - b0 - b1) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth, variance = _band(rest, 1 - flux / line, ivar * line**2, c0, c1)
    return depth * (c1 - c0), float(np.sqrt(variance)) * (c1 - c0)
