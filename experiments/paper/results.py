"""Results: measured figures beside the paper's, and beside those of the last kept run."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from spectrove.evaluation.metrics import Score
from spectrove.explanation.style import png, save
from spectrove.explanation.tables import Table

#: What the columns of samples are headed.
HEADS = {
    "mock": "mock",
    "real": "real",
    "lenses": "real hosts, injected",
    "outliers": "real hosts, injected",
    "archive": "archive",
    "timing": "this machine",
}
BEGIN, END = "<!-- figures: written by --keep -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Measure:
    """One figure.

    Attributes:
        what: Such as "LINER F1".
        sample: Such as "mock".
        value: The figure, with its 95% interval where there is one.
        way: How it was asked, where there are several ways.
        paper: The paper's figure; None where it is not at hand.
        tolerance: How far another run of the same may be off. Infinite for speeds.
        n: Objects it rests on.
        better: "high" where more is better; "" for figures that only describe.
        shown: Whether it stands in the table of figures; points of curves have tables of their own.
    """

    what: str
    sample: str
    value: float
    low: float = math.nan
    high: float = math.nan
    way: str = ""
    paper: float | None = None
    tolerance: float = 0.01
    n: int = 0
    better: str = "high"
    shown: bool = True

    @property
    def key(self) -> str:
        """Its name among all figures of an experiment."""
        return " | ".join(part for part in (self.sample, self.way, self.what) if part)

    def text(self) -> str:
        """As printed, with its interval; counts as whole numbers."""
        if self.tolerance == 0 and self.value.is_integer():
            return f"{self.value:,.0f}"
        return number(self.value) + (
            f" [{number(self.low)} {number(self.high)}]" if self.low == self.low else ""
        )

    def verdict(self) -> str:
        """How it stands to the paper's figure; "" where that is not at hand."""
        if self.paper is None:
            return ""
        gap = f"by {number(abs(self.value - self.paper))}"
        if self.low <= self.paper <= self.high:
            return "agrees"
        if not self.better:
            return "near" if abs(self.value - self.paper) <= 0.25 * abs(self.paper) else f"differs {gap}"
        return f"above {gap}" if self.value > self.paper else f"below {gap}"


def fact(
    what: str,
    sample: str,
    value: float,
    tolerance: float,
    *,
    paper: float | None = None,
    n: int = 0,
    way: str = "",
    shown: bool = True,
) -> Measure:
    """A figure that describes: more of it is neither better nor worse."""
    return Measure(
        what, sample, value, way=way, paper=paper, tolerance=tolerance, n=n, better="", shown=shown
    )


def score_measures(
    name: str,
    sample: str,
    scores: dict[str, Score],
    *,
    way: str = "",
    paper: dict[str, float] | None = None,
    tolerance: float = 0.01,
    shown: bool = True,
) -> list[Measure]:
    """Precision, recall and F1 (and what else there is) as figures."""
    heads = {"precision": "P", "recall": "R", "f1": "F1"}
    return [
        Measure(f"{name} {heads.get(m, m)}".strip(), sample, s.value, s.low, s.high, way,
                (paper or {}).get(m), tolerance, s.n, shown=shown)
        for m, s in scores.items()
    ]  # fmt: skip


@dataclass
class Result:
    """What one experiment found.

    Attributes:
        title: As in the recipe.
        measures: Figures.
        tables: Further tables, for people.
        figures: File name (without suffix) to figure.
        notes: Sentences on how it was done.
        verdict: What it says, in a sentence or two.
    """

    title: str
    measures: list[Measure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    verdict: list[str] = field(default_factory=list)


def number(value: float) -> str:
    """Four digits at most: 0.908, 2.84, 1,204."""
    if not math.isfinite(value):
        return "–"
    size = abs(value)
    if size < 1:
        return f"{value:.2g}" if 0 < size < 0.01 else f"{value:.3f}"
    return f"{value:.2f}" if size < 100 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"


def measure_table(measures: Sequence[Measure]) -> Table:
    """A row per figure and way; a column for the paper and for each sample."""
    measures = [m for m in measures if m.shown]
    samples = list(dict.fromkeys(HEADS[m.sample] for m in measures))
    ways = any(m.way for m in measures)
    rows = []
    for what, way in dict.fromkeys((m.what, m.way) for m in measures):
        mine = {HEADS[m.sample]: m for m in measures if (m.what, m.way) == (what, way)}
        paper = next((m.paper for m in mine.values() if m.paper is not None), None)
        said = [f"{head}: {v}" for head, m in mine.items() if (v := m.verdict())]
        cells = [mine[head].text() if head in mine else "" for head in samples]
        rows.append(
            [what, *([way] if ways else []), "" if paper is None else number(paper), *cells, "; ".join(said)]
        )
    header = ["figure", *(["how"] if ways else []), "paper", *samples, "against the paper"]
    if not any(row[-1] for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return Table("", header, rows)


def markdown_table(table: Table) -> str:
    """A table as Markdown, with its title above and its note below."""
    lines = [f"**{table.title}**", ""] if table.title else []
    lines += ["| " + " | ".join(table.header) + " |", "|" + "---|" * len(table.header)]
    lines += ["| " + " | ".join(str(c).replace("|", "/") for c in row) + " |" for row in table.rows]
    return "\n".join([*lines, *(["", table.note] if table.note else [])])


def markdown(result: Result, compared: str = "") -> str:
    """The whole result as Markdown."""
    parts = [f"# {result.title}"]
    parts += ["\n".join(f"- {line}" for line in result.verdict)] if result.verdict else []
    parts += [markdown_table(measure_table(result.measures))] if any(m.shown for m in result.measures) else []
    parts += [markdown_table(table) for table in result.tables]
    parts += [f"![{name}]({name}.png)" for name in result.figures]
    parts += ["\n".join(result.notes)] if result.notes else []
    return "\n\n".join([*parts, *([compared] if compared else [])]) + "\n"


def write(result: Result, out: Path, about: dict[str, Any], compared: str) -> None:
    """Writes result.md, the figures, and last result.json, which says that all is there."""
    for name, figure in result.figures.items():
        save(png(figure), out / f"{name}.png")
    save(markdown(result, compared).encode(), out / "result.md")
    whole = about | {
        "measures": {m.key: plain(m) for m in result.measures},
        "tables": [
            {"title": t.title, "header": list(t.header), "rows": [list(r) for r in t.rows]}
            for t in result.tables
        ],
        "figures": [f"{name}.png" for name in result.figures],
        "verdict": result.verdict,
        "notes": result.notes,
    }
    save((json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode(), out / "result.json")


def plain(m: Measure) -> dict[str, Any]:
    """A figure for JSON."""
    values = {
        "value": m.value,
        "low": m.low,
        "high": m.high,
        "paper": m.paper,
        "n": m.n,
        "tolerance": m.tolerance,
    }
    kept = {
        k: v
        for k, v in values.items()
        if v is not None and not (isinstance(v, float) and not math.isfinite(v))
    }
    return {k: round(v, 5) if isinstance(v, float) else v for k, v in kept.items()}


# --- kept figures --------------------------------------------------------------------------------------


def keep(result: Result, folder: Path, about: dict[str, Any]) -> None:
    """Writes what was measured to expected.json, and the tables to the README between their marks."""
    save(kept_json(result, about).encode(), folder / "expected.json")
    readme = folder / "README.md"
    text = readme.read_text("utf-8")
    if BEGIN not in text or END not in text:
        return
    head, rest = text.split(BEGIN, 1)
    parts = [markdown_table(measure_table(result.measures))] if any(m.shown for m in result.measures) else []
    parts += [markdown_table(t) for t in result.tables]
    parts += ["\n".join(result.notes)] if result.notes else []
    parts += ["Verdict: " + " ".join(result.verdict)] if result.verdict else []
    body = "\n\n".join([*parts, _made_with(about)])
    save(f"{head}{BEGIN}\n\n{body}\n\n{END}{rest.split(END, 1)[1]}".encode(), readme)


def kept_json(result: Result, about: dict[str, Any]) -> str:
    """What was measured and with what, a line per figure."""
    rows = [f"  {_dump(m.key)}: {_dump(plain(m))}" for m in result.measures]
    head = [f" {_dump(key)}: {_dump(value)}" for key, value in (about | {"verdict": result.verdict}).items()]
    return ",\n".join(["{\n" + head[0], *head[1:], ' "measures": {\n' + ",\n".join(rows) + "\n }\n}\n"])


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def compare(result: Result, folder: Path, about: dict[str, Any]) -> str:
    """One sentence: are these the figures of the kept run?"""
    path = folder / "expected.json"
    if not path.exists():
        return "No kept run to compare with."
    expected = json.loads(path.read_text("utf-8"))
    now = {m.key: m for m in result.measures}
    both = [k for k in expected.get("measures", {}) if k in now]
    off = [k for k in both if not _near(now[k].value, expected["measures"][k])]
    text = f"{len(both) - len(off)} of {len(both)} figures are those of expected.json within tolerance"
    if off:
        text += ": not " + ", ".join(
            f"{k} ({number(now[k].value)}, expected {_value(expected, k)})" for k in off[:5]
        )
        text += f" and {len(off) - 5} more" if len(off) > 5 else ""
    if expected.get("encoders") != about.get("encoders"):
        text += f". expected.json was measured with other encoders ({expected.get('encoders')})"
    return text + "."


def _near(value: float, kept: dict[str, float]) -> bool:
    expected = kept.get("value", math.nan)
    if not math.isfinite(expected) or not math.isfinite(value):
        return not math.isfinite(expected) and not math.isfinite(value)
    return abs(value - expected) <= kept.get("tolerance", math.inf)


def _value(expected: dict[str, Any], key: str) -> str:
    return number(expected["measures"][key].get("value", math.nan))


def _made_with(about: dict[str, Any]) -> str:
    encoders = ", ".join(f"{name} {fingerprint}" for name, fingerprint in about.get("encoders", {}).items())
    return f"Encoders: {encoders}. {about.get('seconds', 0):.0f} s of computing." if encoders else ""
