"""The folder that files of archives come to: parts that go on, sums of what is there, one writer at a time.

A file comes as NAME.part and gets its name when it is whole and checked. Before that its SHA-256 is written in
manifest.jsonl, a line of JSON for each file, the last of which counts. So a kill at any time leaves whole files with a
sum, and parts that the next run goes on with where the server lets it (`Range` with `If-Range`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import urlsplit

from spectrove.archives.whole import is_gzip, need_sums
from spectrove.errors import ArchiveError, DatasetError
from spectrove.plain import plain
from spectrove.polite import Passing, Polite, blocks, lower
from spectrove.provenance import file_hash

MANIFEST = "manifest.jsonl"

#: Refuses a file that came unless it is what was wanted, see `spectrove.archives.whole`.
Check = Callable[[Path, str], None]

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Item:
    """What became of one thing that was asked for.

    Attributes:
        name: Its id, as it was asked for.
        state: "fetched", "there" (it was there and whole), "refused", or "left out" (a part of what was read).
        file: Its name in the folder; None if it is not there.
        sha256: Of the file.
        size: Of the file, bytes.
        said: Why it is refused, or what there is to say about it.
        reached: Whether the service was there at all.
    """

    name: str
    state: Literal["fetched", "there", "refused", "left out"]
    file: str | None = None
    sha256: str | None = None
    size: int = 0
    said: str = ""
    reached: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {key: value for key, value in asdict(self).items() if key != "reached"}


class Folder:
    """A folder that one process at a time fetches into.

    Args:
        path: The folder, made if it is missing.
        archive: The name that its lines of the manifest carry.

    Raises:
        DatasetError: The folder cannot be made, or another process is fetching into it.
    """

    def __init__(self, path: Path | str, archive: str) -> None:
        self.path, self.archive = Path(path), archive
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._manifest = open(self.path / MANIFEST, "a+", encoding="utf-8")  # noqa: SIM115 (closed by __exit__)
        except OSError as error:
            raise DatasetError(
                f"{path}: files cannot be fetched to this folder ({error.strerror}). Check its name and rights."
            ) from error
        try:
            _lock(self._manifest.fileno())
        except OSError as error:
            self._manifest.close()
            raise DatasetError(
                f"{path}: another process is fetching into this folder. Wait for it, or name another folder."
            ) from error
        self._known = self._lines()

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._manifest.close()

    def take(self, name: str, file: str, urls: Sequence[str], polite: Polite, check: Check) -> Item:
        """One file of an archive, unless it is there and whole.

        Args:
            name: The id that it is asked for by.
            file: Its name in the folder; ".gz" is added if it comes gzipped.
            urls: Where it may be; the next is asked where one has no such file.
            polite: How the service is asked.
            check: Refuses what is not whole.
        """
        urls = list(urls)
        try:
            there = self.there(name, file)
            if there is not None:
                return there
            for i, url in enumerate(urls):
                try:
                    return self._download(name, file, url, polite, check)
                except ArchiveError as error:
                    if error.code not in (404, 410) or i == len(urls) - 1:
                        raise
        except ArchiveError as error:
            where = f" Asked for: {' and '.join(urls)}" if error.code in (404, 410) else ""
            return Item(name, "refused", said=f"{name}: {error}{where}", reached=error.reached)
        raise AssertionError("the last address returns or raises")

    def make(self, name: str, file: str, source: str, write: Callable[[Path], None], said: str = "") -> Item:
        """A file that is written from what an archive answered.

        Args:
            name: The id that it was asked for by.
            file: Its name in the folder.
            source: What the manifest says it came from.
            write: Writes it to a path.
            said: What there is to say about it.
        """
        part = self._part(file)
        write(part)
        return self._keep(name, file, part, source, said)

    def there(self, name: str, file: str) -> Item | None:
        """The file if it is there with the sum that it was fetched with; None if it has to be fetched.

        Raises:
            ArchiveError: A file of that name is there which was not fetched.
        """
        for own in (file, f"{file}.gz"):
            path, line = self.path / own, self._known.get(own)
            if line is None:
                if path.exists():
                    raise ArchiveError(
                        f"{path} is there, and it is not in {MANIFEST}, so nobody knows whether it is whole. Move it "
                        "away, or fetch to another folder."
                    )
                continue
            part = self._part(file)
            if not path.exists() and part.exists() and _is(part, line):
                part.replace(path)  # a kill came between its line and its name
            if path.exists() and _is(path, line):
                return Item(name, "there", own, line["sha256"], int(line["bytes"]))
        return None

    def names(self) -> list[str]:
        """Names of all files that were ever fetched to the folder."""
        return list(self._known)

    def changed(self, file: str) -> str:
        """A note on a file that is there with another sum than it was fetched with; empty if there is none."""
        for own in (file, f"{file}.gz"):
            if own in self._known and (self.path / own).exists():
                return f"{own} had changed since it was fetched, and was fetched again"
        return ""

    def _download(self, name: str, file: str, url: str, polite: Polite, check: Check) -> Item:
        part, notes, host = self._part(file), self._part(file, ".part.json"), urlsplit(url).netloc
        changed = self.changed(file)

        def once() -> None:
            headers, was_part = self._bring(url, part, notes, polite)
            try:
                need_sums(part, headers, host, was_part)
                check(part, host)
            except (Passing, ArchiveError):
                part.unlink(missing_ok=True)
                notes.unlink(missing_ok=True)
                raise

        polite.until_it_passes(once)
        own = f"{file}.gz" if is_gzip(part) and not file.endswith(".gz") else file
        item = self._keep(name, own, part, url, changed)
        notes.unlink(missing_ok=True)
        return item

    def _bring(self, url: str, part: Path, notes: Path, polite: Polite) -> tuple[Mapping[str, str], bool]:
        """The headers of an answer that was written to a part to its end, and whether it went on with one."""
        begun = part.stat().st_size if part.exists() else 0
        mark = _mark(notes, url) if begun else ""
        asked = {"Accept-Encoding": "identity"}
        if mark:
            asked |= {"Range": f"bytes={begun}-", "If-Range": mark}
        try:
            with polite.opened(url, headers=asked) as response:
                headers, goes_on = lower(response.headers), response.status == 206
                total = _total(headers, begun) if goes_on else None
                if goes_on and total is None:
                    part.unlink(missing_ok=True)
                    raise Passing(f"{urlsplit(url).netloc}: another part came than was asked for", after=0.0)
                notes.write_text(json.dumps({"url": url, "mark": _validator(headers)}), "utf-8")
                with open(part, "ab" if goes_on else "wb") as file:
                    for block in blocks(response):
                        file.write(block)
                if total is not None and part.stat().st_size != total:
                    size = part.stat().st_size
                    raise Passing(
                        f"{urlsplit(url).netloc}: the answer broke off after {size:,} of {total:,} bytes"
                    )
        except ArchiveError as error:
            if error.code != 416:
                raise
            part.unlink(missing_ok=True)  # more is there than the file has: it is another one by now
            raise Passing(str(error), after=0.0, code=416) from error
        return headers, goes_on

    def _keep(self, name: str, file: str, part: Path, source: str, said: str = "") -> Item:
        """Write the sum of a whole part, then give it its name."""
        item = Item(name, "fetched", file, file_hash(part), part.stat().st_size, said)
        line = {
            "file": file,
            "sha256": item.sha256,
            "bytes": item.size,
            "name": name,
            "archive": self.archive,
            "source": source,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with open(part, "rb") as written:
            os.fsync(written.fileno())
        self._manifest.write(json.dumps(plain(line), ensure_ascii=False) + "\n")
        self._manifest.flush()
        os.fsync(self._manifest.fileno())
        self._known[file] = line
        part.replace(self.path / file)
        return item

    def _part(self, file: str, suffix: str = ".part") -> Path:
        return self.path / f"{need_plain_name(file)}{suffix}"

    def _lines(self) -> dict[str, dict[str, Any]]:
        """The last line of each file; a line that a kill cut is none."""
        known = {}
        self._manifest.seek(0)
        text = self._manifest.read()
        for row in text.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                line = json.loads(row)
                known[str(line["file"])] = {
                    **line,
                    "sha256": str(line["sha256"]),
                    "bytes": int(line["bytes"]),
                }
        if text and not text.endswith("\n"):
            self._manifest.write("\n")
        return known


def need_plain_name(file: str) -> str:
    """The name of a file, which may come from a server.

    Raises:
        ArchiveError: It names another folder, is hidden or empty.
    """
    if not re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_+.\-]*", file):
        raise ArchiveError(f"{file!r}: no name that a file can get here. Report it to the archive.")
    return file


def _is(path: Path, line: Mapping[str, Any]) -> bool:
    """Whether a file is the one of a line of the manifest."""
    return path.stat().st_size == line["bytes"] and file_hash(path) == line["sha256"]


def _validator(headers: Mapping[str, str]) -> str:
    """What tells one version of a file from another on its server; a weak tag does not."""
    tag = headers.get("etag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("last-modified", "")


def _mark(notes: Path, url: str) -> str:
    """The validator that a part was begun with; empty where it had none, or came from elsewhere."""
    try:
        said = json.loads(notes.read_text("utf-8"))
        return str(said["mark"]) if said["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _total(headers: Mapping[str, str], begun: int) -> int | None:
    """Bytes of the whole file, by an answer that goes on where a part ends; None if it does not."""
    said = _RANGE.fullmatch(headers.get("content-range", "").strip())
    if not said or int(said[1]) != begun:
        return None
    return int(said[2]) + 1 if said[3] == "*" else int(said[3])


def _lock(descriptor: int) -> None:
    """Lock a file for this process alone; nothing where the system cannot."""
    try:
        import fcntl
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
