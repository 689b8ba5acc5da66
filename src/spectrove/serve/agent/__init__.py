"""Questions in words: planners choose among tools, and the program counts, checks and writes down what they do."""
