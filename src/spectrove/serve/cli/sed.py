"""spectrove sed: Fit the photometry of galaxies: masses, star formation rates, dust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import CatalogError, ParameterError, Refusal
from spectrove.serve.cli import options
from spectrove.serve.exits import DONE, FAILED, usage_errors
from spectrove.serve.output import check_output, json_line, say, write_columns
from spectrove.serve.text import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spectrove.explanation.followup import Meaning
    from spectrove.sed.bands import Chosen
    from spectrove.sed.catalog import Fit
    from spectrove.sed.dust import DustEmission
    from spectrove.sed.engine import Engine
    from spectrove.sed.likelihood import Photometry as One
    from spectrove.sed.nebula import Nebula
    from spectrove.sed.photometry import Galaxies
    from spectrove.sed.photoz import Scan
    from spectrove.sed.populations import Populations
    from spectrove.serve.cli.sed_blocks import Blockwise, Work

#: What may be left out of models.
PARTS = ("nebular", "dust")

Photometry = Annotated[
    Path,
    typer.Argument(metavar="TABLE", help="Photometry: CIGALE's form or a known table; text, FITS, VOTable."),
]


@dataclass(frozen=True)
class Making:
    """What models are made of."""

    ssp: Annotated[
        Path | None,
        typer.Option(
            "--ssp",
            metavar="DIR",
            envvar="SPECTROVE_SSP",
            help="Stellar populations: Maraston's tables, or E-MILES.",
        ),
    ] = None
    tables: Annotated[
        Path | None,
        typer.Option(
            "--tables", metavar="DIR", help="Has nebular, dale2014 and filters; the folder above --ssp."
        ),
    ] = None
    filters: Annotated[
        Path | None,
        typer.Option("--filters", metavar="DIR", help="Curves of filters, BAND.dat; filters in --tables."),
    ] = None
    without: Annotated[
        str | None, typer.Option("--without", metavar="NAME,...", help="Leave out of models: nebular, dust.")
    ] = None
    imf: Annotated[str, typer.Option("--imf", metavar="NAME", help="kroupa or salpeter.")] = "kroupa"


@dataclass(frozen=True)
class Shape:
    """Of which form models are."""

    law: Annotated[str, typer.Option("--law", metavar="NAME", help="calzetti or charlot-fall.")] = "calzetti"
    history: Annotated[
        str, typer.Option("--history", metavar="NAME", help="Of star formation: delayed, burst or bins.")
    ] = "burst"


@dataclass(frozen=True)
class Reading:
    """How a table is read and fitted."""

    unit: Annotated[
        str | None,
        typer.Option("--unit", metavar="UNIT", help="Of all fluxes: mJy, uJy, Jy, or AB magnitudes."),
    ] = None
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", metavar="BAND,...", help="Bands that are not used.")
    ] = None
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="The first N rows alone.")
    ] = None
    floor: Annotated[
        float,
        typer.Option("--floor", metavar="SHARE", min=0, max=1, help="Of each flux, added to its error."),
    ] = 0.05
    zero_points: Annotated[
        int,
        typer.Option("--zero-points", metavar="N", min=0, help="Fit zero points on the first N galaxies."),
    ] = 0
    anchor: Annotated[
        str | None, typer.Option("--anchor", metavar="BAND", help="Whose zero point is 0; the middle one.")
    ] = None
    free_redshift: Annotated[
        str | None,
        typer.Option(
            "--free-redshift", metavar="LOW:HIGH", help="Find redshifts between these; none is read."
        ),
    ] = None
    scale: Annotated[
        str, typer.Option("--scale", metavar="NAME", help="Masses by measured bands, or full: limits, too.")
    ] = "measured"
    residuals: Annotated[
        bool, typer.Option("--residuals", help="Write the residual of each band, in sigma.")
    ] = False
    components: Annotated[
        bool, typer.Option("--components", help="Write the best model's stars, gas, dust in each band.")
    ] = False
    spectra: Annotated[
        Path | None,
        typer.Option("--spectra", metavar="FILE", help="Write best models as spectra, by component."),
    ] = None


@options.grouped
def fit(
    table: Photometry,
    making: Making,
    shape: Shape,
    reading: Reading,
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """Fit photometry of galaxies with a grid of models.

    Estimates are means of all models weighted by prior and likelihood, with errors and 68% intervals.
    """
    for path in (output, reading.spectra):
        check_output(path)
    from spectrove.sed.likelihood import check_scale
    from spectrove.sed.photometry import read_photometry
    from spectrove.serve.cli.sed_blocks import fit_blocks

    with usage_errors():
        parts = parts_of(making.without)
        making = placed(making, table)
        check_scale(reading.scale)
    galaxies = read_photometry(table, reading.unit)
    with usage_errors():
        galaxies = chosen_of(galaxies, reading)
    between = _between(reading.free_redshift)
    engine, chosen = _engine(making, shape, galaxies.bands, parts)
    about = _about(making, shape, reading, engine, chosen, galaxies)
    for line in (*_notes(about, chosen), *([f" {why}"] if (why := galaxies.carried.unplaced) else [])):
        say(line, as_json=True)
    work = _work(engine, galaxies, chosen, reading, about, between)
    found = fit_blocks(work, output, as_json=as_json)
    for line in [] if as_json else _lines(found.first, found.count):
        say(line)
    if output is not None and found.count:
        write_columns(output, found.table, about, meaning)
    if reading.spectra is not None and found.count:
        write_columns(reading.spectra, found.spectra, about, meaning)
    found.done()
    for line in refusals_of(found.refused, as_json=as_json):
        typer.echo(line, err=True)
    written = [path for path in (output, reading.spectra) if path is not None] if found.count else []
    say(_summary(found, reading.floor, written), as_json=as_json)
    raise typer.Exit(DONE if found.count else FAILED)


#: Where stellar populations lie beside a table, as in CIGALE's own folders.
BESIDE = "cigale_db/maraston2005"


def placed(making: Making, table: Path) -> Making:
    """With the folder of stellar populations: the one that is named, or the one beside the table.

    Raises:
        ParameterError: None is named, and none lies there.
    """
    from dataclasses import replace

    if making.ssp is not None:
        return making
    beside = table.absolute().parent / BESIDE
    if not beside.is_dir():
        raise ParameterError(
            f"no stellar populations: there is no {BESIDE} beside {table.name}. Name their folder (--ssp), or set "
            f"SPECTROVE_SSP to it."
        )
    return replace(making, ssp=beside)


def _between(text: str | None) -> tuple[float, float] | None:
    """Redshifts of a scan, from LOW:HIGH."""
    if text is None:
        return None
    from spectrove.sed.photoz import steps

    with usage_errors():
        low, _, high = text.partition(":")
        try:
            ends = float(low), float(high)
        except ValueError as error:
            raise ParameterError(f"--free-redshift {text}: expected LOW:HIGH, as 0.02:1.5.") from error
        steps(*ends)
    return ends


def parts_of(without: str | None) -> set[str]:
    """What models have beside stars."""
    left_out = [word.strip() for word in (without or "").split(",") if word.strip()]
    if wrong := [word for word in left_out if word not in PARTS]:
        raise ParameterError(f"--without {wrong[0]}: expected {' or '.join(PARTS)}.")
    return set(PARTS) - set(left_out)


def chosen_of(galaxies: Galaxies, reading: Reading) -> Galaxies:
    """Without bands that are left out, and the first rows alone."""
    from dataclasses import replace

    out = [word.strip() for word in (reading.leave_out or "").split(",") if word.strip()]
    for name in [*out, *([reading.anchor] if reading.anchor else [])]:
        if name not in galaxies.bands:
            raise CatalogError(f"band {name}: not in the table, which has {', '.join(galaxies.bands)}.")
    kept = [i for i, name in enumerate(galaxies.bands) if name not in out]
    if reading.anchor in out:
        raise CatalogError(f"band {reading.anchor}: it is the --anchor and cannot be left out.")
    n = slice(reading.rows)
    return replace(galaxies, names=galaxies.names[n], z=galaxies.z[n], flux=galaxies.flux[n][:, kept],
                   error=galaxies.error[n][:, kept], bands=tuple(galaxies.bands[i] for i in kept),
                   carried=galaxies.carried.first(n))  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """What was read of the folders that are named.

    Attributes:
        populations: Of stars.
        chosen: Curves of the bands.
        nebula: Of gas; None where it is left out.
        dust: Its emission; None where it is left out.
    """

    populations: Populations
    chosen: Chosen
    nebula: Nebula | None
    dust: DustEmission | None


def tables_of(making: Making, bands: Sequence[str], parts: set[str]) -> Tables:
    """Read what models are made of."""
    from spectrove.sed.bands import curves_of
    from spectrove.sed.dust import read_dust
    from spectrove.sed.nebula import read_nebula
    from spectrove.sed.populations import read_populations

    with usage_errors():
        assert making.ssp is not None, "placed before"
        folder = making.tables or making.ssp.absolute().parent
        for name, part in (("nebular", "nebular"), ("dale2014", "dust")):
            if part in parts and not (folder / name).is_dir():
                raise ParameterError(f"{folder}: no folder {name} there. Name the folder that has it "
                    f"(--tables), or leave it out of the "
                                     f"models (--without {part}).")  # fmt: skip
        filters = making.filters or (folder / "filters" if (folder / "filters").is_dir() else None)
        chosen = curves_of(list(bands), filters)
        populations = read_populations(making.ssp, making.imf)
        nebula = read_nebula(folder / "nebular") if "nebular" in parts else None
        dust = read_dust(folder / "dale2014") if "dust" in parts else None
        return Tables(populations, chosen, nebula, dust)


def _engine(making: Making, shape: Shape, bands: Sequence[str], parts: set[str]) -> tuple[Engine, Chosen]:
    from spectrove.sed.attenuation import LAWS
    from spectrove.sed.engine import Engine
    from spectrove.sed.grid import Grid
    from spectrove.sed.histories import HISTORIES

    with usage_errors():
        for given, known, option in ((shape.law, LAWS, "--law"), (shape.history, HISTORIES, "--history")):
            if given not in known:
                raise ParameterError(f"{option} {given}: expected {', '.join(known)}.")
        tables = tables_of(making, bands, parts)
        grid = Grid(HISTORIES[shape.history](), law=LAWS[shape.law]())
        made = Engine(tables.populations, tables.chosen.filters, grid, tables.nebula, tables.dust)
        return made, tables.chosen


def _about(
    making: Making, shape: Shape, reading: Reading, engine: Engine, chosen: Chosen, galaxies: Galaxies
) -> dict[str, Any]:
    """What stands in the header of a table."""
    from spectrove.sed.constants import COSMOLOGY_NAME
    from spectrove.version import __version__

    models = len(engine.blocks.prior) * len(engine.histories.weights)
    return {
        "software": f"spectrove {__version__}", "ssp": engine.populations.name, "imf": engine.populations.imf,
        "nebular": engine.nebula is not None, "dust": engine.dust is not None, "law": shape.law,
        "sfh": shape.history,
        "models": models, "floor": reading.floor, "masses": reading.scale, "unit": galaxies.unit,
        "cosmology": COSMOLOGY_NAME,
        "guesses": "; ".join(f"{name}: {why}" for name, why in chosen.guesses.items()),
        "ignored": ", ".join(galaxies.ignored),
    }  # fmt: skip


def _notes(about: dict[str, Any], chosen: Chosen) -> list[str]:
    """Where models come from, and what is a guess."""
    parts = " and ".join(["stars", *(name for name in ("nebular", "dust") if about[name])])
    said = [f" {about['models']} models of {parts}: {about['ssp']}, {about['imf']} IMF, {about['law']}; "
        f"{about['unit']}; "
            f"error floor {about['floor']:g} of each flux"]  # fmt: skip
    return [*said, *(f" {name}: a guess, {why}" for name, why in chosen.guesses.items())]


def _work(
    engine: Engine,
    galaxies: Galaxies,
    chosen: Chosen,
    reading: Reading,
    about: dict[str, Any],
    between: tuple[float, float] | None,
) -> Work:
    """What is fitted, and how: zero points and priors are found here."""
    from spectrove.sed.catalog import fit as one_fit
    from spectrove.sed.likelihood import Photometry as One
    from spectrove.sed.photoz import without_redshift
    from spectrove.sed.zeropoints import corrected
    from spectrove.serve.cli.sed_blocks import Work, Written, content

    rows: list[One | Refusal] = list(galaxies.rows(free_redshift=between is not None))
    first = [one for one in galaxies.rows() if isinstance(one, One)][: reading.zero_points]
    scanned = _scanned(engine, between) if between is not None else None
    if scanned is not None:
        engine = scanned[0]
    if first:
        points = _zero_points(engine, galaxies, first, reading, about)
        rows = [corrected(one, points) if isinstance(one, One) else one for one in rows]
        first = [corrected(one, points) for one in first]
    if scanned is None:
        by: Callable[..., Fit] = partial(one_fit, engine, scale=reading.scale)
        prior = None
    else:
        models = scanned[1]
        if first:
            from spectrove.work import doing

            with doing(f"learning which models are common from {count(len(first), 'galaxy', 'galaxies')}"):
                models = models.learned(first, reading.floor)
            about["priors"] = f"of models, learned on {len(first)} galaxies"
        by, prior = partial(models.fit, scale=reading.scale), models.prior
        rows = [without_redshift(one) if isinstance(one, One) else one for one in rows]
        about["redshift"] = f"free, {between[0]:g} to {between[1]:g}" if between is not None else ""
    key = content(galaxies, engine, prior)
    written = Written(engine, chosen, reading.residuals, reading.components, reading.spectra is not None)
    # What is written counts, too: parts without residuals or spectra are none of a table that has them.
    asked = {"residuals": written.residuals, "components": written.components, "spectra": written.spectra,
             "redshifts": between, "zero_points": reading.zero_points, "anchor": reading.anchor}  # fmt: skip
    return Work(rows, by, reading.floor, written, {"about": about, "asked": asked, "content": key})


def _zero_points(
    engine: Engine, galaxies: Galaxies, first: list[One], reading: Reading, about: dict[str, Any]
) -> NDArray[np.float64]:
    """Zero points of the bands (mag), which are said and noted."""
    from spectrove.sed.zeropoints import zero_points
    from spectrove.work import doing

    anchor = galaxies.bands.index(reading.anchor) if reading.anchor else len(galaxies.bands) // 2
    with doing(f"fitting zero points on {count(len(first), 'galaxy', 'galaxies')}", 3 * len(first)):
        found = zero_points(engine, first, anchor, reading.floor)
    about["zeropts"] = ", ".join(
        f"{name} {value:+.3f}" for name, value in zip(galaxies.bands, found, strict=True)
    )
    say(f" zero points (mag, {galaxies.bands[anchor]} kept): {about['zeropts']}", as_json=True)
    return found


def _scanned(engine: Engine, between: tuple[float, float]) -> tuple[Engine, Scan]:
    """Models at all redshifts, with a grid of fewer models, and the engine that has this grid."""
    from spectrove.sed.engine import Engine
    from spectrove.sed.photoz import COARSE, scan, steps
    from spectrove.work import doing

    redshifts = steps(*between)
    coarse = Engine(engine.populations, engine.filters, COARSE, engine.nebula, engine.dust)
    with doing(f"computing models at {len(redshifts)} redshifts"):
        found = scan(coarse, redshifts)
    say(
        f" {found.allowed.sum()} models at {len(redshifts)} redshifts from {between[0]:g} to {between[1]:g}",
        as_json=True,
    )
    return coarse, found


def _lines(rows: list[dict[str, Any]], n: int) -> list[str]:
    if not rows:
        return []
    said = [" object              z     log M [Msun]       log SFR [Msun/yr]   chi2/bands  "]
    for row in rows:
        z, with_z = row["redshift"], row.get("bayes.redshift")
        z = z if with_z is None else with_z
        mass = f"{row['bayes.log_mass']:6.2f} +- {row['bayes.log_mass_err']:.2f}"
        rate = f"{row['bayes.log_sfr100']:6.2f} +- {row['bayes.log_sfr100_err']:.2f}"
        flags = f"  {row['flags']}" if row["flags"] else ""
        said.append(
            f" {row['id']:<18} {z:6.4f}  {mass:<17}  {rate:<17}  {row['chi2']:6.1f}/{row['n_bands']}{flags}"
        )
    return [*said, f" ... {n - len(rows)} more"] if n > len(rows) else said


#: How many galaxies are named that are refused for the same reason.
NAMED = 3


def refusals_of(refused: list[Refusal], *, as_json: bool) -> list[str]:
    """A line for each reason, or with `as_json` for each galaxy."""
    if as_json:
        return [json_line({"id": one.name, "error": one.error}) for one in refused]
    alike: dict[str, list[str]] = {}
    for one in refused:
        alike.setdefault(one.error.removeprefix(f"{one.name}: "), []).append(one.name)
    return [
        f" {count(len(names), 'galaxy', 'galaxies')} ({', '.join(names[:NAMED])}"
        f"{f' and {len(names) - NAMED} more' if len(names) > NAMED else ''}): {reason}"
        for reason, names in alike.items()
    ]


def _summary(found: Blockwise, floor: float, written: list[Path]) -> str:
    from statistics import median

    said = f" {count(found.count, 'galaxy', 'galaxies')} fitted"
    if found.count:
        said += f", median chi2/band {median(found.chi2):.2f} with an error floor of {floor:g}"
    if found.refused:
        said += f"; {len(found.refused)} refused"
    return said + (f"; wrote {', '.join(map(str, written))}" if written else "")


def meaning(name: str) -> Meaning | None:
    """Units and words of the columns of a file."""
    from spectrove.explanation.followup import Meaning
    from spectrove.sed.components import BARE, PARTS
    from spectrove.sed.posterior import UNITS

    kind, _, quantity = name.partition(".")
    ends = {"_err": ("One sigma error: ", "stat.error"), "_low": ("Lower end of the 68% interval: ", ""),
            "_high": ("Upper end of the 68% interval: ", "")}  # fmt: skip
    end = next((e for e in ends if quantity.endswith(e)), "")
    unit, words = UNITS.get(quantity.removesuffix(end), ("", ""))
    if kind == "bayes" and words:
        return Meaning(
            ends.get(end, ("Mean of all models: ", ""))[0] + words, unit, ends.get(end, ("", ""))[1]
        )
    if kind == "best" and words:
        return Meaning(f"Of the model of least chi2, no estimate: {words}", unit)
    if kind == "component":
        return Meaning(f"Best model, light of {quantity.partition('.')[0].replace('_', ', ')}", "mJy")
    of_band = {"residual": "(flux - best model) / sigma", "model": "Flux of the model of least chi2",
               "pivot": "Pivot wavelength of the curve"}  # fmt: skip
    if kind in of_band and quantity:
        return Meaning(of_band[kind], {"model": "mJy", "pivot": "Angstrom"}.get(kind, ""))
    if kind == "flux" and end == "_err":
        return Meaning("One sigma error, below 0 where the flux is an upper limit", "mJy", "stat.error")
    if kind == "flux" and quantity:
        return Meaning("Flux as fitted, zero points applied", "mJy", "phot.flux")
    return {"chi2": Meaning("Of the best model, upper limits included", ucd="stat.fit.chi2"),
            "error_floor": Meaning("Share of each flux that was added to its error"),
            "widening": Meaning("By how much errors were taken larger for estimates, so that the best model fits"),
            "redshift": Meaning("Redshift of the fit", ucd="src.redshift"),
            "ra": Meaning("Right ascension, as in the table of photometry", "deg", "pos.eq.ra;meta.main"),
            "dec": Meaning("Declination, as in the table of photometry", "deg", "pos.eq.dec;meta.main"),
            "id": Meaning("Name", ucd="meta.id;meta.main"),
            "wavelength": Meaning("In the frame of the observer", "Angstrom", "em.wl"),
            "total": Meaning("Best model, all light that reaches us", "mJy", "phot.flux"),
            **{part: Meaning(f"Best model, light of {part.replace('_', ', ')}", "mJy", "phot.flux")
               for part in (*PARTS, *BARE)},
            "flags": Meaning("What to be careful about")}.get(name)  # fmt: skip


SED_COMMANDS: dict[str, Callable[..., None]] = {"fit": fit}
