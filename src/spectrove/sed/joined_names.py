"""How a base says that its columns are of fits of photometry; light enough to be asked of any base."""

from __future__ import annotations

#: The column that every object with a fit has.
ALWAYS = "sed_chi2"

#: What the details of a column's source say it is, which tells a column of a fit from any other.
KIND = {"kind": "fit of photometry"}
