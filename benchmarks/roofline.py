"""How fast could a cube be, on this machine or on a card that is not here?

    python benchmarks/roofline.py [--particles 100000 6000000] [--rank 17] [--kinds 459]
    python benchmarks/roofline.py --card "H200 SXM" --flops 67e12 --bandwidth 4.8e12

Counts the floating-point operations and the bytes that must pass through memory in every product of the observation of
`forward.py` (100 x 100 spaxels, 3721 channels, Moffat PSF, cubic stencils, single precision), and divides them by the
rates of the device: those given, or those that matrix products and copies of large arrays reach here. The larger of the
two times bounds a product from below, their sum the whole. An operation that is no multiply-add counts twice, since it
fills the place of one. One JSON line for each number of particles.
"""

import argparse
import json
import math
import time
from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np

TALL = 148
"""Spaxels on a side, the margin of the PSF included."""
SPAXELS, CHANNELS = 100 * 100, 3721
WINDOW, SUPPORT = 16, 4
"""Spaxels and velocity channels that a particle touches."""
PARTICLE = 36
"""Bytes of a particle."""
NORMAL = 85
"""Operations for a normal random number: thirteen rounds of Threefry of three each, its keys, and Box-Muller."""
FOURIER = 150
"""Length of the transforms that blur."""


def products(particles: int, kinds: int, rank: int) -> dict[str, tuple[float, float]]:
    """Floating-point operations and bytes through memory of every product."""
    grid, cube, maps = 4 * TALL**2 * kinds, 4 * SPAXELS * CHANNELS, 4 * SPAXELS * kinds
    transform = 2.5 * FOURIER**2 * math.log2(FOURIER**2)
    return {
        "deposit": (2.0 * particles * WINDOW * SUPPORT * rank, PARTICLE * particles + 2 * grid),
        "blur": (2 * kinds * transform, 2 * (grid + maps)),
        "contract": (2.0 * SPAXELS * CHANNELS * kinds, maps + 4 * kinds * CHANNELS + cube),
        "noise": (2.0 * NORMAL * SPAXELS * CHANNELS, 2 * cube),
    }


def reached(function, *arguments) -> float:
    """The shortest of some runs [s]."""
    jax.block_until_ready(function(*arguments))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        times.append(time.perf_counter() - start)
    return min(times)


def rates() -> tuple[float, float]:
    """Operations and bytes a second of the device here, in single precision."""
    size = 4096
    square = jnp.ones((size, size))
    product = jax.jit(lambda a, b: jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST))
    if jax.default_backend() == "cpu":
        # XLA's results are new pages each time, and the system takes longer to find those than the memory to fill them.
        long, there = np.ones(2**27, np.float32), np.zeros(2**27, np.float32)
        seconds = reached(np.copyto, there, long)
    else:
        long = jnp.ones(2**27)
        seconds = reached(jax.jit(jnp.negative), long)
    return 2 * size**3 / reached(product, square, square), 2 * long.nbytes / seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--particles", type=int, nargs="+", default=[100_000, 6_000_000])
    arguments.add_argument("--rank", type=int, default=17)
    arguments.add_argument("--kinds", type=int, default=459, help="velocity nodes times rank")
    arguments.add_argument("--card", help="name of a device that is not here")
    arguments.add_argument("--flops", type=float, help="its operations a second in single precision")
    arguments.add_argument("--bandwidth", type=float, help="its bytes a second")
    chosen = arguments.parse_args()
    flops, bandwidth = (chosen.flops, chosen.bandwidth) if chosen.card else rates()
    for count in chosen.particles:
        bounds = {
            name: max(operations / flops, nbytes / bandwidth)
            for name, (operations, nbytes) in products(count, chosen.kinds, chosen.rank).items()
        }
        line = {
            "benchmark": "roofline",
            "versions": {name: version(name) for name in ("ifux", "jax")},
            "device": chosen.card or jax.devices()[0].device_kind,
            "flops": float(f"{flops:.3g}"),
            "bandwidth": float(f"{bandwidth:.3g}"),
            "particles": count,
            "kinds": chosen.kinds,
            "seconds": {name: float(f"{bound:.3g}") for name, bound in bounds.items()},
            "whole": float(f"{sum(bounds.values()):.3g}"),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
