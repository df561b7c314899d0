"""Typing by keyboard alone into a field in a frame of another site, and leaving it. For browser tests only."""

import re

from playwright.sync_api import Locator, Page, expect

TRIES = 5


def type_in_frame(page: Page, field: Locator, digits: str) -> None:
    """Types into the field that has just got the focus, until all of it stands there.

    A frame of another site is another process. Its document has the focus a moment before the browser sends it the
    keys; what is typed in between goes nowhere, as it would for a person who types within a millisecond of Tab.
    """
    expect(field).to_be_focused()
    for _ in range(TRIES):
        page.keyboard.type(digits)
        if re.sub(r"\D", "", field.input_value()) == digits:
            return
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
    raise AssertionError(f"{digits} was typed {TRIES} times and {field.input_value()!r} stands there")


def leave_frames(page: Page, goal: Locator) -> None:
    """Waits until the page itself hears keys, after Tab went from a field in a frame to `goal`.

    On the way back, too, the focus is there a moment before the keys are. Shift alone does nothing anywhere.
    """
    expect(goal).to_be_focused()
    page.evaluate("() => addEventListener('keydown', () => { window.hearsKeys = true }, { capture: true, once: true })")
    for _ in range(TRIES):
        page.keyboard.press("Shift")
        if page.evaluate("() => window.hearsKeys === true"):
            return
    raise AssertionError("the page has the focus and hears no keys")
