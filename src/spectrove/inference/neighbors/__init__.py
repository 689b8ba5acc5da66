"""Answers from neighbours: votes, classes, hunts."""
