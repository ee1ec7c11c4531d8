"""The user's cache: where it is, and the compiled programs in it."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path | None:
    """`$IFUX_CACHE`, or the folder `ifux` in the user's cache; None for a user without a home."""
    if chosen := os.environ.get("IFUX_CACHE"):
        return Path(chosen)
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "ifux"
    try:
        return Path.home() / ("Library/Caches/ifux" if sys.platform == "darwin" else ".cache/ifux")
    except RuntimeError:
        return None


def keep_programs() -> None:
    """Has JAX keep all programs that it compiles, for the processes to come.

    The small ones too, which JAX leaves out by default: an observation has a hundred of them.
    """
    import jax

    if (folder := cache_folder()) is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
