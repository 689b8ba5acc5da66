"""What a measurement gives."""

from __future__ import annotations

#: A number and its one-sigma error, by the name of the measure; what cannot be measured is NaN.
Values = dict[str, tuple[float, float]]
