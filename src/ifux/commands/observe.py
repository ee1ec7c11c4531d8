"""`ifux observe`: a cube from a configuration."""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ifux.commands.progress import progress, quiet
from ifux.commands.words import add_option, pairs
from ifux.errors import InputError

EXAMPLE = "cosmology=Planck15"


def add(commands: Any, common: argparse.ArgumentParser) -> None:
    """Registers the command; `common` holds the options that all commands share."""
    parser = commands.add_parser("observe", parents=[common], help="a cube from a configuration")
    parser.add_argument("config", metavar="CONFIG.json", type=Path)
    parser.add_argument("--galaxy", metavar="FILE", type=Path, help="galaxy file, in place of the configuration's")
    add_option(parser, EXAMPLE)
    parser.add_argument(
        "--ssp", metavar="FILE-or-NAME", type=Path, help="stellar library, in place of the configuration's"
    )
    parser.add_argument(
        "--out",
        metavar="CUBE.fits",
        type=Path,
        help="cube to write, or .fits.gz; default: CONFIG.fits in this folder",
    )
    parser.add_argument(
        "--picture", metavar="FILE.png", type=Path, help="also draw maps and spectra: .png, .pdf, .svg and others"
    )
    parser.add_argument(
        "--rss", metavar="SPECTRA.fits", type=Path, help="also write the spectra of the fibres, before they make a cube"
    )
    parser.add_argument(
        "--layout", choices=["muse", "manga"], help="whose extensions and units the file has; default: muse"
    )
    parser.add_argument("--seed", type=int, help="seed of the noise")
    parser.add_argument("--noiseless", action="store_true", help="no noise and no variance")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="change a key, as in telescope.psf.fwhm=0.8"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.add_argument("--devices", metavar="N", type=int, help="cores to deposit the stars on; default: 1")
    parser.add_argument(
        "--dry-run", action="store_true", help="check everything, print shapes, choices and memory; make no cube"
    )
    parser.set_defaults(function=observe)


def observe(arguments: argparse.Namespace) -> None:
    """The observation of a configuration file."""
    import jax

    from ifux import config
    from ifux.io import stored_names

    if arguments.devices is not None:
        if arguments.devices < 1:
            raise InputError(f"argument --devices: {arguments.devices} is not greater than zero")
        jax.config.update("jax_num_cpu_devices", arguments.devices)
    description = config.load(arguments.config)
    for section, path in (("galaxy", arguments.galaxy), ("library", arguments.ssp)):
        if section == "library" and path is not None and not path.exists() and str(path) in stored_names():
            description[section] = {"kind": "stored", "name": str(path)}
        elif path is not None:
            old = description.get(section)
            options = old if isinstance(old, dict) and old.get("kind") == "file" else {}
            description[section] = {**options, "kind": "file", "path": str(path)}
    if options := pairs(arguments.option, EXAMPLE):
        if not isinstance(galaxy := description.get("galaxy"), dict) or galaxy.get("kind") != "file":
            raise InputError("argument --option: it is for a galaxy from a file, and the configuration has none")
        description["galaxy"] = {**galaxy, **options}
    description = config.with_settings(description, arguments.set)
    if arguments.layout is not None:
        description["layout"] = arguments.layout
    if arguments.seed is not None:
        description["seed"] = arguments.seed
    sections = [description.get("galaxy"), description.get("library")]
    inputs = [Path(str(section["path"])) for section in sections if isinstance(section, dict) and "path" in section]
    out = arguments.out or Path(arguments.config.stem + ".fits")
    produce(description, arguments, out, arguments.picture, [arguments.config, *inputs])


def produce(
    description: dict, arguments: argparse.Namespace, out: Path, picture: Path | None, inputs: list[Path]
) -> None:
    """Observes a description and writes the cube, or that of each arm, and pictures if one is asked for: never over an
    input.
    """
    from ifux import config, run
    from ifux.config.build import of_arm
    from ifux.io.files.cache import keep_programs
    from ifux.io.files.cube import check_name, write_cube
    from ifux.io.files.writing import PICTURES, promised, refuse

    report = quiet if arguments.quiet else progress
    names = [*config.arms(description)]
    rss = getattr(arguments, "rss", None)
    outs = {name: beside(out, name) for name in names}
    pictures = {} if picture is None else {name: beside(picture, name) for name in names}
    stacks = {} if rss is None else {name: beside(rss, name) for name in names}
    taken = {path.resolve() for path in inputs}
    for path in (*outs.values(), *pictures.values(), *stacks.values()):
        if path.resolve() in taken:
            raise InputError(f"{path} is already the name of another file of this observation: choose another")
        refuse(path, overwrite=arguments.overwrite)
        taken.add(path.resolve())
    for path in (out, *([] if rss is None else [rss])):
        check_name(path)
    if picture is not None:
        promised(picture, PICTURES, "a picture")
    keep_programs()
    sessions = run.prepare_arms(description, report=report)
    if not arguments.quiet:
        sys.stderr.write(replace(sessions[names[0]].galaxy, notes=()).report() + "\n")
        sys.stderr.writelines(f"  note: {note}\n" for note in notes_of(sessions))
    for name, session in sessions.items() if stacks else ():
        if session.telescope.focal_plane.of_spaxels:
            raise InputError(
                f"argument --rss: elements are spaxels, and their spectra are the cube; it takes fibres{of_arm(name)}"
            )
    noiseless = getattr(arguments, "noiseless", False)
    if getattr(arguments, "dry_run", False):
        with report("planning"):
            foreseen = run.planned_arms(sessions, noiseless=noiseless)
        for name, one in foreseen.items():
            if not one.fits:
                raise InputError(f"{one.sentence()}{of_arm(name)}")
        print("\n\n".join((f"arm        {name}\n" if name else "") + one.report() for name, one in foreseen.items()))
        return
    for name, cube in run.observe_arms(sessions, noiseless=noiseless, report=report):
        with report(f"writing {outs[name]}"):
            write_cube(outs[name], cube, overwrite=arguments.overwrite)
        if name in stacks and cube.elements is not None:
            from ifux.io.files.rss import write_rss

            with report(f"writing {stacks[name]}"):
                write_rss(stacks[name], cube.elements, overwrite=arguments.overwrite)
        if name in pictures:
            from ifux.plots import portrait

            with report(f"drawing {pictures[name]}"):
                portrait(pictures[name], cube, overwrite=arguments.overwrite)
    if not arguments.quiet:
        for name in names:
            print(*(paths[name] for paths in (outs, stacks, pictures) if paths), sep="\n")


def beside(path: Path, name: str) -> Path:
    """The file of an arm, whose name stands before the endings: cube-blue.fits.gz. Without a name the file itself."""
    if not name:
        return path
    packed = path.suffix if path.suffix.lower() == ".gz" else ""
    inner = path.with_suffix("") if packed else path
    return inner.with_name(f"{inner.stem}-{name}{inner.suffix}{packed}")


def notes_of(sessions: Mapping[str, Any]) -> list[str]:
    """The notes of all arms, each once; those of some arms alone with their names."""
    told: dict[str, list[str]] = {}
    for name, session in sessions.items():
        for note in session.notes:
            told.setdefault(note, []).append(name)
    return [note if len(arms) == len(sessions) else f"{note} ({', '.join(arms)})" for note, arms in told.items()]
