"""Compares fluxes of models of ours with those of bagpipes, an independent program, from the same stellar populations.

    python scripts/referee_sed.py ask WORK.npz               our environment: filters and galaxies
    OTHER/bin/python scripts/referee_sed.py answer WORK.npz  an environment with bagpipes 1.3.6 alone: its fluxes, and
    python scripts/referee_sed.py compare WORK.npz           its populations; differences from Lyman alpha to 2 um

bagpipes (Carnall et al. 2018, MNRAS 480, 4379) has its own integrals over ages, law of attenuation, hydrogen between
galaxies, distances and photometry. It is never imported by this package. Its wavelengths are sampled finer here than by
default (R 1000 in place of 100), so that its sampling is not what is measured; its ages stay in its bins of .1 dex. Gas
and dust are left out: both programs have tables of their own for these.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

#: Redshift, age and time scale of the delayed star formation (Gyr), metallicity (solar is .02), E(B-V).
GALAXIES = [
    (0.5, 5.0, 1.0, 1.0, 0.0), (0.5, 3.0, 3.0, 0.4, 0.2), (0.9, 1.0, 0.3, 1.0, 0.1), (1.5, 2.0, 5.0, 0.4, 0.4),
    (2.5, 1.0, 0.5, 0.2, 0.15), (3.2, 0.5, 2.0, 0.4, 0.3), (4.5, 0.3, 0.1, 0.2, 0.0),
]  # fmt: skip

#: Curves of astro-sedpy: broad ones, and two intermediate.
BANDS = (
    "sdss_u0", "sdss_g0", "sdss_r0", "sdss_i0", "sdss_z0", "hsc_y", "vista_vircam_J", "vista_vircam_H",
    "vista_vircam_Ks", "spitzer_irac_ch1", "spitzer_irac_ch2", "subaru_suprimecam_ia624", "subaru_suprimecam_ia827",
)  # fmt: skip
LYMAN_ALPHA = 1216.0

#: Angstrom of the galaxy: beyond, bagpipes adds the light of dust.
DUST = 2e4
SOLAR = 0.02

#: Metallicities of bagpipes' populations that are taken along, solar.
METALS = (0.2, 0.4, 1.0)


def ask(work: Path) -> None:
    """Filters and galaxies."""
    from spectrove.sed.attenuation import Calzetti, V
    from spectrove.sed.filters import of_sedpy

    curves = [of_sedpy(name) for name in BANDS]
    # A(V) of ours: E(B-V) is kept between 4400 and 5500 A, where theirs is A(V) / 4.05.
    law = np.array([(row[4], 0.0) for row in GALAXIES])
    magnitudes = Calzetti().magnitudes(np.array([V]), law)[0][:, 0]
    np.savez_compressed(work, galaxies=np.array(GALAXIES), av=magnitudes, wavelength=[one.wavelength for one in curves],
                        transmission=[one.transmission for one in curves])  # fmt: skip


def answer(work: Path) -> None:
    """Fluxes of bagpipes times 4 pi d^2 of its cosmology (erg/s/Hz for one solar mass formed), and its populations."""
    import bagpipes

    bagpipes.config.R_phot, bagpipes.config.R_other = 1000.0, 200.0
    asked = {name: np.load(work)[name] for name in ("galaxies", "av", "wavelength", "transmission")}
    with TemporaryDirectory() as folder:
        names = []
        for i, curve in enumerate(zip(asked["wavelength"], asked["transmission"], strict=True)):
            names.append(f"{folder}/{i}.txt")
            np.savetxt(names[-1], np.transpose(curve))
        luminosities, masses = [], []
        for (z, age, tau, metals, _), av in zip(asked["galaxies"], asked["av"], strict=True):
            history = {"age": age, "tau": tau, "massformed": 10.0, "metallicity": metals}
            dust = {"type": "Calzetti", "Av": av, "eta": 1.0}
            parts = {"redshift": z, "delayed": history, "dust": dust, "t_bc": 0.01}
            model = bagpipes.model_galaxy(parts, filt_list=names, phot_units="mujy")
            luminosities.append(model.photometry * 1e-29 * model.lum_flux / 1e10)
            masses.append(10 ** (model.sfh.stellar_mass - 10))
    taken = [int(np.argmin(abs(bagpipes.config.metallicities - z))) for z in METALS]
    spectra = np.array([bagpipes.config.raw_stellar_grid[i].data for i in taken], "f4")
    own = bagpipes.config
    np.savez_compressed(work, **asked, luminosities=luminosities, masses=masses, spectra=spectra,
                        ages=own.raw_stellar_ages, own_wavelength=own.wavelengths,
                        living=own.live_frac.T[taken])  # fmt: skip


def compare(work: Path) -> None:
    """Differences of fluxes and surviving masses."""
    from spectrove.sed.attenuation import Calzetti
    from spectrove.sed.constants import MILLIJANSKY, SOLAR_LUMINOSITY, epoch
    from spectrove.sed.engine import Engine
    from spectrove.sed.filters import of_sedpy
    from spectrove.sed.grid import Grid
    from spectrove.sed.histories import DelayedBurst
    from spectrove.sed.populations import Populations

    answered = np.load(work)
    spectra = answered["spectra"] * 3.826e33 / SOLAR_LUMINOSITY
    populations = Populations("bagpipes", "kroupa", answered["ages"].astype(float), SOLAR * np.array(METALS),
                              answered["own_wavelength"].astype(float), spectra, answered["living"])  # fmt: skip
    curves = tuple(of_sedpy(name) for name in BANDS)
    apart = []
    for row, theirs, mass in zip(GALAXIES, answered["luminosities"], answered["masses"], strict=True):
        z, age, tau, metals, ebv = row
        grid = Grid(DelayedBurst((tau,), (age,), (0.0,)), (SOLAR * metals,), law=Calzetti((ebv,), (0.0,)))
        models = Engine(populations, curves, grid).at(z)
        ours = models.flux(0, 0) / MILLIJANSKY * epoch(z).sphere
        ends = np.array([one.wavelength[[0, -1]] / (1 + z) for one in curves])
        seen = (ends[:, 0] > LYMAN_ALPHA) & (ends[:, 1] < DUST)
        off = np.where(seen, ours / theirs - 1, np.nan)
        apart.append(off)
        print(f"z {z}: " + " ".join(f"{100 * value:+.1f}" for value in off)
              + f" %; surviving mass {models.surviving[0, 0]:.3f} and {mass:.3f}")  # fmt: skip
    every = np.array(apart)
    every = every[np.isfinite(every)]
    low, middle, high = np.percentile(every, [5, 50, 95])
    print(f"{every.size} bands: median {100 * middle:+.2f} %, 5 to 95%: {100 * low:+.2f} to {100 * high:+.2f} %, "
          f"largest {100 * abs(every).max():.2f} %")  # fmt: skip


if __name__ == "__main__":
    {"ask": ask, "answer": answer, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
