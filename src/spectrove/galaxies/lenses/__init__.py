"""Second redshifts: lines of a galaxy behind the galaxy."""
