"""The door for people: pages with forms and figures, made on the server from what `serve.service` says.

router      every address of the page
rendering   from a template and values to a page
finding     what somebody types into the one field: an id, a position, a condition, words
spectra     one spectrum: its curves, and the parts of its answer as they are made
parts       the table of these parts
maps        the map of a base, drawn on the server
bases       a base: what it holds, lists of its objects
hunts       hunts: what is hunted, progress, candidates
listing     lists in which people mark what they see
marking     marks: two people compared, files, labels of the base
programs    other programs on this machine, by SAMP
entering    who has a token, and stays in by a cookie
"""
