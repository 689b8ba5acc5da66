"""Reasons why a galaxy spectrum is an outlier."""
