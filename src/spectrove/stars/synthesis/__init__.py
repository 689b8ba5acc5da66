"""Spectra of stars computed from their parameters, in local thermodynamic equilibrium. numpy, with the loops in numba.

star.py             the parameters of a star
elements.py         atomic weights, the Sun's abundances, and those of a star
atmosphere.py       model atmospheres
lines.py            lines, and partition functions
matter.py           ions, electrons and molecules in each layer
continuum.py        continuous opacity
hydrogen_lines.py   the Paschen series
kernels.py          profiles, flux and convolution, compiled
spectrum.py         from a star to flux over continuum
broadening.py       rotation, large motions, the instrument

Wavelengths are vacuum angstrom, at rest. Needs numba, which the extra `stars` brings.
"""
