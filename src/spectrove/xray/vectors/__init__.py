"""Vectors of X-ray spectra: what their encoders are shown, the encoders, and how they are trained."""
