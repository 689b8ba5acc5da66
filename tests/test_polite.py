"""What is waited out, for how long, and what is said of the rest; the archives' tests ask real servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from spectrove.errors import ArchiveError
from spectrove.polite import Passing, Polite, refusal, retry_after


def asked(polite: Polite, *faults: Passing) -> list[float]:
    """The waits until a request succeeds after these faults."""
    waits: list[float] = []
    left = list(faults)
    polite.wait = waits.append

    def once() -> str:
        if left:
            raise left.pop(0)
        return "done"

    assert polite.until_it_passes(once) == "done"
    return waits


def test_waits_double_and_are_spread_between_half_and_all():
    faults = [Passing("busy") for _ in range(4)]
    assert asked(Polite(draw=lambda: 0.0), *faults) == [0.5, 1.0, 2.0, 4.0]
    assert asked(Polite(draw=lambda: 1.0), *faults) == [1.0, 2.0, 4.0, 8.0]


def test_what_the_service_asks_for_is_waited_exactly():
    assert asked(Polite(), Passing("busy", after=17.0, code=503)) == [17.0]


def test_too_many_requests_make_the_next_ones_slower():
    polite = Polite(interval=0.2)
    asked(polite, Passing("busy", after=1.0, code=429), Passing("busy", after=1.0, code=429))
    assert polite.interval == pytest.approx(0.8)


def test_a_longer_wait_than_anybody_has_patience_for_is_refused_at_once():
    def once() -> None:
        raise Passing("host: busy", after=3600.0, code=503)

    with pytest.raises(ArchiveError, match="host: busy, and asks to wait 3600 s") as raised:
        Polite(wait=lambda s: None).until_it_passes(once)
    assert raised.value.code == 503


def test_a_wait_is_a_number_or_a_date():
    assert retry_after({"retry-after": "120"}) == 120.0
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)
    assert retry_after({"retry-after": date}) == pytest.approx(1800, abs=60)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("code", "passes"), [(429, True), (500, True), (503, True), (404, False), (401, False)]
)
def test_what_passes_is_known_by_its_code(code, passes):
    assert isinstance(refusal("host", code, {}), Passing if passes else ArchiveError)


def test_an_address_without_a_protocol_is_no_address():
    """And a file is none."""
    for url in ("data.sdss.org/sas", "file:///etc/passwd"):
        with pytest.raises(ArchiveError, match="begins with https"):
            Polite().read(url)
