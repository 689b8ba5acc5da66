"""Names in the folder of a HATS catalog, and its files of properties."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from spectrove.errors import DatasetError

#: A folder of this suffix is written as a HATS catalog.
SUFFIX = ".hats"

PROPERTIES, OLD_PROPERTIES = "hats.properties", "properties"
COLLECTION = "collection.properties"
PARTITIONS = "partition_info.csv"
DATASET = "dataset"
FOOTERS, COLUMNS = "_metadata", "_common_metadata"

#: Number of each row's pixel of order 29.
INDEX = "_healpix_29"

#: Columns that only say in which tile a row lies.
OF_THE_TILE = frozenset({INDEX, "Norder", "Dir", "Npix"})

#: Tiles of one folder.
IN_A_FOLDER = 10_000


class Tile(NamedTuple):
    """A HEALPix pixel, in nested numbers."""

    order: int
    number: int

    @property
    def file(self) -> str:
        """Path of its file in the folder of the dataset, without suffix."""
        folder = self.number // IN_A_FOLDER * IN_A_FOLDER
        return f"Norder={self.order}/Dir={folder}/Npix={self.number}"


def is_hats(path: Path) -> bool:
    """Whether a path is the folder of a HATS catalog or collection."""
    names = (PROPERTIES, COLLECTION, PARTITIONS)
    old = (path / OLD_PROPERTIES).is_file() and (path / DATASET).is_dir()
    return path.is_dir() and (old or any((path / name).is_file() for name in names))


def need_free(folder: Path) -> None:
    """Refuse a folder unless it is absent, empty, or a HATS catalog that Spectrove wrote, which may be replaced."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() and not _is_ours(folder):
        raise DatasetError(
            f"{folder}: found something that is no HATS catalog of Spectrove, expected a new name or such a catalog to "
            "replace. Choose another name."
        )


def _is_ours(folder: Path) -> bool:
    """Whether Spectrove wrote all that is in a folder."""
    described = folder / PROPERTIES
    if not folder.is_dir() or not described.is_file():
        return False
    ours = {PROPERTIES, OLD_PROPERTIES, PARTITIONS, DATASET}
    builder = read_properties(described).get("hats_builder", "")
    return builder.startswith("spectrove") and {path.name for path in folder.iterdir()} <= ours


def read_properties(path: Path) -> dict[str, str]:
    """The values of a file of properties, a line `name=value` each."""
    lines = (line.strip() for line in path.read_text("utf-8", "replace").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", "!")))
    return {name.strip(): value.strip() for name, _, value in pairs}


def write_properties(folder: Path, values: Mapping[str, object]) -> None:
    """Write the properties of a catalog under both names that readers look for."""
    known = (
        (name, " ".join(str(value).split())) for name, value in values.items() if value not in (None, "")
    )
    text = "#HATS catalog\n" + "".join(f"{name}={value}\n" for name, value in known)
    for name in (PROPERTIES, OLD_PROPERTIES):
        (folder / name).write_text(text, "utf-8")
