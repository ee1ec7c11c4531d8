"""How long does a newcomer wait for a first cube?

    python benchmarks/cold_start.py [--runs 3]

`ifux demo` as a process of its own, with an empty cache each time: the embedded library is synthesised, every program
compiled, 100,000 particles observed through MUSE, cube and picture written. One JSON line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=3)
    times = []
    for _ in range(arguments.parse_args().runs):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "IFUX_CACHE": str(Path(folder) / "cache")}
            command = [
                sys.executable,
                "-c",
                "import sys; from ifux.cli import main; sys.exit(main(['demo', '--quiet']))",
            ]
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, env=environment, check=True)
            times.append(time.perf_counter() - start)
    line = {
        "benchmark": "cold start",
        "versions": {name: version(name) for name in ("ifux", "jax", "equinox", "numpy")},
        "cores": os.cpu_count(),
        "seconds": {"minimum": round(min(times), 2), "median": round(median(times), 2)},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
