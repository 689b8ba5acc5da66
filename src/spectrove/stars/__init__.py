"""Stars: spectra computed from parameters and abundances, and mock stars of known truth.

settings.py     settings of spectrographs: where pixels lie, and how sharp they are
synthesis/      spectra in local thermodynamic equilibrium, from model atmospheres and lists of lines
labels.py       labels of stars, and the spectra that they have
emulator/       a network that gives these at once
mock/           mock stars, drawn from the emulator or computed
data/           model atmospheres, lines, weights, with where they come from
"""
