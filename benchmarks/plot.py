"""Time against the number of particles, for ifux and RUBIX.

    python benchmarks/plot.py forward.jsonl streaming.jsonl rubix.jsonl --out benchmarks/time.png

Draws the readings in files of JSON lines, as the other scripts print them, and nothing else.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import matplotlib.pyplot as plt


def curves(lines: list[dict]) -> dict[str, list[tuple[int, float]]]:
    """Median seconds against particles, by what was timed."""
    found = defaultdict(list)
    for line in lines:
        count = line.get("particles")
        if line["benchmark"] == "forward":
            for name, times in line["seconds"].items():
                if name in ("whole", "value and gradient"):
                    word = "cube with noise" if name == "whole" else "value and gradient"
                    found[f"ifux, {word}, {line['device']}"].append((count, times["median"]))
        elif line["benchmark"] == "streaming":
            found["ifux observe, from a file, streamed"].append((count, sum(line["seconds"].values())))
        elif line["benchmark"] == "against_rubix" and "ratio" in line:
            for code, form in (("rubix", "linear"), ("native", "as it comes")):
                times = line[code]["seconds"]
                found[f"RUBIX 0.0.5, {form}, 2 cores"].append((count, times["with noise"]["median"]))
                if "run_sharded" in times:
                    found["RUBIX 0.0.5, run_sharded, 2 cores"].append((count, times["run_sharded"]["median"]))
    return {name: sorted(points) for name, points in found.items()}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("files", type=Path, nargs="+")
    arguments.add_argument("--out", type=Path, default=Path("time.png"))
    chosen = arguments.parse_args()
    lines = [json.loads(line) for file in chosen.files for line in file.read_text().splitlines()]
    figure, axes = plt.subplots(figsize=(7, 5.5), layout="constrained")
    for name, points in curves(lines).items():
        axes.loglog(*zip(*points, strict=True), marker="o", ms=4, ls="--" if "RUBIX" in name else "-", label=name)
    axes.set(xlabel="star particles", ylabel="seconds, warm", title="100 x 100 spaxels, 3721 channels")
    axes.grid(alpha=0.3)
    figure.legend(fontsize=7, ncols=2, loc="outside lower center")
    figure.savefig(chosen.out, dpi=130)


if __name__ == "__main__":
    main()
