"""The encoder `hardness`, fitted on mock sources.

SPECTROVE_DATA=... python -m experiments.xray.train src/spectrove/xray/weights
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from experiments.xray.mock import mock_counts
from spectrove.encoders import EncoderRecipe, save_encoder
from spectrove.xray.encoder import fit_hardness
from spectrove.xray.ogip import read_counts

N, SEED = 4000, 1000

RECIPE = EncoderRecipe.model_validate(
    {
        "name": "hardness",
        "kind": "hardness_pca",
        "description": "Two Bayesian hardness ratios, and five principal components of counts in twelve energy bins.",
        "hardness_pca": {"low": 0.5, "high": 7.0, "n_bins": 12, "n_components": 5, "whitening": 0.5},
        "training": {"mock_recipe": "experiments/xray/mock.py", "n_mock": N, "mock_seed": SEED},
    }
)


def main(folder: str) -> None:
    """Fit the encoder and write it to the folder."""
    real, _ = read_counts(sorted((Path(os.environ["SPECTROVE_DATA"]) / "xray" / "pha").glob("*/*.gz")))
    encoder = fit_hardness(mock_counts(N, real.responses, SEED), RECIPE)
    place = save_encoder(encoder, Path(folder) / RECIPE.name, report={"n_spectra": len(encoder.training_ids)})
    print(f"{len(encoder.training_ids)} mock spectra, {encoder.n_dimensions} dimensions, wrote {place}")


if __name__ == "__main__":
    main(sys.argv[1])
