"""The specification: what a cube *is*, written for the eye, one particle after the other, in double precision.

It shares no line with the package. A particle is a point of light at its true place; its spectrum is looked up,
dimmed, shifted, blurred and integrated over pixels on a fine grid; its light is spread by the integral of the PSF over
every spaxel. Nothing here knows of stencils, nodes, bases, kernels cut at a reach, or single precision.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline, make_interp_spline

LIGHT = 299792.458
FINE = 8


@dataclass
class Specification:
    """Plain numbers; the same names and units as in the package."""

    library: object
    wavelengths: object
    redshift: float
    luminosity_distance: float
    inclination: float
    position_angle: float
    pitch: float | tuple  # of squares, or along x and y
    size: tuple
    psf: object  # surface brightness(radius [arcsec]) that integrates to one
    telescope_fwhm: object  # FWHM before the pixel, or FWHM(wavelength); None for the resolution of the library
    attenuation: object = None  # rest-frame transmission(wavelength)
    imf_slope: float | None = None  # of all stars, where the library has several
    alpha: float | None = None  # [alpha/Fe] of stars that have none of their own, where the library has several
    edges: np.ndarray | None = None  # of the detector's pixels [angstrom], where they are not even
    field: tuple = (0.0, 0.0, 0.0)  # centre to the (east, north) [arcsec] and position angle [degree]

    def cube(self, position, velocity, mass, age, metallicity, alpha=None):
        tall, wide = self.size[1], self.size[0]
        cube = np.zeros((tall, wide, self.wavelengths.size))
        for p in range(len(mass)):
            east, north, away_velocity = self.turn(position[p], velocity[p])
            image = self.image(east, north)
            mixture = self.alpha if alpha is None else alpha[p]
            spectrum = self.spectrum(mass[p], age[p], metallicity[p], away_velocity, mixture)
            cube += image[:, :, None] * spectrum[None, None, :]
        return cube

    def lines(self, position, velocity, luminosity, wavelength, variance):
        """The cube of cells of gas whose lines have these luminosities [solar], wavelengths and variances [(km/s)^2].

        A line is a Gaussian of its own width and that of the telescope, sampled finely and added up over pixels.
        """
        pixels = self.wavelengths.edges()
        vacuum = air_to_vacuum(pixels) if self.wavelengths.medium == "air" else pixels
        parsec = 3.0856775814913673e18
        sphere = 4 * np.pi * (self.luminosity_distance * 1e6 * parsec) ** 2
        cube = np.zeros((self.size[1], self.size[0], self.wavelengths.size))
        for p in range(len(luminosity)):
            east, north, away = self.turn(position[p], velocity[p])
            doppler = (1 + self.redshift) * np.sqrt((1 + away / LIGHT) / (1 - away / LIGHT))
            spectrum = np.zeros(self.wavelengths.size)
            for light, rest, spread in zip(luminosity[p], wavelength, variance, strict=True):
                centre, medium = rest * doppler, vacuum
                if self.wavelengths.medium == "air":
                    centre, medium = vacuum_to_air(centre), pixels
                sigma = np.hypot(self.telescope_fwhm / np.sqrt(8 * np.log(2)), np.sqrt(spread) / LIGHT * centre)
                fine = medium[:-1, None] + np.diff(medium)[:, None] * (np.arange(40) + 0.5)[None] / 40
                profile = np.exp(-0.5 * ((fine - centre) / sigma) ** 2) / np.sqrt(2 * np.pi) / sigma
                spectrum += light * 3.828e33 / sphere / 1e-20 * profile.mean(axis=1)
            cube += self.image(east, north)[:, :, None] * spectrum[None, None, :]
        return cube

    def turn(self, position, velocity):
        i, pa = np.radians(self.inclination), np.radians(self.position_angle)
        # Face-on: x to the west, y to the north, spin at the observer. Then tip the disc about the line of nodes so
        # that its receding half lies north (position angle zero), and turn north through east.
        face_on = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
        tip = np.array([[np.cos(i), 0.0, -np.sin(i)], [0.0, 1.0, 0.0], [np.sin(i), 0.0, np.cos(i)]])
        turn = np.array([[np.cos(pa), np.sin(pa), 0.0], [-np.sin(pa), np.cos(pa), 0.0], [0.0, 0.0, 1.0]])
        rotation = turn @ tip @ face_on
        angular_distance = self.luminosity_distance / (1 + self.redshift) ** 2
        kpc_to_arcsec = np.degrees(1 / (angular_distance * 1e3)) * 3600
        place = rotation @ position * kpc_to_arcsec
        return place[0], place[1], (rotation @ velocity)[2]

    def image(self, east, north, nodes=4):
        tall, wide = self.size[1], self.size[0]
        side_x, side_y = np.broadcast_to(self.pitch, 2)
        x = (np.arange(wide) - (wide - 1) / 2) * side_x
        y = (np.arange(tall) - (tall - 1) / 2) * side_y
        # The star in the frame of the field: to the right, where x grows, and up.
        angle, east, north = np.radians(self.field[2]), east - self.field[0], north - self.field[1]
        right = -east * np.cos(angle) + north * np.sin(angle)
        up = east * np.sin(angle) + north * np.cos(angle)
        t, w = np.polynomial.legendre.leggauss(nodes)
        image = np.zeros((tall, wide))
        for a in range(nodes):
            for b in range(nodes):
                dx = x + t[a] * side_x / 2 - right
                dy = y + t[b] * side_y / 2 - up
                radius = np.hypot(dx[None, :], dy[:, None])
                image += w[a] * w[b] / 4 * self.psf(radius) * side_x * side_y
        return image

    def population(self, age, metallicity, alpha=None):
        spectra = self.library.flux
        for nodes, value in ((self.library.imf_slope, self.imf_slope), (self.library.alpha, alpha)):
            if nodes is not None:
                value = np.clip(value, nodes[0], nodes[-1])
                i = int(np.clip(np.searchsorted(nodes, value) - 1, 0, len(nodes) - 2))
                t = (value - nodes[i]) / (nodes[i + 1] - nodes[i])
                spectra = (1 - t) * spectra[i] + t * spectra[i + 1]
        flux, corner = 0.0, []
        for nodes, value in ((self.library.metallicity, metallicity), (self.library.age, age)):
            x, value = np.log(nodes), np.log(np.clip(value, nodes[0], nodes[-1]))
            i = int(np.clip(np.searchsorted(x, value) - 1, 0, len(x) - 2))
            t = (value - x[i]) / (x[i + 1] - x[i])
            corner.append(((i, 1 - t), (i + 1, t)))
        for m, wm in corner[0]:
            for a, wa in corner[1]:
                flux = flux + wm * wa * spectra[m, a]
        return flux * (self.library.solar_luminosity / 3.828e33)

    def spectrum(self, mass, age, metallicity, velocity, alpha=None):
        rest = self.library.wavelength
        luminosity = mass * self.population(age, metallicity, alpha)
        if self.attenuation is not None:
            luminosity = luminosity * self.attenuation(rest)
        below = make_interp_spline(rest, luminosity, k=2).antiderivative()
        # The detector's range, finely divided and extended, taken to the rest frame through vacuum.
        pixels = self.edges
        if pixels is None:
            pixels = self.wavelengths.start + self.wavelengths.step * (np.arange(self.wavelengths.size + 1) - 0.5)
        pixel = np.diff(pixels).min()
        spare = int(np.ceil(12 * np.diff(pixels).max() / pixel)) * FINE
        count = int(np.ceil((pixels[-1] - pixels[0]) / pixel * FINE - 1e-6))
        edges = pixels[0] + pixel * np.arange(-spare, count + spare + 1) / FINE
        vacuum = air_to_vacuum(edges) if self.wavelengths.medium == "air" else edges
        doppler = (1 + self.redshift) * np.sqrt((1 + velocity / LIGHT) / (1 - velocity / LIGHT))
        emitted = vacuum / doppler
        emitted = vacuum_to_air(emitted) if self.library.medium == "air" else emitted
        density = np.diff(below(emitted)) / np.diff(edges)
        if self.telescope_fwhm is not None:
            library_fwhm = np.mean(self.library.fwhm) * doppler
            varies = callable(self.telescope_fwhm)
            fwhm = self.telescope_fwhm((edges[1:] + edges[:-1]) / 2) if varies else self.telescope_fwhm
            sigma = np.sqrt(fwhm**2 - library_fwhm**2) / np.sqrt(8 * np.log(2))
            offsets = np.arange(-spare, spare + 1) * pixel / FINE
            if varies:  # every place has the kernel of its own width
                kernels = np.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
                near = np.lib.stride_tricks.sliding_window_view(np.pad(density, spare), 2 * spare + 1)
                density = np.sum(near * kernels, axis=1) / kernels.sum(axis=1)
            else:
                kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
                density = np.convolve(density, kernel / kernel.sum(), mode="same")
        counted = CubicSpline(edges, np.concatenate([[0.0], np.cumsum(density * np.diff(edges))]))
        density = np.diff(counted(pixels)) / np.diff(pixels)
        parsec = 3.0856775814913673e18
        sphere = 4 * np.pi * (self.luminosity_distance * 1e6 * parsec) ** 2
        return density * 3.828e33 / sphere / 1e-20


def vacuum_to_air(vacuum):
    square = (1e4 / vacuum) ** 2
    return vacuum / (1 + 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square))


def air_to_vacuum(air):
    vacuum = air.copy()
    for _ in range(10):
        vacuum = vacuum + (air - vacuum_to_air(vacuum))
    return vacuum


def moffat(fwhm, beta):
    core = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    return lambda radius: (beta - 1) / (np.pi * core**2) * (1 + (radius / core) ** 2) ** -beta


def gaussian(fwhm):
    sigma = fwhm / np.sqrt(8 * np.log(2))
    return lambda radius: np.exp(-0.5 * (radius / sigma) ** 2) / (2 * np.pi * sigma**2)


@dataclass
class Bundle:
    """What fibres record and what a survey makes of it, in plain numbers: one star, one fibre, one channel at a time.

    A fibre is sub-sampled; refraction is Filippenko's (1982, eqs. 1 to 4); the cube is a mean that is weighted at every
    wavelength with where fibres looked (Law et al. 2016, section 9.2). Places are those of the field before it is
    turned, east and north.
    """

    galaxy: Specification
    positions: np.ndarray
    diameter: float
    dithers: np.ndarray
    errors: np.ndarray
    throughput: np.ndarray
    sigma: float
    limit: float
    zenith_distance: np.ndarray
    parallactic_angle: np.ndarray
    reference: float
    pressure: float  # [hPa]
    temperature: float  # [degree Celsius]
    psf: object  # surface brightness(radius [arcsec], wavelength [angstrom])

    def refractivity(self, vacuum):
        """Of dry air."""
        square, mercury = (1e4 / vacuum) ** 2, self.pressure * 760 / 1013.25
        standard = 1e-6 * (64.328 + 29498.1 / (146 - square) + 255.4 / (41 - square))
        warm = 1 + 0.003661 * self.temperature
        return standard * mercury * (1 + (1.049 - 0.0157 * self.temperature) * 1e-6 * mercury) / (720.883 * warm)

    def looking(self, wave):
        """Where fibres look at a wavelength [exposure fibre 2]: blue light comes from nearer to the horizon."""
        raised = 206265 * (self.refractivity(wave) - self.refractivity(self.reference))
        raised = raised * np.tan(np.radians(self.zenith_distance))
        towards = np.radians(self.parallactic_angle - self.galaxy.field[2])
        moved = raised[:, None] * np.stack([np.sin(towards), np.cos(towards)], axis=1)
        return self.dithers[:, None] + self.positions[None] - moved[:, None]

    def elements(self, position, velocity, mass, age, metallicity, rings=24):
        """Row-stacked spectra [exposure fibre wave]."""
        centres = self.galaxy.wavelengths.centres()
        radius = self.diameter / 2 * np.sqrt((np.arange(rings) + 0.5) / rings)
        around = 2 * np.pi * (np.arange(3 * rings) + 0.5) / (3 * rings)
        disc = np.stack([np.outer(radius, np.cos(around)), np.outer(radius, np.sin(around))], axis=-1).reshape(-1, 2)
        area = np.pi / 4 * self.diameter**2
        angle = np.radians(self.galaxy.field[2])
        found = np.zeros((*self.dithers.shape[:1], *self.positions.shape[:1], centres.size))
        for p in range(len(mass)):
            east, north, away_velocity = self.galaxy.turn(position[p], velocity[p])
            spectrum = self.galaxy.spectrum(mass[p], age[p], metallicity[p], away_velocity)
            east, north = east - self.galaxy.field[0], north - self.galaxy.field[1]
            star = east * np.cos(angle) - north * np.sin(angle), east * np.sin(angle) + north * np.cos(angle)
            for w, wave in enumerate(centres):
                middle = self.looking(wave) + self.errors[:, None] - np.array(star)
                distance = np.linalg.norm(middle[:, :, None] + disc, axis=-1)
                found[..., w] += self.psf(distance, wave).mean(axis=-1) * area * spectrum[w]
        return found * self.throughput[None, :, None]

    def matrix(self, wave):
        """What spaxels have of elements [y x element]; not a number where none is near."""
        side_x, side_y = np.broadcast_to(self.galaxy.pitch, 2)
        (wide, tall), looking = self.galaxy.size, self.looking(wave).reshape(-1, 2)
        found = np.full((tall, wide, len(looking)), np.nan)
        for y in range(tall):
            for x in range(wide):
                east, north = ((wide - 1) / 2 - x) * side_x, (y - (tall - 1) / 2) * side_y
                distance = np.hypot(looking[:, 0] - east, looking[:, 1] - north)
                weight = np.exp(-0.5 * (distance / self.sigma) ** 2) * (distance < self.limit)
                if weight.any():
                    found[y, x] = weight / weight.sum() * side_x * side_y / (np.pi / 4 * self.diameter**2)
        return found

    def cube(self, elements):
        matrices = [self.matrix(wave) for wave in self.galaxy.wavelengths.centres()]
        spectra = elements.reshape(-1, elements.shape[-1])
        return np.stack([matrix @ spectra[:, w] for w, matrix in enumerate(matrices)], axis=-1)
