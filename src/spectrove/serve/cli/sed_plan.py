"""spectrove sed plan and sed replay: which structure galaxies' models need, step by step; and the same steps again."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import DatasetError, ParameterError, Refusal
from spectrove.serve.cli import options, sed
from spectrove.serve.exits import DONE, FAILED, usage_errors
from spectrove.serve.output import check_output, in_folder, print_json, replace_file, say, write_table
from spectrove.serve.progress import progress_bar
from spectrove.serve.text import count

if TYPE_CHECKING:
    from spectrove.explanation.followup import Meaning
    from spectrove.sed.likelihood import Photometry as One
    from spectrove.sed.planner.bench import Budget
    from spectrove.sed.planner.knowledge import Knowledge
    from spectrove.sed.planner.run import Planned, Planner
    from spectrove.sed.planner.space import Ingredients
    from spectrove.sed.planner.trace import Told, Trace

#: How many galaxies are shown where there is no table of them.
SHOWN = 20

PLANNERS = ("rules", "fixed", "random", "model")


@dataclass(frozen=True)
class Choosing:
    """Who chooses, and what a galaxy may cost."""

    planner: Annotated[
        str, typer.Option("--planner", metavar="NAME", help="rules, or fixed, random, model.")
    ] = "rules"
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, max=30, help="Most actions that compute models.")
    ] = 20
    max_models: Annotated[
        int, typer.Option("--max-models", metavar="N", min=1, help="Most models of a galaxy.")
    ] = 200_000
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", metavar="S", min=0, help="Of a galaxy: no action begins after.")
    ] = 120.0
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the random planner.")] = 0
    knowledge: Annotated[
        Path | None,
        typer.Option(
            "--knowledge", metavar="FILE", help="Best models of other galaxies; new ones are added."
        ),
    ] = None
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The language model of --planner model.")
    ] = None
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint", metavar="URL", help="Where it is: any server that speaks OpenAI's protocol."
        ),
    ] = None
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", min=1, help="Most tokens of the model for a galaxy.")
    ] = 100_000


@dataclass(frozen=True)
class Rows:
    """How a table is read."""

    unit: Annotated[
        str | None,
        typer.Option("--unit", metavar="UNIT", help="Of all fluxes: mJy, uJy, Jy, or AB magnitudes."),
    ] = None
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", metavar="BAND,...", help="Bands that are not used.")
    ] = None
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="The first N rows alone.")
    ] = None
    floor: Annotated[
        float,
        typer.Option("--floor", metavar="SHARE", min=0, max=1, help="Of each flux, added to its error."),
    ] = 0.05


Traced = Annotated[
    Path | None,
    typer.Option(
        "--trace", metavar="FILE", help="Write what is done, as JSON Lines; one that is there goes on."
    ),
]


@options.grouped
def plan(
    table: sed.Photometry,
    making: sed.Making,
    reading: Rows,
    choosing: Choosing,
    trace: Traced = None,
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """Find which structure the models of each galaxy need, and fit it.

    A planner tries changes (burst, slope, nucleus, redshift, a band left out) in a budget and says why it keeps one.
    """
    check_output(output)
    from spectrove.sed.photometry import read_photometry

    with usage_errors():
        parts = sed.parts_of(making.without)
        making = sed.placed(making, table)
        _check(choosing)
    galaxies = read_photometry(table, reading.unit)
    with usage_errors():
        read = sed.Reading(reading.unit, reading.leave_out, reading.rows, reading.floor)
        galaxies = sed.chosen_of(galaxies, read)
    ingredients, guesses = _ingredients(making, galaxies.bands, parts)
    budget = _budget(choosing)
    head = _head(table, making, galaxies.bands, reading.floor, ingredients, budget, choosing)
    for name, why in guesses.items():
        say(f" {name}: a guess, {why}", as_json=True)
    done_before = _opened(trace, head)
    known = _knowledge(choosing.knowledge)
    rows: list[dict[str, Any]] = []
    before = 0
    refused: list[Refusal] = []
    with progress_bar("planning", len(galaxies)) as advance:
        for one in galaxies.rows():
            if isinstance(one, Refusal):
                refused.append(one)
            elif (told := _taken(done_before, one)) is not None:
                rows.append(_row_again(told, one))
                before += 1
            else:
                made = _one(one, ingredients, galaxies.bands, reading.floor, (budget, known, choosing))
                if isinstance(made, Refusal):
                    refused.append(made)
                else:
                    _keep(made, trace, known, choosing.knowledge)
                    rows.append(_row(made))
            advance(1)
    _shown(rows, as_json=as_json)
    if output is not None and rows:
        write_table(output, rows, head, meaning_of)
    for line in sed.refusals_of(refused, as_json=as_json):
        typer.echo(line, err=True)
    said = f" {count(len(rows) - before, 'galaxy', 'galaxies')} planned by {choosing.planner}"
    said += f"; {before} are in {trace} already" if before else ""
    said += (
        f"; {len(done_before)} of {trace} are not as in {table.name}, or not among its rows"
        if done_before
        else ""
    )
    said += f"; {len(refused)} refused" if refused else ""
    said += f"; wrote {', '.join(str(p) for p in (output, trace, choosing.knowledge) if p is not None and rows)}" if (
        rows and (output or trace or choosing.knowledge)) else ""  # fmt: skip
    say(said, as_json=as_json)
    raise typer.Exit(DONE if rows else FAILED)


def _check(choosing: Choosing) -> None:
    """Refuse what does not go together.

    Raises:
        ParameterError: It does not.
    """
    if choosing.planner not in PLANNERS:
        raise ParameterError(f"--planner {choosing.planner}: expected {', '.join(PLANNERS)}.")
    if not math.isfinite(choosing.max_seconds):
        raise ParameterError(f"--max-seconds {choosing.max_seconds}: expected a number of seconds.")
    asks = choosing.planner == "model"
    if asks != (choosing.model is not None) or asks != (choosing.endpoint is not None):
        raise ParameterError(
            "a language model plans with --planner model, --model NAME and --endpoint URL, all three. "
            "Give all of them, or none."
        )


def _budget(choosing: Choosing) -> Budget:
    from spectrove.sed.planner.bench import Budget

    return Budget(choosing.rounds, choosing.max_models, seconds=choosing.max_seconds)


def _ingredients(
    making: sed.Making, bands: tuple[str, ...], parts: set[str]
) -> tuple[Ingredients, dict[str, str]]:
    """What models are computed from, and which curves of filters are guesses."""
    from spectrove.sed.planner.space import Ingredients

    tables = sed.tables_of(making, bands, parts)
    made = Ingredients(tables.populations, tables.chosen.filters, tables.nebula, tables.dust)
    return made, dict(tables.chosen.guesses)


def _head(
    table: Path, making: sed.Making, bands: tuple[str, ...], floor: float, ingredients: Ingredients,
    budget: Budget, choosing: Choosing,
) -> dict[str, Any]:  # fmt: skip
    """What a trace begins with: whatever decides what is done again, but for the galaxies."""
    from spectrove.sed.constants import COSMOLOGY_NAME
    from spectrove.sed.planner.trace import VERSION, print_of
    from spectrove.version import __version__

    def place(path: Path | None) -> str | None:
        return None if path is None else str(path.absolute())

    who = f"random {choosing.seed}" if choosing.planner == "random" else choosing.model or choosing.planner
    return {
        "trace": VERSION, "software": f"spectrove {__version__}", "table": table.name, "planner": who,
        "bands": list(bands), "ssp": place(making.ssp), "tables": place(making.tables),
        "filters": place(making.filters), "without": making.without, "imf": making.imf, "floor": floor,
        "cosmology": COSMOLOGY_NAME, "models": print_of(ingredients), "budget": asdict(budget),
    }  # fmt: skip


def _opened(trace: Path | None, head: dict[str, Any]) -> list[Told]:
    """Begin a trace, or go on with one of the same head; gives the galaxies that it has.

    Raises:
        DatasetError: There is a trace of something else, or a file that is none.
    """
    if trace is None:
        return []
    from spectrove.sed.planner.trace import Trace

    if trace.exists() and trace.stat().st_size:
        known = Trace.read(trace)
        differs = [name for name in head if known.head.get(name) != json.loads(json.dumps(head[name]))]
        if differs:
            raise DatasetError(
                f"{trace}: a trace with another {', '.join(differs)} is there. Write to another file, or remove it."
            )
        with trace.open("r+b") as file:
            file.truncate(known.whole)
        return list(known.galaxies)
    in_folder(trace).write_text(json.dumps(head, ensure_ascii=False) + "\n", "utf-8")
    return []


def _taken(done: list[Told], galaxy: One) -> Told | None:
    """The galaxy of a trace that has this name and photometry, which is taken off the list; None if none has."""
    found = next((i for i, told in enumerate(done) if told.of(galaxy)), None)
    return None if found is None else done.pop(found)


def _knowledge(path: Path | None) -> Knowledge:
    from spectrove.sed.planner.knowledge import Knowledge

    return Knowledge.read(path) if path is not None and path.exists() else Knowledge()


def _one(
    galaxy: One, ingredients: Ingredients, bands: tuple[str, ...], floor: float,
    choice: tuple[Budget, Knowledge, Choosing],
) -> Planned | Refusal:  # fmt: skip
    """Plan one galaxy."""
    from spectrove.sed.planner.bench import Bench
    from spectrove.sed.planner.run import planned

    budget, known, choosing = choice
    try:
        return planned(_planner(choosing), Bench(ingredients, bands, galaxy, floor, budget, known))
    except ParameterError as error:
        return Refusal(galaxy.object_id, f"{galaxy.object_id}: {error}")


def _planner(choosing: Choosing) -> Planner:
    """Who chooses; the key of a model's endpoint is read from SPECTROVE_API_KEY, never from the command line."""
    from spectrove.sed.planner.controls import FixedOrder, Random
    from spectrove.sed.planner.rules import Rules

    if choosing.planner == "model":
        from spectrove.sed.planner.model import LanguageModel

        key = os.environ.get("SPECTROVE_API_KEY", "none")
        with usage_errors():
            return LanguageModel(str(choosing.model), str(choosing.endpoint), key, choosing.max_tokens)
    made: dict[str, Planner] = {"rules": Rules(), "fixed": FixedOrder(), "random": Random(choosing.seed)}
    return made[choosing.planner]


def _keep(made: Planned, trace: Path | None, known: Knowledge, path: Path | None) -> None:
    """Write down what was done, at once."""
    from spectrove.sed.planner.trace import lines

    if trace is not None:
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines(made))
        with trace.open("a", encoding="utf-8") as file:
            file.write(text)
    if path is not None and made.reason:
        known.learn(made.bench.given, made.bench.bands, made.bench.best, made.bench.structure.modules)
        replace_file(path, known.write)


def _row(made: Planned) -> dict[str, Any]:
    """A galaxy as a flat row: its fit, and what the planner did."""
    row = {"id": made.bench.given.object_id} if made.fit is None else made.fit.row()
    return row | {
        "given_redshift": made.bench.given.z,
        "planner": made.planner, "changes": "; ".join(made.changes()), "reason": made.reason,
        "stopped": made.stopped, "rounds": made.bench.rounds, "n_models": made.bench.total,
        "refused_actions": sum(bool(step.refused) for step in made.steps),
    }  # fmt: skip


def _row_again(told: Told, galaxy: One) -> dict[str, Any]:
    """A galaxy that a trace has, as `_row` made it."""
    end, row = told.end, {"id": galaxy.object_id}
    if "fit" in end:
        row |= galaxy.carried
        row |= {name: float("nan") if value is None else value for name, value in end["fit"].items()
                if not name.startswith("residual.")}  # fmt: skip
    return row | {
        "given_redshift": galaxy.z, "planner": told.planner, "changes": "; ".join(end["changes"]),
        "reason": end["reason"], "stopped": end["stopped"], "rounds": end["rounds"], "n_models": end["models"],
        "refused_actions": sum(bool(step.get("refused")) for step in told.steps),
    }  # fmt: skip


def _shown(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in rows:
            print_json(row)
        return
    if rows:
        say(" object              z     log M [Msun]       chi2/bands  rounds  models  changes")
    for row in rows[:SHOWN]:
        if "chi2" not in row:
            say(f" {row['id']:<18} not fitted: {row['stopped']}")
            continue
        z = row.get("bayes.redshift", row["redshift"])
        mass = f"{row['bayes.log_mass']:6.2f} +- {row['bayes.log_mass_err']:.2f}"
        changes = row["changes"] or "none"
        ended = f"  no structure accepted: {row['stopped']}" if row["stopped"] else ""
        say(f" {row['id']:<18} {z:6.4f}  {mass:<17}  {row['chi2']:6.1f}/{row['n_bands']:<4}  "
            f"{row['rounds']:<6}  {row['n_models']:<6}  {changes}{ended}")  # fmt: skip
    if len(rows) > SHOWN:
        say(f" ... {len(rows) - SHOWN} more")


def meaning_of(name: str) -> Meaning | None:
    """Units and words of the columns of a file."""
    from spectrove.explanation.followup import Meaning

    own = {
        "given_redshift": "Of the table; where `changes` has redshift, the fit does not use it",
        "planner": "Who chose what was done", "changes": "How the structure differs from the simplest one",
        "reason": "Why the structure is accepted", "stopped": "Why no structure is",
        "rounds": "Actions that computed models", "n_models": "Models computed, bounds of blocks among them",
        "refused_actions": "Actions that were not done",
    }  # fmt: skip
    return Meaning(own[name]) if name in own else sed.meaning(name)


Replayed = Annotated[Path, typer.Argument(metavar="TRACE", help="What sed plan --trace wrote.")]
Ssp = Annotated[
    Path | None,
    typer.Option("--ssp", metavar="DIR", help="Stellar populations; those whose place the trace has."),
]


def replay(trace: Replayed, ssp: Ssp = None, as_json: options.Json = False) -> None:
    """Do again what a trace says, without its planner, and compare to the last digit.

    It ends with 0 where all is the same.
    """
    from spectrove.sed.planner.bench import Bench
    from spectrove.sed.planner.run import planned
    from spectrove.sed.planner.trace import Recorded, Remembered, Trace, differences

    known = Trace.read(trace)
    ingredients = _again(known, ssp)
    bands, budget, floor = known.bands, known.budget, known.floor
    differs: dict[str, list[str]] = {}
    steps = 0
    with progress_bar("replaying", len(known.galaxies)) as advance:
        for told in known.galaxies:
            bench = Bench(ingredients, bands, told.galaxy, floor, budget, Remembered(told))
            again = planned(Recorded(told), bench)
            steps += len(again.steps)
            if wrong := differences(told, again):
                differs[told.galaxy.object_id] = wrong
            if as_json:
                print_json({"id": told.galaxy.object_id, "steps": len(again.steps), "differs": wrong})
            advance(1)
    for name, wrong in differs.items():
        say(f" {name}: not as in the trace: {', '.join(wrong[:5])}", as_json=as_json)
    what = f"{count(len(known.galaxies), 'galaxy', 'galaxies')}, {count(steps, 'step', 'steps')}"
    same = "the same to the last digit" if not differs else f"{len(differs)} not as in the trace"
    say(f" {what} of {known.head.get('planner')} done again: {same}", as_json=as_json)
    raise typer.Exit(DONE if known.galaxies and not differs else FAILED)


def _again(known: Trace, ssp: Path | None) -> Ingredients:
    """What the models of a trace were computed from.

    Raises:
        DatasetError: The tables or the code have changed since.
    """
    from spectrove.sed.planner.trace import print_of

    head = known.head

    def path(name: str) -> Path | None:
        return None if head.get(name) is None else Path(str(head[name]))

    without, imf = head.get("without"), str(head.get("imf", "kroupa"))
    making = sed.Making(
        ssp or path("ssp"),
        path("tables"),
        path("filters"),
        None if without is None else str(without),
        imf,
    )
    if making.ssp is None:
        raise DatasetError("the trace names no stellar populations. Name their folder (--ssp).")
    ingredients, _ = _ingredients(making, known.bands, sed.parts_of(making.without))
    if print_of(ingredients) != head.get("models"):
        raise DatasetError(
            f"models of {making.ssp} are not those of the trace: tables, filters or levels have changed since. "
            f"Name the folder that the trace was made with (--ssp), or plan again."
        )
    return ingredients


PLAN_COMMANDS: dict[str, Callable[..., None]] = {"plan": plan, "replay": replay}
