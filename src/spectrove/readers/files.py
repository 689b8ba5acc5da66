"""Which files a user means by a path, a folder or a glob."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from spectrove.errors import DatasetError, Refusal
from spectrove.hats.layout import is_hats

#: Files of these kinds stand beside spectra and are none.
NOT_SPECTRA = {
    ".md", ".rst", ".json", ".jsonl", ".toml", ".yaml", ".yml", ".html", ".htm", ".png", ".jpg", ".jpeg",
    ".pdf", ".svg", ".py", ".ipynb", ".log", ".tmp", ".part", ".lock", ".sha256", ".md5", ".sh", ".parquet",
    ".partial", ".filepart", ".crdownload", ".download", ".swp",
}  # fmt: skip
#: Names, without suffixes, of files that describe a folder.
DESCRIPTIONS = {"index", "readme", "licence", "license", "catalog", "manifest", "checksums"}

#: How names of tables begin that are fetched from an archive beside spectra.
FETCHED_TABLE = "catalog-"

DATASET_SUFFIX = ".lance"

#: The catalog that a folder of spectra may bring with it.
CATALOG = "catalog.csv"


def is_dataset(path: Path | str) -> bool:
    """Whether a path names a dataset rather than files of spectra."""
    return Path(path).suffix == DATASET_SUFFIX


def each_path_once(paths: Sequence[Path | str]) -> tuple[list[Path | str], list[Refusal]]:
    """The paths without those that were named before, and a note on each of the latter."""
    kept: dict[str, Path | str] = {}
    twice: dict[str, Refusal] = {}
    for path in paths:
        real = os.path.realpath(path)
        if real in kept:
            said = f"{Path(path).name}: named more than once, expected every path once; it is read and answered once."
            twice[real] = Refusal(str(path), said, partial=True)
        kept.setdefault(real, path)
    return list(kept.values()), list(twice.values())


def find_files(paths: Path | str | Iterable[Path | str], leave_out: Sequence[Path | str] = ()) -> list[Path]:
    """The files of paths, folders (with their subfolders) and globs, sorted within each, each file once.

    Args:
        paths: One or many.
        leave_out: Files that are not spectra, such as catalogs.

    Raises:
        DatasetError: If a path is not there, a folder is empty or cannot be read.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    excluded = {os.path.join(os.path.realpath(Path(path).parent), Path(path).name) for path in leave_out}
    found: dict[str, Path] = {}
    for path in paths:
        for file in _expand(Path(path)):
            key = os.path.join(os.path.realpath(file.parent), file.name)
            if key not in excluded:
                found.setdefault(key, file)
    if not found:
        raise DatasetError("no files were named; give at least one file, folder or glob of spectra.")
    return list(found.values())


def catalogs_in(paths: Iterable[Path | str]) -> list[Path]:
    """The catalogs that folders bring with them: their files catalog.csv that have a column object_id.

    Mock surveys are written with one; a user who names catalogs wants those instead.
    """
    found = [Path(path) / CATALOG for path in paths if (Path(path) / CATALOG).is_file()]
    return [path for path in found if "object_id" in _first_line(path).split(",")]


def _first_line(path: Path) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.readline().strip()


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        return _walk(path)
    if path.exists():
        return [path]
    if glob.has_magic(str(path)):
        matches = sorted(Path(p) for p in glob.glob(_pattern(path), recursive=True))
        files = [file for match in matches for file in (_walk(match) if match.is_dir() else [match])]
        if files:
            return files
        raise DatasetError(f"{path}: no file matches, expected at least one. Check the pattern.")
    raise DatasetError(f"{path}: there is no such file or folder. Check the path.")


def _pattern(path: Path) -> str:
    """The path as a pattern, in which brackets of folders that are there stand for themselves."""
    folder = next(parent for parent in (path.parent, *path.parent.parents) if parent.exists())
    return str(Path(glob.escape(str(folder))) / path.relative_to(folder))


def _walk(folder: Path) -> list[Path]:
    """Files of a folder and its subfolders, of which there has to be one."""
    files = files_in(folder)
    if not files:
        raise DatasetError(f"{folder}: {_instead(folder)}")
    return files


def files_in(folder: Path) -> list[Path]:
    """Files of a folder and its subfolders that may be spectra; linked folders are followed, each is visited once.

    Raises:
        DatasetError: If a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DatasetError(
            f"{error.filename}: the folder cannot be read ({error.strerror}). Check its rights."
        ) from error

    files = []
    visited = {os.path.realpath(folder)}
    for place, subfolders, names in os.walk(folder, onerror=refuse, followlinks=True):
        wanted = (
            s for s in subfolders if not (s.startswith(".") or is_dataset(s) or is_hats(Path(place) / s))
        )
        # plain folders before linked ones, so that a folder within keeps its own name
        places = sorted(wanted, key=lambda s: (os.path.islink(os.path.join(place, s)), s))
        subfolders[:] = []
        for name in places:
            real = os.path.realpath(os.path.join(place, name))
            if real not in visited:
                visited.add(real)
                subfolders.append(name)
        files += [Path(place) / name for name in sorted(names) if _may_be_spectrum(name)]
    return files


def _instead(folder: Path) -> str:
    """What a folder without files of spectra is or holds, and what to do."""
    if (folder / "kb.json").is_file():
        return "a knowledge base, expected files of spectra or a dataset. Name the dataset that it was made from."
    datasets = sorted(place.name for place in folder.iterdir() if is_dataset(place))
    if datasets:
        return (
            f"the folder holds datasets ({', '.join(datasets)}), expected files of spectra. Name a dataset."
        )
    return "the folder holds no files of spectra, expected at least one. Check the path."


def _may_be_spectrum(name: str) -> bool:
    stem = name.lower().split(".")[0]
    hidden = name.startswith(".") or name.endswith("~")
    described = stem in DESCRIPTIONS or name.startswith(FETCHED_TABLE)
    return not hidden and not described and Path(name).suffix.lower() not in NOT_SPECTRA
