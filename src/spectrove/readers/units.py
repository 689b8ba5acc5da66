"""Units as files write them: what they mean, and fluxes and errors in one unit.

A unit that is written but not understood is refused by name; a flux without one, or in counts, stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.assemble import FLUX_UNIT

#: What files write where they say no unit at all.
_NOTHING = re.compile(
    r"^[\s\[\](){}?.-]*$|^\W*(none|null|n/?a|nan|unknown|unspecified|undefined|tbd)\W*$", re.I
)
#: Words for a flux that is no spectral flux density: kept as a name, not converted.
_UNCALIBRATED = re.compile(
    r"relative|arbitrary|\barb\b|\ba\.u\.|normali[sz]ed|scaled|uncalibrated|instrumental|dimensionless|unitless|counts?\b"
    r"|\bcts?\b|\badus?\b|\bdn\b|electron|e-/|\be-$",
    re.I,
)
#: A share of the flux, as the unit of an error.
_SHARES = {
    "%": 0.01,
    "percent": 0.01,
    "per cent": 0.01,
    "pct": 0.01,
    "fraction": 1.0,
    "fractional": 1.0,
    "relative": 1.0,
}
_MAGNITUDE = re.compile(
    r"^(?:mag(?:nitude)?s?)?[\s_(\[-]*(?:m_)?(ab|st)[\s_)\]-]*(?:mag(?:nitude)?s?)?[\s)\]]*$", re.I
)
#: Misprint of all of SDSS DR1-DR7, where cm has lost its square.
_MISPRINT = re.compile(r"\berg/(?:s/cm|cm/s)/Angstrom\b")

_LATEX = (
    (re.compile(r"\\(?:AA|r\s*A|angstrom)\b"), "Angstrom"),
    (re.compile(r"\\mu\s*"), "u"),
    (re.compile(r"\\(?:times|cdot)"), "*"),
    (re.compile(r"\\(?:rm|mathrm|,|;|!|unit|text|left|right)|[${}~]"), " "),
)


def _word(*spellings: str, case: bool = False) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(spellings)})(?![A-Za-z])", 0 if case else re.I)


#: Spellings that astropy does not read, or reads as something else: to it a plain A is an ampere, S a siemens.
_WORDS = (
    (_word("angstroems?", "angstroms?", "angstr", "angst?", "angs", "ang", "aa", "a"), "Angstrom"),
    (_word("nanomet(?:er|re)s?", "nms?"), "nm"),
    (_word("microns?", "micromet(?:er|re)s?", "mum", "um"), "um"),
    (_word("millimet(?:er|re)s?"), "mm"),
    (_word("centimet(?:er|re)s?", "cm"), "cm"),
    (_word("met(?:er|re)s?"), "m"),
    (_word("ergs?"), "erg"),
    (_word("seconds?", "secs?", "s"), "s"),
    (_word("hz", "hertz"), "Hz"),
    (_word("ghz"), "GHz"),
    (_word("thz"), "THz"),
    (_word("ev", "electron\\s?volts?"), "eV"),
    (_word("kev"), "keV"),
    (_word("watts?", "w"), "W"),
    (_word("janskys?", "janskies", "jy"), "Jy"),
    (_word("mjy", "mJY", case=True), "mJy"),
    (_word("millijanskys?"), "mJy"),
    (_word("microjanskys?", "ujy"), "uJy"),
    (_word("nanojanskys?", "njy"), "nJy"),
    (_word("photons?", "phot", "ph"), "photon"),
    (_word("counts?", "cts?", "adus?", "dn"), "count"),
    (_word("steradians?", "ster"), "sr"),
    (_word("sq\\.?\\s*arcsecs?", "sqarcsec", "square arcsec(?:ond)?s?"), "arcsec2"),
    (_word("arcseconds?", "arcsecs?", "asec"), "arcsec"),
    (_word("fnu", "f_nu"), "erg/s/cm2/Hz"),
    (_word("flam", "f_lambda", "flambda"), "erg/s/cm2/Angstrom"),
    (_word("photlam"), "photon/s/cm2/Angstrom"),
    (_word("photnu"), "photon/s/cm2/Hz"),
    (re.compile(r"/\s*(?:spaxel|fib(?:er|re))s?\b", re.I), ""),
    (_word("per"), "/"),
)  # fmt: skip
_POWER = re.compile(r"(?<=[A-Za-z])\s*(?:\*\*|\^)?\s*\(?\s*([+-]?\d+)\s*\)?(?![\d.])")
_SCALE = re.compile(
    r"^\s*\(?\s*(?:(?P<factor>\d*\.?\d*)\s*[x*]?\s*(?<!\d)10\s*(?:\*\*|\^)?\s*\(?\s*(?P<ten>(?<=[\^*(\s])\d+|[+-]\d+)\s*\)?"
    r"|(?P<number>\d*\.?\d*[ED][+-]?\d+))\s*\)?\s*[x*.]?\s*",
    re.I,
)
#: "(unit)**2", "1/(unit)^2" and "(unit)-2": the unit of a variance or inverse variance that has a factor inside.
_SQUARE = re.compile(r"^\s*(?:1\s*/\s*)?\((.+)\)\s*(?:\*\*|\^)?\s*\(?[+-]?2\)?\s*$")
#: "Flux (10^-17 erg/s/cm^2/Ang)": a label with the unit behind it.
_LABELLED = re.compile(r"^[A-Za-z][A-Za-z_ -]*\s*[\[(]([^=]+)[\])]$")
#: Float32 holds inverse variances of fluxes of this size without overflow or loss.
_SAFE = (1e-12, 1e12)
#: Change of a flux with its magnitude, relative.
PER_MAGNITUDE = 0.4 * np.log(10)


def stated(text: str | None) -> str | None:
    """The unit as written, None where nothing, or "none" or "unknown", is written."""
    return None if text is None or _NOTHING.match(text) else text.strip()


@lru_cache(maxsize=512)
def parse_unit(text: str | None) -> Any | None:
    """An astropy unit, or None if the text is none. Magnitudes are understood where they say AB or ST."""
    text = stated(text)
    if text is None:
        return None
    import astropy.units as u  # a fraction of a second, and the fast readers do without

    if found := _MAGNITUDE.match(text):
        return u.Unit(f"mag({found[1].upper()})")
    scale, plain = _scale_and_rest(_plain(text))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "erg/s/cm2/A" has more slashes than astropy advises
        for spelling in (respelled(plain), plain):
            try:
                unit = u.Unit(spelling)
                return unit if scale == 1 else u.Unit(scale * unit)
            except (ValueError, TypeError):
                continue
    labelled = _LABELLED.match(text)
    return parse_unit(labelled[1]) if labelled else None


def _plain(text: str) -> str:
    """The text without brackets around all of it, LaTeX, superscripts and letters beyond ASCII."""
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        text = text[1:-1]
    for pattern, replacement in _LATEX:
        text = pattern.sub(replacement, text)
    text = (
        re.sub(r"[×·⋅∗]", "*", text)
        .replace("−", "-")
        .replace("–", "-")
        .replace("Å", "Angstrom")
        .replace("Å", "Angstrom")
    )
    return unicodedata.normalize("NFKC", text).replace("−", "-").replace("μ", "u").strip()


def _scale_and_rest(text: str) -> tuple[float, str]:
    found = _SCALE.match(text)
    if not found:
        return 1.0, text
    if found["number"]:
        scale = float(
            "1" * found["number"].upper().startswith(("E", "D")) + re.sub("[Dd]", "E", found["number"])
        )
    else:
        scale = float(found["factor"] or 1) * 10.0 ** int(found["ten"])
    rest = text[found.end() :]
    return (scale, rest) if rest.count("(") == rest.count(")") else (scale, rest.rstrip(") "))


def respelled(text: str) -> str:
    """Units in astropy's spelling, with the square that the misprinted "erg/cm/s/Ang" has lost."""
    for pattern, replacement in _WORDS:
        text = pattern.sub(replacement, text)
    text = _POWER.sub(r"**(\1)", text)
    return _MISPRINT.sub("erg/s/cm**(2)/Angstrom", text.replace(" / ", "/")).strip()


def is_misprint(text: str | None) -> bool:
    """Whether a flux unit has SDSS's misprint, centimetres without their square."""
    before = _scale_and_rest(_plain(text or ""))[1]
    for pattern, replacement in _WORDS:
        before = pattern.sub(replacement, before)
    return bool(_MISPRINT.search(before))


def to_flux_density(
    wavelength: NDArray, flux: NDArray, unit: str | None, name: str = "the file"
) -> tuple[NDArray, NDArray, str | None, bool]:
    """Fluxes in `FLUX_UNIT` where the unit is that of a spectral flux density, else as they are.

    Magnitudes (AB, ST), photon fluxes and fluxes per frequency become fluxes per wavelength; luminosities and fluxes
    per solid angle do too, and keep a unit of their own. Power per area has lost its "per wavelength" or is lambda
    F_lambda; nothing says which, so it stays as it is.

    Args:
        wavelength: Angstrom, shape (n_pixels,).
        flux: In `unit`, same shape.
        unit: Name of the unit, None if unknown.
        name: Of the spectrum, for the message.

    Returns:
        Flux, the factor per pixel that turns a small error in `unit` into one of it, the unit's name, and whether
        the flux is proportional to a spectral flux density.

    Raises:
        FormatError: If the unit is written but not understood.
    """
    found = parse_unit(unit)
    factor = np.ones(len(flux))
    calibrated = False
    if found is None or _is_vague(found):
        unit = _uncalibrated(unit, name)
    elif getattr(found, "function_unit", None) is not None:
        return _from_magnitudes(wavelength, flux, found)
    else:
        unit, converted = _converted(wavelength, found)
        calibrated = converted is not None
        factor = factor if converted is None else converted
        if unit == FLUX_UNIT:
            return flux * factor, factor, unit, True
    flux = flux * factor
    finite = np.abs(flux[np.isfinite(flux) & (flux != 0)])
    size = float(np.median(finite)) if len(finite) else 1.0
    if not _SAFE[0] < size < _SAFE[1]:
        power = int(np.floor(np.log10(size)))
        flux, factor = flux * 10.0**-power, factor * 10.0**-power
        unit = f"1e{power} {unit or '(unit not stated)'}"
    return flux, factor, unit, calibrated


def is_flux_unit(text: str) -> bool:
    """Whether a text is a unit of flux, or a word as "relative" for one that is kept as it is."""
    return parse_unit(text) is not None or bool(_UNCALIBRATED.search(text))


def is_flux_density(text: str) -> bool:
    """Whether a text is a unit of flux per wavelength or frequency, which is calibrated."""
    unit = parse_unit(text)
    if unit is None or _is_vague(unit):
        return False
    return _is_magnitude(unit) or _converted(np.array([5000.0]), unit)[1] is not None


def _uncalibrated(unit: str | None, name: str) -> str | None:
    unit = stated(unit)
    if unit is None or _UNCALIBRATED.search(unit):
        return unit
    raise FormatError(
        f"{name}: the flux is in {unit!r}, which is not understood, expected a unit as 'erg/s/cm2/A', 'mJy' or "
        "'mag(AB)'. Say it with --flux-unit, or --flux-unit relative to keep the flux as it is."
    )


def _from_magnitudes(
    wavelength: NDArray, magnitudes: NDArray, unit: Any
) -> tuple[NDArray, NDArray, str | None, bool]:
    import astropy.units as u

    with np.errstate(over="ignore", invalid="ignore"):
        flux = (magnitudes * unit).to_value(
            _flux_density(), equivalencies=u.spectral_density(wavelength * u.AA)
        )
    flux = np.where(np.abs(magnitudes) < 90, flux, np.nan)  # 99 and -99 stand for "not measured"
    return flux, PER_MAGNITUDE * np.abs(flux), FLUX_UNIT, True


def _flux_density() -> Any:
    import astropy.units as u

    return 1e-17 * u.erg / u.s / u.cm**2 / u.AA


def _converted(wavelength: NDArray, unit: Any) -> tuple[str, NDArray | None]:
    """The name of the unit per wavelength that fluxes in `unit` can be given in, and the factor per pixel."""
    import astropy.units as u

    area, sky = u.cm**2, u.arcsec**2
    power = u.erg / u.s
    if any(unit.is_equivalent(each) for each in (power, power / area, power / area / sky)):
        return unit.to_string(), None
    targets = (
        (FLUX_UNIT, _flux_density()),
        (f"{FLUX_UNIT}/arcsec2", _flux_density() / sky),
        ("erg/s/A", power / u.AA),
    )
    for name, target in targets:
        try:
            factor = (np.ones(len(wavelength)) * unit).to_value(
                target, equivalencies=u.spectral_density(wavelength * u.AA)
            )
        except u.UnitConversionError:
            continue
        return name, factor
    return unit.to_string(), None


def error_factor(
    wavelength: NDArray,
    flux: NDArray,
    flux_unit: str | None,
    factor: NDArray,
    error_unit: str | None,
    name: str,
) -> NDArray:
    """What turns errors in their own unit into errors of the converted flux, per pixel.

    Args:
        wavelength: Angstrom, shape (n_pixels,).
        flux: As `to_flux_density` gives it, same shape.
        flux_unit: The unit of the flux as the file has it.
        factor: What turned that into `flux`.
        error_unit: Of one-sigma errors; None, or that of the flux again, is that of the flux. Per cent, fractions and
            magnitudes are parts of the flux.
        name: Of the spectrum, for the message.

    Raises:
        FormatError: If the unit is not understood or is not one of the flux.
    """
    said = stated(error_unit)
    if said is None or said == stated(flux_unit):
        return factor
    unit, of_flux = parse_unit(said), parse_unit(flux_unit)
    if unit is not None and unit == of_flux:
        return factor
    share = share_of_flux(said)
    if share is not None:
        return share * np.abs(flux)
    if unit is not None and of_flux is not None:
        target, own = _converted(wavelength, unit) if not _is_magnitude(unit) else ("", None)
        wanted = FLUX_UNIT if _is_magnitude(of_flux) else _converted(wavelength, of_flux)[0]
        if own is not None and target == wanted:
            return own
    reason = "which is not understood" if unit is None and not _UNCALIBRATED.search(said) else (
        f"which is no unit of the flux ({stated(flux_unit) or 'not stated'})"
    )  # fmt: skip
    raise FormatError(
        f"{name}: the errors are in {said!r}, {reason}, expected that of the flux, or %. Say it with --error-unit."
    )


def is_error_unit(text: str) -> bool:
    """Whether a text is a unit that errors may have: one of flux, or a share of it."""
    return is_flux_unit(text) or share_of_flux(text) is not None


def share_of_flux(text: str) -> float | None:
    """What one unit of an error is of the flux, where it is a share (per cent, magnitudes); else None."""
    plain = text.strip().strip("[]()").lower()
    if plain in _SHARES:
        return _SHARES[plain]
    if re.fullmatch(r"mag(nitude)?s?", plain) or _is_magnitude(parse_unit(text)):
        return float(PER_MAGNITUDE)
    return None


def _is_magnitude(unit: Any | None) -> bool:
    return getattr(unit, "function_unit", None) is not None


def root_unit(text: str | None, power: float, flux_unit: str | None) -> str | None:
    """The unit of one-sigma errors from that of a variance (power 0.5) or an inverse variance (-0.5).

    Many files give these the unit of the flux; that is then the unit of their errors.
    """
    text = stated(text)
    if text is None or text == stated(flux_unit):
        return None
    if found := _SQUARE.match(_plain(text)):
        inside = found[1]
        return None if inside == stated(flux_unit) else inside
    unit = parse_unit(text)
    if unit is None or _is_magnitude(unit):
        return text
    root = unit**power
    of_flux = parse_unit(flux_unit)
    similar = of_flux is not None and not _is_magnitude(of_flux) and unit.is_equivalent(of_flux)
    return text if similar else str(root.to_string())


def _is_vague(unit: Any) -> bool:
    """Whether a unit is of magnitudes without a zero point."""
    import astropy.units as u

    return not _is_magnitude(unit) and any(base in (u.mag, u.dex, u.dB) for base in unit.bases)


def is_wavelength(unit: Any) -> bool:
    """Whether a unit is one of length, not of frequency, energy or wavenumber."""
    return str(getattr(unit, "physical_type", "")) == "length"
