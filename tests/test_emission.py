"""Light of gas in lines: where they are, how bright, how broad."""

import dataclasses
import re

import equinox as eqx
import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from ifux import (
    LINES,
    Gas,
    InputError,
    LineTable,
    NoEmission,
    Particles,
    SSPLibrary,
    StarFormingEmission,
    TabulatedEmission,
    YoungStarEmission,
)
from ifux.config.build import module
from ifux.emission.hydrogen import RATIOS, case_b
from ifux.emission.ionising import AGES, METALS, RATES, photons
from ifux.emission.strong_lines import CALIBRATION, over_hydrogen
from ifux.grids import to_vacuum
from ifux.io import read_lines, read_ssp, write_lines
from ifux.typing import real
from ifux.units import SOLAR_LUMINOSITY

RYDBERG, FINE = 109677.5834, 1 / 137.035999
"""Of hydrogen [1/cm], and the constant of the fine structure: CODATA 2018."""


def gas(count=6, **given):
    """Cells that form stars or not, with metals inside and outside of what calibrations hold for."""
    columns = {
        "position": np.zeros((count, 3)),
        "velocity": np.zeros((count, 3)),
        "mass": np.full(count, 1e5),
        "density": np.geomspace(1e5, 1e8, count),
        "temperature": np.geomspace(1e4, 1e6, count),
        "metallicity": np.geomspace(2e-3, 1.6e-2, count),
        "star_formation_rate": np.linspace(0, 0.02, count),
        "smoothing_length": np.full(count, 0.1),
    }
    return Gas(**(columns | given))


@eqx.filter_jit
def emitted(emission, emitters):
    return emission.coefficients(emitters), emission.shares()


def shining(emission, emitters):
    """Luminosity of every line of every cell by its name [solar luminosity]."""
    light, shares = (np.asarray(found) for found in emitted(emission, emitters))
    light = light[:, [line.element for line in emission.lines]] * shares
    return dict(zip((line.name for line in emission.lines), light.T, strict=True))


# --- the lines --------------------------------------------------------------------------------------------------------


def level(n):
    """Mean energy of a shell of hydrogen over its fine structure [1/cm]: Bethe & Salpeter (1957), eq. 17.1."""
    return -RYDBERG / n**2 * (1 + FINE**2 / n * ((2 * n - 1) / n**2 - 3 / (4 * n)))


def test_lines_of_hydrogen_are_where_its_shells_are():
    """To 4e-6, a kilometre a second: levels of one shell are not all equally full."""
    shells = {"H10": (2, 10), "H9": (2, 9), "H8": (2, 8), "Lyalpha": (1, 2), "Hualpha": (6, 7), "Pa9": (3, 9)}
    shells |= {"Pa10": (3, 10)}
    greek = ("alpha", "beta", "gamma", "delta", "epsilon")
    for series, low in (("H", 2), ("Pa", 3), ("Br", 4), ("Pf", 5)):
        shells |= {f"{series}{letter}": (low, low + above) for above, letter in enumerate(greek, 1)}
    hydrogen = [line for line in LINES.values() if line.species == "H I"]
    assert len(hydrogen) == 24
    for line in hydrogen:
        low, high = shells[line.name]
        assert line.wavelength == pytest.approx(1e8 / (level(high) - level(low)), rel=4.5e-6), line.name


PYNEB = {
    "[O I]": ("O", 1, (4, 1), (4, 2)), "[O II]": ("O", 2, (3, 1), (2, 1)), "[O III]": ("O", 3, (5, 4), (4, 2), (4, 3)),
    "[N I]": ("N", 1, (3, 1), (2, 1)), "[N II]": ("N", 2, (5, 4), (4, 2), (4, 3)),
    "[S II]": ("S", 2, (5, 1), (4, 1), (3, 1), (2, 1)), "[S III]": ("S", 3, (5, 4), (4, 2), (4, 3), (3, 2)),
    "[S IV]": ("S", 4, (2, 1)), "[Ne II]": ("Ne", 2, (2, 1)), "[Ne III]": ("Ne", 3, (4, 1), (4, 2), (2, 1)),
    "[Ne V]": ("Ne", 5, (4, 3), (3, 2), (2, 1)), "[Ar II]": ("Ar", 2, (2, 1)),
    "[Ar III]": ("Ar", 3, (4, 1), (4, 2), (2, 1)),
    "[Ar IV]": ("Ar", 4, (3, 1), (2, 1)), "[Fe II]": ("Fe", 2, (10, 1), (10, 6), (6, 1), (2, 1)),
    "C III]": ("C", 3, (4, 1), (3, 1)), "C IV": ("C", 4, (3, 1), (2, 1)),
}  # fmt: skip
"""Element, ion and levels of the lines of a species, from blue to red."""


@pytest.fixture(scope="module")
def pyneb():
    pytest.importorskip("pyneb")
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pyneb

        pyneb.log_.level = 0
        yield pyneb


@pytest.mark.filterwarnings("ignore")
def test_lines_are_where_pyneb_has_them(pyneb):
    """To 1.5 km/s; pyneb's are in air above 2000 angstrom."""
    for species, (element, ion, *levels) in PYNEB.items():
        atom = pyneb.Atom(element, ion)
        lines = [line for line in LINES.values() if line.species == species]
        for line, (high, low) in zip(lines, levels, strict=True):
            there = atom.wave_Ang[high - 1, low - 1]
            there = float(to_vacuum(np.array([there]))[0]) if there > 2000 else there
            assert line.wavelength == pytest.approx(there, rel=5e-6), line.name
            assert line.mass == pytest.approx(pyneb.utils.physics.Z[element] * 2, rel=0.25)


H2 = {
    (0, 0): 0.0, (0, 1): 170.476087, (0, 2): 509.863865, (0, 3): 1015.084191, (0, 4): 1681.638721, (0, 5): 2503.744448,
    (0, 6): 3474.497936, (0, 7): 4586.058794, (0, 8): 5829.841867, (0, 9): 7196.708468, (0, 10): 8677.148594,
    (1, 1): 6148.959120, (1, 2): 6471.385922, (1, 3): 6951.294303, (1, 4): 7584.338855,
    (1, 5): 8364.936176, (2, 3): 12550.022258,
}  # fmt: skip
"""Energies of states by v and J [K]: Roueff et al. (2019), A&A 630, A58, as the Meudon PDR code has them."""


def test_lines_of_molecular_hydrogen_are_differences_of_its_energies():
    """To 0.3 km/s. J falls by two in S, by none in Q."""
    lines = [line for line in LINES.values() if line.species == "H2"]
    assert len(lines) == 15
    for line in lines:
        high, low, branch, rotation = re.fullmatch(r"H2 (\d)-(\d) ([SQ])\((\d)\)", line.name).groups()
        below = int(rotation)
        energy = H2[int(high), below + {"S": 2, "Q": 0}[branch]] - H2[int(low), below]
        assert line.wavelength == pytest.approx(1.438776877e8 / energy, rel=1e-6), line.name


def test_lines_are_where_ppxf_has_them():
    """To 1.3 km/s: what is fitted with its templates has the velocity that it has here."""
    util = pytest.importorskip("ppxf.ppxf_util")
    scale = np.log(np.linspace(3600, 7000, 20000))
    _, names, wave = util.emission_lines(scale, [3700, 6900], 2.5, vacuum=True)
    ours = np.array([line.wavelength for line in LINES.values()])
    for name, there in zip(names, wave, strict=True):
        assert np.abs(ours / there - 1).min() < 4.5e-6, name


def test_lines_reach_from_lyman_alpha_to_28_micrometres_each_with_its_own_name_and_place():
    wave = np.array([line.wavelength for line in LINES.values()])
    assert len(LINES) > 60 and wave.min() < 1216 and wave.max() > 2.82e5
    assert all(np.all(np.diff([line.wavelength for line in LINES.values() if line.species == name]) > 0)
               for name in {line.species for line in LINES.values()} - {"H2"})  # fmt: skip
    assert len(np.unique(wave)) == len(LINES)


# --- H II regions -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_lines_of_hydrogen_have_the_ratios_of_case_b(bits, pyneb):
    """To 2e-3 at the temperatures of Storey & Hummer's table, to 1 % between them, where pyneb interpolates linearly.

    But for lines beyond 7 micrometres, whose slope with temperature is steep: 1.3 %.
    """
    hydrogen = pyneb.RecAtom("H", 1, case="B")
    shells = {"Hualpha": (7, 6), "Lyalpha": (2, 1), "H8": (8, 2), "H9": (9, 2), "H10": (10, 2), "Pa9": (9, 3)}
    shells |= {"Pa10": (10, 3)}
    greek = ("alpha", "beta", "gamma", "delta", "epsilon")
    for series, low in (("H", 2), ("Pa", 3), ("Br", 4), ("Pf", 5)):
        shells |= {f"{series}{letter}": (low + above, low) for above, letter in enumerate(greek, 1)}
    for temperatures, tolerance in (((5e3, 7.5e3, 1e4, 1.25e4, 1.5e4, 2e4), 2e-3), (np.linspace(5e3, 2e4, 9), 1e-2)):
        found = np.array([case_b(tuple(RATIOS), real(temperature)) for temperature in temperatures])
        beta = hydrogen.getEmissivity(temperatures, 100.0, lev_i=4, lev_j=2)
        for name, ratio in zip(RATIOS, found.T, strict=True):
            expected = hydrogen.getEmissivity(temperatures, 100.0, lev_i=shells[name][0], lev_j=shells[name][1]) / beta
            slack = 1.3 if name in ("Pfalpha", "Hualpha") else 1
            assert np.abs(ratio / expected - 1).max() < tolerance * slack, name


@pytest.mark.filterwarnings("ignore")
def test_pairs_of_lines_have_the_ratios_of_atomic_physics(pyneb):
    """By pyneb at 1e4 K and 100 electrons per cm^3; [N II] by its older rates 4 % from the newer ones."""
    emission = StarFormingEmission()
    shares = dict(zip((line.name for line in emission.lines), emission.shares(), strict=True))
    for first, second, (element, ion, high, low), tolerance in (
        ("[O II] 3729", "[O II] 3726", ("O", 2, (2, 1), (3, 1)), 1e-3),
        ("[S II] 6716", "[S II] 6731", ("S", 2, (3, 1), (2, 1)), 1e-3),
        ("[O III] 5007", "[O III] 4959", ("O", 3, (4, 3), (4, 2)), 5e-3),
        ("[N II] 6583", "[N II] 6548", ("N", 2, (4, 3), (4, 2)), 4e-2),
    ):
        atom = pyneb.Atom(element, ion)
        expected = atom.getEmissivity(1e4, 100.0, *high) / atom.getEmissivity(1e4, 100.0, *low)
        assert float(shares[first] / shares[second]) == pytest.approx(expected, rel=tolerance)


def test_strong_lines_are_those_of_the_calibration():
    """Curti et al. (2020): at solar abundance, and as O3N2, O32 and R23 of the same galaxies agree."""
    solar = {name: float(np.log10(over_hydrogen(name, real([8.69])))[0]) for name in CALIBRATION}
    assert solar == pytest.approx({"[O II]": 0.435, "[O III]": -0.277, "[N II]": -0.489, "[S II]": -0.442}, abs=1e-5)
    abundance = np.linspace(7.9, 8.8, 10)
    x = abundance - 8.69
    log = {name: np.log10(np.asarray(over_hydrogen(name, real(abundance)))) for name in CALIBRATION}
    others = (
        (log["[O III]"] - log["[N II]"], 0.281 - 4.765 * x - 2.268 * x**2),
        (log["[O III]"] - log["[O II]"], -0.691 - 2.944 * x - 1.308 * x**2),
        (np.log10((1 + 1 / 2.98) * 10 ** log["[O III]"] + 10 ** log["[O II]"]),
         0.527 - 1.569 * x - 1.652 * x**2 - 0.421 * x**3),
    )  # fmt: skip
    for found, published in others:
        assert np.abs(found - published).max() < 0.2


def test_light_in_halpha_is_the_star_formation_rate(bits):
    """Kennicutt & Evans (2012): one solar mass a year is 10^41.27 erg/s, whatever the lines that are asked for."""
    cells = gas()
    for lines in (None, ("Halpha",), ("[S II] 6716", "Halpha", "[O III] 5007")):
        emission = StarFormingEmission() if lines is None else StarFormingEmission(lines=lines)
        found = shining(emission, cells)["Halpha"] * (SOLAR_LUMINOSITY / 1e41)
        assert np.allclose(found, np.asarray(cells.star_formation_rate) * 10**0.27, rtol=1e-5)
        assert emission.coefficients(cells).shape == (6, emission.size)
    assert StarFormingEmission().size == 5 and StarFormingEmission(lines=["Hbeta", "Halpha"]).size == 1
    hot = shining(StarFormingEmission(temperature=2e4), cells)
    cold = shining(StarFormingEmission(), cells)
    assert np.allclose(hot["Halpha"], cold["Halpha"], rtol=1e-5)
    assert np.allclose(hot["Hbeta"][1:] / cold["Hbeta"][1:], 2.8637 / 2.7466, rtol=1e-3)


def test_oxygen_is_what_the_simulation_counts_and_else_in_proportion_to_metals():
    """The Sun of Asplund et al. (2009) has 12 + log(O/H) = 8.69 either way."""
    hydrogen, oxygen = np.full(6, 0.7381), np.full(6, 0.7381 * 15.999 / 1.008 * 10 ** (8.69 - 12))
    counted = gas(elements={"H": hydrogen, "O": oxygen}, metallicity=np.zeros(6))
    solar = gas(metallicity=np.full(6, 0.0134))
    emission = StarFormingEmission()
    for one in (counted, solar):
        found = shining(emission, one)
        assert np.allclose(np.log10(found["[N II] 6583"][1:] / found["Halpha"][1:]), -0.489, atol=1e-4)
        assert emission.covered(one).all()


def test_ratios_are_held_beyond_the_calibration_and_counted():
    metals = 0.0134 * 10 ** (np.array([0.0, 7.0, 7.599, 7.601, 8.899, 9.5]) - 8.69)
    metals[0] = 0
    cells, emission = gas(metallicity=metals, star_formation_rate=np.ones(6)), StarFormingEmission()
    assert emission.covered(cells).tolist() == [False, False, False, True, True, False]
    for name, light in shining(emission, cells).items():
        assert np.ptp(light[:3]) == 0, name
        assert light[2] == pytest.approx(light[3], rel=0.01) and light[4] == pytest.approx(light[5], rel=0.02)


@eqx.filter_jit
def with_slopes(emission, emitters):
    """Coefficients, and the slopes of their sum by every number."""

    def total(pair):
        light = pair[0].coefficients(pair[1])
        return light.sum(), light

    slopes, light = eqx.filter_grad(total, has_aux=True)((emission, emitters))
    return light, slopes


def test_gas_that_forms_no_stars_is_dark_and_its_gradients_are_finite(bits):
    """Also where a cell is nothing at all, as one that fills up a block."""
    cells = jax.tree.map(lambda leaf: jnp.concatenate([leaf, jnp.zeros_like(leaf[:2])]), gas())
    counted = dataclasses.replace(
        cells, elements={"H": jnp.where(cells.mass > 0, 0.7, 0.0), "O": cells.metallicity / 2}
    )
    for one in (cells, counted, dataclasses.replace(counted, electron_abundance=jnp.zeros(8))):
        for diffuse in (0.0, 1.0):
            emission = StarFormingEmission(diffuse=diffuse)
            light, slopes = with_slopes(emission, one)
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
            assert not light[-2:].any() and np.isfinite(light).all()
            assert not light[0].any() or diffuse


def test_gradients_are_those_of_finite_differences(double):
    """By the rate, the metals, the mass, the density and the temperature of a cell, and by every leaf."""
    cells, emission = gas(electron_abundance=np.linspace(0.1, 0.9, 6)), StarFormingEmission(diffuse=2.0)
    weights = np.random.default_rng(1).normal(size=(6, 5))

    @eqx.filter_jit
    def total(pair):
        return jnp.sum(weights * jnp.log1p(1e-3 * pair[0].coefficients(pair[1])))

    slopes, _ = ravel_pytree(eqx.filter_grad(total)((emission, cells)))
    at, rebuilt = ravel_pytree(eqx.filter((emission, cells), eqx.is_array))
    _, static = eqx.partition((emission, cells), eqx.is_array)
    for place in np.flatnonzero(np.asarray(slopes)):
        step = 1e-5 * max(abs(float(at[place])), 1e-3)
        high, low = (float(total(eqx.combine(rebuilt(at.at[place].add(by)), static))) for by in (step, -step))
        assert float(slopes[place]) == pytest.approx((high - low) / (2 * step), rel=1e-5, abs=1e-9)


def test_line_is_as_broad_as_heat_and_turbulence_make_it():
    """9.08 km/s for hydrogen at 1e4 K, a quarter of that for oxygen; Osterbrock & Ferland (2006), sec. 5.8."""
    emission = StarFormingEmission(lines=["Halpha", "[O III] 5007"], turbulence=0.0)
    assert np.sqrt(np.asarray(emission.variances())) == pytest.approx([9.08, 9.08 / np.sqrt(15.87)], rel=1e-3)
    stirred = StarFormingEmission(lines=["Halpha"], turbulence=20.0, temperature=2e4)
    assert float(stirred.variances()[0]) == pytest.approx(400 + 2 * 9.0823**2, rel=1e-3)


# --- diffuse gas ------------------------------------------------------------------------------------------------------


def test_diffuse_gas_recombines_in_case_b():
    """Ten protons and electrons per cm^3 at 1e4 K, in a cube of 100 pc: 3.54e-25 erg cm^3/s of each, in H-alpha.

    The same where it is as hot as to be ionised by collisions; none where it is cold, or in stars soon.
    """
    density = 10 * 1.6735e-24 / 1.98841e33 * 3.0857e21**3
    given = {"density": np.full(6, density), "mass": np.full(6, density * 1e-3)}
    given |= {"elements": {"H": np.ones(6)}, "star_formation_rate": np.array([0, 0, 0, 0, 0, 1e-2])}
    cells = gas(temperature=np.array([5e3, 1e4, 2e4, 1e5, 1e6, 1e4]), **given)
    ionised = dataclasses.replace(cells, electron_abundance=real(np.ones(6)))
    emission = StarFormingEmission(efficiency=-99.0, diffuse=1.0)
    expected = 3.54e-25 * 100 * (3.0857e20) ** 3 / SOLAR_LUMINOSITY
    found = shining(emission, ionised)["Halpha"] / expected
    assert found[1] == pytest.approx(1, rel=1e-3)
    assert found[:3] == pytest.approx([1.911, 1, 0.513], rel=0.02)
    assert found[5] < 1e-2
    alone = shining(emission, cells)["Halpha"] / expected
    assert np.allclose(alone[3:5], found[3:5], rtol=2e-3) and alone[0] < 1e-9 and alone[1] < 1e-3
    log = {name: np.log10(light[1]) for name, light in shining(emission, ionised).items()}
    assert log["[N II] 6583"] - log["Halpha"] == pytest.approx(-0.3, abs=1e-5)
    assert log["[O III] 5007"] - log["Hbeta"] == pytest.approx(0, abs=1e-5)


# --- young stars ------------------------------------------------------------------------------------------------------


def stars(age, **given):
    """Star particles of some ages."""
    count = len(age)
    columns = {"mass": np.full(count, 1e4), "metallicity": np.full(count, 0.0134)} | given
    return Particles(np.zeros((count, 3)), np.zeros((count, 3)), age=age, **columns)


def test_stars_that_form_steadily_shine_as_gas_that_forms_them(bits):
    """A hundred million years at one solar mass a year: 10^41.27 erg/s of Kennicutt & Evans (2012), to 0.05 dex.

    They count photons of another library of the same Z = 0.02, and another IMF. Nine of ten come from stars younger
    than 4 Myr.
    """
    age = (np.arange(2000) + 0.5) / 2000 * 0.1
    steady = stars(age, mass=np.full(2000, 1e8 / 2000), metallicity=np.full(2000, 0.02))
    light = shining(YoungStarEmission.of_table(), steady)["Halpha"]
    assert np.log10(light.sum(dtype=np.float64)) + np.log10(SOLAR_LUMINOSITY) == pytest.approx(41.27, abs=0.05)
    assert light[:80].sum() / light.sum() == pytest.approx(0.9, abs=0.05)


def test_young_stars_shine_by_their_photons_and_old_ones_do_not():
    """At a node: 1.37e-12 erg of each photon that does not escape. Case B at 1e4 K, by pyneb's coefficients to 1 %."""
    emission, some = YoungStarEmission.of_table(escape=0.25), stars([1e-4, 1e-3, 5e-3, 0.05, 0.1, 10.0])
    light = shining(emission, dataclasses.replace(some, metallicity=real(np.full(6, 0.004))))["Halpha"]
    expected = 0.75 * 1.37e-12 * 1e4 * 10 ** (np.array([RATES[2][place] for place in (0, 0, 4, 11)]) - 33) / 3.828
    assert light[:4] == pytest.approx(expected, rel=1e-4)
    assert light[4:].max() < 1e-20 * light[0]
    # Of recombinations to excited levels, one in 2.2 makes a photon of H-alpha: Osterbrock & Ferland (2006), table 4.2.
    assert pytest.approx(3.54e-25 / 2.59e-13, rel=0.01) == 1.37e-12
    assert emission.of_stars and emission.covered(some).all() and emission.size == 5
    assert not emission.covered(stars([1e-3], metallicity=np.array([1e-5]))).any()


def test_gradients_by_stars_are_finite_differences_and_finite_without_any(double):
    emission, some = YoungStarEmission.of_table(), stars([1.5e-3, 4.4e-3, 7.1e-3, 0.023, 0.0])
    some = dataclasses.replace(some, metallicity=real([0.003, 0.005, 0.012, 0.007, 0.0]), mass=real([1, 2, 3, 4, 0]))
    _, slopes = with_slopes(emission, some)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))

    @eqx.filter_jit
    def total(some):
        return emission.coefficients(some).sum()

    for name in ("mass", "age", "metallicity"):
        for place in range(4):
            value = getattr(some, name)
            step = 1e-6 * float(value[place])
            moved = [dataclasses.replace(some, **{name: value.at[place].add(by)}) for by in (step, -step)]
            expected = (float(total(moved[0])) - float(total(moved[1]))) / (2 * step)
            assert float(getattr(slopes[1], name)[place]) == pytest.approx(expected, rel=1e-5)


def black_body(temperature, wavelength, medium="vacuum"):
    """A library of one spectrum for two ages and metallicities: one solar luminosity in all."""
    x = 1.438777e8 / (wavelength * temperature)
    planck = 15 / np.pi**4 * x**4 / wavelength / np.expm1(x)
    return SSPLibrary(
        name="black", metallicity=np.array([0.01, 0.02]), age=np.array([1e-3, 1.0]), wavelength=wavelength,
        flux=np.tile(planck, (2, 2, 1)), fwhm=np.ones(wavelength.size), medium=medium, imf="none", citation="nobody",
    )  # fmt: skip


def test_photons_of_a_library_are_those_of_a_black_body():
    """By the integral of x^2 / (e^x - 1), for 40 000 K: 1e10.24 photons for each erg."""
    found = photons(black_body(4e4, np.geomspace(30.0, 5000.0, 4000)))
    edge = 1.438777e8 / (911.75 * 4e4)
    x = np.linspace(edge, 60, 200_000)
    expected = 15 / np.pi**4 * np.trapezoid(x**2 / np.expm1(x), x) / (1.380649e-16 * 4e4) * 3.828e33
    assert found == pytest.approx(np.full((2, 2), np.log10(expected)), abs=2e-4)
    made = YoungStarEmission.of_library(black_body(4e4, np.geomspace(30.0, 5000.0, 4000)), ["Halpha"], escape=0.5)
    assert made.lines[0].name == "Halpha" and made.age.tolist() == pytest.approx([1e-3, 0.1])
    with pytest.raises(ValueError, match="begins at 3500 angstrom: it has no ionising light"):
        photons(black_body(4e4, np.linspace(3500.0, 7000.0, 100)))


def test_table_of_photons_is_what_its_library_gives(data):
    """Bruzual & Charlot (2003), to the two decimals that are written down."""
    library = read_ssp(data("BC03lr.h5"), medium="vacuum", fwhm=20.0, imf="Chabrier", citation="BC03")
    places = [int(np.abs(library.age - age).argmin()) for age in AGES]
    assert np.allclose(library.age[places], AGES, rtol=0.02) and np.allclose(library.metallicity, METALS)
    assert np.allclose(photons(library)[:, places], RATES, rtol=0, atol=0.006)


# --- tables -----------------------------------------------------------------------------------------------------------

AXES = {
    "metallicity": np.array([0.002, 0.0134, 0.03]),
    "ionisation": np.array([-4.0, -3.0, -2.0]),
    "density": np.array([1.0, 2.0, 3.0]),
}


def made(names=("Hbeta", "Halpha", "[O III] 4959", "[O III] 5007", "[S II] 6716", "[S II] 6731")):
    """A table that is linear in the logarithms of all three, in which one pair of two has a fixed ratio."""
    m, u, n = np.meshgrid(np.log10(AXES["metallicity"] / 0.0134), AXES["ionisation"], AXES["density"], indexing="ij")
    of = {
        "Hbeta": 0 * m, "Halpha": 0.45 + 0 * m, "[O III] 5007": 1 - m + 0.5 * u, "[S II] 6716": m - 0.4 * u - 0.1 * n,
        "[O III] 4959": 1 - m + 0.5 * u - np.log10(2.98), "[S II] 6731": m - 0.4 * u,
    }  # fmt: skip
    return LineTable(names, **AXES, ratios=np.stack([of[name] for name in names]), citation="nobody")


def test_table_is_interpolated_in_logarithms_and_held_at_its_ends(double):
    """On the law of Carton et al. (2017) for the ionisation; a pair of one ratio is one element."""
    metals = np.array([0.003, 0.0134, 0.02, 0.5, 0.0, 0.0005])
    cells, emission = gas(metallicity=metals, star_formation_rate=np.ones(6)), TabulatedEmission.of_table(made())
    assert emission.size == 4 and not emission.of_stars
    light = {name: np.log10(found) for name, found in shining(emission, cells).items()}
    m = np.log10(np.clip(metals, 0.002, 0.03) / 0.0134)
    u = np.clip(-3.58 - 0.8 * m, -4, -2)
    assert light["Halpha"] == pytest.approx(np.full(6, 41.27 - np.log10(SOLAR_LUMINOSITY)))
    assert light["Hbeta"] == pytest.approx(light["Halpha"] - 0.45)
    assert light["[O III] 5007"] - light["Hbeta"] == pytest.approx(1 - m + 0.5 * u)
    assert light["[O III] 5007"] - light["[O III] 4959"] == pytest.approx(np.full(6, np.log10(2.98)))
    assert light["[S II] 6716"] - light["[S II] 6731"] == pytest.approx(np.full(6, -0.2))
    assert emission.covered(cells).tolist() == [True, True, True, False, False, False]
    dark = dataclasses.replace(cells, star_formation_rate=real(np.zeros(6)))
    none, slopes = with_slopes(emission, dark)
    assert not none.any() and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    few = TabulatedEmission.of_table(made(), ["[O III] 5007"], slope=0.0)
    assert few.size == 1 and few.lines[0].element == 0


def test_tables_of_lines_come_back_from_files_of_three_layouts(tmp_path):
    """What ifux writes, and the same models as synthesizer and FSPS write theirs, at the nearest age."""
    table = made(("Hbeta", "Halpha", "[O III] 5007"))
    write_lines(tmp_path / "own.h5", table)
    back = read_lines(tmp_path / "own.h5")
    assert back.lines == table.lines and back.citation == "nobody" and np.array_equal(back.ratios, table.ratios)
    light, wave = 1e35 * 10**table.ratios, [4862.69, 6564.63, 5008.24]
    with h5py.File(tmp_path / "grid.hdf5", "w") as file:
        file.attrs["axes"] = ["ages", "ionisation_parameters", "metallicities", "hydrogen_densities"]
        for name, nodes in (("ages", [1e6, 1e8]), ("metallicities", AXES["metallicity"])):
            file[f"axes/{name}"] = nodes
        file["axes/ionisation_parameters"], file["axes/hydrogen_densities"] = (
            10 ** AXES[name] for name in ("ionisation", "density")
        )
        file["lines/id"] = np.array([b"H 1 4861.32A", b"H 1 6562.80A", b"O 3 5006.84A"])
        file["lines/wavelength"] = wave
        file["lines/luminosity"] = np.stack([light.transpose(2, 1, 3, 0), light.transpose(2, 1, 3, 0)[..., ::-1]])
    rows = ["# lines", " ".join(map(str, wave))]
    for i, metals in enumerate(AXES["metallicity"]):
        for age, order in ((1e6, slice(None)), (5e6, slice(None, None, -1))):
            for k, parameter in enumerate(AXES["ionisation"]):
                rows += [f"{np.log10(metals / 0.0142)} {age} {parameter}"]
                rows += [" ".join(str(1e-45 * 10**one) for one in table.ratios[order, i, k, 1])]
    (tmp_path / "ZAU_ND_mist.lines").write_text("\n".join(rows))
    for name, ratios in (("grid.hdf5", table.ratios), ("ZAU_ND_mist.lines", table.ratios[..., 1:2])):
        found = read_lines(tmp_path / name)
        order = [found.lines.index(line) for line in table.lines]
        assert len(found.lines) == 3 and np.allclose(found.ratios[order], ratios, atol=1e-9)
        assert np.allclose(found.metallicity, AXES["metallicity"]) and np.allclose(found.ionisation, AXES["ionisation"])
    for text in (b"", b"# lines\n1 2 3\n0 1\n"):
        (tmp_path / "bad.lines").write_bytes(text)
        with pytest.raises(InputError, match="is no file of lines of FSPS"):
            read_lines(tmp_path / "bad.lines")
    with pytest.raises(InputError, match="emission: 'Pabeta' is not among the lines of the table"):
        module("emission", {"kind": "tabulated", "path": str(tmp_path / "own.h5"), "lines": ["Pabeta"]}, "emission")


# --- what cannot be ---------------------------------------------------------------------------------------------------


def test_no_emission_is_none():
    emission, cells = NoEmission(), gas()
    assert emission.size == 0 and emission.lines == () and emission.coefficients(cells).shape == (6, 0)
    assert emission.shares().shape == emission.variances().shape == (0,) and emission.covered(cells).all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"lines": ["Halfa"]}, r"emission: 'Halfa' is not among the lines; did you mean 'Halpha'\?"),
        ({"lines": ["[O III] 4363"]}, r"emission: '\[O III\] 4363' is not among the lines that are known here, which"),
        ({"lines": ["Halpha", "Halpha"]}, "emission: Every line is named once"),
        ({"temperature": 0}, "emission.temperature: 0 is not greater than zero"),
        ({"turbulence": -1}, "emission.turbulence: -1 is below zero"),
        ({"diffuse": -1}, "emission.diffuse: -1 is below zero"),
        ({"diffuse_ratios": [0.0, 1.0]}, "emission: StarFormingEmission.diffuse_ratios must be 4 numbers"),
    ],
)
def test_description_without_sense_is_refused_in_a_sentence(given, sentence):
    with pytest.raises(InputError, match=sentence):
        module("emission", {"kind": "star-forming", **given}, "emission")


def test_stars_are_no_gas():
    star = Particles(np.zeros((1, 3)), np.zeros((1, 3)), [1.0], [1.0], [0.01])
    with pytest.raises(ValueError, match="Cells of gas shine here, and Particles are none"):
        StarFormingEmission().coefficients(star)
    with pytest.raises(ValueError, match="The gas around star particles shines here, and Gas is none of them"):
        YoungStarEmission.of_table().coefficients(gas())
