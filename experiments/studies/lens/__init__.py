"""Lenses injected into red galaxies, compared with the same galaxies without."""
