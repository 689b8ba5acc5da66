"""A network in eight-bit integers by ONNX, to see whether that pays: not part of the package.

Needs `pip install onnx onnxruntime`. `encode.py --int8` measures its speed and how far its vectors drift.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from spectrove.encoders.network_encoder import NetworkEncoder
from spectrove.preprocess import Prepared

#: Spectra a call; batches of the encoder are as large.
BATCH = 16

Run = Callable[[Prepared], NDArray]


class Pooled(nn.Module):
    """The vector of a network, as its `forward`."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, flux: Tensor, ivar: Tensor) -> Tensor:
        return self.network.pool(flux, ivar)


class Shown(CalibrationDataReader):
    """Spectra from which the range of every layer is learned."""

    def __init__(self, prepared: Prepared) -> None:
        self.left = iter(_feeds(prepared))

    def get_next(self) -> dict[str, NDArray] | None:
        return next(self.left, None)


def export(encoder: NetworkEncoder, path: Path) -> None:
    """The network of an encoder as ONNX, in float32."""
    n = encoder.preprocess.n_pixels
    torch.onnx.export(
        Pooled(encoder.module), (torch.zeros(BATCH, n), torch.ones(BATCH, n)), str(path), dynamo=False,
        input_names=["flux", "ivar"], output_names=["vector"], opset_version=17,
        dynamic_axes={name: {0: "n_spectra"} for name in ("flux", "ivar", "vector")},
    )  # fmt: skip


def quantized(source: Path, target: Path, seen: Prepared) -> None:
    """The same in eight-bit integers: convolutions and matrix products, weights by channel."""
    quantize_static(
        str(source), str(target), Shown(seen), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


def run_of(encoder: NetworkEncoder, path: Path, threads: int) -> Run:
    """What gives the vectors of prepared spectra by an ONNX file, whitened as the encoder does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    mean, axes = encoder.weights["float32.whiten_mean"], encoder.weights["float32.whiten_axes"]

    def run(prepared: Prepared) -> NDArray:
        pooled = [session.run(None, feed)[0] for feed in _feeds(prepared)]
        return (np.concatenate(pooled) - mean) @ axes

    return run


def _feeds(prepared: Prepared) -> list[dict[str, NDArray]]:
    starts = range(0, len(prepared), BATCH)
    return [{"flux": prepared.flux[i : i + BATCH], "ivar": prepared.ivar[i : i + BATCH]} for i in starts]
