"""The old name of `spectrove.readers`, see `moved.py`."""

from __future__ import annotations

import sys

from spectrove.moved import OldModule

sys.modules[__name__].__class__ = OldModule
