"""A language model that is asked what to do next, at any endpoint that speaks OpenAI's protocol and the user names.

It only ever proposes: whoever runs a planner checks, counts and does. Needs `pip install 'spectrove[agent]'`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spectrove.errors import SpectroveError

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
    from pydantic_ai.models import Model, ModelRequestParameters

#: Seconds for one request, and characters that count as a token where an endpoint reports fewer tokens.
PATIENCE, LETTERS_OF_TOKEN = 120.0, 4

#: Longest reply that is read, characters.
LONGEST = 8000


@dataclass(frozen=True)
class Offer:
    """A tool as a model is told of it.

    Attributes:
        name: By which it is called.
        summary: What it does.
        schema: Of its arguments, as JSON Schema.
    """

    name: str
    summary: str
    schema: dict[str, Any]


@dataclass(frozen=True)
class Manner:
    """How what a model says becomes a proposal, and results become texts.

    Attributes:
        call: A proposal from the name of a tool and its arguments, whatever these are.
        reply: A proposal from a text.
        stop: A proposal from why nothing more comes.
        shown: The text of a result.
        refused: Why a reply was not taken.
    """

    call: Callable[[str, Any], Any]
    reply: Callable[[str], Any]
    stop: Callable[[str], Any]
    shown: Callable[[Any], str]
    refused: Callable[[Any], str]


class Dialogue:
    """Asks a model, and counts its tokens.

    Args:
        model: Its name at the endpoint.
        endpoint: Address of the endpoint, with its version: http://localhost:11434/v1.
        key: What the endpoint asks for; anything where it asks for nothing.
        tokens: Of all requests and answers together, after which nothing more is asked.

    Raises:
        SpectroveError: The extra `agent` is not installed.
    """

    def __init__(self, model: str, endpoint: str, key: str = "none", tokens: int = 200_000) -> None:
        try:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient
            from pydantic_ai.models.openai import OpenAIChatModel
            from pydantic_ai.providers.openai import OpenAIProvider
        except ModuleNotFoundError as error:
            raise SpectroveError(
                "a planner that asks a model needs pydantic-ai. Install it: pip install 'spectrove[agent]'"
            ) from error
        self.name = f"model {model}"
        self.tokens, self.spent = tokens, 0
        # Nothing goes to an address that the endpoint names in place of its own, and nothing is sent twice uncounted.
        client = AsyncOpenAI(
            base_url=endpoint,
            api_key=key,
            max_retries=0,
            http_client=DefaultAsyncHttpxClient(follow_redirects=False),
        )
        self._model: Model = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))

    def proposals(
        self, instructions: str, opening: str, offers: Iterable[Offer], manner: Manner
    ) -> Generator[Any, Any, None]:
        """What the model proposes; each is answered by a result, which the model is shown.

        Args:
            instructions: Of its task.
            opening: What it is asked, or told at first.
            offers: The tools.
            manner: How texts become proposals and results texts.
        """
        from pydantic_ai.messages import (
            ModelRequest,
            SystemPromptPart,
            TextPart,
            ToolCallPart,
            UserPromptPart,
        )

        asked = _parameters(offers)
        messages: list[Any] = [ModelRequest([SystemPromptPart(instructions), UserPromptPart(opening)])]
        while (left := self.tokens - self.spent - _tokens(messages, asked)) > 0:
            response, problem = self._response(messages, asked, left)
            if response is None:
                yield manner.stop(problem)
                return
            messages.append(response)
            calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
            if calls:
                messages.append((yield from _called(calls, manner)))
                continue
            text = "\n".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()
            result = yield manner.reply(text[:LONGEST])
            messages.append(ModelRequest([UserPromptPart(f"Refused: {manner.refused(result)}")]))
        yield manner.stop(
            f"{self.spent} tokens are used, {self.tokens} are allowed, and the next request needs more"
        )

    def _response(
        self, messages: Sequence[ModelMessage], asked: ModelRequestParameters, most: int
    ) -> tuple[ModelResponse | None, str]:
        """What the model says in so many tokens at the most; None with the reason where nothing can be read."""
        import openai
        from pydantic_ai.direct import model_request_sync
        from pydantic_ai.exceptions import AgentRunError

        try:
            response = model_request_sync(
                self._model,
                messages,
                model_request_parameters=asked,
                model_settings={"timeout": PATIENCE, "temperature": 0.0, "max_tokens": most},
            )
        except (AgentRunError, openai.OpenAIError, ValueError) as error:
            return None, f"the endpoint gave no answer that can be read: {error}"[:500]
        self.spent += max(response.usage.total_tokens, _tokens([*messages, response], asked))
        return response, ""


def _tokens(messages: Sequence[ModelMessage], asked: ModelRequestParameters) -> int:
    """Tokens of messages with the schemas of the tools, by their letters."""
    written = sum(len(repr(part)) for message in messages for part in message.parts)
    schemas = sum(len(repr(tool)) for tool in asked.function_tools)
    return -(-(written + schemas) // LETTERS_OF_TOKEN)


def _parameters(offers: Iterable[Offer]) -> ModelRequestParameters:
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(name=one.name, description=one.summary, parameters_json_schema=one.schema)
            for one in offers
        ]
    )


def _called(calls: Sequence[ToolCallPart], manner: Manner) -> Any:
    """The calls of a response one after the other, and the message with what came of them."""
    from pydantic_ai.messages import ModelRequest, ToolReturnPart

    parts = []
    for call in calls:
        arguments: Any
        try:
            arguments = call.args_as_dict(raise_if_invalid=True)
        except (ValueError, AssertionError):
            arguments = call.args  # no object: refused by the schema of actions
        result = yield manner.call(call.tool_name, arguments)
        parts.append(ToolReturnPart(call.tool_name, manner.shown(result), call.tool_call_id))
    return ModelRequest(parts)
