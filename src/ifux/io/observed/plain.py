"""Any FITS file with a cube: its extensions by convention, or as an option names them."""

from typing import Any

from ifux.data import Data
from ifux.errors import InputError
from ifux.io.observed.layout import ErrorKind, Layout, found, read_layout

ERRORS: dict[str, ErrorKind] = {
    "STAT": "variance", "VARIANCE": "variance", "VAR": "variance", "ERR": "sigma", "ERROR": "sigma", "SIGMA": "sigma",
    "UNCERT": "sigma", "NOISE": "sigma", "STDDEV": "sigma", "IVAR": "inverse variance",
}  # fmt: skip
"""Extensions of errors, and what their names promise."""
TYPES: dict[str, ErrorKind] = {"ERR": "sigma", "VAR": "variance", "IVAR": "inverse variance"}
"""What ERRTYPE says of them."""
NAMED = ("flux", "error", "mask")
"""Options that name extensions."""
MASKS = ("MASK", "DQ", "BADPIX", "FLAGS")
"""Extensions in which zero is good."""


def read_plain(file: Any, path: Any, stated: dict[str, Any]) -> Data:
    """The first cube, or the one that `flux` names, with errors and a mask by convention or as `error`, `mask` say.

    An extension that is named FLUXEXT, ERREXT or MASKEXT in the primary header is found by that.

    Raises:
        InputError: there is no cube, or what an option names is not there.
    """
    header = file[0].header
    told = {"flux": header.get("FLUXEXT"), "error": header.get("ERREXT"), "mask": header.get("MASKEXT")} | {
        name: stated[name] for name in NAMED if name in stated
    }
    for name, extension in told.items():
        if name in stated and found(file, extension) is None:
            raise InputError(f"{path} has no extension {extension!r}: it has {[hdu.name for hdu in file]}.")
    cube = found(file, told["flux"], (3,)) if told["flux"] else first_cube(file)
    if cube is None:
        raise InputError(f"{path} holds no cube: it has no image with three axes.")
    error = told["error"] or next((name for name in ERRORS if found(file, name, (3,)) is not None), "")
    mask = told["mask"] or next((name for name in MASKS if found(file, name, (2, 3)) is not None), "")
    ending = str(error).upper().replace("_", ".").split(".")[-1]
    kind = TYPES.get(str(header.get("ERRTYPE", "")).upper()) or ERRORS.get(ending, "sigma")
    layout = Layout(
        "plain", lambda file: True, flux="" if cube is file[0] else cube.name, error=error,
        error_kind=kind, mask=mask,
    )  # fmt: skip
    return read_layout(file, path, layout, stated)


def first_cube(file: Any) -> Any:
    """The first image of three axes."""
    return next((hdu for hdu in file if hdu.is_image and hdu.header["NAXIS"] == 3), None)
