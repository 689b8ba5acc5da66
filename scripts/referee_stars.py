"""Compares synthetic spectra of ours with those of SME, an independent program, for the same layers and lines.

    python scripts/referee_stars.py ask WORK.npz                   our environment: our spectra, and what SME needs
    OTHER/bin/python scripts/referee_stars.py answer WORK.npz      an environment with pysme-astro 1.2.0 alone: SME's
    spectra python scripts/referee_stars.py compare WORK.npz               differences at a resolution of 20,000

SME (Valenti & Piskunov 1996, A&AS 118, 595; Wehrhahn, Piskunov & Ryabchikova 2023, A&A 671, A171) has its own
equation of state, continuous opacities, damping, hydrogen lines and transfer. Plain numpy on the side of SME: this
package is not needed there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

#: teff, logg, [Fe/H], [alpha/Fe], microturbulence.
STARS = {
    "Sun": (5777, 4.44, 0.0, 0.0, 1.0),
    "warm dwarf": (6500, 4.0, 0.0, 0.0, 1.5),
    "cool dwarf": (4500, 4.6, 0.0, 0.0, 0.8),
    "solar giant": (4700, 2.5, 0.0, 0.0, 1.5),
    "cool giant": (4200, 1.5, -0.3, 0.1, 1.7),
    "metal-poor giant": (4700, 1.5, -2.0, 0.4, 1.8),
    "metal-poor dwarf": (6000, 4.2, -1.5, 0.3, 1.2),
    "metal-rich dwarf": (5500, 4.4, 0.4, 0.0, 1.0),
    "hot dwarf": (7500, 4.0, 0.0, 0.0, 2.0),
}

#: Vacuum angstrom: HR10 and HR21.
RANGES = {"HR10": (5331.5, 5611.5), "HR21": (8477.5, 8982.5)}
STEP = 0.05
RESOLUTION = 20_000

#: Angles at which SME computes intensities: Gauss-Legendre in mu.
MU, WEIGHTS = np.polynomial.legendre.leggauss(7)
MU, WEIGHTS = (MU + 1) / 2, WEIGHTS / 2


def ask(path: Path) -> None:
    """Writes our spectra, the atmospheres, abundances and lines."""
    from spectrove.stars.synthesis import hydrogen_lines
    from spectrove.stars.synthesis.atmosphere import model_atmosphere
    from spectrove.stars.synthesis.elements import ELEMENTS, abundances
    from spectrove.stars.synthesis.lines import shipped_lines
    from spectrove.stars.synthesis.spectrum import synthesise
    from spectrove.stars.synthesis.star import Star

    lines = shipped_lines()
    collisions = np.where(lines.cross_section > 0, lines.cross_section + lines.exponent, lines.van_der_waals)
    rows = [lines.number, lines.stage, lines.wavelength, lines.lower, lines.log_gf]
    rows += [np.log10(lines.radiative), lines.stark, collisions]
    hydrogen = []
    for n in hydrogen_lines.UPPER:
        strength = 0.895 * 1.96028 / (3**5 * n**3) / (1 / 9 - 1 / n**2) ** 3
        where = hydrogen_lines.paschen_wavelength(n)
        # SME reads the levels of hydrogen in the columns of damping.
        hydrogen.append([1, 0, where, 12.0875, np.log10(18 * strength), 0, 3, n])
    arrays = {"lines": np.concatenate([np.array(rows, float).T, hydrogen])}
    for name, (teff, logg, fe_h, alpha, xi) in STARS.items():
        star = Star(teff, logg, fe_h, xi, alpha)
        model = model_atmosphere(teff, logg, fe_h, alpha)
        atoms = abundances(fe_h, alpha, {})
        arrays[f"{name}|model"] = np.array(
            [model.column_mass, model.temperature, model.gas_pressure, model.electron_density]
        )
        arrays[f"{name}|atoms"] = np.array([[ELEMENTS[x][0], n] for x, n in atoms.items()])
        arrays[f"{name}|mass"] = np.array(
            sum(n * ELEMENTS[x][1] for x, n in atoms.items()) / sum(atoms.values())
        )
        for setting, (low, high) in RANGES.items():
            arrays[f"{name}|{setting}|ours"] = synthesise(star, np.arange(low, high, STEP)).flux
    np.savez(path, **arrays)


def answer(path: Path) -> None:
    """Adds SME's spectra."""
    import os
    import tempfile
    import time

    import pandas
    from pysme.abund import Abund
    from pysme.atmosphere.atmosphere import Atmosphere
    from pysme.linelist.linelist import LineList
    from pysme.sme_synth import SME_DLL

    path = path.resolve()
    os.chdir(tempfile.mkdtemp())  # SME's library writes a log where it stands
    arrays = dict(np.load(path))
    sme = SME_DLL()
    symbols = list(Abund.solar().elem)
    for name, (teff, logg, _, _, xi) in STARS.items():
        column, temperature, pressure, electrons = arrays[f"{name}|model"]
        heavy = pressure / (1.380649e-16 * temperature) - electrons
        density = heavy * float(arrays[f"{name}|mass"]) * 1.66054e-24
        atoms = np.full(99, np.nan)
        for number, n in arrays[f"{name}|atoms"]:
            atoms[int(number) - 1] = np.log10(n) + 12
        model = Atmosphere(
            teff=teff, logg=logg, vturb=xi, method="embedded", geom="PP", depth="RHOX", interp="RHOX",
            rhox=column, temp=temperature, rho=density, xna=heavy, xne=electrons, source="ours",
        )  # fmt: skip
        for setting, (low, high) in RANGES.items():
            rows = arrays["lines"]
            rows = rows[(rows[:, 2] > low - 60) & (rows[:, 2] < high + 60)]
            rows = rows[np.argsort(rows[:, 2])]
            columns = ("atom_number", "ionization", "wlcent", "excit", "gflog", "gamrad", "gamqst", "gamvw")
            frame = pandas.DataFrame(rows.copy(), columns=list(columns))
            frame["ionization"] += 1
            species = zip(rows[:, 0].astype(int), rows[:, 1].astype(int) + 1, strict=True)
            frame.insert(0, "species", [f"{symbols[z - 1]} {k}" for z, k in species])
            wave = np.arange(low, high, STEP)
            began = time.perf_counter()
            sme.SetVWscale(1.0)
            sme.SetH2broad(True)
            sme.InputWaveRange(low - 2, high + 2)
            sme.InputLineList(LineList(frame, lineformat="short", medium="vac"))
            sme.InputModel(teff, logg, xi, model)
            sme.InputAbund(Abund(monh=0, pattern=atoms, type="H=12"))
            sme.Ionization(0)
            sme.Opacity()
            _, _, intensity, continuum = sme.Transf(MU, wave, accrt=1e-4, accwi=3e-3, long_continuum=True)
            weights = (MU * WEIGHTS)[:, None]
            arrays[f"{name}|{setting}|sme"] = (intensity * weights).sum(0) / (continuum * weights).sum(0)
            arrays[f"{name}|{setting}|seconds"] = np.array(time.perf_counter() - began)
    np.savez(path, **arrays)


def compare(path: Path) -> None:
    """Prints the differences."""
    from spectrove.stars.synthesis.broadening import broaden

    arrays = np.load(path)
    print(f"{'star':18s} {'setting':8s} {'rms':>8s} {'largest':>8s} {'mean':>8s} {'spread':>8s} SME seconds")
    for name in STARS:
        for setting, (low, high) in RANGES.items():
            wave = np.arange(low, high, STEP)
            at = np.arange(low + 2, high - 2, 0.1)
            ours, theirs = (
                broaden(wave, arrays[f"{name}|{setting}|{who}"], at=at, resolution=RESOLUTION)
                for who in ("ours", "sme")
            )
            off = ours - theirs
            print(
                f"{name:18s} {setting:8s} {np.sqrt(np.mean(off**2)):8.5f} {np.abs(off).max():8.4f} {off.mean():+8.4f} "
                f"{theirs.std():8.4f} {float(arrays[f'{name}|{setting}|seconds']):5.1f}   "
                f"largest at {at[np.argmax(np.abs(off))]:.1f}"
            )


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("ask", "answer", "compare"):
        sys.exit(__doc__)
    {"ask": ask, "answer": answer, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
