"""Lines of stars: vacuum wavelengths in angstrom from the NIST Atomic Spectra Database, the G band by its head."""

from __future__ import annotations

from spectrove.lines import Line

LINES: tuple[Line, ...] = tuple(
    Line(key, name, wavelength, "absorption", together, synonyms)
    for key, name, wavelength, together, synonyms in (
        ("h8", "H8", 3890.15, (), ()),
        ("cak", "Ca K", 3934.777, ("Ca HK", "Ca II HK"), ()),
        ("cah", "Ca H", 3969.588, ("Ca HK", "Ca II HK"), ()),
        ("hd", "H delta", 4102.892, (), ("Hδ", "Hdelta")),
        ("ca_4227", "Ca I 4227", 4227.92, (), ("Ca g",)),
        ("gband", "G band", 4305.61, (), ("CH",)),
        ("hg", "H gamma", 4341.684, (), ("Hγ", "Hgamma")),
        ("hei_4471", "He I 4471", 4472.73, (), ()),
        ("heii", "He II 4686", 4687.02, (), ()),
        ("hb", "H beta", 4862.683, (), ("Hβ", "Hbeta")),
        ("mgb_5167", "Mg b 5167", 5168.76, ("Mg b", "Mg triplet", "Mgb"), ()),
        ("mgb_5172", "Mg b 5172", 5174.13, ("Mg b", "Mg triplet", "Mgb"), ()),
        ("mgb_5183", "Mg b 5183", 5185.05, ("Mg b", "Mg triplet", "Mgb"), ()),
        ("fe_5270", "Fe I 5270", 5271.00, (), ()),
        ("fe_5335", "Fe I 5335", 5330.01, (), ()),
        ("hei_5876", "He I 5876", 5877.29, (), ()),
        ("nad_5890", "Na D 5890", 5891.58, ("Na D", "Na I D"), ("sodium",)),
        ("nad_5896", "Na D 5896", 5897.56, ("Na D", "Na I D"), ()),
        ("ha", "H alpha", 6564.614, (), ("Hα", "Halpha")),
        ("li_6708", "Li I 6708", 6709.61, (), ("lithium",)),
        ("k_7665", "K I 7665", 7667.02, (), ()),
        ("cat_8498", "Ca II 8498", 8500.36, ("Ca triplet", "CaT"), ()),
        ("cat_8542", "Ca II 8542", 8544.44, ("Ca triplet", "CaT"), ()),
        ("cat_8662", "Ca II 8662", 8664.52, ("Ca triplet", "CaT"), ()),
    )
)
