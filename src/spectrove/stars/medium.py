"""Whether a star's wavelengths were taken for those of the wrong medium, by its velocity.

Air shortens wavelengths by 83 km/s, at every wavelength nearly alike (85 at 3700, 82 at 9000 angstrom): within one
spectrum of R = 2000 nothing but the velocity of the star shows it. Labels do not suffer, for the velocity is measured
first; the velocity does. Vacuum taken for air moves lines to the red, air taken for vacuum to the blue.
"""

from __future__ import annotations

from collections.abc import Collection

from spectrove.stars.velocity import Velocity

#: The velocity that the wrong medium adds, km/s, at 5500 angstrom.
MEDIUM = 83.3

#: Velocities from which on the medium is doubted, and up to which it explains them, km/s.
DOUBTFUL = (40.0, 250.0)


def is_doubtful(velocity: Velocity, flags: Collection[str]) -> bool:
    """Whether the velocity is one that a star has whose wavelengths were taken for those of the other medium.

    Args:
        velocity: Of the spectrum.
        flags: Of its row: "air_converted" where its wavelengths were taken for those in air.
    """
    if velocity.failed:
        return False
    moved = velocity.value if "air_converted" in flags else -velocity.value
    return DOUBTFUL[0] <= moved <= DOUBTFUL[1]
