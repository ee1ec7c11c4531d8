"""Observables are what the literature says they are, and the influence of a particle is what moving it does."""

import dataclasses

import astropy.units as u
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import stages
from matplotlib.figure import Figure
from scipy.special import ellipe
from specutils import SpectralRegion, Spectrum
from specutils.analysis import equivalent_width

from ifux import (
    ChromaticPSF,
    EulerOrientation,
    FixedTarget,
    InputError,
    MoffatPSF,
    NoPSF,
    NoRefraction,
    Particles,
    ScreenDust,
    SquareSpaxels,
    Wavelengths,
)
from ifux.influence import (
    LICK,
    BreakStrength,
    LineIndex,
    MeanVelocity,
    SpinParameter,
    aperture,
    influence,
    offsets,
    seen_moments,
    spectrum,
)
from ifux.maps import true_maps
from ifux.plots import influence_map
from ifux.ssp import LowRankSSP

HBETA = Wavelengths(4905.0, 1.25, 80, "air")
BREAK = Wavelengths(3900.0, 2.5, 120, "air")


def observer(wavelengths=HBETA, redshift=0.02, **changes):
    """Around a line at a redshift: the library covers it with room for velocities."""
    size = round(wavelengths.size * wavelengths.step) + 120
    rest = Wavelengths(wavelengths.start / (1 + redshift) - 60, 1.0, size, "air")
    usual = {
        "wavelengths": wavelengths,
        "target": FixedTarget(redshift, 90.0),
        "ssp": LowRankSSP.from_library(stages.library(rest), 1e-2),
        "dust": ScreenDust(0.7),
    }
    return stages.telescope(**usual | changes)


measured = eqx.filter_jit(lambda observable, telescope, stars: observable(telescope, stars))


def observables(telescope):
    """One of each, of an aperture that is not in the middle."""
    small, large = aperture(telescope.spaxels, 0.7, 0.3, -0.2), aperture(telescope.spaxels, 1.7)
    return {
        "index": LineIndex(small, LICK["Hbeta"]),
        "velocity": MeanVelocity(small),
        "spin": SpinParameter(large),
    }


def test_spectrum_of_an_aperture_is_that_of_the_cube(bits):
    chromatic = ChromaticPSF(MoffatPSF(1.2, 2.8, reach=9), -0.8, 4950.0, band=(4900.0, 5010.0), terms=3)
    telescope, stars = observer(psf=chromatic if bits == 64 else NoPSF()), stages.particles()
    inside = aperture(telescope.spaxels, 0.9, 0.3)
    found = eqx.filter_jit(spectrum)(telescope, stars, inside)
    expected = (eqx.filter_jit(telescope)(stars) * inside[:, :, None]).sum(axis=(0, 1))
    assert np.allclose(found, expected, rtol=2e-5 if bits == 32 else 1e-11)


# --- indices ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("medium", ["air", "vacuum"])
@pytest.mark.parametrize("redshift", [0.0, 0.05])
def test_gaussian_line_has_its_equivalent_width(double, redshift, medium):
    """A line of known width on a sloping continuum, wherever the galaxy is and whatever the telescope counts in."""
    wavelengths = Wavelengths(4820.0 * (1 + redshift), 0.8, 110 + round(110 * redshift), medium)
    telescope = observer(wavelengths, redshift)
    centre = 4862.25 * (1 + redshift) + (1.36 if medium == "vacuum" else 0.0)
    wave, sigma, depth = wavelengths.centres(), 2.5 * (1 + redshift), 0.3
    flux = (5 + 0.004 * (wave - 4800)) * (1 - depth * np.exp(-0.5 * ((wave - centre) / sigma) ** 2))
    found = LineIndex(jnp.ones((8, 9))).measured(telescope, jnp.asarray(flux))
    # Continua end within pixels, whose flux is then counted in shares: 1e-4 of a slope of 0.4 % per pixel.
    assert float(found) == pytest.approx(depth * 2.5 * np.sqrt(2 * np.pi), rel=2e-4)


def test_index_is_the_equivalent_width_of_specutils(double):
    """On a spectrum full of lines, with bands that end on edges of pixels, since specutils counts whole ones."""
    telescope = observer(Wavelengths(4820.5, 1.0, 80, "air"), 0.0)
    bands = ((4845.0, 4875.0), (4825.0, 4844.0), (4878.0, 4895.0))
    wave = telescope.wavelengths.centres()
    stars = stages.particles()
    index = LineIndex(aperture(telescope.spaxels, 1.5), bands)
    flux = np.asarray(eqx.filter_jit(spectrum)(telescope, stars, index.aperture))
    middle, level = zip(*((np.mean(b), flux[(wave > b[0]) & (wave < b[1])].mean()) for b in bands[1:]), strict=True)
    continuum = np.interp(wave, middle, level, left=np.nan, right=np.nan)
    normalised = Spectrum(spectral_axis=wave * u.AA, flux=np.nan_to_num(flux / continuum, nan=1.0) * u.Jy)
    width = equivalent_width(normalised, regions=SpectralRegion(bands[0][0] * u.AA, bands[0][1] * u.AA))
    found = float(measured(index, telescope, stars))
    assert abs(found) > 0.1
    assert found == pytest.approx(width.to_value(u.AA), rel=1e-6)


def test_break_is_the_ratio_of_frequency_fluxes(double):
    telescope = observer(BREAK)
    wave = BREAK.centres()
    index = BreakStrength(jnp.ones((8, 9)))
    assert float(index.measured(telescope, jnp.asarray(wave**-2.0))) == pytest.approx(1)
    step = np.where(wave < 3975 * 1.02, 1.0, 1.6)
    assert float(index.measured(telescope, jnp.asarray(step * wave**-2.0))) == pytest.approx(1.6)
    # Of a constant F_lambda: the mean squared wavelengths.
    flat = (4100**3 - 4000**3) / (3950**3 - 3850**3)
    assert float(index.measured(telescope, jnp.ones(120))) == pytest.approx(flat, rel=2e-5)


def test_indices_of_lick_have_a_line_between_its_continua():
    for name, (line, blue, red) in LICK.items():
        assert blue[0] < blue[1] <= line[1] and line[0] <= red[0] < red[1], name
        assert blue[0] < line[0] < line[1] < red[1], name


# --- kinematics -------------------------------------------------------------------------------------------------------


def test_moments_without_a_psf_are_the_true_maps(double):
    telescope, stars = observer(psf=NoPSF()), stages.particles(300)
    light, velocity, square = np.moveaxis(np.asarray(eqx.filter_jit(seen_moments)(telescope, stars)), 2, 0)
    maps = eqx.filter_jit(true_maps)(telescope, stars)
    assert np.allclose(velocity / light, maps["VELOCITY"], equal_nan=True)
    assert np.allclose(np.sqrt(square / light - (velocity / light) ** 2), maps["DISPERSION"], atol=1e-3)


def test_mean_velocity_of_one_star_is_its_own(bits):
    telescope = observer(orientation=EulerOrientation())
    star = Particles([[0.1, 0.0, 0.0]], [[9.0, 9.0, 123.0]], [1e5], [3.0], [0.01])
    found = influence(MeanVelocity(aperture(telescope.spaxels, 0.9)), telescope, star)
    assert found.unit == "km/s" and float(found.value) == pytest.approx(123, rel=1e-5)
    assert np.allclose(found.derivative.velocity, [[0, 0, 1]], atol=1e-5)


def moments_of(light, velocity, dispersion):
    return jnp.stack([light, light * velocity, light * (velocity**2 + dispersion**2)], axis=-1)


@pytest.mark.parametrize("dispersion", [0.0, 50.0, 200.0])
def test_spin_of_a_rotating_disc_is_an_elliptic_integral(double, dispersion):
    r"""V cos(phi) with a dispersion everywhere: \lambda_R = V / (sqrt(V^2 + s^2) E(m)), m = V^2 / (V^2 + s^2)."""
    telescope = observer(spaxels=SquareSpaxels(0.4, (101, 101)))
    inside = aperture(telescope.spaxels, 19.0)
    east, north = offsets(telescope.spaxels)
    velocity = 150 * east / jnp.sqrt(jnp.maximum(east**2 + north**2, 1e-12))
    moments = moments_of(jnp.exp(-0.1 * jnp.hypot(east, north)), velocity, dispersion)
    found = SpinParameter(inside).measured(telescope, moments)
    total = 150**2 + dispersion**2
    assert float(found) == pytest.approx(150 / (np.sqrt(total) * ellipe(150**2 / total)), rel=2e-3)


def cold_ring_galaxy(count=4000, spin=200.0):
    """Stars on circular orbits in a plane, seen 45 degrees from the side."""
    rng = np.random.default_rng(5)
    radius, azimuth = 0.7 * np.sqrt(rng.uniform(size=count)), rng.uniform(0, 2 * np.pi, count)
    x, y = np.cos(azimuth), np.sin(azimuth)
    zero, one = np.zeros(count), np.ones(count)
    position = radius[:, None] * np.stack([x, y, zero], axis=1)
    return Particles(position, spin * np.stack([-y, x, zero], axis=1), 1e5 * one, 5 * one, 0.01 * one)


def test_spin_of_a_cold_disc_is_nearly_one():
    """What is missing is the spread of velocities within a spaxel and in the seeing: less the finer it is seen."""
    stars, spins = cold_ring_galaxy(), []
    for pitch, cells in ((0.4, 9), (0.1, 33)):
        telescope = observer(spaxels=SquareSpaxels(pitch, (cells, cells), degree=0), psf=NoPSF())
        spins.append(float(measured(SpinParameter(aperture(telescope.spaxels, 1.5)), telescope, stars)))
    assert spins == sorted(spins) and spins[-1] > 0.97


def test_spin_without_rotation_vanishes_as_the_root_of_the_number_of_stars():
    spins = []
    telescope = observer(spaxels=SquareSpaxels(0.4, (9, 9), degree=0), psf=NoPSF())
    for count in (2_000, 32_000):
        stars = stages.particles(count)
        spins.append(float(measured(SpinParameter(aperture(telescope.spaxels, 1.7)), telescope, stars)))
    assert spins[1] < 0.1
    assert spins[0] / spins[1] == pytest.approx(4, rel=0.25)


# --- influence --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["index", "velocity", "spin"])
def found(request):
    """An observable, telescope, stars and influence, in double precision."""
    with jax.enable_x64(True):
        telescope, stars = observer(), stages.particles(40, spread=0.25)
        observable = observables(telescope)[request.param]
        yield observable, telescope, stars, influence(observable, telescope, stars)


def test_value_is_that_of_the_observable(found):
    observable, telescope, stars, result = found
    assert float(result.value) == pytest.approx(float(measured(observable, telescope, stars)), rel=1e-12)
    assert result.of_removal(stars).shape == (40,)


def test_influence_is_what_moving_a_particle_does(found):
    """Every array of the three particles that matter most for it."""
    observable, telescope, stars, result = found
    steps = {"position": 1e-4, "velocity": 1e-2, "mass": 1.0, "age": 1e-5, "metallicity": 1e-7}
    for name, step in steps.items():
        values, exact = np.asarray(getattr(stars, name)), np.asarray(getattr(result.derivative, name))
        for flat in np.argsort(-np.abs(exact).reshape(-1))[:3]:
            entry = np.unravel_index(flat, exact.shape)
            ends = []
            for sign in (1, -1):
                changed = values.copy()
                changed[entry] += sign * step
                ends.append(float(measured(observable, telescope, dataclasses.replace(stars, **{name: changed}))))
            assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(exact[entry], rel=2e-5), f"{name}{entry}"


def test_fibres_have_influence_as_spaxels_have(double):
    """An index and a velocity of an aperture of the cube that they make, and what the heaviest particle does to it."""
    plane = stages.fibres(refraction=NoRefraction())
    telescope, stars = observer(focal_plane=plane), stages.particles(30, spread=0.25)
    small = aperture(telescope.spaxels, 0.7, 0.3, -0.2)
    cube = np.asarray(eqx.filter_jit(lambda telescope, stars: telescope(stars))(telescope, stars))
    light = eqx.filter_jit(spectrum)(telescope, stars, small)
    assert np.allclose(light, np.nansum(cube * np.asarray(small)[..., None], axis=(0, 1)), rtol=1e-12)
    for observable in (LineIndex(small, LICK["Hbeta"]), MeanVelocity(small)):
        result = influence(observable, telescope, stars)
        heaviest = int(np.argmax(np.abs(result.of_removal(stars))))
        ends = [
            measured(observable, telescope, dataclasses.replace(stars, mass=stars.mass.at[heaviest].add(sign)))
            for sign in (1.0, -1.0)
        ]
        assert float(ends[0] - ends[1]) / 2 == pytest.approx(float(result.derivative.mass[heaviest]), rel=1e-5)
        assert abs(float(result.of_removal(stars).sum())) < 1e-9 * float(jnp.abs(result.of_removal(stars)).sum())


def test_taking_a_particle_away_changes_what_its_influence_adds_up_to(found):
    """The change of the observable is the integral of the influence over the mass that is taken away.

    Of the spin parameter only a tenth is taken: in more, the velocity of a spaxel changes its sign, and |V| has a kink.
    """
    observable, telescope, stars, result = found
    star = int(np.argmax(np.abs(result.of_removal(stars))))
    nodes, shares = np.polynomial.legendre.leggauss(6)
    mass, end = np.asarray(stars.mass), 0.9 if isinstance(observable, SpinParameter) else 0.0

    def left(share):
        return dataclasses.replace(stars, mass=np.where(np.arange(40) == star, share * mass, mass))

    places = end + (1 - end) * (1 + nodes) / 2
    slopes = [float(influence(observable, telescope, left(place)).derivative.mass[star]) for place in places]
    change = float(measured(observable, telescope, left(end))) - float(result.value)
    assert change == pytest.approx(-mass[star] * (1 - end) * np.sum(shares / 2 * slopes), rel=1e-4)
    assert np.sign(change) == np.sign(result.of_removal(stars)[star])


def test_scaling_all_masses_changes_nothing(found):
    _, _, stars, result = found
    parts = np.asarray(result.of_removal(stars))
    assert abs(parts.sum()) < 1e-9 * np.abs(parts).sum()


def test_moving_all_stars_along_the_line_of_sight_moves_the_mean_velocity_by_as_much():
    telescope, stars = observer(), stages.particles(40, spread=0.25)
    result = influence(observables(telescope)["velocity"], telescope, stars)
    toward = np.asarray(result.derivative.velocity @ telescope.orientation.rotation()[2])
    assert toward.sum() == pytest.approx(1, rel=1e-4) and toward.min() > -1e-6


def test_stars_out_of_reach_have_no_influence():
    telescope, stars = observer(), stages.particles(40, spread=0.25)
    far = np.asarray(stars.position).copy()
    far[0] = [0.0, 9.0, 0.0]
    result = influence(observables(telescope)["index"], telescope, dataclasses.replace(stars, position=far))
    assert float(jnp.abs(result.derivative.mass[0])) == 0
    assert np.all(np.asarray(result.derivative.position[0]) == 0)


def test_what_the_telescope_does_not_show_is_an_error():
    telescope = observer()
    everything = jnp.ones((8, 9))
    with pytest.raises(InputError, match=r"LineIndex: its bands lie at 52\d\d\.\d to 53\d\d\.\d angstrom at"):
        influence(LineIndex(everything, LICK["Mgb"]), telescope, stages.particles(8))
    with pytest.raises(InputError, match=r"BreakStrength: its bands"):
        influence(BreakStrength(everything), telescope, stages.particles(8))
    with pytest.raises(InputError, match=r"aperture has \(3, 3\) spaxels"):
        influence(SpinParameter(jnp.ones((3, 3))), telescope, stages.particles(8))
    with pytest.raises(InputError, match="no spaxel lies within"):
        aperture(telescope.spaxels, 0.1, 30.0)
    dark = dataclasses.replace(stages.particles(8), mass=np.zeros(8))
    with pytest.raises(InputError, match="MeanVelocity is nan: no light"):
        influence(MeanVelocity(everything), telescope, dark)


def test_picture_shows_the_strongest_last_and_east_to_the_left():
    figure = Figure()
    axes = figure.add_subplot()
    sky, values = np.arange(8.0).reshape(4, 2), np.array([0.0, -3.0, 1.0, 0.5])
    artist = influence_map(axes, sky, values, label="d EW / d mass", limit=2.0)
    assert np.array_equal(artist.get_array(), [0.5, 1.0, -3.0])
    assert artist.get_clim() == (-2, 2) and axes.xaxis_inverted() and len(figure.axes) == 2
    assert influence_map(axes, sky, np.zeros(4)).get_array().size == 0
