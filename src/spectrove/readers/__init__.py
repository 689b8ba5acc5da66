"""Reading spectra: one file per survey, one dataset for all.

read_file(path)                  the spectra of one file
read_spectra(paths)              those of files, folders, globs or a dataset, and what was refused
ingest(paths, dataset)           the same, written to a dataset that can be resumed
read_dataset(path, where)        a dataset's spectra
"""

from spectrove.readers.dataset import IngestReport, ingest, iter_dataset, read_dataset, write_dataset
from spectrove.readers.options import Options, parse_columns
from spectrove.readers.readfile import READERS, read_file
from spectrove.readers.readmany import read_spectra

__all__ = [
    "READERS",
    "IngestReport",
    "Options",
    "ingest",
    "iter_dataset",
    "parse_columns",
    "read_dataset",
    "read_file",
    "read_spectra",
    "write_dataset",
]
