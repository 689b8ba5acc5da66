"""Distances learned from labels: the linear metric, and the fit on a base."""
