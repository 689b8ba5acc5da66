"""Spectra with the literature: links, vectors of texts, and spectra and texts in one space."""
