"""Several arms behind one telescope: one galaxy, one deposit, a cube for each arm."""

import dataclasses
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ifux.dust.base import AbstractDust
from ifux.errors import InputError, of_arm
from ifux.focal_plane.base import AbstractFocalPlane
from ifux.grids import AbstractWavelengths
from ifux.kinematics.base import AbstractKinematics
from ifux.lsf.base import AbstractLSF
from ifux.noise.base import AbstractNoise
from ifux.orientation.base import AbstractOrientation
from ifux.particles import AbstractGalaxy, Stars
from ifux.psf.base import AbstractPSF
from ifux.sources.base import AbstractSource
from ifux.spaxels.base import AbstractSpaxels
from ifux.spread import SplineSpread
from ifux.ssp.base import AbstractSSP
from ifux.target import AbstractTarget
from ifux.telescope import Telescope, count, line_of_sight

SHARED = ("target", "orientation", "kinematics", "ssp", "dust", "sources")
"""Stages that say where the galaxy stands and what it shines like: the same for all arms."""
OWN = ("wavelengths", "psf", "focal_plane", "lsf", "noise")
"""Those that an arm has for itself, beside its spaxels."""


@final
class Arm(eqx.Module):
    """What an arm of a spectrograph has for itself."""

    wavelengths: AbstractWavelengths
    """Pixels along the wavelength axis, observed."""
    psf: AbstractPSF
    focal_plane: AbstractFocalPlane
    lsf: AbstractLSF
    noise: AbstractNoise
    field: int = eqx.field(static=True, default=0)
    """Which of the spectrograph's fields of view it sees."""


@final
class Spectrograph(eqx.Module):
    """Arms that see the same galaxy at once: blue and red, gratings, the channels of an image slicer.

    Weights know no wavelengths. Arms with the same field of view have one set of them, which is deposited once, on the
    widest of their scenes, and each contracts it with templates of its own:

        weights = deposit(place, mixture)             # [y x kind]     once a field of view
        cubes   = {arm: observe(weights, templates)}  # [y x wave]     every arm

    A number that arms share is one leaf, and its gradient the sum of theirs. Velocity nodes and the basis of the
    library are shared too: nodes stand as near as the sharpest arm needs, and the basis spans the wavelengths of all,
    which for any one arm are a few more kinds than it would have alone. `spectrograph["blue"]` is the telescope that an
    arm is.
    """

    target: AbstractTarget
    orientation: AbstractOrientation
    kinematics: AbstractKinematics
    ssp: AbstractSSP
    dust: AbstractDust
    spaxels: tuple[AbstractSpaxels, ...]
    """Of every field of view."""
    arms: dict[str, Arm] = eqx.field(converter=lambda arms: dict(sorted(arms.items())))
    """By their names."""
    sources: tuple[AbstractSource, ...] = ()
    """What shines beside the stars."""

    def __check_init__(self):
        if not self.arms:
            raise ValueError("Spectrograph.arms must be one arm or more, got none.")
        for name, arm in self.arms.items():
            if not 0 <= arm.field < len(self.spaxels):
                raise ValueError(
                    f"Spectrograph.arms[{name!r}].field must be one of {len(self.spaxels)} fields of view, counted "
                    f"from zero, got {arm.field}."
                )
            Telescope(**self.stages(name))

    @classmethod
    def of(cls, telescopes: Mapping[str, Telescope]) -> "Spectrograph":
        """Telescopes that look at one galaxy, as arms. On concrete arrays: those with equal spaxels share a field.

        Raises:
            ValueError: a stage that arms share is not the same in all of them.
        """
        names = [*telescopes]
        if not names:
            raise ValueError("Spectrograph.of takes one telescope or more, got none.")
        first, spaxels, arms = telescopes[names[0]], [], {}
        for name, telescope in telescopes.items():
            for family in SHARED:
                if not same(getattr(telescope, family), getattr(first, family)):
                    raise ValueError(
                        f"Spectrograph.of: arms share their {', '.join(SHARED)}, but {family} of {name!r} is not that "
                        f"of {names[0]!r}."
                    )
            field = next((i for i, known in enumerate(spaxels) if same(telescope.spaxels, known)), len(spaxels))
            spaxels += [telescope.spaxels] if field == len(spaxels) else []
            arms[name] = Arm(**{family: getattr(telescope, family) for family in OWN}, field=field)
        return cls(**{family: getattr(first, family) for family in SHARED}, spaxels=tuple(spaxels), arms=arms)

    def __getitem__(self, name: str) -> Telescope:
        """The telescope that an arm is.

        Its constructor has looked at it before, and is not asked again: numbers may have left since what it allows, as
        they may in a telescope.
        """
        telescope = object.__new__(Telescope)
        for family, stage in self.stages(name).items():
            object.__setattr__(telescope, family, stage)
        return telescope

    def stages(self, name: str) -> dict[str, Any]:
        """Those of an arm and those that it shares, by their families."""
        arm = self.arms[name]
        shared, own = ({family: getattr(of, family) for family in some} for of, some in ((self, SHARED), (arm, OWN)))
        return shared | own | {"spaxels": self.spaxels[arm.field]}

    def __call__(
        self, particles: AbstractGalaxy, *, key: PRNGKeyArray | None = None
    ) -> dict[str, Float[Array, "_ _ _"]]:
        """The data cube [y x wave] of every arm [1e-20 erg/s/cm2/angstrom per spaxel]; without a key there is no noise.

        The noise of an arm is its own, and does not depend on which others there are.
        """
        elements = self.expose(particles, key=key)
        return {name: self[name].rebuild(elements[name]) for name in self.arms}

    def expose(self, particles: AbstractGalaxy, *, key: PRNGKeyArray | None = None) -> dict[str, Float[Array, "..."]]:
        """The spectra [*element wave] of the elements of every arm: what data are to be compared with."""
        elements = self.noiseless(particles, self.arms)
        if key is None:
            return elements
        return {
            name: self.arms[name].noise.sample(spectra, key=jax.random.fold_in(key, zlib.crc32(name.encode())))
            for name, spectra in elements.items()
        }

    def log_prob(
        self,
        data: Mapping[str, Float[Array, "..."]],
        particles: AbstractGalaxy,
        *,
        mask: Mapping[str, Bool[Array, "..."]] | None = None,
    ) -> Float[Array, ""]:
        """Log-likelihood of the data of all arms that there are data of: the sum of theirs.

        Args:
            data: Spectra of the elements, by arm.
            particles: The galaxy.
            mask: Where data count, by arm; all count of an arm without one, but for those that are not numbers.
        """
        elements, mask = self.noiseless(particles, data), mask or {}
        terms = [
            self.arms[name].noise.log_prob(spectra, elements[name], mask=mask.get(name))
            for name, spectra in data.items()
        ]
        return jnp.sum(jnp.stack(terms))

    def noiseless(self, particles: AbstractGalaxy, names: Iterable[str]) -> dict[str, Float[Array, "..."]]:
        """The spectra of the elements of some arms, before their noise."""
        wanted, found, emitters = [*names], {}, None
        if unknown := [name for name in wanted if name not in self.arms]:
            raise ValueError(f"Spectrograph: {unknown[0]!r} is not one of its arms {[*self.arms]}.")
        for arms in self.together(wanted):
            emitters = self.widest(arms).emitters(particles) if emitters is None else emitters
            weights = self.widest(arms).deposited(emitters)
            for name in arms:
                arm = self[name]
                own = within_margin(weights, arm)
                found[name] = arm.observe(own, arm.templates(), occupied=arm.occupied(count(emitters)))
        return found

    def together(self, names: Iterable[str] | None = None) -> list[tuple[str, ...]]:
        """Some arms, or all, those together whose weights are the same.

        They have one field of view, and a PSF that takes B-splines: one that is in the deposit has weights of its own.
        """
        alike: dict[tuple[int, str], list[str]] = {}
        for name in self.arms if names is None else names:
            arm = self.arms[name]
            own = "" if isinstance(arm.psf.spread, SplineSpread) else name
            alike.setdefault((arm.field, own), []).append(name)
        return [tuple(found) for found in alike.values()]

    def widest(self, names: Iterable[str]) -> Telescope:
        """Of arms with one field of view, that with the widest scene: particles are deposited on it."""
        return self[max(names, key=lambda name: self[name].margin)]

    def weights(self, particles: AbstractGalaxy, names: Iterable[str]) -> Float[Array, "tall wide kind"]:
        """`Telescope.weights` of arms with one field of view, on the widest of their scenes."""
        return self.widest(names).weights(particles)

    def check_reached(self, redshift: float | tuple[float, float]) -> None:
        """As `Telescope.check_reached`: that the library reaches every channel of all arms.

        Raises:
            InputError: it does not.
        """
        for name in self.arms:
            try:
                self[name].check_reached(redshift)
            except InputError as error:
                raise InputError(f"{error}{of_arm(name)}") from error

    def aligned_to(self, stars: Stars) -> "Spectrograph":
        """As `Telescope.aligned_to`: once for all arms."""
        return eqx.tree_at(lambda s: s.orientation, self, self.orientation.aligned_to(stars))

    def limited_to(self, speed: float) -> "Spectrograph":
        """As `Telescope.limited_to`."""
        return eqx.tree_at(lambda s: s.kinematics, self, self.kinematics.limited_to(speed))

    def spanning(self, stars: Stars) -> "Spectrograph":
        """As `Telescope.spanning`: once for all arms."""
        velocities = line_of_sight(self.orientation, self.target, stars)
        return dataclasses.replace(self, kinematics=self.kinematics.spanning(velocities))


def within_margin(weights: Float[Array, "_ _ kind"], telescope: Telescope) -> Float[Array, "tall wide kind"]:
    """The part of a scene that a telescope sees of one that is wider than its own on every side."""
    tall, wide = telescope.spaxels.scene_shape(telescope.margin)
    spare = (weights.shape[0] - tall) // 2
    return weights[spare : spare + tall, spare : spare + wide] if spare else weights


def same(one: Any, other: Any) -> bool:
    """That two stages are equal, in structure and numbers. On the host."""
    return one is other or bool(eqx.tree_equal(one, other))
