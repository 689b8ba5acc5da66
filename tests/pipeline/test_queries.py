"""One door for spectra: whatever users have at hand gives the same answers, and nothing that was refused is lost."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.nddata import StdDevUncertainty
from astropy.table import QTable, Table
from numpy.testing import assert_allclose
from specutils import Spectrum as AstropySpectrum
from specutils import SpectrumCollection

import spectrove
from spectrove.encoders import EncoderRecipe, save_encoder
from spectrove.encoders.recipe import PcaRecipe
from spectrove.errors import DatasetError, FormatError
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline import queries as door
from spectrove.pipeline.shipped import load_encoder
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.readers import write_dataset
from spectrove.readers.writing import write_files
from spectrove.spectra import SpectrumSet
from spectrove.training import fit_pca

PREPROCESS = PreprocessRecipe(n_pixels=300, scale="continuum", continuum_width=0.02, softening=0.3)


@pytest.fixture(scope="module")
def survey() -> SpectrumSet:
    return make_survey(50, seed=3)


@pytest.fixture(scope="module")
def asked(survey) -> SpectrumSet:
    """Three spectra that the base does not hold."""
    return survey.take(np.arange(47, 50))


@pytest.fixture(scope="module")
def base(tmp_path_factory, survey) -> spectrove.Base:
    folder = tmp_path_factory.mktemp("base")
    pca = PcaRecipe(n_components=5, iterations=3)
    recipe = EncoderRecipe(name="small", kind="pca", preprocess=PREPROCESS, pca=pca)
    encoder = load_encoder(save_encoder(fit_pca(recipe, prepare(survey, PREPROCESS)[0]), folder / "small"))
    return spectrove.create(folder / "my.kb", survey.take(np.arange(47)), encoder, views={})[0]


@pytest.fixture
def at_home(tmp_path, monkeypatch, asked) -> Path:
    """A folder with the three spectra as files and as a dataset, and a file that is none."""
    monkeypatch.chdir(tmp_path)
    Path("files").mkdir()
    write_files(Path("files"), asked)
    Path("files/broken.fits").write_bytes(b"nothing")
    write_dataset("three.lance", asked)
    return tmp_path


def as_table(spectrum, kind=Table):
    error = np.where(spectrum.ivar > 0, np.maximum(spectrum.ivar, 1e-30) ** -0.5, np.inf)
    unit = u.Unit("1e-17 erg / (s cm2 AA)")
    table = kind({"wave": spectrum.wavelength * u.AA, "flux": spectrum.flux * unit, "error": error * unit})
    table["redshift"] = spectrum.z
    return table


def test_every_form_of_the_same_spectra_gives_the_same_answers(base, asked, at_home):
    """Sets, lists, files, globs, folders, datasets, specutils and tables: distances agree."""
    expected = base.search(asked).neighbors
    forms = {
        "a set": asked,
        "a list of spectra": list(asked),
        "a list of sets": [asked.take([0]), asked.take([1, 2])],
        "specutils": asked.to_specutils(),
        "a table of rows": asked.to_table(),
        "a dataset": "three.lance",
        "a dataset as a path": Path("three.lance"),
    }
    for name, form in forms.items():
        answers = base.search(form)
        assert answers.spectra.object_id.tolist() == asked.object_id.tolist(), name
        assert answers.neighbors.object_id.tolist() == expected.object_id.tolist(), name
        assert_allclose(answers.neighbors.distance, expected.distance, err_msg=name)
        assert not answers.refusals, name
    for form in (
        "files",
        "files/*.fits",
        sorted(Path("files").iterdir()),
        [*map(str, Path("files").iterdir())],
    ):
        answers = base.search(form, workers=1)
        order = np.argsort(asked.object_id)
        assert sorted(answers.spectra.object_id.tolist()) == asked.object_id[order].tolist()
        by_id = dict(zip(answers.spectra.object_id.tolist(), answers.neighbors.object_id[:, 0], strict=True))
        assert [by_id[str(i)] for i in asked.object_id] == expected.object_id[:, 0].tolist()
        assert [Path(r.name).name for r in answers.refusals] == ["broken.fits"]


def test_a_mixed_list_is_read_in_its_order(base, asked, at_home):
    """Files, sets, spectra and objects of the base together."""
    known = base.rows().column("object_id")[0].as_py()
    first = f"files/{asked.object_id[1]}.fits"
    mixed = [asked[0], first, known, asked.take([2])]
    spectra, refused = door.queries(base, mixed, workers=1)
    assert spectra.object_id.tolist() == [asked.object_id[0], asked.object_id[1], known, asked.object_id[2]]
    assert not refused


def test_the_verbs_of_the_base_are_the_functions(base, asked):
    """Methods, functions, and the refusals of both."""
    cases = [
        (base.search(asked, k=2), spectrove.search(base, asked, k=2)),
        (base.search(asked, 2), spectrove.search(base, asked, k=2)),
        (base.classify(asked, "class_derived"), spectrove.classify(base, asked, "class_derived")),
        (base.hunt(asked, "liner"), spectrove.hunt(base, asked, "liner")),
        (base.estimate(asked, "ha_ew"), spectrove.estimate(base, asked, "ha_ew")),
        (base.search_region(asked, ["Halpha"]), spectrove.search_region(base, asked, ["Halpha"])),
    ]
    for method, function in cases:
        assert method.to_json() == function.to_json()
        assert len(method) == 3
    answers = base.hunt([*asked, replace(asked[0], object_id="x", row={"z": None})], "liner")
    assert [r.name for r in answers.refusals] == ["x"]


def test_vectors_are_searched_for_as_in_a_knowledge_base(base, survey):
    """A base that answers is a knowledge base everywhere."""
    vectors = base.embeddings()
    found = base.search(vectors, 1, spectra=base.spectra(vectors.object_id))
    again = spectrove.KnowledgeBase.open(base.path).search(
        vectors, 1, spectra=base.spectra(vectors.object_id)
    )
    assert isinstance(base, spectrove.KnowledgeBase)
    assert found.object_id.tolist() == again.object_id.tolist()
    assert repr(base) == f"<Base my.kb: 47 objects, version {base.version}, shape by {base.encoder}>"
    assert repr(spectrove.open(base.path)) == repr(base)


def test_objects_of_the_base_can_be_asked_about(base):
    """By their ids, as strings; they are not their own neighbours."""
    ids = base.rows().column("object_id").to_pylist()[:2]
    for form in (ids, np.array(ids), ids[0]):
        answers = base.search(form)
        wanted = [ids[0]] if isinstance(form, str) else ids
        assert answers.spectra.object_id.tolist() == wanted
        assert not set(wanted) & set(answers.neighbors.object_id[:, 0].tolist())


def test_a_table_of_one_spectrum_is_a_spectrum(base, asked):
    """Columns of numbers with their units, plain or as quantities."""
    expected = base.search(asked.take([0])).neighbors
    for kind in (Table, QTable):
        answers = base.search(as_table(asked[0], kind), medium="vacuum")
        assert_allclose(answers.spectra.z, asked.z[:1])
        assert answers.spectra.object_id.tolist() == ["#0"]
        assert answers.neighbors.object_id.tolist() == expected.object_id.tolist()
        assert_allclose(answers.neighbors.distance, expected.distance, rtol=0.01)  # without the mask


def test_a_table_with_arrays_in_its_rows_names_them(asked):
    n = min(len(s.flux) for s in asked)
    rows = Table(
        {
            "object_id": ["a", "b"],
            "wavelength": np.array([s.wavelength[:n] for s in asked])[:2],
            "flux": np.array([s.flux[:n] for s in asked])[:2],
            "ivar": np.array([s.ivar[:n] for s in asked])[:2],
            "z": [0.1, 0.2],
        }
    )
    spectra, refused = door.queries(None, rows, medium="vacuum")
    assert spectra.object_id.tolist() == ["a", "b"]
    assert spectra.z.tolist() == [0.1, 0.2]
    assert not refused
    with pytest.raises(FormatError, match="found columns a, b; expected wavelength and flux"):
        door.queries(None, Table({"a": [1.0], "b": [2.0]}))


def test_single_spectra_of_users_are_named_by_their_place(base, asked):
    """Spectra without a name, of this package and of specutils."""
    own = spectrove.Spectrum(asked[0].wavelength, asked[0].flux, ivar=asked[0].ivar, z=asked.z[0])
    foreign = AstropySpectrum(
        spectral_axis=asked[1].wavelength * u.AA, flux=asked[1].flux * u.Jy, redshift=asked.z[1],
        uncertainty=StdDevUncertainty(np.where(asked[1].ivar > 0, np.maximum(asked[1].ivar, 1e-30) ** -0.5, 1e15)),
    )  # fmt: skip
    answers = base.search([own, foreign])
    assert answers.spectra.object_id.tolist() == ["#0", "#1"]
    assert (
        answers.neighbors.object_id.tolist() == base.search(asked.take([0, 1])).neighbors.object_id.tolist()
    )
    assert base.search(own).spectra.object_id.tolist() == ["#0"]
    axis = np.vstack([asked[0].wavelength[:100]] * 2) * u.AA
    spectra, _ = door.queries(None, SpectrumCollection(flux=np.ones((2, 100)) * u.Jy, spectral_axis=axis))
    assert spectra.object_id.tolist() == ["#0", "#1"]


def test_conditions_choose_among_the_spectra(base, asked, at_home):
    """`queries` is SQL on the rows of whatever is asked, as --queries is; `where` stays that of the base."""
    limit = float(np.median(asked.z))
    for form in (asked, "three.lance", list(asked)):
        answers = base.search(form, queries=f"z < {limit}", where="z > 0")
        assert (answers.spectra.z < limit).all()
        assert len(answers) == (asked.z < limit).sum()


def test_an_id_given_twice_is_refused_once(base, asked):
    answers = base.search([asked, asked[0]])
    assert len(answers) == 3
    (refused,) = answers.refusals
    assert refused.name == asked.object_id[0]
    assert "given more than once, expected each id once" in refused.error


def test_what_is_no_spectrum_is_refused_with_a_sentence(base, asked, at_home):
    known = base.rows().column("object_id")[0].as_py()
    Path(known).write_text("")
    cases = {
        "nothing": (
            DatasetError,
            "nothing: neither a file, folder, glob or dataset of spectra, nor an object of my.kb",
        ),
        known: (DatasetError, f"{known}: both a file and an object of my.kb. Say which: pathlib.Path"),
        3: (DatasetError, "found a int, expected a path"),
        (): (DatasetError, "no spectra were given"),
    }
    for form, (kind, sentence) in cases.items():
        with pytest.raises(kind, match=sentence):
            base.search([form] if form == 3 else form)
    with pytest.raises(
        DatasetError, match="medium: options of reading files, and these spectra are in memory"
    ):
        base.search(asked, medium="air")
    with pytest.raises(TypeError, match="unexpected keyword argument 'wehre'"):
        base.search(asked, wehre="z > 0")


def test_create_takes_spectra_of_every_form(base, asked, survey, at_home):
    """A set, a dataset, files with one that is broken, and batches as they come."""
    encoder = load_encoder(base.encoder)
    for form in (asked, "three.lance", Path("files"), iter([asked.take([0]), asked.take([1, 2])])):
        reading = {"workers": 1} if form == Path("files") else {}
        made, refused = spectrove.create(f"{id(form)}.kb", form, encoder, views={}, **reading)
        assert isinstance(made, spectrove.Base)
        assert len(made) == 3
        assert [Path(r.name).name for r in refused] == (["broken.fits"] if reading else [])


def test_the_examples_of_the_documents_run(base, at_home):
    """Every block of Python in docs/api.md, one after the other, in a folder with a base and files of spectra."""
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    shutil.copytree(base.path, "sdss.kb")
    Path("files").rename("unknown")
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.+?)```", text, flags=re.DOTALL)
    for block in blocks:
        exec(block, names)
    assert len(blocks) >= 5
    assert [Path(r.name).name for r in names["refused"]] == ["broken.fits"]
    assert names["nearest"].spectra.object_id.tolist()[:2] == ["mine", "same"]
    assert_allclose(names["nearest"].neighbors.distance[0], names["nearest"].neighbors.distance[1], rtol=1e-4)


def test_one_region_may_be_given_alone(base, asked):
    """A name, a range as text or two wavelengths are one region, not a list of letters or numbers."""
    listed = base.search_region(asked, ["6500:6800"], k=2)
    for alone in ("6500:6800", (6500, 6800)):
        answers = base.search_region(asked, alone, k=2)
        assert answers.provenance["region"] == listed.provenance["region"]
        assert answers.neighbors.object_id.tolist() == listed.neighbors.object_id.tolist()
    one, other = base.search_region(asked, "Halpha"), base.search_region(asked, ["Halpha"])
    assert one.neighbors.object_id.tolist() == other.neighbors.object_id.tolist()


def test_a_misspelt_option_of_reading_is_answered_with_the_nearest(base, asked, at_home):
    with pytest.raises(TypeError, match=r"'survay'. Did you mean 'survey'"):
        base.search("three.lance", survay="sdss")
    with pytest.raises(TypeError, match="survay: no option of reading; did you mean 'survey'"):
        door.queries(base, asked, survay="sdss")
    with pytest.raises(TypeError, match=r"It takes .*; and of reading queries, survey"):
        base.search(asked, zzzzzzz=1)


@pytest.mark.parametrize("wrong", [None, 3, 2.5, object()])
def test_what_cannot_be_spectra_is_refused_in_a_sentence(base, wrong):
    with pytest.raises(DatasetError, match=f"found a {type(wrong).__name__}, expected a path"):
        base.search(wrong)


def test_a_data_frame_and_a_mapping_are_tables(base, asked):
    """Columns of pixels of one spectrum, or of arrays in each row; what lacks pixels is refused."""
    pandas = pytest.importorskip("pandas")
    one = {"wavelength": asked[0].wavelength, "flux": asked[0].flux, "ivar": asked[0].ivar}
    expected, _ = door.queries(None, Table(one), medium="vacuum")
    for table in (one, pandas.DataFrame(one)):
        spectra, refused = door.queries(None, table, medium="vacuum")
        assert not refused
        assert np.array_equal(spectra.flux, expected.flux)
    n = min(len(s.flux) for s in asked)
    rows = {
        "object_id": ["a", "b"], "z": [0.1, 0.2],
        **{name: [getattr(s, name)[:n] for s in asked][:2] for name in ("wavelength", "flux", "ivar")},
    }  # fmt: skip
    for table in (rows, pandas.DataFrame(rows)):
        spectra, _ = door.queries(None, table, medium="vacuum")
        assert spectra.object_id.tolist() == ["a", "b"]
        assert spectra.z.tolist() == [0.1, 0.2]
    with pytest.raises(FormatError, match="found columns object_id, z; expected wavelength and flux"):
        door.queries(None, pandas.DataFrame({"object_id": ["a"], "z": [0.1]}))
    with pytest.raises(FormatError, match=r"rows of flux have 2 to 3 values, expected equally many"):
        door.queries(None, pandas.DataFrame({"wavelength": [[1, 2], [1, 2]], "flux": [[1, 2], [1, 2, 3]]}))


def test_a_path_named_twice_is_answered_once_and_said(base, at_home):
    """Of files, under another spelling too, and of datasets."""
    file = next(path for path in sorted(Path("files").iterdir()) if path.name != "broken.fits")
    for again in (file, Path(".") / "files" / ".." / "files" / file.name):
        answers = base.search([file, again])
        assert len(answers) == 1
        [refused] = answers.refusals
        assert (
            refused.error
            == f"{file.name}: named more than once, expected every path once; it is read and answered once."
        )
    answers = base.search(["three.lance", "three.lance"])
    assert (len(answers), len(answers.refusals)) == (3, 1)


def test_workers_change_nothing_for_spectra_in_memory_or_a_dataset(base, asked, at_home):
    assert len(base.search(asked, workers=2)) == len(base.search("three.lance", workers=2)) == 3
