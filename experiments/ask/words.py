"""How many descriptions of samples the grammar of sentences reads as they were meant.

The sentences follow the way in which abstracts of papers describe their samples. Both sets were written when the
grammar was done and had not been tried on them; each with its meaning in the form that `Reading.sentence` prints, or
with the word that no spectrum can answer. What the first set showed to be missing was added before the second was
written.
"""

from __future__ import annotations

from collections import Counter

from experiments.ask.bench import Bench
from experiments.parts import Section
from spectrove.errors import WordsError
from spectrove.galaxies.words import WORDS
from spectrove.statistics import wilson
from spectrove.words.read import read

#: The sentence, its meaning, and for those that ask for what is in no spectrum ("" as meaning) the word to be named.
SAMPLES: tuple[tuple[str, str, str], ...] = (
    ("galaxies with an Hδ absorption equivalent width above 4 Å at 0.05 < z < 0.1",
     "EW of H delta absorption > 4 and redshift between 0.05 and 0.1", ""),
    ("E+A galaxies with no [OII] and Hα emission lines",
     "post-starburst and not ([O II] emission) and not (H alpha emission)", ""),
    ("log [NII]/Ha < -0.4 and WHa > 3 A", "log [N II] 6583 / H alpha < -0.4 and EW of H alpha > 3", ""),
    ("log [NII]/Ha > -0.4 and EW(Ha) between 3 and 6 A",
     "log [N II] 6583 / H alpha > -0.4 and EW of H alpha between 3 and 6", ""),
    ("passive galaxies with W(Ha) and W[NII] < 0.5 A", "", "W(Ha)"),
    ("blue compact dwarf galaxies with broad components in their strong emission lines", "", "compact"),
    ("galaxies with a good signal-to-noise ratio", "clean", ""),
    ("138 quasars at redshifts 6.0 ≤ z < 7.6", "top 138; quasar and redshift between 6 and 7.6", ""),
    ("quasars covering the redshift range 1.88 < z < 2.47", "quasar and redshift between 1.88 and 2.47", ""),
    ("ten weak emission-line quasars at redshifts of z ~ 2",
     "top 10; weak emission lines and quasar and redshift between 1.8 and 2.2", ""),
    ("six highly accreting quasars at redshifts z = 2-3", "", "accreting"),
    ("a sample of 35 quasars at z > 5.7 with signal-to-noise ratios of > 20",
     "top 35; quasar and redshift > 5.7 and S/N > 20", ""),
    ("nearby Seyfert 2 galaxies", "nearby and Seyfert", ""),
    ("dusty starbursts at high redshift", "dusty and starburst and distant", ""),
    ("radio-loud quasars at redshifts of 5.6 to 6.8", "", "radio-loud"),
    ("12 quasars with 2.1 < z < 2.3, selected to have strong [OIII]",
     "top 12; quasar and redshift between 2.1 and 2.3 and strong [O III] 5007 emission", ""),
    ("galaxies with broad Halpha emission at z=6.68", "", "z=6.68"),
    ("massive quiescent galaxies at 0.6 < z < 1.0 with stellar mass > 10^10.5 Msun",
     "massive and quiescent and redshift between 0.6 and 1 and stellar mass > 10.5", ""),
    ("early-type galaxies with velocity dispersion σ > 200 km/s", "elliptical and velocity dispersion > 200", ""),
    ("early-type galaxies with Hα equivalent widths below 1 Å", "elliptical and EW of H alpha < 1", ""),
    ("star-forming galaxies with stellar masses between 10^9 and 10^10 solar masses",
     "star-forming and stellar mass between 9 and 10", ""),
    ("galaxies with Dn4000 < 1.3 and HδA > 6 Å", "D4000 < 1.3 and Hdelta_A > 6", ""),
    ("narrow-line Seyfert 1 galaxies", "", "narrow-line"),
    ("low-metallicity star-forming galaxies with [O III] λ4363 detected", "", "low-metallicity"),
    ("galaxies in which He II λ4686 emission is detected", "He II 4686 emission", ""),
    ("red-sequence galaxies with LINER-like emission", "", "red-sequence"),
    ("AGN host galaxies with young stellar populations", "AGN and young", ""),
    ("type 2 AGN selected by [OIII]/Hβ > 3 and [NII]/Hα > 0.6",
     "Seyfert and [O III] 5007 / H beta > 3 and [N II] 6583 / H alpha > 0.6", ""),
    ("composite galaxies and LINERs with D4000 greater than 1.5", "", "and"),
    ("galaxies having EW([OIII]) > 100 Å and z < 0.3", "EW of [O III] 5007 > 100 and redshift < 0.3", ""),
    ("extreme emission-line galaxies with [OIII]5007 equivalent widths exceeding 300 Å",
     "extreme emission-line and EW of [O III] 5007 > 300", ""),
    ("post-starburst galaxies hosting AGN", "post-starburst and AGN", ""),
    ("spiral galaxies lacking Hα emission", "spiral and not (H alpha emission)", ""),
    ("passive spirals at z < 0.1", "quiescent and spiral and redshift < 0.1", ""),
    ("quiescent galaxies that show excess Na D absorption", "quiescent and Na D absorption", "excess"),
    ("galaxies with strong interstellar Na D absorption", "", "absorption"),
    ("edge-on disk galaxies with extraplanar gas", "", "edge-on"),
    ("galaxies with Balmer decrements Hα/Hβ > 5", "H alpha / H beta > 5", ""),
    ("the most massive galaxies in the local Universe", "nearby; most massive first", "Universe"),
    ("luminous infrared galaxies at z < 0.1", "", "luminous"),
    ("emission-line galaxies with [OII]/Hβ > 3 at 0.1 < z < 0.3",
     "emission lines and [O II] / H beta > 3 and redshift between 0.1 and 0.3", ""),
    ("galaxies with S/N > 10 and Hβ in emission", "S/N > 10 and H beta emission", ""),
)  # fmt: skip

#: Written after `SAMPLES` had shown what was missing, and not tried before they were measured.
FRESH: tuple[tuple[str, str, str], ...] = (
    ("isolated elliptical galaxies", "", "isolated"),
    (
        "1,200 star-forming galaxies at 0.02 < z < 0.06",
        "top 1200; star-forming and redshift between 0.02 and 0.06",
        "",
    ),
    ("LINERs with narrow Hα emission", "LINER and narrow H alpha emission", ""),
    ("Seyfert 2s with [O III]/Hβ greater than 5", "Seyfert and [O III] 5007 / H beta > 5", ""),
    ("galaxies whose velocity dispersion exceeds 250 km/s", "velocity dispersion > 250", ""),
    ("blue early-type galaxies in the local universe", "blue and elliptical and nearby", ""),
    (
        "strong Hδ absorbers without [O II] emission",
        "strong H delta absorption and not ([O II] emission)",
        "",
    ),
    ("low-mass galaxies with extreme emission lines", "low-mass and extreme emission-line", ""),
    ("emission-line galaxies having [S II]/Hα above 0.5", "emission lines and [S II] / H alpha > 0.5", ""),
    ("quiescent galaxies with stellar masses of 10^11 Msun or more", "quiescent and stellar mass >= 11", ""),
    ("dwarf galaxies hosting AGN", "low-mass and AGN", ""),
    ("AGN-host galaxies with D4000 < 1.4", "AGN and D4000 < 1.4", ""),
    ("galaxies in the green valley", "", "green valley"),
    ("nearby galaxies with Hα equivalent widths larger than 100 Å", "nearby and EW of H alpha > 100", ""),
    ("barred spirals at z < 0.03", "", "barred"),
    ("broad-line AGN at redshift below 0.35", "broad-line AGN and redshift < 0.35", ""),
    ("quasars with z > 2 and S/N > 10", "quasar and redshift > 2 and S/N > 10", ""),
    ("old, red, massive galaxies", "old and red and massive", ""),
    ("metal-rich ellipticals with strong Mg b", "", "metal-rich"),
    ("ellipticals with strong Mg b absorption", "elliptical and strong Mg b absorption", ""),
    ("galaxies with double-peaked [O III] lines", "", "double-peaked"),
    ("K+A galaxies with weak Hα emission", "post-starburst and weak H alpha emission", ""),
    ("galaxies undergoing a starburst", "starburst", ""),
    (
        "star-forming galaxies with a Balmer decrement Hα/Hβ above 4",
        "star-forming and H alpha / H beta > 4",
        "",
    ),
    ("galaxies classified as composite", "composite", ""),
    (
        "objects with z between 0.1 and 0.2 and EW(Hβ) > 10 Å",
        "redshift between 0.1 and 0.2 and EW of H beta > 10",
        "",
    ),
    ("non-AGN spirals", "not (AGN) and spiral", ""),
    ("spirals other than star-forming ones", "spiral and not (star-forming)", ""),
    ("early-type galaxies with ongoing star formation", "elliptical and star-forming", ""),
    ("SDSS galaxies at z ≲ 0.1 with median S/N ≥ 20", "redshift <= 0.1 and S/N >= 20", ""),
    ("galaxies with log(M*/Msun) between 10 and 10.5", "stellar mass between 10 and 10.5", ""),
    ("galaxies with the largest velocity dispersions", "highest velocity dispersion first", ""),
    (
        "the fifty strongest [O III] emitters at z > 0.05",
        "top 50; redshift > 0.05; strongest [O III] 5007 first",
        "",
    ),
    ("galaxies with [N II] stronger than Hα", "flux of [N II] 6583 > flux of H alpha", ""),
    ("low-redshift analogs of high-redshift galaxies", "", "analogs"),
    ("galaxies with outflows traced by Na D", "", "outflows"),
    ("weak-line galaxies with EW(Hα) < 3 Å", "weak emission lines and EW of H alpha < 3", ""),
    ("candidate lensed galaxies", "lens candidate", ""),
    ("galaxies without broad lines", "not (broad lines)", ""),
    (
        "spectra similar to 0266-51630-0168 with higher S/N",
        "higher S/N than '0266-51630-0168'; like '0266-51630-0168'",
        "",
    ),
)

#: How many of each set were right when it was first tried: `SAMPLES` in version 281b1f1, `FRESH` before words for some
#: of its sentences were added.
FIRST_TRY = {"first": 25, "fresh": 34}


def outcome(text: str, meaning: str, word: str) -> tuple[str, str]:
    """ "read", "refused" (rightly, by the word), "refused although it says something", "misread", and what was said."""
    try:
        said = read(text, WORDS).sentence
    except WordsError as error:
        named = not meaning and word.lower() in str(error).removeprefix(repr(text)).lower()
        return ("refused by the word" if named else "refused although it can be answered" if meaning
                else "refused, another word named"), str(error)  # fmt: skip
    return ("read" if said == meaning else "misread"), said


def run(bench: Bench) -> Section:
    """The share of the sentences that is read as meant; no spectra are needed."""
    rows, texts = [], []
    for name, sentences in (("fresh", FRESH), ("first", SAMPLES)):
        found = []
        for text, meaning, word in sentences:
            what, said = outcome(text, meaning, word)
            meant = meaning or f"(refused: {word})"
            found.append({"set": name, "sentence": text, "meant": meant, "outcome": what, "said": said})
        rows += found
        texts.append(_described(name, found))
    head = (
        "Descriptions of samples as abstracts have them, by the author of the grammar. Right: read as meant, or "
        "refused by the word that no spectrum answers. 95% intervals (Wilson)."
    )
    return Section("Sentences", tuple(rows), "\n\n".join([head, *texts]) + "\n")


def _described(name: str, found: list[dict[str, str]]) -> str:
    """One set in words, with everything that went wrong."""
    counts = Counter(row["outcome"] for row in found)
    first = FIRST_TRY[name]
    right = counts["read"] + counts["refused by the word"]
    low, high = wilson(first, len(found)) or (0.0, 1.0)
    wrong = [
        f"- {row['sentence']}: {row['outcome']}. {row['said']}"
        for row in found
        if row["outcome"] not in ("read", "refused by the word")
    ]
    table = "\n".join(f"| {what} | {n} |" for what, n in counts.most_common())
    return (
        f"Set {name}: {first} of {len(found)} right when it was first tried, {first / len(found):.2f} "
        f"[{low:.2f} {high:.2f}]; "
        f"{right} now, which measures nothing, as words were added since.\n\n"
        f"| outcome | sentences |\n|---|---|\n{table}\n\n" + "\n".join(wrong)
    )
