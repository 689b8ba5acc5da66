"""Pages that are made from the code and from reports elsewhere in the repository, and links between files as pages.

Everything goes to docs/made/, which is not committed. No number of a report is typed again: its page is the report.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

#: Reports and files of the repository that become pages, by the name of the page.
REPORTS: dict[str, Path] = {
    "made/files/readme": ROOT / "README.md",
    "made/files/architecture": ROOT / "ARCHITECTURE.md",
    "made/files/contributing": ROOT / "CONTRIBUTING.md",
    "made/files/changelog": ROOT / "CHANGELOG.md",
    "made/files/benchmarks": ROOT / "benchmarks" / "README.md",
    "made/files/experiments": ROOT / "experiments" / "README.md",
    **{f"made/measured/{p.parent.name}": p for p in sorted((ROOT / "experiments").glob("*/README.md"))},
    **{
        f"made/encoders/{p.parent.name}": p
        for pattern in ("src/spectrove/*/weights/*/README.md", "experiments/weights/*/README.md")
        for p in sorted(ROOT.glob(pattern))
    },
}

#: A link or a picture of Markdown: its mark, its text, the file and the place in it.
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
PICTURES = {".png", ".svg", ".jpg"}


def write(docs: Path) -> None:
    """All pages that are made, in `docs/made/`; a page that has not changed is left alone."""
    pages = {**_reference(), **{name: path.read_text("utf-8") for name, path in REPORTS.items()}}
    pages |= {
        "made/measured/index": _list(
            "Measured", "made/measured/", "Each measurement with the command that made it."
        )
    }
    pages |= {
        "made/encoders/index": _list(
            "Encoders", "made/encoders/", "What each encoder was trained on, and its limits."
        )
    }
    for name, text in pages.items():
        _put(docs / f"{name}.md", text.encode())
    for name, report in REPORTS.items():
        for link in LINK.finditer(report.read_text("utf-8")):
            picture = report.parent / link[3]
            if picture.suffix in PICTURES and picture.is_file():
                _put(docs / _picture(name, picture), picture.read_bytes())
    for old in (docs / "made").rglob("*.md"):
        if old.relative_to(docs).with_suffix("").as_posix() not in pages:
            old.unlink()


def relink(app: Any, name: str, source: list[str]) -> None:
    """Links to files of the repository lead to their pages; what is no page is named without a link."""
    file = REPORTS.get(name, Path(app.srcdir) / f"{name}.md")
    if name.startswith("made/") and name not in REPORTS:
        return
    parts = FENCED.split(source[0])
    parts[::2] = [
        LINK.sub(lambda found: _link(found, file, name, Path(app.srcdir)), part) for part in parts[::2]
    ]
    source[0] = "".join(parts)


def _link(found: re.Match[str], file: Path, name: str, docs: Path) -> str:
    """One link as it is written on the page of this name."""
    mark, text, target, place = found[1], found[2], found[3], found[4] or ""
    if not target or "://" in target or target.startswith("mailto:"):
        return found[0]
    wanted = (file.parent / target).resolve()
    if mark and name in REPORTS and wanted.suffix in PICTURES and wanted.is_file():
        return f"![{text}]({os.path.relpath(_picture(name, wanted), Path(name).parent)})"
    if mark:
        return found[0]
    page = next((n for n, path in REPORTS.items() if path in (wanted, wanted / "README.md")), None)
    if page is None and wanted.suffix == ".md" and wanted.is_file() and docs in wanted.parents:
        page = wanted.relative_to(docs).with_suffix("").as_posix()
    if page is None:
        return text if "`" in text else f"`{text}`"
    return f"[{text}]({os.path.relpath(f'{page}.md', Path(name).parent)}{place})"


def _picture(name: str, picture: Path) -> str:
    """Where the picture of a report stands among the pages."""
    return f"{Path(name).parent}/{Path(name).name}-{picture.name}"


def _put(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _list(title: str, start: str, about: str) -> str:
    """A page that lists the reports of a kind."""
    names = [name.removeprefix(start) for name in REPORTS if name.startswith(start)]
    return _page(title, about, "```{toctree}\n" + "\n".join(names) + "\n```")


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((f"# {title}", *parts)) + "\n"


def _reference() -> dict[str, str]:
    """The pages of reference, made from the tables of the code."""
    return {
        f"made/reference/{name}": text
        for name, text in {
            "python": _python(),
            "verbs": _verbs(),
            "readers": _readers(),
            "targets": _targets(),
            "errors": _errors(),
            "flags": _flags(),
            "commands": _commands(),
            "kinds-of-light": _domains(),
        }.items()
    }


def _python() -> str:
    """Every public name by its docstring; base classes with the members that are public."""
    import spectrove

    blocks = []
    for name in spectrove.__all__:
        value = getattr(spectrove, name)
        if not inspect.isclass(value):
            blocks.append(f".. autofunction:: spectrove.{name}")
        elif issubclass(value, Exception):
            blocks.append(f".. autoexception:: spectrove.{name}")
        else:
            blocks.append(
                f".. autoclass:: spectrove.{name}\n   :members:\n   :inherited-members: BaseModel,Exception"
            )
    rst = "\n\n".join(blocks)
    return _page(
        "Python, name by name",
        "The docstrings, with shapes, units and errors. [From Python](../../api.md) is "
        "the same as a text to read.",
        f"```{{eval-rst}}\n{rst}\n```",
    )


def _verbs() -> str:
    """What can be asked of a base, and every option, from the table of verbs."""
    from spectrove.pipeline.verbs import VERBS

    parts = []
    for verb in VERBS.values():
        rows = [
            (f"`{name}`", _type(field.annotation), _default(field), field.description or "")
            for name, field in verb.options.model_fields.items()
            if not field.exclude
        ]
        command = f"On the command line: `spectrove {verb.command}`."
        keys = ", ".join(f"`{column}`" for column in verb.columns)
        subject = f", {verb.subject}" if verb.subject else ""
        parts += [
            f"## `{verb.name}`", verb.summary, f"`spectrove.{verb.name}(base, spectra{subject}, ...)`. {command}",
            _table(("option", "type", "default", "meaning"), rows), f"Keys of an answer: {keys}.",
        ]  # fmt: skip
    about = (
        "What can be asked of a base. Command line, HTTP and language models are made from the same table."
    )
    return _page("Verbs and their options", about, *parts)


def _readers() -> str:
    """The layouts of files that are recognised, from the table of readers."""
    from spectrove.readers.readfile import READERS

    rows = [(f"`{name}`", _first(module.__doc__)) for name, module in READERS.items()]
    about = "The first reader that recognises a file reads it; `--survey NAME` chooses one."
    return _page(
        "Readers",
        about,
        _table(("name", "files"), rows),
        "[File formats](../../formats.md) has more on each.",
    )


def _targets() -> str:
    """Every shipped target, as it is."""
    from spectrove.pipeline.domains import DOMAINS

    parts = []
    for domain in DOMAINS.values():
        for folder in domain.folders("targets"):
            for file in sorted(folder.glob("*.toml")):
                parts += [
                    f"## `{file.stem}`",
                    f"For {domain.name}.",
                    f"```toml\n{file.read_text('utf-8').strip()}\n```",
                ]
    return _page("Shipped targets", "[Targets](../../targets.md) says how to write one.", *parts)


def _errors() -> str:
    """The tree of errors."""
    from spectrove import errors

    def below(kind: type, depth: int) -> Iterator[str]:
        yield f"{'  ' * depth}- `{kind.__name__}`: {_first(kind.__doc__)}"
        for one in kind.__subclasses__():
            if one.__module__ == errors.__name__:
                yield from below(one, depth + 1)

    about = "Every error that a user can act on. [Errors](../../errors.md) says what to do about each."
    return _page("Errors, as a tree", about, "\n".join(below(errors.SpectroveError, 0)))


def _flags() -> str:
    """Every flag of a spectrum or an answer."""
    from spectrove.spectra import FLAGS

    rows = [(f"`{name}`", meaning) for name, meaning in FLAGS.items()]
    return _page(
        "Flags", "What answers say of the spectra and of themselves.", _table(("flag", "meaning"), rows)
    )


def _commands() -> str:
    """Every command by its help."""
    import typer

    from spectrove.serve.cli import app

    def all_of(group: Any, name: str) -> Iterator[tuple[str, Any]]:
        for key, command in group.commands.items():
            full = f"{name} {key}"
            yield from all_of(command, full) if hasattr(command, "commands") else [(full, command)]

    rows = [
        (f"[`{name}`](../../cli.md#{name.replace(' ', '-')})", _first(command.help))
        for name, command in all_of(typer.main.get_command(app), "spectrove")
    ]
    return _page("Commands", _table(("command", "what it does"), rows))


def _domains() -> str:
    """What each kind of light brings, from the table of domains."""
    from spectrove.pipeline.domains import DOMAINS

    parts = []
    for domain in DOMAINS.values():
        quantities = [(f"`{q.name}`", q.unit or "–") for q in domain.quantities.values()]
        measures = domain.measurer.measures if domain.measurer else ()
        parts += [f"## {domain.name}", domain.title]
        parts += [f"Encoder of a new base: `{domain.encoder}`; labels are expected in `{domain.label}`."]
        if measures:
            rows = [(f"`{m.name}`", m.title, m.unit or "–", m.group) for m in measures]
            parts += ["Measured in spectra themselves:", _table(("name", "what", "unit", "group"), rows)]
        parts += ["Columns with a unit or limits:", _table(("column", "unit"), quantities)]
    return _page("Kinds of light", *parts)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return "No options."
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in lines
    )


def _first(text: str | None) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())


def _type(annotation: Any) -> str:
    """A type in few words, without the modules of its names."""
    text = (
        annotation.__name__
        if inspect.isclass(annotation)
        else re.sub(r"\b(?:typing|spectrove[\w.]*)\.", "", str(annotation))
    )
    text = re.sub(r"Annotated\[(\w[^,]*), .*", r"\1", text)
    return f"`{text}`"


def _default(field: Any) -> str:
    return "required" if field.is_required() else f"`{field.default}`"


def clean(docs: Path) -> None:
    """Remove what was made."""
    shutil.rmtree(docs / "made", ignore_errors=True)
