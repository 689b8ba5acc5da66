"""Labels flipped deliberately: how many are found, and what they cost."""
