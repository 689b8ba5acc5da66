"""Redshifts and types from templates of galaxies, quasars and stars."""
