"""Names of bands in tables, and the curves that stand for them.

`BANDS` is the one table. A row says where the curve is and whether it is known to be that of the photometry or a guess;
guesses are said in the output. A band that is not in the table may be the name of a curve itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources
from pathlib import Path

import numpy as np

from spectrove.errors import CatalogError
from spectrove.sed.filters import POINTS, Filter, of_file, of_sedpy


@dataclass(frozen=True)
class Curve:
    """Where the curve of a band is.

    Attributes:
        sedpy: Its name in astro-sedpy; "" if it is not there.
        file: Its file, without .dat, in CIGALE's folder of filters; "" if it is not there.
        guess: Why it may be another curve than that of the photometry; "" if it is that one.
        top_hat: Centre and width in angstrom, where there is no curve.
    """

    sedpy: str = ""
    file: str = ""
    guess: str = ""
    top_hat: tuple[float, float] | None = None


_HSC = "the label says Suprime-Cam; the depth of COSMOS2020 says Hyper Suprime-Cam, whose curve is taken"
_U = "u* and u of MegaCam are not told apart by their labels"
_BOX = "no curve is at hand: a box of its central wavelength and width stands for it"

#: Suprime-Cam's intermediate bands, CIGALE's label to astro-sedpy's name.
_IB = {
    f"subaru.suprime.IB{n}": Curve(f"subaru_suprimecam_ia{n}")
    for n in (427, 445, 464, 484, 505, 527, 550, 574, 598, 624, 651, 679, 709, 738, 767, 797, 827, 856)
}

#: Labels of CIGALE's tables, and short names of tables that `photometry.LAYOUTS` knows.
BANDS: dict[str, Curve] = {
    "galex.FUV": Curve("galex_FUV"), "galex.NUV": Curve("galex_NUV"),
    "sdss.up": Curve("sdss_u0"), "sdss.gp": Curve("sdss_g0"), "sdss.rp": Curve("sdss_r0"), "sdss.ip": Curve("sdss_i0"),
    "sdss.zp": Curve("sdss_z0"),
    "2mass.J": Curve("twomass_J"), "2mass.H": Curve("twomass_H"), "2mass.Ks": Curve("twomass_Ks"),
    "cfht.megacam.u": Curve("cfht_megacam_us_9301", guess=_U),
    "cfht.megacam.u_1": Curve("", "CFHT_u", guess=_U),
    "cfht.megacam.g": Curve("cfht_megacam_gs_9401"), "cfht.megacam.r": Curve("cfht_megacam_rs_9601"),
    "cfht.megacam.i": Curve("cfht_megacam_is_9701"), "cfht.megacam.z": Curve("cfht_megacam_zs_9801"),
    "cfht.wircam.J": Curve("cfht_wircam_J_8101"), "cfht.wircam.H": Curve("cfht_wircam_H_8201"),
    "cfht.wircam.Ks": Curve("cfht_wircam_Ks_8302"),
    "subaru.hsc.g": Curve("hsc_g"), "subaru.hsc.r": Curve("hsc_r"), "subaru.hsc.i": Curve("hsc_i"),
    "subaru.hsc.z": Curve("hsc_z"), "subaru.hsc.Y": Curve("hsc_y"),
    "subaru.suprime.g": Curve("hsc_g", guess=_HSC), "subaru.suprime.r": Curve("hsc_r", guess=_HSC),
    "subaru.suprime.i": Curve("hsc_i", guess=_HSC), "subaru.suprime.z": Curve("hsc_z", guess=_HSC),
    "subaru.suprime.Y": Curve("hsc_y", guess=_HSC),
    "subaru.suprime.B": Curve("subaru_suprimecam_B"), "subaru.suprime.V": Curve("subaru_suprimecam_V"),
    "subaru.suprime.g+": Curve("", "SUBARU_g"), "subaru.suprime.r+": Curve("subaru_suprimecam_rp"),
    "subaru.suprime.i+": Curve("subaru_suprimecam_ip"), "subaru.suprime.z+": Curve("subaru_suprimecam_zp"),
    "subaru.suprime.z++": Curve(guess=_BOX, top_hat=(9105.0, 1370.0)),
    **_IB,
    "subaru.suprime.NB711": Curve(guess=_BOX, top_hat=(7120.0, 72.0)),
    "subaru.suprime.NB816": Curve(guess=_BOX, top_hat=(8150.0, 120.0)),
    "paranal.vircam.Y": Curve("vista_vircam_Y"), "paranal.vircam.J": Curve("vista_vircam_J"),
    "paranal.vircam.H": Curve("vista_vircam_H"), "paranal.vircam.Ks": Curve("vista_vircam_Ks"),
    "ukirt.wfcam.J": Curve("ukirt_wfcam_J"), "ukirt.wfcam.H": Curve("ukirt_wfcam_H"),
    "ukirt.wfcam.K": Curve("ukirt_wfcam_K"),
    "spitzer.irac.I1": Curve("spitzer_irac_ch1"), "spitzer.irac.I2": Curve("spitzer_irac_ch2"),
    "spitzer.irac.I3": Curve("spitzer_irac_ch3"), "spitzer.irac.I4": Curve("spitzer_irac_ch4"),
    "spitzer.mips.24": Curve("spitzer_mips_24"), "spitzer.mips.70": Curve("spitzer_mips_70"),
    "spitzer.mips.160": Curve("spitzer_mips_160"),
    "wise.W1": Curve("wise_w1"), "wise.W2": Curve("wise_w2"), "wise.W3": Curve("wise_w3"), "wise.W4": Curve("wise_w4"),
    "herschel.pacs.70": Curve("herschel_pacs_70"), "herschel.pacs.100": Curve("herschel_pacs_100"),
    "herschel.pacs.160": Curve("herschel_pacs_160"), "herschel.spire.PSW": Curve("herschel_spire_250"),
    "herschel.spire.PMW": Curve("herschel_spire_350"), "herschel.spire.PLW": Curve("herschel_spire_500"),
    "hst.acs.wfc.F435W": Curve("acs_wfc_f435w"), "hst.acs.wfc.F606W": Curve("acs_wfc_f606w"),
    "hst.acs.wfc.F775W": Curve("acs_wfc_f775w"), "hst.acs.wfc.F814W": Curve("acs_wfc_f814w"),
    "hst.acs.wfc.F850LP": Curve("acs_wfc_f850lp"),
}  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """Filters of the bands of a table.

    Attributes:
        names: As in the table, (n_bands,).
        filters: The curve of each.
        guesses: What is a guess, by band.
    """

    names: tuple[str, ...]
    filters: tuple[Filter, ...]
    guesses: dict[str, str]


def curves_of(names: list[str], folder: Path | None = None) -> Chosen:
    """The filters of bands.

    Args:
        names: Labels in `BANDS`, names of curves in astro-sedpy, or names of files (without .dat) in the folder.
        folder: Curves of the user, such as CIGALE's `filters`; a file of the name of a band goes before `BANDS`.

    Raises:
        CatalogError: A band has no curve.
    """
    filters, guesses = [], {}
    for name in names:
        found, guess = _found(name, folder)
        filters.append(found)
        if guess:
            guesses[name] = guess
    return Chosen(tuple(names), tuple(filters), guesses)


def _found(name: str, folder: Path | None) -> tuple[Filter, str]:
    own = folder / f"{name}.dat" if folder is not None else None
    if own is not None and own.is_file():
        return of_file(own), ""
    curve = BANDS.get(name)
    if curve is None:
        if (resources.files("sedpy") / "data" / "filters" / f"{name}.par").is_file():
            return of_sedpy(name), ""
        near = get_close_matches(name, [*BANDS], 3, 0.5)
        raise CatalogError(
            f"band {name}: no curve of this name{', nearest are ' + ', '.join(near) if near else ''}. Name "
            f"a curve of astro-sedpy, put "
            f"{name}.dat into the folder of filters (--filters), or leave the band out (--leave-out)."
        )
    if curve.sedpy:
        return of_sedpy(curve.sedpy), curve.guess
    if curve.top_hat is not None:
        centre, width = curve.top_hat
        wavelength = centre + width * np.linspace(-0.5, 0.5, POINTS)
        return Filter(name, wavelength, np.ones(POINTS)), curve.guess
    if folder is None or not (folder / f"{curve.file}.dat").is_file():
        raise CatalogError(
            f"band {name}: its curve is {curve.file}.dat of CIGALE's folder of filters, which is not in "
            f"{folder or 'any folder given'}. "
            "Name that folder (--filters), or leave the band out (--leave-out)."
        )
    return of_file(folder / f"{curve.file}.dat"), curve.guess
