"""What an observation will do, and the memory and the time that it will need, before it is done."""

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ifux.checks import memory
from ifux.compute import Choices
from ifux.numerics.stencil import Stencil
from ifux.particles import AbstractEmitters
from ifux.programs import Sums, deposit, deposit_source, expose, nothing, rebuild
from ifux.spread import AbstractSpread, FramedSpread
from ifux.telescope import Telescope

ADDED, SCATTERED, RESPONDED, WRITTEN = 40, 5000, 5000, 300
"""What an addition to a window of the grid takes, one to a sparse row of it, a value of a template, and one of the
cube or of its variance, in multiplications of a product of matrices. Read on a CPU, where they vary by a factor of two
with the shapes.
"""


@dataclass(frozen=True)
class Plan:
    """Shapes, choices, memory and time of an observation."""

    facts: tuple[tuple[str, str], ...]
    """What a report shows, by name."""
    steps: tuple[tuple[str, int], ...]
    """Memory at the peak of every step [byte], that of the process included where it shares the memory."""
    available: int | None
    """Memory of the device, if it tells [byte]."""
    remedy: str
    """What would need less."""
    work: Callable[[], float]
    """Counts what it takes in all, in multiplications of a product of matrices."""

    @property
    def peak(self) -> int:
        """Memory at the peak [byte]."""
        return max(size for _, size in self.steps)

    @property
    def fits(self) -> bool:
        """Whether the memory is there, as far as it tells."""
        return self.available is None or self.peak <= self.available

    def report(self) -> str:
        """What `ifux observe --dry-run` prints, one fact a line."""
        time = f"about {rounded(self.work() / pace())} s of computing, to a factor of three"
        return "\n".join(f"{name:10} {fact}" for name, fact in (*self.facts, ("memory", self.need()), ("time", time)))

    def need(self) -> str:
        """The memory at the peak, and when that is."""
        step = max(self.steps, key=lambda step: step[1])[0]
        there = "" if self.available is None else f", of {self.available / 1e9:.2f} GB"
        return f"{self.peak / 1e9:.2f} GB at the peak, when {step}{there}"

    def sentence(self) -> str:
        """Why it does not fit, and what would."""
        return f"the observation does not fit into memory: {self.need()}; {self.remedy}"


def plan(
    telescope: Telescope,
    streams: Sequence[tuple[int, Any]],
    choices: Choices,
    *,
    noisy: bool,
    deposited: Telescope | None = None,
    anew: bool = True,
) -> Plan:
    """The plan of an observation, from its compiled programs: nothing is computed but the first block of stars read.

    Args:
        telescope: That observes.
        streams: What shines of its galaxy: its stars by the number zero, then what it has of sources, from one.
        choices: How it is computed.
        noisy: Whether noise is drawn.
        deposited: That whose scene the stars are deposited on, where it is another with a wider one.
        anew: Whether they are, and not there already.
    """
    deposited = telescope if deposited is None else deposited
    sizes = [min(choices.chunk, stream.count) for _, stream in streams]
    blocks = [next(stream.blocks(size)).filled(size) for (_, stream), size in zip(streams, sizes, strict=True)]
    sums = nothing(deposited, blocks[0])
    summed = sum(leaf.nbytes for leaf in jax.tree.leaves(sums))
    # Zeros that nobody has touched are not yet there.
    base = resident() + summed
    count = sum(stream.count for _, stream in streams)
    firsts = [
        depositing(deposited, number, block, sums, choices) for (number, _), block in zip(streams, blocks, strict=True)
    ]
    occupied = choices.occupied(telescope, count)
    second = needs(expose, telescope, sums[0], occupied, jax.random.key(0) if noisy else None, choices)
    kind = blocks[0].position.dtype
    y, x = telescope.spaxels.shape
    tall, wide = telescope.spaxels.scene_shape(deposited.margin)
    cube = y * x * telescope.wavelengths.size * kind.itemsize
    made = second.output_size_in_bytes
    steps = [
        ("particles are deposited", base + max(firsts)),
        ("light is observed", base + made + second.temp_size_in_bytes),
    ]
    if not telescope.focal_plane.of_spaxels:
        shape = *telescope.focal_plane.element_shape(telescope.spaxels.scene), telescope.wavelengths.size
        elements = jnp.zeros(shape, kind)
        third = needs(rebuild, telescope, elements, elements if noisy else None)
        made += third.output_size_in_bytes
        steps.append(("the cube is rebuilt", base + made + third.temp_size_in_bytes))
    steps = (*steps, ("the cube is turned for FITS", base + made + cube))
    steps = steps if anew else steps[1:]
    work = (y * x if occupied is None else occupied) * telescope.kinds * telescope.sampled.size
    facts = (
        ("particles", told(streams, sizes)),
        (
            "weights",
            f"{tall} x {wide} cells, {cells(telescope.spaxels.oversampling)} to a spaxel and {deposited.margin} on "
            f"every side for the PSF{larger_cells(deposited.psf.spread)}, x {telescope.kinds} kinds",
        ),
        (
            "kinds",
            f"{telescope.kinematics.size} velocities {telescope.kinematics.extent}, {telescope.kinematics.spacing:g} "
            f"km/s apart, x {telescope.dust.size} of dust x {telescope.ssp.size} basis spectra",
        ),
        ("cube", f"{y} x {x} spaxels x {telescope.wavelengths.size} channels"),
        (
            "deposit",
            f"in windows of the grid, on {jax.device_count()} {jax.default_backend()} device(s)"
            if anew
            else "that of an arm before it",
        ),
        (
            "contract",
            f"in {occupied} spaxels that can hold light"
            if occupied is not None
            else f"everywhere, the PSF on the {choices.blur() or telescope.cheaper_to_blur}",
        ),
        ("work", f"{work:.1e} multiplications to contract, in proportion to the velocities"),
    )
    larger = "weights" if summed > made else "cube"
    remedy = {
        "weights": "take a lower rank (telescope.ssp.tolerance), fewer velocities (telescope.kinematics) or a PSF of "
        "shorter reach",
        "cube": "take fewer channels or fewer spaxels",
    }[larger]
    written = (2 if noisy else 1) * y * x * telescope.wavelengths.size
    shapes = eqx.filter_eval_shape(lambda: blocks)
    counts = [(number, stream.count if anew else 0) for number, stream in streams]

    def spent() -> float:
        added = sum(
            effort(telescope, number, block, count) for (number, count), block in zip(counts, shapes, strict=True)
        )
        return work + added + RESPONDED * telescope.kinds * telescope.sampled.size + WRITTEN * written

    return Plan(facts, steps, memory(), remedy, spent)


def depositing(telescope: Telescope, number: int, block: AbstractEmitters, sums: Sums, choices: Choices) -> int:
    """Memory to deposit a block of stars, or of what shines of a source, beside the sums [byte]."""
    if number:
        found = needs(deposit_source, telescope, number, block, sums[0][number], choices)
    else:
        found = needs(deposit, telescope, block, (sums[0][0], sums[1]), choices)
    return sum(leaf.nbytes for leaf in jax.tree.leaves(block)) + new(found) + found.temp_size_in_bytes


def told(streams: Sequence[tuple[int, Any]], sizes: Sequence[int]) -> str:
    """How many particles there are, and in how many blocks."""
    words = []
    for (number, stream), size in zip(streams, sizes, strict=True):
        parts = -(-stream.count // size)
        of = f" of source {number}" if number else ""
        words.append(f"{stream.count}{of} in {parts} blocks of {size}" if parts > 1 else f"{stream.count}{of} together")
    return ", ".join(words)


def effort(telescope: Telescope, number: int, block: AbstractEmitters, count: int) -> float:
    """What particles take to deposit [multiplications]."""

    def split(telescope: Telescope, block: AbstractEmitters) -> tuple[tuple[Stencil, ...], Any]:
        seen, channels, mixture, _ = telescope.light(number, block)
        return (*telescope.spaxels.axes(seen, telescope.margin, telescope.psf.spread), channels), mixture

    places, mixture = eqx.filter_eval_shape(split, telescope, block)
    windows = count * math.prod(stencil.index.shape[1] for stencil in places)
    sparse = isinstance(mixture, Stencil)
    return windows * (SCATTERED * mixture.index.shape[1] if sparse else ADDED * mixture.shape[1])


def cells(oversampling: tuple[int, int]) -> str:
    """How many make a spaxel."""
    return "one" if oversampling == (1, 1) else f"{oversampling[1]} x {oversampling[0]}"


def larger_cells(spread: AbstractSpread) -> str:
    """How many of those around the field are larger."""
    return f", {spread.ring} of them {spread.coarse} times as wide" if isinstance(spread, FramedSpread) else ""


def rounded(value: float) -> str:
    """A number with one digit that counts."""
    return f"{float(f'{value:.1g}'):g}"


def pace() -> float:
    """Multiplications a second of a product of matrices on the device, the best of three."""
    matrix = jnp.ones((1024, 1024), jnp.float32)

    def tried() -> float:
        begun = time.perf_counter()
        jnp.matmul(matrix, matrix, precision=jax.lax.Precision.HIGHEST).block_until_ready()
        return time.perf_counter() - begun

    tried()
    return matrix.shape[0] ** 3 / min(tried() for _ in range(3))


def needs(function: Any, *arguments: Any) -> Any:
    """What a compiled function says of its memory."""
    return function.compiled(*arguments).memory_analysis()


def new(analysis: Any) -> int:
    """What results need that are not written over arguments [byte]."""
    return analysis.output_size_in_bytes - analysis.alias_size_in_bytes


def resident() -> int:
    """Memory of this process that counts on the device [byte]: all of it on a CPU, none on an accelerator."""
    if jax.default_backend() != "cpu":
        return 0
    status = Path("/proc/self/statm")
    if not status.exists():
        import resource

        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
