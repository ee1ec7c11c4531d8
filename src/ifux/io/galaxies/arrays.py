"""A galaxy from arrays in memory."""

from collections.abc import Sequence

from astropy import units
from jaxtyping import ArrayLike

from ifux.galaxy import Galaxy
from ifux.io.galaxies.columns import check_shapes
from ifux.io.galaxies.galaxy import Centre, settled
from ifux.io.galaxies.native import UNITS
from ifux.io.galaxies.quantity import in_unit
from ifux.io.galaxies.snapshot import Snapshot
from ifux.io.galaxies.stars import Stars
from ifux.particles import Particles


def galaxy_from_arrays(
    *,
    position: ArrayLike | Sequence | units.Quantity,
    velocity: ArrayLike | Sequence | units.Quantity,
    mass: ArrayLike | Sequence | units.Quantity,
    age: ArrayLike | Sequence | units.Quantity,
    metallicity: ArrayLike | Sequence | units.Quantity,
    redshift: float = 0.0,
    source: str = "arrays",
    centre: Centre = "shrinking-sphere",
    radius: float | int | None = None,
    velocity_radius: float | int | None = None,
) -> Galaxy[Particles]:
    """A galaxy from arrays with astropy units, or of bare numbers in ifux's own.

    Args:
        position: (particle, 3), physical [kpc].
        velocity: (particle, 3) [km/s].
        mass: As formed [solar mass].
        age: At the time of the snapshot [Gyr].
        metallicity: Mass fraction.
        redshift: Redshift of the snapshot.
        source: Name for reports.
        centre: As in `read_galaxy`; "as-is" for stars that are centred and at rest.
        radius: As in `read_galaxy` [kpc].
        velocity_radius: As in `read_galaxy` [kpc].
    """
    given = {"position": position, "velocity": velocity, "mass": mass, "age": age, "metallicity": metallicity}
    columns = [in_unit(values, UNITS[name], name) for name, values in given.items()]
    check_shapes(source, dict(zip(given, columns, strict=True)))
    snapshot = Snapshot(Stars(*columns), redshift=redshift, source=source)
    return settled(snapshot, centre, radius, velocity_radius)
