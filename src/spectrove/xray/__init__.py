"""X-ray spectra: counts per channel with their background and response, as CCD spectrographs record them.

response.py     from photons at their energies to counts in channels: effective area and redistribution matrix
counts.py       CountSet, N spectra of counts
ogip.py         the OGIP files PHA, ARF and RMF, read to a CountSet
hardness.py     Bayesian hardness ratios
fitting/        models fitted to counts, with Poisson likelihoods
measuring.py    numbers measured in counts
oddities.py     why a spectrum is unlike a base's; oddities_page.py shows such
panels.py       what explanations and pages say of them; plots.py draws
models/         models of spectra: continua, lines, thin plasma, absorption
mock/           a simulated survey of eight classes with known truth
encoder.py      vectors of hardness ratios and of principal components of counts in energy bins
vectors/        vectors that networks read from counts, background and area, and how these are trained
domain.py       all this as a kind of light beside others
"""
