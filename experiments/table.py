"""All experiments by name: the module that runs each, and what it measures in one sentence."""

from __future__ import annotations

from typing import NamedTuple


class Experiment(NamedTuple):
    """Where an experiment is written, and what it measures."""

    module: str
    sentence: str


#: Every method on the same queries; `table(name, setting)` of the module makes it.
TABLES: dict[str, Experiment] = {
    "encoders": Experiment("experiments.encoders.run", "every method, task and kind of spectra"),
    "noise": Experiment("experiments.encoders.run", "the loss at low S/N, compared with line fits"),
}

#: One kind of answer each; `study(setting)` of the module makes it.
STUDIES: dict[str, Experiment] = {
    "calibration": Experiment(
        "experiments.studies.calibration", "whether probabilities are right, and hunts for one in a thousand"
    ),
    "composition": Experiment(
        "experiments.studies.composition", "the LINER hunt in bases with 1% to 50% LINERs"
    ),
    "outliers": Experiment(
        "experiments.studies.outliers.study", "twelve kinds of anomalies: recall, and the given reasons"
    ),
    "curation": Experiment(
        "experiments.studies.curation.study",
        "labels that were flipped: how many are found, and what they cost",
    ),
    "coverage": Experiment(
        "experiments.studies.coverage.study",
        "how often intervals of estimated numbers hold the catalog's value",
    ),
    "redshift": Experiment(
        "experiments.studies.redshift", "the accuracy of estimated redshifts, compared with redrock"
    ),
    "lens": Experiment(
        "experiments.studies.lens.study",
        "lenses by the S/N of their lines: completeness, false alarms, purity",
    ),
    "none": Experiment(
        "experiments.studies.none_of_these", "what is said of spectra that no class describes"
    ),
}

#: Tables and figures of the paper, each a folder with recipes, `run.py`, expected.json and a page.
PAPER: dict[str, Experiment] = {
    "table1": Experiment("experiments.table1.run", "sizes of the three-class samples"),
    "table2": Experiment("experiments.table2.run", "three classes, compared with supervised models"),
    "table3": Experiment("experiments.table3.run", "the mixed test set of the hunts"),
    "table4": Experiment("experiments.table4.run", "hunts for LINERs, lenses and outliers at K = 3"),
    "figure4": Experiment("experiments.figure4.run", "the share of targets in the base"),
    "figure5": Experiment("experiments.figure5.run", "the number of neighbours"),
    "figureA1": Experiment("experiments.figureA1.run", "distances between the objects of a base"),
    "tableA1": Experiment("experiments.tableA1.run", "the weights of neighbours under four functions"),
    "figureC1": Experiment("experiments.figureC1.run", "the time of a search"),
    "caseB1": Experiment("experiments.caseB1.run", "one LINER and its neighbours"),
    "caseB2": Experiment("experiments.caseB2.run", "the line ratios of that LINER and its neighbours"),
    "failureB1": Experiment("experiments.failureB1.run", "outliers and LINERs that are missed"),
}

#: Programs with options of their own; `main(arguments)` of the module is the program.
PROGRAMS: dict[str, Experiment] = {
    "ablations": Experiment("experiments.ablations.run", "the effect of each design choice"),
    "mock_vs_real": Experiment("experiments.mock_vs_real.run", "how similar mock and real galaxies are"),
    "ask": Experiment(
        "experiments.ask.run", "hunts by example, by numbers, by review and by words, on plates left out"
    ),
    "fulldata": Experiment(
        "experiments.fulldata.run",
        "the paper's data from the archives, and the commands that answer from them",
    ),
    "demo": Experiment("experiments.demo", "three hunts on a mock survey, with a report"),
    "demo_stars": Experiment("experiments.demo_stars", "a mock survey of stars, read in every way there is"),
    "demo_sed": Experiment(
        "experiments.demo_sed",
        "mock photometry fitted, joined to a base of mock spectra, and explained on a page",
    ),
    "literature": Experiment(
        "experiments.literature.run", "spectra and the papers that speak of them: links, retrieval, numbers"
    ),
    "sed": Experiment(
        "experiments.sed.run", "planners of photometric fits, beside planners that know nothing"
    ),
    "stars": Experiment(
        "experiments.stars.run", "stars: velocities, labels by a network and by neighbours, on real spectra"
    ),
    "xray": Experiment(
        "experiments.xray.run", "X-ray sources: classes, encoders and answers, on real and on mock spectra"
    ),
}

#: All of them under the heading that the list shows.
ALL: dict[str, dict[str, Experiment]] = {
    "Tables of every method (spectrove evaluate NAME)": TABLES,
    "Studies of the answers (spectrove evaluate NAME)": STUDIES,
    "Tables and figures of the paper (several names at once, or all)": PAPER,
    "Others (several names at once)": PROGRAMS,
}
