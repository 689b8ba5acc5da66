"""Shipped encoders are what they were: a knowledge base names its encoder by fingerprint."""

from __future__ import annotations

import pytest

from spectrove.encoders import load_encoder

FINGERPRINTS = {
    "base": "ca417bc63b742842",
    "base_measured": "0f5e6d02b61800f8",
    "base_self": "689adfe02a9b39c7",
    "pca": "e6ce1fc2a6efa3f9",
    "surprise": "493af0b075a17a5b",
}


@pytest.mark.parametrize("name", FINGERPRINTS)
def test_a_shipped_encoder_keeps_its_fingerprint(name):
    assert load_encoder(name).fingerprint == FINGERPRINTS[name]
