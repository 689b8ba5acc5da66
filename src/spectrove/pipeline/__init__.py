"""READ FIRST: the steps from spectra to answers.

    spectra -> prepare -> embed -> search -> predict -> explain

Each step takes the result of the one before. File formats are in `ingest`, vectors in `encoders`, their storage in
`knowledge`, votes and calibration in `inference`, and pages in `explain`.

`pipeline.embed` goes from spectra to vectors, `pipeline.build` from vectors to a knowledge base, and `pipeline.ask`
from a base and spectra to answers.
"""

from spectrove.inference.embed import (
    BATCH,
    Embedded,
    Encoders,
    embed,
    embed_queries,
    encoders_of,
    in_batches,
    loaded,
)
from spectrove.inference.labels.review import Review
from spectrove.inference.numbers.estimate import VOTERS, Estimate
from spectrove.pipeline.ask import Answers, answers_of, check_label, classify, explain, hunt, search
from spectrove.pipeline.build import add, create, reencode, standard_views
from spectrove.pipeline.curate import curate, trusted
from spectrove.pipeline.estimate import Estimates, check_quantity, estimate, estimates
from spectrove.pipeline.outliers import (
    OutlierAnswers,
    find_outliers,
    outlier_reference,
    outliers,
    write_outlier_page,
)
from spectrove.pipeline.redshift import at_redshift, complete_redshifts, redshift, with_redshifts
from spectrove.pipeline.regions import RegionAnswers, search_region

__all__ = [
    "BATCH",
    "VOTERS",
    "Answers",
    "Embedded",
    "Encoders",
    "Estimate",
    "Estimates",
    "OutlierAnswers",
    "RegionAnswers",
    "Review",
    "add",
    "answers_of",
    "at_redshift",
    "check_label",
    "check_quantity",
    "classify",
    "complete_redshifts",
    "create",
    "curate",
    "embed",
    "embed_queries",
    "encoders_of",
    "estimate",
    "estimates",
    "explain",
    "find_outliers",
    "hunt",
    "in_batches",
    "loaded",
    "outlier_reference",
    "outliers",
    "redshift",
    "reencode",
    "search",
    "search_region",
    "standard_views",
    "trusted",
    "with_redshifts",
    "write_outlier_page",
]
