"""Reasons why the spectrum of a star is an outlier."""
