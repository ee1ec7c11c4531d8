"""What became of every case."""

import json
from pathlib import Path
from typing import Any

from ifux.errors import InputError
from ifux.io import replacing
from ifux.survey.description import Case, Survey


class Table:
    """A table in JSON lines, one for each case: `pandas.read_json(path, lines=True)` reads it.

    | column | |
    |---|---|
    | case | number, from one |
    | file | name of the cube, in the folder of the table |
    | status | done, failed or waiting |
    | settings, seed | what makes the case |
    | seconds | that the cube took |
    | notes | what a careful user should know; the cube says so too |
    | error | a sentence on what failed |
    """

    def __init__(self, path: Path, survey: Survey, todo: list[Case], *, overwrite: bool):
        self.path = path
        before, waiting = {} if overwrite else self.earlier(), {case.number for case in todo}
        self.rows: dict[int, dict] = {}
        for case in survey.cases:
            self.set(case, "waiting") if case.number in waiting else self.set(case, "done", **before.get(case.file, {}))

    def set(self, case: Case, status: str, **facts: Any) -> None:
        """A line."""
        known = {"case": case.number, "file": case.file, "status": status, "settings": case.settings}
        known |= {"seed": case.configuration["seed"], "seconds": None, "notes": [], "error": None}
        self.rows[case.number] = known | facts

    def earlier(self) -> dict[str, dict]:
        """What an earlier call found out about cubes, by file."""
        if not self.path.exists():
            return {}
        try:
            rows = [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]
            return {row["file"]: {"seconds": row["seconds"], "notes": row["notes"]} for row in rows}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path} exists already and is not the table of a survey: move it away, or allow it to be "
                "overwritten"
            ) from error

    def save(self) -> None:
        """Writes all of it, or none."""
        with replacing(self.path, overwrite=True) as temporary:
            temporary.write_text("".join(json.dumps(row) + "\n" for row in self.rows.values()), "utf-8")

    def count(self, status: str) -> int:
        """How many cases have a status."""
        return sum(row["status"] == status for row in self.rows.values())
