"""How often intervals of estimated numbers hold the value of the catalog."""
