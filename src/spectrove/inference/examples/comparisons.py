"""Ways of comparing an object with examples: by its distance from them, by its angle, by a learned direction.

And by what was measured in the spectra themselves, where the kind of light has such a measurement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.examples.background import Background, Vectors
from spectrove.inference.examples.measured import likeness as measured_likeness

Floats = NDArray[np.float64]

#: Weight of the distance from the negatives beside that from the positives.
AGAINST = 0.5

#: Likeness of objects (n, d) to examples yes (n_yes, d) and no (n_no, d), in centred coordinates; larger is more alike.
Likeness = Callable[[Floats, Floats, Floats], Floats]


def _distance(objects: Floats, yes: Floats, no: Floats) -> Floats:
    """Minus the distance from the mean of the positives, plus a part of that from the mean of the negatives.

    A part, as the difference of two squared distances would be a direction and no distance any more.
    """
    found = -_far(objects, yes.mean(axis=0))
    return found if not len(no) else found + AGAINST * _far(objects, no.mean(axis=0))


def _far(objects: Floats, centre: Floats) -> Floats:
    square = (objects**2).sum(axis=1) + centre @ centre - 2 * objects @ centre
    return np.asarray(np.sqrt(np.maximum(square, 0)), dtype=np.float64)


def _angle(objects: Floats, yes: Floats, no: Floats) -> Floats:
    """Cosine of the angle at the mean of the base between an object and the direction of the examples."""
    return objects @ _direction_of(yes, no) / np.maximum(np.linalg.norm(objects, axis=1), 1e-12)


def _direction(objects: Floats, yes: Floats, no: Floats) -> Floats:
    """Along the direction that tells the examples from the base if all have its covariance (a linear discriminant)."""
    return objects @ _direction_of(yes, no)


def _direction_of(yes: Floats, no: Floats) -> Floats:
    """From the mean of the base, and by as much from that of the negatives as there are of them."""
    centre = yes.mean(axis=0)
    return centre if not len(no) else centre - len(no) / (len(no) + 1) * no.mean(axis=0)


@dataclass(frozen=True)
class Comparison:
    """One way of comparing.

    Attributes:
        view: The view whose vectors are compared, or the title of what is measured in the spectra themselves.
        form: Key of `FORMS`, or `MEASURED`.
    """

    view: str
    form: str

    def likeness(self, background: Background, objects: Vectors, yes: Vectors, no: Vectors) -> Floats:
        """Of objects to examples, vectors by view each, (n_objects,); NaN where nothing can be compared."""
        if self.form == MEASURED:
            return measured_likeness(*(vectors[self.view] for vectors in (objects, yes, no)))
        power, measure = FORMS[self.form]
        axes = background.axes[self.view]
        placed = (axes.coordinates(vectors[self.view], power) for vectors in (objects, yes, no))
        return measure(*placed)

    def of_base(self, background: Background, yes: Vectors, no: Vectors) -> Floats:
        """The same of the base's objects, (n_background,)."""
        if self.form == MEASURED:
            assert background.measured is not None
            return measured_likeness(background.measured.shares, yes[self.view], no[self.view])
        power, measure = FORMS[self.form]
        axes = background.axes[self.view]
        placed = (axes.coordinates(vectors[self.view], power) for vectors in (yes, no))
        return measure(background.placed(self.view, power), *placed)


def comparisons_of(background: Background) -> list[Comparison]:
    """Every way of comparing objects with this background."""
    found = [Comparison(view, form) for view in background.views for form in FORMS]
    own = background.measured
    return found if own is None else [*found, Comparison(own.title, MEASURED)]


#: The form of what is measured in the spectra themselves.
MEASURED = "measured"

#: Each form with the power of the deviations that coordinates are divided by: 0 none, 1 whitened.
FORMS: Mapping[str, tuple[float, Likeness]] = {
    "distance": (0.0, _distance),
    "angle": (0.5, _angle),
    "direction": (1.0, _direction),
}
