"""How spectra of galaxies are drawn: which lines are marked, which ranges are magnified."""

from __future__ import annotations

from spectrove.explanation.line_labels import LineLabel
from spectrove.explanation.panel import CloseUp, Drawing, Window
from spectrove.galaxies.bands import LINE_BANDS
from spectrove.galaxies.lines import LINE, LINES


def _names(*pairs: tuple[str, tuple[str, ...]]) -> tuple[LineLabel, ...]:
    """Short names over lines, each given by the keys of its lines."""
    return tuple(
        LineLabel(name, tuple(LINE[key].wavelength for key in keys), "emission") for name, keys in pairs
    )


#: The unit of flux is that of the paper: the median between 5300 and 5850 angstrom.
DRAWING = Drawing(
    lines=LINES,
    bands=LINE_BANDS,
    norm=(5300.0, 5850.0),
    zooms=(
        Window("Hβ – [O III]", 4800.0, 5065.0),
        Window("[O I] – Hα – [N II] – [S II]", 6262.0, 6778.0),
    ),
    marked=_names(
        ("[O II]", ("oii_3729",)), ("Hβ [O III]", ("hb", "oiii")), ("Na D", ("nad_5890",)), ("Hα", ("ha",))
    ),
    model="our fit of the stellar continuum",
)

#: The close-up on the card of a hit.
CLOSE = CloseUp(
    Window("Hα window", 6480.0, 6760.0),
    _names(("Hα", ("ha",)), ("[N II]", ("nii",)), ("[S II]", ("sii_6716", "sii_6731"))),
)
