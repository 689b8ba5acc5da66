"""redrock beside our own redshifts, on the same pixels; a dev extra, and its templates are never part of the package.

Source: https://github.com/desihub/redrock (BSD), its PCA templates of galaxies, quasars and stars.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.redshift.estimate import gridded
from spectrove.galaxies.redshift.scan import LOG_RANGE
from spectrove.galaxies.redshift.templates import LOG_STEP
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.provenance import file_hash
from spectrove.spectra import SpectrumSet

#: Observed angstrom that redrock is shown: its galaxy template ends at 10000 angstrom, rest frame.
RANGE = (3600.0, 9900.0)

#: Spectra that go through redrock together, and are kept together.
_BATCH = 20

#: Raised whenever the same spectrum would be shown to redrock in another way.
VERSION = 1


def why_not(templates: Path | None) -> str:
    """Why redrock cannot be asked, as a sentence; "" if it can."""
    if find_spec("redrock") is None:
        return "redrock is not installed (pip install 'spectrove[dev]'), so it is not compared with."
    if templates is None or not any(templates.glob("rrtemplate-*.fits*")):
        return (
            f"there are no redrock templates (rrtemplate-*.fits) in {templates}, so it is not compared with."
        )
    return ""


def redrock_redshifts(
    spectra: SpectrumSet, templates: Path, kept: Path, tell: Any = None
) -> list[dict[str, Any]]:
    """For each spectrum what redrock says: z, zwarn, spectype, deltachi2, seconds.

    Args:
        spectra: Observed, in vacuum.
        templates: Folder with rrtemplate-*.fits.
        kept: JSON file where answers are kept by object id, so that a stopped run goes on.
        tell: Called with (done, total).
    """
    version = [VERSION, {path.name: file_hash(path) for path in sorted(templates.glob("rrtemplate-*.fits*"))}]
    known: dict[str, dict[str, Any]] = {}
    if kept.is_file():
        stored = json.loads(kept.read_text())
        known = stored["answers"] if stored.get("version") == version else {}
    missing = [i for i, name in enumerate(spectra.object_id.tolist()) if name not in known]
    prepared: Any = None
    for start in range(0, len(missing), _BATCH):
        batch = spectra.take(missing[start : start + _BATCH])
        with contextlib.redirect_stdout(io.StringIO()):  # redrock prints its progress
            prepared = prepared or _templates(templates)
            known |= _ask(batch, prepared)
        temporary = kept.with_name(f".{kept.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({"version": version, "answers": known}))
        os.replace(temporary, kept)
        if tell:
            tell(min(start + _BATCH, len(missing)), len(missing))
    return [known[name] for name in spectra.object_id.tolist()]


def _wavelength() -> tuple[slice, NDArray[np.float64]]:
    first, last = (round((np.log10(edge) - LOG_RANGE[0]) / LOG_STEP) for edge in RANGE)
    return slice(first, last), 10 ** (LOG_RANGE[0] + LOG_STEP * np.arange(first, last))


def _templates(folder: Path) -> Any:
    """redrock's templates on our grid at all of its redshifts."""
    from redrock.templates import DistTemplate, Template

    made = []
    for path in sorted(folder.glob("rrtemplate-*.fits*")):
        made.append(_older(path) if path.name == "rrtemplate-galaxy.fits" else Template(str(path)))
    return [DistTemplate(template, {"all": _wavelength()[1]}) for template in made]


def _older(path: Path) -> Any:
    """A galaxy template of before versions were written down, which redrock's own reader refuses."""
    from astropy.io import fits
    from redrock.templates import Template

    with fits.open(path) as hdus:
        header, flux = hdus[0].header, hdus[0].data.astype(float)
    wave = header["CRVAL1"] + header["CDELT1"] * np.arange(flux.shape[1])
    redshifts = 10 ** np.arange(np.log10(1 - 0.005), np.log10(1 + 1.7), 3e-4) - 1  # redrock's default
    return Template(
        spectype="GALAXY", subtype="", redshifts=redshifts, wave=wave, flux=flux, igm_model="Calura12"
    )


def _ask(spectra: SpectrumSet, templates: Any) -> dict[str, dict[str, Any]]:
    from redrock.targets import DistTargetsCopy, Spectrum, Target
    from redrock.zfind import zfind

    span, wavelength = _wavelength()
    targets = []
    for name, (pixels, width) in zip(spectra.object_id.tolist(), gridded(spectra), strict=True):
        if pixels is None:
            continue
        flux, ivar = pixels.flux[span], pixels.weight[span]
        targets.append(
            Target(name, [Spectrum(wavelength, flux, ivar, _resolution(width, len(flux)), band="all")])
        )
    start = time.process_time()
    _, table = zfind(DistTargetsCopy(targets), templates, mp_procs=1, nminima=3)
    seconds = (time.process_time() - start) / max(len(targets), 1)
    nothing = {"z": None, "zwarn": 512, "spectype": "", "deltachi2": 0.0, "seconds": seconds}
    answers = {name: dict(nothing) for name in spectra.object_id.tolist()}
    for row in table[table["znum"] == 0]:
        answers[str(row["targetid"])] = {
            "z": float(row["z"]), "zwarn": int(row["zwarn"]), "spectype": str(row["spectype"]),
            "deltachi2": float(row["deltachi2"]), "seconds": seconds,
        }  # fmt: skip
    return answers


def _resolution(width: float, n: int) -> Any:
    """The instrument as redrock wants it: a banded matrix of Gaussians."""
    from scipy.sparse import dia_matrix

    sigma = width / (SPEED_OF_LIGHT * np.log(10) * LOG_STEP)
    offsets = np.arange(-int(np.ceil(3 * sigma)), int(np.ceil(3 * sigma)) + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    return dia_matrix((np.repeat(kernel[:, None] / kernel.sum(), n, axis=1), offsets), (n, n))
