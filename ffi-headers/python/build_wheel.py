#!/usr/bin/env python3
"""Makes the wheel that carries libderust, its models and ONNX Runtime.

    build_wheel.py --prefix PREFIX --output FOLDER

PREFIX is an install prefix (`cargo xtask install --prefix PREFIX`). The built-in models are part of libderust. The
wheel is for any Python 3 and for the Linux systems whose C and C++ libraries are new enough for what it carries; its
tag says so (PEP 600), read from the libraries themselves. The same input gives the same file, byte by byte.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import os
import re
import struct
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

HERE = Path(__file__).resolve().parent
LIBRARY = "libderust.so.1"

# Tries models out; libderust looks for it beside itself.
TRIAL = "derust-trial"

# What PEP 600 lets a wheel expect of the system, as far as the two libraries need it.
OF_THE_SYSTEM = {
    "ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1",
    "libstdc++.so.6",
}  # fmt: skip
# GLIBCXX_3.4.N that systems with glibc 2.M have at least: (M, N), from manylinux-policy.json of PyPA's auditwheel.
GLIBCXX = [(17, 19), (24, 22)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", type=Path, required=True, help="an install prefix")
    parser.add_argument("--output", type=Path, required=True, help="the folder for the wheel")
    parser.add_argument("--source", type=Path, default=HERE, help="the Python package's source")
    arguments = parser.parse_args()
    try:
        print(build(arguments.source, arguments.prefix, arguments.output))
    except (OSError, ValueError, struct.error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(source: Path, prefix: Path, output: Path) -> Path:
    """Writes the wheel; returns its path."""
    carried = libraries(prefix)
    files: Dict[str, bytes] = {}
    package = source / "src" / "derust"
    for path in sorted(package.rglob("*")):
        if path.is_file() and (path.suffix == ".py" or path.name == "py.typed"):
            files[f"derust/{path.relative_to(package).as_posix()}"] = path.read_bytes()
    if "derust/__init__.py" not in files:
        raise ValueError(f"{source} is not the source of the Python package: it has no src/derust/__init__.py")
    tag = f"manylinux_2_{max(lowest_glibc(path) for path in carried.values())}_x86_64"
    for name, path in carried.items():
        files[f"derust/_lib/{name}"] = path.read_bytes()
    runtime = prefix / "lib" / "onnxruntime"
    for name in ("LICENSE", "ThirdPartyNotices.txt"):
        if not (runtime / name).is_file():
            raise ValueError(f"{runtime / name} is missing; ONNX Runtime's licence wants it in the wheel")
        files[f"derust/_lib/onnxruntime/{name}"] = (runtime / name).read_bytes()

    version = package_version(files["derust/__init__.py"].decode())
    info = f"derust-{version}.dist-info"
    licences = licence_folder(source, prefix)
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[f"{info}/licenses/{name}"] = (licences / name).read_bytes()
    files[f"{info}/METADATA"] = metadata(source, version).encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: derust build_wheel\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n"
    ).encode()
    files[f"{info}/RECORD"] = record(files, f"{info}/RECORD")

    output.mkdir(parents=True, exist_ok=True)
    wheel = output / f"derust-{version}-py3-none-{tag}.whl"
    write(wheel, files)
    return wheel


def libraries(prefix: Path) -> Dict[str, Path]:
    """What the wheel carries, by its place below ``derust/_lib``."""
    found = {
        LIBRARY: prefix / "lib" / LIBRARY,
        TRIAL: prefix / "lib" / TRIAL,
        "onnxruntime/libonnxruntime.so.1": prefix / "lib" / "onnxruntime" / "libonnxruntime.so.1",
    }
    for path in found.values():
        if not path.is_file():
            raise ValueError(f"{path} is missing; make the prefix with `cargo xtask install --prefix {prefix}`")
    return found


def licence_folder(source: Path, prefix: Path) -> Path:
    folders = [prefix / "share" / "derust" / "licenses", source.parent.parent]
    for folder in folders:
        if (folder / "LICENSE-MIT").is_file():
            return folder
    raise ValueError(f"LICENSE-MIT is in none of {', '.join(map(str, folders))}")


def package_version(init: str) -> str:
    for statement in ast.parse(init).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__version__":
            return str(ast.literal_eval(statement.value))
    raise ValueError("derust/__init__.py does not say __version__")


def metadata(source: Path, version: str) -> str:
    """METADATA (core metadata 2.1) from what pyproject.toml says."""
    text = (source / "pyproject.toml").read_text(encoding="utf-8")

    def value(key: str) -> str:
        match = re.search(rf'^{key} = (?:\{{ text = )?"([^"]*)"', text, re.MULTILINE)
        if not match:
            raise ValueError(f"pyproject.toml does not say {key}")
        return match.group(1)

    def values(key: str) -> List[str]:
        match = re.search(rf"^{key} = (\[.*?\])", text, re.MULTILINE | re.DOTALL)
        if not match:
            raise ValueError(f"pyproject.toml does not say {key}")
        return list(ast.literal_eval(match.group(1)))

    lines = [
        "Metadata-Version: 2.1",
        f"Name: {value('name')}",
        f"Version: {version}",
        f"Summary: {value('description')}",
        f"License: {value('license')}",
        f"Requires-Python: {value('requires-python')}",
        *(f"Classifier: {classifier}" for classifier in values("classifiers")),
        *(f"Requires-Dist: {dependency}" for dependency in values("dependencies")),
        "Description-Content-Type: text/markdown",
        "",
        (source / "README.md").read_text(encoding="utf-8"),
    ]
    return "\n".join(lines)


def record(files: Dict[str, bytes], own_name: str) -> bytes:
    """RECORD: every file with its SHA-256 and size."""
    lines = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    lines.append(f"{own_name},,\n")
    return "".join(lines).encode()


def write(wheel: Path, files: Dict[str, bytes]) -> None:
    """Writes the whole wheel, or none."""
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=wheel.parent)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(files.items(), key=lambda item: (".dist-info/" in item[0], item[0])):
                entry = zipfile.ZipInfo(name)  # dated 1980, so that equal input gives an equal file
                entry.compress_type = zipfile.ZIP_DEFLATED
                is_program = ".so." in name or name.endswith(TRIAL)
                # Installers look for a regular file before they believe that it is a program.
                entry.external_attr = (0o100755 if is_program else 0o100644) << 16
                archive.writestr(entry, content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, wheel)
    except BaseException:
        os.unlink(temporary)
        raise


def lowest_glibc(path: Path) -> int:
    """The M of the oldest glibc 2.M whose systems have what a library needs."""
    needed, versions = needs(path.read_bytes(), path)
    foreign = needed - OF_THE_SYSTEM
    if foreign:
        raise ValueError(f"{path} needs {', '.join(sorted(foreign))}, which a wheel may not expect of the system")
    lowest = 17
    for version in versions:
        family, _, number = version.partition("_")
        parts = [int(part) for part in number.split(".") if part.isdecimal()]
        if family == "GLIBC" and len(parts) > 1:
            lowest = max(lowest, parts[1])
        elif family == "GLIBCXX" and len(parts) == 3:
            of_that = [glibc for glibc, glibcxx in GLIBCXX if glibcxx >= parts[2]]
            if not of_that:
                raise ValueError(f"{path} needs {version}; it is not known which systems have it")
            lowest = max(lowest, min(of_that))
    return lowest


def needs(elf: bytes, path: Path) -> Tuple[set[str], set[str]]:
    """The libraries that an ELF file for x86-64 is linked to, and the symbol versions that it needs of them."""
    if elf[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", elf, 18)[0] != 62:
        raise ValueError(f"{path} is not a library for Linux on x86-64")
    # Elf64_Shdr: type at 4, offset at 24, size at 32, link at 40 (System V ABI, gABI 4.1, chapter 4).
    start, entry_size, count = (
        struct.unpack_from("<Q", elf, 40)[0],
        *struct.unpack_from("<HH", elf, 58),
    )
    sections = [
        struct.unpack_from("<4xI16xQQI", elf, start + index * entry_size) for index in range(count)
    ]

    def string(section: int, offset: int) -> str:
        begin = sections[section][1] + offset
        return elf[begin : elf.index(b"\0", begin)].decode()

    needed, versions = set(), set()
    for kind, offset, size, link in sections:
        if kind == 6:  # SHT_DYNAMIC, DT_NEEDED is 1
            for tag, number in struct.iter_unpack("<qQ", elf[offset : offset + size]):
                if tag == 1:
                    needed.add(string(link, number))
        elif kind == 0x6FFFFFFE:  # SHT_GNU_verneed
            versions.update(string(link, name) for name in needed_versions(elf, offset))
    return needed, versions


def needed_versions(elf: bytes, offset: int) -> Iterator[int]:
    """The names (offsets into the string table) in a chain of Elf64_Verneed and Elf64_Vernaux (LSB Core, 10.7.2)."""
    while True:
        count, auxiliary, following = struct.unpack_from("<2xH4xII", elf, offset)
        place = offset + auxiliary
        for _ in range(count):
            name, step = struct.unpack_from("<8xII", elf, place)
            yield name
            place += step
        if not following:
            return
        offset += following


if __name__ == "__main__":
    sys.exit(main())
