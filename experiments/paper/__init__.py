"""What the paper's experiments share: recipes, samples, scoring, results and how their figures look.

scoring   hunts over those splits, and their figures with intervals
results   measured figures beside the paper's and beside those of the last kept run
drawing   curves and panels
run       runs them by name, what is done already excepted
cases     one LINER, chosen by rule, with its neighbours
"""
