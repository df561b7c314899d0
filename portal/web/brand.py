"""An organisation's look: its colour made readable, and its initials as a mark. Called by the shell; holds no settings.

A colour that fails contrast is refused where it is set; this room still never trusts it, because a page must stay
readable.
"""

import base64
import colorsys
import hashlib
import re
from functools import lru_cache

NEUTRAL = "#1f4f82"
LIGHT_GROUND = "#f4f6f9"
DARK_GROUND = "#181d26"
CONTRAST_MIN = 4.5  # WCAG 2.2, 1.4.3
HEX = re.compile(r"#[0-9a-f]{6}", re.ASCII)

Rgb = tuple[float, float, float]


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two colours written as #rrggbb."""
    lighter, darker = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=512)
def readable(colour: str, ground: str, *, darker: bool) -> str:
    """`colour`, moved towards black or white by as little as it takes to be read on `ground`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_rgb(colour))
    for step in range(101):
        moved = lightness * (1 - step / 100) if darker else lightness + (1 - lightness) * step / 100
        candidate = _hex(colorsys.hls_to_rgb(hue, moved, saturation))
        if contrast(candidate, ground) >= CONTRAST_MIN:
            return candidate
    return "#000000" if darker else "#ffffff"


def stylesheet(colour: str | None) -> str:
    """The few custom properties that differ by organisation."""
    base = colour.lower() if colour and HEX.fullmatch(colour.lower()) else NEUTRAL
    solid = readable(base, "#ffffff", darker=True)
    text = readable(base, LIGHT_GROUND, darker=True)
    light = readable(base, DARK_GROUND, darker=False)
    return (
        f":root{{--brand:{solid};--brand-text:{text};--brand-on:#fff}}"
        f"@media (prefers-color-scheme:dark){{:root{{--brand-text:{light}}}}}"
    )


@lru_cache(maxsize=512)
def version(colour: str | None) -> str:
    """Changes when the stylesheet does, so that it can be cached for ever."""
    return hashlib.sha256(stylesheet(colour).encode()).hexdigest()[:12]


@lru_cache(maxsize=512)
def initials(name: str) -> str:
    """At most two capitals: Harbor Recovery Group -> HR; of a telephone number none."""
    words = [word for word in re.split(r"[^\w]+", name) if word[:1].isalnum()]
    if not any(word[0].isalpha() for word in words[:2]):
        return "P"
    return "".join(word[0] for word in words[:2]).upper() or "P"


@lru_cache(maxsize=512)
def icon(colour: str | None) -> str:
    """A favicon as a data address: no request of its own, and no third party."""
    base = colour.lower() if colour and HEX.fullmatch(colour.lower()) else NEUTRAL
    fill = readable(base, "#ffffff", darker=True)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="8" fill="{fill}"/>'
        '<path d="M9 17l5 5 9-11" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/></svg>'
    )
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _rgb(colour: str) -> Rgb:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def _hex(colour: Rgb) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
