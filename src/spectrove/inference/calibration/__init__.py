"""Calibrated probabilities: model, features, and the fit on the labels of a base."""
