"""What users ask of the network: given these quantities of stars, what are those?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from spectrove.errors import ParameterError, RecipeError, Refusal
from spectrove.posterior import Posterior
from spectrove.stars.tokens.model import TokenNetwork
from spectrove.stars.tokens.recipe import TokensRecipe
from spectrove.stars.tokens.vocabulary import NAMES, PARALLAX_G, PLACE, TOKENS

Floats = NDArray[np.float64]
_Inputs = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]
Known = Mapping[str, tuple[ArrayLike, ArrayLike]]

#: The file of the package's network.
NETWORK = "tokens.safetensors"

#: What users may give or ask beside tokens; both together are one token.
PARALLAX, MAGNITUDE = "parallax", "g_mag"

#: A known value that is further than so many of its errors beyond all mock stars is none of theirs.
FAR = 5.0

#: Tensors that are kept in single precision; all others in half.
_EXACT = ("centre", "spread", "low", "high", "start.")

#: Stars that are computed together.
_TOGETHER = 256


class StarTokens:
    """The network with what it needs to be asked.

    Args:
        network: Trained.
        low, high: Least and largest value of each token among the stars it learned from, on the scale of the network.
    """

    def __init__(self, network: TokenNetwork, low: Floats, high: Floats) -> None:
        self.network = network.eval().requires_grad_(False)
        self.low, self.high = np.asarray(low, float), np.asarray(high, float)
        self.centre, self.spread = (m.double().numpy() for m in (network.centre, network.spread))

    @staticmethod
    def load(path: Path | None = None) -> StarTokens:
        """The network of the package, or one that `save` wrote.

        Raises:
            RecipeError: It is of other tokens than those of this version.
        """
        return _packaged() if path is None else _load(path)

    def infer(self, known: Known, wanted: Sequence[str], object_id: Sequence[str] | None = None) -> Posterior:
        """What is known of some quantities of stars, given others.

        Args:
            known: Value and one-sigma error by name, in the units of `vocabulary.TOKENS`, as numbers or arrays
                (n_stars,); NaN where a quantity of a star is unknown. `parallax` (mas) goes with `g_mag`.
            wanted: Names; `parallax` where `g_mag` is known. What is known may be asked for, too.
            object_id: Of the stars; their numbers by default.

        Returns:
            Mean and variance of each; quantities are taken as independent of each other. A star of which nothing is
            known is refused. Flag `outside_labels`: something known lies beyond all stars that the network has seen.

        Raises:
            ParameterError: A name that is none, nothing known, an error that is not positive, or shapes that differ.
        """
        values, errors, magnitude = _arrays(known, wanted)
        n = len(values)
        names = [str(i) for i in range(n)] if object_id is None else [str(name) for name in object_id]
        if len(names) != n:
            raise ParameterError(f"object_id: {len(names)} names of {n} stars, expected one of each.")
        told = np.isfinite(values)
        some = np.asarray(told.any(axis=1))
        asked = [PARALLAX_G if name == PARALLAX else name for name in wanted]
        value, error = on_scale(values[some], errors[some])
        mean, sigma = self.ask(value, error, np.array([PLACE[name] for name in asked], np.int64))
        for i, name in enumerate(asked):
            mean[:, i], sigma[:, i] = TOKENS[PLACE[name]].said(mean[:, i], sigma[:, i])
            if wanted[i] == PARALLAX:
                mean[:, i], sigma[:, i] = (
                    a * 10 ** (-0.2 * magnitude[some]) for a in (mean[:, i], sigma[:, i])
                )
        covariance = np.zeros((len(mean), len(wanted), len(wanted)))
        covariance[:, range(len(wanted)), range(len(wanted))] = sigma**2
        outside = self.outside(value, error)
        return Posterior(
            np.array(names)[some], tuple(wanted), mean, covariance, None,
            [("outside_labels",) * bool(far) for far in outside], frozenset({"outside_labels"}),
            tuple(
                Refusal(name, f"{name}: nothing is known of it, expected one of {', '.join(known)}. Leave it out.")
                for name, is_known in zip(names, some, strict=True) if not is_known
            ),
        )  # fmt: skip

    def outside(self, value: Floats, error: Floats) -> NDArray[np.bool_]:
        """Whether a known value lies beyond those of all stars that the network has seen, by more than its error."""
        with np.errstate(invalid="ignore"):
            far = (value < self.low - FAR * error) | (value > self.high + FAR * error)
        return np.asarray(far.any(axis=1))

    def ask(self, value: Floats, error: Floats, wanted: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Mean and error of wanted tokens (places, (m,)) on the scale of the network, (n_stars, m).

        Args:
            value, error: All tokens on the scale of the network, NaN where unknown; (n_stars, n_tokens).
            wanted: Places in the vocabulary.
        """
        mean, sigma = (np.empty((len(value), len(wanted))) for _ in range(2))
        with torch.no_grad():
            for part, inputs in self._batches(value, error):
                found, log_sigma = self.network(
                    *inputs[:3], torch.as_tensor(np.tile(wanted, (len(inputs[0]), 1))), inputs[3]
                )
                mean[part] = found.double().numpy() * self.spread[wanted] + self.centre[wanted]
                sigma[part] = np.exp(log_sigma.double().numpy()) * self.spread[wanted]
        return mean, sigma

    def embed(self, value: Floats, error: Floats) -> Floats:
        """One vector for each star from what is known of it, (n_stars, width): the mean of what is made of it.

        Args:
            value, error: All tokens on the scale of the network, NaN where unknown; (n_stars, n_tokens).
        """
        out = np.empty((len(value), self.network.recipe.width))
        with torch.no_grad():
            for part, inputs in self._batches(value, error):
                token, present = self.network.encode(*inputs)
                weight = torch.ones_like(token[..., :1]) if present is None else present[..., None].float()
                out[part] = ((token * weight).sum(dim=1) / weight.sum(dim=1)).double().numpy()
        return out

    def _batches(self, value: Floats, error: Floats) -> Iterator[tuple[slice, _Inputs]]:
        """Inputs of the network by batches of stars: tokens that no star of all has are left out."""
        some = np.flatnonzero(np.isfinite(value).any(axis=0))
        for start in range(0, len(value), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            v, e = value[part][:, some], error[part][:, some]
            present = np.isfinite(v)
            shown, error_shown = (
                torch.as_tensor(np.where(present, a, b)).float()
                for a, b in (((v - self.centre[some]) / self.spread[some], 0.0), (e / self.spread[some], 1.0))
            )
            name = torch.as_tensor(np.tile(some, (len(v), 1)))
            yield part, (name, shown, error_shown, None if present.all() else torch.as_tensor(present))

    def save(self, path: Path, about: Mapping[str, str]) -> None:
        """Write weights (half precision), recipe, names of the tokens and their ranges to one file."""
        tensors = dict(self.network.state_dict()) | {
            "low": torch.as_tensor(self.low).float(),
            "high": torch.as_tensor(self.high).float(),
        }
        packed = {n: (t if n.startswith(_EXACT) else t.half()).contiguous() for n, t in tensors.items()}
        said = {"recipe": self.network.recipe.model_dump_json(), "tokens": json.dumps(NAMES)}
        save_file(packed, path, said | dict(about))
        path.chmod(0o644)  # safetensors writes files that their owner alone may read


def on_scale(values: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Values and errors of all tokens on the scale of the network, from those in their units; NaN stays."""
    value, error = np.array(values), np.array(errors)
    for i, token in enumerate(TOKENS):
        value[:, i], error[:, i] = token.seen(values[:, i], errors[:, i])
    return value, error


def _arrays(known: Known, wanted: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """Values and errors of all tokens, (n, n_tokens), NaN where unknown, and the magnitudes, (n,)."""
    allowed = {*NAMES, PARALLAX, MAGNITUDE}
    unknown = [name for name in (*known, *wanted) if name not in allowed]
    if unknown or MAGNITUDE in wanted:
        raise ParameterError(
            f"{', '.join(unknown or [MAGNITUDE])}: no quantity that the network knows"
            f"{'' if unknown else ' of a star whose distance it does not know'}, expected some of bp_1 to bp_40, "
            f"{', '.join(name for name in NAMES if not name.startswith('bp_'))}, {PARALLAX} (with {MAGNITUDE})."
        )
    if not known or not wanted:
        raise ParameterError("nothing known or nothing wanted, expected at least one quantity of each.")
    given = {name: _pair(name, pair) for name, pair in known.items()}
    if (PARALLAX in given and MAGNITUDE not in given) or (
        MAGNITUDE in given and PARALLAX not in (*given, *wanted)
    ):
        raise ParameterError(
            f"{PARALLAX} and {MAGNITUDE} say something of a star together only: give both, or {MAGNITUDE} and want "
            f"{PARALLAX}."
        )
    if PARALLAX in wanted and MAGNITUDE not in given:
        raise ParameterError(f"{PARALLAX} is wanted and {MAGNITUDE} unknown: give {MAGNITUDE}.")
    n = max(len(value) for value, _ in given.values())
    if wrong := [name for name, (value, _) in given.items() if len(value) not in (1, n)]:
        raise ParameterError(
            f"{', '.join(wrong)}: not as many values as other quantities ({n}), expected one of each star."
        )
    given = {name: (np.resize(value, n), np.resize(error, n)) for name, (value, error) in given.items()}
    magnitude, magnitude_error = given.pop(MAGNITUDE, (np.full(n, np.nan), np.full(n, np.nan)))
    if PARALLAX in given:
        parallax, error = given.pop(PARALLAX)
        times = 10 ** (0.2 * magnitude)
        given[PARALLAX_G] = (
            parallax * times, np.hypot(error, 0.2 * np.log(10) * parallax * magnitude_error) * times
        )  # fmt: skip
    values, errors = np.full((n, len(NAMES)), np.nan), np.full((n, len(NAMES)), np.nan)
    for name, (value, error) in given.items():
        values[:, PLACE[name]], errors[:, PLACE[name]] = value, error
    return values, errors, magnitude


def _pair(name: str, pair: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    try:
        value, error = (np.atleast_1d(np.asarray(a, float)) for a in pair)
    except (TypeError, ValueError) as cause:
        raise ParameterError(
            f"{name}: expected a pair of numbers or arrays, a value and its error."
        ) from cause
    error = np.broadcast_to(error, value.shape) if error.size == 1 else error
    if value.ndim != 1 or value.shape != error.shape:
        raise ParameterError(
            f"{name}: values of shape {value.shape} and errors of shape {error.shape}, expected the same, (n_stars,)."
        )
    bad = np.isfinite(value) & ~(np.isfinite(error) & (error > 0))
    if bad.any():
        raise ParameterError(
            f"{name}: {bad.sum()} of {len(bad)} values have no error above zero. Give one, or NaN for an unknown value."
        )
    low = 0.0 if name == "teff" else -np.inf
    if (wrong := np.isfinite(value) & (value <= low)).any():
        raise ParameterError(
            f"{name}: {wrong.sum()} of {len(wrong)} values are not above zero, expected kelvin."
        )
    return value, np.where(np.isfinite(value), error, np.nan)


@cache
def _packaged() -> StarTokens:
    with as_file(files("spectrove.stars") / "data" / NETWORK) as path:
        return _load(path)


def _load(path: Path) -> StarTokens:
    with safe_open(path, "pt") as file:
        said = file.metadata()
    if json.loads(said["tokens"]) != list(NAMES):
        raise RecipeError(
            f"{path.name}: a network of other tokens than the {len(NAMES)} of this version. Train it anew."
        )
    network = TokenNetwork(TokensRecipe.model_validate_json(said["recipe"]))
    tensors = {n: t.float() for n, t in load_file(path).items()}
    low, high = (tensors.pop(name).double().numpy() for name in ("low", "high"))
    network.load_state_dict(tensors)
    return StarTokens(network, low, high)
