"""Is this machine ready? Each answer is measured, not assumed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import attrs

import stimplan
from stimplan.errors import StimplanError

_PACKAGES = (
    *("attrs", "jinja2", "jsonschema", "matplotlib", "mne", "nibabel", "numba", "numpy"),
    *("platformdirs", "pyamg", "pyvista", "reportlab", "rich", "scipy"),
)
# A run on the shipped head at its default mesh was measured to take 0.1 GB of disk and 1.1 GB of memory.
_DISK_NEEDED_B = 1_000_000_000
_MEMORY_NEEDED_B = 2_000_000_000

_RENDER = (
    "import pyvista; from vtkmodules.vtkCommonCore import vtkLogger;"
    "vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR);"
    "p = pyvista.Plotter(off_screen=True, window_size=[64, 64]); p.add_mesh(pyvista.Sphere(), color='red');"
    "image = p.screenshot(return_img=True); p.close(); print(int(image.std() > 5))"
)


@attrs.frozen
class Check:
    """One thing that was looked at."""

    name: str
    is_ok: bool
    detail: str

    def record(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return attrs.asdict(self)


def examine(folder: Path | None = None) -> tuple[Check, ...]:
    """Look at program, packages, data, cache, disk, memory and off-screen rendering.

    Parameters
    ----------
    folder : Path, optional
        Where results are to be written; the current folder if left out.
    """
    return (
        Check("stimplan", True, f"{stimplan.__version__}, Python {platform.python_version()}, {platform.platform()}"),
        _packages(),
        _data(),
        _cache(),
        _disk(folder or Path.cwd()),
        _memory(),
        _rendering(),
    )


def _packages() -> Check:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", False, f"missing: {', '.join(missing)}; install stimplan again")
    return Check("packages", True, ", ".join(found))


def _data() -> Check:
    """Everything that is shipped can be read."""
    from stimplan.protocol import list_protocols, read_protocol
    from stimplan.safety import load_rules

    try:
        protocols = [read_protocol(entry.path) for entry in list_protocols()]
        rules = load_rules()
    except StimplanError as error:
        return Check("shipped data", False, str(error))
    return Check("shipped data", True, f"{len(protocols)} protocols, safety rules {rules.version}")


def _cache() -> Check:
    from stimplan.resources import cache_path

    try:
        folder = cache_path("doctor").parent
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"stimplan")
    except OSError as error:
        return Check(
            "cache", False, f"{error.filename or ''} cannot be written to ({error.strerror}); set STIMPLAN_CACHE"
        )
    return Check("cache", True, str(folder))


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    return Check(
        "disk", free >= _DISK_NEEDED_B, f"{free / 1e9:.1f} GB free in {folder}, {_DISK_NEEDED_B / 1e9:.0f} needed"
    )


def _memory() -> Check:
    """Memory a new program may take, where the system tells."""
    try:
        pages = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else None
    except (AttributeError, ValueError, OSError):
        pages = None
    if pages is None:
        return Check("memory", True, f"not told by this system; {_MEMORY_NEEDED_B / 1e9:.0f} GB needed")
    free = pages * os.sysconf("SC_PAGE_SIZE")
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():  # what is cached counts as free
        lines = dict(line.split(":") for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
        free = 1024 * int(lines.get("MemAvailable", "0 kB").split()[0]) or free
    return Check("memory", free >= _MEMORY_NEEDED_B, f"{free / 1e9:.1f} GB free, {_MEMORY_NEEDED_B / 1e9:.0f} needed")


def _rendering() -> Check:
    """Draw a sphere in a process of its own: a broken graphics driver ends the process that tries it."""
    try:
        done = subprocess.run([sys.executable, "-c", _RENDER], capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check("off-screen pictures", False, f"{error}; use --no-figures")
    if done.returncode == 0 and done.stdout.strip() == "1":
        return Check("off-screen pictures", True, "a test picture was drawn")
    last = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
    return Check("off-screen pictures", False, f"{last}; install libgl1/libegl1, or use --no-figures")
