"""Fits of a long table in blocks that are kept beside the output: a run that was stopped goes on where it was."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spectrove.errors import Refusal
from spectrove.flat import flat_table
from spectrove.knowledge.files import Folder
from spectrove.pipeline.blocks import Blocks
from spectrove.serve.output import print_json, say
from spectrove.serve.progress import progress_bar

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from spectrove.sed.bands import Chosen
    from spectrove.sed.catalog import Fit
    from spectrove.sed.engine import Engine
    from spectrove.sed.likelihood import Photometry
    from spectrove.sed.photometry import Galaxies

#: Galaxies of a block: minutes at most, so that little is lost.
BLOCK = 200

#: How many galaxies are shown where there is no table of them.
SHOWN = 20

#: Where a block of Parquet has its refusals.
REFUSED = b"refused"


@dataclass(frozen=True)
class Written:
    """What is written of a fit.

    Attributes:
        engine: Of the models.
        chosen: Names and filters of the bands.
        residuals: Whether residuals are columns.
        components: Whether light of each component in each band is.
        spectra: Whether there is a table of spectra, too.
    """

    engine: Engine
    chosen: Chosen
    residuals: bool
    components: bool
    spectra: bool

    def rows(self, fit: Fit) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The row of a galaxy, and those of its spectrum."""
        from spectrove.sed.band_columns import band_values
        from spectrove.sed.components import components

        names = self.chosen.names
        row = fit.row(names if self.residuals else ()) | band_values(fit, names, self.chosen.filters)
        if not (self.components or self.spectra):
            return row, []
        parts = components(self.engine, fit)
        if self.components:
            for part, fluxes in parts.bands.items():
                row |= {f"component.{part}.{name}": float(f) for name, f in zip(names, fluxes, strict=True)}
        if not self.spectra:
            return row, []
        columns = {"wavelength": parts.wavelength, "total": parts.total, **parts.spectra}
        lines = zip(*(values.tolist() for values in columns.values()), strict=True)
        return row, [{"id": fit.galaxy.object_id, **dict(zip(columns, line, strict=True))} for line in lines]


@dataclass(frozen=True)
class Work:
    """Galaxies that are fitted, and how.

    Attributes:
        galaxies: With reasons in place of those that cannot be fitted.
        by: Fits one at an error floor.
        floor: Share of each flux that is added to its error.
        written: What is written of a fit.
        key: All that results depend on, as plain values.
    """

    galaxies: Sequence[Photometry | Refusal]
    by: Callable[..., Fit]
    floor: float
    written: Written
    key: Any


@dataclass
class Blockwise:
    """What the fits say, block after block.

    Attributes:
        tables: Rows of galaxies, of each block.
        lines: Rows of spectra, likewise.
        refused: Galaxies without a fit.
        first: The first rows, `SHOWN` at most.
        chi2: Of each fit for each band.
        kept: Blocks beside the output, removed by `done`; None where nothing is written.
    """

    tables: list[pa.Table] = field(default_factory=list)
    lines: list[pa.Table] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    first: list[dict[str, Any]] = field(default_factory=list)
    chi2: list[float] = field(default_factory=list)
    kept: tuple[Blocks, Path] | None = None

    @property
    def count(self) -> int:
        """Galaxies that have a fit."""
        return len(self.chi2)

    @property
    def table(self) -> pa.Table:
        """Rows of all galaxies."""
        return _joined(self.tables)

    @property
    def spectra(self) -> pa.Table:
        """Rows of all spectra."""
        return _joined(self.lines)

    def add(self, block: Made) -> None:
        """Take a block."""
        self.refused += block.refused
        if not block.table.num_rows:
            return
        self.tables.append(block.table)
        self.lines += [block.spectra] if block.spectra.num_rows else []
        self.first += block.table.slice(0, SHOWN - len(self.first)).to_pylist()
        chi2, bands = (block.table.column(name).to_pylist() for name in ("chi2", "n_bands"))
        self.chi2 += [c / n for c, n in zip(chi2, bands, strict=True)]

    def done(self) -> None:
        """Remove the blocks, as all is written."""
        if self.kept is not None:
            self.kept[0].clear()
            if self.kept[1].is_dir():
                self.kept[1].rmdir()


@dataclass(frozen=True)
class Made:
    """One block.

    Attributes:
        table: Rows of galaxies.
        spectra: Rows of spectra.
        refused: Galaxies without a fit.
    """

    table: pa.Table
    spectra: pa.Table
    refused: list[Refusal]

    def packed(self) -> bytes:
        """As a file of Arrow whose metadata has spectra and refusals."""
        refused = json.dumps([(one.name, one.error) for one in self.refused]).encode()
        table = self.table.replace_schema_metadata({REFUSED: refused, b"spectra": _packed(self.spectra)})
        return _packed(table)

    @classmethod
    def unpacked(cls, content: bytes) -> Made:
        """What `packed` made."""
        table = _unpacked(content)
        notes = table.schema.metadata
        refused = [Refusal(name, error) for name, error in json.loads(notes[REFUSED])]
        return cls(table.replace_schema_metadata(None), _unpacked(notes[b"spectra"]), refused)


def fit_blocks(work: Work, output: Path | None, *, as_json: bool) -> Blockwise:
    """Fit all galaxies; with an output, blocks that are done are kept in the folder OUTPUT.parts until `done`."""
    starts = range(0, len(work.galaxies), BLOCK)
    found = Blockwise()
    if output is not None:
        folder = output.absolute().with_name(f"{output.name}.parts")
        blocks = Blocks(Folder(folder.parent), folder.name, work.key, ".arrow")
        found.kept = blocks, folder
        if blocks.others:
            say(f" {folder.name} held parts of other work, which are removed", as_json=True)
        if blocks.kept:
            say(
                f" {len(blocks.kept)} of {len(starts)} parts of {BLOCK} galaxies are there from before",
                as_json=True,
            )
    with progress_bar("fitting", len(work.galaxies)) as advance:
        for number, start in enumerate(starts):
            galaxies = work.galaxies[start : start + BLOCK]
            if found.kept is not None and number in found.kept[0].kept:
                block = Made.unpacked(found.kept[0].read(number))
                advance(len(galaxies))
            else:
                block = _made(work, galaxies, advance)
                if found.kept is not None:
                    found.kept[0].write(number, block.packed())
            found.add(block)
            if as_json:
                for row in block.table.to_pylist():
                    print_json(row)
    return found


def content(galaxies: Galaxies, engine: Engine, prior: NDArray[Any] | None) -> str:
    """A digest of photometry, tables and grid, so that parts of other data are never taken for those of these."""
    from dataclasses import fields

    import numpy as np

    carried = {name: list(values) for name, values in galaxies.carried.values.items()}
    refused = sorted(galaxies.refused.items()), sorted(galaxies.doubtful.items())
    words = repr((engine.grid, galaxies.bands, list(galaxies.names), carried, refused))
    made = blake2b(words.encode(), digest_size=16)
    tables = [
        one for one in (engine.populations, engine.nebula, engine.dust, *engine.filters) if one is not None
    ]
    arrays = [galaxies.z, galaxies.flux, galaxies.error, *([prior] if prior is not None else [])]
    held = [getattr(one, each.name) for one in tables for each in fields(one)]
    arrays += [value for value in held if isinstance(value, np.ndarray)]
    for array in arrays:
        made.update(repr(array.shape).encode())
        made.update(np.ascontiguousarray(array).tobytes())
    return made.hexdigest()


def _made(work: Work, galaxies: Sequence[Photometry | Refusal], advance: Callable[[int], Any]) -> Made:
    from spectrove.sed.catalog import Fit, fit_all

    rows, lines, refused = [], [], []
    for one in fit_all(work.written.engine, galaxies, work.floor, work.by):
        if isinstance(one, Fit):
            row, spectrum = work.written.rows(one)
            rows.append(row)
            lines += spectrum
        else:
            refused.append(one)
        advance(1)
    return Made(flat_table(rows), flat_table(lines), refused)


def _joined(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})


def _packed(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _unpacked(content: bytes) -> pa.Table:
    import pyarrow as pa

    return pa.ipc.open_file(pa.BufferReader(content)).read_all()
