"""Constants of physics in the units of stellar atmospheres: cgs, with wavelengths in angstrom (CODATA 2018)."""

BOLTZMANN = 1.380649e-16  # erg / K
BOLTZMANN_EV = 8.617333262e-5  # eV / K
PLANCK = 6.62607015e-27  # erg s
LIGHT = 2.99792458e10  # cm / s
LIGHT_KM_S = 2.99792458e5
ATOMIC_MASS = 1.66053907e-24  # g
ELECTRON_MASS = 9.1093837e-28  # g
#: pi e^2 / (m_e c), cm2 Hz: the cross section of an oscillator of strength 1, integrated over frequency.
OSCILLATOR = 0.0265401
HYDROGEN_EV = 13.598434
#: eV times angstrom of a photon.
EV_ANGSTROM = 12398.41984
