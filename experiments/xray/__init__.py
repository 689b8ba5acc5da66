"""X-ray spectra: the encoder that comes with the package, and what it is worth on real sources."""
