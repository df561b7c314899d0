"""An organisation's colour on messages and paper, with the ink that can be read on it.

Called by wording and paper. A colour that fails contrast as text is refused where it is set; here it only fills a band.
"""

import re

COLOR_DEFAULT = "#1f4e79"
_HEX = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)


def checked_color(color: str | None) -> str:
    """The colour itself when it reads `#rrggbb`, else our own; nothing else may reach a style attribute."""
    return color.lower() if color is not None and _HEX.fullmatch(color) else COLOR_DEFAULT


def ink_on(color: str) -> str:
    """Black or white, whichever stands out more on the colour (WCAG 1.4.3)."""
    shade = luminance(color)
    return "#ffffff" if 1.05 / (shade + 0.05) >= (shade + 0.05) / 0.05 else "#000000"


def luminance(color: str) -> float:
    """Relative luminance of `#rrggbb` as WCAG 2.2 defines it, 0 to 1."""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
