"""An emulator of the synthesis: spectra of both settings of GIRAFFE in a tenth of a millisecond, with derivatives.

network.py      the emulator, and the shipped one
spectra.py      stars that it learns, and their spectra, computed once
training.py     how it is trained
stars.toml      what those stars are like

`python scripts/make_star_emulator.py FOLDER` makes it.
"""
