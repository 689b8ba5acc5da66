"""Where two sets of spectra differ: the wavelengths, by how much, and whether it may be chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal, SpectrumError
from spectrove.inference.differences.levelled import STEP, Floats, Levelled, levelled, rest_span
from spectrove.inference.differences.scan import (
    Compared,
    Samples,
    can_shuffle,
    chance_of_best,
    compare,
    with_prior,
)
from spectrove.lines import SPEED_OF_LIGHT, Line
from spectrove.spectra import SpectrumSet

#: Probability that two sets of the same kind show any region, unless another is given.
CHANCE = 0.05
#: Widths of the running means that are tested, pixels: lines, broad lines, bands.
WIDTHS = (1, 5, 25)
#: Share of the chance that goes to the lines of the domain, tested by name; the widths share the rest.
SHARE_OF_LINES = 0.5
#: Half width of a line that is tested by name, km/s.
LINE_HALF_WIDTH = 400.0
#: A region extends from its best pixel as far as the difference has its sign, this significance and half the best.
EDGE = 2.0
#: Lines are named in a region if they are nearer than this to it, km/s.
NAMED_WITHIN = 200.0
#: Flux from which the scale of the tests is logarithmic, in units of the continuum.
SOFTENING = 0.2
#: Pixels on either side of a region that later tests leave out: its wings.
WINGS = 6
#: Pixels that both sets must have in common.
FEWEST_PIXELS = 20

LIGHT = 299_792.458


@dataclass(frozen=True)
class DifferingRegion:
    """A stretch of the rest frame in which the first set has more or less light than the second.

    Attributes:
        low, high: Vacuum angstrom.
        lines: Names of the lines in it.
        more: "like" where the first set has more, "unlike" where the second has.
        percent: Mean difference, in percent of the continuum, and `percent_error` its standard error.
        width: The same as an equivalent width, angstrom: positive where the first set has more light.
        sigma: Significance of the best test alone.
        p_value: Probability that the best of all tests is as good by chance.
    """

    low: float
    high: float
    lines: tuple[str, ...]
    more: str
    percent: float
    percent_error: float
    width: float
    sigma: float
    p_value: float

    def __str__(self) -> str:
        return f"{' + '.join(self.lines)} " * bool(self.lines) + f"{self.low:.0f}-{self.high:.0f} A"

    @property
    def sentence(self) -> str:
        """The region, which set has more, by how much and how surely."""
        chance = f"p {self.p_value:.1g}" if self.p_value >= 1e-4 else "p < 0.0001"
        return (
            f"{self}: {self.more} has {abs(self.percent):.3g} ± {self.percent_error:.2g} % of the continuum more "
            f"({self.sigma:.1f} sigma, {chance})"
        )


@dataclass(frozen=True)
class SetDifference:
    """Two sets of spectra compared.

    Attributes:
        wavelength: Rest frame, vacuum angstrom, (n_pixels,).
        like, unlike: Mean of each set over its continuum, minus one; NaN where it was not observed.
        error: Of their difference; NaN where unknown.
        z: Significance of each pixel.
        n_like, n_unlike: Numbers of spectra that took part.
        regions: In order of wavelength.
        chance: Probability that sets of the same kind show any region.
        null: What the probabilities rest on: "shuffles", "Student" or "photon noise".
        refusals: Examples that could not take part.
    """

    wavelength: Floats
    like: Floats
    unlike: Floats
    error: Floats
    z: Floats
    n_like: int
    n_unlike: int
    regions: tuple[DifferingRegion, ...]
    chance: float
    null: str
    refusals: tuple[Refusal, ...] = ()
    members: Levelled | None = field(default=None, repr=False)

    @property
    def sentence(self) -> str:
        """Whether and where the sets differ."""
        sets = f"the {self.n_like} like and the {self.n_unlike} unlike"
        caution = (
            " Its error is photon noise alone: these two spectra differ, which says little of two kinds."
            if self.null == "photon noise"
            else ""
        )
        if not self.regions:
            return f"No wavelength differs significantly between {sets} (chance of any {self.chance:g}).{caution}"
        best = sorted(self.regions, key=lambda r: (r.p_value, -abs(r.sigma)))
        named = ", ".join(str(region) for region in best[:4])
        rest = f" and {len(best) - 4} more" if len(best) > 4 else ""
        return f"{len(best)} regions differ between {sets}: {named}{rest}.{caution}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the spectra."""
        return {
            "n_like": self.n_like, "n_unlike": self.n_unlike, "chance": self.chance, "null": self.null,
            "regions": [asdict(region) for region in self.regions], "sentence": self.sentence,
        }  # fmt: skip


def set_difference(
    like: SpectrumSet,
    unlike: SpectrumSet,
    lines: Sequence[Line] = (),
    chance: float = CHANCE,
    near: tuple[SpectrumSet, SpectrumSet] | None = None,
) -> SetDifference:
    """Where two sets of spectra differ in the rest frame, each spectrum over its own continuum.

    Means of both sets are compared pixel by pixel, at the lines by name, and in running means; what was found is left
    out of the wider tests. The error is the scatter within the sets, which holds both the noise and how members differ.
    A region is one that the best of all tests reaches by chance with probability `chance` at most, so that of sets of
    the same kind this fraction shows any.

    Args:
        like, unlike: Spectra with redshifts, none in both.
        lines: Lines that are tested by name and named.
        chance: Probability that two sets of the same kind show any region.
        near: Known spectra like those of each set: their scatter is a prior where the sets are too small to shuffle.

    Raises:
        SpectrumError: A set is empty, both hold the same spectrum, or they share no wavelengths.
    """
    _check_sets(like, unlike)
    sets = _both(like, unlike)
    others = _near(near, sets)
    found: dict[int, list[DifferingRegion]] = {}
    free: NDArray[np.bool_] = np.any(sets.both.good, axis=0)
    null = ""
    for width, share in _families(lines):
        samples = _samples(sets, free, width, lines)
        if others is not None and not can_shuffle(sets.first):
            samples = with_prior(samples, sets.first, _samples(others, free, width, lines), others.first)
        compared = compare(samples, sets.first)
        p, null = chance_of_best(samples, sets.first, compared.z)
        spans = _spans(compared.z, p <= share * chance, sets.both.wavelength, width, lines)
        found[width] = [
            _measured(
                sets, (low, high), lines, abs(float(compared.z[best])), min(1.0, float(p[best]) / share)
            )
            for low, high, best in spans
        ]
        for region in found[width]:
            free &= ~_around(sets.both.wavelength, region)
    narrow = compare(_samples(sets, np.ones(len(free), bool), 1, lines), sets.first)
    bands = found.pop(WIDTHS[-1])  # they may lie beside a line and are no part of it
    joined = _joined([region for some in found.values() for region in some], sets, lines)
    return _result(sets, narrow, sorted([*joined, *bands], key=lambda r: r.low), chance, null)


def _families(lines: Sequence[Line]) -> list[tuple[int, float]]:
    """Widths of the tests (0: lines by name) in their order, and the share of the chance that each may use."""
    share = (1 - SHARE_OF_LINES * bool(lines)) / len(WIDTHS)
    named = [(0, SHARE_OF_LINES)] if lines else []
    return [(WIDTHS[0], share), *named, *((width, share) for width in WIDTHS[1:])]


@dataclass(frozen=True)
class _Sets:
    """Both sets over their continuum on one grid, which are of the first, and the weight of each spectrum."""

    both: Levelled
    first: NDArray[np.bool_]
    weight: Floats


def _near(near: tuple[SpectrumSet, SpectrumSet] | None, sets: _Sets) -> _Sets | None:
    """Spectra like those of the sets, on the same grid."""
    if near is None or min(map(len, near)) < 2:
        return None
    grid = sets.both.wavelength
    a, b = (levelled(part, (float(grid[0]), float(grid[-1]))) for part in near)
    return _together(a, b)


def _check_sets(like: SpectrumSet, unlike: SpectrumSet) -> None:
    """Refuse sets that are empty or overlap."""
    for name, spectra in (("like", like), ("unlike", unlike)):
        if not len(spectra):
            raise SpectrumError(f"--{name}: no spectrum, expected at least one. Name ids or files.")
    if shared := sorted(set(like.object_id.tolist()) & set(unlike.object_id.tolist())):
        raise SpectrumError(
            f"{', '.join(shared[:5])}: in both sets, expected each spectrum in one. Take it out of --like or --unlike."
        )


def _both(like: SpectrumSet, unlike: SpectrumSet) -> _Sets:
    """Both sets on the grid that they have in common.

    Raises:
        SpectrumError: No member of a set can be used, or too few pixels are common.
    """
    span = rest_span([like, unlike])
    a, b = levelled(like, span), levelled(unlike, span)
    for name, part in (("like", a), ("unlike", b)):
        if not len(part):
            why = "; ".join(refusal.error for refusal in part.refusals[:3])
            raise SpectrumError(f"--{name}: none of its spectra can be compared. {why}")
    sets = _together(a, b)
    # One member alone says nothing of its set, unless it is the set.
    enough = (a.good.sum(axis=0) >= min(2, len(a))) & (b.good.sum(axis=0) >= min(2, len(b)))
    if enough.sum() < FEWEST_PIXELS:
        raise SpectrumError(
            f"the sets share {int(enough.sum())} pixels between {span[0]:.0f} and {span[1]:.0f} A of the rest frame, "
            f"expected {FEWEST_PIXELS} at least. Choose examples that were observed in the same range."
        )
    return replace(sets, both=replace(sets.both, good=sets.both.good & enough))


def _together(a: Levelled, b: Levelled) -> _Sets:
    """Two sets on one grid, one after the other."""
    first = np.repeat([True, False], [len(a), len(b)])
    parts = {
        name: np.concatenate([getattr(a, name), getattr(b, name)])
        for name in ("object_id", "flux", "variance", "good")
    }
    both = Levelled(wavelength=a.wavelength, refusals=(*a.refusals, *b.refusals), **parts)
    return _Sets(both, first, _weights(both, first))


def _weights(both: Levelled, first: NDArray[np.bool_]) -> Floats:
    """Weight of each spectrum: the inverse of its typical noise with the scatter that is not noise, mean 1."""
    noise = np.array(
        [np.median(v[g]) if g.any() else np.inf for v, g in zip(both.variance, both.good, strict=True)]
    )
    about = [_scatter(both, of) for of in (first, ~first) if of.sum() > 1]
    real = max(float(np.median(np.concatenate(about))) - float(np.median(noise)), 0.0) if about else 0.0
    weight = 1 / (noise + max(real, 1e-4))
    return weight / weight.mean()


def _scatter(both: Levelled, members: NDArray[np.bool_]) -> Floats:
    """Variance of some spectra in each pixel that two of them have at least."""
    good = both.good[members]
    enough = good.sum(axis=0) > 1
    return (
        np.nanvar(np.where(good, both.flux[members], np.nan)[:, enough], axis=0)
        if enough.any()
        else np.zeros(1)
    )


def _samples(sets: _Sets, free: NDArray[np.bool_], width: int, lines: Sequence[Line]) -> Samples:
    """The values that one family of tests compares, of the pixels that are free."""
    soft = replace(sets, both=_softened(sets.both))
    return _running(soft, free, width) if width else _at_lines(soft, free, lines)


def _softened(both: Levelled) -> Levelled:
    """The spectra on a scale that is logarithmic where lines are strong: their strengths scatter by factors."""
    slope2 = 1 / (1 + (both.flux / SOFTENING) ** 2)
    return replace(both, flux=SOFTENING * np.arcsinh(both.flux / SOFTENING), variance=both.variance * slope2)


def _running(sets: _Sets, free: NDArray[np.bool_], width: int) -> Samples:
    """Running means of `width` pixels over those that are free."""
    both, weight = sets.both, sets.weight
    good = both.good & free
    if width == 1:
        return Samples(both.flux, both.variance, good, weight, float(good.any(axis=0).sum()))
    number = _box(good.astype(float), width)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(number > 0, _box(np.where(good, both.flux, 0), width) / number, 0)
        variance = np.where(number > 0, _box(np.where(good, both.variance, 0), width) / number**2, 0)
    covered = (number >= width / 2) & good
    return Samples(values, variance, covered, weight, max(1.0, 2 * covered.any(axis=0).sum() / width))


def _box(values: Floats, width: int) -> Floats:
    """Sums over `width` pixels around each one, (n_spectra, n_pixels)."""
    half = width // 2
    total = np.cumsum(np.pad(values, ((0, 0), (half + 1, half))), axis=1)
    return total[:, width:] - total[:, :-width]


def _at_lines(sets: _Sets, free: NDArray[np.bool_], lines: Sequence[Line]) -> Samples:
    """The mean of each spectrum within `LINE_HALF_WIDTH` of each line."""
    both, weight = sets.both, sets.weight
    good = both.good & free
    parts = [_mean_in(both, good & _within(both.wavelength, *_line_span(line))) for line in lines]
    values: Floats = np.stack([part[0] for part in parts], axis=1)
    variance: Floats = np.stack([part[1] for part in parts], axis=1)
    enough = np.stack([part[2] for part in parts], axis=1)
    return Samples(values, variance, enough, weight, float(len(lines)))


def _mean_in(both: Levelled, inside: NDArray[np.bool_]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Mean of each spectrum over some pixels, its photon variance, and whether there are any."""
    number = inside.sum(axis=1)
    some = np.maximum(number, 1)
    flux, variance = np.where(inside, both.flux, 0), np.where(inside, both.variance, 0)
    return flux.sum(axis=1) / some, variance.sum(axis=1) / some**2, number > 0


def _line_span(line: Line) -> tuple[float, float]:
    reach = line.wavelength * LINE_HALF_WIDTH / SPEED_OF_LIGHT
    return line.wavelength - reach, line.wavelength + reach


def _within(wavelength: Floats, low: float, high: float) -> NDArray[np.bool_]:
    return (wavelength >= low) & (wavelength <= high)


def _around(wavelength: Floats, region: DifferingRegion) -> NDArray[np.bool_]:
    """The pixels of a region with its wings."""
    wings = 10 ** (WINGS * STEP)
    return _within(wavelength, region.low / wings, region.high * wings)


#: Ends in angstrom, and which test is its best.
Span = tuple[float, float, int]


def _spans(
    z: Floats, found: NDArray[np.bool_], wavelength: Floats, width: int, lines: Sequence[Line]
) -> list[Span]:
    """The stretches around tests that were found, each with its best test."""
    if width == 0:
        return [(*_line_span(lines[int(i)]), int(i)) for i in np.flatnonzero(found)]
    spans: list[Span] = []
    left = found.copy()
    while left.any():
        best = int(np.argmax(np.where(left, np.abs(z), 0)))
        same = (np.sign(z) == np.sign(z[best])) & (np.abs(z) >= max(EDGE, abs(z[best]) / 2))
        low = high = best
        while low > 0 and same[low - 1]:
            low -= 1
        while high < len(z) - 1 and same[high + 1]:
            high += 1
        left[low : high + 1] = False
        edge = 10 ** (STEP * max(width // 2, 0.5))
        spans.append((float(wavelength[low] / edge), float(wavelength[high] * edge), best))
    return spans


def _measured(
    sets: _Sets, ends: tuple[float, float], lines: Sequence[Line], sigma: float, p_value: float
) -> DifferingRegion:
    """A region with its size."""
    both = sets.both
    values, variance, some = _mean_in(both, both.good & _within(both.wavelength, *ends))
    mean = compare(Samples(values[:, None], variance[:, None], some[:, None], sets.weight, 1.0), sets.first)
    percent = 100 * float(mean.difference[0])
    reach = NAMED_WITHIN / SPEED_OF_LIGHT
    named = tuple(
        line.name for line in lines if ends[0] * (1 - reach) <= line.wavelength <= ends[1] * (1 + reach)
    )
    more = "like" if percent > 0 else "unlike"
    width = percent / 100 * (ends[1] - ends[0])
    return DifferingRegion(*ends, named, more, percent, 100 * float(mean.error[0]), width, sigma, p_value)


def _joined(found: Sequence[DifferingRegion], sets: _Sets, lines: Sequence[Line]) -> list[DifferingRegion]:
    """The regions in order, those of one sign that touch with their wings as one."""
    wings = 10 ** (2 * WINGS * STEP)
    joined: list[DifferingRegion] = []
    for region in sorted(found, key=lambda r: r.low):
        last = joined[-1] if joined else None
        if last is None or region.low > last.high * wings or region.more != last.more:
            joined.append(region)
            continue
        best = min(last, region, key=lambda r: (r.p_value, -r.sigma))
        ends = (last.low, max(last.high, region.high))
        joined[-1] = _measured(sets, ends, lines, best.sigma, best.p_value)
    return joined


def _result(
    sets: _Sets, narrow: Compared, regions: Sequence[DifferingRegion], chance: float, null: str
) -> SetDifference:
    unknown = ~np.isfinite(narrow.difference)
    linear = compare(_running(sets, np.ones(len(unknown), bool), 1), sets.first)
    like, unlike = (np.where(unknown, np.nan, mean) for mean in linear.means)
    n_like = int(sets.first.sum())
    return SetDifference(
        sets.both.wavelength, like, unlike, linear.error, narrow.z, n_like, len(sets.both) - n_like, tuple(regions),
        chance, null, sets.both.refusals, replace(sets.both, refusals=()),
    )  # fmt: skip


def own_differences(
    result: SetDifference, spectra: SpectrumSet
) -> dict[str, tuple[tuple[float, float], ...]]:
    """What single spectra have more than the mean of the unlike in each region that differs, with the photon noise.

    In percent of the continuum, by object id; NaN where a spectrum has no pixel. Spectra that cannot be placed in the
    rest frame are missing.
    """
    if not result.regions or not len(spectra):
        return {str(name): () for name in spectra.object_id}
    grid = result.wavelength
    made = levelled(spectra, (float(grid[0]), float(grid[-1])))
    seen = made.good & np.isfinite(result.unlike)
    above = replace(made, flux=made.flux - np.nan_to_num(result.unlike), good=seen)
    parts = [_mean_in(above, seen & _within(grid, region.low, region.high)) for region in result.regions]
    return {
        str(name): tuple(
            (100 * float(mean[i]), 100 * float(np.sqrt(noise[i]))) if some[i] else (np.nan, np.nan)
            for mean, noise, some in parts
        )
        for i, name in enumerate(made.object_id)
    }
