"""What a planner may do: a closed list. Nothing else is understood, and no action holds code, a path or an address."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from spectrove.errors import ParameterError
from spectrove.sed.planner.space import BOUNDS, MODULES

#: Most values of a parameter, parameters of a sub-grid, and characters of a reason.
MOST_VALUES, MOST_PARAMETERS, LONGEST = 120, 12, 4000


class _Action(BaseModel):
    """No unknown keys, no NaN, no text read as a number."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, strict=True)


class _Computes(_Action):
    """From which node it goes on; the last one if none is named."""

    node: int | None = Field(
        None, ge=0, description="Number of the node to go on from; the last one if none."
    )


class SetModules(_Computes):
    """Say which parts models have beside stars, gas and dust; a structure tried before goes on where it was."""

    action: Literal["set_modules"] = "set_modules"
    modules: list[str] = Field([], max_length=len(MODULES), description=f"Of {', '.join(MODULES)}.")


class Refine(_Computes):
    """Compute the models of a sub-grid; a parameter that is not named keeps its value of the best model."""

    action: Literal["refine"] = "refine"
    parameters: dict[str, list[float]] = Field(
        min_length=1, max_length=MOST_PARAMETERS, description="Values of each parameter."
    )


class DropBand(_Computes):
    """Leave a band out of the fit from now on."""

    action: Literal["drop_band"] = "drop_band"
    band: str = Field(max_length=100)
    reason: str = Field(min_length=1, max_length=LONGEST)


class FreeRedshift(_Computes):
    """Do not trust the redshift: look between two."""

    action: Literal["free_redshift"] = "free_redshift"
    low: float = Field(gt=0, lt=15)
    high: float = Field(gt=0, lt=15)


class AddAgn(_Computes):
    """Add an active nucleus to the models."""

    action: Literal["add_agn"] = "add_agn"


class Recall(_Computes):
    """Compute the best models of similar galaxies that were fitted before."""

    action: Literal["recall"] = "recall"
    similar: int = Field(ge=1, le=100)


class _Ends(_Action):
    """Which node is meant; the last one if none is named."""

    node: int | None = Field(
        None, ge=0, description="Number of the node that is meant; the last one if none."
    )


class Accept(_Ends):
    """The structure of a node is found. Every figure of the reason must be one of an observation."""

    action: Literal["accept"] = "accept"
    reason: str = Field(min_length=1, max_length=LONGEST)


class Stop(_Ends):
    """No structure is accepted, and why; the one of a node is fitted all the same."""

    action: Literal["stop"] = "stop"
    reason: str = Field(min_length=1, max_length=LONGEST)


Action = SetModules | Refine | DropBand | FreeRedshift | AddAgn | Recall | Accept | Stop

ACTIONS: dict[str, type[Action]] = {
    "set_modules": SetModules, "refine": Refine, "drop_band": DropBand, "free_redshift": FreeRedshift,
    "add_agn": AddAgn, "recall": Recall, "accept": Accept, "stop": Stop,
}  # fmt: skip

_ANY: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Field(discriminator="action")])


def action_of(value: Any) -> Action:
    """An action from plain values.

    Raises:
        ParameterError: It is none of the list, has keys that it does not have, or values beyond what can be.
    """
    try:
        made: Any = value if isinstance(value, BaseModel) else _ANY.validate_python(value)
    except (ValueError, RecursionError) as error:
        told = error.errors()[0] if hasattr(error, "errors") else {"msg": str(error), "loc": ()}
        where = ".".join(str(part) for part in told["loc"])
        raise ParameterError(
            f"no action{f' ({where})' if where else ''}: {told['msg']}. Actions are {', '.join(ACTIONS)}."
        ) from error
    if not isinstance(made, tuple(ACTIONS.values())):
        raise ParameterError(f"no action: a {type(value).__name__}. Actions are {', '.join(ACTIONS)}.")
    if isinstance(made, SetModules) and (wrong := [name for name in made.modules if name not in MODULES]):
        raise ParameterError(f"module {wrong[0]!r:.80}: expected {', '.join(MODULES)}.")
    if isinstance(made, FreeRedshift) and not made.low < made.high:
        raise ParameterError(f"free_redshift from {made.low:g} to {made.high:g}: the lower one comes first.")
    if isinstance(made, Refine):
        _check(made.parameters)
    return cast("Action", made)


def _check(parameters: dict[str, list[float]]) -> None:
    """Refuse values that no model can have.

    Raises:
        ParameterError: A parameter is unknown, has no value or too many, or one outside of its bounds.
    """
    for name, values in parameters.items():
        if name not in BOUNDS:
            raise ParameterError(f"refine: no parameter {name!r:.80}. There are {', '.join(BOUNDS)}.")
        if not 1 <= len(values) <= MOST_VALUES:
            raise ParameterError(f"refine: {len(values)} values of {name}, expected 1 to {MOST_VALUES}.")
        low, high = BOUNDS[name]
        if beyond := [value for value in values if not low <= value <= high]:
            raise ParameterError(f"refine: {name} {beyond[0]:g}: expected {low:g} to {high:g}.")
