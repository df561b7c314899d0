"""The door itself: the blueprint that the customers' pages hang on, and their addresses.

Signing in is under `/<slug>/sign-in`, everything behind it under `/<slug>/account`.
"""

from typing import Any

from flask import Blueprint, url_for

from portal.web.access import organisation

door = Blueprint("customer", __name__)

SLUG = "/<slug:slug>"
SIGN_IN = f"{SLUG}/sign-in"
ACCOUNT = f"{SLUG}/account"


def path_of(endpoint: str, **values: Any) -> str:
    """The address of a page of this door."""
    return url_for(f"customer.{endpoint}", slug=organisation().slug, **values)
