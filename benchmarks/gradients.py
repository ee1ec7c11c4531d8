"""Is every gradient the true one?

    python benchmarks/gradients.py [--table] [--variants muse-wfm "members 1" ...]

The whole chain, from every array of a galaxy and every number of a telescope to a log-likelihood or a random projection
of the cube, on the variants of `tests/differences.py`: every member of every family of stages, every instrument,
libraries with [alpha/Fe] and slopes of the IMF, a parametric galaxy. Reverse-mode gradients in double precision against
finite differences, and in single precision against double. One JSON line for each leaf, with the worst over the
variants and where that is; with `--table` a table in Markdown.
"""

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import equinox as eqx
import jax

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

STOPPED = "stopped on purpose"


def worst(readings: dict[str, dict[str, float]]) -> tuple[float, str]:
    """The largest of the readings and the variant that it is of."""
    return max((value, variant) for variant, value in readings.items())


def read(variants: list[str]) -> dict[str, dict[str, dict[str, float]]]:
    """Errors by leaf, precision and variant."""
    import differences

    found: dict[str, dict[str, dict[str, float]]] = {}
    for variant in variants:
        print(f"{variant} ...", file=sys.stderr, flush=True)
        observation = differences.VARIANTS[variant]()
        compared, single = differences.compared(observation), differences.in_single(observation)
        for name, error in single.items():
            leaf = found.setdefault(name, {"float64": {}, "unknown": {}, "float32": {}})
            for one in [one for one in compared if one.name == name]:
                known = one.rounding / one.norm if one.norm else 0.0
                leaf["float64"][variant] = max(one.error, leaf["float64"].get(variant, 0.0))
                leaf["unknown"][variant] = max(known, leaf["unknown"].get(variant, 0.0))
            leaf["float32"][variant] = error
        # programs hold pieces of memory, of which Linux lets a process have 65,530
        eqx.clear_caches()
        jax.clear_caches()
    return found


def lines(found: dict[str, dict[str, dict[str, float]]]) -> list[dict]:
    """One for each leaf."""
    result = []
    for name, leaf in sorted(found.items()):
        line: dict = {"leaf": name, "variants": len(leaf["float32"])}
        for precision in ("float64", "float32"):
            if leaf["float64"]:
                value, variant = worst(leaf[precision])
                line |= {precision: float(f"{value:.1e}"), f"{precision}_variant": variant}
            else:
                line |= {precision: 0.0, f"{precision}_variant": STOPPED}
        result.append(line)
    return result


def table(found: list[dict]) -> str:
    """The same in Markdown."""
    rows = ["| leaf | variants | float64 against differences | worst in | float32 against float64 | worst in |"]
    rows += ["|---|---|---|---|---|---|"]
    for line in found:
        cells = [f"`{line['leaf']}`", str(line["variants"])]
        if line["float64_variant"] == STOPPED:
            cells += [f"zero: {STOPPED}", "", "zero", ""]
        else:
            for precision in ("float64", "float32"):
                cells += [f"{line[precision]:.0e}" if line[precision] else "0", line[f"{precision}_variant"]]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--table", action="store_true", help="a table in Markdown in place of JSON lines")
    arguments.add_argument("--variants", nargs="+", help="some of them; by default all")
    chosen = arguments.parse_args()
    jax.config.update("jax_enable_x64", True)
    import differences

    found = lines(read(chosen.variants or [*differences.VARIANTS]))
    if chosen.table:
        print(table(found))
        return
    common = {
        "benchmark": "gradients",
        "versions": {name: version(name) for name in ("ifux", "jax", "jaxlib", "equinox", "numpy")},
        "device": jax.devices()[0].device_kind,
        "machine": platform.machine(),
    }
    for line in found:
        print(json.dumps(common | line), flush=True)


if __name__ == "__main__":
    main()
