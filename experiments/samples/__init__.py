"""Spectra with known answers, split so that no plate is in a base and among its queries."""
