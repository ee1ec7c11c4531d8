"""Vacuum wavelengths of lines at rest, from Lyman alpha to 28 micrometres."""

MASSES = {
    "H": 1.008, "H2": 2.016, "He": 4.0026, "C": 12.011, "N": 14.007, "O": 15.999, "Ne": 20.180, "Mg": 24.305,
    "Si": 28.085, "S": 32.06, "Ar": 39.948, "Fe": 55.845,
}  # fmt: skip
"""Standard atomic weights [u], abridged: IUPAC (2021). Electrons that an ion lacks weigh nothing here."""

TRANSITIONS: dict[str, dict[str, float]] = {
    "H I": {
        "Lyalpha": 1215.6701, "H10": 3798.983, "H9": 3836.479, "H8": 3890.158, "Hepsilon": 3971.202,
        "Hdelta": 4102.899, "Hgamma": 4341.691, "Hbeta": 4862.691, "Halpha": 6564.632, "Pa10": 9017.39,
        "Pa9": 9231.55, "Paepsilon": 9548.59, "Padelta": 10052.13, "Pagamma": 10941.09, "Pabeta": 12821.58,
        "Paalpha": 18756.12, "Brdelta": 19450.87, "Brgamma": 21661.20, "Brbeta": 26258.67, "Pfgamma": 37405.56,
        "Bralpha": 40522.62, "Pfbeta": 46537.77, "Pfalpha": 74598.54, "Hualpha": 123718.9,
    },
    "He I": {"He I 4471": 4472.734, "He I 5876": 5877.249, "He I 6678": 6679.996, "He I 7065": 7067.138,
             "He I 10830": 10833.14},
    "He II": {"He II 1640": 1640.42, "He II 4686": 4687.015},
    "C IV": {"C IV 1548": 1548.187, "C IV 1551": 1550.772},
    "C III]": {"C III] 1907": 1906.683, "C III] 1909": 1908.734},
    "N V": {"N V 1239": 1238.821, "N V 1243": 1242.804},
    "[N I]": {"[N I] 5198": 5199.348, "[N I] 5200": 5201.704},
    "[N II]": {"[N II] 5755": 5756.189, "[N II] 6548": 6549.858, "[N II] 6583": 6585.270},
    "[O I]": {"[O I] 6300": 6302.044, "[O I] 6364": 6365.533},
    "[O II]": {"[O II] 3726": 3727.092, "[O II] 3729": 3729.875},
    "O III]": {"O III] 1661": 1660.809, "O III] 1666": 1666.150},
    "[O III]": {"[O III] 4363": 4364.435, "[O III] 4959": 4960.294, "[O III] 5007": 5008.239},
    "[O IV]": {"[O IV] 25.9 um": 258903.0},
    "[Ne II]": {"[Ne II] 12.8 um": 128135.5},
    "[Ne III]": {"[Ne III] 3869": 3869.861, "[Ne III] 3967": 3968.593, "[Ne III] 15.6 um": 155550.5},
    "[Ne V]": {"[Ne V] 3426": 3426.864, "[Ne V] 14.3 um": 143216.8, "[Ne V] 24.3 um": 243175.0},
    "[Ne VI]": {"[Ne VI] 7.65 um": 76524.0},
    "Mg II": {"Mg II 2796": 2796.352, "Mg II 2803": 2803.531},
    "[S II]": {"[S II] 4069": 4069.749, "[S II] 4076": 4077.500, "[S II] 6716": 6718.294, "[S II] 6731": 6732.674},
    "[S III]": {"[S III] 6312": 6313.81, "[S III] 9069": 9071.10, "[S III] 9531": 9533.23, "[S III] 18.7 um": 187129.1},
    "[S IV]": {"[S IV] 10.5 um": 105104.9},
    "[Ar II]": {"[Ar II] 6.99 um": 69852.7},
    "[Ar III]": {"[Ar III] 7136": 7137.76, "[Ar III] 7751": 7753.24, "[Ar III] 8.99 um": 89913.8},
    "[Ar IV]": {"[Ar IV] 4711": 4712.58, "[Ar IV] 4740": 4741.45},
    "[Fe II]": {"[Fe II] 1.257 um": 12570.20, "[Fe II] 1.644 um": 16440.00, "[Fe II] 5.34 um": 53401.7,
                "[Fe II] 26.0 um": 259883.0},
    "H2": {
        "H2 1-0 S(3)": 19575.59, "H2 1-0 S(2)": 20337.58, "H2 1-0 S(1)": 21218.34, "H2 1-0 S(0)": 22232.90,
        "H2 2-1 S(1)": 22477.15, "H2 1-0 Q(1)": 24065.92, "H2 0-0 S(8)": 50531.15, "H2 0-0 S(7)": 55111.83,
        "H2 0-0 S(6)": 61085.64, "H2 0-0 S(5)": 69095.09, "H2 0-0 S(4)": 80250.41, "H2 0-0 S(3)": 96649.11,
        "H2 0-0 S(2)": 122786.12, "H2 0-0 S(1)": 170348.46, "H2 0-0 S(0)": 282188.44,
    },
}  # fmt: skip
"""By species and name [angstrom]: names are those of the air above 2000 angstrom, of the vacuum in the infrared.

Atoms and ions: NIST Atomic Spectra Database, lines of hydrogen and helium as means over their fine structure. Molecular
hydrogen, whose lines are not there: Roueff et al. (2019), A&A 630, A58, table 2.
"""
