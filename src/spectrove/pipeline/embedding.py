"""Vectors of all spectra of a dataset, before there is a base: in blocks, by this process, others, or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from spectrove.encoders import Encoder
from spectrove.errors import DatasetError
from spectrove.folders import part_of, put, recover, remove
from spectrove.inference.embed import embed
from spectrove.knowledge import DEFAULT_VIEW
from spectrove.knowledge.claim import Claim, claimed
from spectrove.knowledge.files import Folder
from spectrove.knowledge.store import sentence
from spectrove.pipeline.blocks import Blocks
from spectrove.pipeline.build import encoders_for
from spectrove.pipeline.chunks import Place, encoder_at, place_of
from spectrove.pipeline.domains import domain_called
from spectrove.pipeline.kinds import domain_of_spectra
from spectrove.pipeline.vectors import About, Vectors, rows_of, write
from spectrove.processes import map_chunks
from spectrove.readers.dataset import DatasetVersion, dataset_version, read_part
from spectrove.readers.files import DATASET_SUFFIX
from spectrove.work import LOG

#: Spectra that are encoded together, as `kb create` takes them: what an interruption may cost each process.
BLOCK = 512

Progress = Callable[[int], None]

#: Dataset, kind of light, position of the first spectrum and number of spectra of a block.
Task = tuple[DatasetVersion, str, int, int]


def default_place(dataset: Path) -> Path:
    """Where the vectors of a dataset go: sdss.vectors.lance beside sdss.lance."""
    return dataset.with_name(f"{dataset.stem}.vectors{DATASET_SUFFIX}")


def embed_dataset(
    dataset: Path | str,
    output: Path | str | None = None,
    encoder: Encoder | str | None = None,
    *,
    views: Mapping[str, Encoder | str] | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Vectors:
    """The vectors of every spectrum of a dataset, written to a file of vectors.

    They are the same to the last bit, whoever makes them. Blocks of them are kept beside the file until all are there,
    so that an interrupted or killed call is gone on with by the next one; one that is repeated does nothing. Of two
    calls for one file the second is refused.

    Args:
        dataset: Made by `ingest`.
        output: The file, a name that ends in `.lance`; `default_place` if None.
        encoder, views: As in `create`.
        workers: Processes that embed; this one alone if None. Not of a cluster at an address, which has its own.
        cluster: As in `processes.map_chunks`. Workers find dataset and encoders under the same paths.
        overwrite: Whether other vectors at `output` are replaced.
        progress: Called with the number of spectra whose vectors are there.

    Raises:
        DatasetError: There is no such dataset, it holds nothing, something else is at `output`, or another process
            makes vectors there.
    """
    place = _place(Path(dataset), output)
    version, domain = dataset_version(dataset), domain_of_spectra([dataset]).name
    encoders = encoders_for(domain, encoder, views)
    about = About.of(version, domain, encoders, BLOCK)
    if not version.rows:
        raise DatasetError(f"{dataset}: holds no spectra. Name a dataset that has some.")
    there = _known(place, about, overwrite)
    if there is not None and not part_of(place).exists():
        if progress:
            progress(version.rows)
        return there
    with claimed(place, DatasetError) as claim:
        recover(place)
        if _known(place, about, overwrite) is None:
            blocks = Blocks(Folder(place.parent), part_of(place).name, about.work, ".arrow")
            _say(place, blocks, version)
            _embed_missing(version, about, encoders, blocks, workers, cluster, progress)
            _finish(place, about, blocks, len(_starts(version)), claim)
        elif progress:
            progress(version.rows)
        remove(part_of(place))
    return Vectors(place)


def _finish(place: Path, about: About, blocks: Blocks, n: int, claim: Claim) -> None:
    """Write the file of vectors of all blocks; a reader sees the old one or all of the new one."""
    written = part_of(place) / place.name
    with sentence(place, "write the vectors"):
        write(written, about, (_unpacked(blocks.read(number)) for number in range(n)))
        claim.confirm()
        put(written, place)


def _place(dataset: Path, output: Path | str | None) -> Path:
    """The file of vectors, which may be written."""
    place = default_place(dataset) if output is None else Path(output)
    if place.suffix != DATASET_SUFFIX or not place.stem:
        raise DatasetError(
            f"{place}: the name of a file of vectors ends in {DATASET_SUFFIX}. Add the suffix."
        )
    if not place.absolute().parent.is_dir():
        raise DatasetError(f"{place}: its folder is not there. Make it, or correct the path.")
    return place


def _known(place: Path, about: About, overwrite: bool) -> Vectors | None:
    """The vectors that are at the place already, if they are those that are asked for."""
    if not place.exists():
        return None
    try:
        there = Vectors(place)
    except DatasetError as error:
        raise DatasetError(f"{place}: something that is no vectors is there. Choose another name.") from error
    if there.about.work == about.work:
        return there
    if not overwrite:
        made = ", ".join(f"{view} by {name}" for view, (name, _) in there.about.views.items())
        raise DatasetError(
            f"{place}: vectors of another version of a dataset or by other encoders are there ({len(there)} spectra, "
            f"{made}). Replace them with --overwrite, or choose another name."
        )
    return None


def _say(place: Path, blocks: Blocks, version: DatasetVersion) -> None:
    if blocks.kept:
        LOG.info("%s: going on after %d of %d blocks", place, len(blocks.kept), len(_starts(version)))
    elif blocks.others:
        LOG.warning(
            "%s: interrupted work is not gone on with: the dataset has changed since, or the encoders are others. All "
            "spectra are encoded.", place,
        )  # fmt: skip


def _starts(version: DatasetVersion) -> range:
    """Position of the first spectrum of each block."""
    return range(0, version.rows, BLOCK)


def _embed_missing(
    version: DatasetVersion,
    about: About,
    encoders: Mapping[str, Encoder],
    blocks: Blocks,
    workers: int | None,
    cluster: str | None,
    progress: Progress | None,
) -> None:
    """Make and keep the blocks that are not there."""
    starts = _starts(version)
    missing = [number for number in range(len(starts)) if number not in blocks.kept]
    sizes = [min(BLOCK, version.rows - start) for start in starts]
    report = progress or (lambda n: None)
    report(version.rows - sum(sizes[number] for number in missing))
    tasks = [(version, about.domain, starts[number], sizes[number]) for number in missing]
    for number, content in zip(missing, _contents(tasks, encoders, workers, cluster), strict=True):
        blocks.write(number, content)
        report(sizes[number])


def _contents(
    tasks: Sequence[Task], encoders: Mapping[str, Encoder], workers: int | None, cluster: str | None
) -> Iterator[bytes]:
    """The content of each block: made here, or by others."""
    n = min(workers or 1, max(len(tasks), 1))
    if cluster is None and n == 1:
        return (_encoded(*task, encoders) for task in tasks)
    places = {view: place_of(encoder) for view, encoder in encoders.items()}
    sent = ((*task, places) for task in tasks)
    return map_chunks(_block, sent, None if workers is None else n, cluster)


def _block(version: DatasetVersion, domain: str, start: int, n: int, places: Mapping[str, Place]) -> bytes:
    """A block, by a process that reads its spectra and loads its encoders itself."""
    return _encoded(version, domain, start, n, {view: encoder_at(place) for view, place in places.items()})


def _encoded(
    version: DatasetVersion, domain: str, start: int, n: int, encoders: Mapping[str, Encoder]
) -> bytes:
    spectra = read_part(version, start, n, domain_called(domain).files)
    others = {view: encoder for view, encoder in encoders.items() if view != DEFAULT_VIEW}
    table = rows_of(spectra, embed(spectra, encoders[DEFAULT_VIEW], others))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked(content: bytes) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()
