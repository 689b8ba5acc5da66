"""Numbers measured in the spectrum of a galaxy: lines, ratios, widths, indices, colours, each with its error."""
