"""A few abstracts of our own, and objects of a base that they speak of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from spectrove.literature.abstracts import Abstracts, abstracts_of
from spectrove.literature.linking import Objects

ROWS = [
    ("p1", "A corona in a hidden nucleus", "We study a nearby active galaxy. The nucleus of NGC 1068 "
     "is hidden by dust, et al. agree. Nothing else is said.", "2021-03-04"),
    ("p2", "Jets of M 77 and of Cygnus X-3", "Radio jets are compared with winds of stars.", "2019"),
    ("p3", "A pulsar wind", "The nebula of CXOU J053542.1-051500 is faint. We compare it with J0535-0515 too.", ""),
    ("p4", "A satellite without dark matter", "NGC1052-DF2 has few stars, as T Tau stars have discs.", "2018"),
    ("p5", "Iron lines of binaries", "A broad iron line is seen in absorbed X-ray binaries with winds.", "2020"),
    ("p6", "Discs of young stars", "Young stars with discs of dust are seen in clusters of the Galaxy.", "2020"),
    ("p7", "Winds of massive stars", "Massive stars lose their envelopes in winds of hot gas.", "2017"),
    ("p8", "Quasars at high redshift", "Quasars with black holes of high mass are seen at high redshift.", "2016"),
    ("p9", "Cooling of neutron stars", "Neutron stars cool by neutrinos; X-rays of pulsars tell how fast.", "2015"),
]  # fmt: skip


def abstracts() -> Abstracts:
    """The papers."""
    columns = list(zip(*ROWS, strict=True))
    return abstracts_of(pa.table(columns, names=["id", "title", "abstract", "date"]), "ours")


def objects() -> Objects:
    """Five objects, the last two of which are near each other."""
    names = ["NGC 1068", "Cyg X-3", "NGC 1052", "", ""]
    ra = [40.67, 308.11, 40.27, 83.9254, 83.95]
    dec = [-0.01, 40.96, -8.256, -5.25, -5.26]
    ids = [f"src{i}" for i in range(5)]
    return Objects(ids, [(i, n) for i, n in zip(ids, names, strict=True)], np.array(ra), np.array(dec))
