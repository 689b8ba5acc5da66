"""The table of encoder kinds. Adding one is one file and one line."""

from __future__ import annotations

from spectrove.encoders.base import Encoder
from spectrove.encoders.masked_transformer import MaskedTransformerEncoder
from spectrove.encoders.pca import PcaEncoder

ENCODERS: dict[str, type[Encoder]] = {
    "pca": PcaEncoder,
    "masked_transformer": MaskedTransformerEncoder,
}
