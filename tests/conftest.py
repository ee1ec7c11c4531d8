"""Shapes are checked on import, types and ranks are never promoted silently, real data is used where it is."""

import gc
import os
import tempfile
from collections import Counter
from pathlib import Path

# Tests side by side: threads of BLAS that wait by spinning would take the cores from one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Most programs run once, for milliseconds, and take seconds to compile: a quarter of that without optimisation, and in
# one piece, as processes side by side have no cores to spare. `XLA_FLAGS= pytest` compiles as users do.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1")

# Nobody asks where in Python an operation of a program comes from: a tenth of the time to trace and lower a gradient.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")

import equinox as eqx
import jax
import pytest
from jaxtyping import install_import_hook

install_import_hook("ifux", "typechecker.checked")

COMPILES_FAST = "--xla_cpu_use_fusion_emitters=false" in os.environ["XLA_FLAGS"]

# What one module or process has compiled, the others need not: the first process keeps the programs until it ends.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    PROGRAMS = tempfile.TemporaryDirectory(prefix="ifux-programs-")
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": PROGRAMS.name, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    jax.config.update("jax_compilation_cache_dir", PROGRAMS.name)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

DATA = Path(os.environ.get("IFUX_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_collection_modifyitems(items):
    """Files of slow tests come first, those of many fast ones last: processes side by side end together."""
    tests = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path] / tests[item.path])


def pytest_collection_finish():
    """What has been imported stays: the collector of garbage, which tracing keeps busy, need not look at it again.

    Nor need it look at every program as it is traced: all of a module's goes when the module ends.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(autouse=True)
def optimised(request):
    """Optimises the programs of tests that are marked so: what runs for long."""
    wanted = request.node.get_closest_marker("optimised") is not None
    jax.config.update("jax_disable_most_optimizations", COMPILES_FAST and not wanted)


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Forgets what a module compiled: programs hold pieces of memory, of which Linux lets a process have 65,530.

    The cache on disc gives back what the next module needs.
    """
    yield
    eqx.clear_caches()
    jax.clear_caches()
    gc.collect()


@pytest.fixture(params=[32, 64], ids=["float32", "float64"])
def bits(request):
    """Runs a test in single and in double precision."""
    with jax.enable_x64(request.param == 64):
        yield request.param


@pytest.fixture
def double():
    """Runs a test in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="session")
def data():
    """A function that finds a real file, or skips the test where it is absent."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{name} may not be distributed with ifux; set IFUX_DATA to the folder that holds it")
        return path

    return find
