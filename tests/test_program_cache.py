"""Programs on disc: taken where they are the same, ignored where they are not, never a reason to fail."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache
from jaxtyping import Array, Float, PRNGKeyArray

from ifux import program_cache
from ifux.program_cache import FOLDER, Kept, kept_over
from ifux.typing import real


class Power(eqx.Module):
    """A leaf and a static number."""

    scale: Float[Array, ""] = eqx.field(converter=real)
    exponent: int = eqx.field(static=True)


@pytest.fixture
def folder(tmp_path):
    """A compilation cache that keeps programs, and in which JAX keeps all that it compiles."""
    (tmp_path / FOLDER).mkdir()
    settings = {"jax_compilation_cache_dir": str(tmp_path), "jax_persistent_cache_min_compile_time_secs": 0.0}
    before = {name: jax.config.values[name] for name in settings}
    for name, value in settings.items():
        jax.config.update(name, value)
    yield tmp_path / FOLDER
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture
def jax_folder(folder):
    """Where JAX itself keeps what it compiles, begun anew: no other process writes there."""
    compilation_cache.reset_cache()
    yield folder.parent
    compilation_cache.reset_cache()


@pytest.fixture
def process():
    """A function that gives what a new process has, a function that it has never called, and counts what is traced."""

    def new() -> Kept:
        def powers(power: Power, x: Float[Array, " x"], *, count: int, key: PRNGKeyArray | None = None):
            new.traced += 1
            noise = 0 if key is None else jax.random.normal(key, x.shape, x.dtype)
            return power.scale * x**power.exponent / count + noise, None, {"sum": x.sum()}

        return Kept(powers)

    new.traced = 0
    return new


X = np.linspace(0.1, 3.0, 7)


def called(function, scale=2.5, exponent=3, x=X, **options):
    """The first array that it returns, in the default precision."""
    value, none, rest = function(Power(scale, exponent), real(x), **{"count": 2, **options})
    assert none is None and float(rest["sum"]) == pytest.approx(np.sum(x))
    return np.asarray(value)


def test_next_process_traces_nothing_and_finds_the_same_bit_for_bit(bits, folder, process):
    key = jax.random.key(1)
    one = called(process(), key=key)
    assert process.traced == 1 and len([*folder.iterdir()]) == 1
    assert np.array_equal(one, called(process(), key=key)) and process.traced == 1
    plain = eqx.filter_jit(process().function)
    assert np.array_equal(one, called(plain, key=key)) and process.traced == 2


def test_machine_code_is_neither_taken_from_the_cache_of_jax_nor_put_there(jax_folder, process):
    called(process())
    before = {*jax_folder.iterdir()}
    named = jax.jit(lambda x: x + 1.5).lower(real(1.0))
    called(process(), count=7)
    assert {*jax_folder.iterdir()} == before
    named.compile()
    assert {*jax_folder.iterdir()} > before


def test_numbers_of_the_leaves_are_free(folder, process):
    called(process())
    np.testing.assert_allclose(called(process(), 5.0, x=X + 1), 5.0 * (X + 1) ** 3 / 2, rtol=1e-6)
    assert process.traced == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"exponent": 2},
        {"x": X[:5]},
        {"count": 3},
        {"count": 2.0},
        {"key": jax.random.key(3)},
    ],
    ids=["static field", "shape", "static argument", "its type", "structure"],
)
def test_another_call_is_not_answered_by_the_program(folder, process, changed):
    called(process())
    called(process(), **changed)
    assert process.traced == 2 and len([*folder.iterdir()]) == 2


def test_double_precision_is_another_program(folder, process):
    called(process())
    with jax.enable_x64(True):
        np.testing.assert_allclose(called(process()), 2.5 * X**3 / 2, rtol=1e-15)
    assert process.traced == 2


def test_other_sources_versions_or_settings_are_another_program(folder, process, monkeypatch):
    called(process())
    before = jax.config.jax_default_matmul_precision
    jax.config.update("jax_default_matmul_precision", "highest")
    called(process())
    jax.config.update("jax_default_matmul_precision", before)
    monkeypatch.setattr(program_cache, "sources", lambda: "changed")
    called(process())
    assert process.traced == 3
    monkeypatch.undo()
    called(process())
    assert process.traced == 3


def test_hash_of_the_sources_changes_with_any_of_them(tmp_path, monkeypatch):
    found = []
    for text in ("x = 1", "x = 2"):
        (tmp_path / "one.py").write_text(text)
        monkeypatch.setattr(program_cache, "__file__", str(tmp_path / "program_cache.py"))
        program_cache.sources.cache_clear()
        found.append(program_cache.sources())
    program_cache.sources.cache_clear()
    assert found[0] != found[1]


@pytest.mark.parametrize("damage", ["empty", "cut", "one byte", "of another call", "noise"])
def test_damaged_file_is_ignored_and_replaced(folder, process, damage):
    called(process(), count=5)
    (other,) = folder.iterdir()
    expected = called(process())
    (path,) = {*folder.iterdir()} - {other}
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "empty": b"",
            "cut": whole[:-1],
            "one byte": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "of another call": other.read_bytes(),
            "noise": np.random.default_rng(0).bytes(1000),
        }[damage]
    )
    assert np.array_equal(called(process()), expected)
    assert process.traced == 3 and path.read_bytes()[program_cache.SUM :] != b""
    assert np.array_equal(called(process()), expected) and process.traced == 3


def test_folder_that_cannot_be_written_costs_nothing_but_time(folder, process):
    expected = called(process())
    (path,) = folder.iterdir()
    path.unlink()
    path.mkdir()
    assert np.array_equal(called(process()), expected) and process.traced == 2
    assert [*folder.iterdir()] == [path]


def test_nothing_is_kept_where_nobody_asked(folder, process, tmp_path):
    expected = called(process())
    for unasked in ("the compilation cache off", "no folder", "no compilation cache"):
        if unasked == "no folder":
            jax.config.update("jax_compilation_cache_dir", str(tmp_path / "elsewhere"))
        if unasked == "no compilation cache":
            jax.config.update("jax_compilation_cache_dir", None)
        jax.config.update("jax_enable_compilation_cache", unasked != "the compilation cache off")
        assert np.array_equal(called(process()), expected)
    jax.config.update("jax_enable_compilation_cache", True)
    assert process.traced == 4 and len([*folder.iterdir()]) == 1


def test_transformations_see_the_function_itself(folder, process):
    slope = jax.grad(lambda x: process()(Power(2.5, 3), x, count=2)[0].sum())(real(X))
    np.testing.assert_allclose(slope, 7.5 * X**2 / 2, rtol=1e-5)
    many = eqx.filter_vmap(lambda scale: process()(Power(scale, 3), real(X), count=2)[0])(jnp.arange(2.0))
    np.testing.assert_allclose(many[1], X**3 / 2, rtol=1e-5)
    assert not [*folder.iterdir()]


def test_what_cannot_be_described_or_written_down_is_compiled_as_ever(folder):
    doubled = Kept(lambda function, x: function(x))
    np.testing.assert_allclose(doubled(lambda x: 2 * x, real(X)), 2 * X, rtol=1e-6)
    module = Kept(lambda x: Power(x, 2))
    assert float(module(real(3.0)).scale) == 3.0 and not [*folder.iterdir()]


def test_error_of_a_function_is_its_own(folder):
    def refuses(x: Float[Array, ""]):
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        Kept(refuses)(real(1.0))


def test_memory_is_told_with_and_without_a_program(folder, process):
    arguments = Power(2.5, 3), real(X)
    kept = process().compiled(*arguments, count=2).memory_analysis()
    folder.rename(folder.with_name("elsewhere"))
    plain = process().compiled(*arguments, count=2).memory_analysis()
    assert min(kept.output_size_in_bytes, plain.output_size_in_bytes) >= 4 * X.size


@pytest.mark.parametrize("where", ["on disc", "nowhere"])
def test_results_are_written_over_an_argument_that_nobody_can_use_then(folder, where):
    if where == "nowhere":
        folder.rename(folder.with_name("elsewhere"))

    def add(x: Float[Array, " x"], before: Float[Array, " x"], factor: float):
        return before + factor * x

    for _ in range(2):
        added, before = kept_over("before")(add), real(np.arange(7.0))
        memory = added.compiled(real(X), before, 2.0).memory_analysis()
        assert memory.alias_size_in_bytes == before.nbytes
        np.testing.assert_allclose(added(real(X), before, 2.0), np.arange(7.0) + 2 * X, rtol=1e-6)
        assert before.is_deleted()
