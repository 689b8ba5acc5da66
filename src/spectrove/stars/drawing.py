"""How spectra of stars are drawn: which lines are marked, which are looked at closely."""

from __future__ import annotations

from spectrove.explanation.line_labels import LineLabel
from spectrove.explanation.panel import CloseUp, Drawing, Window
from spectrove.stars.lines import LINES

_LINE = {line.key: line for line in LINES}

#: Strong lines of stars from blue to red: those of a spectrum are the ones that it covers. Rest, vacuum angstrom.
WINDOWS = (
    Window("Ca II H and K", 3905.0, 4000.0),
    Window("Hδ", 4060.0, 4145.0),
    Window("G band, Hγ", 4285.0, 4370.0),
    Window("Hβ", 4820.0, 4905.0),
    Window("Mg b", 5150.0, 5205.0),
    Window("Fe I", 5400.0, 5465.0),
    Window("Na D", 5870.0, 5920.0),
    Window("Hα", 6525.0, 6605.0),
    Window("Ca II triplet", 8485.0, 8685.0),
)

DRAWING = Drawing(
    lines=LINES,
    marked=tuple(
        LineLabel(name, tuple(_LINE[key].wavelength for key in keys), "absorption")
        for name, keys in (
            ("Ca H, K", ("cak", "cah")), ("Hβ", ("hb",)), ("Mg b", ("mgb_5172",)), ("Na D", ("nad_5890",)),
            ("Hα", ("ha",)), ("Ca triplet", ("cat_8542",)),
        )
    ),
)  # fmt: skip

#: The close-up on the card of a hit: lines of magnesium and iron tell giants from dwarfs.
CLOSE = CloseUp(
    Window("Hβ to Mg b", 4820.0, 5210.0),
    (
        LineLabel("Hβ", (_LINE["hb"].wavelength,), "absorption"),
        LineLabel("Mg b", tuple(_LINE[f"mgb_{n}"].wavelength for n in (5167, 5172, 5183)), "absorption"),
    ),
)
