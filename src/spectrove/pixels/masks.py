"""Why a pixel is not to be trusted, as bits."""

from __future__ import annotations

from enum import IntFlag


class Mask(IntFlag):
    """Why a pixel is not to be trusted; surveys' own bits are translated to these."""

    NODATA = 1  #: ivar is zero or the pixel was never observed
    BADPIXEL = 2  #: the survey flags it in every exposure (SDSS and_mask) or as fatal
    SUSPECT = 4  #: the survey flags it in some exposure (SDSS or_mask); kept, for information
    SKYLINE = 8  #: bright night-sky line; kept, for information
    COSMIC = 16  #: a cosmic ray found by `preprocess.quality`
    NONFINITE = 32  #: flux or ivar was NaN or infinite; stored as flux 0, ivar 0
    NEGATIVE_IVAR = 64  #: ivar was negative; stored as 0


#: Pixels with any of these bits never reach an encoder as values.
BAD = Mask.NODATA | Mask.BADPIXEL | Mask.COSMIC | Mask.NONFINITE | Mask.NEGATIVE_IVAR
