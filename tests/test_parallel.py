"""What one device sees, many devices and hosts see: in processes of their own, which count devices when they start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import parallel_hosts
import pytest

from ifux.galaxy import Galaxy
from ifux.io import write_galaxy

HERE = Path(__file__).parent


def environment(devices: int | None = None) -> dict[str, str]:
    """Variables of a process with a number of devices."""
    flags = os.environ["XLA_FLAGS"]
    if devices is not None:
        flags += f" --xla_force_host_platform_device_count={devices}"
    return os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "true"}


@pytest.mark.slow
def test_eight_devices_see_what_one_sees():
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "parallel_devices.py"]
    done = subprocess.run(
        command, cwd=HERE, env=environment(8), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_two_hosts_see_what_one_sees(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    files = [str(tmp_path / name) for name in ("galaxy.h5", "seen.npz")]
    with jax.enable_x64(True):
        write_galaxy(files[0], Galaxy(parallel_hosts.stars(), 0.1))
    processes = [
        subprocess.Popen(
            [sys.executable, "parallel_hosts.py", address, "2", str(process), *files],
            cwd=HERE,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for process in range(2)
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)
    with jax.enable_x64(True):
        telescope = parallel_hosts.telescope().aligned_to(parallel_hosts.stars())
        alone = parallel_hosts.seen(lambda t, p: t(p, key=parallel_hosts.key()))(telescope, parallel_hosts.stars())
    with np.load(files[1]) as found:
        for name, expected in zip(found.files, map(np.asarray, jax.tree.leaves(alone)), strict=True):
            assert np.abs(found[name] - expected).max() <= 1e-10 * np.abs(expected).max(), name
