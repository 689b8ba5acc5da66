"""How estimates are written for people."""

from __future__ import annotations

from spectrove.serve.text_estimates import redshift_table


def test_a_candidate_that_fits_better_than_the_answer_has_one_sign():
    """A broad smooth fit may have the lower chi2 and still not be taken: -10, not +-10."""
    candidates = [{"z": 0.65, "chi2": 4787.0}, {"z": 0.2291, "chi2": 4777.0}, {"z": 0.2286, "chi2": 4810.0}]
    row = {
        "object_id": "a",
        "value": 0.65,
        "interval": (0.64, 0.66),
        "level": 0.68,
        "type": "galaxy",
        "z_candidates": candidates,
        "cautions": [],
        "flags": [],
        "confident": True,
    }
    assert "next best 0.2291 (-10), 0.2286 (+23)" in "\n".join(redshift_table([row]))


def test_the_velocity_of_a_star_has_the_digits_that_are_known():
    """.1 km/s is 3e-7 of the speed of light: five decimals are 3 km/s."""
    row = {
        "object_id": "a", "value": 6.654321e-5, "interval": (6.634e-5, 6.674e-5), "level": 0.68, "type": "star",
        "z_candidates": [], "cautions": [], "flags": [], "confident": True,
    }  # fmt: skip
    assert "0.00006654 [0.00006634 0.00006674]" in "\n".join(redshift_table([row]))
    galaxy = row | {"type": "galaxy"}
    assert "0.00007 [0.00007 0.00007]" in "\n".join(redshift_table([galaxy]))
