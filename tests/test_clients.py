"""A cube of ifux in the hands of the programs that astronomers use: they find in it what was put in."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from scipy.interpolate import CubicSpline
from scipy.stats import norm

import ifux
from ifux import (
    EulerOrientation,
    FixedTarget,
    GaussianLSF,
    GaussianPSF,
    GridSSP,
    InclinedOrientation,
    LogWavelengths,
    NoDust,
    Particles,
    Slicer,
    SquareSpaxels,
    TargetSNRNoise,
    Telescope,
    VelocityChannels,
    Wavelengths,
    cli,
)
from ifux.galaxies import DiscBulge
from ifux.grids import to_vacuum
from ifux.io import embedded_library, read_ssp
from ifux.io.files.cube import Cube, read_configuration, read_cube, write_cube
from ifux.maps import UNITS, true_maps

LIGHT = 299792.458
FLUX = u.erg / u.s / u.cm**2 / u.AA

# the FITS standard discourages units with two slashes, and the MUSE pipeline writes them
two_slashes = pytest.mark.filterwarnings("ignore:.*contains multiple slashes:astropy.units.UnitsWarning")
# spectral_cube 0.7 still imports a constant that astropy 8 is about to drop
copy_if_needed = pytest.mark.filterwarnings(
    "ignore:COPY_IF_NEEDED:astropy.utils.exceptions.AstropyPendingDeprecationWarning"
)


def clients_agree(path, wavelengths, pitch):
    """Every client opens the file and finds its numbers, wavelengths, pitch and unit."""
    pytest.importorskip("mpdaf")
    pytest.importorskip("spectral_cube")
    pytest.importorskip("specutils")
    from mpdaf.obj import Cube as MpdafCube
    from spectral_cube import SpectralCube
    from specutils import Spectrum

    flux = fits.getdata(path, "DATA")
    centres = wavelengths.centres()

    wcs = WCS(fits.getheader(path, "DATA"))
    form = "-LOG" if isinstance(wavelengths, LogWavelengths) else ""
    assert wcs.wcs.ctype[2] == {"air": "AWAV", "vacuum": "WAVE"}[wavelengths.medium] + form
    sky = wcs.celestial.proj_plane_pixel_scales()
    assert [scale.to_value(u.arcsec) for scale in sky] == pytest.approx([pitch, pitch])
    metres = wcs.wcs_pix2world([[0, 0, 0], [0, 0, centres.size - 1]], 0)[:, 2]
    assert metres * 1e10 == pytest.approx(centres[[0, -1]], rel=1e-10)

    cube = MpdafCube(str(path))
    assert np.array_equal(cube.data.data, flux) and cube.wave.get_ctype() == wcs.wcs.ctype[2]
    with fits.open(path) as file:
        noisy = "STAT" in file
    assert cube.wave.coord(unit=u.AA) == pytest.approx(centres, rel=1e-10)
    assert cube.get_step(unit_wcs=u.arcsec)[1:] == pytest.approx([pitch, pitch])
    assert cube.unit.to(FLUX) == pytest.approx(1e-20)

    cube = SpectralCube.read(str(path), hdu=1)
    assert np.array_equal(cube.unmasked_data[:].value, flux)
    assert cube.spectral_axis.to_value(u.AA) == pytest.approx(centres, rel=1e-10)
    assert cube.unit.to(FLUX) == pytest.approx(1e-20)

    uncertainty = {"uncertainty_hdu": "STAT", "uncertainty_type": "var"} if noisy else {}
    spectrum = Spectrum.read(str(path), format="wcs1d-fits", hdu="DATA", **uncertainty)
    assert np.array_equal(spectrum.flux.value, flux)
    assert spectrum.spectral_axis.to_value(u.AA) == pytest.approx(centres, rel=1e-10)
    assert spectrum.flux.unit.to(FLUX) == pytest.approx(1e-20)


def receding_direction(path):
    """Position angle of the gradient of the velocity map, by the sky coordinates of its own header [degree]."""
    with fits.open(path) as file:
        velocity, mass = file["VELOCITY"].data, file["MASS"].data
        y, x = np.indices(velocity.shape)
        ra, dec = WCS(file["VELOCITY"].header).celestial.wcs_pix2world(x.ravel(), y.ravel(), 0)
    east = ((ra - ra.mean()) * np.cos(np.radians(dec.mean()))).reshape(velocity.shape)
    north = (dec - dec.mean()).reshape(velocity.shape)
    weight = np.nan_to_num(velocity) * mass
    return np.degrees(np.arctan2(np.sum(east * weight), np.sum(north * weight)))


def as_cube(telescope, stars, flux, variance):
    """What `ifux observe` would write."""

    maps = {
        name: (np.asarray(image), *UNITS[name]) for name, image in eqx.filter_jit(true_maps)(telescope, stars).items()
    }
    wave = (2, 0, 1)
    return Cube(
        flux=np.asarray(flux).transpose(wave),
        wavelengths=telescope.wavelengths,
        pitch=(float(telescope.spaxels.pitch),) * 2,
        variance=np.asarray(variance).transpose(wave),
        maps=maps,
        resolution=np.asarray(telescope.resolution(), np.float64),
    )


# pPXF

REDSHIFT = 0.03
"""At which the MILES library, 2.51 angstrom at rest, is just finer than MUSE."""
WIDTH = 2.65
"""Resolution of the telescope, full width at half maximum [angstrom]."""
START, STEP, CHANNELS = 4900.0, 1.25, 760


def library_named(name, data):
    """One of the two libraries that a galaxy is made of, and fitted with."""
    return embedded_library() if name == "embedded" else read_ssp(data("miles_ssp.h5"))


def few_of(library):
    """Old populations of a library, of high metallicity."""
    rich, old = np.flatnonzero(library.metallicity > 0.009)[:3], np.flatnonzero(library.age > 2)[::4]
    flux = library.flux[np.ix_(rich, old)]
    return replace(library, metallicity=library.metallicity[rich], age=library.age[old], flux=flux)


def telescope_for(library, orientation, spaxels, psf, noise):
    """Part of MUSE, from H beta to Fe 5782, and a library that covers it."""
    library, wavelengths = library.matched(Wavelengths(START, STEP, CHANNELS, "air"), REDSHIFT, 900.0)
    return Telescope(
        wavelengths=wavelengths,
        target=FixedTarget(REDSHIFT, 131.0),
        orientation=orientation,
        spaxels=spaxels,
        kinematics=VelocityChannels(),
        ssp=GridSSP.from_library(library),
        dust=NoDust(),
        psf=psf,
        focal_plane=Slicer(),
        lsf=GaussianLSF(WIDTH),
        noise=noise,
    )


@dataclass
class Fitter:
    """pPXF with templates of the library that the galaxy was made of, at the resolution that the file states.

    Everything is in vacuum and at rest, where velocities need no correction. Channels that are not even in the
    logarithm are interpolated to it; pPXF averages its templates over pixels.
    """

    library: object
    redshift: float
    path: Path

    def __post_init__(self):
        from ppxf.ppxf_util import varsmooth

        with fits.open(self.path) as file:
            header, size, width = file["DATA"].header, file["DATA"].shape[0], file["LSF"].data
            pixels = np.stack([np.ones(size), np.ones(size), 1 + np.arange(size)], 1)
            wave = 1e10 * WCS(header).wcs_pix2world(pixels, 1)[:, 2]
        wave = to_vacuum(wave) if header["CTYPE3"].startswith("AWAV") else wave
        self.wave = wave / (1 + self.redshift)
        self.ln_wave = np.linspace(np.log(self.wave[0]), np.log(self.wave[-1]), size)
        self.scale, self.ratio = LIGHT * np.diff(self.ln_wave)[0], 8
        library = self.library
        rest = to_vacuum(library.wavelength) if library.medium == "air" else library.wavelength
        near = (rest > self.wave[0] * 0.985) & (rest < self.wave[-1] * 1.015)
        old = np.flatnonzero((library.age > 2) & (library.age < 13.8))
        old = old[:: max(1, old.size // 6)]
        rich = np.flatnonzero(library.metallicity > 0.004)
        spectra = library.flux[np.ix_(rich, old)].reshape(-1, rest.size)[:, near]
        self.ln_rest = np.arange(*np.log(rest[near][[0, -1]]), self.scale / LIGHT / self.ratio)
        fine = CubicSpline(np.log(rest[near]), spectra, axis=1)(self.ln_rest)
        # what the telescope adds to the library, in pixels of the templates
        there, own = (
            np.interp(np.exp(self.ln_rest), self.wave, width),
            np.interp(self.ln_rest, np.log(rest), library.fwhm),
        )
        added = np.sqrt((there / (1 + self.redshift)) ** 2 - own**2) / np.sqrt(8 * np.log(2))
        added = added / np.exp(self.ln_rest) * LIGHT / (self.scale / self.ratio)
        templates = varsmooth(place := np.arange(self.ln_rest.size), fine.T, added, place)
        self.templates = templates / np.median(templates, axis=0)

    def __call__(self, spectrum, noise):
        """Velocity c ln(1 + v/c) and dispersion [km/s]."""
        from ppxf.ppxf import ppxf

        galaxy = CubicSpline(np.log(self.wave), spectrum)(self.ln_wave)
        level = np.median(galaxy)
        fit = ppxf(
            self.templates, galaxy / level, np.full_like(galaxy, noise / level), self.scale, [0.0, 100.0], moments=2,
            degree=6, lam=np.exp(self.ln_wave), lam_temp=np.exp(self.ln_rest), velscale_ratio=self.ratio, quiet=True,
        )  # fmt: skip
        return fit.sol


def smeared_moments(telescope, stars):
    """Light-weighted mean velocity and dispersion in each spaxel, seen through the same PSF [km/s]."""
    sums = np.asarray(smeared_sums(telescope, stars), np.float64)
    velocity = sums[..., 1] / sums[..., 0]
    return sums[..., 0], velocity, np.sqrt(sums[..., 2] / sums[..., 0] - velocity**2)


@eqx.filter_jit
def smeared_sums(telescope, stars):
    """Light in each spaxel, times the first powers of velocity."""
    seen, margin = telescope.project(stars), telescope.psf.margin
    light = telescope.ssp.luminosity(seen)
    rows = jnp.stack([light, light * seen.velocity, light * seen.velocity**2], axis=1)
    maps = telescope.spaxels.locate(seen, margin).scatter(rows).reshape(*telescope.spaxels.scene_shape(margin), 3)
    return telescope.psf.blur(maps, telescope.spaxels.scene)[0]


@eqx.filter_jit
def exposure(telescope, stars, key):
    """A cube with noise, and its variance."""
    noiseless = telescope(stars)
    return telescope.noise.sample(noiseless, key=key), telescope.noise.variance(noiseless)


libraries = pytest.mark.parametrize("name", ["embedded", "miles"])

VACUUM = {"medium": "vacuum"}
SEEN_BY = {
    "muse-wfm": (0.03, {"start": 4900.15, "step": 1.25, "size": 760, "medium": "air"}),
    "manga-cube": (0.03, {"start": 4900.0, "step": 1.0, "size": 950, **VACUUM}),
    "manga-log-cube": (0.02, {"kind": "log", "start": 4900.0, "step": 1e-4 * np.log(10), "size": 800, **VACUUM}),
    "nirspec-ifu-g140m-f100lp": (1.7, {"start": 12502.0, "step": 6.0, "size": 550, **VACUUM}),
}
"""Redshift, and a part of the channels of each instrument: from H beta to Fe 5782, in all of them; NIRSpec's with R of
900 to 1200."""


@two_slashes
@copy_if_needed
@pytest.mark.parametrize(
    ("instrument", "name"),
    [
        ("muse-wfm", "embedded"),
        ("manga-log-cube", "embedded"),
        ("nirspec-ifu-g140m-f100lp", "embedded"),
        pytest.param("manga-cube", "miles", marks=pytest.mark.slow),
        pytest.param("muse-wfm", "miles", marks=pytest.mark.slow),
        pytest.param("nirspec-ifu-g140m-f100lp", "miles", marks=pytest.mark.slow),
    ],
)
def test_ppxf_recovers_normal_velocities_from_the_file_of_an_instrument(data, tmp_path, instrument, name):
    """One cloud a spaxel, its velocities exactly normal, no PSF: to 0.3 km/s, and so are dispersions.

    To 2 km/s where the channels are even in wavelength: interpolating them for the fit blurs them, and one of NIRSpec
    is up to 144 km/s wide.
    """
    pytest.importorskip("ppxf")
    library, (redshift, wavelengths) = few_of(library_named(name, data)), SEEN_BY[instrument]
    truth = [(-300.0, 80.0), (-40.0, 120.0), (0.0, 100.0), (150.0, 200.0), (350.0, 60.0)]
    quantiles = norm.ppf((np.arange(400) + 0.5) / 400)
    velocity = np.concatenate([mean + spread * quantiles for mean, spread in truth])
    telescope = ifux.instrument(
        instrument, redshift=redshift, library=library, wavelengths=wavelengths, orientation=EulerOrientation(),
        spaxels={"size": [len(truth), 1], "degree": 0}, psf={"kind": "none"}, ssp={"kind": "grid"},
    )  # fmt: skip
    # x grows to the west
    side = telescope.spaxels.known_sides[0] / float(telescope.target.arcsec_per_kpc())
    east = np.repeat(np.arange(len(truth))[::-1] - (len(truth) - 1) / 2, 400) * side
    ones, zero = np.ones(velocity.size), np.zeros(velocity.size)
    stars = Particles(
        np.stack([east, zero, zero], 1), np.stack([zero, zero, velocity], 1), 1e6 * ones, 8 * ones, 0.015 * ones
    )
    write_cube(tmp_path / "cube.fits", ifux.observe(telescope, stars, noiseless=True))
    clients_agree(tmp_path / "cube.fits", telescope.wavelengths, telescope.spaxels.known_sides[0])
    cube, fit = fits.getdata(tmp_path / "cube.fits", "DATA"), Fitter(library, redshift, tmp_path / "cube.fits")
    found = np.array([fit(cube[:, 0, x].astype(np.float64), 1e-3 * cube[:, 0, x].mean()) for x in range(len(truth))])
    assert found[:, 0] == pytest.approx([mean for mean, _ in truth], abs=0.3)
    blurred = 0.3 if instrument == "manga-log-cube" else 2
    assert found[:, 1] == pytest.approx([spread for _, spread in truth], abs=blurred)


@pytest.mark.slow
@libraries
def test_ppxf_recovers_the_rotation_of_a_galaxy_from_its_file(data, tmp_path, name):
    """Against the light-weighted moments of the particles through the same PSF.

    A fit of a normal distribution gives its peak, not its mean: where rotation and seeing skew the velocities within a
    spaxel the two differ, on the receding and the approaching side by a few km/s either way. What must not be is an
    offset of all spaxels.
    """
    pytest.importorskip("ppxf")
    library = library_named(name, data)
    stars = DiscBulge.sample(
        20_000, key=jax.random.key(5), bulge_count=2000, bulge_fraction=0.1, turnover_radius=3.0, rotation_speed=150.0,
        disc_dispersion=220.0,
    ).particles()  # fmt: skip
    stages = InclinedOrientation(50.0, 30.0), SquareSpaxels(2.0, (10, 10)), GaussianPSF(2.5, reach=6)
    telescope = telescope_for(library, *stages, TargetSNRNoise(300.0)).aligned_to(stars)
    flux, variance = exposure(telescope, stars, jax.random.key(1))
    path = tmp_path / "galaxy.fits"
    write_cube(path, as_cube(telescope, stars, flux, variance))
    assert receding_direction(path) == pytest.approx(30.0, abs=3.0)

    with fits.open(path) as file:
        data_cube, noise = file["DATA"].data.astype(np.float64), float(np.sqrt(file["STAT"].data[0, 0, 0]))
    light, velocity, dispersion = smeared_moments(telescope, stars)
    fit = Fitter(library, REDSHIFT, path)
    chosen = [divmod(int(place), 10) for place in np.argsort(-light.ravel())[:48:4]]
    found = np.array([fit(data_cube[:, y, x], noise) for y, x in chosen])
    true_velocity = np.array([velocity[place] for place in chosen])
    ratio = found[:, 1] / np.array([dispersion[place] for place in chosen])
    difference = found[:, 0] - true_velocity
    assert np.ptp(true_velocity) > 150
    assert abs(difference.mean()) < 1.5 and np.abs(difference).max() < 7
    assert 0.9 < ratio.mean() < 1.05 and np.all(np.abs(ratio - 1) < 0.15)


@pytest.mark.slow
@two_slashes
@copy_if_needed
def test_galaxy_of_ifux_with_its_own_library_opens_everywhere(tmp_path, monkeypatch):
    description = json.loads((Path(__file__).parents[1] / "configs" / "demo.json").read_text())
    description["galaxy"]["count"] = 2000
    description["telescope"]["spaxels"]["size"] = [12, 10]
    (tmp_path / "small.json").write_text(json.dumps(description))
    monkeypatch.chdir(tmp_path)
    observe(["small.json", "--set", "telescope.wavelengths.size=400"])
    clients_agree(tmp_path / "small.fits", Wavelengths(4700.15, 1.25, 400, "air"), 0.2)
    assert receding_direction(tmp_path / "small.fits") == pytest.approx(30, abs=15)


def observe(words):
    """`ifux observe`, quietly, with the compilation cache of JAX left as it was."""
    before = jax.config.jax_compilation_cache_dir
    try:
        assert cli.main(["observe", *words, "--quiet"]) == 0
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


@two_slashes
@copy_if_needed
@pytest.mark.parametrize(
    ("name", "pitch", "medium", "step"), [("tng-muse", 0.2, "air", 1.25), ("tng-manga", 0.5, "vacuum", 1.0)]
)
def test_snapshot_of_a_simulation_opens_everywhere(data, tmp_path, monkeypatch, name, pitch, medium, step):
    """IllustrisTNG with the MILES library through MUSE and MaNGA, as `configs/` has them, on a smaller field."""
    galaxy, library = data("snapshots/SimSpin_example_IllustrisTNG.hdf5"), data("miles_ssp.h5")
    config = Path(__file__).parents[1] / "configs" / f"{name}.json"
    monkeypatch.chdir(tmp_path)
    words = [str(config), "--galaxy", str(galaxy), "--ssp", str(library), "--out", "cube.fits"]
    words += ["--set", "telescope.spaxels.size=[16,14]", "--set", "telescope.ssp.tolerance=0.01"]
    observe(words)
    cube = read_cube("cube.fits")
    assert cube.flux.shape[1:] == (14, 16) and np.isfinite(cube.flux).all() and (cube.variance > 0).all()
    assert cube.wavelengths.medium == medium and cube.wavelengths.step == step and cube.pitch == (pitch, pitch)
    # MILES reaches from 3540 to 7410 angstrom at rest: all of MUSE's range, and the common one with MaNGA's, for stars
    # that are as fast as 1350 km/s: there is one with 1040, and nodes beyond it.
    ends = {"tng-muse": (4700.15, 9350.15), "tng-manga": (3540 * 1.298 + 22, 7410 * 1.298 - 43)}[name]
    assert cube.wavelengths.centres()[[0, -1]] == pytest.approx(ends, abs=5)
    assert any("coarser" in note for note in cube.notes) is (name == "tng-muse")
    assert "snapshot 78" in cube.title and any("stars in this file" in note for note in cube.notes)
    made = read_configuration("cube.fits")
    assert made["galaxy"]["path"] == str(galaxy) and made["telescope"]["trim"] is (name == "tng-manga")
    clients_agree(tmp_path / "cube.fits", cube.wavelengths, pitch)
