"""Stars and gas that stay in their file are those in memory, and are observed as they are."""

from dataclasses import replace

import h5py
import jax
import numpy as np
import pytest
from stages import library as made_up
from test_run import DESCRIPTION

from ifux import InputError, config, run
from ifux.galaxies import DiscBulge
from ifux.galaxy import Galaxy
from ifux.io import read_galaxy, stream_galaxy, write_galaxy
from ifux.io.snapshots.gas import UNITS as GAS
from ifux.orientation import principal_axes
from ifux.particles import Gas

COUNT, CELLS = 3000, 1000


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A galaxy in a file; blocks are small, so that there are many."""
    monkeypatch.setattr(run, "embedded_library", lambda: replace(made_up(), illustrative=True))
    monkeypatch.setattr("ifux.checks.BLOCK", 700)
    monkeypatch.setattr("ifux.orientation.alignment.BLOCK", 700)
    path = tmp_path / "galaxy.h5"
    stars = DiscBulge.sample(COUNT, key=jax.random.key(2)).particles()
    write_galaxy(path, Galaxy(stars, 0.02, source="made", notes=("a note",), gas=cells()))
    return path


def cells():
    """Gas of which every number is another."""
    random = np.random.default_rng(4)
    columns = {name: random.uniform(0.1, 1, CELLS) for name in GAS} | {"elements": {"O": random.uniform(0, 1, CELLS)}}
    columns["mass"] = 1e6 * columns["mass"]
    return Gas(**columns | {name: random.normal(0, 5, (CELLS, 3)) for name in ("position", "velocity")})


def blocks(emitters, size=700):
    """Every array of stars or gas, by its place in the tree, put together of blocks."""
    return jax.tree.map(lambda *parts: np.concatenate(parts), *emitters.blocks(size))


def same(ours, theirs):
    return jax.tree.all(jax.tree.map(np.array_equal, blocks(ours), blocks(theirs)))


def test_stars_and_gas_of_a_file_are_those_of_the_reader_in_blocks(file):
    streamed, read = stream_galaxy(file), read_galaxy(file)
    assert streamed.stars.count == COUNT and [b.count for b in streamed.stars.blocks(700)] == [700] * 4 + [200]
    assert streamed.gas.count == CELLS and [b.count for b in streamed.gas.blocks(700)] == [700, 300]
    assert same(streamed.stars, read.stars) and same(streamed.gas, read.gas) and same(read.gas, cells())
    assert (streamed.redshift, streamed.source, streamed.notes) == (read.redshift, read.source, read.notes)


def test_parts_of_a_file_are_all_of_it(file):
    galaxy = stream_galaxy(file)
    whole = galaxy.stars
    for rows, counts in ((whole, {428, 429}), (galaxy.gas, {142, 143})):
        parts = [rows.part(number, 7) for number in range(7)]
        assert {part.count for part in parts} == counts
        together = jax.tree.map(lambda *blocks: np.concatenate(blocks), *map(blocks, parts))
        assert jax.tree.all(jax.tree.map(np.array_equal, together, blocks(rows)))
    assert whole.part(3, 7).part(1, 2).first == whole.part(3, 7).first + 214
    with pytest.raises(InputError, match="no part 7 of 7 parts of 3000 rows"):
        whole.part(7, 7)


def test_abundances_come_back_read_or_streamed(file, tmp_path):
    stars = read_galaxy(file).stars
    alpha = np.linspace(-0.1, 0.4, COUNT).astype(np.float32)
    path = tmp_path / "enhanced.h5"
    write_galaxy(path, Galaxy(replace(stars, alpha=alpha), 0.02))
    assert np.array_equal(read_galaxy(path).stars.alpha, alpha)
    assert np.array_equal(np.concatenate([block.alpha for block in stream_galaxy(path).stars.blocks(700)]), alpha)


def test_principal_axes_do_not_depend_on_the_blocks(file, monkeypatch):
    axes = principal_axes(stream_galaxy(file).stars)
    monkeypatch.setattr("ifux.orientation.alignment.BLOCK", 10**6)
    assert np.allclose(axes, principal_axes(read_galaxy(file).stars), rtol=0, atol=1e-10)


def test_cube_of_a_stream_is_that_of_the_stars_in_memory(file, double):
    settings = ["galaxy.kind=file", f"galaxy.path={file}", "compute.chunk=700"]
    memory, stream = (
        run.observe(run.prepare(config.with_settings(DESCRIPTION, [*settings, f"galaxy.stream={flag}"])))
        for flag in ("false", "true")
    )
    assert np.allclose(stream.flux, memory.flux, rtol=0, atol=1e-12 * memory.flux.max())
    for name, (image, *_) in memory.maps.items():
        assert np.allclose(stream.maps[name][0], image, rtol=1e-5, equal_nan=True), name
    assert stream.notes == memory.notes


def test_lines_of_a_stream_are_those_of_the_gas_in_memory(file, double):
    """Of cells in blocks of 700, and a nucleus that is of no file."""
    nucleus = '{"continuum": {"kind": "power-law", "luminosity": 1e5}}'
    settings = [
        "galaxy.kind=file", f"galaxy.path={file}", "compute.chunk=700", "telescope.noise.kind=none",
        "telescope.wavelengths.start=4900.0",
        'telescope.emission={"kind": "star-forming", "lines": ["Hbeta"]}', f"telescope.nucleus={nucleus}",
    ]  # fmt: skip
    plain = config.with_settings(DESCRIPTION | {"telescope": {**DESCRIPTION["telescope"], "noise": {}}}, settings)
    memory, stream = (
        run.observe(run.prepare(config.with_settings(plain, [f"galaxy.stream={flag}"]))) for flag in ("false", "true")
    )
    assert np.allclose(stream.flux, memory.flux, rtol=0, atol=1e-12 * memory.flux.max())
    telescope = {key: stage for key, stage in plain["telescope"].items() if key not in ("emission", "nucleus")}
    dark = run.observe(run.prepare({**plain, "telescope": telescope}))
    assert (memory.flux - dark.flux).max() > 1e-3 * dark.flux.max()


def test_stars_that_cannot_be_used_are_counted(file):
    with h5py.File(file, "r+") as opened:
        opened["stars/mass"][5] = -1.0
        opened["stars/age"][[7, 2500]] = np.nan
        opened["stars/metallicity"][2000] = 0.0
    streamed, read = stream_galaxy(file), read_galaxy(file)
    assert sum(block.count for block in streamed.stars.blocks(700)) == read.stars.count == COUNT - 3
    assert streamed.dropped == read.dropped and streamed.changed == read.changed
    list(streamed.stars.blocks(1000))
    assert streamed.dropped == read.dropped


def test_gas_that_cannot_be_used_is_counted_beside_the_stars(file):
    with h5py.File(file, "r+") as opened:
        opened["stars/mass"][5] = -1.0
        opened["gas/density"][[1, 800]] = [-1.0, np.nan]
        opened["gas/metallicity"][900] = -1e-9
    streamed, read = stream_galaxy(file), read_galaxy(file)
    for _ in range(2):
        assert same(streamed.gas, read.gas) and same(streamed.stars, read.stars)
    assert (streamed.gas.count, read.gas.count) == (CELLS, CELLS - 2)
    assert streamed.dropped == read.dropped and len(read.dropped) == 3
    assert streamed.changed == read.changed == {"gas: metallicity below zero set to zero": 1}


@pytest.mark.parametrize("lost", ["density", "smoothing_length"])
def test_gas_of_a_file_that_lacks_a_column_is_one_sentence(file, lost):
    with h5py.File(file, "r+") as opened:
        del opened["gas"][lost]
    for read in (stream_galaxy, read_galaxy):
        with pytest.raises(InputError, match=f"/gas has no dataset '{lost}'"):
            read(file)


def test_stream_is_written_as_it_is_read(file, tmp_path):
    with h5py.File(file, "r+") as opened:
        opened["gas/mass"][3] = np.nan
    write_galaxy(tmp_path / "copy.h5", stream_galaxy(file))
    copy, read = read_galaxy(tmp_path / "copy.h5"), read_galaxy(file)
    assert same(copy.stars, read.stars) and same(copy.gas, read.gas)
    assert copy.dropped == read.dropped and len(read.dropped) == 1


def test_model_of_a_galaxy_has_its_gas(file):
    galaxy = read_galaxy(file)
    assert galaxy.model.particles() is galaxy.stars and galaxy.model.gas() is galaxy.gas
    assert replace(galaxy, gas=None).model is galaxy.stars
    with pytest.raises(ValueError, match="left in its file"):
        stream_galaxy(file).model  # noqa: B018


def test_only_own_files_are_streamed(file, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other.create_group("PartType4")
    with pytest.raises(InputError, match="only that is read block by block"):
        stream_galaxy(tmp_path / "other.h5")
    with pytest.raises(InputError, match="without \\['radius'\\]"):
        run.prepare(
            config.with_settings(
                DESCRIPTION, ["galaxy.kind=file", f"galaxy.path={file}", "galaxy.stream=true", "galaxy.radius=3"]
            )
        )


def test_file_without_a_star_that_can_be_used_is_one_sentence(file):
    with h5py.File(file, "r+") as opened:
        opened["stars/mass"][...] = -1.0
    with pytest.raises(InputError, match="no star"):
        run.prepare(
            config.with_settings(DESCRIPTION, ["galaxy.kind=file", f"galaxy.path={file}", "galaxy.stream=true"])
        )
