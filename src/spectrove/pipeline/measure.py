"""Numbers measured in spectra themselves, each with its error: of any spectra, or stored in a base."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Domain, Measure, Measurer
from spectrove.errors import KnowledgeError, did_you_mean
from spectrove.inference.numbers.columns import MEASURED
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import Source
from spectrove.pipeline.answers import Answers, own_flags
from spectrove.pipeline.domains import DOMAINS, domain_called, domain_of
from spectrove.pipeline.kinds import kind_of_set
from spectrove.pipeline.options import MeasureOptions, options_of
from spectrove.pipeline.queries import any_spectra
from spectrove.plain import plain
from spectrove.spectra import SpectrumSet
from spectrove.version import __version__

#: The group of the strengths of emission lines, which cannot be negative.
EMISSION = "equivalent width"

#: Errors below zero from which such a strength is impossible: 3 of 1,030 SDSS galaxies at their redshifts have one.
IMPOSSIBLE = 5.0

#: Redshifts below this are those of stars.
NEAR_ZERO = 0.001


@dataclass(frozen=True)
class MeasuredSpectrum:
    """What was measured in one spectrum.

    Attributes:
        object_id: The spectrum.
        z, z_source: The redshift at which it was measured, and where that is from; None where none is needed.
        measures: What was asked for.
        values: NAME and NAME_err of each, None where it cannot be measured.
        flags: Names of flags, see `spectra.FLAGS`; "z_uncertain" where the redshift is an estimate that may be wrong.
    """

    object_id: str
    z: float | None
    z_source: str | None
    measures: tuple[Measure, ...]
    values: Mapping[str, float | None]
    flags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `measure --json` prints them."""
        return {
            "object_id": self.object_id,
            "z": plain(self.z),
            "z_source": self.z_source,
            "measured": dict(self.values),
            "flags": list(self.flags),
        }


@any_spectra
def measure(base: KnowledgeBase | None, spectra: SpectrumSet, **options: Any) -> Answers:
    """Numbers measured in each spectrum, with one-sigma errors; nothing but its pixels and its redshift is read.

    Args:
        base: Whose objects may be named by their ids, and which says the kind of light; None where there is none. It
            has no part in the numbers.
        spectra: Galaxies need redshifts; see `complete_redshifts` and `at_redshift` for those that have none.
        options: See `options.MeasureOptions`.

    Raises:
        KnowledgeError: Spectra of this kind of light are not measured, or a name is no measure.
    """
    chosen = options_of(MeasureOptions, "measure", options)
    if base is not None:
        domain = domain_of(base)
    else:
        domain = domain_called(chosen.domain) if chosen.domain else domain_of_set(spectra)
    measurer = measurer_of(domain)
    measures = chosen_measures(measurer, chosen.measures)
    table = measurer.measure(spectra)
    refusals = measurer.refusals(spectra.take(~_anything(table)))
    refused = {refusal.name for refusal in refusals}
    keep = np.array([name not in refused for name in spectra.object_id.tolist()], bool)
    kept, table = spectra.take(keep), table.filter(pa.array(keep))
    found = tuple(_answers(kept, table, measures, measurer)) if len(kept) else ()
    return Answers("measure", base, kept, found, tuple(refusals), provenance=provenance_of(measurer, domain))


def _anything(table: pa.Table) -> NDArray[np.bool_]:
    """Which rows have a number."""
    found = np.zeros(table.num_rows, bool)
    for name in table.column_names[1:]:
        if name == "flags":
            continue
        found |= np.asarray(table.column(name).is_valid())
    return found


def _answers(
    spectra: Any, table: pa.Table, measures: Sequence[Measure], measurer: Measurer
) -> list[MeasuredSpectrum]:
    names = [name for one in measures for name in (one.name, one.error)]
    values = table.select(names).to_pylist()
    rows, of = spectra.rows, spectra.rows.column_names
    z = rows.column("z").to_pylist() if "z" in of else [None] * len(spectra)
    source = rows.column("z_source").to_pylist() if "z_source" in of else [None] * len(spectra)
    flags = own_flags(spectra) if "flags" in of else [[]] * len(spectra)
    found = table.column("flags").to_pylist() if "flags" in table.column_names else [[]] * len(spectra)
    other = {f"limit_{one.name}" for one in measurer.measures if one not in measures}
    lines = [one for one in measurer.measures if one.strength and one.group == EMISSION]
    whole = table.select([name for one in lines for name in (one.name, one.error)]).to_pylist()
    return [
        MeasuredSpectrum(
            name,
            z[i],
            source[i],
            tuple(measures),
            values[i],
            tuple(
                dict.fromkeys(
                    (*flags[i], *(f for f in found[i] if f not in other), *doubts(z[i], lines, whole[i]))
                )
            ),
        )
        for i, name in enumerate(spectra.object_id.tolist())
    ]


def doubts(z: float | None, lines: Sequence[Measure], values: Mapping[str, float | None]) -> tuple[str, ...]:
    """Flags of what says that a spectrum is not what it is measured as: its redshift, and strengths below zero.

    Args:
        z: Of the spectrum.
        lines: The strengths of emission lines.
        values: NAME and NAME_err of each.
    """
    below = any(
        value is not None and error is not None and value < -IMPOSSIBLE * error
        for value, error in ((values[one.name], values[one.error]) for one in lines)
    )
    near = z is not None and 0 < z < NEAR_ZERO
    return (*(["z_near_zero"] if near else []), *(["negative_strength"] if below else []))


def domain_of_set(spectra: Any) -> Domain:
    """The kind of light of spectra in memory, by the class of their set."""
    return DOMAINS[kind_of_set(spectra)]


def measurer_of(domain: Domain) -> Measurer:
    """The measurer of a kind of light.

    Raises:
        KnowledgeError: It has none.
    """
    if domain.measurer is None:
        able = ", ".join(name for name, one in DOMAINS.items() if one.measurer is not None)
        raise KnowledgeError(
            f"measure: nothing is measured in spectra of {domain.name} yet, expected spectra of {able}. "
            "Their neighbours and classes can be asked for: search, classify."
        )
    return domain.measurer


def chosen_measures(measurer: Measurer, names: Sequence[str] | str | None) -> tuple[Measure, ...]:
    """The measures of these names, a list or a text with commas; all of them for None.

    Raises:
        KnowledgeError: A name is no measure.
    """
    if names is None:
        return measurer.measures
    known = {one.name: one for one in measurer.measures}
    wanted = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    wanted = [name.removeprefix(MEASURED) for name in wanted]
    for name in wanted:
        if name not in known:
            raise KnowledgeError(
                f"measures: {name!r} is nothing that is measured{did_you_mean(name, list(known))}"
            )
    return tuple(known[name] for name in dict.fromkeys(wanted))


def provenance_of(measurer: Measurer, domain: Domain) -> dict[str, Any]:
    """What a file says of measurements."""
    return {"measurer": f"{domain.name} {measurer.version}", "spectrove": __version__}


@dataclass(frozen=True)
class StoredMeasures:
    """What storing measurements in a base did.

    Attributes:
        columns: The columns, without those of errors.
        measured: Objects in which at least one of them could be measured.
        unmeasured: Those in which none could: no redshift, no good pixel, no fit, or nothing covered.
        version: The version of the base.
    """

    columns: tuple[str, ...]
    measured: int
    unmeasured: int
    version: int


def store_measures(
    base: KnowledgeBase,
    measures: Sequence[str] | str | None = None,
    *,
    where: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> StoredMeasures:
    """Measure the objects of a base and store `measured_NAME` and `measured_NAME_err` as one new version.

    Nothing is encoded again. What has been measured is kept with the base as it goes, so that an interrupted call, once
    repeated, goes on where it stopped; nothing is a column before all is measured.

    Args:
        base: The base.
        measures: Names of measures, a list or a text with commas; None for all.
        where: SQL condition on the objects; others keep what they have.
        progress: Called with the number of objects measured since the last call.

    Raises:
        KnowledgeError: The base's kind of light is not measured, a name is no measure, or the condition is wrong.
    """
    measurer = measurer_of(domain_of(base))
    chosen = chosen_measures(measurer, measures)
    names = base.rows(where, []).column("object_id").to_pylist()
    found = measurer.of_base(base, names, progress)
    columns = [name for one in chosen for name in (one.name, one.error)]
    table = found.select(["object_id", *columns])
    table = table.rename_columns(["object_id", *(f"{MEASURED}{name}" for name in columns)])
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    source = Source(
        f"spectrove measure, {when}", f"measurer {measurer.version}", {"spectrove": __version__, "date": when}
    )
    done = base.add_columns(table, source, existing="renew", noted=(), operation="measure")
    any_of = _anything(table)
    stored = tuple(f"{MEASURED}{one.name}" for one in chosen)
    return StoredMeasures(stored, int(any_of.sum()), int((~any_of).sum()), done.version)
