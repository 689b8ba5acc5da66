"""The demo on photometry: mock galaxies are fitted, joined to a base of their spectra, and asked about.

Stellar populations are never shipped. Those of a folder are used if there is one (--ssp, or SPECTROVE_DATA), else a toy
of black bodies that is made for this demo (`experiments.toy_populations`): its figures say nothing of real galaxies.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table

import spectrove
from experiments.demo import say, step
from experiments.demo_stars import scatter
from experiments.toy_populations import toy_populations
from spectrove.errors import Refusal, SpectroveError
from spectrove.explanation.report import write_report
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.mock import write_survey
from spectrove.pipeline.base import Base
from spectrove.readers import ingest, read_dataset
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.band_columns import band_values
from spectrove.sed.bands import curves_of
from spectrove.sed.catalog import Fit, fit_all
from spectrove.sed.engine import Engine
from spectrove.sed.filters import Filter
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.photometry import read_photometry
from spectrove.sed.populations import Populations, read_populations
from spectrove.serve.cli.sed import meaning
from spectrove.serve.output import write_table
from spectrove.spectra import Spectrum, SpectrumSet

SEED = 23
#: Every so many-th galaxy is not in the base, and is asked about.
ASKED = 4
BANDS = ("sdss.up", "sdss.gp", "sdss.rp", "sdss.ip", "sdss.zp", "2mass.J", "2mass.H", "2mass.Ks")
#: Errors as shares of fluxes, and at least this much, mJy.
SHARE, LEAST = 0.03, np.array([2e-3, 1e-3, 1e-3, 2e-3, 6e-3, 0.03, 0.04, 0.05])
#: A flux below this many sigma is given as an upper limit of three.
LIMIT = 2.0
#: Share of each flux that is added to its error: the models are those of the mocks.
FLOOR = 0.02
#: Mean log mass of mock galaxies of 1 Gyr, how it grows with log age, and its scatter, dex of Msun.
MASS, WITH_AGE, SPREAD = 10.4, 0.25, 0.35
#: What is fitted, and what mocks are made of, between its levels.
GRID = Grid(
    DelayedBurst(age_main=(0.3, 0.6, 1.0, 2.0, 4.0, 7.0, 11.0)),
    law=Calzetti((0.0, 0.1, 0.2, 0.3, 0.45, 0.6), (0.0,)),
)
MADE = Grid(
    DelayedBurst((0.2, 0.8, 1.5, 4.5), (0.45, 0.8, 1.4, 2.8, 5.0, 9.0), (0.0, 0.05), age_burst=(0.05,)),
    metallicity=(0.02,), law=Calzetti((0.02, 0.07, 0.15, 0.25, 0.35), (0.0,)),
)  # fmt: skip


@dataclass(frozen=True)
class Mock:
    """Photometry of one galaxy that was made, mJy, (n_bands,) each, and its truth."""

    name: str
    flux: np.ndarray
    error: np.ndarray
    log_mass: float
    log_ssfr: float


def run(out: Path, n: int = 240, ssp: Path | None = None) -> Path:
    """Write `out/sed.html`, the explanation of one galaxy with its photometry; figures of all go to stderr."""
    out.mkdir(parents=True, exist_ok=True)
    files, dataset, kb, table, results = (
        out / name for name in ("sed", "sed.lance", "sed-base.kb", "sed-photometry.fits", "sed-fits.fits")
    )
    for old in (files, dataset, kb):
        shutil.rmtree(old, ignore_errors=True)
    populations = populations_of(ssp)
    with step(f"make {n} mock galaxies as SDSS files"):
        catalog = write_survey(n, files, seed=SEED)
    with step("ingest them"):
        ingest([files], dataset, catalogs=[catalog])
    galaxies = read_dataset(dataset, where="lens = 'none' AND outlier = 'none' AND z > 0.01")
    asked = np.arange(len(galaxies)) % ASKED == 0
    with step(f"a base of {(~asked).sum()} of them"):
        base, _ = spectrove.create(kb, [galaxies.take(np.flatnonzero(~asked))], domain="galaxies")
    with step(f"mock photometry of {len(galaxies)} in {len(BANDS)} bands, from {populations.name}"):
        filters = curves_of(list(BANDS)).filters
        mocks = list(photometry(galaxies, Engine(populations, filters, MADE)))
        write_photometry(table, galaxies, mocks)
    with step("fit it"):
        truth = {mock.name: mock for mock in mocks}
        for line in fitted(Engine(populations, filters, GRID), table, results, filters, truth):
            say(f"    {line}")
    with step("join the fits to the base by position, and ask it"):
        done = base.join_fits(results)
        say(f"    {sum(done.matched.values())} of {base.count()} objects found by {', '.join(done.matched)}")
        for line in told(base, galaxies.take(np.flatnonzero(asked)), truth):
            say(f"    {line}")
    with step("explain one of them"):
        return explain(base, out)


def populations_of(ssp: Path | None) -> Populations:
    """Those of a folder, of the user's data, or the toy; what they are is said."""
    data = os.environ.get("SPECTROVE_DATA")
    usual = Path(data) / "sed" / "cigale_db" / "maraston2005" if data else None
    folder = ssp or (usual if usual is not None and usual.is_dir() else None)
    if folder is not None:
        return read_populations(folder)
    toy = toy_populations()
    say(
        f"no stellar populations at hand (--ssp DIR): {toy.name}. What follows shows how it works, not what galaxies "
        "are"
    )
    return toy


def photometry(galaxies: SpectrumSet, engine: Engine) -> Iterator[Mock]:
    """Photometry of each galaxy, as old and dusty as its spectrum was made; its mass is drawn."""
    rng = np.random.default_rng(SEED)
    for one in galaxies:
        models = engine.at(one.z)
        rates = models.histories.rates["sfr100"]
        ssfr = np.log10(np.maximum(rates[None] / models.surviving, 1e-13))
        ebv = models.blocks.parameters["ebv"][:, None]
        wanted = -9.8 - 1.1 * log_age(one) + 0.2 * rng.normal()
        dust = known(one, "truth_ebv", 0.1)
        place = np.unravel_index(int(np.argmin(np.abs(ssfr - wanted) + 4 * np.abs(ebv - dust))), ssfr.shape)
        shape = models.flux(int(place[0]), int(place[1]))
        log_mass = MASS + WITH_AGE * log_age(one) + SPREAD * rng.normal()
        flux = 10**log_mass / models.surviving[place] * shape
        sigma = np.hypot(SHARE * flux, LEAST)
        seen = flux + sigma * rng.normal(size=flux.size)
        faint = seen < LIMIT * sigma
        yield Mock(
            one.object_id, np.where(faint, 3 * sigma, seen), np.where(faint, -sigma, sigma),
            log_mass, float(ssfr[place]),
        )  # fmt: skip


def known(one: Spectrum, name: str, otherwise: float) -> float:
    """A value of a spectrum's row that may be missing."""
    value = one.row.get(name)
    return otherwise if value is None or not math.isfinite(value) else float(value)


def log_age(one: Spectrum) -> float:
    """The age with which a spectrum was made, log Gyr; by its break at 4000 A where it has none."""
    return known(one, "truth_log_age", float(np.clip((known(one, "d4000n", 1.5) - 1.45) / 0.4, -1, 1)))


def write_photometry(path: Path, galaxies: SpectrumSet, mocks: Sequence[Mock]) -> None:
    """A table of CIGALE's form, with positions a few tenths of an arcsecond off and with ids of its own."""
    rng = np.random.default_rng(SEED + 1)
    off = 0.3 / 3600 * rng.normal(size=(len(mocks), 2))
    dec = np.array(galaxies.column("dec"), float) + off[:, 1]
    table = Table({"id": [mock.name for mock in mocks], "redshift": np.array(galaxies.z, float)})
    table["ra"] = np.array(galaxies.column("ra"), float) + off[:, 0] / np.cos(np.radians(dec))
    table["dec"] = dec
    for i, band in enumerate(BANDS):
        for name, values in (
            (band, [m.flux[i] for m in mocks]),
            (f"{band}_err", [m.error[i] for m in mocks]),
        ):
            table[name] = values
            table[name].unit = "mJy"
    table["id"] = [f"phot-{i}" for i in range(len(mocks))]
    table["object_id"] = [mock.name for mock in mocks]
    table.write(path, overwrite=True)


def fitted(
    engine: Engine, table: Path, results: Path, filters: Sequence[Filter], truth: dict[str, Mock]
) -> Iterator[str]:
    """Fit a table of photometry and write the results; what they are worth against the truth, line by line."""
    galaxies = read_photometry(table)
    fits = list(fit_all(engine, galaxies.rows(), FLOOR))
    good = [one for one in fits if isinstance(one, Fit)]
    about = {"ssp": engine.populations.name, "imf": engine.populations.imf, "law": "calzetti", "sfh": "burst"}
    write_table(
        results, [one.row() | band_values(one, galaxies.bands, filters) for one in good], about, meaning
    )
    refused = [one for one in fits if isinstance(one, Refusal)]
    yield f"{len(good)} fitted, {len(refused)} refused{f': {refused[0].error}' if refused else ''}"
    for name in ("log_mass", "log_ssfr"):
        true = np.array([getattr(truth[one.galaxy.carried["object_id"]], name) for one in good])
        found = [one.quantities[name] for one in good]
        off = np.array([one.mean for one in found]) - true
        held = np.mean([one.low <= t <= one.high for one, t in zip(found, true, strict=True)])
        yield (
            f"{name}: median off by {np.median(off):+.3f} dex, scatter {scatter(off):.3f}; 68% intervals hold "
            f"{held:.2f}"
        )
    per_band = np.median([one.chi2 / one.n_bands for one in good])
    yield f"median chi2 of {per_band:.2f} a band, with an error floor of {good[0].floor:g} of each flux"


def told(base: Base, queries: SpectrumSet, truth: dict[str, Mock]) -> Iterator[str]:
    """What a base with fits answers about spectra that it does not hold."""
    massive = base.count("bayes_log_mass > 10.5")
    yield f"{massive} objects have bayes_log_mass > 10.5 (kb label joined it; no dots in a base)"
    answers = base.estimate(queries, "bayes_log_ssfr")
    true = np.array([truth[one.object_id].log_ssfr for one in answers])
    off = np.array([np.nan if one.value is None else one.value for one in answers], float) - true
    yield (
        f"bayes_log_ssfr of {len(true)} others from their spectra alone: scatter {scatter(off):.2f} dex, "
        f"spread of these galaxies {scatter(true):.2f}"
    )
    _, counts = base.add_view("photometry", ["bayes_log_ssfr", "bayes_ebv"])
    yield f"a view of them: {', '.join(f'{name} of {count}' for name, count in counts.items())}"


def explain(base: Base, out: Path) -> Path:
    """The page about the galaxy of the base with the most upper limits, the best signal among these."""
    rows = base.rows(where="sed_chi2 IS NOT NULL AND class_derived IS NOT NULL").to_pylist()
    best = max(rows, key=lambda row: (min(row["sed_n_limits"], 1), row["sn_median"]))
    answers = base.classify(base.spectra([best["object_id"]]), "class_derived")
    return write_report(
        answers.explain(0), out / "sed.html", background=GALAXIES.panels.background(base), figures=True
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `make demo-sed` runs."""
    os.environ.setdefault("RUST_LOG", "error")
    parser = argparse.ArgumentParser("python -m experiments demo_sed", description=__doc__)
    parser.add_argument("-n", type=int, default=240, help="mock galaxies")
    parser.add_argument("-o", "--out", type=Path, default=Path("demo"), help="folder to write to")
    parser.add_argument(
        "--ssp", type=Path, help="folder of the populations of Maraston (2005), in place of the toy"
    )
    options = parser.parse_args(arguments)
    try:
        path = run(options.out, options.n, options.ssp)
    except SpectroveError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted; the same command begins anew")
        return 130
    print(path)
    say(f"make page opens its base in a browser (spectrove serve {options.out / 'sed-base.kb'} --open)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
