"""Tables by the Table Access Protocol of the Virtual Observatory, asked through pyvo as politely as files are."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from spectrove.errors import ArchiveError
from spectrove.polite import AGENT, Passing, Polite, refusal
from spectrove.readers.files import FETCHED_TABLE

T = TypeVar("T")


def table_of(address: str, query: str, polite: Polite, maxrec: int | None = None) -> Any:
    """What a service answers to a query, as `pyvo.dal.TAPResults`.

    Args:
        address: Of the service, the part before /sync.
        query: ADQL.
        polite: How it is asked.
        maxrec: Most rows.

    Raises:
        ArchiveError: It cannot be reached, refuses the query, or gives no table; it cut the table where no `maxrec` was
            given; or pyvo is missing.
    """
    dal = _pyvo()
    host = address.split("//")[-1]

    def once() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is cut or broken is refused below
            session = _session(polite, host)
            try:
                # Not through TAPService, which asks for the capabilities of the service first, and takes any answer.
                result = dal.TAPQuery(address, query, maxrec=maxrec, session=session).execute()
                result.to_table()
            except (dal.DALAccessError, ValueError, IndexError, OSError, SyntaxError) as error:
                raise _meant(error, dal, host) from error
            finally:
                session.close()
        return result

    result = polite.until_it_passes(once)
    if maxrec is None and getattr(result, "query_status", "") == "OVERFLOW":
        raise ArchiveError(
            f"{host}: the service cut the table after {len(result):,} rows. Ask for parts of it, as by ranges of a "
            "column (--query)."
        )
    return result


def file_of(query: str, name: str) -> str:
    """The name of the file for the table of a query."""
    return f"{FETCHED_TABLE}{name}-{hashlib.sha256(' '.join(query.split()).encode()).hexdigest()[:10]}.vot"


def write(result: Any) -> tuple[Callable[[Path], None], str]:
    """A function that writes a table as VOTable, with units and UCDs, and what was renamed in it.

    A column z whose UCD says that it is photometry is called z_mag: by its name alone it would be a redshift.
    """
    renamed = ""
    votable = result.votable
    for column in votable.get_first_table().fields:
        if column.name and column.name.lower() == "z" and (column.ucd or "").startswith("phot"):
            column.name = column.ID = "z_mag"
            renamed = f"z is a magnitude ({column.ucd}), and is called z_mag in the table"
    return lambda path: votable.to_xml(str(path), tabledata_format="binary2"), renamed


def quoted(text: str) -> str:
    """A text in ADQL."""
    return "'" + text.replace("'", "''") + "'"


def _meant(error: Exception, dal: Any, host: str) -> Exception:
    """What an error of pyvo means; it wraps those of the session in its own."""
    if isinstance(error.__context__, Passing | ArchiveError):
        return error.__context__
    said = " ".join(str(error).split())[:400]
    if isinstance(error, dal.DALQueryError):
        return ArchiveError(f"{host}: the query is refused: {said}")
    if isinstance(error, dal.DALServiceError):
        return ArchiveError(f"{host}: {said}")
    return Passing(f"{host}: the answer is no whole VOTable ({said})")


def _pyvo() -> Any:
    try:
        import pyvo.dal
    except ImportError as error:
        raise ArchiveError(
            "tables of VizieR and of the Chandra Source Catalog are fetched through pyvo, which is not installed. "
            "Install it with: pip install 'spectrove[archive]'"
        ) from error
    return pyvo.dal


def _session(polite: Polite, host: str) -> Any:
    """A session of requests that paces itself and tells faults that may pass from others."""
    import requests

    class Session(requests.Session):
        answers: list[requests.Response]

        def request(self, method: Any, url: Any, **more: Any) -> Any:  # type: ignore[override]
            polite.pace()
            try:
                response = super().request(method, url, **{"timeout": polite.timeout, **more})
            except requests.exceptions.SSLError as error:
                raise ArchiveError(f"{host}: no safe connection ({error}).", reached=False) from error
            except requests.exceptions.ConnectionError as error:
                if any(word in str(error) for word in ("refused", "Name or service", "resolve")):
                    said = f"{host}: cannot be reached. Check the network and the address."
                    raise ArchiveError(said, reached=False) from error
                raise Passing(f"{host}: the connection broke off") from error
            except requests.exceptions.Timeout as error:
                raise Passing(f"{host}: no answer in time") from error
            self.answers.append(response)
            if response.status_code >= 400 and response.status_code not in (
                400,
                422,
            ):  # a query that is wrong
                raise refusal(host, response.status_code, {k.lower(): v for k, v in response.headers.items()})
            if "text/html" in response.headers.get("Content-Type", ""):
                raise ArchiveError(
                    f"{host}: the service answers with a web page in place of a table. It may ask for a login, or "
                    "the address is not that of the service."
                )
            return response

        def close(self) -> None:
            for response in self.answers:
                response.close()
            super().close()

    session = Session()
    session.answers = []
    session.headers["User-Agent"] = AGENT
    return session
