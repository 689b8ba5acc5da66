"""The Simple Spectral Access service, as pyvo finds and downloads spectra by it."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import pyvo
import uvicorn
from astropy.io.votable import parse
from astropy.table import Table
from numpy.testing import assert_allclose
from pyvo.dal.exceptions import DALQueryError

from spectrove.knowledge import KnowledgeBase
from spectrove.readers import read_file
from spectrove.serve.web.app import create_app
from spectrove.serve.web.settings import Settings
from spectrove.serve.web.start import listen

pytestmark = pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")


@pytest.fixture(scope="module")
def address(shelf) -> Iterator[str]:
    """A real server on a free port of this machine."""
    place = listen(Settings(port=0))
    server = uvicorn.Server(uvicorn.Config(create_app(shelf, Settings()), log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{place.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def known(survey):
    """The base that is served, and the rows of its objects."""
    base = KnowledgeBase.open(survey.base)
    return base, base.rows(None, ["ra", "dec", "z"]).to_pylist()


def test_pyvo_finds_a_spectrum_at_its_position(address, known):
    """With its id, redshift, range in metres, and a format each."""
    base, rows = known
    one = rows[7]
    found = pyvo.dal.SSAService(f"{address}/ssap").search(pos=(one["ra"], one["dec"]), diameter=0.001)
    assert {record["object_id"] for record in found} == {one["object_id"]}
    assert sorted(record.format for record in found) == ["application/fits", "application/x-votable+xml"]
    record = found[0]
    assert_allclose([record.ra, record.dec], [one["ra"], one["dec"]])
    assert_allclose(record["z"], one["z"])
    [spectrum] = base.spectra([one["object_id"]])
    ends = [record["wave_start"] * 1e10, record["wave_stop"] * 1e10]
    assert_allclose(ends, spectrum.wavelength[[0, -1]])


def test_pyvo_downloads_what_the_base_holds(address, known, tmp_path):
    """As FITS, which Spectrove reads again, and as VOTable."""
    base, rows = known
    [spectrum] = base.spectra([rows[0]["object_id"]])
    service = pyvo.dal.SSAService(f"{address}/ssap/mock")
    for record in service.search(pos=(rows[0]["ra"], rows[0]["dec"]), diameter=0.001):
        place = tmp_path / ("a.fits" if record.format == "application/fits" else "a.xml")
        place.write_bytes(record.getdataset().read())
        if record.format == "application/fits":
            [read] = read_file(place)
            assert_allclose(read.wavelength, spectrum.wavelength)
            assert_allclose(read.flux, spectrum.flux, rtol=1e-6)
            assert_allclose(read.z, spectrum.z)
        else:
            table = Table.read(place, format="votable")
            assert_allclose(table["wavelength"], spectrum.wavelength)
            good = spectrum.ivar > 0
            assert_allclose(table["error"][good], spectrum.ivar[good].astype(float) ** -0.5, rtol=1e-5)
            assert_allclose(read_file(place)[0].flux[good], spectrum.flux[good], rtol=1e-6)


def test_a_cone_is_a_circle_on_the_sky(address, known):
    """Every object within the radius, the nearest first, by another formula."""
    from astropy.coordinates import SkyCoord

    _, rows = known
    places = SkyCoord([row["ra"] for row in rows], [row["dec"] for row in rows], unit="deg")
    centre = SkyCoord(places[3].ra.deg, min(places[3].dec.deg + 20, 89), unit="deg")
    apart = centre.separation(places).deg
    radius = float(np.sort(apart)[5]) + 1e-6
    found = pyvo.dal.SSAService(f"{address}/ssap/mock").search(
        pos=(centre.ra.deg, centre.dec.deg), diameter=2 * radius, format="application/fits"
    )
    assert [record["object_id"] for record in found] == [rows[i]["object_id"] for i in np.argsort(apart)[:6]]


def test_band_and_format_choose(address, known):
    service = pyvo.dal.SSAService(f"{address}/ssap/mock")
    assert len(service.search(band=(5e-7, 6e-7), format="fits")) == len(known[1])
    assert len(service.search(band=(1e-9, 2e-9))) == 0
    assert len(service.search(format="graphic")) == 0
    assert len(service.search(TARGETNAME=known[1][0]["object_id"])) == 2


def test_metadata_and_overflow(address):
    """Columns are described, and a list that was cut says so."""
    service = pyvo.dal.SSAService(f"{address}/ssap/mock")
    assert "ssa:Access.Reference" in {column.utype for column in service.columns}
    with pytest.warns(pyvo.dal.exceptions.DALOverflowWarning):
        assert len(service.search(MAXREC=3)) == 3


def test_what_cannot_be_read_is_said_as_the_protocol_has_it(address):
    for wrong in (
        {"pos": (10.0, 95.0)},
        {"BAND": "red"},
        {"request": "dropData"},
        {"POS": "1,2,3"},
        {"SIZE": "-1"},
    ):
        pos = wrong.pop("pos", None)
        keywords = {"POS": f"{pos[0]},{pos[1]}"} if pos else wrong
        with pytest.raises(DALQueryError, match="expected"):
            pyvo.dal.SSAService(f"{address}/ssap").search(**keywords)


def test_counts_are_found_among_all_bases(address, counts):
    """They have no wavelengths, and come as an archive with their response."""
    found = pyvo.dal.SSAService(f"{address}/ssap").search(TARGETNAME="s00")
    assert [record.format for record in found] == ["application/zip"]
    assert found[0].getdataset().read()[:2] == b"PK"


def test_the_answer_is_a_valid_votable(served):
    """By astropy's own parser in its strictest form."""
    content = served.get("/ssap/mock?REQUEST=queryData&MAXREC=2").content
    table = parse(io.BytesIO(content), verify="exception")
    assert table.get_first_table().array.shape == (2,)
