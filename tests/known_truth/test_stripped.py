"""An answer depends on flux, ivar, mask, wavelength, LSF and redshift of the query, and on nothing else of it."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal

from spectrove import pipeline
from spectrove.encoders import EncoderRecipe, save_encoder
from spectrove.encoders.recipe import PcaRecipe
from spectrove.galaxies.mock import make_survey, write_survey
from spectrove.inference import Prediction
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.shipped import load_encoder
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.readers import read_file, read_spectra
from spectrove.spectra import SpectrumSet
from spectrove.training import fit_pca

RECIPE = EncoderRecipe(
    name="small", kind="pca", pca=PcaRecipe(n_components=8, iterations=4),
    preprocess=PreprocessRecipe(n_pixels=300, scale="continuum", continuum_width=0.02, softening=0.3),
)  # fmt: skip

#: What an SDSS file says of an object that is neither an answer nor made from one.
KEPT = {"PLATE", "MJD", "FIBERID", "SPECOBJID", "RUN2D", "Z", "PLUG_RA", "PLUG_DEC"}
PIXELS = ("flux", "loglam", "ivar", "and_mask", "or_mask", "wdisp")


# --- files without answers, or with wrong ones -------------------------------------------------------


def _find(hdus: fits.HDUList, column: str) -> fits.BinTableHDU:
    # Only these three: the exposures behind them would be read, too.
    return next(h for h in hdus[1:4] if column in [name.lower() for name in h.columns.names])


def _parts(
    hdus: fits.HDUList,
) -> tuple[fits.PrimaryHDU, fits.BinTableHDU, fits.BinTableHDU, fits.BinTableHDU]:
    return hdus[0].copy(), *(_find(hdus, name) for name in ("loglam", "class", "linename"))


def _chosen(table: fits.BinTableHDU, names: set[str] | tuple[str, ...]) -> fits.BinTableHDU:
    wanted = {name.lower() for name in names}
    columns = [
        fits.Column(c.name, c.format, array=table.data[c.name])
        for c in table.columns
        if c.name.lower() in wanted
    ]
    return fits.BinTableHDU.from_columns(columns)


def _lies(table: fits.BinTableHDU, kept: set[str], rng: np.random.Generator) -> fits.BinTableHDU:
    """The same columns, each value outside `kept` replaced by something wrong."""
    columns = []
    for column in table.columns:
        values = table.data[column.name].copy()
        if column.name.upper() not in kept:
            if values.dtype.kind in "SU":
                word = {"CLASS": "STAR", "OBJTYPE": "SKY", "SUBCLASS": "AGN BROADLINE"}.get(
                    column.name.upper(), "nonsense"
                )
                values[:] = word
            elif values.dtype.kind == "f":
                values[...] = rng.normal(0, 1e3, values.shape)
            elif values.dtype.kind in "iu":
                values[...] = 4
        columns.append(fits.Column(column.name, column.format, array=values))
    return fits.BinTableHDU.from_columns(columns)


def told_lies(hdus, rng):
    primary, coadd, specobj, lines = _parts(hdus)
    pixels = {name.upper() for name in PIXELS}
    return [primary, _lies(coadd, pixels, rng), _lies(specobj, KEPT, rng), _lies(lines, {"LINENAME"}, rng)]


def only_a_redshift(hdus, rng):
    primary, coadd, specobj, _ = _parts(hdus)
    return [primary, _chosen(coadd, PIXELS), _chosen(specobj, {"Z"})]


def no_line_table(hdus, rng):
    primary, coadd, specobj, _ = _parts(hdus)
    return [primary, _chosen(coadd, PIXELS), _chosen(specobj, KEPT)]


def another_order(hdus, rng):
    primary, coadd, specobj, lines = _parts(hdus)
    return [primary, _lies(lines, {"LINENAME"}, rng), specobj.copy(), coadd.copy()]


STRIPPED: dict[str, Callable[[fits.HDUList, np.random.Generator], list]] = {
    f.__name__: f for f in (told_lies, only_a_redshift, no_line_table, another_order)
}


def rewrite(files: list[Path], folder: Path, change: Callable) -> list[Path]:
    folder.mkdir(parents=True)
    written = []
    for i, path in enumerate(files):
        with fits.open(path) as hdus:
            changed = fits.HDUList(change(hdus, np.random.default_rng(i)))
            written.append(folder / path.name.removesuffix(".gz"))
            changed.writeto(written[-1])
    return written


# --- a base, and all that it answers -----------------------------------------------------------------


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    prepared, _ = prepare(make_survey(80, seed=11), RECIPE.preprocess)
    folder = tmp_path_factory.mktemp("encoder") / "small"
    return load_encoder(save_encoder(fit_pca(RECIPE, prepared), folder))


@pytest.fixture(scope="module")
def mock(tmp_path_factory, encoder):
    """Files of twelve queries, and a base of eighty others."""
    folder = tmp_path_factory.mktemp("mock")
    write_survey(12, folder / "queries", seed=12)
    base, _ = pipeline.create(folder / "mock.kb", [make_survey(80, seed=13)], encoder)
    return sorted((folder / "queries").glob("*.fits")), base


@pytest.fixture(scope="module")
def real(tmp_path_factory, encoder, data_dir):
    """Files of fifteen real queries, and a base of sixty others with the labels of the index."""
    galaxies = data_dir / "galaxies"
    files = sorted((galaxies / "sdss").glob("spec-*.fits*"))
    files = files[:: len(files) // 75][:75]
    known, _ = read_spectra(
        [f for i, f in enumerate(files) if i % 5], catalogs=[galaxies / "index.csv"], workers=1
    )
    base, _ = pipeline.create(tmp_path_factory.mktemp("real") / "real.kb", [known], encoder)
    return files[::5], base


def read(files: list[Path], **options: Any) -> SpectrumSet:
    spectra, refusals = read_spectra(files, workers=1, **options)
    assert not refusals
    return spectra


def plain(prediction: Prediction) -> dict[str, Any]:
    return prediction.to_dict()


def answers(base: KnowledgeBase, spectra: SpectrumSet) -> dict[str, Any]:
    """Vectors, neighbours, hunts and classes by object id; every number to its last bit."""
    encoder = load_encoder(base.encoder)
    embedded = pipeline.embed(spectra, encoder)
    searched = pipeline.search(base, spectra, k=5)
    hunted = [pipeline.hunt(base, spectra, target) for target in ("liner", "star_forming_agn_normal")]
    classified = pipeline.classify(base, spectra, "class_derived", k=5)
    found: dict[str, Any] = {}
    for i, object_id in enumerate(embedded.spectra.object_id.tolist()):
        found[object_id] = {
            "vector": embedded.embeddings.vectors[i].tobytes(),
            "neighbors": searched.neighbors.object_id[i].tolist(),
            "distances": searched.neighbors.distance[i].tobytes(),
            "flags": searched.neighbors.flags[i],
            **{h.predictions[i].target: plain(h.predictions[i]) for h in hunted},
            "class": plain(classified.predictions[i]),
        }
    found["refused"] = sorted((r.name, r.error) for r in embedded.refusals)
    return found


@pytest.fixture(scope="module", params=["mock", pytest.param("real", marks=pytest.mark.real)])
def case(request):
    """Query files, their base, and what the untouched files are answered."""
    files, base = request.getfixturevalue(request.param)
    spectra = read(files)
    expected = answers(base, spectra)
    assert len(expected) == len(files) + 1
    assert not expected["refused"]
    return files, base, expected


# --- the invariant -----------------------------------------------------------------------------------


@pytest.mark.parametrize("change", STRIPPED)
def test_files_without_their_answers_get_the_same_answers(case, change, tmp_path):
    files, base, expected = case
    copies = rewrite(files, tmp_path / change, STRIPPED[change])
    assert answers(base, read(copies)) == expected


def test_what_a_catalog_warns_of_stays_in_the_row_and_out_of_the_answer(case, tmp_path):
    files, base, _ = case
    copies = rewrite(files[:3], tmp_path / "lies", told_lies)
    warned = read(copies)
    assert all({"z_warning", "star"} <= set(flags) for flags in warned.column("flags"))
    assert (
        pipeline.hunt(base, warned, "liner").predictions
        == pipeline.hunt(base, read(files[:3]), "liner").predictions
    )


@pytest.mark.parametrize("change", STRIPPED)
def test_one_file_read_by_itself_is_the_same_spectrum(case, change, tmp_path):
    files, _, _ = case
    (copy,) = rewrite(files[:1], tmp_path / change, STRIPPED[change])
    (before,), (after,) = read_file(files[0]), read_file(copy)
    assert (before.object_id, before.z) == (after.object_id, after.z)
    for name in ("wavelength", "flux", "ivar", "mask", "lsf"):
        assert_array_equal(getattr(before, name), getattr(after, name))


def test_the_copies_have_really_lost_their_answers(case, tmp_path):
    """The guard of this file: a copy that still had its class would prove nothing."""
    files, _, _ = case
    files = files[:4]
    for name, change in STRIPPED.items():
        spectra = read(rewrite(files, tmp_path / name, change))
        if name in ("told_lies", "another_order"):
            original = read(files)
            assert spectra.column("ha_flux") != original.column("ha_flux")
        else:
            assert set(spectra.column("ha_flux")) == {None}
        if name in ("told_lies", "only_a_redshift", "no_line_table"):
            assert not {"GALAXY"} & set(spectra.column("class"))


def test_the_redshift_and_the_pixels_do_matter(case):
    """And so would anything else that got through: these answers are not constants."""
    files, base, expected = case
    spectra = read(files)
    z = spectra.rows.column_names.index("z")
    moved = spectra.with_rows(
        spectra.rows.set_column(z, "z", [[value + 0.01 for value in spectra.column("z")]])
    )
    flux = spectra.flux.copy()
    flux[::7] *= 1.5
    brighter = SpectrumSet(
        spectra.object_id, spectra.offsets, spectra.wavelength, flux, spectra.ivar, spectra.mask, spectra.lsf,
        spectra.rows,
    )  # fmt: skip
    for changed in (moved, brighter):
        found = pipeline.embed(changed, load_encoder(base.encoder))
        assert found.spectra.object_id.tolist() == spectra.object_id.tolist()
        for i, vector in zip(spectra.object_id.tolist(), found.embeddings.vectors, strict=True):
            assert vector.tobytes() != expected[i]["vector"]


def test_a_redshift_from_a_catalog_serves_as_well_as_the_files(case, tmp_path):
    """Only the pixels are left in the files; where the redshift came from is said, and is all that differs."""
    files, base, expected = case
    original = read(files)
    pixels_only = rewrite(files, tmp_path / "pixels", lambda hdus, rng: no_line_table(hdus, rng)[:2])
    catalog = tmp_path / "z.csv"
    catalog.write_text(
        "object_id,z\n"
        + "".join(
            f"{i},{z!r}\n" for i, z in zip(original.object_id.tolist(), original.column("z"), strict=True)
        )
    )
    found = answers(base, read(pixels_only, catalogs=[catalog]))
    assert found["refused"] == []
    for object_id in original.object_id.tolist():
        for hunt in ("liner", "star_forming_agn_normal"):
            assert found[object_id][hunt].pop("z_source") == "catalog"
            assert found[object_id][hunt] == {
                k: v for k, v in expected[object_id][hunt].items() if k != "z_source"
            }
        for name in ("vector", "neighbors", "distances", "class"):
            assert found[object_id][name] == expected[object_id][name]


def test_a_catalog_of_lies_about_the_queries_changes_nothing(case, tmp_path):
    files, base, expected = case
    ids = [i for i in expected if i != "refused"]
    catalog = tmp_path / "lies.csv"
    with open(catalog, "w", newline="") as file:
        writer = csv.writer(file)
        names = (
            "class",
            "subclass",
            "bpt_class",
            "class_derived",
            "lens",
            "outlier",
            "ha_flux",
            "vdisp",
            "zwarning",
        )
        writer.writerow(("object_id", *names, "a_column_of_ours"))
        writer.writerows(
            (i, "QSO", "LINER", "LINER", "LINER", "lens", "outlier", 1e6, 900.0, 4, "x") for i in ids
        )
    lied_to = read(files, catalogs=[catalog])
    assert set(lied_to.column("class_derived")) == {"LINER"}
    assert answers(base, lied_to) == expected


def test_moved_files_and_renamed_catalog_columns_change_nothing(case, tmp_path):
    files, base, expected = case
    copies = rewrite(
        files, tmp_path / "deep" / "inside" / "elsewhere", lambda hdus, rng: [h.copy() for h in hdus[:4]]
    )
    ids = [i for i in expected if i != "refused"]
    for column in ("class_derived", "my_class"):
        catalog = tmp_path / f"{column}.csv"
        catalog.write_text(f"object_id,{column}\n" + "".join(f"{i},SF\n" for i in ids))
        assert answers(base, read(copies, catalogs=[catalog])) == expected


def test_the_order_of_the_files_changes_nothing(case):
    files, base, expected = case
    shuffled = read([files[i] for i in np.random.default_rng(5).permutation(len(files))])
    assert answers(base, shuffled) == expected


def test_a_querys_own_place_and_plate_only_ever_leave_neighbours_out(case):
    """Objects of the base as queries: told another position or plate they find fewer, never nearer or farther."""
    _, base, _ = case
    ids = base.rows(columns=["ra", "plate"]).column("object_id").to_pylist()
    everything = base.spectra(ids)
    queries, host = everything.take(np.arange(1, 6)), everything[0]
    embedded = pipeline.embed(queries, load_encoder(base.encoder)).embeddings

    def found(spectra, **options):
        result = base.search(embedded, len(ids), spectra=spectra, **options)
        return [
            {i: d for i, d in zip(row_ids.tolist(), row_distances.tolist(), strict=True) if i}
            for row_ids, row_distances in zip(result.object_id, result.distance, strict=True)
        ]

    rows = queries.rows
    for name in ("ra", "dec", "plate"):
        rows = rows.set_column(rows.column_names.index(name), name, [[host.row[name]] * len(queries)])
    moved = queries.with_rows(rows)
    whole, at_home = found(None, allow_self=True), found(queries)
    on_host, by_plate = found(moved), found(moved, exclude_column="plate")
    plates = dict(zip(ids, base.rows(columns=["plate"]).column("plate").to_pylist(), strict=True))
    for i, object_id in enumerate(queries.object_id.tolist()):
        assert set(whole[i]) == set(ids)
        assert object_id not in at_home[i]
        assert set(on_host[i]) == set(ids) - {object_id, host.object_id}
        assert set(by_plate[i]) == {o for o in on_host[i] if plates[o] != host.row["plate"]}
        for part in (at_home[i], on_host[i], by_plate[i]):
            assert part.items() <= whole[i].items()
