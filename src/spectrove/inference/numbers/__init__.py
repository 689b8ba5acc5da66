"""Numbers from neighbours: trend, regression, intervals, and the fit on a base."""
