"""Planners of fits: which structure a galaxy's models need, found step by step within a budget, and written down.

`space` is what models can be, `bench` does actions on one galaxy and counts what they cost, `run` lets a planner
(`rules`, `controls`, `model`) act on it, `trace` writes it down and does it again.
"""
