"""Images whose grid stands in the header or in an extension beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.arrays import Arrays, unique_names
from spectrove.readers.fitsfile import Hdu, joint_header
from spectrove.readers.options import Options
from spectrove.readers.planes import kind_of, unit_of_errors
from spectrove.readers.tables import NAMES
from spectrove.readers.wavelengths import grid_of

#: What `Arrays` takes beside the flux.
ROLES = ("ivar", "error", "variance", "mask", "resolution")
#: Cards that tell several flux images of one file apart.
NAME_KEYS = ("SRCNAME", "SOURCEID", "OBJECT", "EXTVER")

_UNIT_IN_TEXT = re.compile(r"\[([^\]]+)\]")


def images(hdus: Sequence[Hdu], options: Options, path: Path) -> list[Arrays | Refusal] | None:
    """A spectrum for each image that is a flux, with the images of its errors and masks found by their names.

    Raises:
        FormatError: If the images are a data cube, or rows of which nothing says what they are.
    """
    planes = [_squeezed(hdu) for hdu in hdus if hdu.image is not None and hdu.image.size > 1]
    groups = _groups([plane for plane in planes if plane.image is not None and plane.image.ndim > 0])
    parts = [part for group in groups if (part := _part(hdus[0], group, path)) is not None]
    if not parts:
        _refuse_cube(planes, path)
        _refuse_other(planes, path)
        return None
    if len(parts) > 1:
        versions = [[flux.text(key) for flux, *_ in groups] for key in NAME_KEYS]
        for part, name in zip(parts, unique_names(versions, len(parts)), strict=False):
            part.names = [name] if part.flux.ndim == 1 else [f"{name}.{i}" for i in range(len(part.flux))]
    taken = {id(flux) for flux, *_ in groups}
    further = [i for i, p in enumerate(planes) if id(p) not in taken and _may_be_flux(p, parts[0].flux)]
    return [*parts, *(_left_out(i, planes[i], path) for i in further)]


def _may_be_flux(plane: Hdu, flux: NDArray) -> bool:
    if plane.image is None or plane.name == "Z" or quantity_of(plane) not in ("flux", None):
        return False
    return plane.image.shape == flux.shape or (plane.image.ndim == 1 and grid_of(plane)[0] is not None)


def _left_out(i: int, plane: Hdu, path: Path) -> Refusal:
    what = (
        f"{plane.name} is not the flux that was taken" if plane.name else "has no name that says what it is"
    )
    return Refusal(str(path), f"{path.name}: image {i + 1} {what}, and was left out.")


def _groups(planes: Sequence[Hdu]) -> list[list[Hdu]]:
    """Flux images, each with the images that belong to it: those of its EXTVER, else those up to the next flux."""
    kinds = [quantity_of(plane) for plane in planes]
    first = next((i for kind in ("flux", None) for i, k in enumerate(kinds) if k == kind), None)
    if first is None:
        return []
    same = [i for i, plane in enumerate(planes) if i == first or (plane.name == planes[first].name != "")]
    if len(same) == 1:
        same = _objects(planes, kinds) or same
    if len(same) == 1:
        return [[planes[first], *planes[:first], *planes[first + 1 :]]]
    versions = [planes[i].text("EXTVER") for i in same]
    if len(set(versions)) == len(same):
        others = [[p for p in planes if p.text("EXTVER") == version] for version in versions]
    else:
        others = [list(planes[i:end]) for i, end in zip(same, [*same[1:], len(planes)], strict=True)]
    return [
        [planes[i], *(p for p in group if p is not planes[i])] for i, group in zip(same, others, strict=True)
    ]


def _objects(planes: Sequence[Hdu], kinds: Sequence[str | None]) -> list[int]:
    """Places of several images that may be fluxes, if their headers name an object each, and none twice."""
    places = [i for i, kind in enumerate(kinds) if kind in ("flux", None)]
    for key in NAME_KEYS[:3]:
        if len(places) > 1 and len({planes[i].text(key) for i in places} - {""}) == len(places):
            return places
    return []


def quantity_of(plane: Hdu) -> str | None:
    """What an image extension holds, by its name, else by what its BUNIT or CONTENT says beside the unit."""
    name = plane.name.lower()
    if name and name != "primary":
        return next((key for key, names in NAMES.items() if name in names), kind_of(name))
    said = (kind_of(plane.text(key)) for key in ("CONTENT", "BUNIT"))
    return next((kind for kind in said if kind not in (None, "flux")), None)


def _part(primary: Hdu, group: Sequence[Hdu], path: Path) -> Arrays | None:
    flux, *others = group
    if flux.image is None or flux.image.ndim > 2:
        return None
    shape = flux.image.shape
    found: dict[str, Hdu] = {}
    for plane in others:
        kind = quantity_of(plane)
        if kind and plane.image is not None and plane.image.shape in (shape, shape[-1:]):
            found.setdefault(kind, plane)
    wave = found.pop("wavelength", None)
    wavelength, unit = (wave.image, wave.text("BUNIT") or None) if wave is not None else grid_of(flux)
    if wavelength is None or wavelength.shape[-1] != shape[-1]:
        return None
    redshifts = next((p.image for p in others if p.name == "Z" and p.image is not None), None)
    redshifts = redshifts if redshifts is not None and redshifts.shape == shape[:1] else None
    if len(shape) == 2 and redshifts is None:
        _check_rows(flux, wave, path)
    stated = _UNIT_IN_TEXT.search(flux.text("CONTENT"))
    muse = bool(re.search(r"(?<![A-Z])MUSE(?![A-Z])", path.name.upper())) or "DATACUBE_UDF" in primary.text(
        "CUBE"
    )
    return Arrays(
        joint_header(primary, flux),
        wavelength,
        flux.image,
        {key: plane.image for key, plane in found.items() if key in ROLES and plane.image is not None},
        wavelength_unit=unit,
        flux_unit=flux.text("BUNIT") or (stated[1] if stated else None),
        error_unit=next(
            (unit_of_errors(found[key]) for key in ("ivar", "error", "variance") if key in found), None
        ),
        mask_name=found["mask"].name if "mask" in found else "mask",
        redshift=redshifts,
        survey="muse" if muse else None,
    )


def _check_rows(flux: Hdu, wave: Hdu | None, path: Path) -> None:
    """Refuse an image of several rows unless an extension of wavelengths says that each is a spectrum."""
    n_rows, n_pixels = flux.image.shape if flux.image is not None else (0, 0)
    if wave is not None and wave.image is not None and (wave.image.ndim == 1 or not _is_slit(flux)):
        return
    raise FormatError(
        f"{path.name}: an image of {n_rows} rows of {n_pixels} pixels, and nothing says what each row is: a spectrum, "
        "its error, sky, or a place on the slit. Say it with --columns flux=1,error=2, which counts rows from 1, or "
        "flux=rows if each is a spectrum; extract the spectra of a long-slit frame first."
    )


def _is_slit(flux: Hdu) -> bool:
    """Whether the second axis is a place on the sky or the slit."""
    kind, unit = flux.text("CTYPE2").upper(), flux.text("CUNIT2").lower()
    return "DISPAXIS" in flux.header or kind.startswith(("RA-", "DEC-")) or unit.startswith(("deg", "arcsec"))


def _refuse_cube(planes: Sequence[Hdu], path: Path) -> None:
    """Refuse a data cube by name."""
    cube = next((plane.image for plane in planes if plane.image is not None and plane.image.ndim > 2), None)
    if cube is not None:
        raise FormatError(
            f"{path.name}: a data cube of {' x '.join(map(str, cube.shape))}, expected spectra of one dimension. "
            "Extract them first."
        )


def _refuse_other(planes: Sequence[Hdu], path: Path) -> None:
    """Refuse images on a grid of wavelengths of which none is a flux: sky, noise or a model alone is no spectrum."""
    named = [plane.name for plane in planes if quantity_of(plane) not in ("flux", None) and plane.name]
    if named and len(named) == len(planes) and any(grid_of(plane)[0] is not None for plane in planes):
        raise FormatError(
            f"{path.name}: holds {', '.join(named)}, and none of them is named as a flux, expected one. Leave it out."
        )


def _squeezed(hdu: Hdu) -> Hdu:
    """The image without axes of one element; where wavelength is the third axis its cards become those of the first."""
    if hdu.image is None or hdu.image.ndim < 2:
        return hdu
    third = hdu.image.ndim == 3 and hdu.image.shape[1:] == (1, 1)
    header: Mapping[str, Any] = hdu.header
    if third:
        keys = ("CRVAL", "CRPIX", "CDELT", "CTYPE", "CUNIT")
        moved = {f"{key}1": hdu.header.get(f"{key}3") for key in keys}
        header = {**hdu.header, **moved, "CD1_1": hdu.header.get("CD3_3")}
    return Hdu(header, image=hdu.image.squeeze())
