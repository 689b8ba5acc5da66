"""The base that a command asks, and its encoders."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from spectrove.errors import KnowledgeError
from spectrove.serve.exits import usage_errors

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.knowledge import KnowledgeBase


def open_base(path: Path, where: str | None = None) -> KnowledgeBase:
    """The base at `path`; refused unless the condition is valid and at least one object meets it."""
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.kinds import open_base as opened

    there = (path / "kb.json").is_file()
    with nullcontext() if there else usage_errors():  # the error says what is there instead
        base = opened(path, KnowledgeBase)
    if where is not None:
        with usage_errors():
            if not base.count(where):
                raise KnowledgeError(
                    f"{path}: none of the {len(base)} objects meets --where {where!r}. Loosen the condition; "
                    "kb info lists the columns and their values."
                )
    return base


def encoders_of(
    base: KnowledgeBase, given: str | None, views: Iterable[str] | None = None
) -> dict[str, Encoder]:
    """The encoders of these views (by default of the default view), from the place given by the user or the base."""
    from spectrove.errors import RecipeError
    from spectrove.knowledge import DEFAULT_VIEW
    from spectrove.pipeline.encoders import encoder_of
    from spectrove.pipeline.shipped import load_encoder

    encoders, places = {}, base.encoders
    for view in views or base.space().views:
        place = given if given and view == DEFAULT_VIEW else places[view]
        try:
            encoders[view] = load_encoder(place) if place == given else encoder_of(base, view)
        except RecipeError as error:
            where = f"the place of the encoder of view {view} according to the base {base.path}"
            hint = (
                f"give another place with --encoder, or compute the view again with kb reencode {base.path}"
            )
            raise RecipeError(f"{error}" if place == given else f"{error} ({where}; {hint})") from error
    return encoders
