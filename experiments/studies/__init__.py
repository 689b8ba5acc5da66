"""Studies: how good one kind of answer is, on mock surveys and on real spectra."""
