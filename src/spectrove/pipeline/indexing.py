"""The index of a large base made anew in the background, while the base is used."""

from __future__ import annotations

from pathlib import Path
from subprocess import Popen

from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.index.mark import making
from spectrove.processes import detached
from spectrove.work import LOG

#: What a process in the background does that makes nothing but the index.
_BUILD = "import sys, spectrove; spectrove.open(sys.argv[1]).build_index()"


class Reindexing:
    """Makes the index of a base anew, in a process of its own, whenever more than a fifth of it was added.

    Nobody waits for that process, and it goes on if this one ends. If it fails it is not begun again.

    Args:
        base: The base; nothing is done for one that is not in a local folder.
    """

    def __init__(self, base: KnowledgeBase) -> None:
        self._base = base
        self._begun: Popen[bytes] | None = None

    def look(self) -> bool:
        """Whether a process was begun now."""
        if not isinstance(self._base.path, Path) or not self._ended() or not self._base.index_outgrown():
            return False
        known = making(self._base.files)
        if known is not None and known.state == "running":
            return False
        log = self._base.path / "index.log"
        self._begun = detached(["-c", _BUILD, str(self._base.path.resolve())], log)
        LOG.info("%s: process %d makes its index anew", self._base.path, self._begun.pid)
        return True

    def _ended(self) -> bool:
        """Whether the last process has made the index, or there was none."""
        if self._begun is None:
            return True
        if self._begun.poll() is None:
            return False
        return self._begun.returncode == 0


def refuse_running(base: KnowledgeBase) -> None:
    """Refuse a base whose index is being made.

    Raises:
        KnowledgeError: It is.
    """
    known = making(base.files)
    if known is not None and known.state == "running":
        raise KnowledgeError(f"{base.path}: its index is {known.sentence}. Wait until that has ended.")
