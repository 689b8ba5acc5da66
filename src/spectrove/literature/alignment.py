"""Spectra and texts in one space, in which a spectrum lies near the texts that speak of its object.

Both encoders stay as they are; two small networks map their vectors into a shared space and are trained by InfoNCE, so
that linked pairs are nearer than others (after arXiv 2603.04516). Canonical correlation and ridge regression are linear
alternatives behind the same class. Nothing here needs torch once it is fitted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.literature.texts import unit

Floats = NDArray[np.float32]

Kind = Literal["contrastive", "cca", "ridge"]

#: Dimensions of the shared space and of the hidden layer, as in the paper where it says so.
SHARED, HIDDEN = 64, 128

#: Training: epochs, learning rate, weight decay, share of hidden units left out, temperature at the start.
EPOCHS, RATE, DECAY, DROPOUT, TEMPERATURE = 300, 2e-3, 1e-2, 0.3, 0.1

#: Fewest independent groups of links from which a space is fitted.
FEWEST = 20


@dataclass(frozen=True)
class Projection:
    """A map into the shared space: standardise, then linear layers with a rectifier between them.

    Attributes:
        mean, scale: Of the vectors that come in, (n_in,).
        layers: Weight (n_out, n_in) and bias (n_out,) of each layer.
    """

    mean: Floats
    scale: Floats
    layers: tuple[tuple[Floats, Floats], ...]

    def __call__(self, vectors: NDArray[Any]) -> Floats:
        """Unit vectors in the shared space, (n, n_shared)."""
        x = ((vectors - self.mean) / self.scale).astype(np.float32)
        for i, (weight, bias) in enumerate(self.layers):
            x = np.maximum(x, 0) if i else x
            x = x @ weight.T + bias
        return unit(x)


@dataclass(frozen=True)
class Alignment:
    """A fitted shared space.

    Attributes:
        kind: How it was fitted.
        spectra, texts: The maps of both sides.
        about: Encoders and figures, as plain values: `view`, `fingerprint`, and what was measured on links left out.
    """

    kind: Kind
    spectra: Projection
    texts: Projection
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As a safetensors file."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray] = {}
        for side in ("spectra", "texts"):
            projection: Projection = getattr(self, side)
            arrays |= {f"{side}.mean": projection.mean, f"{side}.scale": projection.scale}
            for i, (weight, bias) in enumerate(projection.layers):
                arrays |= {f"{side}.{i}.weight": weight, f"{side}.{i}.bias": bias}
        whole = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
        return save(
            whole, metadata={"kind": self.kind, "about": json.dumps(dict(self.about), sort_keys=True)}
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Alignment:
        """From a safetensors file."""
        from safetensors.numpy import load

        length = int.from_bytes(content[:8], "little")
        texts = json.loads(content[8 : 8 + length])["__metadata__"]
        arrays = load(content)

        def side(name: str) -> Projection:
            n = sum(key.startswith(f"{name}.") and key.endswith(".weight") for key in arrays)
            layers = tuple((arrays[f"{name}.{i}.weight"], arrays[f"{name}.{i}.bias"]) for i in range(n))
            return Projection(arrays[f"{name}.mean"], arrays[f"{name}.scale"], layers)

        return cls(texts["kind"], side("spectra"), side("texts"), json.loads(texts["about"]))


def fit_alignment(
    spectra: NDArray[Any],
    texts: NDArray[Any],
    pairs: NDArray[np.int64],
    kind: Kind = "contrastive",
    *,
    seed: int = 1,
    **settings: Any,
) -> Alignment:
    """A shared space from linked pairs.

    Args:
        spectra: Vectors of objects, (n_objects, n_spectrum).
        texts: Vectors of texts, (n_texts, n_text).
        pairs: Linked rows of both, (n_pairs, 2).
        kind: How it is fitted.
        seed: Of the networks.
        settings: In place of the constants of this module, in lower case: epochs, hidden, shared, decay, ...

    Raises:
        KnowledgeError: There are fewer than three pairs.
    """
    if len(pairs) < 3:
        raise KnowledgeError(f"{len(pairs)} links, expected 3 or more to align spectra with texts.")
    a = _standard(spectra[np.unique(pairs[:, 0])])
    b = _standard(texts[np.unique(pairs[:, 1])])
    x = ((spectra - a[0]) / a[1]).astype(np.float32)
    y = ((texts - b[0]) / b[1]).astype(np.float32)
    fit = {"contrastive": _contrastive, "cca": _cca, "ridge": _ridge}[kind]
    left, right = fit(x, y, pairs, seed, settings)
    return Alignment(kind, Projection(*a, left), Projection(*b, right))


def components(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """The connected part of the graph of links that each pair belongs to, (n_pairs,), numbered from 0.

    Two pairs that share an object or a text, directly or through others, are in one part: figures on links left out
    are honest only if no part lies on both sides.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    first, second = (np.unique(column, return_inverse=True)[1] for column in pairs.T)
    n = first.max() + 1
    size = n + second.max() + 1
    graph = coo_matrix((np.ones(len(pairs)), (first, n + second)), shape=(size, size))
    part = connected_components(graph, directed=False)[1][first]
    return np.unique(part, return_inverse=True)[1].astype(np.int64)


def _standard(vectors: NDArray[Any]) -> tuple[Floats, Floats]:
    scale = vectors.std(axis=0)
    floor = 1e-3 * float(scale.max()) if scale.max() > 0 else 1.0
    return vectors.mean(axis=0).astype(np.float32), np.maximum(scale, floor).astype(np.float32)


Layers = tuple[tuple[Floats, Floats], ...]


def _contrastive(
    x: Floats, y: Floats, pairs: NDArray[np.int64], seed: int, settings: Mapping[str, Any]
) -> tuple[Layers, Layers]:
    """InfoNCE in both directions; all texts of an object, and all objects of a text, are right answers."""
    import torch

    hidden, shared = settings.get("hidden", HIDDEN), settings.get("shared", SHARED)
    dropout, batch = settings.get("dropout", DROPOUT), settings.get("batch", 256)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sides = [
            torch.nn.Sequential(
                torch.nn.Dropout(dropout / 2), torch.nn.Linear(width, hidden), torch.nn.ReLU(),
                torch.nn.Dropout(dropout), torch.nn.Linear(hidden, shared),
            )
            for width in (x.shape[1], y.shape[1])
        ]  # fmt: skip
        sharpness = torch.nn.Parameter(torch.tensor(-float(np.log(settings.get("temperature", TEMPERATURE)))))
        parameters = [p for side in sides for p in side.parameters()]
        optimizer = torch.optim.AdamW(
            [
                {"params": parameters, "weight_decay": settings.get("decay", DECAY)},
                {"params": [sharpness], "weight_decay": 0.0},
            ],
            lr=settings.get("rate", RATE),
        )
        linked = torch.zeros((len(x), len(y)), dtype=torch.bool)
        linked[pairs[:, 0], pairs[:, 1]] = True
        both = [torch.from_numpy(np.ascontiguousarray(side)) for side in (x, y)]
        for _ in range(settings.get("epochs", EPOCHS)):
            order = torch.randperm(len(pairs), generator=generator).numpy()
            for start in range(0, len(order), batch):
                rows = pairs[order[start : start + batch]]
                if len(rows) < 2:
                    continue
                loss = _infonce(sides, both, np.unique(rows[:, 0]), np.unique(rows[:, 1]), linked, sharpness)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return _layers(sides[0]), _layers(sides[1])


def _infonce(sides: Any, both: Any, first: Any, second: Any, linked: Any, sharpness: Any) -> Any:
    """The mean loss of both directions over the objects and texts of a batch."""
    import torch

    a = torch.nn.functional.normalize(sides[0](both[0][first]), dim=1)
    b = torch.nn.functional.normalize(sides[1](both[1][second]), dim=1)
    logits = a @ b.T * sharpness.clamp(max=4.6).exp()
    right = linked[first][:, second]
    total = torch.zeros(())
    for scores, good in ((logits, right), (logits.T, right.T)):
        chosen = torch.logsumexp(scores.masked_fill(~good, -1e9), dim=1)
        total = total + (torch.logsumexp(scores, dim=1) - chosen).mean()
    return total / 2


def _layers(side: Any) -> Layers:
    import torch

    linear = [m for m in side if isinstance(m, torch.nn.Linear)]
    return tuple((m.weight.detach().numpy().copy(), m.bias.detach().numpy().copy()) for m in linear)


def _cca(
    x: Floats, y: Floats, pairs: NDArray[np.int64], seed: int, settings: Mapping[str, Any]
) -> tuple[Layers, Layers]:
    """Regularised canonical correlation, each side whitened by its covariance plus a share of its mean variance."""
    ridge = settings.get("ridge", 0.5)
    a, b = x[pairs[:, 0]].astype(float), y[pairs[:, 1]].astype(float)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    white = [_inverse_root(side.T @ side / len(side), ridge) for side in (a, b)]
    cross = white[0] @ (a.T @ b / len(a)) @ white[1]
    u, s, v = np.linalg.svd(cross, full_matrices=False)
    n = min(settings.get("shared", SHARED), len(s), max(len(pairs) - 1, 1))
    root = np.sqrt(s[:n])
    left = (root[:, None] * (u[:, :n].T @ white[0])).astype(np.float32)
    right = (root[:, None] * (v[:n] @ white[1])).astype(np.float32)
    return ((left, np.zeros(n, np.float32)),), ((right, np.zeros(n, np.float32)),)


def _inverse_root(covariance: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 0) + ridge * max(float(np.trace(covariance)) / len(covariance), 1e-12)
    return (vectors / np.sqrt(values)) @ vectors.T


def _ridge(
    x: Floats, y: Floats, pairs: NDArray[np.int64], seed: int, settings: Mapping[str, Any]
) -> tuple[Layers, Layers]:
    """The vector of the text predicted from that of the spectrum; the space is that of texts."""
    a, b = x[pairs[:, 0]].astype(float), y[pairs[:, 1]].astype(float)
    middle = a.mean(axis=0), b.mean(axis=0)
    a, b = a - middle[0], b - middle[1]
    strength = settings.get("ridge", 10.0)
    weight = np.linalg.solve(a.T @ a + strength * np.eye(a.shape[1]), a.T @ b).T
    n = b.shape[1]
    left = (weight.astype(np.float32), (middle[1] - weight @ middle[0]).astype(np.float32))
    return (left,), ((np.eye(n, dtype=np.float32), np.zeros(n, np.float32)),)
