"""Does a galaxy that does not fit into memory become a cube?

    python benchmarks/streaming.py [--particles 100000000] [--field 100] [--folder .] [--keep]

Writes a parametric galaxy to a file in ifux's own layout, block by block, and observes it from there with MUSE as
`ifux observe` does, in a process of its own. One JSON line: seconds of every step, size of the file, the memory that
the plan foresaw and the peak of the process. With `--in-memory` the stars are read at once, for comparison.
The galaxy and its cube are removed at the end, unless they are to be kept for the next time.
"""

import argparse
import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

BLOCK = 2**22
"""Particles that are made at a time."""

DESCRIPTION = {
    "library": {"kind": "embedded"},
    "telescope": {
        "instrument": "muse-wfm",
        "target": {"kind": "cosmological", "redshift": 0.03},
        "orientation": {"kind": "inclined", "inclination": 50.0, "position_angle": 30.0},
        "noise": {"kind": "target-snr", "snr": 30.0},
    },
    "seed": 1,
}


def write(path: Path, count: int) -> None:
    """A galaxy of many particles, never held as a whole."""
    import h5py
    import jax
    import numpy as np

    from ifux.galaxies import DiscBulge
    from ifux.io.snapshots.native import FORMAT, VERSION
    from ifux.io.snapshots.stars import UNITS

    with h5py.File(path, "w") as file:
        file.attrs.update({"format": FORMAT, "version": VERSION, "redshift": 0.03})
        stars = file.create_group("stars")
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            block = DiscBulge.sample(size, key=jax.random.key(start // BLOCK)).particles()
            for name, unit in UNITS.items():
                values = np.asarray(getattr(block, name))
                if name not in stars:
                    stars.create_dataset(name, (count, *values.shape[1:]), "f4").attrs["unit"] = unit
                stars[name][start : start + size] = values


def observe(path: Path, field: int, streaming: bool) -> dict:
    """Seconds and bytes of the observation."""
    from ifux import run
    from ifux.io.files.cube import write_cube

    galaxy = {"kind": "file", "path": str(path), **({"stream": True} if streaming else {})}
    description = {**DESCRIPTION, "galaxy": galaxy}
    description["telescope"] = {**DESCRIPTION["telescope"], "spaxels": {"size": [field, field]}}
    seconds, start = {}, time.perf_counter()

    def lap(step: str) -> None:
        nonlocal start
        seconds[step] = round(time.perf_counter() - start, 2)
        start = time.perf_counter()

    session = run.prepare(description)
    lap("prepare")
    foreseen = run.planned(session)
    lap("plan")
    cube = run.observe(session)
    lap("observe")
    write_cube(path.with_suffix(".fits"), cube, overwrite=True)
    lap("write")
    status = Path("/proc/self/status").read_text()
    peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
    return {"seconds": seconds, "foreseen_bytes": foreseen.peak, "peak_bytes": peak, "notes": session.notes}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--particles", type=int, default=100_000_000)
    arguments.add_argument("--field", type=int, default=100, help="spaxels along a side")
    arguments.add_argument("--folder", type=Path, default=Path(), help="where the file may lie")
    arguments.add_argument("--keep", action="store_true", help="leave the galaxy and its cube where they are")
    arguments.add_argument("--in-memory", action="store_true", help="read all stars at once")
    arguments.add_argument("--step", choices=["write", "observe"], help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    path = chosen.folder / f"stars-{chosen.particles}.h5"
    if chosen.step == "write":
        return write(path, chosen.particles)
    if chosen.step == "observe":
        return print(json.dumps(observe(path, chosen.field, not chosen.in_memory)))
    again, found_there = [sys.executable, *sys.argv], path.exists()
    try:
        if not found_there:
            subprocess.run([*again, "--step", "write"], check=True)
        found = subprocess.run([*again, "--step", "observe"], check=True, capture_output=True, text=True).stdout
        line = {
            "benchmark": "streaming",
            "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "h5py")},
            "particles": chosen.particles,
            "file_bytes": path.stat().st_size,
            "field": chosen.field,
            "streaming": not chosen.in_memory,
            **json.loads(found),
        }
        print(json.dumps(line), flush=True)
    finally:
        if not (chosen.keep or found_there):
            path.unlink(missing_ok=True)
            path.with_suffix(".fits").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
