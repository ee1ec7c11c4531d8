"""The user's folders, and the compiled programs in the one that is a cache."""

import os
import sys
from pathlib import Path


def user_folder(variable: str, standard: str, usual: str, mac: str, name: str = "ifux") -> Path | None:
    """A folder of the user's: `variable` of the environment, or a name in `standard`, or in the usual place at home.

    None for a user without a home.
    """
    if chosen := os.environ.get(variable):
        return Path(chosen)
    if chosen := os.environ.get(standard):
        return Path(chosen) / name
    try:
        return Path.home() / (mac if sys.platform == "darwin" else usual) / name
    except RuntimeError:
        return None


def cache_folder() -> Path | None:
    """`$IFUX_CACHE`, or the folder `ifux` in the user's cache; None for a user without a home."""
    return user_folder("IFUX_CACHE", "XDG_CACHE_HOME", ".cache", "Library/Caches")


def keep_programs() -> None:
    """Has JAX keep all programs that it compiles, for the processes to come.

    The small ones too, which JAX leaves out by default: an observation has a hundred of them.
    """
    import jax

    if (folder := cache_folder()) is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
