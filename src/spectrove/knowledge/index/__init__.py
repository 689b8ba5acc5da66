"""An index of a large base: vectors that are mapped into memory and a graph that proposes neighbours.

`sidecar` keeps its files with the base, `graph` is the graph, `building` makes both, `opening` gives a snapshot of the
version that is read, with what has changed since the index was made.
"""
