"""Response: how many counts in which channel a photon of each energy makes."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ShapeError
from spectrove.provenance import hash_arrays

Floats = NDArray[np.float64]

#: Redistribution below this share of a row's highest value is left out; on Chandra's matrices, .2% of a row at most.
LEAST = 1e-4

#: Photon index of the power law by which area and redistribution are averaged within a band.
PHOTON_INDEX = 1.7

#: Arrays of a packed response, in order, with their type.
_PACKED: dict[str, type] = {
    "e_min": np.float32,
    "e_max": np.float32,
    "energy": np.float32,
    "area": np.float32,
    "start": np.int32,
    "channel": np.int16,
    "share": np.float16,
}


@dataclass(frozen=True)
class Response:
    """Effective area and redistribution matrix of one spectrum; energies in keV.

    Values are rounded as they are stored, so that a response read back from a base is equal to that of the file.

    Attributes:
        first_channel: Number of the first channel.
        e_min, e_max: Nominal energies of the channels (EBOUNDS), (n_channels,).
        energy: Edges of the energy grid of photons, increasing, (n_energies + 1,).
        area: Effective area, cm2, (n_energies,).
        start: Where the values of each energy begin in `channel` and `share`, (n_energies + 1,).
        channel: Positions of channels, counted from 0.
        share: Probability that a detected photon of the energy is counted in the channel.
    """

    first_channel: int
    e_min: NDArray[np.float32]
    e_max: NDArray[np.float32]
    energy: NDArray[np.float32]
    area: NDArray[np.float32]
    start: NDArray[np.int32]
    channel: NDArray[np.int16]
    share: NDArray[np.float16] = field(repr=False)

    def __post_init__(self) -> None:
        n, m = len(self.area), len(self.e_min)
        if len(self.energy) != n + 1 or len(self.start) != n + 1 or len(self.e_max) != m:
            raise ShapeError(
                f"Response: {n} areas, {len(self.energy)} energy edges, {len(self.start)} starts, {m} and "
                f"{len(self.e_max)} channel edges; expected one edge and one start more than areas."
            )

    @staticmethod
    def of(
        first_channel: int, e_min: NDArray, e_max: NDArray, energy: NDArray, area: NDArray, matrix: NDArray
    ) -> Response:
        """The response of a full matrix, (n_energies, n_channels), without the values below `LEAST`; row sums stay."""
        matrix = np.asarray(matrix, float)
        rows, columns = np.nonzero(matrix)
        return Response.of_cells(
            first_channel, e_min, e_max, energy, area, (rows, columns, matrix[rows, columns])
        )

    @staticmethod
    def of_cells(
        first_channel: int,
        e_min: NDArray,
        e_max: NDArray,
        energy: NDArray,
        area: NDArray,
        cells: tuple[NDArray, NDArray, NDArray],
    ) -> Response:
        """The same of the filled cells of a matrix: rows, columns (positions of channels) and values, in any order.

        A row that adds to more than 2 holds the area: its sum goes to `area`, so that shares stay probabilities.
        """
        rows, columns, values = _each_cell_once(*cells, len(e_min))
        n = len(area)
        total, top = np.bincount(rows, weights=values, minlength=n), np.zeros(n)
        np.maximum.at(top, rows, values)
        kept = values > LEAST * top[rows]
        rows, columns, values = rows[kept], columns[kept], values[kept]
        left = np.bincount(rows, weights=values, minlength=n)
        scale = np.divide(total, left, out=np.zeros(n), where=left > 0)
        if total.max(initial=0) > 2:
            area, scale = area * total, np.divide(scale, total, out=np.zeros(n), where=total > 0)
        shares = (values * scale[rows]).astype(np.float16)
        start = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
        arrays = (e_min, e_max, energy, area, start, columns, shares)
        return Response(
            int(first_channel),
            **{
                name: np.asarray(a).astype(kind)
                for (name, kind), a in zip(_PACKED.items(), arrays, strict=True)
            },
        )

    def in_channels(self, factor: NDArray) -> Response:
        """The response with the counts of each channel times a factor, (n_channels,)."""
        return replace(self, share=(self.share * np.asarray(factor, float)[self.channel]).astype(np.float16))

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.e_min)

    @cached_property
    def matrix(self) -> Any:
        """Counts per channel for one photon per cm2 in each energy, a sparse array (n_energies, n_channels), cm2."""
        from scipy.sparse import csr_array

        share = self.share.astype(float) * np.repeat(self.area.astype(float), np.diff(self.start))
        return csr_array(
            (share, self.channel.astype(np.int64), self.start), (len(self.area), self.n_channels)
        )

    @cached_property
    def fingerprint(self) -> str:
        """Equal for equal responses, however they were read."""
        return hash_arrays({name: getattr(self, name) for name in _PACKED})

    def fold(self, photons: Floats) -> Floats:
        """Expected counts per second in each channel, (n_channels,), of photons per cm2 and s in each energy."""
        return self.matrix.T @ np.asarray(photons, float)

    def band_areas(self, edges: Floats, good: NDArray[np.bool_]) -> Floats:
        """Effective area of each energy band, cm2: counts in its good channels per photon of the band's energies.

        Photons that are counted in another band than their own are part of it, as they are for a power law of index
        `PHOTON_INDEX`: one source seen through two responses has nearly the same counts divided by area.

        Args:
            edges: Of the bands, keV, (n_bands + 1,).
            good: Channels that are used, (n_channels,).

        Returns:
            (n_bands,); 0 where the response has no photons or no good channels.
        """
        photons = _power_law(self.energy.astype(float))
        inside = _photons_between(self.energy.astype(float), edges)
        counts = in_bands(self, self.fold(photons) * good, edges)
        return np.divide(counts, inside, out=np.zeros_like(counts), where=inside > 0)

    @cached_property
    def digest(self) -> str:
        """Hash of its numbers, 32 hexadecimal digits: equal for equal responses."""
        found = blake2b(str(self.first_channel).encode(), digest_size=16)
        for name, kind in _PACKED.items():
            found.update(np.ascontiguousarray(getattr(self, name), kind).tobytes())
        return found.hexdigest()

    @cached_property
    def packed(self) -> bytes:
        """`pack()`, made once."""
        return self.pack()

    def pack(self) -> bytes:
        """The response as compressed bytes; equal responses give equal bytes."""
        sizes = np.array([self.first_channel, *(len(getattr(self, name)) for name in _PACKED)], np.int32)
        parts = [np.ascontiguousarray(getattr(self, name), kind).tobytes() for name, kind in _PACKED.items()]
        return zlib.compress(b"".join([sizes.tobytes(), *parts]), 6)

    @staticmethod
    def unpack(packed: bytes) -> Response:
        """The inverse of `pack`."""
        raw = zlib.decompress(packed)
        sizes = np.frombuffer(raw, np.int32, 1 + len(_PACKED))
        place = sizes.nbytes
        arrays: dict[str, Any] = {}
        for (name, kind), n in zip(_PACKED.items(), sizes[1:].tolist(), strict=True):
            arrays[name] = np.frombuffer(raw, kind, n, place)
            place += arrays[name].nbytes
        return Response(int(sizes[0]), **arrays)


def _each_cell_once(
    rows: NDArray, columns: NDArray, values: NDArray, n_channels: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Cells sorted by row and column; values of a cell that is named more than once are added."""
    place = rows.astype(np.int64) * n_channels + columns
    if (np.diff(place) > 0).all():
        return rows, columns, values
    cells, which = np.unique(place, return_inverse=True)
    return cells // n_channels, cells % n_channels, np.bincount(which, weights=values, minlength=len(cells))


def in_bands(response: Response, counts: NDArray, edges: Floats) -> NDArray:
    """Sums of counts per channel in energy bands, (n_bands,); a channel belongs to the band of its middle."""
    middle = (response.e_min.astype(float) + response.e_max) / 2
    band = np.searchsorted(edges, middle, side="right") - 1
    inside = (band >= 0) & (band < len(edges) - 1)
    return np.bincount(band[inside], weights=np.asarray(counts, float)[inside], minlength=len(edges) - 1)


def mean_energies(edges: Floats) -> Floats:
    """Mean energy of the photons of the power law of index `PHOTON_INDEX` in each band, keV, (n_bands,)."""
    energy = np.maximum(edges, 1e-3) ** (2 - PHOTON_INDEX) / (2 - PHOTON_INDEX)
    return np.diff(energy) / _power_law(edges)


def _power_law(edges: Floats) -> Floats:
    """Photons of the power law between the edges."""
    whole = np.maximum(edges, 1e-3) ** (1 - PHOTON_INDEX) / (PHOTON_INDEX - 1)
    return whole[:-1] - whole[1:]


def _photons_between(energy: Floats, edges: Floats) -> Floats:
    """Photons of the power law in each band, as far as the energy grid reaches."""
    return _power_law(np.clip(edges, energy[0], energy[-1]))
