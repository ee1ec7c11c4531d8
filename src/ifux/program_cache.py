"""Compiled programs, kept on disc for the processes to come.

JAX keeps what it has compiled, too, but every process traces and lowers a function anew to find it: for a small
observation that takes ten times as long as the cube. The machine code of a `kept` function is written down, and taken
where it is called in the same way again: if the compilation cache has a folder for it, and on one device.

**The same way** is: the same sources of this package, versions, settings of JAX and XLA, device and processor, the same
structure of the arguments, whose description holds all that is static, and the same shapes and types of their arrays.
All of it is the name of the file, which begins with a checksum: one that is damaged is ignored, and replaced.
"""

import dataclasses
import functools
import hashlib
import inspect
import json
import math
import os
import platform
import uuid
import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer

P = ParamSpec("P")
R = TypeVar("R")

FOLDER = "executables"
"""In that of the compilation cache."""
SUM = hashlib.sha256().digest_size


@final
class Program:
    """Machine code, and how its results are put together."""

    def __init__(self, executable: Any, results: Any):
        self.executable = executable
        """As the runtime of the device has it."""
        self.results = results
        """The numbers of the arrays that it makes, in lists and dictionaries as JSON has them."""

    def __call__(self, arrays: list[jax.Array]) -> Any:
        """What it returns for its arrays."""
        made = self.executable.execute_sharded(arrays).disassemble_into_single_device_arrays()
        return filled(self.results, [array for (array,) in made])

    def memory_analysis(self) -> Any:
        """Memory that it needs, as `jax.stages.Compiled` tells it."""
        return self.executable.get_compiled_memory_stats()


@final
class Kept(Generic[P, R]):
    """A compiled function whose programs are kept. It returns arrays, or tuples and dictionaries of them.

    It may write its results over an argument, `over`, which nobody can use any more then.
    """

    def __init__(self, function: Callable[P, R], over: str | None = None):
        self.function: Callable[..., R] = function
        self.over: int | None = None if over is None else [*inspect.signature(function).parameters].index(over)
        self.jitted: Any = eqx.filter_jit(self.of_both, donate="none" if over is None else "all-except-first")
        self.programs: dict[str, Program | None] = {}
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `equinox.filter_jit` calls it."""
        arguments = self.parted(args, kwargs)
        program, arrays = self.program(arguments)
        return self.jitted(*arguments) if program is None else program(arrays)

    def compiled(self, *args: P.args, **kwargs: P.kwargs) -> Program | jax.stages.Compiled:
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

    def program(self, arguments: tuple[Any, tuple]) -> tuple[Program | None, list[jax.Array]]:
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
            over = sum(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(arguments[1]))
            self.programs[name] = read(folder / name) or self.made(leaves, structure, over, folder / name)
        return self.programs[name], [bare(leaf) for leaf in arrays]

    def made(self, leaves: list[Any], structure: Any, over: int, path: Path) -> Program | None:
        """The program, which may write over its last arrays, compiled and written down.

        None if JAX cannot do without what is around it.
        """

        def function(first: list[jax.Array], last: list[jax.Array]) -> R:
            given = iter(first + last)
            return self.of_both(
                *structure.unflatten(
                    dressed(next(given), leaf) if isinstance(leaf, jax.Array) else leaf for leaf in leaves
                )
            )

        arrays = [bare(leaf) for leaf in leaves if isinstance(leaf, jax.Array)]
        first, last = arrays[: len(arrays) - over], arrays[len(arrays) - over :]
        try:
            jitted = jax.jit(named(function), keep_unused=True, donate_argnums=1)
            compiled: Any = afresh(jitted.lower(first, last))
            executable, shapes = compiled.runtime_executable(), jax.tree.leaves(compiled.out_info)
            numbers = range(len(shapes))
            results = json.dumps(jax.tree.unflatten(compiled.out_tree, numbers))
            program = Program(executable, json.loads(results))
            known = jax.tree.structure(filled(program.results, numbers)) == compiled.out_tree
            if not known or any(map(is_key, shapes)) or len(executable.get_parameter_layouts()) != len(arrays):
                return None
            data = results.encode() + b"\n" + zlib.compress(executable.serialize(), 1)
        except Exception:  # Whatever is wrong with the function itself, calling it says.
            return None
        temporary = path.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            temporary.write_bytes(checksum(path, data) + data)
            temporary.replace(path)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        return program


def kept(function: Callable[P, R]) -> Kept[P, R]:
    """Decorates a function as `equinox.filter_jit` does, and has its programs kept."""
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


def read(path: Path) -> Program | None:
    """The program of a file; None if there is no whole one."""
    try:
        content = path.read_bytes()
        if content[:SUM] != checksum(path, content[SUM:]):
            return None
        results, code = content[SUM:].split(b"\n", 1)
        device: Any = jax.devices()[0]
        return Program(device.client.deserialize_executable(zlib.decompress(code), (device,)), json.loads(results))
    except Exception:  # A cache that cannot be read costs time, never a result.
        return None


def named(function: Callable[P, R]) -> Callable[P, R]:
    """A function by a name that no function has had before.

    What JAX finds in its own cache, by names too, loses parts of its code when it is written down again.
    """
    function.__name__ = f"kept_{uuid.uuid4().hex}"
    return function


def afresh(lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """Compiled, and not written into JAX's own cache, where nobody would find it."""
    setting = "jax_persistent_cache_min_compile_time_secs"
    before = jax.config.values[setting]
    jax.config.update(setting, math.inf)
    try:
        return lowered.compile()
    finally:
        jax.config.update(setting, before)


def checksum(path: Path, data: bytes) -> bytes:
    """Of what a file holds under its name."""
    return hashlib.sha256(path.name.encode() + data).digest()


def filled(results: Any, made: Any) -> Any:
    """Arrays in place of their numbers, in tuples and dictionaries."""
    if isinstance(results, dict):
        return {key: filled(part, made) for key, part in results.items()}
    if isinstance(results, list):
        return tuple(filled(part, made) for part in results)
    return None if results is None else made[results]


def is_key(array: Any) -> bool:
    """Whether it holds keys of random numbers, which the runtime knows as whole numbers."""
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)


def bare(array: jax.Array) -> jax.Array:
    """An array as the runtime knows it."""
    return jax.random.key_data(array) if is_key(array) else array


def dressed(array: jax.Array, like: jax.Array) -> jax.Array:
    """An array that the runtime knows as what it stands for."""
    return jax.random.wrap_key_data(array, impl=jax.random.key_impl(like)) if is_key(like) else array


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
    return f"{sources()} {machine()} {device.platform} {device.device_kind} {precision} {settings}"


@functools.cache
def sources() -> str:
    """Hash of the files of this package, and versions of those that trace it."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return f"{digest.hexdigest()} {[version(name) for name in ('jax', 'jaxlib', 'equinox', 'numpy')]}"


@functools.cache
def machine() -> str:
    """What machine code is made for: the processor with its instructions and cores, the runtime, settings of XLA."""
    processor = {platform.machine(), platform.processor()}
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor |= {line for line in lines if line.startswith(("model name", "flags", "Features"))}
    given = [os.environ.get(name) for name in ("XLA_FLAGS", "LIBTPU_INIT_ARGS")]
    client: Any = jax.devices()[0].client
    return f"{sorted(processor)} {os.cpu_count()} {client.platform_version} {given}"
