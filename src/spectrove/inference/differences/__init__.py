"""What differs between sets of spectra (`sets`), along a direction (`direction`), between epochs (`epochs`)."""
