"""The residual view: what the light of ordinary galaxies leaves unexplained."""
