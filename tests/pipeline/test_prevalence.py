"""Shares of the classes as they are given."""

from __future__ import annotations

import pytest

from spectrove.errors import KnowledgeError
from spectrove.pipeline import prevalence_of


@pytest.mark.parametrize("share", [float("nan"), float("inf"), True, "half"])
def test_a_share_that_is_no_number_is_refused(share):
    """Not-a-number is neither below 0 nor above 1."""
    with pytest.raises(KnowledgeError, match=r"prevalence: 'AGN' has .*expected a number for each class"):
        prevalence_of({"AGN": share})


def test_not_a_number_in_a_file_is_refused(tmp_path):
    (tmp_path / "shares.json").write_text('{"AGN": NaN}')
    with pytest.raises(KnowledgeError, match="'AGN' has nan"):
        prevalence_of(tmp_path / "shares.json")
