"""The kinds of encoders of this room and what trains them. What is heavy is imported where it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectrove.domain import Trainer
    from spectrove.encoders import Encoder, EncoderRecipe

Made = tuple["Encoder", dict[str, Any]]


def _pca() -> type[Encoder]:
    from spectrove.xray.vectors.pca import CountPcaEncoder

    return CountPcaEncoder


def _autoencoder() -> type[Encoder]:
    from spectrove.xray.vectors.autoencoder import AutoencoderEncoder

    return AutoencoderEncoder


def _sources() -> type[Encoder]:
    from spectrove.xray.vectors.network import SourceNetworkEncoder

    return SourceNetworkEncoder


def _train_pca(recipe: EncoderRecipe, datasets: Sequence[Any], /, **options: Any) -> Made:
    from spectrove.xray.vectors.pca import train_count_pca

    return train_count_pca(recipe, datasets, **options)


def _train_autoencoder(recipe: EncoderRecipe, datasets: Sequence[Any], /, **options: Any) -> Made:
    from spectrove.xray.vectors.training import train_autoencoder

    return train_autoencoder(recipe, datasets, **options)


def _train_sources(recipe: EncoderRecipe, datasets: Sequence[Any], /, **options: Any) -> Made:
    from spectrove.xray.vectors.training import train_source_network

    return train_source_network(recipe, datasets, **options)


#: Kind to a function that gives its class, see `Domain.kinds`.
KINDS: Mapping[str, Callable[[], type[Encoder]]] = {
    "count_pca": _pca,
    "count_autoencoder": _autoencoder,
    "source_network": _sources,
}

#: Kind to what fits it, see `Domain.trainers`.
TRAINERS: Mapping[str, Trainer] = {
    "count_pca": _train_pca,
    "count_autoencoder": _train_autoencoder,
    "source_network": _train_sources,
}
