"""Shipped encoders are what they were: a knowledge base names its encoder by fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest

import spectrove
from spectrove.encoders import load_encoder
from spectrove.pipeline.shipped import shipped_encoders
from spectrove.xray.domain import XRAY

#: Encoders that are there to be measured, and are not shipped.
MEASURED = Path(__file__).parents[2] / "experiments" / "weights"

SHIPPED = {
    "base": "ca417bc63b742842",
    "hardness": "df9b42066067852b",
    "lines": "91a18baa49bcc2c9",
    "pca": "e6ce1fc2a6efa3f9",
    "sources16": "1df5fadaf7ab2051",
    "sources8": "8751f179f3233725",
    "surprise": "493af0b075a17a5b",
    "tokens": "30cb9d1d08bbe521",
}
OTHERS = {
    "base_measured": "0f5e6d02b61800f8",
    "base_self": "689adfe02a9b39c7",
    "xray_autoencoder": "9aadf19591a29b47",
    "xray_pca8": "554219966d4e1f0d",
    "xray_pca8_rates": "06268b8b60cc3dda",
}


def test_every_shipped_encoder_is_in_this_test():
    assert shipped_encoders() == sorted(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_encoder_keeps_its_fingerprint(name):
    assert spectrove.load_encoder(name).fingerprint == SHIPPED[name]


@pytest.mark.parametrize("name", OTHERS)
def test_an_encoder_of_the_experiments_keeps_its_fingerprint(name):
    assert load_encoder(MEASURED / name, kinds=XRAY.kinds).fingerprint == OTHERS[name]
