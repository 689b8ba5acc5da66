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
from spectrove.sed.grid import Grid
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


def mocks(data: Path) -> None:
    """Known truth between the levels of the grid, with redshifts, bands and errors of zCOSMOS."""
    tables = Tables(data, ZCOSMOS)
    rows = [one for one in tables.rows if 0.1 < one.z < 1.5]
    engine, rng, made = tables.engine(Grid()), np.random.default_rng(3), []
    for i in rng.choice(len(rows), 150, replace=False):
        one = rows[i]
        grid = drawn(rng, tables.populations.metallicities, epoch(round(one.z, 6)).age / 1e9)
        truth = tables.engine(grid).at(one.z)
        flux, seen = truth.flux(0, 0), one.measured
        scale = np.nanmedian(one.flux[seen] / flux[seen])
        noise = np.hypot(np.where(seen, one.error / one.flux, 1), 0.05) * rng.normal(size=flux.size)
        error = np.where(seen, one.error / one.flux * scale * flux, np.nan)
        mock = Photometry("mock", one.z, np.where(seen, scale * flux * (1 + noise), np.nan), error)
        known = fit(engine, mock).quantities
        mass = np.log10(scale * truth.surviving[0, 0])
        rate = np.log10(max(scale * truth.histories.rates["sfr100"][0], 10 ** (mass - 13)))
        ebv = truth.blocks.parameters["ebv"][0]
        for name, value in (("log_mass", mass), ("log_sfr100", rate), ("ebv", ebv)):
            q = known[name]
            made.append((name, q.mean - value, q.error, q.best - value, rate - mass))
    for name, least in (("log_mass", -99), ("log_sfr100", -11), ("ebv", -99)):
        off, error, best = np.array([row[1:4] for row in made if row[0] == name and row[4] > least]).T
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
