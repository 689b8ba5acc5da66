"""Public names that have moved: they work for one more version, with a warning that says the new one.

`MOVED` is the whole list. Modules that are gone are in files of their old names (`ingest.py`, `explain.py`, `mock.py`);
packages that lost some of their names ask `forwarding`. Delete all of it with the next version. Places are written
without "spectrove.", and nothing is imported before somebody asks for an old name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

#: Old module to its names, and where each is now; "" is what the module itself does when it is called.
MOVED: dict[str, dict[str, str]] = {
    "ingest": {
        "": "readers.ingest",
        "READERS": "readers.READERS",
        "IngestReport": "readers.IngestReport",
        "Options": "readers.Options",
        "ingest": "readers.ingest",
        "iter_dataset": "readers.iter_dataset",
        "parse_columns": "readers.parse_columns",
        "read_dataset": "readers.read_dataset",
        "read_file": "readers.read_file",
        "read_spectra": "readers.read_spectra",
        "write_dataset": "readers.write_dataset",
    },
    "explain": {
        "": "pipeline.explain",
        "evidence": "explanation.evidence",
        "report": "explanation.report",
        "sentences": "explanation.sentences",
        "plots": "explanation.plots",
        "gallery": "explanation.gallery",
        "followup": "explanation.followup",
        "citations": "explanation.citations",
    },
    "mock": {
        "OUTLIER_KINDS": "galaxies.mock.OUTLIER_KINDS",
        "MockRecipe": "galaxies.mock.MockRecipe",
        "inject_lens": "galaxies.mock.inject_lens",
        "inject_outlier": "galaxies.mock.inject_outlier",
        "load_recipe": "galaxies.mock.load_recipe",
        "make_survey": "galaxies.mock.make_survey",
        "write_survey": "galaxies.mock.write_survey",
    },
    "pipeline": {
        "Estimates": "pipeline.answers.Answers",
        "OutlierAnswers": "pipeline.answers.Answers",
        "RegionAnswers": "pipeline.answers.Answers",
        "estimates": "pipeline.estimate",
        "find_outliers": "pipeline.outliers",
    },
    "inference": {
        "second_redshift": "galaxies.lenses.second_redshift",
        "signs": "galaxies.lenses.signs",
        "spectral_type": "galaxies.redshift.spectral_type",
    },
}


def forwarding(module: str) -> Callable[[str], Any]:
    """The `__getattr__` of a module that has lost names: it warns and gives what is at the new place."""
    return lambda name: _forwarded(module, name)


def _forwarded(module: str, name: str) -> Any:
    """What is at the new place of a name, with a warning in the line that asked for the old one."""
    place = MOVED[module.removeprefix("spectrove.")].get(name) if name else None
    if place is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(
        f"{module}.{name} is spectrove.{place} now; the old name goes with the next version.",
        DeprecationWarning,
        stacklevel=3,
    )
    return at(place)


class OldModule(ModuleType):
    """A module that is gone: its names are forwarded, and a call is that of the function that has its name now.

    Importing a module hides the function of the same name, as `spectrove.ingest`; so the module can be called.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return _forwarded(self.__name__, name)

    def __call__(self, *args: Any, **options: Any) -> Any:
        return at(MOVED[self.__name__.removeprefix("spectrove.")][""])(*args, **options)


def at(place: str) -> Any:
    """What a dotted name below "spectrove" means: a module, or a name in one."""
    home, _, name = place.rpartition(".")
    module = import_module(f"spectrove.{home}")
    return getattr(module, name) if name in vars(module) else import_module(f"spectrove.{place}")
