"""A conditional flow from spectra in HR10 and HR21 to posteriors of nine labels.

recipe.py     the numbers that decide what it is and how it learns
shown.py      what it is shown of a spectrum: components of lines over a smooth continuum, with their errors
mocks.py      mock spectra as components, from which noise makes new ones at every step
model.py      the network: a normal distribution of the labels, and the flow that gives it its shape
training.py   how it learns
estimator.py  its answers for spectra as they come, see `domain.OwnEstimator`

`python scripts/make_star_flow.py` makes the weights of the package.
"""
