"""How fast files of spectra become a dataset: where the time goes, readers of FITS side by side, every layout.

    python benchmarks/ingest.py [--files N] [--workers 2] [--keep]

Reads the real files of SPECTROVE_DATA, or a mock survey where there are none. Figures are of processor time, which
other programs on the machine distort least. All readers of FITS give the same spectra (pixels, SpecObj row, line fits);
rounds alternate between all ways, so that a busy machine slows all alike, and the median round counts.
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
import results

from spectrove.catalog import Joiner
from spectrove.readers import fitsfile, ingest, sdss
from spectrove.readers.dataset import write_dataset
from spectrove.readers.files import find_files
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.options import Options
from spectrove.readers.parallel import Batch, read_files

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


def seconds(action: Callable[[], object]) -> float:
    """Processor time of this process, its threads included."""
    start = time.process_time()
    action()
    return time.process_time() - start


def timed(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each way, in alternating rounds after one that loads libraries."""
    for action in ways.values():
        action()
    rounds = [{name: seconds(action) for name, action in ways.items()} for _ in range(ROUNDS)]
    return {name: statistics.median(r[name] for r in rounds) for name in ways}


def readers(files: list[Path]) -> str:
    """Readers of FITS, spectra made of what they read included."""

    def way(reader: Callable[[Path], list[Hdu]]) -> Callable[[], object]:
        return lambda: [sdss.parse(reader(path), path, Options()) for path in files]

    taken = timed({name: way(reader) for name, reader in READERS.items()})
    rows = [
        [name, f"{1e3 * t / len(files):.2f}", f"{len(files) / t:.0f}", f"{taken['astropy'] / t:.1f}"]
        for name, t in taken.items()
    ]
    return results.markdown(["reader of FITS", "ms per file", "files/s of one core", "ratio"], rows)


def stages(files: list[Path], catalogs: list[Path], scratch: Path) -> str:
    """The way of a file into a dataset, and the share of each stage in the time of all."""
    hdus = [READERS["direct"](path) for path in files]
    batches = list(read_files(files, workers=1))
    joiner = Joiner(catalogs)
    joined = [joiner.join(batch.spectra)[0] for batch in batches]
    written = iter(range(10**6))
    taken = timed({
        "read FITS": lambda: [READERS["direct"](path) for path in files],
        "make spectra of it": lambda: [
            sdss.parse(found, path, Options()) for found, path in zip(hdus, files, strict=True)
        ],
        "the same by read_files": lambda: list(read_files(files, workers=1)),
        "join a catalog": lambda: [joiner.join(batch.spectra) for batch in batches],
        "write with Lance": lambda: write_dataset(
            scratch / f"stage{next(written)}.lance", type(joined[0]).concatenate(joined)
        ),
    })  # fmt: skip
    whole = taken.pop("the same by read_files")
    apart = taken["read FITS"] + taken["make spectra of it"]
    taken["flags, rows and batches"] = max(whole - apart, 0.0)
    total = sum(taken.values())
    rows = [[n, f"{1e3 * t / len(files):.2f}", f"{t / total:.0%}"] for n, t in taken.items()]
    rows.append(["all", f"{1e3 * total / len(files):.2f}", f"{len(files) / total:.0f} files/s of one core"])
    return results.markdown(["stage", "ms of a core per file", "share"], rows)


def layouts(most: int) -> str:
    """Every layout of which there are real files: spectra per second of one core, the reader found by itself."""
    data = os.environ.get("SPECTROVE_DATA")
    if not data:
        return ""
    rows = []
    for folder in sorted(p for p in (Path(data) / "galaxies").iterdir() if p.is_dir()):
        batches: list[Batch] = []
        files = [p for p in find_files(folder) if p.is_file()][:most]
        taken = statistics.median(
            seconds(lambda files=files, batches=batches: batches.extend(read_files(files, workers=1)))  # type: ignore[misc]
            for _ in range(3)
        )
        n = sum(len(b.spectra) for b in batches) // 3
        if n:
            rows.append([folder.name, str(len(files)), str(n), f"{1e3 * taken / n:.2f}", f"{n / taken:.0f}"])
    return results.markdown(["folder", "files", "spectra", "ms per spectrum", "spectra/s of one core"], rows)


def whole(files: list[Path], scratch: Path, workers: int) -> str:
    """A whole ingest by the clock."""
    start = time.perf_counter()
    report = ingest(files, scratch / "bench.lance", workers=workers)
    speed = report.n_spectra / (time.perf_counter() - start)
    return (
        f"Whole ingest by the clock, start-up included: {speed:.0f} files/s of {report.n_spectra} files by {workers} "
        f"processes, which {'reaches' if speed >= TARGET else 'misses'} the target of {TARGET:.0f}."
    )


def main() -> None:
    """Print the tables, and whether the target is reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=60, help="Files of the tables.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="Write the tables into benchmarks/README.md.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        files, kind = files_to_read(options.files, scratch)
        sample = files[:: max(1, len(files) // options.sample)]
        data = os.environ.get("SPECTROVE_DATA")
        catalogs = [Path(data) / "galaxies" / "index.csv"] if data else []
        about = (
            f"`ingest.py`, {results.today()}. {len(sample)} {kind} SDSS files, one thread, median of {ROUNDS} rounds"
            f"{', joined to a catalog of ' + catalogs[0].name if catalogs else ''}."
        )
        parts = [stages(sample, catalogs, scratch), readers(sample), layouts(options.sample)]
        parts.append(whole(files, scratch, options.workers))
        text = "\n\n".join(
            [f"{about} {results.machine('lancedb', 'pyarrow', 'numpy')}.", *filter(None, parts)]
        )
    print(text)
    if options.keep:
        results.keep("ingest", text)


if __name__ == "__main__":
    main()
