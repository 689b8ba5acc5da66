"""The planners of photometric fits: what they find, what they cost, and what planners that know nothing find."""
