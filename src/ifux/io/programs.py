"""Compiled programs, kept in the user's cache."""

import jax

from ifux.io.cache import cache_folder


def keep_programs() -> None:
    """Has JAX keep all programs that it compiles, for the processes to come.

    The small ones too, which JAX leaves out by default: an observation has a hundred of them.
    """
    if (folder := cache_folder()) is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
