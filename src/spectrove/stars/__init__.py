"""Stars: spectra computed from parameters and abundances.

settings.py     settings of spectrographs: where pixels lie, and how sharp they are
synthesis/      spectra in local thermodynamic equilibrium, from model atmospheres and lists of lines
data/           model atmospheres and lines, with where they come from
"""
