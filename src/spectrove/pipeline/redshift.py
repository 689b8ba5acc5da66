"""Redshifts of spectra that come without one, and what follows: they enter the rest-frame encoders like the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.encoders import Encoder
from spectrove.errors import ShapeError
from spectrove.inference.embed import embed_queries
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers, provenance_of
from spectrove.pipeline.domains import domain_called, domain_of, needed
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.options import RedshiftOptions, options_of
from spectrove.pipeline.queries import any_spectra, check_ids
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import CORE_COLUMNS, SpectrumSet

#: Level of the intervals.
LEVEL = 0.68

#: Flags that say how wavelengths were read, which no catalog knows.
READ = ("air_converted", "air_assumed")

#: What `z_source` says of a redshift that was estimated here.
ESTIMATED = "estimated"


@any_spectra
def redshift(base: KnowledgeBase | None, spectra: SpectrumSet, **options: Any) -> Answers:
    """The redshift of each spectrum with its n best candidates; what a row says of it is never read.

    Args:
        base: If there is one, and it works in the rest frame, each estimate names its k nearest known spectra at the
            best redshift, for people to look at. They have no say: of 381 SDSS galaxies at S/N 1, whose best of 5
            candidates was right in 69%, the distance to the nearest of 650 others at each candidate set 6 right and 6
            wrong (encoder base), or 2 and 86 (pca).
        spectra: In vacuum.
        options: See `options.RedshiftOptions`.

    Raises:
        KnowledgeError: The kind of light of the base has no redshift estimator, or spectra share an id.
    """
    chosen = options_of(RedshiftOptions, "redshift", options)
    domain = domain_of(base)
    estimator = needed(domain.redshift, domain, "estimate --quantity z", "redshift estimator")
    check_ids(spectra)
    bare = without_redshifts(spectra)
    estimates = estimator(bare, chosen.n, chosen.level)
    provenance = {name: value for name, value in chosen.model_dump().items() if value is not None}
    if base is not None and estimates:
        encoders = encoders_of(base, base.space().views, chosen.encoder)
        provenance = provenance_of(base, encoders, **provenance)
        if all(e.frame == "rest" for e in encoders.values()):
            estimates = _with_neighbors(base, bare, estimates, encoders, chosen.k)
    return Answers("redshift", base, spectra, tuple(_told(spectra, estimates)), provenance=provenance)


def _told(spectra: SpectrumSet, estimates: Sequence[RedshiftEstimate]) -> list[RedshiftEstimate]:
    """The estimates with the flag of wavelengths that move with the Earth, of which redshifts hold a part."""
    of_rows = spectra.column("flags")
    return [
        replace(one, flags=(*one.flags, "topocentric")) if "topocentric" in (own or ()) else one
        for one, own in zip(estimates, of_rows, strict=True)
    ]


def with_redshifts(spectra: SpectrumSet, estimates: Collection[RedshiftEstimate] | Answers) -> SpectrumSet:
    """The spectra in which those without a redshift have the estimated one.

    `z`, `z_err` and `z_source` ("estimated") of their rows are filled in; where the estimate is not confident the flag
    "z_uncertain" is added. What nothing could be estimated for stays without a redshift.

    Args:
        spectra: Any; those that have a redshift keep it.
        estimates: One for each spectrum, in the same order, as `redshift` gives them.

    Raises:
        ShapeError: The estimates are not of these spectra.
    """
    if [e.object_id for e in estimates] != spectra.object_id.tolist():
        raise ShapeError(
            f"with_redshifts: {len(estimates)} estimates for {len(spectra)} spectra, or in another order; expected one "
            "each, as pipeline.redshift gives them for the same spectra."
        )
    columns: dict[str, list[Any]] = {
        name: spectra.column(name) for name in ("z", "z_err", "z_source", "flags")
    }
    for i, (known, estimate) in enumerate(zip(spectra.z, estimates, strict=True)):
        if np.isfinite(known) or not np.isfinite(estimate.z):
            continue
        columns["z"][i], columns["z_err"][i], columns["z_source"][i] = estimate.z, estimate.z_err, ESTIMATED
        columns["flags"][i] = list(dict.fromkeys([*_known(columns["flags"][i]), *estimate.flags]))
    return _with_columns(spectra, columns)


def complete_redshifts(
    spectra: SpectrumSet, *, n: int = 5, base: KnowledgeBase | None = None, kind: str | None = None
) -> tuple[SpectrumSet, dict[str, RedshiftEstimate]]:
    """The spectra with every missing redshift estimated, and the estimates by object id; only those are scanned.

    `base`, or the name `kind`, says of which kind of light the spectra are; galaxies without either.
    """
    missing = np.flatnonzero(~np.isfinite(spectra.z))
    if not len(missing):
        return spectra, {}
    domain = domain_called(kind) if kind else domain_of(base)
    estimator = needed(domain.redshift, domain, "estimation of missing redshifts", "redshift estimator")
    made = estimator(without_redshifts(spectra.take(missing)), n, LEVEL)
    unknown = RedshiftEstimate("", np.nan, np.nan, None, False)
    all_of_them = [replace(unknown, object_id=str(name)) for name in spectra.object_id]
    for i, estimate in zip(missing, made, strict=True):
        all_of_them[i] = estimate
    return with_redshifts(spectra, all_of_them), {e.object_id: e for e in made}


def at_redshift(spectra: SpectrumSet, z: float) -> SpectrumSet:
    """The spectra at a redshift that somebody gives, whatever their rows say; `z_source` is "given"."""
    n = len(spectra)
    flags = [_known(own) for own in spectra.column("flags")]
    return _with_columns(
        spectra, {"z": [z] * n, "z_err": [None] * n, "z_source": ["given"] * n, "flags": flags}
    )


def _known(flags: Sequence[str] | None) -> list[str]:
    """The flags of a spectrum that has a redshift now."""
    return [flag for flag in flags or () if flag != "no_redshift"]


def without_redshifts(spectra: SpectrumSet) -> SpectrumSet:
    """The spectra with nothing in their rows but positions, by which an object is known not to be its own neighbour."""
    empty: list[Any] = [None] * len(spectra)
    kept = {"ra": spectra.column("ra"), "dec": spectra.column("dec")}
    columns = {name: kept.get(name, empty) for name in CORE_COLUMNS}
    columns["flags"] = [[flag for flag in flags or () if flag in READ] for flags in spectra.column("flags")]
    return spectra.with_rows(
        pa.table({name: pa.array(values, CORE_COLUMNS[name]) for name, values in columns.items()})
    )


def _with_neighbors(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    estimates: list[RedshiftEstimate],
    encoders: dict[str, Encoder],
    k: int,
) -> list[RedshiftEstimate]:
    asked = [i for i, e in enumerate(estimates) if e.candidates]
    found = _nearest(base, spectra, asked, [estimates[i].z for i in asked], encoders, k)
    return [replace(e, neighbors=tuple(found.get(i, ()))) for i, e in enumerate(estimates)]


def _nearest(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    asked: list[int],
    z: list[float],
    encoders: dict[str, Encoder],
    k: int,
) -> dict[int, list[dict[str, Any]]]:
    """The k nearest known spectra of some spectra at given redshifts, by position in `spectra`."""
    if not asked:
        return {}
    space = base.space()
    placed = _with_columns(spectra.take(asked), {"z": z})
    embedded = embed_queries(placed, encoders)
    if not len(embedded.spectra):
        return {}
    near = base.search(embedded.views, k, spectra=embedded.spectra, view=space.weights)
    place = {str(spectra.object_id[i]): i for i in asked}
    out: dict[int, list[dict[str, Any]]] = {}
    for row, name in enumerate(embedded.spectra.object_id.tolist()):
        out[place[name]] = [
            {"object_id": str(other), "distance": float(d), "z": about.get("z")}
            for other, d, about in zip(near.object_id[row], near.distance[row], near.rows[row], strict=False)
            if other
        ]
    return out


def _with_columns(spectra: SpectrumSet, columns: dict[str, list[Any]]) -> SpectrumSet:
    rows = spectra.rows
    for name, values in columns.items():
        rows = rows.set_column(
            rows.column_names.index(name), name, pa.array(values, CORE_COLUMNS[name], from_pandas=True)
        )
    return spectra.with_rows(rows)
