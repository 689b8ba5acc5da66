"""Fits of photometry join a base by position: each object has all of one fit, or nothing of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.embeddings import Embeddings
from spectrove.errors import CatalogError, KnowledgeError
from spectrove.pipeline.base import Base
from spectrove.pipeline.photometry import join_fits
from spectrove.sed.in_base import band_name, read_results
from spectrove.serve.cli.label import fits_report
from spectrove.serve.cli.sed import meaning
from spectrove.serve.output import write_table
from spectrove.spectra import Spectrum, SpectrumSet

IDS = [f"{i:04d}-51602-{i + 1:04d}" for i in range(6)]
ABOUT = {"ssp": "Maraston 2005", "imf": "kroupa", "law": "calzetti", "sfh": "burst"}
ARCSEC = 1 / 3600


def small_base(*, placed: bool = True) -> Base:
    """Six objects a degree apart at z .1, of three pixels each."""
    pixels = (4000.0 + np.arange(3), np.ones(3, "f4"), np.ones(3, "f4"), np.zeros(3, "i4"), np.ones(3, "f4"))
    sky = [{"ra": 10.0 + i, "dec": 5.0} if placed else {} for i in range(6)]
    singles = [Spectrum(name, *pixels, row={"z": 0.1, **sky[i]}) for i, name in enumerate(IDS)]
    vectors = np.random.default_rng(0).normal(size=(6, 4)).astype("f4")
    views = {"shape": Embeddings(vectors, np.array(IDS), "0123456789abcdef", np.tile([3e3, 9e3], (6, 1)))}
    return Base.in_memory(SpectrumSet.from_spectra(singles), views, encoder="made-up")


def fit(name: str, i: int, mass: float = 10.0, **other: object) -> dict[str, object]:
    """A row of a table of fits, of the object i of the base."""
    return {
        "id": name, "ra": 10.0 + i, "dec": 5.0, "redshift": 0.1, "bayes.log_mass": mass, "bayes.log_mass_err": 0.1,
        "bayes.log_mass_low": mass - 0.1, "bayes.log_mass_high": mass + 0.1, "best.log_mass": mass + 0.05,
        "chi2": 7.5, "n_bands": 4, "n_limits": 1, "error_floor": 0.05, "n_effective": 33.0,
        "widening": 1.25, "flags": "slope low",
        "flux.subaru.suprime.r+": 0.02, "flux.subaru.suprime.r+_err": -0.001, "model.subaru.suprime.r+": 0.019,
        "pivot.subaru.suprime.r+": 6275.4,
    } | other  # fmt: skip


def table(path: Path, *rows: dict[str, object]) -> Path:
    write_table(path, list(rows), ABOUT, meaning)
    return path


def values(base: Base, *names: str) -> dict[str, tuple]:
    rows = base.rows(columns=list(names))
    return dict(
        zip(
            rows["object_id"].to_pylist(),
            zip(*(rows[n].to_pylist() for n in names), strict=True),
            strict=True,
        )
    )


@pytest.mark.parametrize("suffix", ["fits", "parquet", "ecsv", "vot", "csv"])
@pytest.mark.filterwarnings("ignore::astropy.io.votable.exceptions.W03")
@pytest.mark.filterwarnings("ignore:The unit 'Angstrom'")
def test_fits_find_objects_by_position_from_every_kind_of_file(tmp_path: Path, suffix: str):
    """Whatever their ids are; names, units and what a band is are known afterwards."""
    base = small_base()
    path = table(
        tmp_path / f"sed.{suffix}",
        fit("x", 2, 10.5, dec=5.0 + 1.5 * ARCSEC),
        fit("y", 4, 11.25),
        fit("far", 9),
    )
    done = join_fits(base, path)
    assert done.matched == {"position": 2}
    assert done.unmatched == ("far",)
    assert (done.new, done.same, done.kept) == (2, 0, ())
    found = values(base, "bayes_log_mass", "sed_n_bands", "sed_flags", "sed_flux_subaru_suprime_r_plus_err")
    assert found[IDS[2]] == (10.5, 4, "slope low", -0.001)
    assert values(base, "sed_widening")[IDS[2]] == (1.25,)
    assert found[IDS[4]][0] == 11.25
    assert found[IDS[0]] == (None, None, None, None)
    notes = base.column_notes()
    assert notes["bayes_log_mass_err"]["unit"] == "dex(Msun)"
    assert notes["sed_flux_subaru_suprime_r_plus"]["band"] == "subaru.suprime.r+"
    assert float(notes["sed_flux_subaru_suprime_r_plus"]["pivot"]) == 6275.4
    if suffix not in ("csv", "vot"):
        assert values(base, "sed_models")[IDS[2]] == ("Maraston 2005, kroupa IMF, calzetti, history burst",)
    assert done.states_units == (suffix != "csv")
    assert not {"sed_flags", "sed_models"} & set(base.info()["labels"])
    json.dumps(done.to_dict())


def test_an_object_with_two_different_fits_gets_none_and_with_two_equal_ones_gets_it(tmp_path: Path):
    base = small_base()
    rows = fit("a", 1, 10.0), fit("b", 1, 10.8, dec=5.0 + ARCSEC), fit("c", 3, 9.0), fit("c", 3, 9.0)
    done = join_fits(base, table(tmp_path / "sed.fits", *rows))
    assert done.contradicted == (IDS[1],)
    found = values(base, "bayes_log_mass", "sed_n_bands")
    assert found[IDS[1]] == (None, None)  # also what both rows share
    assert found[IDS[3]] == (9.0, 4)
    assert "several different fits being about each" in "\n".join(fits_report(done))


def test_joined_twice_changes_nothing_and_another_fit_stays_or_goes_as_a_whole(tmp_path: Path):
    base = small_base()
    first = table(tmp_path / "first.fits", fit("a", 0, 10.0), fit("b", 1, 10.0))
    join_fits(base, first)
    before = base.version
    again = join_fits(base, first)
    assert (again.new, again.same, again.altered) == (0, 2, False)
    assert base.version == before
    own = fit("a", 0, 10.4, error_floor=0.2)
    del own["bayes.log_mass_low"], own["flux.subaru.suprime.r+"], own["flux.subaru.suprime.r+_err"]
    second = table(tmp_path / "second.fits", own, fit("c", 2, 9.9, error_floor=0.2) | {"flags": ""})
    kept = join_fits(base, second)
    assert kept.kept == (IDS[0],)
    assert kept.new == 1
    assert kept.floors == ((0.2,), (0.05,))
    assert "these fits have an error floor of 0.2, others in the base of 0.05" in "\n".join(fits_report(kept))
    names = (
        "bayes_log_mass",
        "bayes_log_mass_low",
        "sed_error_floor",
        "sed_flux_subaru_suprime_r_plus",
        "sed_flags",
    )
    assert_allclose(values(base, *names)[IDS[0]][:4], (10.0, 9.9, 0.05, 0.02))
    assert values(base, *names)[IDS[2]] == (9.9, 9.8, 0.2, 0.02, None)
    done = join_fits(base, second, overwrite=True)
    assert done.replaced == (IDS[0],)
    assert values(base, *names)[IDS[0]] == (10.4, None, 0.2, None, "slope low")  # nothing of the old fit
    assert_allclose(values(base, *names)[IDS[1]][:4], (10.0, 9.9, 0.05, 0.02))
    assert base.column_notes()["sed_flux_subaru_suprime_r_plus"]["band"] == "subaru.suprime.r+"
    assert not join_fits(base, second).altered


def test_without_positions_ids_join_and_it_is_said(tmp_path: Path):
    rows = [fit(IDS[1], 0), fit("0009-51602-0010", 0)]
    bare = [{k: v for k, v in row.items() if k not in ("ra", "dec")} for row in rows]
    done = join_fits(base := small_base(), table(tmp_path / "sed.fits", *bare))
    assert done.matched == {"object_id": 1}
    assert values(base, "bayes_log_mass")[IDS[1]] == (10.0,)
    assert " joined by id, because sed.fits has no positions" in fits_report(done)
    unplaced = join_fits(small_base(placed=False), table(tmp_path / "placed.fits", *rows))
    assert unplaced.by_id == "no object of the base has a position"
    with pytest.raises(
        CatalogError, match=r"sed\.fits has no positions: give it columns ra and dec in degrees"
    ):
        join_fits(small_base(), table(tmp_path / "sed.fits", bare[1]))
    with pytest.raises(
        CatalogError, match="none of the 1 rows is about one of the 6 objects; looked for by position"
    ):
        join_fits(small_base(), table(tmp_path / "sed.fits", fit(IDS[1], 40)))


def test_an_id_that_is_also_here_by_chance_does_not_join_what_lies_elsewhere(tmp_path: Path):
    """Ids of two surveys may be the same; `on` asks for them all the same."""
    path = table(tmp_path / "sed.fits", fit(IDS[0], 3, 11.0))
    join_fits(base := small_base(), path)
    assert values(base, "bayes_log_mass")[IDS[3]] == (11.0,)
    assert values(base, "bayes_log_mass")[IDS[0]] == (None,)
    join_fits(other := small_base(), path, on="object_id")
    assert values(other, "bayes_log_mass")[IDS[0]] == (11.0,)


def test_a_fit_at_another_redshift_is_said(tmp_path: Path):
    done = join_fits(
        small_base(), table(tmp_path / "sed.fits", fit("a", 0, redshift=0.105), fit("b", 1, redshift=0.7))
    )
    assert done.elsewhere == (IDS[1],)
    assert "have another redshift in the base" in "\n".join(fits_report(done))


def test_units_that_a_fit_does_not_have_are_refused(tmp_path: Path):
    from astropy.table import Table

    path = table(tmp_path / "sed.ecsv", fit("a", 0))
    found = Table.read(path)
    found["flux.subaru.suprime.r+"].unit = "uJy"
    found.write(path, overwrite=True)
    with pytest.raises(
        CatalogError, match=r"flux\.subaru\.suprime\.r\+ is in uJy, and sed fit writes it in mJy"
    ):
        join_fits(small_base(), path)


def test_two_bands_of_one_name_are_refused(tmp_path: Path):
    both = {f"{kind}.{band}": 1.0 for kind in ("flux", "model") for band in ("a.B", "a_b")}
    with pytest.raises(CatalogError, match=r"flux\.a\.B and flux\.a_b would both be sed_flux_a_b"):
        read_results(table(tmp_path / "sed.parquet", fit("a", 0) | both))
    names = {
        band_name(n)
        for n in ("subaru.suprime.g", "subaru.suprime.g+", "subaru.suprime.z++", "cfht.u", "cfht.u*")
    }
    assert len(names) == 5


def test_a_column_of_somebody_else_is_not_mixed_with_those_of_fits(tmp_path: Path):
    import pyarrow as pa

    base = small_base()
    base.add_columns(pa.table({"object_id": IDS, "bayes_log_mass": np.arange(6.0)}), "mine")
    with pytest.raises(
        KnowledgeError, match="a column bayes_log_mass that no whole fit of photometry brought"
    ):
        join_fits(base, table(tmp_path / "sed.fits", fit("a", 0)))


def test_a_dry_run_writes_nothing(tmp_path: Path):
    base = small_base()
    before = base.version
    done = join_fits(base, table(tmp_path / "sed.fits", fit("a", 0)), dry_run=True)
    assert done.altered
    assert base.version == before
    assert "bayes_log_mass" not in base.columns


def test_a_table_that_is_none_of_fits_is_refused(tmp_path: Path):
    (tmp_path / "mine.csv").write_text("id,ra,dec,mass\na,10,5,11\n")
    with pytest.raises(CatalogError, match="expected a table that sed fit wrote"):
        join_fits(small_base(), tmp_path / "mine.csv")


def test_units_are_known_where_a_quantity_is_estimated_and_names_with_dots_are_led_on(tmp_path: Path):
    from spectrove.conditions import Condition
    from spectrove.errors import ConditionError
    from spectrove.inference.numbers.quantities import quantity_of
    from spectrove.pipeline.domains import domain_of

    base = small_base()
    join_fits(base, table(tmp_path / "sed.fits", fit("a", 0, 9.0), fit("b", 1, 11.0)))
    assert quantity_of(base, "bayes_log_mass", domain_of(base)).unit == "dex(Msun)"
    assert base.count("bayes_log_mass > 10.5") == 1
    with pytest.raises(KnowledgeError, match=r"did you mean .*bayes_log_mass"):
        base.count("bayes.log_mass > 10.5")
    with pytest.raises(
        ConditionError, match="names of columns have no dots; a base calls this one bayes_log_mass"
    ):
        Condition.parse("bayes.log_mass > 10.5")


def test_fits_make_a_view_that_is_searched_by_name(tmp_path: Path):
    """A view of masses and rates: neighbours are those of like mass and rate, and answers are flagged."""
    base = small_base()
    rows = [fit(f"g{i}", i, 9.0 + i / 2, **{"bayes.log_ssfr": -9.0 - i}) for i in range(6)]
    join_fits(base, table(tmp_path / "sed.fits", *rows))
    _, counts = base.add_view("photometry", ["bayes_log_mass", "bayes_log_ssfr"])
    assert counts == {"bayes_log_mass": 6, "bayes_log_ssfr": 6}
    found = base.search(base.spectra([IDS[0]]), view="photometry", k=2)
    assert [one["object_id"] for one in found[0].neighbors] == [IDS[1], IDS[2]]
    assert "catalog_columns" in found[0].flags
