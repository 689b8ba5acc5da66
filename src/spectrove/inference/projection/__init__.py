"""The map of a base: every object at a place in a plane, near those whose vectors are near.

`layout` places objects by their neighbours (UMAP), `placing` places others among those that were laid out, and
`of_base` makes the map of a base and keeps it. The axes of such a map have no meaning, and neither have the distances
between groups: it shows who is near whom, and no more.
"""
