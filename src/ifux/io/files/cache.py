"""The user's folders, and the programs in the one that is a cache."""

import os
import sys
from contextlib import suppress
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
    """Has all programs kept for the processes to come: as JAX keeps them, and the large ones as machine code.

    The small ones too, which JAX leaves out by default.
    """
    import jax

    from ifux.program_cache import FOLDER

    if (folder := cache_folder()) is not None:
        with suppress(OSError):
            (folder / "programs" / FOLDER).mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
