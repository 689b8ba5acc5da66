"""Tables and studies by name: what `spectrove evaluate` measures besides a dataset of the user's own."""

from __future__ import annotations

import json
from importlib import import_module

from experiments.samples.surveys import check_real
from experiments.studies.setting import Setting
from experiments.table import STUDIES, TABLES
from spectrove.evaluation.evaluate import Evaluation


def measure(name: str, setting: Setting) -> Evaluation:
    """The table or study of that name, written to its folder as `NAME.md`; a study also as `NAME.json`.

    Raises:
        DatasetError: The folder of real spectra holds none.
    """
    if name in TABLES:
        return import_module(TABLES[name].module).table(name, setting)
    check_real(setting.real)
    if setting.real is None and setting.announce:
        setting.announce("no real spectra (set SPECTROVE_DATA): the real half is left out")
    setting.folder.mkdir(parents=True, exist_ok=True)
    made: Evaluation = import_module(STUDIES[name].module).study(setting)
    (setting.folder / f"{name}.md").write_text(f"```\n{made.text}\n```\n")
    (setting.folder / f"{name}.json").write_text(json.dumps(list(made.rows), indent=1) + "\n")
    return made
