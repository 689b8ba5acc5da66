"""Galaxies: the first domain, all that is known of their light."""
