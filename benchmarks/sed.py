"""What docs/sed.md says is measured: speed, mocks of known truth, redshifts of zCOSMOS.

    python benchmarks/sed.py speed|mocks|redshifts --data $SPECTROVE_DATA/sed

The folder has zCOSMOS-bright 20k, a table of COSMOS in CIGALE's form and CIGALE's tables (`cigale_db`).
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np

from spectrove.sed.attenuation import Calzetti
from spectrove.sed.bands import curves_of
from spectrove.sed.bound import best_model
from spectrove.sed.catalog import fit
from spectrove.sed.constants import epoch
from spectrove.sed.dust import read_dust
from spectrove.sed.engine import Engine
from spectrove.sed.grid import QUICK, Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement
from spectrove.sed.nebula import read_nebula
from spectrove.sed.photometry import Galaxies, read_photometry
from spectrove.sed.photoz import COARSE, scan, steps, without_redshift
from spectrove.sed.populations import read_populations
from spectrove.sed.posterior import posterior
from spectrove.sed.zeropoints import corrected, zero_points

ZCOSMOS = "zcosmos_bright20k.csv.gz"
COSMOS = "sed_fitting_cigale_zbin_2p50_3p00_cosmos_specz_compilation_for_cigale_2.50_z_3.00.txt.gz"


def nmad(x: np.ndarray) -> float:
    return float(1.4826 * np.median(abs(x - np.median(x))))


class Tables:
    """Tables of a folder, read once."""

    def __init__(self, data: Path, table: str) -> None:
        top = data / "cigale_db"
        self.galaxies: Galaxies = read_photometry(data / table)
        self.rows = [one for one in self.galaxies.rows() if isinstance(one, Photometry)]
        self.populations = read_populations(top / "maraston2005")
        self.nebula, self.dust = read_nebula(top / "nebular"), read_dust(top / "dale2014")
        self.filters = curves_of(list(self.galaxies.bands), top / "filters").filters

    def engine(self, grid: Grid) -> Engine:
        return Engine(self.populations, self.filters, grid, self.nebula, self.dust)


def speed(data: Path) -> None:
    """Processor time of each step for twelve galaxies with 35 bands, by number of models."""
    tables = Tables(data, COSMOS)
    rows = [one for one in tables.rows if one.z < 2.75 and one.measured.sum() >= 28][:12]
    for levels, dust in ((8, 12), (16, 13)):
        histories = DelayedBurst(
            tuple(np.geomspace(0.05, 10, levels)), tuple(np.linspace(0.05, 2.1, levels)), (0, 0.05, 0.1, 0.3, 0.5),
            (0.005, 0.05), (0.005, 0.02, 0.05),
        )  # fmt: skip
        law = Calzetti(tuple(np.linspace(0, 0.6, dust)), (-0.4, -0.2, 0.0, 0.2))
        engine = tables.engine(Grid(histories, log_u=(-3, -2, -1), law=law))
        for one in rows:
            start = time.process_time()
            models = engine.at(one.z)
            found = agreement(models, one, 0.1)
            posterior(models, found)
            whole = time.process_time()
            best = best_model(models, one, 0.1)
            bounded = time.process_time()
            print(
                f"{np.prod(models.shape)} models, {one.limits.sum()} limits: {whole - start:.3f} s; bound "
                f"{bounded - whole:.3f} s, "
                f"{best.looked_at:.2f} of blocks, chi2 {best.chi2:.4f} and {found.chi2[found.scale > 0].min():.4f}; "
                f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
            )


def drawn(rng: np.random.Generator, populations: np.ndarray, age: float) -> Grid:
    """One galaxy between the levels of the grid."""
    burst = float(rng.choice([0, rng.uniform(0.01, 0.15)]))
    tau = float(np.exp(rng.uniform(np.log(0.1), np.log(10))))
    began = float(rng.uniform(0.3, age))
    since = float(np.exp(rng.uniform(np.log(0.02), np.log(0.1))))
    history = DelayedBurst((tau,), (began,), (burst,), (0.05,), (since,))
    metals, u = float(rng.choice(populations)), float(rng.choice([-3.0, -2.0]))
    return Grid(
        history, (metals,), (u,), Calzetti((float(rng.uniform(0, 0.6)),), (float(rng.uniform(-0.4, 0)),))
    )


def seen(one: Photometry, flux: np.ndarray, rng: np.random.Generator) -> tuple[Photometry, float]:
    """A model with the brightness, bands, errors and limits of a galaxy, 5% of each band wrong; and its mass formed."""
    measured, limits = one.measured, one.limits
    scale = float(np.nanmedian(one.flux[measured] / flux[measured]))
    error = np.where(measured | limits, abs(one.error), np.nan)
    noisy = scale * flux * (1 + 0.05 * rng.normal(size=flux.size)) + error * rng.normal(size=flux.size)
    limits = limits | (measured & (noisy <= 0))
    return Photometry("mock", one.z, np.where(limits, error, noisy), np.where(limits, -error, error)), scale


def mocks(data: Path) -> None:
    """Known truth between the levels of the grid, with redshifts, bands, errors and limits of zCOSMOS and of COSMOS."""
    for table, count, low, high, bands in ((ZCOSMOS, 150, 0.1, 1.5, 3), (COSMOS, 150, 2.5, 4.0, 25)):
        tables = Tables(data, table)
        rows = [one for one in tables.rows if low < one.z < high and one.measured.sum() >= bands]
        # Another seed than that of the mocks on which the grid was chosen.
        rng = np.random.default_rng(4)
        chosen = [rows[i] for i in rng.choice(len(rows), count, replace=False)]
        made = [mock_of(one, tables, rng) for one in chosen]
        for name, grid in (("quick", QUICK), ("default", Grid())):
            print(f"{table[:20]}, {name} grid")
            judge(tables.engine(grid), made)


def mock_of(one: Photometry, tables: Tables, rng: np.random.Generator) -> tuple[Photometry, dict[str, float]]:
    """A galaxy of known truth, and that truth."""
    grid = drawn(rng, tables.populations.metallicities, epoch(round(one.z, 6)).age / 1e9)
    truth = tables.engine(grid).at(one.z)
    mock, scale = seen(one, truth.flux(0, 0), rng)
    mass = np.log10(scale * truth.surviving[0, 0])
    rate = np.log10(max(scale * truth.histories.rates["sfr100"][0], 10 ** (mass - 13)))
    return mock, {"log_mass": mass, "log_sfr100": rate, "ebv": truth.blocks.parameters["ebv"][0]}


def judge(engine: Engine, made: list[tuple[Photometry, dict[str, float]]]) -> None:
    """Differences of estimates from the truth, and how many lie within their errors."""
    start = time.process_time()
    fits = [(fit(engine, mock).quantities, truth) for mock, truth in made]
    seconds = (time.process_time() - start) / len(made)
    print(f"{len(engine.blocks.prior) * len(engine.history_prior)} models, {seconds:.3f} s a galaxy")
    for name, least in (("log_mass", -99), ("log_sfr100", -11), ("ebv", -99)):
        kept = [
            (q[name], truth[name]) for q, truth in fits if truth["log_sfr100"] - truth["log_mass"] > least
        ]
        off = np.array([q.mean - value for q, value in kept])
        error = np.array([q.error for q, _ in kept])
        best = np.array([q.best - value for q, value in kept])
        print(
            f"{name}, {off.size}: bias {off.mean():.3f} (median {np.median(off):.3f}), NMAD "
            f"{nmad(off):.3f}, within 1 and 2 sigma "
            f"{(abs(off) < error).mean():.2f} {(abs(off) < 2 * error).mean():.2f}; best model NMAD {nmad(best):.3f}"
        )


def redshifts(data: Path) -> None:
    """Redshifts of 400 galaxies; zero points and the prior of models from 400 others. Neither were used to choose."""
    tables = Tables(data, ZCOSMOS)
    rows = [one for one in tables.rows if one.z < 1.5]
    order = np.random.default_rng(0).permutation(len(rows))
    others, judged = [rows[i] for i in order[850:1250]], [rows[i] for i in order[450:850]]
    engine = tables.engine(COARSE)
    models = scan(engine, steps(0.02, 1.5))
    points = zero_points(engine, others, 4)
    learned = models.learned([corrected(one, points) for one in others])
    print("zero points", dict(zip(tables.galaxies.bands, points.round(3).tolist(), strict=True)))
    z = np.array([one.z for one in judged])
    for name, offset, one_scan in (
        ("none", 0 * points, models), ("zero points", points, models), ("and prior", points, learned),
    ):  # fmt: skip
        start = time.process_time()
        fits = [one_scan.fit(without_redshift(corrected(one, offset))) for one in judged]
        seconds = (time.process_time() - start) / len(judged)
        found = [one.quantities["redshift"] for one in fits]
        inside = np.mean([q.low <= true <= q.high for q, true in zip(found, z, strict=True)])
        chi2 = np.median([one.chi2 / one.n_bands for one in fits])
        for what in ("mean", "best"):
            off = (np.array([getattr(q, what) for q in found]) - z) / (1 + z)
            print(
                f"{name}, {what}: NMAD {nmad(off):.3f}, bias {np.median(off):.3f}, outliers "
                f"{(abs(off) > 0.15).mean():.3f}, "
                f"in the 68% interval {inside:.2f}, chi2/band {chi2:.2f}, {seconds:.3f} s"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "mocks", "redshifts"))
    parser.add_argument("--data", type=Path, required=True)
    typed = parser.parse_args()
    {"speed": speed, "mocks": mocks, "redshifts": redshifts}[typed.what](typed.data)
