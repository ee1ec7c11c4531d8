"""Shapes are checked on import, types and ranks are never promoted silently, real data is used where it is."""

import gc
import os
from pathlib import Path

# Tests side by side: threads of BLAS that wait by spinning would take the cores from one another.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import equinox as eqx
import jax
import pytest
from jaxtyping import install_import_hook

install_import_hook("ifux", "typechecker.checked")

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

DATA = Path(os.environ.get("IFUX_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="module", autouse=True)
def compiled():
    """Forgets what a module compiled: programs hold pieces of memory, of which Linux lets a process have 65,530."""
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
