"""What every part of `literature` is measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.literature.objects import Summaries, read_summaries
from spectrove.errors import DatasetError
from spectrove.literature.abstracts import Abstracts, read_abstracts, read_links
from spectrove.literature.linking import Linked, link
from spectrove.literature.texts import SemanticEncoder, fit_texts
from spectrove.provenance import file_hash


@dataclass(frozen=True)
class Bench:
    """Abstracts, real sources and the links between them, each made once.

    Attributes:
        folder: Where everything is kept.
        data: Folder with abstracts and catalogs (as SPECTROVE_DATA); None leaves the real parts out.
        seeds: Repetitions, each with other folds and networks.
        fast: Fewer mock sources, as a test.
        say: Told what is being done.
    """

    folder: Path
    data: Path | None
    seeds: int = 3
    fast: bool = False
    say: Callable[[str], None] = field(default=lambda text: None, compare=False)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the figures of a part besides its code."""
        abstracts = file_hash(self.data / "text" / "arxiv_abstracts.csv.gz") if self.data else None
        return {"seeds": self.seeds, "fast": self.fast, "abstracts": abstracts}

    @property
    def real(self) -> Path:
        """The folder with real data.

        Raises:
            DatasetError: There is none.
        """
        if self.data is None:
            raise DatasetError("no folder with real abstracts and catalogs. Set SPECTROVE_DATA to one.")
        return self.data

    @cached_property
    def abstracts(self) -> Abstracts:
        """The real abstracts."""
        return read_abstracts(self.real / "text" / "arxiv_abstracts.csv.gz")

    @cached_property
    def listed(self) -> list[tuple[str, str, str]]:
        """The links that came with the abstracts, made by others by names."""
        return read_links(self.real / "text" / "links.csv")

    @cached_property
    def sources(self) -> Summaries:
        """Real X-ray sources."""
        return read_summaries(self.real / "xray")

    @cached_property
    def linked(self) -> Linked:
        """Links that reading the abstracts finds; the list of others plays no part."""
        return link(self.abstracts, self.sources.objects)

    @cached_property
    def encoder(self) -> SemanticEncoder:
        """Vectors of texts, fitted on all abstracts, without any link."""
        return fit_texts(self.abstracts.texts())

    def pairs(self, own: bool) -> tuple[NDArray[np.int64], list[str]]:
        """Linked pairs as rows of sources and of papers, and the ids of the papers.

        Args:
            own: True for the links that are found here, False for those of the list that came with the abstracts.
        """
        place = {name: i for i, name in enumerate(self.sources.objects.object_id)}
        known = set(self.abstracts.table.column("paper_id").to_pylist())
        if own:
            found = [(one.object_id, one.paper_id) for one in self.linked.links]
        else:
            named = [(name.removesuffix("X"), paper) for paper, name, _ in self.listed]
            found = [(n if n.startswith("2CXO") else f"2CXO {n}", paper) for n, paper in named]
        found = sorted({(name, paper) for name, paper in found if name in place and paper in known})
        papers = sorted({paper for _, paper in found})
        column = {paper: i for i, paper in enumerate(papers)}
        rows = np.array([(place[name], column[paper]) for name, paper in found], dtype=np.int64).reshape(
            -1, 2
        )
        return rows, papers
