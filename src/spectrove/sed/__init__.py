"""Fits of broadband photometry by models of stellar populations: masses, star formation rates, dust, redshifts.

`tables` reads text tables of a user's folder; `populations`, `nebula`, `dust`, `agn`, `attenuation`, `intergalactic`
and `histories` are what a galaxy's light is made of; `filters` and `bands` what it is seen through; `grid` says which
models there are and `engine` computes their fluxes; `likelihood` and `posterior` compare them with a galaxy, `bound`
finds the best model without looking at all, `components` says what its light is made of; `photometry` reads tables of
galaxies and `catalog` fits them.
"""
