"""Every ablation, as data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from experiments.ablations.points import Ablation, Ask, Point, Spoil

AUTO = "metric auto"
PLAIN = "metric none"


def both(x: float | str, ask: Ask | None = None, **more: Any) -> list[Point]:
    """A point with plain neighbours, and one with the linear metric where it helps."""
    asked = (ask or Ask()).__dict__
    return [
        Point(x, PLAIN, Ask(**asked | {"metric": "none"}), **more),
        Point(x, AUTO, Ask(**asked | {"metric": "auto"}), **more),
    ]


def trained(x: str, **changes: Any) -> list[Point]:
    """A small encoder trained with changes of the small recipe; keys are `table__key`."""
    tables: dict[str, Any] = {}
    for name, value in changes.items():
        *path, key = name.split("__")
        place = tables
        for table in path:
            place = place.setdefault(table, {})
        place[key] = value
    plain, auto = both(x, changes=tables)
    # The metric takes longer than the training: on real spectra alone.
    return [plain, replace(auto, sample="real")]


def _flat(*groups: list[Point]) -> tuple[Point, ...]:
    return tuple(p for group in groups for p in group)


NEIGHBORS = (1, 2, 3, 5, 7, 9, 11, 15, 20, 25)
SN_BINS = {
    "real": ((0, 15), (15, 25), (25, 35), (35, 500)),
    "mock": ((3, 6), (6, 9), (9, 13), (13, 20), (20, 500)),
}
SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)

#: Tokens instead of convolutions, of about the same speed.
TOKENS: dict[str, Any] = {
    "kind": "masked_transformer", "network__width": 64, "network__depth": 2, "network__heads": 4,
    "network__mlp_ratio": 2.0, "mask__ratio": 0.3,
}  # fmt: skip

#: No vector that the whole spectrum has to come from, and so nothing to read measurements off.
PUBLISHED: dict[str, Any] = {
    "network__bottleneck": 0, "network__measurements": (), "training__objectives__measurements": 0.0,
    "training__objectives__reconstruction": 1.0,
}  # fmt: skip

#: Reconstruction alone.
REBUILD: dict[str, Any] = {
    "training__objectives__reconstruction": 1.0, "training__objectives__measurements": 0.0,
    "network__measurements": (), "network__whitening": 0.5,
}  # fmt: skip

#: Patches of 15 pixels that overlap by 10, as published.
OVERLAPPING: dict[str, Any] = {"network__patch": 15, "network__stride": 5}

OBSERVED: dict[str, Any] = {
    "preprocess__frame": "observed", "preprocess__wave_min": 3850.0, "preprocess__wave_max": 9200.0,
}  # fmt: skip

INFERENCE = (
    Ablation(
        "k", "How many neighbours should vote?", "K",
        tuple(Point(k, PLAIN, Ask(k=k)) for k in NEIGHBORS), (5, PLAIN),
    ),
    Ablation(
        "sn_bins", "How good are answers at which S/N?", "median S/N per pixel",
        tuple(
            Point(f"{low}-{high}" if high < 500 else f"> {low}", PLAIN, Ask(sn=(low, high)), sample=sample)
            for sample, bins in SN_BINS.items() for low, high in bins
        ),
        note="Queries in bins of their S/N, the base whole. Bins hold other objects, in other proportions: a class "
        "that a bin lacks does not count, and draws that miss a class pull the lower limits of small bins down.",
    ),
    Ablation(
        "sn_noise", "What does noise cost?", "median S/N per pixel after noise was added to queries",
        _flat(*(both("as it is" if sn is None else f"{sn:g}", spoil=Spoil(sn=sn)) for sn in (None, 20, 10, 5, 3))),
        ("as it is", None),
        note="A spectrum that is noisier to begin with is left as it is. The base is not changed.",
    ),
    Ablation(
        "redshift", "What does a wrong redshift cost?", "one sigma of dz / (1 + z)",
        tuple(Point(f"{z:g}", PLAIN, spoil=Spoil(redshift=z)) for z in (0.0, 1e-4, 3e-4, 1e-3)), ("0", PLAIN),
        note="Gaussian errors, of the queries alone.",
    ),
    Ablation(
        "masked", "What do gaps cost?", "pixels of queries taken out, %",
        tuple(Point(round(100 * m), PLAIN, spoil=Spoil(masked=m)) for m in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)), (0, PLAIN),
        note="Runs of 40 to 200 pixels at random places, of the queries alone.",
    ),
    Ablation(
        "distance", "Which distance?", "distance",
        tuple(
            Point(space, PLAIN, Ask(space=space))
            for space in ("euclidean", "cosine", "cosine, centred", "standardised", "mahalanobis")
        ),
        ("euclidean", PLAIN),
        note="The Mahalanobis distance takes the covariance of the base's vectors, shrunk as by Ledoit & Wolf (2004).",
    ),
    Ablation(
        "whitening", "Does whitening the vectors help?", "power of whitening",
        tuple(Point(w, PLAIN, Ask(whitening=w)) for w in (0.0, 0.25, 0.5, 0.75, 1.0)), (0.0, PLAIN),
        note="Principal axes of the base's vectors, divided by their deviations to this power.",
    ),
    Ablation(
        "metadata", "Should fields of the neighbours weigh their votes?", "what weighs a vote besides the distance",
        tuple(
            Point(name or "nothing", f"K = {k}", Ask(k=k, trust=name))
            for k in (5, 15) for name in ("", "S/N", "redshift", "D4000n")
        ),
        ("nothing", "K = 5"),
        note="S/N: s / (s + 10) of the neighbour. Redshift: exp(-|dz| / 0.03) between query and neighbour. D4000n: "
        "exp(-|d| / 0.1) from the median of the neighbours found; the query's own is never read.",
    ),
    Ablation(
        "base_size", "How much does a larger base help?", "objects in the base",
        tuple(Point(n, PLAIN, Ask(size=n)) for n in (50, 100, 200, 400)) + (Point("all", PLAIN),), ("all", PLAIN),
        note="Nested random parts of each fold's base. \"all\": some 820 real, some 1,400 mock.",
    ),
    Ablation(
        "target_share", "What share of LINERs should a base have?", "LINERs in the base, %",
        tuple(
            Point(100 * s, line, Ask(share=s, prior=line != "vote"))
            for line in ("vote", "corrected to the true share") for s in SHARES
        ),
        (10.0, "vote"), ("LINER",), "log",
        note="Bases of constant size: twice the LINERs that there are. The correction knows the share of LINERs among "
        "all known objects, as `Target.prior`.",
    ),
    Ablation(
        "metric", "What does the linear metric give, at which K?", "K",
        _flat(*(both(k, Ask(k=k)) for k in (1, 3, 5, 7, 11, 15, 25))), (None, PLAIN),
    ),
)  # fmt: skip

#: In order of how much they tell, as training takes time.
TRAINED = (
    Ablation(
        "frame", "Rest frame or observed frame?", "frame of the encoder",
        _flat(trained("rest"), trained("observed", **OBSERVED)), ("rest", None),
        note="Observed: 3850-9200 angstrom, and the mock's redshifts are not told to the network.",
    ),
    Ablation(
        "objective", "What should an encoder learn?", "objective",
        _flat(
            trained("both"),
            trained("reconstruction", **REBUILD),
            trained("measurements", training__objectives__reconstruction=0.0),
            trained("both + consistency", training__objectives__consistency=0.1),
            trained("both + consistency .003", training__objectives__consistency=0.003),
        ),
        ("both", None),
        note="Measurements are those of the mocks alone, never a class. Without them the vectors are half whitened.",
    ),
    Ablation(
        "kind", "Which network?", "network",
        _flat(trained("cnn"), trained("masked_transformer", **TOKENS), trained("hybrid", kind="hybrid",
              network__depth=1, network__heads=4, network__mlp_ratio=2.0)),
        ("cnn", None),
    ),
    Ablation(
        "patching", "Patches that overlap, and what hidden pixels are decoded from?", "patches and decoder",
        _flat(
            trained("40/40, vector", **TOKENS | REBUILD),
            trained("40/40, tokens", **TOKENS | PUBLISHED),
            trained("15/5, tokens", **TOKENS | PUBLISHED | OVERLAPPING),
            trained("15/5, vector", **TOKENS | REBUILD | OVERLAPPING),
        ),
        ("40/40, vector", None),
        note="Patch/stride in pixels. Vector: the whole spectrum is decoded from the vector. Tokens, as published: "
        "each hidden patch from its own token. Reconstruction alone, masking ratio 0.3, masked Transformers.",
    ),
    Ablation(
        "masking", "How much should be hidden in training?", "masking ratio",
        _flat(
            trained("0.05"), trained("0.3", mask__ratio=0.3), trained("0.6", mask__ratio=0.6),
            trained("0.05, rebuild", **REBUILD), trained("0.3, rebuild", **REBUILD | {"mask__ratio": 0.3}),
            trained("0.6, rebuild", **REBUILD | {"mask__ratio": 0.6}),
        ),
        ("0.05", None), note="\"rebuild\": with reconstruction as the only objective.",
    ),
    Ablation(
        "size", "How wide and deep?", "channels or layers",
        _flat(
            trained("cnn 32-48-64"), trained("cnn 16-24-32", network__channels=(16, 24, 32)),
            trained("cnn 48-72-96", network__channels=(48, 72, 96)),
            trained("cnn 32-48-64-64", network__channels=(32, 48, 64, 64)),
            trained("transformer 64 x 2", **TOKENS), trained("transformer 64 x 4", **TOKENS | {"network__depth": 4}),
            trained("transformer 128 x 2", **TOKENS | {"network__width": 128}),
        ),
        ("cnn 32-48-64", None),
    ),
    Ablation(
        "pooling", "Mean of the tokens, or tokens in their order?", "pooling",
        _flat(trained("mean", **TOKENS), trained("places", **TOKENS | {"network__pooling": "places"})),
        ("mean", None), note="Masked Transformers.",
    ),
    Ablation(
        "grid", "Does a finer grid help?", "pixels",
        _flat(trained("1898"), trained("3796", preprocess__n_pixels=3796)), ("1898", None),
        note="The same range; at 3796 pixels each is 35 km/s wide, half a pixel of SDSS.",
    ),
)  # fmt: skip

ABLATIONS: dict[str, Ablation] = {a.name: a for a in (*INFERENCE, *TRAINED)}
