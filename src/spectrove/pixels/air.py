"""Air and vacuum wavelengths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def air_to_vacuum(wavelength: NDArray) -> NDArray[np.float64]:
    """Vacuum wavelengths of air wavelengths, angstrom; below 2000 A they are vacuum by convention already.

    Source: Ciddor 1996, Applied Optics 35, 1566, iterated, by `specutils`.
    """
    import astropy.units as u
    from specutils.utils.wcs_utils import air_to_vac  # seconds to import, and few surveys need it

    vacuum = np.array(wavelength, dtype=float)
    in_air = vacuum >= 2000.0
    if in_air.any():
        # The default scheme takes the index of refraction at the air wavelength: off by 2e-5 A. The
        # precision is above the rounding of the largest wavelengths, or the iteration would not end.
        vacuum[in_air] = air_to_vac(
            vacuum[in_air] * u.AA, scheme="iteration", method="Ciddor1996", precision=1e-8
        ).value
    return vacuum
