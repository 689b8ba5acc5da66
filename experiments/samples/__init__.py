"""Spectra with known answers, split so that no plate is in a base and among its queries.

surveys    mock surveys made once and kept, real spectra by their index, splits: what all samples share
injected   lenses and outliers put into real hosts
spoiled    noise, wrong redshifts and gaps
vectors    spectra with their vectors
recipes    what an experiment is run on, read from TOML
problems   bases, queries and tasks with pixels, for methods that make vectors of their own (table of encoders, studies)
workshop   bases and queries as vectors of one encoder (the paper)
bench      the same for many encoders, and for queries that are spoiled (ablations)
"""
