"""The table of general encoder kinds; a domain brings its own, see `Domain.kinds`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spectrove.encoders.base import Encoder
from spectrove.encoders.network_encoder import NETWORKS, NetworkEncoder
from spectrove.encoders.pca import PcaEncoder

#: Encoder kind to a function that gives its class, which need not be imported before.
Kinds = Mapping[str, Callable[[], type[Encoder]]]

ENCODERS: dict[str, type[Encoder]] = {
    "pca": PcaEncoder,
    **dict.fromkeys(NETWORKS, NetworkEncoder),
}
