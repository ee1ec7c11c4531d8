"""Gradients of the whole chain against finite differences: shared by the tests and `benchmarks/gradients.py`.

The scalar is what a fit would use: the log-likelihood of data that are a fifth dimmer than the model where there is
noise, else a random projection of the elements; where a cube is made of them, a random projection of it is added.
Differences are central, with two steps and Richardson's extrapolation of them; what they cannot know is the rounding of
the scalar over the step.
"""

import re
from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import stages

from ifux import (
    LINES,
    Aperture,
    Drizzle,
    EmissionLines,
    FibreBundle,
    FieldLSF,
    GridSSP,
    LowRankSSP,
    NoNoise,
    NuclearLines,
    Observation,
    Particles,
    PointSource,
    PowerLaw,
    ScreenDust,
    StarFormingEmission,
    VelocityChannels,
    Wavelengths,
    config,
)
from ifux.galaxies import DiscBulge, StarsAndGas
from ifux.typing import real

CONSTANT = ("axes", "uniform", "normal")
"""Leaves whose gradient is stopped on purpose."""

ANGLES = ("inclination", "azimuth", "position_angle", "orientation.alpha", "orientation.beta", "orientation.gamma")
RELATIVE = {"redshift": 0, "temperature": 8e-3, "psf.beta": 2e-3, "refraction.reference": 1e-4, "efficiency": 1e-5}
"""Steps as a share of the value where a thousandth of it is too small or too large to differentiate well."""


# --- variants ---------------------------------------------------------------------------------------------------------


APART = {"AbstractNoise": ("recorded",)}
"""Members that stand in a variant of their own."""


def dealt() -> dict[str, dict[str, str]]:
    """Which members of their families stand in a few telescopes: each of them at least once, dealt like cards."""
    families = {
        base: [name for name in members if name not in (*stages.CUBES.get(base, ()), *APART.get(base, ()))]
        for base, members in stages.FAMILIES.items()
    }
    rng, count = np.random.default_rng(2), max(len(family) for family in families.values())
    hands = {base: rng.permutation(np.resize(family, count)) for base, family in families.items()}
    return {f"members {i + 1}": {base: str(hand[i]) for base, hand in hands.items()} for i in range(count)}


def family(base: str) -> str:
    """The field of a telescope that holds a stage of a base class."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", base.removeprefix("Abstract")).lower()


def members(hand: dict[str, str]) -> Observation:
    """A small telescope of some members of the families, before stars that stand away from every kink."""
    made = {base: stages.FAMILIES[base][name] for base, name in hand.items() if base not in stages.INSIDE}
    built = {family(base): make() for base, make in made.items()}
    if isinstance(built["lsf"], FieldLSF):
        shape = built["focal_plane"].element_shape(built["spaxels"].scene)
        built["lsf"] = made["AbstractLSF"](shape)
    telescope = stages.telescope(**built)
    return Observation(telescope, generic(telescope))


PRESETS = [
    "califa-v1200-cube", "califa-v500-cube", "manga-cube", "muse-nfm", "muse-wfm", "sami-blue-cube", "sami-red-cube",
]  # fmt: skip
"""Of seeing, widths and channels that differ most; the stages of the others stand in the hands that are dealt."""
REACH = 13
"""Of the kernel of an instrument's PSF at most [cell]: what lies further out is differentiated in the same way."""


def preset(name: str) -> Observation:
    """An instrument with its own stages, cut to 9 x 8 spaxels, 120 channels and REACH, and a library that suits it."""
    given = {"instrument": name, "target": {"kind": "fixed", "redshift": stages.REDSHIFT, "distance": 90.0}}
    given |= {"orientation": {"kind": "inclined", "inclination": 50.0, "position_angle": 30.0}}
    whole = config.resolved({"galaxy": {"kind": "disc-bulge"}, "library": {"kind": "embedded"}, "telescope": given})[
        "telescope"
    ]
    whole["spaxels"]["size"] = [9, 8]
    whole["wavelengths"]["size"] = 120
    whole["psf"]["reach"] = min(whole["psf"]["reach"], REACH)
    parts, observed = config.parts(whole)
    step = 0.8 * observed.step
    start = observed.start / (1 + stages.REDSHIFT) - 70 * step
    rest = Wavelengths(start, step, 290, observed.medium)
    library = stages.library(rest, fwhm=0.75 * float(parts["lsf"].width(real(observed.centres())).min()))
    telescope = stages.telescope(**parts, wavelengths=observed, ssp=LowRankSSP.from_library(library, 1e-2))
    return Observation(telescope, generic(telescope))


def mixtures(own: bool) -> Observation:
    """A library with [alpha/Fe] and slopes of the IMF; particles with an [alpha/Fe] of their own, or without."""
    plain = stages.library()
    alpha, slope = np.array([-0.2, 0.1, 0.4]), np.array([0.8, 1.3, 1.8])
    bend = 1 + 0.05 * np.sin(plain.wavelength / 9) * alpha[:, None, None, None] + 0.1 * alpha[:, None, None, None] ** 2
    flux = plain.flux * bend
    flux = np.stack([flux * (1 - 0.1 * (s - 1.3) + 0.05 * (s - 1.3) ** 2) for s in slope])
    library = replace(plain, flux=flux, alpha=alpha, imf_slope=slope)
    kind = GridSSP if own else LowRankSSP
    telescope = stages.telescope(ssp=kind.from_library(library, alpha=0.17, imf_slope=1.1), dust=ScreenDust(0.7))
    stars = generic(telescope)
    if own:
        stars = replace(stars, alpha=real(np.random.default_rng(8).uniform(-0.15, 0.05, stars.count)))
    return Observation(telescope, stars)


def parametric() -> Observation:
    """A disc and bulge in place of particles: the chain begins with its parameters."""
    galaxy = DiscBulge.sample(40, key=jax.random.key(6), disc_scale=0.3, disc_height=0.1, bulge_scale=0.1)
    telescope = stages.telescope(ssp=LowRankSSP.from_library(stages.library(), 1e-2), dust=ScreenDust(0.7))
    return Observation(telescope, galaxy)


def finished() -> Observation:
    """The members that stand before a finished cube, before cells with mixtures of their own."""
    plain = stages.telescope()
    made = {family(base): make() for base, members in stages.CUBES.items() for make in members.values()}
    cells = generic(plain)
    mixture = np.random.default_rng(9).uniform(0.5, 1.5, (cells.count, made["ssp"].size))
    cells = replace(cells, velocity=jnp.zeros_like(cells.velocity), mixture=real(mixture))
    return Observation(replace(plain, **made), cells)


def shining() -> Observation:
    """Lines of gas and an active nucleus beside the stars, and noise as a file states it."""
    lines = EmissionLines(StarFormingEmission(lines=("Hbeta", "[O III] 5007")), VelocityChannels(400.0, 50.0))
    nucleus = PointSource(
        (0.03, -0.02, 0.01),
        velocity=70.0,
        continuum=PowerLaw(1e5),
        lines=NuclearLines((LINES["Hbeta"].wavelength,), (3e6,), (900.0,), (-120.0,)),
    )
    library = stages.library(Wavelengths(4760.0, 1.0, 340, "air"))
    telescope = stages.telescope(
        wavelengths=Wavelengths(4945.0, 1.5, stages.OBSERVED.size, "air"),
        ssp=LowRankSSP.from_library(library, 1e-2),
        dust=ScreenDust(0.7),
        noise=stages.NOISES["recorded"](),
        sources=(lines, nucleus),
    )
    return Observation(telescope, StarsAndGas(generic(telescope), stages.gas(20, spread=0.2)))


VARIANTS = {
    **{name: lambda hand=hand: members(hand) for name, hand in dealt().items()},
    **{name: lambda name=name: preset(name) for name in PRESETS},
    "mixtures, particles": lambda: mixtures(True),
    "mixtures, stage": lambda: mixtures(False),
    "disc and bulge": parametric,
    "finished cube": finished,
    "gas and a nucleus": shining,
}
"""Every member of every family, every instrument, every galaxy."""


def generic(telescope, count=24, outside=2, seed=3):
    """Stars that stand away from every kink: nodes and half-way between them in place, velocity, age, metallicity."""
    rng = np.random.default_rng(seed)

    def between(low, high, size=count):
        fraction = rng.uniform(0.1, 0.4, size) + 0.5 * rng.integers(0, 2, size)
        return rng.integers(low, high, size) + fraction

    spaxels = telescope.spaxels
    wide, tall = spaxels.size
    x, y = between(0, wide - 1), between(0, tall - 1)
    # Some that stand off the field, within reach of the PSF.
    x[:outside] -= wide - 1
    angle, sides, centre = (
        np.radians(float(spaxels.position_angle)),
        np.asarray(spaxels.sides),
        np.asarray(spaxels.centre),
    )
    right, up = (x - 0.5 * (wide - 1)) * sides[0], (y - 0.5 * (tall - 1)) * sides[1]
    east, north = up * np.sin(angle) - right * np.cos(angle), up * np.cos(angle) + right * np.sin(angle)
    away = 6 * sides[0] * rng.normal(size=count)
    place = np.stack([east + centre[0], north + centre[1], away], axis=1) / scale(telescope)
    motion = np.stack([*rng.normal(size=(2, count)) * 100, between(-6, 6) * telescope.kinematics.spacing], axis=1)

    def on_grid(nodes):
        nodes = np.log(np.asarray(nodes, np.float64))
        return np.exp(np.interp(between(0, nodes.size - 1), np.arange(nodes.size), nodes))

    age, metallicity = on_grid(telescope.ssp.age), on_grid(telescope.ssp.metallicity)
    age[-1], metallicity[-2] = 20.0, 1e-5
    rotation = np.asarray(telescope.orientation.rotation(), np.float64)
    return Particles(place @ rotation, motion @ rotation, 10 ** rng.normal(5, 0.2, count), age, metallicity)


def scale(telescope) -> float:
    """[arcsec/kpc]."""
    return float(telescope.target.arcsec_per_kpc())


# --- the scalar -------------------------------------------------------------------------------------------------------


def scalar(observation, data, projections):
    """The scalar; how large the numbers are that it is a sum of, the elements and their variance."""
    telescope, (of_elements, of_cube) = observation.telescope, projections
    elements, noise = telescope.expose(observation.galaxy), telescope.noise
    if isinstance(noise, NoNoise):
        found, size = projected(of_elements, elements)
        variance = jnp.zeros_like(elements)
    else:
        variance = jax.lax.stop_gradient(noise.variance(elements))
        found = noise.log_prob(data, elements)
        size = jnp.sum(((data - elements) ** 2 + jnp.abs(elements * (data - elements))) / variance)
    if not telescope.focal_plane.of_spaxels:
        added, more = projected(of_cube, telescope.rebuild(elements))
        found, size = found + added, size + more
    return found, (size, elements, variance)


def projected(projection, values):
    """The sum of what is a number, with factors; and that of the absolute values."""
    values = jnp.where(jnp.isnan(values), 0, values)
    return jnp.vdot(projection, values), jnp.vdot(jnp.abs(projection), jnp.abs(values))


def graded(observation, data, projections):
    """The gradient of the scalar, and how large the numbers are that it is a sum of."""
    gradient, (size, _, _) = eqx.filter_grad(scalar, has_aux=True)(observation, data, projections)
    return gradient, size


UNOPTIMISED = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
"""How the reference is compiled, where single precision may be compiled as users do."""

value = eqx.filter_jit(scalar)
slope = eqx.filter_jit(graded, compiler_options=UNOPTIMISED)
slope_in_single = eqx.filter_jit(graded)


def setting(observation, seed=4):
    """Data, where there is noise, and projections of the elements and of the cube."""
    rng, telescope = np.random.default_rng(seed), observation.telescope
    channels, plane = telescope.wavelengths.size, telescope.focal_plane
    of_cube = real(rng.normal(size=(*telescope.spaxels.shape, channels)))
    of_elements = of_cube
    if not plane.of_spaxels:
        of_elements = real(rng.normal(size=(*plane.element_shape(telescope.spaxels.scene), channels)))
    projections = of_elements, of_cube
    if isinstance(telescope.noise, NoNoise):
        return None, projections
    _, (_, elements, variance) = value(observation, jnp.zeros_like(of_elements), projections)
    return 0.8 * elements + jnp.sqrt(variance) * of_elements, projections


def single(tree):
    """The same tree in single precision."""
    return jax.tree.map(
        lambda leaf: jnp.asarray(np.asarray(leaf, np.float32)) if eqx.is_inexact_array(leaf) else leaf, tree
    )


# --- leaves -----------------------------------------------------------------------------------------------------------


def named(tree):
    """Leaves by name: `telescope.psf.fwhm`."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def moved(tree, name, step):
    """The tree with an array added to one leaf."""

    def change(path, leaf):
        if jax.tree_util.keystr(path, simple=True, separator=".") != name:
            return leaf
        return jnp.asarray(np.asarray(leaf) + step)

    return jax.tree_util.tree_map_with_path(change, tree)


def small(observation, name, leaf):
    """Steps for every number of a leaf that are small against what the cube is smooth over.

    The slopes of areas that are shared with spaxels have kinks, wherever a corner of the one meets a side of the other.
    """
    kinked = shares_areas(observation.telescope.focal_plane) and name.endswith(OF_AREAS)
    return (0.1 if kinked else 1.0) * smooth(observation, name, leaf)


OF_AREAS = (
    *("pitch", "sides", "positions", "dithers", "focal_plane.centre", "drop"),
    *("diameter", "major", "minor", "across", "width", "height", "footprint.angle"),
)


def smooth(observation, name, leaf):
    """The same, of what has no kinks."""
    telescope, last = observation.telescope, name.split(".")[-1]
    pitch = float(telescope.spaxels.sides.min())
    if name.endswith(ANGLES):
        return np.full(leaf.shape, 0.02)
    absolute = {
        "position": 6e-3 * pitch / scale(telescope),
        "velocity": 1e-2 * telescope.kinematics.spacing,
        "pitch": 1.2e-3 * pitch,
        "centre": 5e-3 * pitch,
        # A five-hundredth of a pixel of the library, in which a narrow channel sees the knots of its spline.
        "redshift": 2e-3 * telescope.ssp.rest.step / telescope.ssp.rest.start,
        "alpha": 1e-3,
        "alpha_nodes": 1e-3,
        "slope": 1e-3,
        "flux": 3e-3 * np.abs(leaf).max(),
        "table": 3e-3 * np.abs(leaf).max(),
        "basis": 3e-3 * np.abs(leaf).max(),
        "neutrino_mass": 1e-2,
    }
    if last in absolute:
        return np.full(leaf.shape, absolute[last])
    share = next((share for end, share in RELATIVE.items() if name.endswith(end)), 1e-3)
    return share * np.abs(leaf)


def shares_areas(plane) -> bool:
    """Whether a cube is made with the areas that footprints share with spaxels."""
    drops = isinstance(plane, FibreBundle) and isinstance(plane.reconstruction, Drizzle)
    return drops or isinstance(plane, Aperture)


# --- comparison -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """A directional derivative in double precision beside the differences."""

    name: str
    direction: str
    """The number of the leaf that was moved, or all of them at once."""
    exact: float
    wide: float
    narrow: float
    rounding: float
    """What the differences cannot know."""
    norm: float
    """What an error is relative to: the derivative; in a random direction, where it may vanish, its usual size."""

    @property
    def extrapolated(self) -> float:
        """Richardson's."""
        return (4 * self.narrow - self.wide) / 3

    @property
    def error(self) -> float:
        """Relative; to what the differences know, where the derivative is less: it may vanish but for rounding."""
        difference = abs(self.extrapolated - self.exact)
        return difference / max(self.norm, 1e6 * self.rounding) if difference else 0.0

    @property
    def agrees(self) -> bool:
        """Within a millionth, and the better the smaller the step."""
        wide, narrow = abs(self.wide - self.exact), abs(self.narrow - self.exact)
        converges = narrow <= 0.3 * wide + 1e-9 * self.norm + self.rounding
        return converges and abs(self.extrapolated - self.exact) <= 1e-6 * self.norm + self.rounding


def directions(leaf, steps, exact, rng, alone):
    """Of a leaf so many numbers that matter most, one at a time, and all at once."""
    sizes = np.abs(exact * steps).reshape(-1)
    for flat in np.argsort(-sizes)[:alone]:
        one = np.zeros(leaf.size)
        one[flat] = steps.reshape(-1)[flat]
        place = [int(i) for i in np.unravel_index(flat, leaf.shape)]
        yield str(place), one.reshape(leaf.shape), sizes[flat]
    if leaf.size > alone:
        yield "all", steps * rng.normal(size=leaf.shape), np.linalg.norm(sizes)


def compared(observation, alone=3) -> list[Comparison]:
    """Every leaf beside its differences, derivatives counted in steps. Those that are stopped on purpose are zero.

    So many numbers of a leaf stand alone; in a random direction all of them count.
    """
    data, projections = setting(observation)
    gradient, size = slope(observation, data, projections)
    gradients, rounding = named(gradient), 10 * np.finfo(np.float64).eps * float(size)
    rng, found = np.random.default_rng(9), []
    for name, leaf in named(observation).items():
        leaf, exact = np.asarray(leaf), np.asarray(gradients[name])
        assert np.all(np.isfinite(exact)), name
        if name.endswith(CONSTANT):
            assert np.all(exact == 0), name
            continue
        steps = np.broadcast_to(small(observation, name, leaf), leaf.shape)
        for words, direction, norm in directions(leaf, steps, exact, rng, alone):
            wide, narrow = (
                sum(sign * float(value(moved(observation, name, sign * h * direction), data, projections)[0])
                    for sign in (1, -1)) / (2 * h)
                for h in (1.0, 0.5)
            )  # fmt: skip
            found.append(Comparison(name, words, float(np.sum(exact * direction)), wide, narrow, rounding, float(norm)))
    return found


def in_single(observation, scalars=4) -> dict[str, float]:
    """Largest error of every leaf's gradient in single precision, over its largest number in double precision.

    Of several scalars at once: the derivative of one of them by a single number may vanish by chance. What vanishes in
    all of them, but for rounding, as a turn of the field does behind a round PSF where stars have no slope, is compared
    with the numbers that the scalar is a sum of.
    """
    exact, found, sizes = [], [], []
    for seed in range(scalars):
        data, projections = setting(observation, seed)
        gradient, size = slope(observation, data, projections)
        exact.append(named(gradient))
        sizes.append(float(size))
        with jax.enable_x64(False):
            found.append(named(slope_in_single(single(observation), single(data), single(projections))[0]))
    errors = {}
    for name in exact[0]:
        truth, rough = (np.stack([np.asarray(leaves[name], np.float64) for leaves in ones]) for ones in (exact, found))
        assert all(leaves[name].dtype == jnp.float32 for leaves in found), name
        error = np.abs(rough - truth).max()
        largest = np.abs(truth).max()
        errors[name] = float(error / (largest if largest > 1e-12 * max(sizes) else max(sizes))) if error else 0.0
    return errors
