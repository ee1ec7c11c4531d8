"""Floors: every module stands on those below it, and on nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "ifux"

FLOORS = {
    "units": 0, "typing": 0, "errors": 0, "program_cache": 0,
    "numerics": 1,
    "grids": 2, "particles": 2, "library": 2, "data": 2, "target": 2, "scene": 2, "spread": 2,
    "orientation": 3, "spaxels": 3, "kinematics": 3, "ssp": 3, "emission": 3, "dust": 3, "psf": 3, "focal_plane": 3,
    "lsf": 3, "noise": 3,
    "sources": 3.5,
    "telescope": 4,
    "parallel": 5, "galaxies": 5, "maps": 5, "checks": 5, "embedded": 5, "instruments": 5, "compute": 5,
    "sky": 5, "spectrograph": 5, "observation": 5, "covariance": 5, "galaxy": 5, "source_cube": 5, "binning": 5,
    "milky_way": 5, "nuclei": 5, "nebular": 5,
    "io": 6, "programs": 6, "influence": 6, "exposure": 6,
    "config": 7, "plan": 7, "plots": 7, "reconstructed": 7, "fitting": 7,
    "run": 8, "learning": 8,
    "survey": 9, "shortcuts": 9,
    "commands": 10,
    "cli": 11,
}  # fmt: skip
"""Floor of each module or folder. On floors 2 and 5 some stand on others, without a circle: SHARED says which."""

SHARED = {
    ("library", "grids"), ("data", "grids"), ("galaxy", "galaxies"), ("source_cube", "galaxy"), ("target", "particles"),
    ("observation", "spectrograph"), ("checks", "observation"), ("checks", "spectrograph"),
}  # fmt: skip
"""Arrows that may run along floors 2 and 5."""

ROOMS = {
    "files": 0,
    "downloads": 1,
    "libraries": 2,
    "lines": 2,
    "observed": 2,
    "snapshots": 2,
    "inspect": 3,
    "skies": 3,
    "__init__": 4,
}
"""Floors of the rooms of `io`: any files; the network; spectra, galaxies, what telescopes saw; what is told of a file,
skies; the names."""


def imports(path: Path) -> set[tuple[str, ...]]:
    """The modules of the package that a file imports anywhere, as parts of their names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ifux":
            parts = tuple((node.module or "").split(".")[1:])
            found |= {(*parts, alias.name) for alias in node.names} if not parts else {parts}
        elif isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")[1:]) for alias in node.names if alias.name.split(".")[0] == "ifux"}
    return {parts for parts in found if parts}


def files() -> list[Path]:
    """Every file of the package, apart from its own __init__."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def home(path: Path) -> str:
    """The module or folder at the top of the package that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_module_has_a_floor():
    there = {home(path) for path in files()}
    assert there == set(FLOORS), f"give {there ^ set(FLOORS)} a floor in {Path(__file__).name}, or take it out"


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_arrow_runs_upward_or_sideways(path):
    here = home(path)
    for parts in imports(path):
        there = parts[0]
        assert there in FLOORS, f"{path.name} imports ifux.{'.'.join(parts)}, which has no floor"
        if there != here and (here, there) not in SHARED:
            assert FLOORS[there] < FLOORS[here], f"{here} (floor {FLOORS[here]}) imports {there} ({FLOORS[there]})"


def test_every_room_of_io_has_a_floor():
    there = {path.relative_to(PACKAGE / "io").parts[0].removesuffix(".py") for path in (PACKAGE / "io").rglob("*.py")}
    assert there == set(ROOMS)


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "io").rglob("*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_no_arrow_between_the_rooms_of_io_runs_upward_or_sideways(path):
    here = path.relative_to(PACKAGE / "io").parts[0].removesuffix(".py")
    for parts in imports(path):
        if parts[0] == "io":
            there = parts[1] if len(parts) > 1 else "__init__"
            assert there in ROOMS, f"{path.name} takes {there} from the doorstep of io, not from its room"
            assert there == here or ROOMS[there] < ROOMS[here], f"{here}/{path.name} imports {'.'.join(parts)}"


def test_the_telescope_and_its_sources_know_no_concrete_stage():
    known = [PACKAGE / "telescope.py", *(PACKAGE / "sources").glob("*.py")]
    stages = {parts for path in known for parts in imports(path) if FLOORS[parts[0]] == 3}
    assert {parts[1:] for parts in stages} == {("base",)}
    assert {parts[0] for parts in stages} == {name for name, floor in FLOORS.items() if floor == 3}


def test_the_front_door_leads_to_floors_up_to_the_telescope():
    assert all(FLOORS[parts[0]] <= 4 for parts in imports(PACKAGE / "__init__.py"))


def test_numerics_knows_no_astronomy():
    for path in (PACKAGE / "numerics").glob("*.py"):
        assert {parts[0] for parts in imports(path)} <= {"numerics"}, path.name


def test_importing_computes_nothing_and_pulls_in_nothing_heavy():
    program = (
        "import sys, ifux; from jax._src import xla_bridge; "
        "assert not xla_bridge._backends, 'a device was initialised'; "
        "heavy = {'matplotlib', 'astropy', 'h5py', 'scipy.optimize', 'tqdm', 'optax'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_observation_imports_no_reader_that_it_may_not_need():
    program = (
        "import sys, ifux.run, ifux.io.files.cube; "
        "rooms = {'ifux.io.snapshots', 'ifux.io.downloads', 'ifux.io.inspect'}; "
        "heavy = {'matplotlib', 'scipy', 'optax', 'tqdm', 'requests', 'dask'}; "
        "print(*(rooms | heavy) & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stdout.split()


@pytest.mark.parametrize("package", ["ifux", "ifux.io"])
def test_every_name_of_a_stub_is_there(package):
    """Names that are bound when they are asked for are those that the stub lists."""
    program = f"import importlib; room = importlib.import_module({package!r}); [getattr(room, n) for n in room.__all__]"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    stub = PACKAGE.joinpath(*package.split(".")[1:], "__init__.pyi").read_text("utf-8")
    assert all(
        alias.asname == alias.name
        for node in ast.walk(ast.parse(stub))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
