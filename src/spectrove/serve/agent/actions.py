"""What a planner may do: call a tool, reply, or stop. Nothing else is understood, and nothing else is done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from spectrove.serve.service.questions import Data

#: Longest reply, characters.
LONGEST = 8000


class Call(Data):
    """A tool is asked."""

    action: Literal["call"] = "call"
    tool: str = Field(max_length=50, description="Name of the tool.")
    arguments: dict[str, Any] = Field({}, description="As the schema of the tool has them.")


class Reply(Data):
    """The answer. Every figure in it must be a figure of a result."""

    action: Literal["reply"] = "reply"
    text: str = Field(min_length=1, max_length=LONGEST)


class Stop(Data):
    """There is no answer, and why."""

    action: Literal["stop"] = "stop"
    reason: str = Field(min_length=1, max_length=LONGEST)


Action = Call | Reply | Stop

_ANY: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Field(discriminator="action")])


def action_of(value: Any) -> Action:
    """An action from plain values.

    Raises:
        ValidationError: It is none of the three, or has keys that it does not have.
    """
    return _ANY.validate_python(value)
