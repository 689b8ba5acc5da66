"""Columns of SDSS "lite" spec files (SDSS DR8 and later, main survey), in order, with their FITS formats."""

from __future__ import annotations

from functools import cache

import numpy as np

COADD = "flux:E loglam:E ivar:E and_mask:J or_mask:J wdisp:E sky:E model:E"

SPECOBJ = """SURVEY:6A INSTRUMENT:4A CHUNK:16A PROGRAMNAME:23A PLATERUN:16A PLATEQUALITY:8A PLATESN2:E
DEREDSN2:E LAMBDA_EFF:E BLUEFIBER:J ZOFFSET:E SNTURNOFF:E NTURNOFF:J SPECPRIMARY:B SPECLEGACY:B SPECSEGUE:B
SPECSEGUE1:B SPECSEGUE2:B SPECBOSS:B BOSS_SPECOBJ_ID:J SPECOBJID:22A FLUXOBJID:19A BESTOBJID:19A
TARGETOBJID:22A PLATEID:19A NSPECOBS:I FIRSTRELEASE:3A RUN2D:3A RUN1D:1A DESIGNID:J CX:D CY:D CZ:D XFOCAL:E
YFOCAL:E SOURCETYPE:19A TARGETTYPE:8A PRIMTARGET:J SECTARGET:J LEGACY_TARGET1:J LEGACY_TARGET2:J
SPECIAL_TARGET1:K SPECIAL_TARGET2:K SEGUE1_TARGET1:J SEGUE1_TARGET2:J SEGUE2_TARGET1:J SEGUE2_TARGET2:J
MARVELS_TARGET1:J MARVELS_TARGET2:J BOSS_TARGET1:K BOSS_TARGET2:K ANCILLARY_TARGET1:K ANCILLARY_TARGET2:K
SPECTROGRAPHID:I PLATE:J TILE:J MJD:J FIBERID:J OBJID:5J PLUG_RA:D PLUG_DEC:D CLASS:6A SUBCLASS:21A Z:E
Z_ERR:E RCHI2:E DOF:J RCHI2DIFF:E TFILE:24A TCOLUMN:10J NPOLY:J THETA:10E VDISP:E VDISP_ERR:E VDISPZ:E
VDISPZ_ERR:E VDISPCHI2:E VDISPNPIX:E VDISPDOF:J WAVEMIN:E WAVEMAX:E WCOVERAGE:E ZWARNING:J SN_MEDIAN_ALL:E
SN_MEDIAN:5E CHI68P:E FRACNSIGMA:10E FRACNSIGHI:10E FRACNSIGLO:10E SPECTROFLUX:5E SPECTROFLUX_IVAR:5E
SPECTROSYNFLUX:5E SPECTROSYNFLUX_IVAR:5E SPECTROSKYFLUX:5E ANYANDMASK:J ANYORMASK:J SPEC1_G:E SPEC1_R:E
SPEC1_I:E SPEC2_G:E SPEC2_R:E SPEC2_I:E ELODIE_FILENAME:25A ELODIE_OBJECT:21A ELODIE_SPTYPE:10A ELODIE_BV:E
ELODIE_TEFF:E ELODIE_LOGG:E ELODIE_FEH:E ELODIE_Z:E ELODIE_Z_ERR:E ELODIE_Z_MODELERR:E ELODIE_RCHI2:E
ELODIE_DOF:J Z_NOQSO:E Z_ERR_NOQSO:E ZWARNING_NOQSO:J CLASS_NOQSO:1A SUBCLASS_NOQSO:1A RCHI2DIFF_NOQSO:E
Z_PERSON:E CLASS_PERSON:J Z_CONF_PERSON:J COMMENTS_PERSON:1A CALIBFLUX:5E CALIBFLUX_IVAR:5E"""

SPZLINE = """PLATE:J MJD:J FIBERID:J LINENAME:13A LINEWAVE:D LINEZ:E LINEZ_ERR:E LINESIGMA:E LINESIGMA_ERR:E
LINEAREA:E LINEAREA_ERR:E LINEEW:E LINEEW_ERR:E LINECONTLEVEL:E LINECONTLEVEL_ERR:E LINENPIXLEFT:J
LINENPIXRIGHT:J LINEDOF:E LINECHI2:E"""

#: Rows of SPZLINE: SDSS's name, rest vacuum angstrom, and the key of `lines.LINE` where mocks measure it.
SPZLINE_ROWS: tuple[tuple[str, float, str], ...] = (
    ("Ly_alpha", 1215.67, ""), ("N_V 1240", 1240.81, ""), ("C_IV 1549", 1549.48, ""), ("He_II 1640", 1640.42,
    ""),
    ("C_III] 1908", 1908.734, ""), ("Mg_II 2799", 2800.315, ""), ("[O_II] 3725", 3727.092, "oii_3726"),
    ("[O_II] 3727", 3729.875, "oii_3729"), ("[Ne_III] 3868", 3869.857, "neiii"), ("H_epsilon", 3890.151, ""),
    ("[Ne_III] 3970", 3971.123, ""), ("H_delta", 4102.892, "hd"), ("H_gamma", 4341.684, "hg"),
    ("[O_III] 4363", 4364.435, "oiii_4363"), ("He_II 4685", 4686.991, "heii"), ("H_beta", 4862.683, "hb"),
    ("[O_III] 4959", 4960.295, ""), ("[O_III] 5007", 5008.240, "oiii"), ("He_II 5411", 5413.024, ""),
    ("[O_I] 5577", 5578.888, ""), ("[O_I] 6300", 6302.046, "oi"), ("[S_III] 6312", 6313.806, ""),
    ("[O_I] 6363", 6365.535, ""), ("[N_II] 6548", 6549.859, ""), ("H_alpha", 6564.614, "ha"),
    ("[N_II] 6583", 6585.268, "nii"), ("[S_II] 6716", 6718.294, "sii_6716"), ("[S_II] 6730", 6732.678,
    "sii_6731"),
    ("[Ar_III] 7135", 7137.757, ""),
)  # fmt: skip

_KINDS = {"E": ">f4", "D": ">f8", "J": ">i4", "K": ">i8", "I": ">i2", "B": "u1"}


def columns(layout: str) -> list[tuple[str, str]]:
    """Name and FITS format of each column."""
    return [(name, form) for name, form in (item.split(":") for item in layout.split())]


@cache
def dtype(layout: str) -> np.dtype:
    """The row of a FITS table as a numpy type: big-endian, packed."""
    fields: list[tuple] = []
    for name, form in columns(layout):
        count, kind = int(form[:-1] or 1), form[-1]
        if kind == "A":
            fields.append((name, f"S{count}"))
        else:
            fields.append((name, _KINDS[kind], (count,)) if count > 1 else (name, _KINDS[kind]))
    return np.dtype(fields)
