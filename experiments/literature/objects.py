"""Real X-ray sources as summaries: fluxes, hardness ratios and variability of two catalogs, each source once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from spectrove.literature.linking import Objects

Floats = NDArray[np.float64]

#: Sources of two catalogs that are nearer than this are one, arcsec.
SAME = 3.0

#: Faintest flux, erg / s / cm2: what is below is as good as nothing.
FAINTEST = 1e-17

#: What a summary holds.
SUMMARY = (
    "log soft flux",
    "log medium flux",
    "log hard flux",
    "(m-s)/(m+s)",
    "(h-m)/(h+m)",
    "(h-s)/(h+s)",
    "variable",
)


@dataclass(frozen=True)
class Summaries:
    """Sources with the summary of their spectra.

    Attributes:
        objects: Ids, names, positions.
        summary: (n_objects, 7), as `SUMMARY` says. No spectrum was read: these are numbers of catalogs.
        kind: Class of each, as MUWCLASS calls them.
        muwclass: Whether a source is one of MUWCLASS, (n_objects,); the others are of TD_CSC_1.
        columns: Catalog values by name, (n_objects,), NaN where there is none.
    """

    objects: Objects
    summary: Floats
    kind: NDArray[np.str_]
    muwclass: NDArray[np.bool_]
    columns: Mapping[str, Floats]


def read_summaries(folder: Path) -> Summaries:
    """The sources of MUWCLASS, those of TD_CSC_1 that it lacks, and what the catalogs say of them.

    In TD_CSC_1 a name may stand beside several sources and a source beside several names: the nearest pair is taken.
    """
    first, second = _muwclass(folder), _td_csc(folder)
    new = _strangers(second, first)
    table = pd.concat([first, second[new]], ignore_index=True)
    table = table.drop_duplicates("object_id", ignore_index=True)
    flux = np.maximum(table[["s", "m", "h"]].to_numpy(float), FAINTEST)
    s, m, h = flux.T
    ratios = [(m - s) / (m + s), (h - m) / (h + m), (h - s) / (h + s)]
    summary = np.column_stack([np.log10(flux), *ratios, table["variable"].to_numpy(float)])
    names = list(zip(table["object_id"], table["name"], table["main_id"], strict=True))
    objects = Objects(
        table["object_id"].tolist(), names, table["ra"].to_numpy(float), table["dec"].to_numpy(float)
    )
    return Summaries(
        objects,
        summary,
        table["class"].to_numpy(str),
        table["muwclass"].to_numpy(bool),
        _columns(folder, table),
    )


def _muwclass(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "muwclass.csv")
    ids = pd.read_csv(folder / "CSCv2_TD_ave.csv", usecols=["name", "main_id"]).drop_duplicates("name")
    table = table.merge(ids, left_on="CSCv2_name", right_on="name", how="left")
    return pd.DataFrame(
        {
            "object_id": table["CSCv2_name"], "name": table["Catalog_name"].fillna(""),
            "main_id": table["main_id"].fillna(""), "ra": table["CSCv2_RA"], "dec": table["CSCv2_DEC"],
            "s": table["Fs"], "m": table["Fm"], "h": table["Fh"],
            "variable": (table[["P_intra", "P_inter"]].max(axis=1) > 0.99).astype(float),
            "class": table["True_Class"], "muwclass": True,
        }
    )  # fmt: skip


def _td_csc(folder: Path) -> pd.DataFrame:
    table = pd.read_csv(folder / "TD_CSC_1.csv", low_memory=False)
    table = table[(table["fe"] == 0) & table[["Fluxs", "Fluxm", "Fluxh"]].notna().all(axis=1)]
    table = table.sort_values("angDist").drop_duplicates("2CXO").drop_duplicates("name_cat")
    return pd.DataFrame(
        {
            "object_id": "2CXO " + table["2CXO"].str.strip(), "name": table["name_cat"].fillna(""), "main_id": "",
            "ra": table["RAICRS"], "dec": table["DEICRS"], "s": table["Fluxs"], "m": table["Fluxm"],
            "h": table["Fluxh"], "variable": table["fv"].fillna(0).astype(float), "class": table["Class"],
            "muwclass": False,
        }
    )  # fmt: skip


def _strangers(these: pd.DataFrame, known: pd.DataFrame) -> NDArray[np.bool_]:
    """Which sources are none of those known."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord

    places = [
        SkyCoord(t["ra"].to_numpy(float) * u.deg, t["dec"].to_numpy(float) * u.deg) for t in (these, known)
    ]
    _, apart, _ = places[0].match_to_catalog_sky(places[1])
    return (apart.arcsec > SAME) & ~these["object_id"].isin(known["object_id"]).to_numpy()


#: Quantity to the file and column that has it.
QUANTITIES: dict[str, tuple[str, str]] = {
    "hard_hs": ("umlcaxs_classified.csv", "hard_hs"),
    "hard_hm": ("umlcaxs_classified.csv", "hard_hm"),
    "hard_ms": ("umlcaxs_classified.csv", "hard_ms"),
    "powlaw_gamma": ("CSCv2_TD_ave.csv", "powlaw_gamma_mean"),
    "powlaw_nh": ("CSCv2_TD_ave.csv", "powlaw_nh_mean"),
    "powlaw_stat": ("CSCv2_TD_ave.csv", "powlaw_stat"),
    "bb_kt": ("umlcaxs_classified.csv", "bb_kt"),
    "nh_gal": ("CSCv2_TD_ave.csv", "nh_gal"),
    "flux_significance_b": ("CSCv2_TD_ave.csv", "flux_significance_b_max"),
    "log flux_aper_b": ("CSCv2_TD_ave.csv", "flux_aper90_ave_b"),
    "kp_intra_prob_b": ("CSCv2_TD_ave.csv", "kp_intra_prob_b"),
    "ks_intra_prob_b": ("CSCv2_TD_ave.csv", "ks_intra_prob_b"),
    "var_inter_prob_b": ("CSCv2_TD_ave.csv", "var_inter_prob_b"),
    "var_prob_b": ("umlcaxs_classified.csv", "var_prob_b"),
    "var_prob_h": ("umlcaxs_classified.csv", "var_prob_h"),
    "var_prob_s": ("umlcaxs_classified.csv", "var_prob_s"),
}


def _columns(folder: Path, table: pd.DataFrame) -> dict[str, Floats]:
    """The quantities of each source; of several rows on one source the mean, so that no source counts twice."""
    read: dict[str, Any] = {
        file: pd.read_csv(folder / file).groupby("name").mean(numeric_only=True)
        for file in {file for file, _ in QUANTITIES.values()}
    }
    found = {}
    for name, (file, column) in QUANTITIES.items():
        values = read[file][column].reindex(table["object_id"]).to_numpy(float)
        found[name] = np.log10(np.maximum(values, FAINTEST)) if name.startswith("log ") else values
    return found
