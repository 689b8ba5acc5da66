"""Radial velocities as the estimates that `estimate --quantity z` gives: z = v / c."""

from __future__ import annotations

from scipy.stats import norm

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.redshift_estimate import Candidate, RedshiftEstimate
from spectrove.spectra import SpectrumSet
from spectrove.stars.medium import is_doubtful
from spectrove.stars.setting_velocity import velocities as velocities_in_settings
from spectrove.stars.velocity import Velocity, velocities


def estimate_redshifts(spectra: SpectrumSet, n: int, level: float) -> list[RedshiftEstimate]:
    """The velocity of each star over the speed of light; a star without one has a warning that says why.

    Stars that are sharp enough in HR10 or HR21 are compared there, which is a hundred times as exact.

    Args:
        spectra: In vacuum; nothing but their pixels is read.
        n: Of candidates; templates of stars give one.
        level: Of the intervals.
    """
    del n
    found, _ = velocities(spectra)
    sharp = zip(map(str, spectra.object_id), velocities_in_settings(spectra), strict=True)
    found |= {name: one for name, one in sharp if one is not None and (not one.failed or name not in found)}
    flags = spectra.column("flags")
    return [
        _estimate(str(name), found.get(str(name)), flags[i] or (), level)
        for i, name in enumerate(spectra.object_id)
    ]


def _estimate(name: str, one: Velocity | None, flags: tuple[str, ...], level: float) -> RedshiftEstimate:
    if one is None:
        return RedshiftEstimate(
            name, float("nan"), float("nan"), None, False, level=level, flags=("z_uncertain",)
        )
    half = float(norm.ppf(0.5 + level / 2)) * one.error / SPEED_OF_LIGHT
    more = [
        *(["z_uncertain"] if one.failed else []),
        *(["medium_doubtful"] if is_doubtful(one, flags) else []),
    ]
    best = Candidate(one.z, one.chi2, one.gain, (one.warning,) if one.warning else (), "star")
    return RedshiftEstimate(
        name, one.z, one.error / SPEED_OF_LIGHT, (one.z - half, one.z + half), not one.failed, (best,), tuple(more),
        level=level, type="star",
    )  # fmt: skip
