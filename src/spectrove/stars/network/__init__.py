"""A network from spectra of stars at rest to effective temperature, gravity and metallicity, with their errors.

shown.py     what it is shown: lines over the continuum, and the shape of the continuum beyond a parabola
model.py     the network, and several of them as one
training.py  how it learns, with noise, gaps, and errors of velocity and resolution drawn anew each time
recipe.py    the numbers of both
"""
