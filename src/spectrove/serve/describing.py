"""What a base and its objects are, as plain values: the same for every door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase


def about_base(base: KnowledgeBase) -> dict[str, Any]:
    """What `kb info --json` prints: objects, views with their encoders and index, labels, columns, version, size."""
    from spectrove.pipeline.prepare import prepared

    found, ready, indexed = base.info(), prepared(base), base.index_state()
    for name, state in indexed["views"].items():
        found["views"][name]["index_state"] = state
    about = {} if ready is None else {"prepared": ready.to_dict()}
    return found | about | ({} if indexed["making"] is None else {"index_making": indexed["making"]})


def about_object(base: KnowledgeBase, object_id: str) -> dict[str, Any]:
    """What a base holds about one object: its spectrum in numbers, views, flags, nearest object and catalog values."""
    [spectrum] = base.spectra([object_id])
    row = {name: value for name, value in spectrum.row.items() if name != "flags"}
    quoted = "object_id = '" + object_id.replace("'", "''") + "'"
    views = {view: bool(len(base.embeddings(view, quoted))) for view in base.views}
    return {
        "object_id": object_id,
        **_measured(spectrum),
        "views": views,
        "flags": list(spectrum.row.get("flags") or ()),
        "nearest": _nearest(base, object_id, quoted, views),
        "row": {name: value for name, value in row.items() if value is not None},
    }


def _measured(spectrum: Any) -> dict[str, Any]:
    """A spectrum in numbers: its pixels; a spectrum that is no flux says what it has instead."""
    from spectrove.spectra import Spectrum

    if not isinstance(spectrum, Spectrum):
        return spectrum.about()
    wavelength = spectrum.wavelength
    return {
        "pixels": len(wavelength),
        "good_pixels": int(spectrum.good.sum()),
        "wavelength": [float(wavelength[0]), float(wavelength[-1])] if len(wavelength) else None,
    }


def _nearest(
    base: KnowledgeBase, object_id: str, quoted: str, views: dict[str, bool]
) -> dict[str, Any] | None:
    """The nearest other object in the first view that the object has, with its distance and its labels."""
    view = next((name for name in base.space().views if views.get(name)), None)
    if view is None:
        return None
    found = base.search(
        {view: base.embeddings(view, quoted)}, 1, view=view, spectra=base.spectra([object_id])
    )
    if not found.rows[0]:
        return None
    row, labels = found.rows[0][0], base.info()["labels"]
    return {
        "object_id": str(found.object_id[0, 0]),
        "distance": float(found.distance[0, 0]),
        "view": view,
        "labels": {name: row[name] for name in labels if row.get(name) is not None},
    }


def default_columns(base: KnowledgeBase) -> list[str]:
    """The redshift, if objects have one, and the label columns."""
    return [name for name in ("z", *base.info()["labels"]) if name in base.columns]
