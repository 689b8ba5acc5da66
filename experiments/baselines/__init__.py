"""Methods that Spectrove is compared with."""
