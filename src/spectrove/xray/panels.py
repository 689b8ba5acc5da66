"""What X-ray sources have to say in an explanation: `XrayPanels` is the `PanelMaker` of their domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import SpectrumError
from spectrove.explanation.panel import Column, Comparison, FigurePanel, Measurement, Names, Panels
from spectrove.explanation.tables import Table, with_error
from spectrove.plain import plain
from spectrove.xray.measuring import Fitted, fitted, hardness
from spectrove.xray.words import CLASS_NAMES
from spectrove.xray.works import of_fits

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spectrove.explanation.evidence import Evidence
    from spectrove.explanation.measured import Measured
    from spectrove.knowledge import KnowledgeBase
    from spectrove.xray.fitting.fit import Fit, Interval

FOOTER = (
    "Models are fitted to the counts by Spectrove, with the response and the background of each spectrum; they explain "
    "an answer and never decide it. Energies are as observed. Intervals are 68% of the posterior, flat in log column "
    "and in Γ or log kT."
)

COLUMNS = (
    Column(("Net", "counts")),
    Column(("Hard − soft",)),
    Column(("N_H", "(1e22 cm⁻²)")),
    Column(("Γ", "(power law)")),
    Column(("kT (keV)", "(plasma)")),
    Column(("Best model",), False),
)
COLUMNS_NOTE = "Columns from Net counts on are measured in each stored spectrum, with its own response."

#: Objects of the base in the hardness diagram.
MOST_KNOWN = 500

#: With fewer net counts, or a larger share of background, or a worse fit (in sigma of the statistic), a caution.
FEW, MUCH, BAD = 30, 0.5, 4.0

#: ln of the evidence by which another family is worse and still allowed.
ALLOWED = 3.0


class XrayPanels:
    """Models fitted to each spectrum, its hardness among the base's classes, and what the fit leaves open."""

    #: Catalog columns of a neighbour worth showing beside our own measurement.
    catalog = ("class", "object", "obsid", "nh", "gamma", "kt", "flux", "fe_ew", "model")
    footer = FOOTER

    @property
    def names(self) -> Names:
        """How classes of X-ray sources read in a sentence."""
        return CLASS_NAMES

    def measure(self, spectrum: Any, z: float) -> Measurement:
        """The models that fit a spectrum, or the reason why there are none; the redshift has no part in it."""
        if spectrum is None:
            return Measurement(reason="its spectrum is no longer in the base")
        try:
            found = fitted(spectrum)
        except SpectrumError as error:
            return Measurement(
                reason=str(error).removeprefix(f"{spectrum.object_id}: "), cells=("–",) * len(COLUMNS)
            )
        values = found.values()
        measured = {
            name: {"value": plain(value), "error": plain(error)} for name, (value, error) in values.items()
        }
        return Measurement(
            found,
            cells=_cells(found, values),
            json={"measured": measured, "models": [model_row(one) for one in _ranked(found)]},
        )

    def answer(self, evidence: Evidence) -> Panels:
        """What fitted models add to an explanation."""
        own = evidence.query.measurement.values
        return Panels(
            names=self.names,
            own=own_words(own) if own else "",
            arguments=tuple(_arguments(own)) if own else (),
            cautions=tuple(_cautions(own)) if own else (),
            facts=tuple(_facts(own)) if own else (),
            columns=COLUMNS,
            columns_note=COLUMNS_NOTE,
            row_notes=tuple(_unmeasured(evidence)),
            spectra=_spectra(evidence),
            figures=tuple(_figures(evidence)),
            tables=(_models(own),) if own else (),
            cited=of_fits(background=own.data.scale > 0) if own else (),
            footer=self.footer,
        )

    def compare(self, query: Measured, other: Measured) -> Comparison:
        """The measurements of the query beside those of another object."""
        own, their = query.measurement.values, other.measurement.values
        if not own or not their:
            return Comparison()
        first, second = own.values(), their.values()
        rows, apart = [], []
        for name in ("hr_hs", "hr_ms", "hr_hm", "nh", "gamma", "kt"):
            (a, da), (b, db) = first[name], second[name]
            sigma = abs(a - b) / np.hypot(da, db) if np.hypot(da, db) > 0 else np.nan
            rows.append(
                (name, with_error(a, da), with_error(b, db), "–" if np.isnan(sigma) else f"{sigma:.1f}")
            )
            apart += [(sigma, name)] if np.isfinite(sigma) else []
        most, name = max(apart, default=(0.0, ""))
        text = f"They differ most in {name}, by {most:.1f} sigma." if name else ""
        table = Table(
            "Measured in both", ("", query.object_id, other.object_id, "sigma"), rows, numeric=(1, 2, 3)
        )
        return Comparison(
            (text,) if text else (), (table,), {"differs_most": name or None, "sigma": plain(most)}
        )

    def background(self, base: KnowledgeBase) -> dict[str, NDArray[np.float64]]:
        """Hardness ratios (hm, ms) of up to `MOST_KNOWN` objects of the base, by class."""
        return base.remember(("hardness by class",), lambda: _known_ratios(base))

    def overview(self, hits: Sequence[Evidence], truth: Mapping[str, bool] | None) -> tuple[FigurePanel, ...]:
        """Nothing: each hit has its figures."""
        return ()


def _known_ratios(base: KnowledgeBase) -> dict[str, NDArray[np.float64]]:
    table = base.rows(None, ["class"] if "class" in base.columns else [])
    names = table.column("object_id").to_pylist()
    kinds = table.column("class").to_pylist() if "class" in base.columns else [None] * len(names)
    step = max(1, -(-len(names) // MOST_KNOWN))
    chosen = dict(list(zip(names, kinds, strict=True))[::step])
    found: dict[str, list[tuple[float, float]]] = {}
    spectra: Any = base.spectra(list(chosen))
    for spectrum in spectra:
        ratios = hardness(spectrum)
        place = found.setdefault(str(chosen[spectrum.object_id] or "no class"), [])
        place.append((ratios["hr_hm"][0], ratios["hr_ms"][0]))
    return {kind: np.array(points) for kind, points in found.items()}


def parameters(found: Fit) -> str:
    """A fitted model in words: "power law, N_H 0.46 (0.41 to 0.52)e22 / cm2, Gamma 1.43 (1.35 to 1.51)"."""
    column = found.column
    if column.limited == "upper":
        gas = f"N_H below {10 ** (column.high - 22):.2g}e22 cm⁻² (90%)"
    elif column.limited == "lower":
        gas = f"N_H above {10 ** (column.low - 22):.2g}e22 cm⁻² (90%)"
    else:
        value, low, high = (10 ** (x - 22) for x in (column.value, column.low, column.high))
        gas = f"N_H {value:.2g} ({low:.2g} to {high:.2g})e22 cm⁻²"
    name = {"gamma": "Γ", "kt": "kT"}[found.family.parameter]
    unit = " keV" if name == "kT" else ""
    return f"{found.family.name}, {gas}, {_bounded(name, found.parameter, unit)}"


def _bounded(name: str, one: Interval, unit: str) -> str:
    if one.limited == "upper":
        return f"{name} below {one.high:.2g}{unit} (90%)"
    if one.limited == "lower":
        return f"{name} above {one.low:.2g}{unit} (90%)"
    digits = 2 if one.error < 0.3 * max(abs(one.value), 1e-9) else 1
    return f"{name} {one.value:.{digits}f} ({one.low:.{digits}f} to {one.high:.{digits}f}){unit}".replace(
        "-", "−"
    )


def model_row(one: Fit) -> dict[str, Any]:
    """A fit as plain values."""
    return {
        "model": one.family.name,
        "log_nh": plain(one.column.value),
        "log_nh_interval": [plain(one.column.low), plain(one.column.high)],
        "nh_is_limit": one.column.limited or None,
        one.family.parameter: plain(one.parameter.value),
        f"{one.family.parameter}_interval": [plain(one.parameter.low), plain(one.parameter.high)],
        "flux": plain(one.flux.value),
        "flux_interval": [plain(one.flux.low), plain(one.flux.high)],
        "statistic": plain(one.statistic),
        "degrees_of_freedom": one.freedom,
        "log_evidence": plain(one.log_evidence),
    }


def own_words(own: Fitted) -> str:
    """The last clause of the main sentence: what fits the counts best."""
    return f"its own counts fit best as {parameters(own.best)}"


def _ranked(found: Fitted) -> list[Fit]:
    return sorted(found.fits.values(), key=lambda f: -f.log_evidence)


def _arguments(own: Fitted) -> Iterator[str]:
    """Which models the counts allow, and the iron line where it is seen."""
    best, *others = _ranked(own)
    allowed = [f.family.name for f in others if f.log_evidence > best.log_evidence - ALLOWED]
    excluded = [f.family.name for f in others if f.log_evidence <= best.log_evidence - ALLOWED]
    statistic = (
        f"{'W' if own.data.scale > 0 else 'C'} = {best.statistic:.0f} for {best.freedom} degrees of freedom"
    )
    parts = [f"The {best.family.name} fits with {statistic}"]
    if allowed:
        parts.append(f"the counts do not exclude {_listed(allowed, 'or')}")
    if excluded:
        parts.append(
            f"they exclude {_listed(excluded, 'and')} (evidence e^{-ALLOWED:g} and less)".replace("-", "−")
        )
    yield "; ".join(parts) + "."
    iron = own.iron
    if iron is not None and iron.value > 3 * iron.error:
        yield (
            f"There is an iron line at 6.4 to 6.7 keV, equivalent width {iron.value * 1000:.0f} "
            f"({iron.low * 1000:.0f} to {iron.high * 1000:.0f}) eV."
        )


def _listed(names: Sequence[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _cautions(own: Fitted) -> Iterator[str]:
    data, best = own.data, own.best
    behind = data.scale * data.background.sum()
    if data.net < FEW:
        yield f"{data.net:.0f} net counts: a class rests on little more than a hardness ratio."
    if behind > MUCH * data.counts.sum():
        yield f"{behind:.0f} of {data.counts.sum():.0f} counts are background."
    off = (best.statistic - best.freedom) / np.sqrt(2 * best.freedom)
    if off > BAD:
        yield (
            f"No model fits: {best.family.name}, the best, has a statistic of {best.statistic:.0f} for {best.freedom} "
            "degrees of freedom. Its parameters are not to be trusted."
        )


def _facts(own: Fitted) -> Iterator[tuple[str, str]]:
    data, values = own.data, own.values()
    behind = data.scale * data.background.sum()
    yield (
        "Counts",
        f"{data.counts.sum():.0f} from .5 to 7 keV, background {behind:.1f}, exposure {data.exposure / 1000:.1f} ks",
    )
    ratios = (f"{name[3:]} {with_error(*values[name])}" for name in ("hr_hs", "hr_ms", "hr_hm"))
    yield "Hardness ratios (hard, medium, soft)", ", ".join(ratios)
    flux = own.best.flux
    yield "Flux, .5–7 keV", f"{flux.value:.3g} ({flux.low:.3g} to {flux.high:.3g}) erg/s/cm²"
    yield "Best model", parameters(own.best)


def _cells(found: Fitted, values: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    law, plasma, best = found.fits["power law"], found.fits["thermal plasma"], found.best
    column = best.column
    limit = {"upper": f"< {10 ** (column.high - 22):.2g}", "lower": f"> {10 ** (column.low - 22):.2g}"}
    return (
        f"{values['net_counts'][0]:.0f}",
        with_error(*values["hr_hs"]),
        limit.get(column.limited) or with_error(*values["nh"]),
        _cell(law.parameter),
        _cell(plasma.parameter),
        best.family.name,
    )


def _cell(one: Interval) -> str:
    """A parameter with its error, or its limit at 90%."""
    limit = {"upper": f"< {one.high:.2g}", "lower": f"> {one.low:.2g}"}
    return limit.get(one.limited) or with_error(one.value, one.error)


def _models(own: Fitted) -> Table:
    best = own.best
    rows = [
        (
            f.family.name, parameters(f).partition(", ")[2], f"{f.flux.value:.3g}", f"{f.statistic:.0f} / {f.freedom}",
            f"{f.log_evidence - best.log_evidence:.1f}".replace("-", "−"),
        )
        for f in _ranked(own)
    ]  # fmt: skip
    return Table(
        "Models fitted to the counts", ("Model", "Parameters", "Flux (erg/s/cm²)", "Statistic", "ln evidence"), rows,
        "Behind cold gas of cosmic abundance. Flux from .5 to 7 keV as it arrives. The statistic is C, or W.",
        numeric=(2, 3, 4),
    )  # fmt: skip


def _unmeasured(evidence: Evidence) -> Iterator[str]:
    for item in (evidence.query, *evidence.neighbors):
        if item.measurement.reason:
            yield f"{item.object_id}: no model fitted, {item.measurement.reason}"


def _neighbors(evidence: Evidence) -> list[Any]:
    from spectrove.xray.plots import Drawn

    return [Drawn(n.object_id, n.label or "", n.distance, n.measurement.values) for n in evidence.neighbors]


def _spectra(evidence: Evidence) -> FigurePanel:
    """The counts of the query with the models of its neighbours."""
    own, name = evidence.query.measurement.values, evidence.object_id

    def draw(background: Any) -> Figure:
        from spectrove.explanation.style import new_figure
        from spectrove.xray.plots import counts_figure

        if own is None:
            figure = new_figure(11.0, 1.2)
            figure.text(
                0.5, 0.4, f"No model fitted: {evidence.query.measurement.reason}", ha="center", wrap=True
            )
            return figure
        return counts_figure(name, own, _neighbors(evidence))

    return FigurePanel(
        "spectra", f"Counts of {name} by energy, with the models of its nearest known spectra", draw
    )


def _figures(evidence: Evidence) -> Iterator[FigurePanel]:
    """What the fit leaves open, and the hardness of the query among the base's classes."""
    own, name = evidence.query.measurement.values, evidence.object_id
    if own is None:
        return

    def draw_posterior(background: Any) -> Figure:
        from spectrove.xray.plots import posterior_figure

        return posterior_figure(own)

    def draw_hardness(background: Any) -> Figure:
        from spectrove.xray.plots import hardness_figure

        return hardness_figure(own, _neighbors(evidence), background or {}, name)

    yield FigurePanel(
        "posterior", f"Column and parameter of the models that fit {name}", draw_posterior,
        "What the counts leave open: 68% (dark) and 95% (light) of the posterior. Cross: the largest likelihood.",
    )  # fmt: skip
    yield FigurePanel(
        "hardness", f"Hardness ratios of {name} and its neighbours among the classes of the base", draw_hardness,
        "Hardness ratios of energy fluxes: soft .5–1.2, medium 1.2–2, hard 2–7 keV; posterior means, bars one sigma "
        "(Park et al. 2006). Small: known objects by their class. Numbers: the neighbours.", kind="middle",
    )  # fmt: skip
