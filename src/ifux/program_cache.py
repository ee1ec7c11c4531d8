"""Programs as they were traced, kept on disc for the processes to come.

JAX keeps what it has compiled, but every process traces and lowers a function anew to find it: for a small observation
that takes ten times as long as the cube. A `kept` function is written down as `jax.export` serialises it, and read
where it is called in the same way again: if the compilation cache has the folder `traced`, and on one device.

**The same way** is: the same sources of this package, versions, settings of JAX and device, the same structure of the
arguments, whose description holds all that is static, and the same shapes and types of their arrays. All of it is the
name of the file, which begins with a checksum: one that is damaged is ignored, and replaced.
"""

import dataclasses
import functools
import hashlib
import inspect
import os
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, final

import equinox as eqx
import jax
from jax.core import Tracer

P = ParamSpec("P")
R = TypeVar("R")

FOLDER = "traced"
"""In that of the compilation cache."""
SUM = hashlib.sha256().digest_size


@final
class Kept(Generic[P, R]):
    """A compiled function whose traced programs are kept. It returns arrays, or tuples and dictionaries of them.

    It may write its results over an argument, `over`, which nobody can use any more then.
    """

    def __init__(self, function: Callable[P, R], over: str | None = None):
        self.function: Callable[..., R] = function
        self.over: int | None = None if over is None else [*inspect.signature(function).parameters].index(over)
        self.jitted: Any = eqx.filter_jit(self.of_both, donate="none" if over is None else "all-except-first")
        self.programs: dict[str, jax.stages.Compiled | None] = {}
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `equinox.filter_jit` calls it."""
        arguments = self.parted(args, kwargs)
        program, arrays = self.program(arguments)
        return self.jitted(*arguments) if program is None else program(*arrays)

    def compiled(self, *args: P.args, **kwargs: P.kwargs) -> jax.stages.Compiled:
        """What would be called, compiled but not called."""
        arguments = self.parted(args, kwargs)
        program, _ = self.program(arguments)
        return self.jitted.lower(*arguments).compile().compiled if program is None else program

    def parted(self, args: tuple, kwargs: dict) -> tuple[Any, tuple]:
        """The arguments without the one that may be written over, and that one."""
        if self.over is None:
            return (args, kwargs), ()
        return (args[: self.over] + args[self.over + 1 :], kwargs), (args[self.over],)

    def of_both(self, arguments: Any, over: tuple) -> R:
        """The function of what `parted` makes of its arguments."""
        args, kwargs = arguments
        place = self.over or 0
        return self.function(*args[:place], *over, *args[place:], **kwargs)

    def program(self, arguments: tuple[Any, tuple]) -> tuple[jax.stages.Compiled | None, list[jax.Array]]:
        """The program that is kept for arguments, None if there can be none, and the arrays that it takes."""
        leaves, structure = jax.tree.flatten(arguments)
        arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
        folder = place()
        if folder is None or jax.device_count() > 1 or any(isinstance(leaf, Tracer) for leaf in arrays):
            return None, arrays
        words = [described(leaf) for leaf in leaves]
        if not all(words):
            return None, arrays
        text = "\n".join([surroundings(), f"{self.function.__module__}.{self.function.__qualname__}", str(structure)])
        name = hashlib.sha256("\n".join([text, *map(str, words)]).encode()).hexdigest()
        if name not in self.programs:
            kept = read(folder / name) or self.traced(leaves, structure, folder / name)
            over = sum(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(arguments[1]))
            last = tuple(range(len(arrays) - over, len(arrays)))
            self.programs[name] = kept and jax.jit(kept.call, donate_argnums=last).lower(*arrays).compile()
        return self.programs[name], arrays

    def traced(self, leaves: list[Any], structure: Any, path: Path) -> jax.export.Exported | None:
        """The program, traced and written down; None if JAX cannot export it."""

        def function(*arrays: jax.Array) -> R:
            given = iter(arrays)
            return self.of_both(
                *structure.unflatten(next(given) if isinstance(leaf, jax.Array) else leaf for leaf in leaves)
            )

        try:
            exported = jax.export.export(jax.jit(function))(*(leaf for leaf in leaves if isinstance(leaf, jax.Array)))
            data = bytes(exported.serialize())
        except Exception:  # Whatever is wrong with the function itself, calling it says.
            return None
        temporary = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            temporary.write_bytes(checksum(path, data) + data)
            temporary.replace(path)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        return exported


def kept(function: Callable[P, R]) -> Kept[P, R]:
    """Decorates a function as `equinox.filter_jit` does, and has its traced programs kept."""
    return Kept(function)


def kept_over(argument: str) -> Callable[[Callable[P, R]], Kept[P, R]]:
    """The same, of a function whose results are written over one of its arguments: memory for one of them, not both."""
    return functools.partial(Kept, over=argument)


def place() -> Path | None:
    """Where programs are kept, if they are."""
    cache = jax.config.values["jax_compilation_cache_dir"]
    if not cache or not jax.config.values["jax_enable_compilation_cache"]:
        return None
    folder = Path(cache, FOLDER)
    return folder if folder.is_dir() else None


def read(path: Path) -> jax.export.Exported | None:
    """The program of a file; None if there is no whole one."""
    try:
        content = path.read_bytes()
        if content[:SUM] != checksum(path, content[SUM:]):
            return None
        return jax.export.deserialize(bytearray(content[SUM:]))
    except Exception:  # A cache that cannot be read costs time, never a result.
        return None


def checksum(path: Path, data: bytes) -> bytes:
    """Of what a file holds under its name."""
    return hashlib.sha256(path.name.encode() + data).digest()


def described(leaf: Any) -> str | None:
    """All that a program can depend on in a leaf of its arguments; None where it does not say."""
    if isinstance(leaf, jax.Array):
        return repr(jax.typeof(leaf))
    if isinstance(leaf, bool | int | float | str) or dataclasses.is_dataclass(leaf):
        return f"{type(leaf).__name__} {leaf!r}"
    return None


def surroundings() -> str:
    """What else a program depends on: the sources, the device, and the settings of JAX but for those of its caches."""
    settings = sorted(item for item in jax.config.values.items() if "cache" not in item[0])
    device, precision = jax.devices()[0], jax.dtypes.canonicalize_dtype(float)
    return f"{sources()} {device.platform} {device.device_kind} {precision} {settings}"


@functools.cache
def sources() -> str:
    """Hash of the files of this package, and versions of those that trace it."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return f"{digest.hexdigest()} {[version(name) for name in ('jax', 'jaxlib', 'equinox', 'numpy')]}"
