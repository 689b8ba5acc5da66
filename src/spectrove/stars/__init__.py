"""Stars: velocities and labels of spectra, neighbours by their lines, and spectra computed from parameters.

domain.py       what the general rooms are handed
grid.py         the pixels that stars are compared on, and continuum.py what lines are divided by
velocity.py     radial velocities, medium.py whether they are those of the wrong medium
network/        a network from spectra to effective temperature, gravity and metallicity; measuring.py asks it
encoder.py      vectors of stars: principal components of their lines
settings.py     settings of spectrographs: where pixels lie, and how sharp they are
synthesis/      spectra in local thermodynamic equilibrium, from model atmospheres and lists of lines
labels.py       labels of synthetic stars, and the spectra that they have
emulator/       a network that gives these at once
placing.py      spectra of any spectrograph on the pixels of a setting, and setting_velocity.py their velocities
flow/           a conditional flow from these to posteriors of nine labels
mock/           mock stars, drawn from the emulator or computed
data/           model atmospheres, lines, templates, weights, with where they come from
"""
