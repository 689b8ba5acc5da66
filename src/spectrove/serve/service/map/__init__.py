"""The map of a base as an image: drawn on the server, so that a browser holds an image and not a million points.

charts    the map of a served base: made, kept, and what of it is asked for
colours   columns as colours, with their legends
drawing   points in a part of the map as an image
"""
