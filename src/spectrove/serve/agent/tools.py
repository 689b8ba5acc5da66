"""The tools of a planner: every task of the other doors, what a base holds, and its objects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import pyarrow as pa
from pydantic import Field, ValidationError

from spectrove.errors import SpectroveError
from spectrove.inference.outlier_score import UNUSUAL
from spectrove.plain import plain
from spectrove.serve.service import looking
from spectrove.serve.service.asking import Item, Question
from spectrove.serve.service.explaining import all_tasks, argued
from spectrove.serve.service.limits import Limits
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.questions import OF_FILES, Data, OfSpectra
from spectrove.serve.service.shelf import Served

#: Significant digits of numbers that two runs have in common: sums of floats depend on the number of threads.
DIGITS = 6


@dataclass(frozen=True)
class Result:
    """What a tool has said.

    Attributes:
        rows: Its answers.
        refusals: Objects without an answer, with the reason.
        about: Where answers come from.
        counts: What the program counted: answers, refusals, targets and how many are expected, values of classes, and
            how many are unusual.
        error: Why there is no answer; "" if there is one.
    """

    rows: tuple[Mapping[str, Any], ...] = ()
    refusals: tuple[Mapping[str, Any], ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        made: dict[str, Any] = plain(vars(self))
        return made

    @property
    def sum(self) -> str:
        """A sum over it, the same for another run of the same question: numbers are rounded, the version left out."""
        told = _rounded(self.to_dict() | {"about": {}})
        return blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        name: Its name.
        summary: What it does, in a sentence.
        model: What it may be asked.
        run: From what is asked to what is said.
    """

    name: str
    summary: str
    model: type[Data]
    run: Callable[[Any], Result]

    def schema(self) -> dict[str, Any]:
        """What it may be asked, as a JSON schema."""
        schema = self.model.model_json_schema()
        for name in OF_FILES if issubclass(self.model, OfSpectra) else ():
            schema["properties"].pop(name, None)
        return schema


class Nothing(Data):
    """A tool that is asked nothing more."""


class Listed(Data):
    """Objects of a base."""

    where: str | None = Field(None, max_length=2000, description="SQL condition on the base's objects.")
    columns: list[str] = Field([], max_length=50, description="Columns; by default the redshift and labels.")
    order: str | None = Field(None, description="Column by which they are sorted, the largest first.")
    limit: int = Field(20, ge=1, le=2000, description="Objects that are listed, of all that are counted.")


class Tools(Mapping[str, Tool]):
    """The tools of one base.

    Args:
        served: The base.
        limits: How much one call may ask for.
    """

    def __init__(self, served: Served, limits: Limits | None = None) -> None:
        self._served, self._limits = served, limits or Limits()
        own = (
            Tool(
                "contents",
                "What the base holds: labels with their values, columns, targets.",
                Nothing,
                self._contents,
            ),
            Tool("objects", "Objects of the base with values of its catalog.", Listed, self._objects),
        )
        runs = {"explain": argued}  # sentences, no figures
        tasks = [
            Tool(t.name, t.summary, t.model, self._task(runs.get(t.name, t.run)))
            for t in all_tasks().values()
        ]
        self._tools = {tool.name: tool for tool in (*own, *tasks)}

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Any:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    @property
    def base(self) -> Served:
        """The base."""
        return self._served

    def checked(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """What is asked of a tool.

        Raises:
            Problem: There is no such tool, or it cannot be asked that: nothing is done.
        """
        if name not in self:
            raise Problem(422, f"tool {name!r}: there are {', '.join(self)}. Call one of them.")
        model = self[name].model
        if issubclass(model, OfSpectra) and (unknown := [key for key in OF_FILES if key in arguments]):
            raise Problem(
                422, f"{name}: {unknown[0]} is about files, and no files are read here. Leave it out."
            )
        try:
            return model.model_validate(dict(arguments))
        except ValidationError as error:
            raise problem_of(error) from error

    def call(self, name: str, asked: Any) -> Result:
        """What a tool says; what goes wrong is part of that."""
        try:
            return self[name].run(asked)
        except (Problem, SpectroveError) as error:
            place = self._served.path
            return Result(error=problem_of(error).detail.replace(str(place), place.name))

    def _contents(self, asked: Nothing) -> Result:
        from spectrove.pipeline import shipped
        from spectrove.pipeline.domains import domain_of

        del asked
        about = looking.about_base(self._served)
        with self._served.shown() as base:
            domain, columns = domain_of(base), list(base.columns)
        targets = {}
        for folder in domain.folders("targets"):
            for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
                target = shipped.load_target(path.stem)
                targets[path.stem] = {"positive": target.positive, "description": target.description}
        words = domain.words.numbers if domain.words else ()
        numbers = {n.name: [n.title, *n.words] for n in words if n.name in columns}
        numbers |= {name: [name] for name in domain.quantities if name in columns and name not in numbers}
        row = {
            "name": about["name"], "domain": domain.name, "objects": about["rows"], "version": about["version"],
            "labels": about["labels"], "columns": columns, "numbers": numbers, "targets": targets,
            "nouns": list(domain.words.nouns) if domain.words else [],
            "estimators": list(domain.estimators), "redshifts": domain.redshift is not None, "label": domain.label,
        }  # fmt: skip
        return Result((plain(row),))

    def _objects(self, asked: Listed) -> Result:
        from spectrove.serve.describing import default_columns

        with self._served.shown() as base:
            columns = list(asked.columns) or default_columns(base)
            named = [*columns, *([asked.order] if asked.order else [])]
            if strange := [name for name in named if name not in base.columns]:
                raise Problem(
                    422, f"{strange[0]}: no column of {self._served.name}. It has {', '.join(base.columns)}."
                )
            table = base.rows(asked.where, list(dict.fromkeys(["object_id", *named])))
        if asked.order and pa.types.is_nested(table.schema.field(asked.order).type):
            raise Problem(
                422, f"{asked.order}: objects are sorted by numbers or words, this column has lists."
            )
        order = [(asked.order, "descending")] if asked.order else []
        rows = table.sort_by([*order, ("object_id", "ascending")]).slice(0, asked.limit).to_pylist()
        return Result(tuple(plain(row) for row in rows), counts={"objects": table.num_rows})

    def _task(self, run: Callable[[Question], Any]) -> Callable[[Any], Result]:
        def asked(what: Any) -> Result:
            return _result(list(run(Question(self._served, what, limits=self._limits))))

        return asked


def _result(items: list[Item]) -> Result:
    rows, refusals, about = (
        tuple(plain(item.row) for item in items if item.kind == kind)
        for kind in ("answer", "refusal", "about")
    )
    return Result(rows, refusals, about[-1] if about else {}, _counts(rows) | {"refused": len(refusals)})


def _counts(rows: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    counts: dict[str, Any] = {"answers": len(rows)}
    if any("is_target" in row for row in rows):
        counts["targets"] = sum(row.get("is_target") is True for row in rows)
        known = [row["probability"] for row in rows if row.get("probability") is not None]
        counts["expected"] = sum(known)
    if any("p_value" in row for row in rows):
        known = [row["p_value"] for row in rows if row.get("p_value") is not None]
        counts |= {
            "unusual": sum(p <= UNUSUAL for p in known),
            "unusual_from": UNUSUAL,
            "by_chance": UNUSUAL * len(known),
        }
    values = Counter(row["value"] for row in rows if isinstance(row.get("value"), str))
    return counts | ({"values": dict(values.most_common())} if values else {})


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value
