"""How long does the command line think before it answers?

    python benchmarks/starting.py [--runs 7]

Commands as processes of their own, asked in turns: the version, the help of every command, the instruments, and a small
observation (2,000 stars, 30 x 30 spaxels, 801 channels) whose library and programs an earlier call left in the cache.
One JSON line each, with the time on the clock and that of the processor, which other work disturbs less.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

CALL = "import sys; from ifux.cli import main; sys.exit(main(sys.argv[1:]))"
COMMANDS = ("demo", "observe", "survey", "convert", "inspect", "instruments", "ssp", "tng")
SMALL = {
    "galaxy": {"kind": "disc-bulge", "count": 2000, "seed": 1},
    "library": {"kind": "embedded"},
    "telescope": {
        "instrument": "muse-wfm",
        "target": {"kind": "cosmological", "redshift": 0.05},
        "orientation": {"kind": "inclined", "inclination": 55.0},
        "spaxels": {"size": [30, 30]},
        "wavelengths": {"start": 5000.0, "step": 1.25, "size": 801, "medium": "air"},
        "noise": {"kind": "target-snr", "snr": 60.0},
    },
}


def processor() -> float:
    """Time of the processor that processes which have ended took [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=7)
    runs = arguments.parse_args().runs
    asked = [["--version"], ["--help"], *([command, "--help"] for command in COMMANDS), ["instruments"]]
    asked.append(["observe", "small.json", "--overwrite", "--quiet"])
    times: dict[str, list[tuple[float, float]]] = {" ".join(words): [] for words in asked}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "small.json").write_text(json.dumps(SMALL), encoding="utf-8")
        # As pip leaves an installed package: compiled to bytecode.
        environment = {**os.environ, "IFUX_CACHE": f"{folder}/cache", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for turn in range(runs + 1):
            for words in asked:
                start, used = time.perf_counter(), processor()
                command = [sys.executable, "-c", CALL, *words]
                subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
                if turn:
                    times[" ".join(words)].append((time.perf_counter() - start, processor() - used))
    for words, taken in times.items():
        seconds, used = zip(*taken, strict=True)
        line = {
            "benchmark": "starting",
            "versions": {name: version(name) for name in ("ifux", "jax", "equinox", "numpy", "astropy")},
            "cores": os.cpu_count(),
            "command": f"ifux {words}",
            "seconds": {"minimum": round(min(seconds), 3), "median": round(median(seconds), 3)},
            "processor": {"minimum": round(min(used), 3), "median": round(median(used), 3)},
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
