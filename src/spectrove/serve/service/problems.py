"""Whatever was refused or went wrong, in one shape: that of RFC 9457, which every door gives in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from spectrove import errors
from spectrove.errors import SpectroveError

#: Where the kinds of problems are explained; a kind is the name of an error, or what HTTP calls its status.
HOME = "/v1/problems"


class Problem(Exception):
    """A question that is not answered, and why.

    Args:
        status: As HTTP has it: 422 for what a user can correct, 404 for what is not there.
        detail: The sentence.
        kind: Name of an error of `spectrove.errors`; "" where the status says it all.
        more: Further members: "errors" of single fields, "refusals" of single spectra.
        headers: Of an answer over HTTP.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str = "",
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind
        self.more, self.headers = dict(more or {}), dict(headers or {})

    @property
    def title(self) -> str:
        """What kind of problem it is, in words that do not change from one to the next."""
        return title_of(self.kind) if self.kind else phrase(self.status)

    def to_dict(self) -> dict[str, Any]:
        """The members of RFC 9457, and further ones."""
        return {
            "type": f"{HOME}#{self.kind}" if self.kind else "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.more,
        }


def problem_of(error: BaseException) -> Problem:
    """The problem that an error is; one that nobody foresaw says nothing of its inside."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        return invalid(error)
    if isinstance(error, SpectroveError):
        return Problem(422, " ".join(str(error).split()), type(error).__name__)
    return Problem(500, "The server failed at this question. Its log says more under the id of the request.")


def invalid(error: ValidationError) -> Problem:
    """Options or arrays that cannot be: which, and why, one by one."""
    found = [
        {"pointer": pointer(one["loc"]), "detail": _sentence(one["msg"])}
        for one in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    where = first["pointer"].strip("/").replace("/", ".")
    detail = f"{where}: {first['detail']}{more}" if where else f"{first['detail']}{more}"
    return Problem(422, detail, "Invalid", more={"errors": found})


def pointer(place: Sequence[Any]) -> str:
    """A place in what was sent, as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in place)


def _sentence(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def phrase(status: int) -> str:
    """What HTTP calls a status."""
    return HTTPStatus(status).phrase


def title_of(kind: str) -> str:
    """The first line of what is written about a kind of error."""
    return next(iter(kinds()[kind].splitlines()), kind) if kind in kinds() else kind


def kinds() -> dict[str, str]:
    """Every kind of problem that a user can correct, with a sentence on each."""
    tree = {
        name: (value.__doc__ or "").strip()
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, SpectroveError)
    }
    return tree | {"Invalid": "An option or an array is not of the kind that is expected."}
