"""How do several devices share the work?

    python benchmarks/scaling.py [--devices 1 2] [--particles 1000000] [--runs 5] [--compute 0.05] [--bandwidth 450e9]

The work of `forward.py`, low-rank library, noise, on several devices: on a CPU, that many host devices. One JSON line
for each number of devices, for a fixed number of particles (strong) and for as many on each device (weak): seconds
after a warm-up with the devices synchronised, of the cube and of its gradient with respect to every array; the bytes
that each device sends, read from the compiled program; and the load of the machine, which may be busy with other work.

Then the weak scaling that those bytes imply for GPUs, on one line for each number of them. It is derived, not measured:

    efficiency = compute / (compute + bytes / bandwidth)

with the seconds that one GPU computes for its share of the particles (--compute) and the bytes a second that it sends
(--bandwidth). Latencies are left out, and so is any overlap of the two. By default 50 ms, which is what is aimed at for
6e6 particles on one H200, and 450 GB/s, half of the 900 GB/s that NVLink 4 has in both directions; 376 to 380 GB/s
were measured between two H100 (github.com/NVIDIA/nccl/issues/1264).

RUBIX (arXiv:2412.08265) needs 8.6 s for 6e6 particles on one A100. Of eight GPUs a page of its authors says that
perfect efficiency needs tuning, and of weak scaling that there is room to optimise the communication. We have not seen
the numbers of its curve.
"""

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
from forward import regridded, seconds, telescope

import ifux
from ifux import parallel
from ifux.galaxies import DiscBulge
from ifux.io import embedded_library

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from parallel_traffic import traffic


@eqx.filter_jit
def observe(telescope, particles, mesh, key):
    """The cube with noise."""
    return parallel.observe(telescope, particles, mesh, key=key)


@eqx.filter_jit
@eqx.filter_value_and_grad
def fit(model, data, mesh, key):
    """A misfit, and its gradient."""
    return jnp.mean((parallel.observe(*model, mesh, key=key) - data) ** 2)


def shared(count: int, mesh) -> ifux.Particles:
    """So many particles, on their devices."""
    return jax.block_until_ready(parallel.shard(DiscBulge.sample(count, key=jax.random.key(1)).particles(), mesh))


def sent(program, mesh) -> dict[str, int]:
    """Bytes that each device sends, by operation."""
    return traffic(program.compile().compiled.as_text(), mesh.size)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--devices", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--particles", type=int, default=1_000_000)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--implied", type=int, nargs="+", default=[2, 4, 8], help="numbers of GPUs")
    arguments.add_argument("--compute", type=float, default=0.05, help="of one GPU [s]")
    arguments.add_argument("--bandwidth", type=float, default=450e9, help="of one GPU [byte/s]")
    chosen = arguments.parse_args()
    jax.config.update("jax_num_cpu_devices", max(chosen.devices + chosen.implied))
    muse = telescope(regridded(embedded_library()), (100, 100))
    key, data = jax.random.key(0), jnp.zeros((100, 100, muse.wavelengths.size))
    for count in chosen.devices:
        mesh = parallel.mesh(jax.devices()[:count])
        for scaling, total in {"strong": chosen.particles, "weak": chosen.particles * count}.items():
            particles = shared(total, mesh)
            before = os.getloadavg()[0]
            line = {
                "benchmark": "scaling",
                "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "equinox", "numpy")},
                "device": str(jax.devices()[0].device_kind),
                "machine": platform.machine(),
                "cores": os.cpu_count(),
                "scaling": scaling,
                "devices": count,
                "particles": total,
                "seconds": {
                    "whole": seconds(lambda p=particles, m=mesh: observe(muse, p, m, key), chosen.runs),
                    "value and gradient": seconds(
                        lambda p=particles, m=mesh: fit((muse, p), data, m, key), chosen.runs
                    ),
                },
                "bytes": {
                    "whole": sent(observe.lower(muse, particles, mesh, key), mesh),
                    "value and gradient": sent(fit.lower((muse, particles), data, mesh, key), mesh),
                },
                "load": [before, os.getloadavg()[0]],
            }
            print(json.dumps(line), flush=True)
    for count in chosen.implied:
        mesh = parallel.mesh(jax.devices()[:count])
        particles = shared(100 * count, mesh)
        moved = {
            "whole": sum(sent(observe.lower(muse, particles, mesh, key), mesh).values()),
            "value and gradient": sum(sent(fit.lower((muse, particles), data, mesh, key), mesh).values()),
        }
        line = {
            "benchmark": "scaling",
            "scaling": "weak, derived and not measured",
            "devices": count,
            "compute": chosen.compute,
            "bandwidth": chosen.bandwidth,
            "bytes": moved["whole"],
            "bytes with the gradient": moved["value and gradient"],
            "efficiency": round(chosen.compute / (chosen.compute + moved["whole"] / chosen.bandwidth), 4),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
