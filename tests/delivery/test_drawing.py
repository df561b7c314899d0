"""A drawn signature comes out as our own small PNG with nothing else in it, or not at all (attack 102)."""

import base64
import io
import struct
import zlib

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from portal.delivery.drawing import HEIGHT, PREFIX, WIDTH, Drawings
from portal.domain.refusal import Refused

drawings = Drawings()


def drawing(width: int = 700, height: int = 240, mode: str = "RGBA") -> Image.Image:
    picture = Image.new(mode, (width, height), 0 if mode == "RGBA" else 255)
    pen = ImageDraw.Draw(picture)
    ink = (16, 24, 60, 255) if mode == "RGBA" else 0
    pen.line([(40, height // 2), (width // 3, 40), (width // 2, height - 40), (width - 60, 60)], fill=ink, width=5)
    return picture


def png(picture: Image.Image, **options: object) -> bytes:
    kept = io.BytesIO()
    picture.save(kept, "PNG", **options)  # type: ignore[arg-type]  # Pillow's own options
    return kept.getvalue()


def url(raw: bytes, prefix: str = PREFIX) -> str:
    return prefix + base64.b64encode(raw).decode()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def chunks_of(raw: bytes) -> list[bytes]:
    kinds, place = [], 8
    while place < len(raw):
        (length,) = struct.unpack(">I", raw[place : place + 4])
        kinds.append(raw[place + 4 : place + 8])
        place += 12 + length
    return kinds


@pytest.mark.parametrize("size", [(700, 240), (40, 30), (2_000, 900), (300, 1_200)])
@pytest.mark.parametrize("mode", ["RGBA", "L"])
def test_whatever_was_drawn_is_kept_in_one_size_and_one_shape(size: tuple[int, int], mode: str) -> None:
    kept = drawings.redrawn(url(png(drawing(*size, mode=mode))))
    with Image.open(io.BytesIO(kept)) as picture:
        picture.load()
        assert (picture.format, picture.size, picture.mode) == ("PNG", (WIDTH, HEIGHT), "L")
        darkest, brightest = picture.getextrema()
        assert darkest < 64, "ink"
        assert brightest == 255, "on white paper"
    assert set(chunks_of(kept)) == {b"IHDR", b"IDAT", b"IEND"}
    assert len(kept) < 40_000


def test_the_same_drawing_is_kept_as_the_same_bytes() -> None:
    assert drawings.redrawn(url(png(drawing()))) == drawings.redrawn(url(png(drawing())))


def test_attack_102_nothing_but_the_ink_survives() -> None:
    """EXIF with a place, comments, a colour profile, a tail that is another file."""
    exif = Image.Exif()
    exif[0x010E] = "SECRET-DESCRIPTION"
    exif.get_ifd(0x8825)[2] = (41.0, 52.0, 0.0)
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "SECRET-COMMENT")
    notes.add_text("XML:com.adobe.xmp", "SECRET-XMP")
    raw = png(drawing(), exif=exif, pnginfo=notes, icc_profile=b"SECRET-PROFILE")
    assert raw.count(b"SECRET") >= 3
    for tail in (b"", b"<script>alert(1)</script>", b"PK\x03\x04SECRET-ZIP", b"%PDF-1.7 SECRET"):
        kept = drawings.redrawn(url(raw + tail))
        assert b"SECRET" not in kept
        assert b"script" not in kept
        assert kept.endswith(b"IEND\xaeB`\x82")
        assert set(chunks_of(kept)) == {b"IHDR", b"IDAT", b"IEND"}


def bomb(width: int, height: int) -> bytes:
    """Says it is huge and is a few bytes long."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\x00" * 1_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def animated() -> bytes:
    return png(drawing(), save_all=True, append_images=[drawing(mode="RGBA").rotate(90)], default_image=False)


def other_format(name: str) -> bytes:
    kept = io.BytesIO()
    drawing().convert("RGB").save(kept, name)
    return kept.getvalue()


WHOLE = png(drawing())
BAD: dict[str, str] = {
    "not base64": PREFIX + "!!!!",
    "half of its base64": url(WHOLE)[:-3],
    "no image": url(b"hello"),
    "empty": PREFIX,
    "an SVG with a script": url(b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
    "an SVG said to be one": url(b"<svg/>", "data:image/svg+xml;base64,"),
    "a JPEG under the name of a PNG": url(other_format("JPEG")),
    "a GIF under the name of a PNG": url(other_format("GIF")),
    "a JPEG said to be one": url(other_format("JPEG"), "data:image/jpeg;base64,"),
    "an address": "https://evil.example/signature.png",
    "a file": "file:///etc/passwd",
    "fifty megapixels": url(bomb(10_000, 5_000)),
    "a strip of four thousand and one": url(bomb(4_001, 10)),
    "no width": url(bomb(0, 100)),
    "two thousand million pixels": url(bomb(2**31 - 1, 2**31 - 1)),
    "twenty megabytes": url(WHOLE + b"\x00" * 20_000_000),
    "truncated": url(WHOLE[: len(WHOLE) // 2]),
    "only its head": url(WHOLE[:40]),
    "only its name": url(WHOLE[:8]),
    "a wrong checksum": url(WHOLE[:60] + bytes([WHOLE[60] ^ 255]) + WHOLE[61:]),
    "animated": url(animated()),
    "letters that are not ASCII": PREFIX + "ａａａａ",
    "a polyglot that begins with something else": url(b"GIF89a" + WHOLE),
}


@pytest.mark.parametrize("name", BAD)
def test_attack_102_what_is_no_plain_drawing_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refusal:
        drawings.redrawn(BAD[name])
    assert refusal.value.code in {"drawing_unusable", "drawing_missing"}


def test_an_empty_sheet_and_a_dot_are_no_signature() -> None:
    empty = Image.new("RGBA", (600, 200), 0)
    dot = empty.copy()
    ImageDraw.Draw(dot).point([(300, 100), (301, 100)], fill=(0, 0, 0, 255))
    white = Image.new("RGB", (600, 200), "white")
    for picture in (empty, dot, white):
        with pytest.raises(Refused, match="drawing_missing"):
            drawings.redrawn(url(png(picture)))
    with pytest.raises(Refused, match="drawing_missing"):
        drawings.redrawn("")
