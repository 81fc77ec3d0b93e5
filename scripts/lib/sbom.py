"""What is in a package: sbom.py VERSION ARCHITECTURE LICENCES.

Prints a CycloneDX document of the crates that are compiled into the program and the modules, of the C libraries inside
them and of what is linked beside. Writes the texts of their licences to the file LICENCES, each text once. Nothing in
either depends on when and where it is made.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys
import uuid

import tomllib

ROOTS = ("driftless", "driftless-modules")
# Crate -> the C library in it, and where its version stands; `None` is after the `+` of the crate's version.
LIBRARIES = {
    "libgit2-sys": ("libgit2", None),
    "zstd-sys": ("zstd", None),
    "libsqlite3-sys": ("sqlite", ("sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([^"]+)"')),
    "libz-sys": ("zlib", ("src/zlib/zlib.h", r'#define ZLIB_VERSION\s+"([^"]+)"')),
}
TEXTS = re.compile(r"(?i)(licen[cs]e|copying|copyright|notice|unlicense)")


def told(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def compiled(metadata):
    """The packages below the roots, without what only builds and tests need; and who needs whom."""
    nodes = {it["id"]: it for it in metadata["resolve"]["nodes"]}
    waiting = [it["id"] for it in metadata["packages"] if it["name"] in ROOTS]
    needs = {}
    while waiting:
        package = waiting.pop()
        if package in needs:
            continue
        needs[package] = sorted(
            it["pkg"] for it in nodes[package]["deps"] if any(kind["kind"] is None for kind in it["dep_kinds"])
        )
        waiting.extend(needs[package])
    return needs


def reference(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def library(package):
    name, where = LIBRARIES[package["name"]]
    _, _, version = package["version"].partition("+")
    if where:
        header = pathlib.Path(package["manifest_path"]).parent / where[0]
        found = re.search(where[1], header.read_text(errors="replace")) if header.exists() else None
        version = found[1] if found else ""
    version = re.sub(r"^[a-z]+[.-]", "", version)
    return {"type": "library", "name": name, "bom-ref": f"{reference(package)}#{name}"} | (
        {"version": version} if version else {}
    )


def component(package, checksums):
    made = {
        "type": "library",
        "bom-ref": reference(package),
        "name": package["name"],
        "version": package["version"],
        "purl": reference(package),
    }
    if package["license"]:
        # Older crates write `/` where the form wants `OR`.
        made["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    checksum = checksums.get((package["name"], package["version"]))
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["name"] in LIBRARIES:
        made["components"] = [library(package)]
    return made


def document(version, architecture, packages, needs, lock):
    checksums = {(it["name"], it["version"]): it["checksum"] for it in lock["package"] if "checksum" in it}
    top = f"pkg:generic/driftless@{version}?arch={architecture}"
    chosen = sorted((packages[it] for it in needs), key=reference)
    made = [component(it, checksums) for it in chosen]
    rust = told("rustc", "--version").split()[1]
    made.append({"type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": rust})
    made.append({"type": "library", "bom-ref": "musl", "name": "musl"})
    edges = [{"ref": top, "dependsOn": [reference(it) for it in chosen if it["name"] in ROOTS] + ["rust-std", "musl"]}]
    edges += [
        {"ref": reference(packages[it]), "dependsOn": sorted(reference(packages[that]) for that in needs[it])}
        for it in sorted(needs, key=lambda it: reference(packages[it]))
    ]
    text = json.dumps([made, edges], sort_keys=True)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        # The same content has the same number.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256((top + text).encode()).hexdigest())}",
        "version": 1,
        "metadata": {"component": {"type": "application", "bom-ref": top, "name": "driftless", "version": version}},
        "components": made,
        "dependencies": edges,
    }


def licences(packages):
    """Each text once, with the crates that it belongs to."""
    texts = {}
    for package in sorted(packages, key=reference):
        folder = pathlib.Path(package["manifest_path"]).parent
        for path in sorted(it for it in folder.iterdir() if it.is_file() and TEXTS.match(it.name)):
            text = path.read_text(errors="replace").strip()
            texts.setdefault(text, []).append(f"{package['name']} {package['version']}")
    return "\n\n".join(f"==== {', '.join(dict.fromkeys(of))}\n\n{text}" for text, of in texts.items()) + "\n"


def main():
    version, architecture, out = sys.argv[1:]
    triple = f"{architecture}-unknown-linux-musl"
    metadata = json.loads(told("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", triple))
    packages = {it["id"]: it for it in metadata["packages"]}
    needs = compiled(metadata)
    lock = tomllib.loads(pathlib.Path("Cargo.lock").read_text())
    pathlib.Path(out).write_text(licences([packages[it] for it in needs if packages[it]["source"]]))
    print(json.dumps(document(version, architecture, packages, needs, lock), indent=1))


if __name__ == "__main__":
    main()
