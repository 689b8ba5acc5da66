"""Line ratios with errors or limits, and where they put an object in the [N II] diagram."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.galaxies.lines import BPT_CLASSES, LINE, bpt_class, kauffmann03, kewley01, liner_seyfert
from spectrove.plain import plain

#: A line is detected when its flux is at least this many times its error; limits are that many sigma.
DETECTION = 3.0

#: Dividing lines of the [N II] diagram, in the order they are met from star-forming to LINER.
DIVIDING_LINES: dict[str, Callable[[ArrayLike], NDArray[np.float64]]] = {
    "Kauffmann 2003": kauffmann03,
    "Kewley 2001": kewley01,
    "1.18x+0.77": liner_seyfert,
}
#: Where each line ends on the right: two curves fall to minus infinity, the straight one goes on.
_RIGHT_END = {"Kauffmann 2003": 0.05, "Kewley 2001": 0.47}

#: The four lines of the diagram, as (numerator, denominator) of x and of y.
_X, _Y = ("nii", "ha"), ("oiii", "hb")


class Fluxes(Protocol):
    """The interface of a line measurement: fluxes and one-sigma errors by `Line.key`, in one unit."""

    @property
    def flux(self) -> Mapping[str, float]: ...
    @property
    def error(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Ratio:
    """log10 of a flux ratio in dex: measured with a one-sigma error, or a limit, or nothing.

    `kind` is "measured"; "upper" or "lower" (a limit, `error` NaN); "undetected" (neither line was
    detected); or "uncovered" (a line lies outside the spectrum or under bad pixels).
    """

    value: float
    error: float
    kind: Literal["measured", "upper", "lower", "undetected", "uncovered"]

    @property
    def known(self) -> bool:
        """Whether there is a number at all, a limit included."""
        return self.kind in ("measured", "upper", "lower")

    def text(self) -> str:
        """As printed: "0.13 ± 0.02", "< -0.30", "> 0.80", or words."""
        sign = {"upper": "< ", "lower": "> "}.get(self.kind, "")
        if self.kind == "measured":
            return f"{_signed(self.value)} ± {max(self.error, 0.005):.2f}"
        return (
            sign + _signed(self.value) if sign else {"undetected": "undetected"}.get(self.kind, "not covered")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values; None where there is no number."""
        return {"value": plain(self.value), "error": plain(self.error), "kind": self.kind}


@dataclass(frozen=True)
class Bpt:
    """An object's place in the [N II] diagram, by one measurement of its lines.

    Attributes:
        nii_ha: log10([N II] 6583 / H alpha).
        oiii_hb: log10([O III] 5007 / H beta).
        detected: Which of ha, hb, oiii, nii are detected at `DETECTION` sigma.
        covered: Which of the four were measured at all.
        possible: Classes the ratios and limits allow; one where they decide.
        sigma: Distance to each of `DIVIDING_LINES` in sigma, positive above the line; empty unless both
            ratios are measured.
    """

    nii_ha: Ratio
    oiii_hb: Ratio
    detected: tuple[str, ...]
    covered: tuple[str, ...]
    possible: tuple[str, ...]
    sigma: dict[str, float] = field(default_factory=dict)

    @property
    def own_class(self) -> str:
        """The class our own measurement gives; "" where lines or limits leave it open."""
        return self.possible[0] if len(self.possible) == 1 else ""

    @property
    def no_lines(self) -> bool:
        """All four lines were covered and none is detected."""
        return len(self.covered) == 4 and not self.detected

    def missing(self) -> list[str]:
        """Printed names of the four lines that are covered but not detected."""
        return [LINE[k].name for k in self.covered if k not in self.detected]

    def uncovered(self) -> list[str]:
        """Printed names of the four lines that were not measured."""
        return [LINE[k].name for k in (*_Y[::-1], *_X[::-1]) if k not in self.covered]

    def border(self) -> tuple[str, float]:
        """The dividing line that the class turns on, and the signed distance to it in sigma.

        LINERs and Seyferts are told apart by the straight line; Kewley's is named only where noise could take
        the point across it.
        """
        if not self.sigma:
            return "", float("nan")
        if self.own_class == "SF":
            name = "Kauffmann 2003"
        elif self.own_class == "Composite":
            name = min(("Kauffmann 2003", "Kewley 2001"), key=lambda n: abs(self.sigma[n]))
        else:
            near, straight = abs(self.sigma["Kewley 2001"]), abs(self.sigma["1.18x+0.77"])
            name = "Kewley 2001" if near < min(DETECTION, straight) else "1.18x+0.77"
        return name, self.sigma[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "log_nii_ha": self.nii_ha.to_dict(),
            "log_oiii_hb": self.oiii_hb.to_dict(),
            "class": self.own_class,
            "possible": list(self.possible),
            "sigma_to_line": {name: plain(value) for name, value in self.sigma.items()},
        }


def log_ratio(top: float, top_error: float, bottom: float, bottom_error: float) -> Ratio:
    """log10(top / bottom) with its error, or a limit where one of the two is not detected.

    A limit takes max(flux, 0) + 3 sigma for the undetected line and the measured flux of the other.

    Args:
        top: Flux of the numerator, any unit; NaN where not covered.
        top_error: One-sigma error, same unit.
        bottom: Flux of the denominator, same unit.
        bottom_error: One-sigma error, same unit.

    Source:
        First-order error propagation: sigma^2 = ((e_a / a)^2 + (e_b / b)^2) / ln(10)^2.
    """
    if not (_usable(top, top_error) and _usable(bottom, bottom_error)):
        return Ratio(np.nan, np.nan, "uncovered")
    has_top, has_bottom = top >= DETECTION * top_error, bottom >= DETECTION * bottom_error
    if has_top and has_bottom:
        error = np.hypot(top_error / top, bottom_error / bottom) / np.log(10)
        return Ratio(float(np.log10(top / bottom)), float(error), "measured")
    if has_bottom:
        return Ratio(float(np.log10(_limit(top, top_error) / bottom)), np.nan, "upper")
    if has_top:
        return Ratio(float(np.log10(top / _limit(bottom, bottom_error))), np.nan, "lower")
    return Ratio(np.nan, np.nan, "undetected")


def bpt(lines: Fluxes) -> Bpt:
    """An object's place in the [N II] diagram, from its measured lines."""
    x, y = (ratio(lines, *pair) for pair in (_X, _Y))
    keys = (*_Y[::-1], *_X[::-1])
    covered = tuple(k for k in keys if _usable(*_of(lines, k)))
    detected = tuple(k for k in covered if is_detected(lines, k))
    sigma = {}
    if x.kind == y.kind == "measured":
        sigma = {name: sigma_to_line(name, x, y) for name in DIVIDING_LINES}
    return Bpt(x, y, detected, covered, _possible(x, y), sigma)


def ratio(lines: Fluxes, top: str, bottom: str) -> Ratio:
    """log10 of the ratio of two lines, named by `Line.key`."""
    return log_ratio(*_of(lines, top), *_of(lines, bottom))


def is_detected(lines: Fluxes, key: str) -> bool:
    """Whether a line's flux is at least `DETECTION` times its error."""
    flux, error = _of(lines, key)
    return _usable(flux, error) and flux >= DETECTION * error


def sigma_to_line(name: str, x: Ratio, y: Ratio) -> float:
    """Distance of a measured point to a dividing line in units of its own errors; positive above it.

    The smallest Mahalanobis distance to any point of the line. For a straight line y = a x + b this is
    (y - a x - b) / sqrt(sy^2 + a^2 sx^2); for the curves it stays right far from them, where a tangent does
    not.
    """
    points = _polyline(name)
    scaled = (points - [x.value, y.value]) / [max(x.error, 1e-4), max(y.error, 1e-4)]
    nearest = _distance_to_segments(scaled)
    above = y.value > float(DIVIDING_LINES[name](x.value))
    return nearest if above else -nearest


def _distance_to_segments(p: NDArray[np.float64]) -> float:
    """Smallest distance of the origin to a polyline, shape (n_points, 2)."""
    step = np.diff(p, axis=0)
    along = -np.einsum("ij,ij->i", p[:-1], step) / np.einsum("ij,ij->i", step, step)
    closest = p[:-1] + np.clip(along, 0, 1)[:, None] * step
    return float(np.hypot(*closest.T).min())


def _polyline(name: str) -> NDArray[np.float64]:
    if name not in _RIGHT_END:
        x = np.array([-20.0, 20.0])
    else:  # finer and finer towards the asymptote, where the curve is steep
        x = _RIGHT_END[name] - np.geomspace(20.0, 0.01, 4000)
    return np.column_stack([x, DIVIDING_LINES[name](x)])


def _possible(x: Ratio, y: Ratio) -> tuple[str, ...]:
    """Classes that some point allowed by the two ratios falls in; none if neither says anything."""
    if not (x.known or y.known):
        return ()
    found = set(bpt_class(*np.meshgrid(_allowed(x), _allowed(y))).ravel()) - {""}
    return tuple(c for c in BPT_CLASSES if c in found)


def _allowed(r: Ratio) -> NDArray[np.float64]:
    low = r.value - 3 if r.kind == "upper" else r.value
    high = r.value + 3 if r.kind == "lower" else r.value
    return np.linspace(low, high, 1 if low == high else 400) if r.known else np.linspace(-2.5, 1.5, 400)


def _of(lines: Fluxes, key: str) -> tuple[float, float]:
    return float(lines.flux.get(key, np.nan)), float(lines.error.get(key, np.nan))


def _usable(flux: float, error: float) -> bool:
    return bool(np.isfinite(flux) and np.isfinite(error) and error > 0)


def _limit(flux: float, error: float) -> float:
    return max(flux, 0.0) + DETECTION * error


def _signed(value: float) -> str:
    """Two decimals with a true minus sign, and never "-0.00"."""
    text = f"{value:.2f}"
    return f"{0.0:.2f}" if text == "-0.00" else text.replace("-", "−")
