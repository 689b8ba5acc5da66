"""spectrove kb show, list and export: the objects of a base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spectrove.errors import DatasetError
from spectrove.serve import text
from spectrove.serve.bases import open_base
from spectrove.serve.batches import BATCH
from spectrove.serve.cli import options
from spectrove.serve.describing import about_object, default_columns
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import (
    WITH_POSITIONS,
    check_output,
    in_folder,
    print_json,
    print_lines,
    printing,
    say,
    write_table,
)
from spectrove.serve.placing import needs_positions, placed_in
from spectrove.serve.progress import progress_bar

Ids = Annotated[list[str], typer.Argument(metavar="ID", help="Ids of objects, as kb list shows them.")]
Columns = Annotated[
    str | None,
    typer.Option("--columns", metavar="a,b", help="Columns to list; by default z and the labels."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", min=1, help="List the first N objects by id.")
]
Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="A new dataset NAME.lance, catalog NAME.hats, or folder of FITS files.",
    ),
]
TileRows = Annotated[
    int | None,
    typer.Option(
        "--tile-rows", metavar="N", min=1, help="Of NAME.hats: rows that a tile may have (100,000)."
    ),
]

#: Objects that are listed on the screen unless --limit says another number.
SCREEN = 20


def show(kb: options.Base, object_id: Ids, as_json: options.Json = False) -> None:
    """Show everything that a base holds about an object."""
    base = open_base(kb)
    with usage_errors():
        base.spectra(object_id)  # an id that is not there is refused before anything is printed
    described = [about_object(base, name) for name in object_id]
    if as_json:
        print_lines(described)
        return
    with printing():
        for number, one in enumerate(described):
            if number:
                say("")
            for line in text.columns(_described(one)):
                say(line)


def list_objects(
    kb: options.Base,
    where: options.Where = None,
    columns: Columns = None,
    limit: Limit = None,
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """List the objects of a base with their catalog values."""
    check_output(output, WITH_POSITIONS)
    base = open_base(kb, where)
    chosen = [name.strip() for name in (columns or "").split(",") if name.strip()] or default_columns(base)
    with usage_errors():
        table = base.rows(where, chosen)
    table = table.sort_by("object_id")
    n = table.num_rows
    table = table.slice(0, limit)
    if output:
        rows = placed_in(base, output, table.to_pylist())
        write_table(output, rows, {"base": base.path.name, "version": base.version})
    if as_json:
        print_lines(table.to_pylist(), output)
    elif not output:
        shown = table.slice(0, limit or SCREEN)
        with printing():
            for line in text.columns(
                [tuple(shown.column_names), *(_cells(row) for row in shown.to_pylist())]
            ):
                say(line)
        table = shown
    of = f" of {n}" if table.num_rows < n else ""
    wrote = f"   wrote {output}" if output else ""
    objects = text.count(n, "object", "objects") if not of else f"{table.num_rows}{of} objects"
    say(f" {objects}{wrote}", as_json=as_json)


def export(
    kb: options.Base,
    dataset: Dataset,
    where: options.Where = None,
    tile_rows: TileRows = None,
    as_json: options.Json = False,
) -> None:
    """Write the spectra of a base to a dataset or to FITS files, or its objects to a HATS catalog."""
    if needs_positions(dataset):
        _export_catalog(kb, dataset, where, tile_rows, as_json)
        return
    if tile_rows is not None:
        raise UsageError(
            DatasetError(
                f"--tile-rows is of catalogs, and {dataset} is none. Name it NAME.hats, or leave it out."
            )
        )
    refuse_taken(dataset)
    base = open_base(kb, where)
    ids = sorted(base.rows(where, []).column("object_id").to_pylist())
    from spectrove.pipeline.domains import domain_of
    from spectrove.readers.dataset import Store
    from spectrove.readers.files import is_dataset
    from spectrove.readers.writing import refuse_same_names, write_files

    store = Store(dataset) if is_dataset(dataset) else None
    if store is None:
        refuse_same_names(ids)
    with progress_bar("writing", len(ids)) as advance:
        for start in range(0, len(ids), BATCH):
            spectra = base.spectra(ids[start : start + BATCH])
            if store is not None:
                store.commit([spectra])
            else:
                write_files(in_folder(dataset / "x").parent, spectra, domain_of(base).files)
            advance(len(spectra))
    if as_json:
        print_json({"dataset": str(dataset), "spectra": len(ids)})
    say(f" {text.count(len(ids), 'spectrum', 'spectra')}   wrote {dataset}", as_json=as_json)


def _export_catalog(kb: Path, folder: Path, where: str | None, tile_rows: int | None, as_json: bool) -> None:
    """Write catalog values and vectors of the objects as a HATS catalog."""
    check_output(folder, WITH_POSITIONS)
    base = open_base(kb, where)
    from spectrove.hats.writing import TILE_ROWS
    from spectrove.pipeline.export import export_hats

    with progress_bar("writing", base.count(where)) as advance:
        done = export_hats(base, in_folder(folder), where, tile_rows=tile_rows or TILE_ROWS, progress=advance)
    if as_json:
        print_json({"dataset": str(folder), **done.to_dict()})
    lost = f", {done.without_position} without a position left out" if done.without_position else ""
    objects, tiles = text.count(done.objects, "object", "objects"), text.count(done.tiles, "tile", "tiles")
    say(f" {objects} in {tiles}{lost}   wrote {folder}", as_json=as_json)


def _described(one: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of one object: name and value."""
    span = ", {:.0f}-{:.0f} A".format(*one["wavelength"]) if one.get("wavelength") else ""
    pixels = f"{one['pixels']} pixels, {one['good_pixels']} good{span}" if "pixels" in one else ""
    spectrum = pixels or one["said"]
    near = one["nearest"]
    labels = "".join(f", {name} {value}" for name, value in (near["labels"] if near else {}).items())
    return [
        ("object_id", one["object_id"]),
        ("spectrum", spectrum),
        ("views", ", ".join(f"{v}{'' if there else ' (none)'}" for v, there in one["views"].items())),
        ("flags", ", ".join(one["flags"]) or "none"),
        ("nearest", f"{near['object_id']} (d {near['distance']:.2f}{labels})" if near else "none"),
        *((name, _cell(value)) for name, value in one["row"].items()),
    ]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_cell(value) for value in row.values())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def refuse_taken(path: Path) -> None:
    """Refuse a dataset or folder unless it is new or empty."""
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise UsageError(
            DatasetError(f"{path}: something is there already, expected a new name. Choose another name.")
        )
    if path.suffix not in ("", ".lance"):
        raise UsageError(
            DatasetError(
                f"{path}: expected a dataset NAME.lance, or a folder without suffix for FITS files. Choose such a name."
            )
        )
