"""Encoders: vectors from prepared spectra. One contract, several kinds, no target classes."""

from spectrove.encoders.base import Encoder, Input
from spectrove.encoders.checkpoint import load_encoder, save_encoder, shipped_encoders
from spectrove.encoders.kinds import ENCODERS
from spectrove.encoders.network_encoder import NetworkEncoder
from spectrove.encoders.recipe import EncoderRecipe, load_recipe

__all__ = [
    "ENCODERS",
    "Encoder",
    "EncoderRecipe",
    "Input",
    "NetworkEncoder",
    "load_encoder",
    "load_recipe",
    "save_encoder",
    "shipped_encoders",
]
