"""Run the paper's experiments: python -m experiments table4 figure5 ... | all

Progress goes to stderr; tables, with the paper's figures beside ours, to stdout and with the figures to
experiments/out/NAME/. What was done with the same recipe, encoders, data and code is not done again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import spectrove
from experiments.code import code_hash
from experiments.paper.results import compare, keep, markdown, write
from experiments.samples.recipes import Recipe, read_recipe
from experiments.samples.workshop import Workshop
from experiments.table import PAPER
from spectrove.errors import SpectroveError
from spectrove.provenance import canonical_json, file_hash

#: The folder of all experiments.
HERE = Path(__file__).resolve().parents[1]

#: Folders whose code decides the figures of every experiment, besides its own.
SHARED = (Path(spectrove.__file__).parent, HERE / "paper", HERE / "samples", HERE / "baselines")


def reproduce(
    names: Sequence[str], workshop: Workshop, *, fast: bool = False, again: bool = False, kept: bool = False,
    full: bool = False,
) -> list[Path]:  # fmt: skip
    """Runs experiments, those that are done already excepted; gives their folders under `workshop.out`."""
    folders = []
    for i, name in enumerate(names):
        out = workshop.out / (f"{name}-full" if full else name)
        workshop.say(f"[{i + 1}/{len(names)}] {name}")
        _one(name, out, workshop, fast=fast, again=again, kept=kept, full=full)
        folders.append(out)
    return folders


def _one(
    name: str, out: Path, workshop: Workshop, *, fast: bool, again: bool, kept: bool, full: bool
) -> None:
    module = import_module(PAPER[name].module)
    recipe: Recipe = read_recipe(
        HERE / name / ("full.toml" if full else "recipe.toml"), module.Recipe, fast=fast
    )
    samples = workshop.available(recipe)
    about = describe(name, recipe, samples, workshop)
    done = out / "result.json"
    if (
        done.exists()
        and not again
        and not kept
        and json.loads(done.read_text("utf-8")).get("identity") == about["identity"]
    ):
        workshop.say(
            f"  done before, with the same recipe, encoders, data and code: {out} (--again does it again)"
        )
        print((out / "result.md").read_text("utf-8"))
        return
    missing = [s for s in recipe.samples if s not in samples]
    if missing:
        workshop.say(
            f"  without {', '.join(missing)}: no real spectra (set SPECTROVE_DATA or give --data DIR)"
        )
    began = time.process_time()
    result = module.run(recipe, out, workshop, samples)
    about["seconds"] = round(time.process_time() - began, 1)
    compared = "" if fast or full else compare(result, HERE / name, about)
    write(result, out, about, compared)
    if kept and not (fast or full or missing):
        keep(result, HERE / name, {k: v for k, v in about.items() if k not in ("identity", "recipe")})
    print(markdown(result, compared))
    workshop.say(f"  {about['seconds']:.0f} s of computing, wrote {out}")


def describe(name: str, recipe: Recipe, samples: Sequence[str], workshop: Workshop) -> dict[str, Any]:
    """What decides the figures; `identity` is one hash of all of it, code included."""
    used = dict.fromkeys([recipe.encoder, *workshop.views(recipe).values()])
    encoders = {e: workshop.encoder(e).fingerprint for e in used}
    about = {
        "experiment": name,
        "recipe": recipe.model_dump(mode="json"),
        "encoders": encoders,
        "samples": list(samples),
    }
    data = file_hash(workshop.data / "galaxies" / "index.csv") if workshop.data else ""
    code = code_hash((*SHARED, *(HERE / name).glob("*.py")))
    text = canonical_json(about) + data + str(workshop.archive if "archive" in samples else "") + code
    return about | {"identity": hashlib.sha256(text.encode()).hexdigest()[:16]}


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    os.environ.setdefault("RUST_LOG", "error")
    options = _parser().parse_args(arguments)
    names = list(PAPER) if "all" in options.names else list(dict.fromkeys(options.names))
    workshop = Workshop(options.out, options.data, options.full, say)
    full = options.full is not None
    try:
        reproduce(names, workshop, fast=options.fast, again=options.again, kept=options.keep, full=full)
    except SpectroveError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    finally:
        workshop.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    data = os.environ.get("SPECTROVE_DATA")
    parser = argparse.ArgumentParser(
        "python -m experiments", description=(__doc__ or "").splitlines()[0].partition(":")[0] + "."
    )
    parser.add_argument(
        "names",
        nargs="+",
        choices=[*PAPER, "all"],
        metavar="NAME",
        help=", ".join([*PAPER, "all"]),
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(data) if data else None,
        help="folder with real spectra, as SPECTROVE_DATA",
    )
    parser.add_argument("--no-data", dest="data", action="store_const", const=None, help="mock spectra only")
    parser.add_argument(
        "--full", type=Path, metavar="DATASET", help="run full.toml on a dataset of archive spectra"
    )
    parser.add_argument("--out", type=Path, default=HERE / "out", help="folder to write to")
    parser.add_argument("--again", action="store_true", help="also what is done already")
    parser.add_argument(
        "--fast", action="store_true", help="tiny samples: does it run, not what does it find"
    )
    parser.add_argument(
        "--keep", action="store_true", help="write what was measured to expected.json and README.md"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
