"""What errors and masks of a file say: inverse variances, and which pixels are bad."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.pixels.scatter import ivar_from_scatter
from spectrove.spectra import Mask

#: Words for a good pixel in masks that are text; every other word marks a bad one.
_GOOD_WORDS = {
    "",
    "good",
    "g",
    "ok",
    "0",
    "f",
    "false",
    "-",
    "--",
    "none",
    "n",
    "no",
    ".",
    "clean",
    "valid",
    "unmasked",
}
#: Names of masks that mark the good pixels, and cards of files whose masks do (PypeIt).
_GOOD_NAME = re.compile(
    r"(?<![a-z])(?<!not[ _-])(?<!non[ _-])(?<!no[ _-])(?:is[ _]?)?"
    r"(?:good(?!ness)|valid|keep|use(?:d|able|ful)?(?![a-z])|ok(?![a-z]))",
    re.I,
)
_GOOD_CARDS = ("DMODCLS", "PYP_SPEC")
#: No spectrum has a median ratio of signal to error above this: its errors are variances, or in another unit.
LARGEST_RATIO = 1e6
#: A mask that calls more of the measured pixels bad than this says the contrary, or something else.
MOST = 0.9


def inverse_variance(others: Mapping[str, NDArray], factor: NDArray) -> tuple[NDArray | None, list[str]]:
    """Inverse variances of the converted flux, and the flags to give.

    Args:
        others: "ivar", "error" or "variance" of the file, shape (n_pixels,).
        factor: What turns one-sigma errors of the file into those of the converted flux, same shape.

    Returns:
        Shape (n_pixels,), 0 where the file's value is not positive or not finite; None if the file has no errors, or
        none of them is positive: then `errors_unusable` is flagged.
    """
    kind = next((key for key in ("ivar", "error", "variance") if key in others), None)
    if kind is None:
        return None, []
    values = others[kind]
    usable = np.isfinite(values) & (values > 0)
    if kind != "ivar" and not usable.any():
        return None, ["errors_unusable"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        safe = np.where(usable, values, 1.0)
        ivar = {"ivar": safe, "error": 1.0 / safe**2, "variance": 1.0 / safe}[kind] / factor**2
    return np.where(usable & np.isfinite(ivar), ivar, 0.0), []


def are_believable(flux: NDArray, ivar: NDArray) -> bool:
    """Whether errors are not so small beside the flux, (n_pixels,) each, that no light has them."""
    used = np.isfinite(flux) & (flux != 0) & (ivar > 0)
    return not used.any() or bool(np.median(np.abs(flux[used]) * np.sqrt(ivar[used])) <= LARGEST_RATIO)


def by_scatter(others: Mapping[str, NDArray], flux: NDArray) -> tuple[dict[str, NDArray], list[str]]:
    """Inverse variances that have the unit of errors, as what the scatter of the flux says that they are.

    Args:
        others: With "ivar" of the file, shape (n_pixels,).
        flux: As the file has it, same shape.

    Returns:
        The same with "error" in place of "ivar", and the flag `ivar_is_error`, where the scatter from pixel to pixel is
        nearer to them as errors, by a factor of 2 or more.
    """
    given = np.asarray(others["ivar"], float)
    usable = np.isfinite(given) & (given > 0) & np.isfinite(flux)
    if usable.sum() < 10:
        return dict(others), []
    scatter = ivar_from_scatter(flux, np.where(usable, np.int32(0), np.int32(Mask.NODATA)))
    scattered = usable & (scatter > 0)
    if not scattered.any():
        return dict(others), []
    noise, value = np.median(scatter[scattered] ** -0.5), np.median(given[scattered])
    as_error, as_ivar = abs(np.log(value / noise)), abs(np.log(value**-0.5 / noise))
    if as_ivar - as_error < np.log(2):
        return dict(others), []
    return {**{k: v for k, v in others.items() if k != "ivar"}, "error": given}, ["ivar_is_error"]


def bad_pixels(
    mask: NDArray, header: Mapping[str, Any], name: str, measured: NDArray
) -> tuple[NDArray[np.bool_], list[str]]:
    """Which pixels a mask calls bad, and the flags to give.

    A pixel is bad where the mask is not 0. Where its name or header says that it marks the good ones it is the other
    way round; so it is, flagged `mask_inverted`, where nearly all measured pixels would be bad.

    Args:
        mask: Numbers, truth values or words, shape (n_pixels,).
        header: Of the file.
        name: Of the column or extension.
        measured: Pixels with flux and a positive inverse variance, same shape.
    """
    if mask.dtype.kind in "US":
        words = np.char.lower(np.char.strip(mask.astype(str)))
        marked = ~np.isin(words, list(_GOOD_WORDS))
    else:
        marked = ~(np.nan_to_num(np.asarray(mask, float), nan=1.0) == 0)
    if _GOOD_NAME.search(name) or any(card in header for card in _GOOD_CARDS):
        return ~marked, []
    if not measured.any() or marked[measured].mean() <= MOST:
        return marked, []
    return _inverted(mask, marked, measured), ["mask_inverted"]


def _inverted(mask: NDArray, marked: NDArray, measured: NDArray) -> NDArray[np.bool_]:
    """Bad pixels of a mask that marks nearly all: those without the bits that nearly all have, or with others."""
    values = np.asarray(mask)
    if values.dtype.kind == "f" and np.all(np.isfinite(values)) and np.all(values == np.rint(values)):
        values = values.astype(np.int64)
    if values.dtype.kind not in "iu":
        return ~marked
    values = values.astype(np.int64)
    common = sum(1 << bit for bit in range(62) if ((values[measured] >> bit) & 1).mean() > MOST)
    if not common:
        return ~marked
    return ((values & common) != common) | ((values & ~common) != 0)
