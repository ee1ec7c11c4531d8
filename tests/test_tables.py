"""Tables of stars: units as they stand in ECSV, Parquet, FITS and CSV, by any of their names, and nothing executed."""

import base64
import math

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import QTable, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ifux.errors import InputError
from ifux.io import read_galaxy

COUNT = 60


def quantities(seed=0):
    """Columns in units that are not ifux's."""
    random = np.random.default_rng(seed)
    names = ("x", "y", "z")
    columns = {name: random.normal(0, 5e3, COUNT) * u.pc for name in names}
    columns |= {f"v{name}": random.normal(0, 1e5, COUNT) * u.m / u.s for name in names}
    columns |= {
        "mass": random.uniform(1e35, 2e35, COUNT) * u.kg,
        "age": random.uniform(100, 9000, COUNT) * u.Myr,
        "metallicity": random.uniform(0.001, 0.03, COUNT),
    }
    return columns


def check(galaxy, columns):
    """Compares with a conversion by astropy."""
    position = np.stack([columns[name].to_value(u.kpc) for name in "xyz"], axis=1)
    velocity = np.stack([columns[f"v{name}"].to_value(u.km / u.s) for name in "xyz"], axis=1)
    assert np.allclose(galaxy.stars.position, position, rtol=1e-5)
    assert np.allclose(galaxy.stars.velocity, velocity, rtol=1e-5)
    assert np.allclose(galaxy.stars.mass, columns["mass"].to_value(u.Msun), rtol=1e-5)
    assert np.allclose(galaxy.stars.age, columns["age"].to_value(u.Gyr), rtol=1e-5)
    assert np.allclose(galaxy.stars.metallicity, columns["metallicity"], rtol=1e-5)
    assert galaxy.format == "table"


def parquet(path, table):
    """Writes Parquet, or skips."""
    pytest.importorskip("pyarrow")
    table.write(path, format="parquet", overwrite=True)


WRITERS = {
    "ecsv": lambda path, table: table.write(path, format="ascii.ecsv", overwrite=True),
    "ecsv-commas": lambda path, table: table.write(path, format="ascii.ecsv", delimiter=",", overwrite=True),
    "fits": lambda path, table: table.write(path, format="fits", overwrite=True),
    "parquet": parquet,
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", [QTable, Table])
def test_units_of_the_header_are_converted(tmp_path, writer, kind):
    columns = quantities()
    table = kind(columns, meta={"redshift": 0.25})
    table["id"] = np.arange(COUNT) + 7
    path = tmp_path / "stars.data"
    WRITERS[writer](path, table)
    galaxy = read_galaxy(path, centre="as-is")
    check(galaxy, columns)
    assert galaxy.redshift == 0.25
    assert read_galaxy(path, centre="as-is", redshift=0.5).redshift == 0.5
    assert read_galaxy(path, centre="as-is", ids=[7, 8]).stars.count == 2


@pytest.mark.parametrize("writer", WRITERS)
def test_rows_of_three_and_other_names(tmp_path, writer):
    columns = quantities()
    table = Table()
    table["Coordinates"] = np.stack([columns[name].to_value(u.pc) for name in "xyz"], axis=1) * u.pc
    table["VEL"] = np.stack([columns[f"v{name}"].to_value(u.m / u.s) for name in "xyz"], axis=1) * u.m / u.s
    table["Mass"] = np.ones(COUNT) * u.Msun
    table["Initial_Mass"] = columns["mass"]
    table["born"] = columns["age"]
    table["METALS"] = columns["metallicity"]
    path = tmp_path / "stars.data"
    WRITERS[writer](path, table)
    with pytest.raises(InputError, match=r"no column of the age among .*columns=\{\"age\": \.\.\.\}"):
        read_galaxy(path, format="table")
    galaxy = read_galaxy(path, centre="as-is", columns={"age": "born"})
    check(galaxy, columns)
    assert any("mass from Initial_Mass" in note for note in galaxy.notes)


def csv(path, head, columns, names):
    """A CSV, by hand."""
    rows = zip(
        *(columns[name].value if hasattr(columns[name], "value") else columns[name] for name in names), strict=True
    )
    path.write_text(
        "# a remark\n" + head + "\n" + "\n".join(",".join(repr(float(value)) for value in row) for row in rows)
    )
    return path


NAMES = ("x", "y", "z", "vx", "vy", "vz", "mass", "age", "metallicity")


def test_csv_has_units_in_its_names_or_in_an_option(tmp_path):
    columns = quantities()
    head = "X [pc],Y [pc],Z [pc],vx (m/s),vy (m/s),vz (m s-1),Mass[kg],age [Myr],metallicity"
    check(read_galaxy(csv(tmp_path / "stars.csv", head, columns, NAMES), centre="as-is"), columns)
    bare = csv(tmp_path / "bare.csv", ",".join(NAMES), columns, NAMES)
    with pytest.raises(InputError, match=r"states no unit of its column 'x': .*units=\{\"position\": \"kpc\"\}"):
        read_galaxy(bare)
    units = {"position": "pc", "vx": "m/s", "vy": "m/s", "vz": "m/s", "mass": "kg", "age": "Myr"}
    check(read_galaxy(bare, centre="as-is", units=units), columns)


def test_missing_and_infinite_values_are_counted(tmp_path):
    columns = quantities()
    path = csv(tmp_path / "stars.csv", ",".join(NAMES), columns, NAMES)
    lines = path.read_text().splitlines()
    for place, column, value in ((2, 0, ""), (3, 6, "nan"), (4, 7, "inf"), (5, 6, "-1.0")):
        cells = lines[place].split(",")
        cells[column] = value
        lines[place] = ",".join(cells)
    path.write_text("\n".join(lines))
    units = {"position": "pc", "velocity": "m/s", "mass": "kg", "age": "Myr"}
    galaxy = read_galaxy(path, units=units)
    assert galaxy.stars.count == COUNT - 4 and sum(galaxy.dropped.values()) == 4


@pytest.mark.parametrize(
    ("change", "options", "sentence"),
    [
        (lambda table: table.remove_column("mass"), {}, "no column of the mass"),
        (lambda table: table["age"].__setattr__("unit", u.kpc), {}, "age: 'kpc' is no unit that converts to Gyr"),
        (lambda table: table["age"].__setattr__("unit", None), {}, "no unit of its column 'age'"),
        (lambda table: table.replace_column("mass", ["a"] * COUNT), {}, "'mass' of the mass holds other than numbers"),
        (lambda table: table["metallicity"].__setattr__("unit", u.dex), {}, "metallicity|convert"),
        (lambda table: None, {"units": {"weight": "kg"}}, "units.weight is neither one of"),
        (lambda table: None, {"units": {"mass": "parsnip"}}, "mass: 'parsnip' is no unit that converts to Msun"),
        (lambda table: None, {"units": "kpc"}, "units is a table such as"),
        (lambda table: None, {"columns": {"weight": "mass"}}, "columns.weight is not one of"),
        (lambda table: None, {"columns": {"mass": "weight"}}, "columns.mass is 'weight', but the table has"),
        (lambda table: None, {"redshift": "high"}, "redshift must be a number above -1, got 'high'"),
        (lambda table: None, {"redshift": -2.0}, "redshift must be a number above -1"),
    ],
)
def test_a_table_that_lacks_something_is_one_sentence(tmp_path, change, options, sentence):
    table = Table(quantities())
    change(table)
    path = tmp_path / "stars.ecsv"
    table.write(path, overwrite=True)
    with pytest.raises(InputError, match=sentence):
        read_galaxy(path, format="table", **options)


def test_headers_build_no_objects(tmp_path):
    """astropy would make an array of addresses of this, and crash when it is looked at."""
    path = tmp_path / "stars.ecsv"
    columns = quantities()
    Table(columns).write(path)
    whole = path.read_text()
    address = base64.b64encode(b"\x41" * 8).decode()
    for tag in (
        f"!numpy.ndarray {{buffer: {address}, dtype: O, order: C, shape: [1]}}",
        "!!python/object/apply:os.system ['echo hello > " + str(tmp_path / "proof") + "']",
        "!!python/name:os.system",
    ):
        path.write_text(whole.replace("# schema:", f"# meta: {{evil: {tag}}}\n# schema:"))
        try:
            check(read_galaxy(path, centre="as-is"), columns)
        except InputError as error:
            assert "cannot be read as ECSV" in str(error)
        assert not (tmp_path / "proof").exists()


def test_columns_of_objects_are_refused(tmp_path):
    path = tmp_path / "stars.ecsv"
    table = Table(quantities())
    table["mass"] = np.array([{"kg": 1}] * COUNT, dtype=object)
    table.write(path)
    with pytest.raises(InputError, match="'mass' of the mass holds other than numbers"):
        read_galaxy(path)


def test_variable_rows_and_lies_of_fits_are_refused(tmp_path):
    path = tmp_path / "stars.fits"
    table = Table(quantities())
    table.write(path)
    with fits.open(path, mode="update") as file:
        file[1].header["TFORM7"] = "PD(3)"
    with pytest.raises(InputError, match=r"stars\.fits"):
        read_galaxy(path, format="table")
    table.write(path, overwrite=True)
    content = path.read_bytes()
    before = f"NAXIS2  = {COUNT:>20}".encode()
    assert before in content
    path.write_bytes(content.replace(before, f"NAXIS2  = {10**15:>20}".encode()))
    with pytest.raises(InputError, match=r"claims 7[0-9]+ bytes, more than the file has|damaged"):
        read_galaxy(path, format="table")
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(path, overwrite=True)
    with pytest.raises(InputError, match="holds no table among its 1 extensions"):
        read_galaxy(path, format="table")
    with pytest.raises(InputError, match="holds no table among its 1 extensions"):
        read_galaxy(path)


def test_parquet_says_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "stars.parquet"
    path.write_bytes(b"PAR1" + bytes(20))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"pip install ifux\[tables\]"):
        read_galaxy(path)


def test_parquet_of_other_programs(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = quantities()
    fields, arrays = [], []
    for name in NAMES:
        value = columns[name]
        metadata = {"unit": str(value.unit)} if hasattr(value, "unit") and name != "age" else None
        label = "age [Myr]" if name == "age" else name
        fields.append(arrow.field(label, arrow.float64(), metadata=metadata))
        arrays.append(arrow.array(getattr(value, "value", value)))
    path = tmp_path / "stars.parquet"
    parquet.write_table(arrow.table(arrays, schema=arrow.schema(fields)), path)
    check(read_galaxy(path, centre="as-is"), columns)


def test_text_under_a_name_of_a_table_is_one_sentence(tmp_path):
    for name, content in (
        ("stars.csv", b"this is a letter"),
        ("stars.ecsv", b"# %ECSV 1.0\n# ---\n# [\n"),
        ("stars2.ecsv", b"# %ECSV 1.0\n# ---\n# datatype: 3\nx\n"),
        ("stars3.ecsv", b"# %ECSV 1.0\n# ---\n# " + b"[" * 5000 + b"\nx\n"),
        ("stars.parquet", b"PAR1" + b"\0" * 100 + b"PAR1"),
        ("stars.fits", b"SIMPLE  =                    T" + b" " * 100),
        ("empty.csv", b""),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            read_galaxy(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)
        with pytest.raises(InputError):
            read_galaxy(path, format="table")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Bytes of the same table in every kind."""
    folder, table = tmp_path_factory.mktemp("whole"), Table(quantities())
    kinds = {name: WRITERS[name] for name in ("ecsv", "fits", "parquet")}
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        del kinds["parquet"]
    found = {}
    for name, write in kinds.items():
        write(folder / name, table)
        found[name] = (folder / name).read_bytes()
    return found


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, 2),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    cut=st.none() | st.floats(0, 1, exclude_max=True),
)
def test_damage_is_an_input_error_or_a_galaxy(tmp_path, whole, which, flips, cut):
    content = bytearray([*whole.values()][which % len(whole)])
    for place, value in flips:
        content[math.floor(place * len(content))] = value
    path = tmp_path / "stars"
    path.write_bytes(content if cut is None else content[: math.floor(cut * len(content))])
    try:
        galaxy = read_galaxy(path, format="table")
    except InputError as error:
        assert "stars" in str(error)
    else:
        assert galaxy.stars.count


# Initial conditions as AGORA hands them out: kpc, km/s and 1e9 solar masses, and no word about it.
PLAIN = np.random.default_rng(8).normal(0, 3, (40, 7)) * [1, 1, 1, 30, 30, 30, 0] + [0, 0, 0, 0, 0, 0, 0.0034]


@pytest.mark.parametrize("head", ["", "# x y z vx vy vz mass\n", "x y z vx vy vz mass\n", "% a disc\n\n# x y z\n"])
def test_plain_columns_take_names_and_units_as_stated(tmp_path, head):
    path = tmp_path / "disc.dat"
    path.write_text(head + "\n".join(" ".join(f"{number:.8e}" for number in row) for row in PLAIN) + "\n")
    units = {"length": "kpc", "velocity": "km/s", "mass": "1e9 Msun"}
    stated = {"units": units, "population": {"age": 5.0, "metallicity": 0.02}}
    if "vx" not in head:
        with pytest.raises(
            InputError, match=r"no column of the position among \['col1', 'col2'.* columns={\"position\""
        ):
            read_galaxy(path, **stated)
        stated["columns"] = {"position": ["col1", "col2", "col3"], "velocity": ["col4", "col5", "col6"], "mass": "col7"}
    galaxy = read_galaxy(path, centre="as-is", **stated)
    assert galaxy.format == "table" and galaxy.stars.count == 40
    assert np.allclose(galaxy.stars.position, PLAIN[:, :3], rtol=1e-6)
    assert np.allclose(galaxy.stars.velocity, PLAIN[:, 3:6], rtol=1e-6)
    assert np.allclose(galaxy.stars.mass, 3.4e6, rtol=1e-6)
    assert np.all(np.asarray(galaxy.stars.age) == 5) and np.allclose(galaxy.stars.metallicity, 0.02)
    with pytest.raises(InputError, match=r'no column of the age .* population={"age": 5.0}'):
        read_galaxy(path, **stated | {"population": {"metallicity": 0.02}})
    with pytest.raises(InputError, match="states no unit of its column"):
        read_galaxy(path, **stated | {"units": {}})


@pytest.mark.parametrize(("unit", "value"), [("0.0127", 2.0), ("dex(0.0127)", np.log10(2.0))])
def test_metallicities_in_solar_units_and_in_dex(tmp_path, unit, value):
    table = Table(quantities())
    table["metallicity"] = value
    table.write(tmp_path / "stars.fits")
    with pytest.raises(InputError, match=r'no mass fractions: state units={"metallicity": "0\.0127"}'):
        read_galaxy(tmp_path / "stars.fits")
    galaxy = read_galaxy(tmp_path / "stars.fits", units={"metallicity": unit})
    assert np.allclose(galaxy.stars.metallicity, 0.0254, rtol=1e-6)
