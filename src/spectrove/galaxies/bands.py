"""Regions of a galaxy's spectrum around its lines."""

from __future__ import annotations

#: Regions around lines, rest angstrom (vacuum), in order, none upon another: name, both ends.
LINE_BANDS: tuple[tuple[str, float, float], ...] = (
    ("Mg II", 2785.0, 2815.0),
    ("[O II]", 3712.0, 3745.0),
    ("[Ne III]", 3858.0, 3882.0),
    ("Ca K + H", 3915.0, 3990.0),
    ("Hδ", 4085.0, 4122.0),
    ("G band", 4285.0, 4322.0),
    ("Hγ", 4325.0, 4358.0),
    ("Hβ", 4840.0, 4886.0),
    ("[O III]", 4938.0, 5032.0),
    ("Mg b", 5150.0, 5203.0),
    ("He I", 5863.0, 5882.0),
    ("Na D", 5882.0, 5908.0),
    ("[O I]", 6282.0, 6386.0),
    ("Hα + [N II]", 6522.0, 6612.0),
    ("[S II]", 6698.0, 6754.0),
)
