"""The running code as a wheel, to lie beside a model.

A model holds data only; whoever loads it in a clean environment installs this wheel. It is packed from the
package as it runs, installed or editable, so that no build tool is needed, and the same code gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Final

__all__ = ["pack", "release", "requirements"]

PACKAGES: Final = ("treeshap", "core", "agreement", "features", "training", "serving", "cli")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_SKIP: Final = frozenset({"__pycache__"})


def release() -> str:
    """Return the version of Leadlight that runs."""
    return metadata.version("leadlight")


def pack(folder: Path) -> Path:
    """Write ``leadlight-<version>-py3-none-any.whl`` into a folder and return its path."""
    version = release()
    info = f"leadlight-{version}.dist-info"
    files = {name: path.read_bytes() for name, path in sorted(_sources().items())}
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: leadlight\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nleadlight = leadlight.cli.main:main\n"
    record = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    wheel = folder / f"leadlight-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return wheel


def requirements() -> list[str]:
    """Return what the package needs at run time, pinned to what is installed: ``["numpy==2.4.6", ...]``."""
    needed = [r for r in metadata.requires("leadlight") or [] if "extra ==" not in r]
    names = [_distribution(requirement) for requirement in needed]
    return [f"{name}=={metadata.version(name)}" for name in sorted(names)]


def _distribution(requirement: str) -> str:
    end = next((i for i, c in enumerate(requirement) if not (c.isalnum() or c in "-_.")), len(requirement))
    return requirement[:end]


def _sources() -> dict[str, Path]:
    """Name in the wheel of every file of every package: folder X is leadlight/X."""
    found = {}
    for package in PACKAGES:
        origin = importlib.import_module(f"leadlight.{package}").__file__
        if origin is None:  # a folder without __init__.py: nothing of ours
            continue
        root = Path(origin).parent
        for path in root.rglob("*"):
            if path.is_file() and not _SKIP & set(path.parts):
                found[f"leadlight/{package}/{path.relative_to(root).as_posix()}"] = path
    return found


def _metadata() -> str:
    distribution = metadata.distribution("leadlight")
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    if text is None:
        raise FileNotFoundError("leadlight is installed without metadata; install it again with 'make install'")
    return text


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
