"""The record: how the data of a file were made, in its primary header.

What the arrays do not hold (the configuration, seed, versions, notes, gaps) is one JSON text in ASCII, cut into pieces
of 68 characters under the keywords IFUX0001, IFUX0002 and so on: put in a row, each padded with blanks to 68
characters, they are the text. Floats are written with the fewest digits that give the same double back. No card is
continued, since readers disagree on continued cards that hold quotes, ampersands or trailing blanks. The text holds no
quote and no ampersand, both are written as escapes. The cards OBJECT, SEED, PKG1 and COMMENT say the same to people, in
what ASCII can say of it.
"""

import json
import unicodedata
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from astropy.io import fits

from ifux.errors import InputError

PIECE = 68
ESCAPES = {"'": "\\u0027", "&": "\\u0026", "\x7f": "\\u007f"}


def versions() -> dict[str, str]:
    """The versions of this package and of those that decide its numbers."""
    return {name: version(name) for name in ("ifux", "jax", "equinox", "numpy", "astropy")}


def primary(record: dict[str, Any]) -> fits.Header:
    """The header of a file that holds a record: a configuration, seed, versions, title and notes, and what else it has.

    Raises:
        InputError: JSON cannot say it, or it is too long.
    """
    try:
        text = json.dumps(record, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InputError(f"The history of a cube must hold what JSON can say: {error}.") from error
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    if len(pieces) > 9999:
        raise InputError(f"The configuration is too long for a FITS header: {len(text)} characters of {9999 * PIECE}.")

    header = fits.Header([("SIMPLE", True, "FITS standard"), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    header["DATE"] = (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "when the file was written (UTC)")
    header["CREATOR"] = ("ifux", "simulated data, not an observation")
    header["OBJECT"] = printable(record["title"])
    if record["seed"] is not None:
        header["SEED"] = (record["seed"], "what the noise was drawn with")
    for place, (name, number) in enumerate(record["versions"].items(), 1):
        header[f"PKG{place}"] = printable(f"{name} {number}")
    for note in record["notes"]:
        header.add_comment(printable(note))
    header.add_comment("The cards IFUXnnnn, each padded to 68 characters, are one JSON text.")
    header.extend([(f"IFUX{place:04d}", piece) for place, piece in enumerate(pieces, 1)], end=True)
    return header


def recorded(header: Any, path: str | Path) -> dict:
    """The record of a header, with an `InputError` where it is broken."""
    pieces = []
    while (keyword := f"IFUX{len(pieces) + 1:04d}") in header:
        pieces.append(str(header[keyword]).ljust(PIECE))
    try:
        record = json.loads("".join(pieces))
        if not isinstance(record["configuration"], dict):
            raise ValueError("its configuration is none")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} is damaged: the record in the cards IFUX0001 to IFUX{len(pieces):04d} is broken ({error}); copy "
            "or make it again."
        ) from error
    return record


def printable(text: str) -> str:
    """What printable ASCII can say of a text: accents go, other characters become question marks."""
    plain = "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )
    return "".join(character if " " <= character <= "~" else "?" for character in " ".join(plain.split()))
