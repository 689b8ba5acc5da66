"""Abstracts on named objects from the Astrophysics Data System, for those who have a token of it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa

from spectrove.errors import ArchiveError, CatalogError
from spectrove.literature.abstracts import Abstracts, abstracts_of
from spectrove.polite import Polite
from spectrove.work import counted

#: Address of the service, and environment variables that hold the token, which is never written anywhere.
ADDRESS = "https://api.adsabs.harvard.edu/v1"
TOKENS = ("ADS_API_TOKEN", "ADS_DEV_KEY")

#: Rows of one page, times that a request is made again after a fault that may pass, and the longest wait, seconds.
PAGE, AGAIN, LONGEST = 200, 3, 60.0

_FIELDS = "bibcode,title,abstract,year"


@dataclass(frozen=True)
class Ads:
    """The search of the Astrophysics Data System.

    Attributes:
        token: Of a user, see https://ui.adsabs.harvard.edu/user/settings/token.
        address: Of the service.
        timeout: Seconds until a request is given up.
        wait: Called with the seconds to wait before a request is made again.
    """

    token: str
    address: str = ADDRESS
    timeout: float = 30.0
    wait: Callable[[float], None] = time.sleep

    @classmethod
    def of_environment(cls) -> Ads:
        """With the token, and the address if there is another one (ADS_API_URL), of the environment.

        Raises:
            CatalogError: There is no token.
        """
        token = next((os.environ[name] for name in TOKENS if os.environ.get(name)), "")
        if not token:
            raise CatalogError(
                f"no token of the Astrophysics Data System in {' or '.join(TOKENS)}. Set one of them, or give a table "
                "of abstracts with --from."
            )
        return cls(token, os.environ.get("ADS_API_URL", ADDRESS))

    def papers_on(self, name: str, most: int = 50) -> list[dict[str, Any]]:
        """The newest papers that the service lists on an object: bibcode, title, abstract, year.

        Raises:
            CatalogError: The service cannot be reached, refuses the token or gives what is no answer.
        """
        found: list[dict[str, Any]] = []
        quoted = name.replace('"', " ").replace("\\", " ").strip()
        while len(found) < most:
            asked = {"q": f'object:"{quoted}"', "fl": _FIELDS, "sort": "date desc,bibcode desc",
                     "start": len(found), "rows": min(PAGE, most - len(found))}  # fmt: skip
            answer = self._ask(f"search/query?{urlencode(asked)}")
            try:
                docs, total = answer["response"]["docs"], int(answer["response"]["numFound"])
            except (KeyError, TypeError, ValueError) as error:
                raise CatalogError(
                    f"{self.address}: the answer on {name!r} has no list of papers. Try again later."
                ) from error
            found += docs
            if not docs or len(found) >= total:
                break
        return found[:most]

    def abstracts_on(
        self, objects: Sequence[tuple[str, str]], most: int = 50
    ) -> tuple[Abstracts, list[tuple[str, str, str]]]:
        """Abstracts on objects, and links: bibcode, object id, and the name that was asked for.

        Args:
            objects: Id and name of each.
            most: Papers of one object.

        Raises:
            CatalogError: As `papers_on`; or there is no paper on any of the objects.
        """
        rows: dict[str, dict[str, Any]] = {}
        links: list[tuple[str, str, str]] = []
        for i in counted("asking the Astrophysics Data System", len(objects)):
            object_id, name = objects[i]
            for doc in self.papers_on(name, most):
                if doc.get("bibcode") and doc.get("abstract"):
                    rows[doc["bibcode"]] = doc
                    links.append((doc["bibcode"], object_id, name))
        if not rows:
            raise CatalogError(
                f"{self.address}: no paper on any of {len(objects)} objects. Check their names."
            )
        title = [
            " ".join(d["title"]) if isinstance(d.get("title"), list) else d.get("title")
            for d in rows.values()
        ]
        table = pa.table(
            {
                "bibcode": pa.array(list(rows), pa.string()),
                "title": pa.array(title, pa.string()),
                "abstract": pa.array([d["abstract"] for d in rows.values()], pa.string()),
                "year": pa.array([str(d.get("year") or "") for d in rows.values()], pa.string()),
            }
        )
        return abstracts_of(table, self.address), links

    def _ask(self, path: str) -> Any:
        """The answer to a request as JSON; one that is refused for now is made again after the time that is told."""
        polite = Polite(self.timeout, interval=0.0, again=AGAIN, longest=LONGEST, wait=self.wait)
        try:
            answer = polite.read(f"{self.address}/{path}", headers={"Authorization": f"Bearer {self.token}"})
            return json.loads(answer.body)
        except ArchiveError as error:
            if error.code is not None:
                raise CatalogError(f"{self.address}: {_refused(error.code)}") from error
            raise CatalogError(
                f"{self.address}: cannot be reached ({error}). Check the network, or give a table of abstracts "
                "with --from."
            ) from error
        except ValueError as error:
            raise CatalogError(f"{self.address}: the answer is no JSON. Try again later.") from error


def _refused(code: int) -> str:
    """Why a request was refused, and what to do."""
    if code in (401, 403):
        return f"the token is refused ({code}). Make a new one, and set it in {TOKENS[0]}."
    if code == 429:
        return "the token has made as many requests as it may (429). Go on tomorrow, or ask of fewer objects."
    return f"the service refuses the request ({code}). Try again later."
