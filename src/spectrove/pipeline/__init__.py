"""READ FIRST: the path of the data, as code.

    spectra -> prepare -> embed -> search -> predict -> explain

Each step takes what the one before gives. Nothing here knows about files' formats (ingest), how a vector is
made (encoders), how it is kept (knowledge), how neighbours vote (inference) or how a page looks (explain).

`pipeline.embed` goes from spectra to vectors, `pipeline.build` from vectors to a knowledge base, and `pipeline.ask`
from a base and spectra to answers.
"""

from spectrove.pipeline.ask import Answers, answers_of, check_label, classify, explain, hunt, search
from spectrove.pipeline.build import STANDARD_VIEWS, add, create, reencode, standard_views
from spectrove.pipeline.embed import (
    BATCH,
    Embedded,
    Encoders,
    embed,
    embed_queries,
    encoders_of,
    in_batches,
    loaded,
)

__all__ = [
    "BATCH",
    "STANDARD_VIEWS",
    "Answers",
    "Embedded",
    "Encoders",
    "add",
    "answers_of",
    "check_label",
    "classify",
    "create",
    "embed",
    "embed_queries",
    "encoders_of",
    "explain",
    "hunt",
    "in_batches",
    "loaded",
    "reencode",
    "search",
    "standard_views",
]
