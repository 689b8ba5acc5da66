"""Models fitted to counts.

likelihood.py   Poisson statistics: C, and W with a background measured beside the source
bins.py         a spectrum in the bins that are fitted, and the folding of photons into them
templates.py    families of models, folded on a grid of their parameters
families.py     the families
fit.py          likelihood and posterior of a family on the grid, with intervals and evidence
"""
