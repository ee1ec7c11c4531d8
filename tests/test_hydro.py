"""Every hydrodynamical simulation: stars and gas in units written out here from raw columns, not by the reader."""

import dataclasses
import re

import astropy.units as u
import h5py
import numpy as np
import pytest
from astropy.constants import k_B, m_p
from astropy.cosmology import FlatLambdaCDM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifux.errors import InputError
from ifux.io import describe, read_galaxy, write_galaxy
from ifux.io.snapshots.elements import alpha_enhancement
from ifux.io.snapshots.galaxy import settled
from ifux.io.snapshots.read import GALAXY_FORMATS, galaxy_format

KPC, MSUN = 3.085678e21 * u.cm, 1.989e43 * u.g
GRAVITY = {"length": KPC, "mass": MSUN, "a": 1, "h": -1, "speed": 0.5}

# Written out from the headers and the description of each file.
REAL = {
    "EAGLE": GRAVITY | {
        "format": "eagle", "scale": 0.7868432969, "hubble": 0.6777, "matter": 0.307, "length": 1000 * KPC,
        "stars": ("Velocity", "InitialMass", "StellarFormationTime"), "gas": ("Velocity", "Mass", "Density"),
        "rates": ("StarFormationRate", 1 * u.Msun / u.yr), "size": "SmoothingLength", "count": (2000, 100),
    },
    "IllustrisTNG": GRAVITY | {
        "format": "illustris", "scale": 0.7705836265, "hubble": 0.6774, "matter": 0.3089,
        "stars": ("Velocities", "GFM_InitialMass", "GFM_StellarFormationTime"),
        "gas": ("Velocities", "Masses", "Density"), "rates": ("StarFormationRate", 1 * u.Msun / u.yr),
        "size": None, "count": (1996, 100),
    },
    "Magneticum": GRAVITY | {
        "format": "magneticum", "scale": 0.77342265, "hubble": 0.704, "matter": 0.272, "length": 3.086e21 * u.cm,
        "stars": ("Velocity", "InitialMass", "StellarFormationTime"), "gas": ("Velocity", "Mass", "Density"),
        "rates": ("StarFormationRate", 1 * u.Msun / u.yr), "size": "SmoothingLength", "count": (2000, 100),
    },
    "HorizonAGN": {
        "format": "horizon-agn", "scale": 0.98233357, "hubble": 0.704, "matter": 0.272, "length": 3.08e21 * u.cm,
        "mass": 2e33 * u.g, "a": 0, "h": 0, "speed": 0,
        "stars": ("Velocity", "InitialMass", "StellarFormationTime"), "gas": ("Velocity", "Mass", "Density"),
        "rates": ("StarFormationRate", 1 * u.Msun / u.yr), "size": None, "count": (2000, 100),
    },
    "Colibre": {
        "format": "swift", "scale": 1.0, "hubble": 0.68100155, "matter": 0.304611, "length": 1 * u.Mpc,
        "mass": 1e10 * u.Msun, "a": 1, "h": 0, "speed": 0,
        "stars": ("Velocities", "InitialMasses", "BirthScaleFactors"), "gas": ("Velocities", "Masses", "Densities"),
        "rates": ("StarFormationRates", 1e10 * u.Msun / (u.Mpc / (u.km / u.s))), "size": "SmoothingLengths",
        "count": (935, 62),
    },
}  # fmt: skip


def raw(path, group, *names):
    with h5py.File(path) as file:
        return [file[f"{group}/{name}"][...] for name in names]


@pytest.fixture(params=REAL)
def real(request, data):
    """A galaxy left where it is, its file, and what is known of the simulation."""
    path = data(f"snapshots/SimSpin_example_{request.param}.hdf5")
    return read_galaxy(path, centre="as-is"), path, REAL[request.param]


def units(known):
    """kpc and solar masses of the raw numbers one."""
    scale, hubble = known["scale"], known["hubble"]
    length = known["length"].to_value(u.kpc) * scale ** known["a"] * hubble ** known["h"]
    return length, known["mass"].to_value(u.Msun) * hubble ** known["h"]


def test_stars_of_real_files_agree_with_a_calculation_by_hand(real):
    galaxy, path, known = real
    assert galaxy.format == known["format"] and galaxy.stars.count == known["count"][0]
    assert 1 / (1 + galaxy.redshift) == pytest.approx(known["scale"], rel=1e-7)
    assert galaxy.cosmology.hubble == pytest.approx(known["hubble"], rel=1e-7)
    names = known["stars"]
    position, velocity, mass, formed = raw(path, "PartType4", "Coordinates", *names)
    born = formed > 0
    length, weight = units(known)
    assert np.allclose(galaxy.stars.position, (position * length)[born], rtol=2e-6)
    assert np.allclose(galaxy.stars.velocity, (velocity * known["scale"] ** known["speed"])[born], rtol=1e-6, atol=1e-3)
    assert np.allclose(galaxy.stars.mass, (mass * weight)[born], rtol=1e-5)


def test_ages_of_real_files_are_those_at_the_time_of_the_snapshot(real):
    galaxy, path, known = real
    (formed,) = raw(path, "PartType4", known["stars"][2])
    formed = formed[formed > 0]
    cosmology = FlatLambdaCDM(100 * known["hubble"], known["matter"])
    tolerance = 1e-5
    if known["format"] == "swift":  # photons, two massless neutrinos and one of 0.06 eV
        cosmology = FlatLambdaCDM(
            100 * known["hubble"], known["matter"], Tcmb0=2.7255, Neff=3.046, m_nu=[0, 0, 0.06] * u.eV
        )
        tolerance = 2e-3
    now = cosmology.age(1 / known["scale"] - 1).to_value(u.Gyr)
    expected = now - cosmology.age(1 / formed - 1).to_value(u.Gyr)
    assert np.allclose(galaxy.stars.age, expected, rtol=0, atol=tolerance)
    assert float(galaxy.stars.age.min()) > 0 and float(galaxy.stars.age.max()) < now


def test_gas_of_real_files_agrees_with_a_calculation_by_hand(real):
    galaxy, path, known = real
    gas, scale = galaxy.gas, known["scale"]
    assert gas.count == known["count"][1]
    velocity, mass, density = known["gas"]
    position, velocity, mass, density, rate = raw(
        path, "PartType0", "Coordinates", velocity, mass, density, known["rates"][0]
    )
    length, weight = units(known)
    assert np.allclose(gas.position, position * length, rtol=2e-6)
    assert np.allclose(gas.velocity, velocity * scale ** known["speed"], rtol=1e-6, atol=1e-3)
    assert np.allclose(gas.mass, mass * weight, rtol=1e-5)
    assert np.allclose(gas.density, density * weight / length**3, rtol=1e-5)
    # The year of the simulations is of 365 or of 365.25 days, their Sun of 1.989e33 g or 2e33 g.
    assert np.allclose(gas.star_formation_rate, rate * known["rates"][1].to_value(u.Msun / u.yr), rtol=0.007)
    if known["size"] is None:
        assert np.allclose(4 / 3 * np.pi * gas.smoothing_length**3 * gas.density, gas.mass, rtol=1e-5)
    else:
        (size,) = raw(path, "PartType0", known["size"])
        assert np.allclose(gas.smoothing_length, size * length, rtol=1e-5)
    forming = np.asarray(gas.star_formation_rate) > 0
    depletion = np.asarray(gas.mass)[forming] / np.asarray(gas.star_formation_rate)[forming]
    assert np.all((depletion > 1e7) & (depletion < 1e12)), "gas lasts between 10 Myr and 1000 Gyr"


def test_temperatures_of_real_files(real):
    galaxy, path, known = real
    name = {"swift": "Temperatures", "illustris": None}.get(known["format"], "Temperature")
    if name is not None:
        assert np.allclose(galaxy.gas.temperature, raw(path, "PartType0", name)[0], rtol=1e-6)
        return
    energy, electrons = raw(path, "PartType0", "InternalEnergy", "ElectronAbundance")
    weight = 4 / (1 + 3 * 0.76 + 4 * 0.76 * electrons)
    expected = (2 / 3 * energy * (u.km / u.s) ** 2 * weight * m_p / k_B).to_value(u.K)
    assert np.allclose(galaxy.gas.temperature, expected, rtol=1e-5)
    assert np.allclose(galaxy.gas.electron_abundance, electrons, rtol=1e-6)


def test_metals_of_real_files(real):
    galaxy, path, known = real
    names = {
        "swift": "MetalMassFractions", "illustris": "GFM_Metallicity", "magneticum": "Metallicity",
    }  # fmt: skip
    name = names.get(known["format"], "SmoothedMetallicity")
    stars, gas = raw(path, "PartType4", name)[0], raw(path, "PartType0", name)[0]
    elements = {}
    if known["format"] == "magneticum":
        # helium is the primordial quarter of the mass as formed, and more than any star has of the mass that is left
        (formed, left), (mass,) = raw(path, "PartType4", "InitialMass", "Mass"), raw(path, "PartType0", "Mass")
        assert 0.24 < np.median(stars[:, 0] / formed) < 0.26 < 0.38 < np.median(stars[:, 0] / left)
        elements = {"O": gas[:, 3] / mass, "Fe": gas[:, 9] / mass}
        stars, gas = stars[:, 1:].sum(axis=1) / formed, gas[:, 1:].sum(axis=1) / mass
    elif known["format"] == "illustris":
        stars = stars[raw(path, "PartType4", "GFM_StellarFormationTime")[0] > 0]
        (fractions,) = raw(path, "PartType0", "GFM_Metals")
        elements = {"H": fractions[:, 0], "O": fractions[:, 4], "Fe": fractions[:, 8]}
    else:
        folder = "ElementMassFractions" if known["format"] == "swift" else "SmoothedElementAbundance"
        elements = {"O": raw(path, "PartType0", f"{folder}/Oxygen")[0]}
    assert np.allclose(galaxy.stars.metallicity, np.where(stars > 0, stars, 1e-10), rtol=1e-6, atol=0)
    assert np.allclose(galaxy.gas.metallicity, gas, rtol=1e-6)
    for symbol, fraction in elements.items():
        assert np.allclose(galaxy.gas.elements[symbol], fraction, rtol=1e-6), symbol


def test_rates_with_a_wrong_attribute_are_noted(data):
    for name, wrong in (("HorizonAGN", "e-09"), ("Magneticum", "e\\+10")):
        galaxy = read_galaxy(data(f"snapshots/SimSpin_example_{name}.hdf5"))
        (note,) = [note for note in galaxy.notes if "StarFormationRate states a unit" in note]
        assert re.search(wrong, note) and "the published one was taken" in note


def test_solar_mixture_has_no_alpha_enhancement():
    # numbers of atoms per 10^12 of hydrogen, times atomic weights
    sun = {"O": 10**8.69 * 15.999, "Mg": 10**7.60 * 24.305, "Fe": 10**7.50 * 55.845}
    for element in ("Mg", "O"):
        ratio, name = alpha_enhancement({"Fe": np.full(2, sun["Fe"]), element: sun[element] * np.array([1.0, 2.0])})
        assert name == f"[{element}/Fe]" and np.allclose(ratio, [0, np.log10(2)], atol=1e-12)
    assert alpha_enhancement({"O": np.ones(1)}) == (None, "")
    assert np.isnan(alpha_enhancement({"Mg": np.ones(1), "Fe": np.zeros(1)})[0])


def test_alpha_enhancement_and_potential_in_physical_units(data, tmp_path):
    path = data("snapshots/SimSpin_example_Magneticum.hdf5")
    (metals,) = raw(path, "PartType4", "Metallicity")
    rich = (metals[:, 6] > 0) & (metals[:, 9] > 0)
    magnesium, iron = metals[rich, 6] / 24.305, metals[rich, 9] / 55.845
    found = GALAXY_FORMATS["magneticum"].read(path).stars.alpha
    assert np.allclose(found[rich], np.log10(magnesium / iron) - (7.60 - 7.50), atol=1e-9)
    assert np.isnan(found[~rich]).all()
    fire = GALAXY_FORMATS["fire"].read(gizmo(tmp_path / "snap.hdf5")).stars
    expected = -1e5 / (1 + np.linalg.norm(PLACE - PLACE[7], axis=1)) / SCALE
    assert np.allclose(fire.potential, expected, rtol=1e-9)


# Files that the tests make ------------------------------------------------------------------------------------------

COUNT = 300
SCALE, HUBBLE, MATTER = 0.8, 0.7, 0.3
RNG = np.random.default_rng(5)
PLACE = RNG.normal(0, 4, (COUNT, 3)) + 20000.0
SPEED = RNG.normal(100, 50, (COUNT, 3))
METALS = RNG.uniform(1e-4, 1e-3, (COUNT, 11))
FORMED = RNG.uniform(0.1, 0.79, COUNT)


def gizmo(path, change=lambda file: None, **header):
    """A snapshot as SIMBA and FIRE write it."""
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update(
            {"BoxSize": 75000.0, "HubbleParam": HUBBLE, "Omega0": MATTER, "OmegaLambda": 1 - MATTER, "Time": SCALE,
             "Redshift": 1 / SCALE - 1, "NumPart_ThisFile": np.array([COUNT, 0, 0, 0, COUNT, 0]),
             "NumFilesPerSnapshot": 1} | header
        )  # fmt: skip
        for name, number in (("PartType4", 4), ("PartType0", 0)):
            group = file.create_group(name)
            group["Coordinates"], group["Velocities"], group["Metallicity"] = PLACE, SPEED, METALS
            group["Masses"] = np.full(COUNT, 1e-4)
            group["ParticleIDs"] = np.arange(COUNT, dtype=np.uint32) + number * 1000
        file["PartType4/StellarFormationTime"] = FORMED
        file["PartType4/Potential"] = -1e5 / (1 + np.linalg.norm(PLACE - PLACE[7], axis=1))
        gas = file["PartType0"]
        gas["Density"], gas["InternalEnergy"] = np.full(COUNT, 1e-5), np.linspace(1, 1e5, COUNT)
        gas["ElectronAbundance"], gas["SmoothingLength"] = np.full(COUNT, 1.1), np.full(COUNT, 0.5)
        gas["StarFormationRate"] = np.full(COUNT, 0.01)
        change(file)
    return path


@pytest.mark.parametrize("name", ["simba", "fire"])
def test_gizmo_agrees_with_a_calculation_by_hand(tmp_path, name):
    def dusty(file):
        if name == "simba":
            file["PartType0/Dust_Masses"] = np.zeros(COUNT)

    galaxy = read_galaxy(gizmo(tmp_path / "snap.hdf5", dusty), centre="as-is")
    assert galaxy.format == name and galaxy.stars.count == galaxy.gas.count == COUNT
    length = (KPC * SCALE / HUBBLE).to_value(u.kpc)
    weight = (MSUN / HUBBLE).to_value(u.Msun)
    assert np.allclose(galaxy.stars.position, PLACE * length, rtol=1e-6)
    assert np.allclose(galaxy.gas.velocity, SPEED * SCALE**0.5, rtol=1e-5, atol=1e-3)
    assert np.allclose(galaxy.stars.mass, 1e-4 * weight, rtol=1e-6)
    assert np.allclose(galaxy.stars.metallicity, METALS[:, 0], rtol=1e-6)
    cosmology = FlatLambdaCDM(H0=100 * HUBBLE, Om0=MATTER)
    expected = (cosmology.age(1 / SCALE - 1) - cosmology.age(1 / FORMED - 1)).to_value(u.Gyr)
    assert np.allclose(galaxy.stars.age, expected, atol=1e-5)
    assert np.allclose(galaxy.gas.density, 1e-5 * weight / length**3, rtol=1e-5)
    assert np.allclose(galaxy.gas.smoothing_length, 0.5 * length, rtol=1e-5)
    assert np.allclose(galaxy.gas.star_formation_rate, 0.01, rtol=1e-3)
    assert np.allclose(galaxy.gas.elements["O"], METALS[:, 4], rtol=1e-6)
    assert np.allclose(galaxy.gas.elements["Fe"], METALS[:, 10], rtol=1e-6)
    assert np.allclose(galaxy.gas.elements["H"], 1 - METALS[:, 0] - METALS[:, 1], rtol=1e-6)
    assert sum("no masses as formed" in note for note in galaxy.notes) == 1
    assert any("effective equation of state" in note for note in galaxy.notes) == (name == "simba")


def test_units_of_gizmo_are_those_of_the_header_or_as_stated(tmp_path):
    """A header that states them, an option that does, and the published ones are the same galaxy."""

    def smaller(file):
        for name in ("PartType4", "PartType0"):
            file[f"{name}/Coordinates"][...] *= 1e-3
            file[f"{name}/Velocities"][...] *= 1e3
        file["PartType0/Density"][...] *= 1e9
        file["PartType0/InternalEnergy"][...] *= 1e6

    usual = read_galaxy(gizmo(tmp_path / "usual.hdf5"))
    assert sum("nothing in the file states the unit of its length and velocity and mass" in n for n in usual.notes) == 1
    header = {"UnitLength_In_CGS": 3.085678e24, "UnitVelocity_In_CGS": 100.0, "BoxSize": 75.0}
    stated = read_galaxy(gizmo(tmp_path / "stated.hdf5", smaller, **header))
    told = gizmo(tmp_path / "told.hdf5", smaller, BoxSize=75.0)
    with pytest.raises(InputError, match=r'velocity spread .* state units={"velocity": "cm/s"}, or believe=true'):
        read_galaxy(told)
    told = read_galaxy(told, units={"length": "Mpc", "velocity": "m/s", "mass": "1e10 Msun"})
    assert not any("nothing in the file states" in note for note in told.notes)
    for galaxy in (stated, told):
        for name in ("position", "velocity", "mass"):
            assert np.allclose(getattr(galaxy.stars, name), getattr(usual.stars, name), rtol=1e-3, atol=1e-3), name
        assert np.allclose(galaxy.gas.temperature, usual.gas.temperature, rtol=1e-6)


def test_most_bound_star_is_the_centre(tmp_path):
    path = gizmo(tmp_path / "snap.hdf5")
    galaxy = read_galaxy(path, centre="most-bound")
    assert np.argmin(np.linalg.norm(galaxy.stars.position, axis=1)) == 7
    assert np.allclose(galaxy.stars.position[7], 0, atol=1e-6)
    # gas and stars are the same points here, and stay so
    assert np.array_equal(galaxy.gas.position, galaxy.stars.position)
    assert np.array_equal(galaxy.gas.velocity, galaxy.stars.velocity)
    with h5py.File(path, "a") as file:
        del file["PartType4/Potential"]
    with pytest.raises(InputError, match="gives no potential of its stars"):
        read_galaxy(path, centre="most-bound")


def test_radius_and_ids_select_stars_and_gas(tmp_path):
    path = gizmo(tmp_path / "snap.hdf5")
    place = PLACE[7] * (KPC * SCALE / HUBBLE).to_value(u.kpc)
    galaxy = read_galaxy(path, centre=place, radius=5.0)
    inside = int(np.sum(np.linalg.norm(PLACE - PLACE[7], axis=1) * (KPC * SCALE / HUBBLE).to_value(u.kpc) <= 5))
    assert galaxy.stars.count == galaxy.gas.count == inside < COUNT
    reason = "farther than 5 kpc from the centre"
    assert galaxy.dropped == {reason: COUNT - inside, f"gas: {reason}": COUNT - inside}
    wanted = [4000, 4005, 4299, 3, 77, 999_999]
    (tmp_path / "ids.txt").write_text("4000 4005\n4299,3\n77 999999\n")
    np.save(tmp_path / "ids.npy", np.array(wanted))
    for ids in (wanted, np.array(wanted), tmp_path / "ids.txt", str(tmp_path / "ids.npy")):
        some = read_galaxy(path, centre="as-is", ids=ids)
        assert some.stars.count == 3 and some.gas.count == 2
        assert np.allclose(some.stars.metallicity, METALS[[0, 5, 299], 0], rtol=1e-6)
        assert "1 of the 6 identifiers asked for are not in the file" in some.notes


def test_identifiers_that_are_none_are_one_sentence(tmp_path):
    path = gizmo(tmp_path / "snap.hdf5")
    (tmp_path / "words.txt").write_text("one two")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.save(tmp_path / "floats.npy", np.array([0.5]))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "floats.npy").read_bytes()[:70])
    for ids in ("words.txt", "objects.npy", "floats.npy", "cut.npy", "absent.txt"):
        with pytest.raises(InputError, match=ids):
            read_galaxy(path, ids=tmp_path / ids)
    with pytest.raises(InputError, match="no star particle is left \\(300: identifier is not among those"):
        read_galaxy(path, ids=[12345])
    with pytest.raises(InputError, match="whole numbers"):
        read_galaxy(path, ids=[])


def test_subhalo_by_the_numbers_of_the_file(data, tmp_path):
    with pytest.raises(InputError, match="does not say which subhalo"):
        read_galaxy(data("snapshots/SimSpin_example_EAGLE.hdf5"), subhalo=[1, 0])
    halo = np.arange(COUNT) % 3

    def belong(file):
        file["PartType4/HaloID"], file["PartType0/HaloID"] = halo, halo

    path = gizmo(tmp_path / "snap.hdf5", belong)
    galaxy = read_galaxy(path, centre="as-is", subhalo=2)
    assert galaxy.stars.count == galaxy.gas.count == COUNT // 3
    assert np.allclose(galaxy.gas.metallicity, METALS[2::3, 0], rtol=1e-6)
    with pytest.raises(InputError, match="named by 1 whole number in this file, got"):
        read_galaxy(path, subhalo=[1, 2])
    with pytest.raises(InputError, match="no star particle is left"):
        read_galaxy(path, subhalo=9)


@pytest.mark.parametrize("column", ["Density", "InternalEnergy", "Metallicity", "StarFormationRate", "Velocities"])
def test_gas_that_lacks_a_column_is_left_out_and_counted(tmp_path, column):
    def lose(file):
        del file["PartType0"][column]

    galaxy = read_galaxy(gizmo(tmp_path / "snap.hdf5", lose))
    assert galaxy.gas is None and galaxy.stars.count == COUNT
    assert galaxy.dropped == {f"gas: left out, because /PartType0 has no {column}": COUNT}


def test_unusable_gas_is_counted_by_reason(tmp_path):
    def spoil(file):
        gas = file["PartType0"]
        gas["Density"][:2] = [np.nan, -1.0]
        gas["Masses"][2] = np.inf
        gas["InternalEnergy"][3] = 0.0
        gas["Metallicity"][4, 0] = -1e-8
        gas["Metallicity"][5, 4] = np.nan
        gas["StarFormationRate"][6:8] = -0.5
        gas["StarFormationRate"][8] = 6.3e23  # g/s
        gas["Metallicity"][9, 0:2] = [0.3, 0.8]
        gas["Metallicity"][10, 4] = 1.5

    galaxy = read_galaxy(gizmo(tmp_path / "snap.hdf5", spoil))
    assert galaxy.dropped == {
        "gas: mass is not a finite number in single precision": 1,
        "gas: density is not a finite number in single precision": 1,
        "gas: density is not positive in single precision": 1,
        "gas: temperature is not positive in single precision": 1,
        "gas: its star formation uses it up within 100 years": 1,
        "gas: O is above one, so no mass fraction": 1,
        "gas: it has no hydrogen": 1,
    }
    assert galaxy.changed == {
        "gas: metallicity below zero set to zero": 1,
        "gas: star_formation_rate below zero set to zero": 2,
        "gas: O below zero or not finite set to zero": 1,
    }
    assert galaxy.gas.count == COUNT - 7 and galaxy.stars.count == COUNT


def test_electrons_that_are_not_counted_are_guessed_by_the_heat(tmp_path):
    def lose(file):
        del file["PartType0/ElectronAbundance"]

    galaxy = read_galaxy(gizmo(tmp_path / "snap.hdf5", lose))
    energy = np.linspace(1, 1e5, COUNT) * (u.km / u.s) ** 2
    neutral, ionised = (
        (2 / 3 * energy * weight * m_p / k_B).to_value(u.K)
        for weight in (1 / (0.76 + 0.24 / 4), 1 / (2 * 0.76 + 3 * 0.24 / 4))
    )
    assert np.allclose(galaxy.gas.temperature, np.where(ionised > 1e4, ionised, neutral), rtol=1e-4)
    assert any("electrons of the gas are not counted" in note for note in galaxy.notes)


def spread(folder, change=lambda file: None):
    """A snapshot in three files; the second holds no stars."""
    for index in range(3):
        path = gizmo(folder / f"snap_099.{index}.hdf5", NumFilesPerSnapshot=3)
        with h5py.File(path, "a") as file:
            if index == 1:
                del file["PartType4"]
            else:
                file["PartType4/Masses"][...] = 1e-4 * (index + 1)
            change(file)
    return folder


def test_snapshot_in_many_files_is_put_together(tmp_path):
    folder = spread(tmp_path)
    for path in (folder, folder / "snap_099.0.hdf5"):
        galaxy = read_galaxy(path, centre="as-is")
        assert galaxy.stars.count == 2 * COUNT and galaxy.gas.count == 3 * COUNT
        assert galaxy.stars.mass[-1] / galaxy.stars.mass[0] == pytest.approx(3, rel=1e-6)
        assert "and 2 more files" in galaxy.source and not any("only this one" in note for note in galaxy.notes)
    alone = read_galaxy(folder / "snap_099.2.hdf5")
    assert alone.stars.count == COUNT and any("3 files: only this one" in note for note in alone.notes)
    (folder / "snap_099.2.hdf5").unlink()
    with pytest.raises(InputError, match=r"of which 2 are in .*: number 2 is missing"):
        read_galaxy(folder)
    (folder / "snap_099.1.hdf5").unlink()
    assert any("only this one" in note for note in read_galaxy(folder / "snap_099.0.hdf5").notes)
    with pytest.raises(InputError, match="number 1 is missing"):
        read_galaxy(folder)


def test_folder_without_a_snapshot_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="folder in which no galaxy"):
        read_galaxy(tmp_path)
    with pytest.raises(InputError, match="folder without a snapshot"):
        read_galaxy(tmp_path, format="eagle")


CGS = "Conversion factor to CGS (not including cosmological corrections)"


def swift(path, change=lambda file: None):
    """A snapshot as SWIFT itself writes it: Mpc, 1e10 solar masses, km/s; Time is a time, and no a."""
    columns = {
        "Coordinates": (PLACE / 1000, 3.08567758e24, 1), "Velocities": (SPEED, 1e5, 0),
        "Masses": (np.full(COUNT, 1e-4), 1.98841e43, 0), "MetalMassFractions": (METALS[:, 0], 1, 0),
    }  # fmt: skip
    stars = {"InitialMasses": (np.full(COUNT, 2e-4), 1.98841e43, 0), "BirthScaleFactors": (FORMED, 1, 0)}
    gas = {
        "Densities": (np.full(COUNT, 1e3), 6.767906e-31, -3), "Temperatures": (np.full(COUNT, 1e4), 1, 0),
        "StarFormationRates": (np.linspace(-1, 1, COUNT), 6.444e23, 0), "ElementMassFractions": (METALS[:, :9], 1, 0),
        "SmoothingLengths": (np.full(COUNT, 1e-3), 3.08567758e24, 1),
    }  # fmt: skip
    with h5py.File(path, "w") as file:
        file.create_group("Header").attrs.update(
            {"BoxSize": np.full(3, 75.0), "Time": np.array([0.00987]), "Redshift": np.array([0.25]),
             "Scale-factor": np.array([0.8]), "NumFilesPerSnapshot": np.array([1]), "RunName": b"colibre"}
        )  # fmt: skip
        file.create_group("Cosmology").attrs.update(
            {"Scale-factor": np.array([0.8]), "Redshift": np.array([0.25]), "h": np.array([0.7]),
             "Omega_m": np.array([0.29]), "Omega_lambda": np.array([0.7]), "Omega_r": np.array([8e-5]),
             "Omega_nu_0": np.array([0.01 - 8e-5]), "w_0": np.array([-1.0])}
        )  # fmt: skip
        words = [b"Hydrogen", b"Helium", b"Carbon", b"Nitrogen", b"Oxygen", b"Neon", b"Magnesium", b"Silicon", b"Iron"]
        file["SubgridScheme/NamedColumns/ElementMassFractions"] = np.array(words, dtype="S32")
        for name, own in (("PartType4", stars), ("PartType0", gas)):
            for column, (values, cgs, a) in (columns | own).items():
                file[f"{name}/{column}"] = values
                file[f"{name}/{column}"].attrs.update({CGS: [cgs], "a-scale exponent": [a], "h-scale exponent": [0.0]})
        change(file)
    return path


def test_swift_agrees_with_a_calculation_by_hand(tmp_path):
    galaxy = read_galaxy(swift(tmp_path / "colibre.hdf5"), centre="as-is")
    assert galaxy.format == "swift" and "colibre" in galaxy.source and galaxy.redshift == pytest.approx(0.25)
    assert (galaxy.cosmology.hubble, galaxy.cosmology.matter) == pytest.approx((0.7, 0.3 - 8e-5))
    assert np.allclose(galaxy.stars.position, PLACE * 0.8, rtol=1e-6)
    assert np.allclose(galaxy.stars.velocity, SPEED, rtol=1e-6)
    assert np.allclose(galaxy.stars.mass, 2e6, rtol=1e-5)
    assert np.allclose(galaxy.gas.density, 1e3 * 10 / 0.8**3, rtol=1e-5)  # 1e10 Msun/Mpc^3 are 10 Msun/kpc^3
    assert np.allclose(galaxy.gas.smoothing_length, 0.8, rtol=1e-5)
    assert np.allclose(galaxy.gas.elements["Fe"], METALS[:, 8], rtol=1e-6)
    assert galaxy.changed == {"gas: star_formation_rate below zero set to zero": COUNT // 2}
    assert not any("scale factors" in note or "states" in note for note in galaxy.notes)


def test_swift_numbers_that_are_stored_as_physical_need_no_scale_factor(tmp_path):
    def physical(file):
        file["PartType0/Densities"].attrs["Value stored as physical"] = [1]

    galaxy = read_galaxy(swift(tmp_path / "colibre.hdf5", physical))
    assert np.allclose(galaxy.gas.density, 1e4, rtol=1e-5)


def test_swift_without_units_is_refused(tmp_path):
    def silent(file):
        del file["PartType4/InitialMasses"].attrs[CGS]

    with pytest.raises(InputError, match="InitialMasses states no unit in its attribute 'Conversion factor"):
        read_galaxy(swift(tmp_path / "colibre.hdf5", silent))


def test_radiation_ages_the_universe_as_astropy_says(tmp_path):
    """Photons and massless neutrinos of 3 K, where they matter most: the first stars."""
    cosmology = FlatLambdaCDM(70, 0.3, Tcmb0=3.0, Neff=3.046)
    radiation = cosmology.Ogamma0 + cosmology.Onu0
    formed = np.geomspace(0.01, 0.79, COUNT)

    def change(file):
        file["Cosmology"].attrs.update(Omega_m=0.3, Omega_r=radiation, Omega_nu_0=0.0, Omega_lambda=0.7 - radiation)
        file["PartType4/BirthScaleFactors"][...] = formed

    galaxy = read_galaxy(swift(tmp_path / "colibre.hdf5", change))
    expected = (cosmology.age(0.25) - cosmology.age(1 / formed - 1)).to_value(u.Gyr)
    assert np.allclose(galaxy.stars.age, expected, rtol=0, atol=2e-6)


def test_dark_energy_that_is_no_constant_is_refused(tmp_path):
    def change(file):
        file["Cosmology"].attrs["w_0"] = -0.9

    with pytest.raises(InputError, match=r"dark energy with w = -0\.9"):
        read_galaxy(swift(tmp_path / "colibre.hdf5", change))


def test_own_file_gives_the_gas_back(tmp_path):
    galaxy = read_galaxy(gizmo(tmp_path / "snap.hdf5"), radius=6.0)
    write_galaxy(tmp_path / "own.h5", galaxy)
    back = read_galaxy(tmp_path / "own.h5")
    for entry in dataclasses.fields(galaxy.gas):
        ours, theirs = getattr(galaxy.gas, entry.name), getattr(back.gas, entry.name)
        if entry.name == "elements":
            assert sorted(ours) == sorted(theirs) and all(np.array_equal(ours[name], theirs[name]) for name in ours)
        else:
            assert np.array_equal(ours, theirs), entry.name
    assert back.cosmology == galaxy.cosmology and back.dropped == galaxy.dropped
    with h5py.File(tmp_path / "own.h5") as file:
        assert file.attrs["version"] == 2 and file["gas/density"].compression == "gzip"
        assert file["gas/density"].attrs["unit"] == b"Msun/kpc3" and "O" in file["gas/elements"]


def test_own_file_with_more_columns(tmp_path):
    galaxy = read_galaxy(gizmo(tmp_path / "snap.hdf5"))
    write_galaxy(tmp_path / "own.h5", galaxy)
    with h5py.File(tmp_path / "own.h5", "a") as file:
        file["stars/ids"] = np.arange(COUNT)
        file["stars/alpha"][...] = 0.2
    snapshot = GALAXY_FORMATS["ifux"].read(tmp_path / "own.h5")
    assert np.allclose(snapshot.stars.alpha, 0.2) and snapshot.stars.potential is None
    assert settled(snapshot, "as-is", ids=[1, 5]).stars.count == 2
    with h5py.File(tmp_path / "own.h5", "a") as file:
        del file["stars/ids"]
        file["stars/ids"] = np.linspace(0, 1, COUNT)
    with pytest.raises(InputError, match="stars/ids must be 300 whole numbers, got float64"):
        read_galaxy(tmp_path / "own.h5")


def test_options_that_no_format_takes_are_one_sentence(tmp_path):
    with pytest.raises(
        InputError, match="fire takes the options \\['cosmology', 'redshift', 'units'\\], not \\['ages'\\]"
    ):
        read_galaxy(gizmo(tmp_path / "snap.hdf5"), ages=3.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a small file of every layout that the tests can make, and where to damage them."""
    folder = tmp_path_factory.mktemp("damage")
    files = [gizmo(folder / "gizmo.hdf5"), swift(folder / "swift.hdf5")]
    write_galaxy(folder / "own.hdf5", read_galaxy(files[0]))
    return {path.name: path.read_bytes() for path in (*files, folder / "own.hdf5")}, folder / "damaged.hdf5"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_one_sentence_or_a_galaxy(whole, data):
    files, path = whole
    content = bytearray(files[data.draw(st.sampled_from(sorted(files)))])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    else:
        for _ in range(data.draw(st.integers(1, 8))):
            place = data.draw(st.integers(0, min(len(content), 6000) - 1))
            content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        galaxy = read_galaxy(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert galaxy.stars.count and np.all(np.isfinite(galaxy.stars.position))


BROKEN = {
    "negative masses": ("PartType4/Masses", np.full(COUNT, -1.0), "no star particle is left"),
    "nothing but NaN": ("PartType4/Coordinates", np.full((COUNT, 3), np.nan), "no star particle is left"),
    "two dimensions": ("PartType0/Velocities", np.ones((COUNT, 2)), "velocity has shape \\(300, 2\\)"),
    "one metal": ("PartType0/SmoothingLength", np.ones(3), "smoothing_length has shape \\(3,\\)"),
    "text": ("PartType4/Velocities", np.full((COUNT, 3), b"fast"), "which is no array of numbers"),
    "scalar": ("PartType4/StellarFormationTime", 0.5, "formation has shape \\(\\)"),
    "three axes": ("PartType4/Metallicity", np.ones((COUNT, 2, 2)), "must have two axes"),
    "identifiers of others": ("PartType4/ParticleIDs", np.arange(3), "ids has shape \\(3,\\)"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_column_is_one_sentence(tmp_path, name):
    place, values, sentence = BROKEN[name]

    def change(file):
        del file[place]
        file[place] = values

    with pytest.raises(InputError, match=sentence) as caught:
        read_galaxy(gizmo(tmp_path / "broken.hdf5", change))
    assert "broken.hdf5" in str(caught.value) and "\n" not in str(caught.value)


def test_absurd_sizes_are_one_sentence(tmp_path):
    def bomb(file):
        del file["PartType4/Masses"]
        file["PartType4"].create_dataset("Masses", (10**13,), chunks=(10**6,), compression="gzip", dtype="f4")

    with pytest.raises(InputError, match="does not fit into the memory"):
        read_galaxy(gizmo(tmp_path / "bomb.hdf5", bomb))


def test_every_format_has_a_name_of_its_own_and_one_recognises_each_file(data, tmp_path):
    assert all(name == entry.name for name, entry in GALAXY_FORMATS.items())
    for name, known in REAL.items():
        path = data(f"snapshots/SimSpin_example_{name}.hdf5")
        assert galaxy_format(path).name == known["format"]
    assert galaxy_format(gizmo(tmp_path / "snap.hdf5")).name == "fire"


def test_description_tells_of_the_gas(data):
    text = describe(data("snapshots/SimSpin_example_EAGLE.hdf5"))
    assert "100 gas particles, 2.7532e+08 Msun" in text
