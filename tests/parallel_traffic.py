"""What a compiled program sends between devices, read from its text."""

import re
from collections import Counter
from math import prod

BYTES = {"pred": 1, "s8": 1, "u8": 1, "s32": 4, "u32": 4, "f32": 4, "s64": 8, "u64": 8, "f64": 8, "c64": 8, "c128": 16}
COLLECTIVES = "all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute"
OPERATION = re.compile(rf"= (.*?) ({COLLECTIVES})(?:-start)?\(")
CALL = re.compile(
    r"(?:body|calls|to_apply|true_computation|false_computation)=%?([\w.-]+)|branch_computations={([^}]*)}"
)


def size(shapes: str) -> int:
    """Bytes of the arrays in a type such as `(f32[2,3]{1,0}, s32[])`."""
    found = re.findall(r"(\w+)\[([\d,]*)\]", shapes)
    return sum(BYTES[kind] * prod(int(n) for n in shape.split(",") if n) for kind, shape in found)


def traffic(program: str, devices: int) -> dict[str, int]:
    """Bytes that each device sends, by operation, if every collective runs around a ring.

    A sum sends 2 (D - 1) / D of its array, a gather or an exchange (D - 1) / D of its result, a scattered sum
    D - 1 times its result. What stands in a loop counts as often as the loop turns.
    """
    share = (devices - 1) / devices
    sent = {
        "all-reduce": 2 * share,
        "all-gather": share,
        "reduce-scatter": devices - 1,
        "all-to-all": share,
        "collective-permute": 1,
    }
    own: dict[str, Counter] = {}
    calls: dict[str, list[tuple[str, int]]] = {}
    entry = name = ""
    for line in program.splitlines():
        if opened := re.match(r"(ENTRY )?%?([\w.-]+) \(.*\{$", line):
            name = opened[2]
            entry = name if opened[1] else entry
            own[name], calls[name] = Counter(), []
        elif operation := OPERATION.search(line):
            own[name][operation[2]] += round(size(operation[1]) * sent[operation[2]])
        elif name:
            turns = re.search(r'known_trip_count":\{"n":"(\d+)"', line)
            for one, several in CALL.findall(line):
                for called in [one] if one else re.findall(r"[\w.-]+", several):
                    calls[name].append((called, int(turns[1]) if turns else 1))

    def total(name: str) -> Counter:
        result = own.get(name, Counter()).copy()
        for called, turns in calls.get(name, []):
            for operation, count in total(called).items():
                result[operation] += turns * count
        return result

    return dict(total(entry))
