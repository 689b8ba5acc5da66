"""Models of X-ray spectra: photons per cm2 and second in energy bins, and what absorbs them. Plain numpy.

absorption.py   photoelectric absorption by cold gas
continuum.py    power law, bremsstrahlung, black body, disc of black bodies
lines.py        Gaussian lines, by flux or by equivalent width
reflection.py   what a cold slab reflects of a power law, with iron K alpha
ions.py         charge states of a thin plasma in collisional equilibrium
plasma.py       emission of such a plasma
flux.py         energy fluxes in bands

Energies are in keV. `edges` are those of the bins, (n_bins + 1,), increasing, in the observer's frame. Every model
integrates over the bins. A parameter may be an array of shape (n,); what is given back then has shape (n, n_bins).
"""
