"""Tables of encoder kinds and of networks. A new one needs one file and one line in each."""

from __future__ import annotations

from spectrove.encoders.base import Encoder
from spectrove.encoders.cnn import SpectrumCnn, SpectrumHybrid
from spectrove.encoders.masked_transformer import MaskedTransformer
from spectrove.encoders.network import NetworkEncoder, SpectrumNetwork
from spectrove.encoders.pca import PcaEncoder
from spectrove.galaxies.residual.encoder import SurpriseEncoder

NETWORKS: dict[str, type[SpectrumNetwork]] = {
    "masked_transformer": MaskedTransformer,
    "cnn": SpectrumCnn,
    "hybrid": SpectrumHybrid,
}

ENCODERS: dict[str, type[Encoder]] = {
    "pca": PcaEncoder,
    "surprise": SurpriseEncoder,
    **dict.fromkeys(NETWORKS, NetworkEncoder),
}
