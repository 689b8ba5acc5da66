"""Tables and spectra to and from other programs on this machine, TOPCAT and Aladin among them, by SAMP.

The server is one program among those that a hub connects. What is sent is written to a file, whose address the others
are told; what is received is read from files and servers of this machine, and from nowhere else.
"""

from __future__ import annotations

import importlib
import shutil
import tempfile
import threading
import urllib.request
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from spectrove.errors import SpectroveError
from spectrove.serve.service.given import Files, check_unpacked
from spectrove.serve.service.limits import MB, Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import OfSpectra
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

#: Where the protocol is implemented: astropy had it before version 8, pyvo has it since.
HOMES = ("pyvo.samp", "astropy.samp")

#: Kinds of messages, by what they carry.
TABLES: Mapping[str, str] = {"table.load.votable": "votable", "table.load.fits": "fits"}
SPECTRUM = "spectrum.load.ssa-generic"

#: Messages that are remembered, rows of a table that are listed, and seconds that a file of another program may take.
KEPT, ROWS, SECONDS = 20, 500, 20

#: Names of this machine in addresses of files.
HERE = ("", "localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Received:
    """What another program sent.

    Attributes:
        what: A table or a spectrum.
        name: How the sender calls it.
        sender: The program.
        when: UTC, ISO 8601.
        base: Name of the base that it is held against.
        tray: Spectra, where they lie.
        rows: Of a table: "object_id" or "" and "ra", "dec" or None of each row.
        total: Rows in all.
        problem: Why it could not be read; "" if it was.
        number: By which it is found again.
    """

    what: Literal["table", "spectrum"]
    name: str
    sender: str
    when: str
    base: str
    tray: str = ""
    rows: tuple[dict[str, Any], ...] = ()
    total: int = 0
    problem: str = ""
    number: int = 0


@dataclass
class Samp:
    """The connection to the hub.

    Attributes:
        trays: Where received spectra are laid.
        limits: How much may come.
        received: What came, the newest first.
    """

    trays: Trays
    limits: Limits
    received: deque[Received] = field(default_factory=lambda: deque(maxlen=KEPT))
    _client: Any = None
    _base: Served | None = None
    _folder: Path | None = None
    _count: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def is_connected(self) -> bool:
        """Whether a hub is there that knows the server."""
        with self._lock:
            if self._client is None:
                return False
            try:
                self._client.ping()
            except Exception:  # the hub was ended: its proxy raises what the network raises
                self._drop()
                return False
            return True

    def connect(self, served: Served) -> None:
        """Make the server known to the hub; what is received is held against this base.

        Raises:
            Problem: No hub runs, or nothing is installed that speaks the protocol.
        """
        with self._lock:
            self._base = served
            if self.is_connected:
                return
            module = _module()
            client = module.SAMPIntegratedClient(
                name="Spectrove", description="Known spectra, and what is like them", addr="127.0.0.1",
                metadata={"samp.name": "Spectrove", "author.affiliation": "", "home.page": ""},
            )  # fmt: skip
            try:
                with module.conf.set_temp("use_internet", False):
                    client.connect()
            except Exception as error:
                raise Problem(
                    503,
                    "No SAMP hub runs on this machine. Start TOPCAT or Aladin, which bring one, and connect again.",
                ) from error
            for kind in (*TABLES, SPECTRUM):
                client.bind_receive_call(kind, self._called)
                client.bind_receive_notification(kind, self._notified)
            self._client = client

    def disconnect(self) -> None:
        """Leave the hub."""
        with self._lock:
            if self._client is not None:
                with suppress(Exception):  # the hub may have gone before
                    self._client.disconnect()
            self._drop()

    def _drop(self) -> None:
        self._client = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def programs(self, kind: str = "") -> list[str]:
        """Names of the programs at the hub; of those that take a kind of message."""
        with self._lock:
            if not self.is_connected:
                return []
            ids = self._client.get_subscribed_clients(kind) if kind else self._client.get_registered_clients()
            own = self._client.get_public_id()
            return sorted(self._named(one) for one in ids if one not in (own, "hub"))

    def _named(self, client_id: str) -> str:
        try:
            return str(self._client.get_metadata(client_id).get("samp.name", client_id))
        except Exception:  # it left in between
            return client_id

    def send_table(self, content: bytes, name: str) -> list[str]:
        """Names of the programs that were sent a VOTable.

        Raises:
            Problem: There is no connection, or no program takes tables.
        """
        place = self._file(content, name, ".vot")
        return self._send("table.load.votable", {"url": place, "table-id": name, "name": name}, "tables")

    def send_spectrum(self, content: bytes, name: str) -> list[str]:
        """Names of the programs that were sent a spectrum, as a VOTable.

        Raises:
            Problem: There is no connection, or no program takes spectra.
        """
        place = self._file(content, name, ".vot")
        about = {"Access.Format": "application/x-votable+xml", "Access.Reference": place}
        said = {"url": place, "meta": about, "spectrum-id": name, "name": name}
        if self.programs(SPECTRUM):
            return self._send(SPECTRUM, said, "spectra")
        # TOPCAT takes no spectra, and plots one that comes as a table
        return self._send(
            "table.load.votable", {"url": place, "table-id": name, "name": name}, "spectra or tables"
        )

    def _send(self, kind: str, said: Mapping[str, Any], what: str) -> list[str]:
        with self._lock:
            takers = self.programs(kind)
            if not self.is_connected:
                raise Problem(
                    409, "The server is not connected to a SAMP hub. Connect it on the page Programs."
                )
            if not takers:
                there = ", ".join(self.programs()) or "no other program"
                raise Problem(
                    409, f"No program at the hub takes {what} ({there} is there). Start TOPCAT or Aladin."
                )
            self._client.notify_all({"samp.mtype": kind, "samp.params": dict(said)})
            return takers

    def _file(self, content: bytes, name: str, ending: str) -> str:
        """Address of a file that the others read; they may do so long after they were told."""
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="spectrove-samp-"))
            harmless = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:60] or "list"
            place = self._folder / f"{harmless}-{len(list(self._folder.iterdir()))}{ending}"
            place.write_bytes(content)
            return place.as_uri()

    def _called(
        self, private_key: str, sender: str, message_id: str, kind: str, said: Mapping[str, Any], extra: Any
    ) -> None:
        received = self._take(sender, kind, said)
        status = "samp.error" if received.problem else "samp.ok"
        reply: dict[str, Any] = {"samp.status": status, "samp.result": {}}
        if received.problem:
            reply["samp.error"] = {"samp.errortxt": received.problem}
        self._client.reply(message_id, reply)

    def _notified(
        self, private_key: str, sender: str, kind: str, said: Mapping[str, Any], extra: Any
    ) -> None:
        self._take(sender, kind, said)

    def _take(self, sender: str, kind: str, said: Mapping[str, Any]) -> Received:
        """Read what was sent, and remember it, also where it cannot be read."""
        served = self._base
        assert served is not None
        name = str(said.get("name") or said.get("spectrum-id") or said.get("table-id") or "")[:120]
        about: dict[str, Any] = {
            "what": "spectrum" if kind == SPECTRUM else "table", "name": name or "without a name",
            "sender": self._named(sender), "base": served.name,
            "when": datetime.now(UTC).isoformat(timespec="seconds"), "number": next(self._count),
        }  # fmt: skip
        folder = Path(tempfile.mkdtemp(prefix="spectrove-"))
        try:
            place = fetched(str(said.get("url", "")), folder, self.limits)
            if kind == SPECTRUM:
                files = Files(folder, {"spectra": [place]})
                one = Received(**about, tray=self.trays.bring(served, OfSpectra(), files, self.limits).id)
            else:
                with served.shown() as base:
                    rows, total = listed(base, place, TABLES[kind])
                one = Received(**about, rows=tuple(rows), total=total)
        except (SpectroveError, Problem, OSError, ValueError) as error:
            sentence = error.detail if isinstance(error, Problem) else str(error)
            one = Received(**about, problem=sentence.replace(f"{folder}/", ""))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.received.appendleft(one)
        return one


def _module() -> Any:
    for home in HOMES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # astropy says that pyvo has it now
                return importlib.import_module(home)
        except ImportError:
            continue
    raise Problem(
        501, "SAMP needs pyvo 1.9 or later, which is not installed: pip install 'spectrove[archive]'."
    )


class _Stay(urllib.request.HTTPRedirectHandler):
    """An address that leads elsewhere is not followed."""

    def redirect_request(self, *args: Any) -> None:
        return None


def fetched(url: str, folder: Path, limits: Limits) -> Path:
    """The file of another program of this machine, copied to a folder.

    Raises:
        Problem: It lies on another machine, or is too large, packed or unpacked.
        OSError: It cannot be read.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("file", "http", "https") or (parts.hostname or "") not in HERE:
        raise Problem(
            422,
            f"{url[:120]}: this lies elsewhere, expected a file or a server of this machine. Save it, and "
            "drop it here.",
            "Invalid",
        )  # fmt: skip
    name = Path(unquote(parts.path)).name[-80:].lstrip(".") or "received"
    place = folder / "".join(c if c.isalnum() or c in "-_.+" else "_" for c in name)
    with _opened(url) as source, place.open("xb") as file:
        size = 0
        while chunk := source.read(MB):
            if (size := size + len(chunk)) > limits.upload:
                raise Problem(413, f"{name}: more than {limits.upload / 1e6:g} MB. Send less.")
            file.write(chunk)
    check_unpacked(place, limits.unpacked)
    return place


def _opened(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).open("rb")
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay()).open(url, timeout=SECONDS)


def listed(base: KnowledgeBase, place: Path, form: str) -> tuple[list[dict[str, Any]], int]:
    """Ids and positions in the rows of a table, and how many rows it has.

    Raises:
        Problem: It is no table, or one without a column of ids or positions.
    """
    import numpy as np
    from astropy.table import Table

    from spectrove.pipeline.queries import known_ids

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of units and of what the standard does not allow
            table = Table.read(place, format=form)
    except Exception as error:  # parsers raise whatever they meet
        raise Problem(
            422, f"{place.name}: no table of the kind {form} ({str(error)[:200]}).", "Invalid"
        ) from error
    names, ra, dec = (_column(table, ucd, known) for ucd, known in COLUMNS)
    if names is None and (ra is None or dec is None):
        raise Problem(
            422,
            f"{place.name}: neither ids nor positions among the columns {', '.join(table.colnames[:12])}, expected "
            "object_id, or ra and dec in degrees.",
            "Invalid",
        )  # fmt: skip
    first = table[:ROWS]
    ids = [""] * len(first) if names is None else [str(value).strip() for value in first[names]]
    known = set(known_ids(base, [one for one in ids if one]))
    degrees = [
        np.full(len(first), np.nan) if column is None else _degrees(first[column]) for column in (ra, dec)
    ]
    rows = [
        {
            "object_id": ids[i], "known": ids[i] in known,
            "ra": None if np.isnan(degrees[0][i]) else float(degrees[0][i]),
            "dec": None if np.isnan(degrees[1][i]) else float(degrees[1][i]),
        }
        for i in range(len(first))
    ]  # fmt: skip
    return rows, len(table)


#: UCD and usual names of the columns that are looked for: the id, right ascension, declination.
COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("meta.id;meta.main", ("object_id", "objid", "id", "name")),
    ("pos.eq.ra;meta.main", ("ra", "raj2000", "_raj2000", "ra_icrs")),
    ("pos.eq.dec;meta.main", ("dec", "dej2000", "_dej2000", "decj2000", "de_icrs")),
)


def _column(table: Any, ucd: str, names: tuple[str, ...]) -> str | None:
    for name in table.colnames:
        if str((table[name].meta or {}).get("ucd", "")).lower() == ucd:
            return str(name)
    lower = {name.lower(): name for name in table.colnames}
    return next((lower[name] for name in names if name in lower), None)


def _degrees(column: Any) -> Any:
    """A column of numbers in degrees; NaN where it has none."""
    import numpy as np

    try:
        values: Any = np.ma.filled(np.ma.asarray(column, dtype=float), np.nan)
    except (TypeError, ValueError):
        return np.full(len(column), np.nan)
    unit = getattr(column, "unit", None)
    return np.degrees(values) if unit is not None and str(unit) == "rad" else values
