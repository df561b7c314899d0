"""A drawn signature, drawn anew: whatever arrived is decoded within limits, and only its ink is kept, on our own sheet.

Called by the signing use case through its port. What comes out is a grey PNG of one size without anything else in it:
no metadata, no second picture, no tail. What is no plain PNG within the limits is refused (attack 102).
"""

import base64
import binascii
import io
import struct
import warnings

from PIL import Image, ImageChops, UnidentifiedImageError

from portal.domain.refusal import Refused

WIDTH, HEIGHT = 900, 300  # of every signature we keep
MARGIN = 24
PREFIX = "data:image/png;base64,"
BYTES_MAX = 400_000
SIDE_MAX = 4_000  # a phone's canvas at three pixels for one is within it
PIXELS_MAX = 4_000_000
INK_MIN = 40  # pixels that are clearly dark: fewer is a slip of the finger
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Drawings:
    """Reads what a signature pad sends. Holds nothing; safe to share between threads."""

    def redrawn(self, data_url: str) -> bytes:
        """The PNG to keep, the same for the same drawing. Refused `drawing_missing`, `drawing_unusable`."""
        raw = _decoded(data_url)
        _require_modest(raw)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(io.BytesIO(raw), formats=("PNG",)) as picture:
                    if getattr(picture, "n_frames", 1) != 1:
                        raise Refused("drawing_unusable")
                    picture.load()
                    ink = _ink(picture)
        except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError,
                Image.DecompressionBombWarning, struct.error, MemoryError) as error:  # fmt: skip
            raise Refused("drawing_unusable") from error
        box = ink.point(lambda shade: 255 if shade > 96 else 0).getbbox()
        if box is None or sum(ink.crop(box).histogram()[97:]) < INK_MIN:
            raise Refused("drawing_missing")
        return _on_our_sheet(ink.crop(box))


def _decoded(data_url: str) -> bytes:
    if not data_url:
        raise Refused("drawing_missing")
    if not data_url.startswith(PREFIX) or len(data_url) > len(PREFIX) + BYTES_MAX * 4 // 3 + 4:
        raise Refused("drawing_unusable")
    try:
        return base64.b64decode(data_url[len(PREFIX) :].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Refused("drawing_unusable") from error


def _require_modest(raw: bytes) -> None:
    """The size a PNG says it has, before anything is decoded."""
    if len(raw) > BYTES_MAX or not raw.startswith(_SIGNATURE) or raw[12:16] != b"IHDR" or len(raw) < 33:
        raise Refused("drawing_unusable")
    width, height = struct.unpack(">II", raw[16:24])
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX and width * height <= PIXELS_MAX):
        raise Refused("drawing_unusable")


def _ink(picture: Image.Image) -> Image.Image:
    """How dark each point is on white paper, 0 to 255."""
    coloured = picture.convert("RGBA")
    sheet = Image.new("RGBA", coloured.size, "white")
    sheet.alpha_composite(coloured)
    return ImageChops.invert(sheet.convert("L"))


def _on_our_sheet(ink: Image.Image) -> bytes:
    room = (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN)
    scale = min(room[0] / ink.width, room[1] / ink.height, 4.0)
    size = (max(1, round(ink.width * scale)), max(1, round(ink.height * scale)))
    drawn = ink.resize(size, Image.Resampling.LANCZOS)
    sheet = Image.new("L", (WIDTH, HEIGHT), 0)
    sheet.paste(drawn, (MARGIN, (HEIGHT - size[1]) // 2))
    kept = io.BytesIO()
    # sixteen greys are enough for ink, and a signature stays a few kilobytes
    ImageChops.invert(sheet).quantize(16, dither=Image.Dither.NONE).convert("L").save(kept, "PNG", optimize=True)
    return kept.getvalue()
