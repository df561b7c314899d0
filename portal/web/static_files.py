"""Our own files for the browser: style, htmx, the card script. Called by templates (`asset`) and by the browser.

Files are built once under names that hold their hash and may be kept for ever; without a build, the sources are served
uncached. Only names in the table or the manifest exist: no path from a request ever reaches the disk.
"""

import json
import mimetypes
from pathlib import Path

from flask import Flask, Response, abort, request, send_file

SOURCES = {
    "pico.css": ("static/vendor/pico.min.css", "../node_modules/@picocss/pico/css/pico.min.css"),
    "portal.css": ("static/portal.css",),
    "htmx.js": ("static/vendor/htmx.min.js", "../node_modules/htmx.org/dist/htmx.min.js"),
    "card_fields.js": ("static/card_fields.js",),
}
CODINGS = (("br", ".br"), ("gzip", ".gz"))  # smallest first
FOR_EVER = "public, max-age=31536000, immutable"


def install(app: Flask) -> None:
    """Reads the manifest once and adds the one route."""
    room = Path(app.root_path)
    manifest = _manifest(room)
    built = {name: room / "static" / "built" / name for name in manifest.values()}

    def asset(name: str) -> str:
        return f"/static/{manifest.get(name, name)}"

    app.jinja_env.globals["asset"] = asset

    @app.get("/static/<name>")
    def static_file(name: str) -> Response:
        if name in built:
            return _send(built[name], FOR_EVER)
        places = SOURCES.get(name, ()) if name not in manifest else ()
        source = next((room / place for place in places if (room / place).is_file()), None)
        if source is None:
            abort(404)
        return _send(source, "no-cache")


def _manifest(room: Path) -> dict[str, str]:
    path = room / "static" / "manifest.json"
    if not path.is_file():
        return {}
    entries = json.loads(path.read_text())
    return {logical: Path(built).name for logical, built in entries.items()}


def _send(path: Path, caching: str) -> Response:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    coding, packed = next(
        (
            (coding, packed)
            for coding, ending in CODINGS
            if request.accept_encodings.quality(coding) > 0 and (packed := path.with_name(path.name + ending)).is_file()
        ),
        (None, path),
    )
    response = send_file(packed, mimetype=kind, conditional=True, etag=True)
    if coding:
        response.headers["Content-Encoding"] = coding
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = caching
    return response
