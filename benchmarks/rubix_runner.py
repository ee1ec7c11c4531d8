"""RUBIX as a worker of `against_rubix.py`, in a virtual environment of its own where ifux is not.

    python rubix_runner.py FOLDER [--native]

The folder holds what `against_rubix.describe` writes. RUBIX interpolates the library linearly in its axes: it is given
the logarithms of age and metallicity, and populations off the grid, which it drops, are held at the edge. `--native`
leaves both as RUBIX comes.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import h5py
import jax
import numpy as np

Calls = dict[str, Callable[[], jax.Array]]


def serve(calls: Calls, packages: tuple[str, ...]) -> None:
    """Say who works here; then, for each line [call, file or null] on the input, make the cube and say what it took."""
    device = jax.devices()[0]
    about = {"versions": {name: version(name) for name in packages}, "device": str(device.device_kind)}
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        call, path = json.loads(line)
        start = time.perf_counter()
        cube = jax.block_until_ready(calls[call]())
        answer = {
            "seconds": time.perf_counter() - start,
            "shape": cube.shape,
            "peak_bytes": peak_bytes(),
            "device_peak_bytes": (device.memory_stats() or {}).get("peak_bytes_in_use"),
        }
        if path:
            np.save(path, cube)
        print(json.dumps(answer), flush=True)


def peak_bytes() -> int:
    """Largest resident size of this process: on Linux, `ru_maxrss` would count that of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def write(folder: Path, own: Path, native: bool) -> None:
    """Particles and library of a folder in RUBIX's own layout."""
    with np.load(folder / "particles.npz") as file:
        stars = dict(file)
    with np.load(folder / "library.npz") as file:
        library = {name: values.astype(np.float32) for name, values in file.items()}
    if not native:
        for axis in ("age", "metallicity"):
            stars[axis] = np.log(np.clip(stars[axis], library[axis][0], library[axis][-1]))
            library[axis] = np.log(library[axis])
    stars["coords"] = stars.pop("position")
    fields = {"galaxy/center": np.zeros(3), "galaxy/halfmassrad_stars": 5.0, "galaxy/redshift": 0.0}  # none is used
    fields |= {f"particles/stars/{name}": values for name, values in stars.items()}
    with h5py.File(own / "rubix_galaxy.h5", "w") as file:
        for name, values in fields.items():
            file[name] = np.asarray(values, np.float32)
            file[name].attrs["unit"] = ""
    with h5py.File(own / "library.h5", "w") as file:
        for name, values in library.items():
            file[name] = values


def template(path: Path) -> dict:
    """The entry of the library in RUBIX's list."""
    units = {"age": "Gyr", "metallicity": "", "wavelength": "Angstrom", "flux": "Lsun/Angstrom"}
    fields = {name: {"name": name, "units": unit, "in_log": False} for name, unit in units.items()}
    return {"name": "library", "format": "HDF5", "source": "", "file_name": str(path), "fields": fields}


def instrument(telescope: dict) -> dict:
    """The entry of the telescope in RUBIX's list."""
    start, step, size = (telescope[name] for name in ("start", "step", "channels"))
    return {
        "fov": telescope["size"] * telescope["pitch"],
        "spatial_res": telescope["pitch"],
        "wave_range": [start, start + (size - 0.5) * step],
        "wave_res": step,
        "lsf_fwhm": 0.0,  # not used
        "signal_to_noise": None,
        "aperture_type": "square",
        "pixel_type": "square",
    }


def configuration(folder: Path, telescope: dict, native: bool) -> dict:
    """What RUBIX is asked for."""
    return {
        "pipeline": {"name": "calc_ifu"},
        "logger": {"log_level": "WARNING", "log_file_path": None},
        "output_path": str(folder),
        "data": {"args": {"particle_type": ["stars"]}},
        "simulation": {"name": "NIHAO"},  # the one that is not turned to its principal axes first
        "cosmology": {"name": "PLANCK15"},
        "galaxy": {"dist_z": telescope["redshift"], "rotation": telescope["rotation"]},
        "ssp": {
            "template": {"name": "library"},
            "dust": {"extinction_model": "Cardelli89"},  # asked for, not used
            "method": "cubic" if native else "linear",
        },
        "telescope": {
            "name": "telescope",
            "psf": {"name": "gaussian", "size": telescope["kernel"], "sigma": telescope["psf"]},
            "lsf": {"sigma": telescope["lsf"]},
            "noise": {"signal_to_noise": telescope["snr"], "noise_distribution": "normal"},
        },
    }


def rubix_calls(folder: Path, native: bool) -> Calls:
    """RUBIX's compiled pipeline, whole and without its last stages, and its own way to run it."""
    import rubix
    from rubix.core.pipeline import RubixPipeline
    from rubix.pipeline.linear_pipeline import LinearTransformerPipeline
    from rubix.telescope import factory

    own = folder / ("native" if native else "alike")
    own.mkdir(exist_ok=True)
    write(folder, own, native)
    telescope = json.loads((folder / "telescope.json").read_text())
    listed = own / "telescopes.yaml"
    listed.write_text(json.dumps({"telescope": instrument(telescope)}))
    factory.TELESCOPE_CONFIG_PATH = str(listed)
    rubix.config["ssp"]["templates"]["library"] = template(own / "library.h5")
    pipeline = RubixPipeline(configuration(own, telescope, native))
    data = pipeline.prepare_data()
    functions = pipeline._get_pipeline_functions()
    stages = pipeline.pipeline_config["Transformers"]

    def compiled(end: str | None = None) -> Callable[[], jax.Array]:
        names = list(stages)[: list(stages).index(end) if end else None]
        run = LinearTransformerPipeline({"Transformers": {name: stages[name] for name in names}}, functions)
        function = run.compile_expression()
        return lambda: function(data).stars.datacube

    return {
        "bare": compiled("convolve_psf"),
        "noiseless": compiled("apply_noise"),
        "with noise": compiled(),
        "run_sharded": lambda: pipeline.run_sharded(data),
    }


if __name__ == "__main__":
    calls = rubix_calls(Path(sys.argv[1]).absolute(), "--native" in sys.argv)
    serve(calls, ("astro-rubix", "jax", "jaxlib", "equinox", "numpy"))
