"""The data of the paper from the archives, and the commands that answer from them: each step goes on where it ended."""

from __future__ import annotations

import argparse
import csv
import hashlib
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spectrove.archives import FetchReport, fetch
from spectrove.archives.sdss import spec_of
from spectrove.catalog import read_catalog
from spectrove.errors import ArchiveError, CatalogError, SpectroveError

HERE = Path(__file__).parent
DONE, FAILED, WRONG_USAGE = 0, 1, 2

#: Names of the steps, in order; "dataset" is the last one unless another is named.
STEPS = ("tables", "labels", "spectra", "dataset", "encoder", "base", "hunts")

#: Objects that encoders and bases may know.
KNOWN = "split = 'train'"

#: Hunts, each with its target.
HUNTS = {"liner": str(HERE / "liner.toml"), "lenses": "strong_lens", "outliers": "outlier"}


@dataclass(frozen=True)
class Recipe:
    """What is asked of the archives, as recipe.toml says it."""

    release: str
    one_in: int
    plates: tuple[int, ...]
    test_one_in: int
    lenses: str
    outliers: str
    sql: str
    classes: Mapping[str, Mapping[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """The recipe of a file."""
        values = tomllib.loads(path.read_text("utf-8"))
        return cls(**{**values, "plates": tuple(values["plates"])})

    def queries(self) -> list[str]:
        """A query for each range of plates."""
        ranges = zip(self.plates[:-1], self.plates[1:], strict=True)
        return [self.sql.format(low=low, high=high, one_in=self.one_in) for low, high in ranges]

    def agreed(self, row: Mapping[str, str]) -> str:
        """The class that both catalogs give an object; empty where one gives none or they differ."""
        bpt, number = row.get("bpt", "").strip().lower(), row.get("bptclass", "").strip()
        for name, said in self.classes.items():
            if bpt == str(said["bpt"]).lower() and number in {str(n) for n in said["bptclass"]}:
                return name
        return ""


@dataclass
class Work:
    """A run: where it writes, and how the archives are asked."""

    recipe: Recipe
    out: Path
    limit: int | None
    servers: Mapping[str, Mapping[str, str]]
    manners: Mapping[str, Any]
    encoder: str
    own: Mapping[str, Path]
    refused: list[str] = field(default_factory=list)

    @property
    def dataset(self) -> Path:
        """The dataset of all spectra."""
        return self.out / "sdss.lance"

    @property
    def labels(self) -> Path:
        """The table of all objects that is joined."""
        return self.out / "labels.csv"

    @property
    def ids(self) -> Path:
        """The ids of all spectra, a line each."""
        return self.out / "ids.txt"

    @property
    def base(self) -> Path:
        """The base."""
        return self.out / "sdss.kb"

    def fetch(self, archive: str, folder: str, ids: Sequence[str] = (), **asked: Any) -> FetchReport:
        """What came of an archive; sentences on what did not are kept."""
        servers = self.servers.get(archive, {})
        report = fetch(archive, self.out / folder, ids, servers=servers, manners=self.manners, **asked)
        self.refused += [refusal.error for refusal in report.refusals]
        if report.not_asked:
            raise ArchiveError(f"{archive}: cannot be reached. Run the same command again.")
        return report

    def run(self, *words: str | Path) -> None:
        """A command of spectrove, printed as it is typed.

        Raises:
            SpectroveError: It failed.
        """
        typed = [str(word) for word in words]
        print(f"$ spectrove {shlex.join(typed)}", flush=True)
        done = subprocess.run([sys.executable, "-m", "spectrove", *typed], check=False)
        if done.returncode == FAILED and typed[0] == "ingest":
            return  # files that cannot be read are named, the others are in the dataset
        if done.returncode:
            raise SpectroveError(f"spectrove {typed[0]} ended with {done.returncode}; what it said is above.")


def tables(work: Work) -> None:
    """The objects with what the two catalogs of classes say of them, and the tables of lenses and outliers."""
    for query in work.recipe.queries():
        work.fetch("sdss", "tables", query=query, release=work.recipe.release, table_only=True)
    for name, catalog in (("lenses", work.recipe.lenses), ("outliers", work.recipe.outliers)):
        if name not in work.own:
            work.fetch("vizier", f"tables/{name}", [catalog])


def labels(work: Work) -> None:
    """One table of all objects with their labels, and the list of their ids."""
    listed = {name: set(_listed(work, name)) for name in ("lenses", "outliers")}
    rows = {row["object_id"]: row for row in _objects(work)}
    for name in listed["lenses"] | listed["outliers"]:
        if name not in rows:
            plate, mjd, fibre = name.split("-")
            rows[name] = {"object_id": name, "plate": str(int(plate)), "mjd": mjd, "fiberid": str(int(fibre))}
    named = list(dict.fromkeys(column for row in rows.values() for column in row))
    columns = [*named, "class_agreed", "lens", "outlier", "split"]
    kept = _kept(rows, listed, work)
    with open(work.labels, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        for name in kept:
            row = rows[name]
            table.writerow({
                **row,
                "class_agreed": work.recipe.agreed(row),
                "lens": "lens" if name in listed["lenses"] else "none",
                "outlier": "outlier" if name in listed["outliers"] else "none",
                "split": _split(row["plate"], work.recipe.test_one_in),
            })  # fmt: skip
    work.ids.write_text("".join(f"{name}\n" for name in kept), "utf-8")
    agreed = sum(bool(work.recipe.agreed(rows[name])) for name in kept)
    lists = ", ".join(f"{len(names)} {what}" for what, names in listed.items())
    print(f"{len(kept):,} objects, {agreed:,} with a class on which both catalogs agree; {lists}", flush=True)


def spectra(work: Work) -> None:
    """The spectra of all objects."""
    ids = work.ids.read_text("utf-8").split()
    report = work.fetch("sdss", "spectra", ids, release=work.recipe.release)
    print(f"{len(report.files):,} of {len(ids):,} spectra are there", flush=True)


def dataset(work: Work) -> None:
    """The spectra as a dataset, with the table of labels."""
    work.run("ingest", work.out / "spectra", "-o", work.dataset, "--catalog", work.labels)


def encoder(work: Work) -> None:
    """An encoder trained on those whose plates are not for the test, unless another one is named."""
    if work.encoder != "galspecencoder":
        return
    goes_on = ["--resume"] if (work.out / work.encoder).exists() else []
    known: list[str | Path] = ["--data", work.dataset, "--queries", KNOWN]
    work.run("train", work.encoder, "-o", work.out, *known, *goes_on)


def base(work: Work) -> None:
    """A base of those of them that have a label."""
    if (work.base / "kb.json").exists():
        return
    made = work.out / work.encoder
    name = made if made.exists() else work.encoder
    labelled = f"{KNOWN} AND (class_agreed IS NOT NULL OR lens = 'lens' OR outlier = 'outlier')"
    work.run("kb", "create", work.base, "--from", work.dataset, "--where", labelled, "--encoder", name)


def hunts(work: Work) -> None:
    """The three hunts of the paper among the spectra for the test."""
    for name, target in HUNTS.items():
        out = work.out / "hunts" / f"{name}.parquet"
        asked: list[str | Path] = ["--queries", "split = 'test'", "--target", target, "-o", out]
        work.run("hunt", work.base, work.dataset, *asked)


#: What each step does.
DOES: Mapping[str, Callable[[Work], None]] = {
    "tables": tables,
    "labels": labels,
    "spectra": spectra,
    "dataset": dataset,
    "encoder": encoder,
    "base": base,
    "hunts": hunts,
}


def _objects(work: Work) -> Iterator[dict[str, str]]:
    """Every object of the tables of SkyServer, as text."""
    for path in sorted((work.out / "tables").glob("catalog-sql-*.csv")):
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                name = spec_of(f"{row['plate']}-{row['mjd']}-{row['fiberid']}").name
                yield {"object_id": name, **row}


def _listed(work: Work, name: str) -> Iterator[str]:
    """Ids of the objects that the tables of lenses, or of outliers, name.

    Raises:
        CatalogError: A table names none by plate, MJD and fibre or by specobjid.
    """
    own = work.own.get(name)
    paths = [own] if own else sorted((work.out / "tables" / name).glob("catalog-*.vot"))
    for path in paths:
        table = read_catalog(path)
        columns = set(table.column_names)
        if {"plate", "mjd", "fiberid"} <= columns:
            rows = zip(*(table[c].to_pylist() for c in ("plate", "mjd", "fiberid")), strict=True)
            yield from (spec_of(f"{p}-{m}-{f}").name for p, m, f in rows if None not in (p, m, f))
        elif "specobjid" in columns:
            yield from (spec_of(str(i)).name for i in table["specobjid"].to_pylist() if i)
        elif own:
            raise CatalogError(
                f"{path.name}: no columns plate, mjd, fiberid nor specobjid, by which spectra are found; it has "
                f"{', '.join(table.column_names[:30])}."
            )
        else:
            print(
                f"{path.name}: names no spectra by plate, MJD and fibre or specobjid; passed over", flush=True
            )
    if not paths:
        print(f"no table of {name}: none of them will be known. Give one with --{name}.", flush=True)


def _kept(rows: Mapping[str, Any], listed: Mapping[str, set[str]], work: Work) -> list[str]:
    """Ids that are used: all, or with a limit lenses and outliers first, of each kind a quarter at most."""
    if work.limit is None:
        return sorted(rows)
    few = [name for names in listed.values() for name in sorted(names)[: work.limit // 4]]
    return list(dict.fromkeys([*few, *sorted(rows)]))[: work.limit]


def _split(plate: str, one_in: int) -> str:
    """Whether a plate is for the base or for the test: by a hash, so that more data change no plate's side."""
    digest = hashlib.sha256(f"plate {int(plate)}".encode()).digest()
    return "test" if digest[0] % one_in == 0 else "train"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 if all came, 1 if something could not be had or a step failed."""
    parser = argparse.ArgumentParser(prog="python -m experiments fulldata", description=__doc__)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder for everything"
    )
    parser.add_argument("--until", choices=STEPS, default="dataset", help="the last step; dataset by default")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="the first N objects, lenses and outliers among them"
    )
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.toml", metavar="FILE")
    parser.add_argument(
        "--encoder", default="galspecencoder", metavar="NAME|DIR",
        help="trained on the spectra unless it is shipped (base, pca) or a folder",
    )  # fmt: skip
    parser.add_argument("--lenses", type=Path, metavar="TABLE", help="in place of the table of VizieR")
    parser.add_argument("--outliers", type=Path, metavar="TABLE", help="in place of the table of VizieR")
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="ARCHIVE.NAME=URL",
        help="as sdss.sas=URL; repeatable",
    )
    parser.add_argument("--rate", type=float, metavar="N", help="most requests in a second, to each service")
    given = parser.parse_args(arguments)
    servers: dict[str, dict[str, str]] = {}
    for word in given.server:
        name, _, url = word.partition("=")
        archive, _, service = name.partition(".")
        servers.setdefault(archive, {})[service] = url
    own = {name: path for name in ("lenses", "outliers") if (path := getattr(given, name))}
    manners = {"interval": 1 / given.rate} if given.rate else {}
    given.output.mkdir(parents=True, exist_ok=True)
    work = Work(Recipe.read(given.recipe), given.output, given.limit, servers, manners, given.encoder, own)
    try:
        for step in STEPS[: STEPS.index(given.until) + 1]:
            print(f"{step}: {(DOES[step].__doc__ or '').splitlines()[0]}", flush=True)
            DOES[step](work)
    except SpectroveError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return FAILED
    for sentence in work.refused[:20]:
        print(sentence, file=sys.stderr)
    if len(work.refused) > 20:
        print(f"and {len(work.refused) - 20:,} more could not be had", file=sys.stderr)
    print(f"next: python -m experiments table2 table4 --full {shlex.quote(str(work.dataset))}")
    return FAILED if work.refused else DONE
