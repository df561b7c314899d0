"""Build the files a browser is sent: named by their content, compressed once, listed in a manifest.

Called by the Makefile after `npm ci`. Third-party files go to portal/static/vendor/ as they are; those and
portal's own style and scripts go to portal/static/built/ as `name.<sha256>.ext` with .gz and .br beside them,
so that the portal can serve them as immutable. portal/static/manifest.json maps the name a template uses to
the built file. Never fetches anything.
"""

import gzip
import hashlib
import json
import shutil
import sys
from pathlib import Path

import brotli

ROOT = Path(__file__).resolve().parents[1]
# The name a template uses -> the file of the npm package.
VENDOR = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "pico.css": "@picocss/pico/css/pico.min.css",
    "signature_pad.js": "signature_pad/dist/signature_pad.umd.min.js",
}
OWN_SUFFIXES = {".css", ".js", ".svg", ".png", ".ico", ".webmanifest"}
COMPRESSED_SUFFIXES = {".css", ".js", ".svg", ".webmanifest"}


def build(root: Path = ROOT) -> dict[str, str]:
    """Write vendor/, built/ and manifest.json anew under portal/static; returns the manifest."""
    static = root / "portal" / "static"
    vendor, built = static / "vendor", static / "built"
    for made in (vendor, built):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(parents=True)
    copies = {name: vendor / Path(origin).name for name, origin in VENDOR.items()}
    for name, copy in copies.items():
        shutil.copyfile(root / "node_modules" / VENDOR[name], copy)
    sources = {**own_files(static), **copies}
    manifest = {name: _publish(path, name, built) for name, path in sorted(sources.items())}
    draft = static / "manifest.json.new"
    draft.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    draft.replace(static / "manifest.json")
    return manifest


def own_files(static: Path) -> dict[str, Path]:
    """Portal's own files, by their path under static/."""
    return {
        path.relative_to(static).as_posix(): path
        for path in static.rglob("*")
        if path.suffix in OWN_SUFFIXES and path.relative_to(static).parts[0] not in {"vendor", "built"}
    }


def _publish(path: Path, name: str, built: Path) -> str:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:16]
    flat = name.replace("/", "-")
    stem, suffix = flat.rsplit(".", 1)
    target = built / f"{stem}.{digest}.{suffix}"
    target.write_bytes(content)
    if path.suffix in COMPRESSED_SUFFIXES:
        # mtime=0: the same file compresses to the same bytes on every machine.
        Path(f"{target}.gz").write_bytes(gzip.compress(content, 9, mtime=0))
        Path(f"{target}.br").write_bytes(brotli.compress(content))
    return target.name


if __name__ == "__main__":
    try:
        made = build()
    except FileNotFoundError as error:
        sys.exit(f"{error.filename} is missing: run `make build`, which installs it first.")
    print(f"Front end: {len(made)} files in portal/static/built")
