"""Spectra of Gaia's two photometers, BP and RP, as the archive gives them: coefficients of basis functions.

files.py       where the files of GaiaXPy are, which say what the functions are
instrument.py  coefficients to flux on wavelengths, and back
continuous.py  the reader of tables of coefficients (XP_CONTINUOUS)
"""

from spectrove.readers.gaia.continuous import parse, recognises

__all__ = ["parse", "recognises"]
