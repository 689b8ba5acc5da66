"""Line ratios of galaxies: numbers, diagrams, and figures of them."""
