"""Libraries mean what their files say: units, resolution, medium, and the two meanings of metallicity."""

import dataclasses

import h5py
import numpy as np
import pytest

import ifux.io.libraries.embedded
from ifux.errors import InputError
from ifux.io import describe, embedded_library, read_ssp, write_ssp
from ifux.library import SSPLibrary


@pytest.fixture
def library():
    rng = np.random.default_rng(1)
    return SSPLibrary(
        name="made up",
        metallicity=np.array([0.004, 0.02]),
        age=np.array([0.1, 1.0, 10.0]),
        wavelength=np.linspace(4000, 5000, 11),
        flux=rng.lognormal(-8, 1, (2, 3, 11)),
        fwhm=np.linspace(2, 3, 11),
        medium="vacuum",
        imf="Salpeter",
        citation="nobody",
        solar_luminosity=3.826e33,
        solar_metallicity=0.019,
        illustrative=True,
    )


def same(one, other):
    """Whether two libraries agree in everything."""
    return all(
        np.array_equal(getattr(one, entry.name), getattr(other, entry.name)) for entry in dataclasses.fields(SSPLibrary)
    )


def test_own_file_gives_the_library_back(tmp_path, library):
    path = tmp_path / "library.anything"
    write_ssp(path, library)
    assert same(read_ssp(path), library)
    with pytest.raises(InputError, match="exists already"):
        write_ssp(path, library)
    bare = dataclasses.replace(library, solar_metallicity=None, illustrative=False)
    write_ssp(path, bare, overwrite=True)
    assert same(read_ssp(path, format="ifux"), bare)


def test_single_precision_is_single_precision(tmp_path, library):
    write_ssp(tmp_path / "library", library, precision="float32")
    back = read_ssp(tmp_path / "library")
    assert np.array_equal(back.flux, library.flux.astype(np.float32))
    assert np.array_equal(back.wavelength, library.wavelength)


def test_units_of_own_file_are_converted(tmp_path, library):
    path = tmp_path / "library"
    write_ssp(path, library)
    with h5py.File(path, "a") as file:
        file["age"].attrs["unit"] = "Myr"
        file["wavelength"].attrs["unit"] = "nm"
    back = read_ssp(path)
    assert np.allclose(back.age, library.age / 1e3, rtol=1e-14)
    assert np.allclose(back.wavelength, library.wavelength * 10, rtol=1e-14)


def test_description_names_what_matters(tmp_path, library):
    write_ssp(tmp_path / "library", library)
    text = describe(tmp_path / "library")
    assert "4000 to 5000 (11 values) angstrom in vacuum" in text
    assert "not for science" in text and "Salpeter" in text


def break_unit(file):
    file["age"].attrs["unit"] = "kpc"


def break_unit_away(file):
    del file["age"].attrs["unit"]


def break_flux(file):
    del file["flux"]


def break_flux_shape(file):
    unit = file["flux"].attrs["unit"]
    del file["flux"]
    file["flux"] = np.ones((2, 3, 10))
    file["flux"].attrs["unit"] = unit


def break_flux_values(file):
    file["flux"][0, 0, 0] = np.nan


def break_medium(file):
    file.attrs["medium"] = "water"


def break_version(file):
    file.attrs["version"] = 99


def break_order(file):
    file["age"][...] = [1.0, 0.1, 10.0]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (break_unit, "unit 'kpc', which does not convert to 'Gyr'"),
        (break_unit_away, "unit 'none', which does not convert to 'Gyr'"),
        (break_flux, "no dataset 'flux'"),
        (break_flux_shape, "flux has shape"),
        (break_flux_values, "1 fluxes are not finite"),
        (break_medium, "medium must be 'air' or 'vacuum', got 'water'"),
        (break_version, "version 99.0 .* update ifux"),
        (break_order, "age must be positive and increase"),
    ],
)
def test_damage_is_one_sentence(tmp_path, library, damage, sentence):
    path = tmp_path / "library.hdf5"
    write_ssp(path, library)
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(InputError, match=sentence) as caught:
        read_ssp(path)
    assert "library.hdf5" in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_library_is_one_sentence(tmp_path):
    text, other = tmp_path / "text.hdf5", tmp_path / "other.hdf5"
    text.write_text("wavelength flux")
    with h5py.File(other, "w") as file:
        file["temperature"] = np.ones(3)
    with pytest.raises(InputError, match="not HDF5"):
        read_ssp(text)
    with pytest.raises(InputError, match="it holds \\['temperature'\\]"):
        read_ssp(other)
    with pytest.raises(InputError, match="ifux knows ifux, miles"):
        read_ssp(other, format="bc03")


def test_packed_miles(data):
    path = data("miles_ssp.h5")
    library = read_ssp(path)
    with h5py.File(path) as file:
        flux = file["flux"][...]
    assert library.flux.shape == (12, 53, 4300) and np.array_equal(library.flux, flux)
    assert library.medium == "air" and library.solar_luminosity == 3.826e33
    assert np.all(library.fwhm == 2.51)
    assert np.allclose(library.wavelength, 3540.5 + 0.9 * np.arange(4300), rtol=1e-12)
    assert library.pixels().size == 4300
    assert library.age[0] == 0.03 and library.age[-1] == 14
    assert "Kroupa" in library.imf and "Vazdekis" in library.citation and not library.illustrative


def test_metallicity_of_miles_is_that_of_the_isochrones(data):
    labels = np.array([-2.27, -1.79, -1.49, -1.26, -0.96, -0.66, -0.35, -0.25, 0.06, 0.15, 0.26, 0.40])
    isochrones = [0.0001, 0.0003, 0.0006, 0.001, 0.002, 0.004, 0.008, 0.01, 0.0198, 0.024, 0.03, 0.04]
    path = data("miles_ssp.h5")
    native, label = read_ssp(path), read_ssp(path, metallicity="label")
    assert np.allclose(native.metallicity, isochrones, rtol=1e-12)
    assert np.allclose(label.metallicity, 0.0198 * 10**labels, rtol=1e-9)
    # BaSTI: (Z/X) = 0.0245 and Y = 0.245 + 1.4 Z give Z = 0.0175 for the sun.
    assert native.solar_metallicity == pytest.approx(0.0175, rel=0.02)
    assert label.solar_metallicity == 0.0198
    with pytest.raises(InputError, match="metallicity must be one of"):
        read_ssp(path, metallicity="solar")
    with pytest.raises(InputError, match="takes the options \\['metallicity'\\], not \\['imf'\\]"):
        read_ssp(path, imf="salpeter")


def test_a_library_that_does_not_say_what_it_is_is_refused(data):
    with pytest.raises(InputError, match="does not say whether its wavelengths are those in air or in vacuum"):
        read_ssp(data("BC03lr.h5"))


@pytest.fixture
def builds(monkeypatch, library, tmp_path):
    """Counts how often the embedded library is built."""
    calls = []
    embedded = pytest.importorskip("ifux.embedded")
    monkeypatch.setattr(embedded, "build", lambda: calls.append(1) or library)
    monkeypatch.setenv("IFUX_CACHE", str(tmp_path / "cache"))
    return calls


def test_embedded_library_is_built_once(builds, tmp_path):
    first, second = embedded_library(), embedded_library()
    assert len(builds) == 1 and same(first, second)
    assert len([*(tmp_path / "cache").iterdir()]) == 1


def test_changed_program_finds_no_old_library(builds, monkeypatch):
    embedded_library()
    monkeypatch.setattr(ifux.io.libraries.embedded, "fingerprint", lambda: "changed")
    embedded_library()
    assert len(builds) == 2


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_corrupt_cache_is_rebuilt(builds, tmp_path, content):
    first = embedded_library()
    (path,) = (tmp_path / "cache").iterdir()
    path.write_bytes(path.read_bytes()[:-100] if content is None else content)
    assert same(embedded_library(), first) and same(embedded_library(), first)
    assert len(builds) == 2


def test_flipped_bit_in_the_cache_is_noticed(builds, tmp_path):
    first = embedded_library()
    (path,) = (tmp_path / "cache").iterdir()
    with h5py.File(path) as file:
        place = file["flux"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 20] ^= 1
    path.write_bytes(content)
    assert same(embedded_library(), first) and len(builds) == 2


def test_cache_that_cannot_be_written_costs_time_alone(builds, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert same(embedded_library(), embedded_library())
    assert len(builds) == 2


def test_user_without_a_home_has_a_library(builds, monkeypatch):
    monkeypatch.delenv("IFUX_CACHE")
    monkeypatch.setattr(ifux.io.libraries.embedded, "cache_folder", lambda: None)
    assert embedded_library().name == "made up" and len(builds) == 1


def test_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("IFUX_CACHE", str(tmp_path / "ours"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "theirs"))
    assert ifux.io.libraries.embedded.cache_folder() == tmp_path / "ours"
    monkeypatch.delenv("IFUX_CACHE")
    assert ifux.io.libraries.embedded.cache_folder() == tmp_path / "theirs" / "ifux"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ifux.io.libraries.embedded.cache_folder().is_relative_to(tmp_path)
