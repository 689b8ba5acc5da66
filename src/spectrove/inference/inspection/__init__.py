"""Looking through candidates: marks of a person, a ranking that learns from them, and how complete the found ones are.

`sheet.py` is the table that the person edits; `ranking.py` learns from the marks; `completeness.py` estimates how many
targets there are among all candidates; `proposals.py` says which spectra to look at next.
"""
