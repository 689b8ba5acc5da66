"""How fast SDSS files are read: astropy, fitsio and the direct reader side by side, then a whole ingest.

    python benchmarks/ingest.py [--files N] [--workers 2]

Reads the real files of SPECTROVE_DATA, or a mock survey where there are none. All readers give the same
spectra (pixels, SpecObj row, line fits); rounds alternate between them, so that a busy machine slows all
alike, and the median round counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import fitsio
import numpy as np

from spectrove.readers import fitsfile, ingest, sdss
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options

ROUNDS = 5
TARGET = 100.0


def read_fitsio(path: Path) -> list[Hdu]:
    """The same extensions by fitsio."""
    hdus = []
    with fitsio.FITS(str(path)) as file:
        for i in range(min(4, len(file))):
            header = file[i].read_header()
            keys = {key: header[key] for key in header if key}
            if not file[i].has_data():
                hdus.append(Hdu(keys))
                continue
            rows = file[i].read()
            columns = {name.lower(): rows[name] for name in rows.dtype.names}
            text = {n: np.char.decode(c, "latin-1") for n, c in columns.items() if c.dtype.kind == "S"}
            hdus.append(Hdu(keys, table=columns | text))
    return hdus


READERS: dict[str, Callable[[Path], list[Hdu]]] = {
    "astropy": lambda path: fitsfile.read_astropy(path, sdss.is_exposure),
    "fitsio": read_fitsio,
    "direct": lambda path: fitsfile.read_direct(path, sdss.is_exposure),
}


def files_to_read(n: int, scratch: Path) -> tuple[list[Path], str]:
    """Real SDSS files, or mock ones in the same layout, and which of them they are."""
    data = os.environ.get("SPECTROVE_DATA")
    if data:
        return sorted((Path(data) / "galaxies" / "sdss").iterdir())[:n], "real"
    from spectrove.galaxies.mock import write_survey

    write_survey(n, scratch / "mock", seed=1)
    return sorted((scratch / "mock").rglob("spec-*.fits*")), "mock"


def rate(reader: Callable[[Path], list[Hdu]], files: list[Path]) -> float:
    """Files per second of one process."""
    start = time.perf_counter()
    for path in files:
        sdss.parse(reader(path), path, Options())
    return len(files) / (time.perf_counter() - start)


def main() -> None:
    """Print the table, and whether the target is reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files, kind = files_to_read(options.files, Path(scratch))
        sample = files[:: max(1, len(files) // 60)]
        for reader in READERS.values():
            rate(reader, sample[:3])  # imports and caches are not what is measured
        rounds = [{name: rate(reader, sample) for name, reader in READERS.items()} for _ in range(ROUNDS)]
        print(f"{kind} SDSS files: files/s of one process, median of {ROUNDS} rounds over {len(sample)}")
        slowest = statistics.median(r["astropy"] for r in rounds)
        for name in READERS:
            median = statistics.median(r[name] for r in rounds)
            print(f"  {name:8s} {median:7.1f}   {median / slowest:5.1f} x astropy")
        start = time.perf_counter()
        report = ingest(files, Path(scratch) / "bench.lance", workers=options.workers)
        seconds = time.perf_counter() - start
        speed = report.n_spectra / seconds
        verdict = "reaches" if speed >= TARGET else "misses"
        print(
            f"  ingest   {speed:7.1f}   {report.n_spectra} files by {options.workers} processes into Lance,"
        )
        print(f"           start-up included; {verdict} the target of {TARGET:.0f}")


if __name__ == "__main__":
    main()
