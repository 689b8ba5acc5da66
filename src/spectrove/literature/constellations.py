"""Names of constellations, Greek letters and Messier numbers, in the spellings that names of objects have."""

from __future__ import annotations

_TABLE = """
And Andromeda Andromedae|Ant Antlia Antliae|Aps Apus Apodis|Aqr Aquarius Aquarii|Aql Aquila Aquilae|Ara Ara Arae
Ari Aries Arietis|Aur Auriga Aurigae|Boo Bootes Bootis|Cae Caelum Caeli|Cam Camelopardalis Camelopardalis
Cnc Cancer Cancri|CVn CanesVenatici CanumVenaticorum|CMa CanisMajor CanisMajoris|CMi CanisMinor CanisMinoris
Cap Capricornus Capricorni|Car Carina Carinae|Cas Cassiopeia Cassiopeiae|Cen Centaurus Centauri|Cep Cepheus Cephei
Cet Cetus Ceti|Cha Chamaeleon Chamaeleontis|Cir Circinus Circini|Col Columba Columbae|Com ComaBerenices ComaeBerenices
CrA CoronaAustralis CoronaeAustralis|CrB CoronaBorealis CoronaeBorealis|Crv Corvus Corvi|Crt Crater Crateris
Cru Crux Crucis|Cyg Cygnus Cygni|Del Delphinus Delphini|Dor Dorado Doradus|Dra Draco Draconis|Equ Equuleus Equulei
Eri Eridanus Eridani|For Fornax Fornacis|Gem Gemini Geminorum|Gru Grus Gruis|Her Hercules Herculis
Hor Horologium Horologii|Hya Hydra Hydrae|Hyi Hydrus Hydri|Ind Indus Indi|Lac Lacerta Lacertae|Leo Leo Leonis
LMi LeoMinor LeonisMinoris|Lep Lepus Leporis|Lib Libra Librae|Lup Lupus Lupi|Lyn Lynx Lyncis|Lyr Lyra Lyrae
Men Mensa Mensae|Mic Microscopium Microscopii|Mon Monoceros Monocerotis|Mus Musca Muscae|Nor Norma Normae
Oct Octans Octantis|Oph Ophiuchus Ophiuchi|Ori Orion Orionis|Pav Pavo Pavonis|Peg Pegasus Pegasi|Per Perseus Persei
Phe Phoenix Phoenicis|Pic Pictor Pictoris|Psc Pisces Piscium|PsA PiscisAustrinus PiscisAustrini|Pup Puppis Puppis
Pyx Pyxis Pyxidis|Ret Reticulum Reticuli|Sge Sagitta Sagittae|Sgr Sagittarius Sagittarii|Sco Scorpius Scorpii
Scl Sculptor Sculptoris|Sct Scutum Scuti|Ser Serpens Serpentis|Sex Sextans Sextantis|Tau Taurus Tauri
Tel Telescopium Telescopii|Tri Triangulum Trianguli|TrA TriangulumAustrale TrianguliAustralis|Tuc Tucana Tucanae
UMa UrsaMajor UrsaeMajoris|UMi UrsaMinor UrsaeMinoris|Vel Vela Velorum|Vir Virgo Virginis|Vol Volans Volantis
Vul Vulpecula Vulpeculae
"""

#: Upper-case word to the upper-case abbreviation: CYGNI, CYGNUS and CYG to CYG.
CONSTELLATIONS: dict[str, str] = {
    word.upper(): words.split()[0].upper()
    for words in _TABLE.strip().replace("\n", "|").split("|")
    for word in words.split()
}

_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega"
)
_SIMBAD = "alf bet gam del eps zet eta tet iot kap lam mu nu ksi omi pi rho sig tau ups phi chi psi ome"

#: A letter, its name and SIMBAD's abbreviation, all in upper case, to the abbreviation.
GREEK: dict[str, str] = {
    spelling: short.upper()
    for letter, name, short in zip("ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", _GREEK.split(), _SIMBAD.split(), strict=True)
    for spelling in (letter, name.upper(), short.upper())
}

#: Messier's number to the name that catalogues give.
MESSIER: dict[int, str] = {
    number: f"{'IC' if number == 25 else 'NGC'}{ngc}"
    for number, ngc in enumerate(
        (
            1952, 7089, 5272, 6121, 5904, 6405, 6475, 6523, 6333, 6254, 6705, 6218, 6205, 6402, 7078, 6611, 6618,
            6613, 6273, 6514, 6531, 6656, 6494, 6603, 4725, 6694, 6853, 6626, 6913, 7099, 224, 221, 598, 1039, 2168,
            1960, 2099, 1912, 7092, 0, 2287, 1976, 1982, 2632, 0, 2437, 2422, 2548, 4472, 2323, 5194, 7654, 5024,
            6715, 6809, 6779, 6720, 4579, 4621, 4649, 4303, 6266, 5055, 4826, 3623, 3627, 2682, 4590, 6637, 6681,
            6838, 6981, 6994, 628, 6864, 650, 1068, 2068, 1904, 6093, 3031, 3034, 5236, 4374, 4382, 4406, 4486,
            4501, 4552, 4569, 4548, 6341, 2447, 4736, 3351, 3368, 3587, 4192, 4254, 4321, 5457, 5866, 581, 4594,
            3379, 4258, 6171, 3556, 3992, 205,
        ),
        1,
    )
    if ngc
}  # fmt: skip
