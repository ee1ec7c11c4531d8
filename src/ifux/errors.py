"""Errors that the user can mend."""


class InputError(ValueError):
    """What the user gave cannot be used.

    The message is one sentence: what is wrong, where, and what would do. The command line prints it and leaves with
    status 2.
    """


def of_arm(name: str) -> str:
    """Which arm a sentence is of, to end it with; nothing where there are no arms."""
    return f" (arm {name!r})" if name else ""
