"""The shapes that parts of an address may have. Anything else is no address of ours: not found, before any look-up."""

from werkzeug.routing import BaseConverter


class Slug(BaseConverter):
    """An organisation's name in addresses."""

    regex = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"


class Token(BaseConverter):
    """A link's secret: 24 random bytes in URL-safe base64, exactly."""

    regex = r"[A-Za-z0-9_-]{32}"


class VisitId(BaseConverter):
    """A row's id."""

    regex = r"[0-9a-f]{32}"
