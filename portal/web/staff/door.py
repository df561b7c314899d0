"""The door itself: the blueprint that every page of the console hangs on, under `/<slug>/staff`."""

from typing import Any

from flask import Blueprint, url_for

from portal.web.access import organisation

door = Blueprint("staff", __name__)

CONSOLE = "/<slug:slug>/staff"


def path_of(endpoint: str, **values: Any) -> str:
    """The address of a page of the console."""
    return url_for(f"staff.{endpoint}", slug=organisation().slug, **values)
