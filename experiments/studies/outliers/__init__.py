"""Anomalies injected into ordinary galaxies: how many are found, and why."""
