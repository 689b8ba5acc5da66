"""The pixels of one spectrum, before there is a `Spectrum`.

masks    why a pixel is not to be trusted
air      air and vacuum wavelengths
scatter  errors where there are none
given    arrays and quantities, as users hold them, as the columns that are stored
foreign  the same for the spectra of specutils
"""
