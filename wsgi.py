"""The portal as a WSGI application: `granian --interface wsgi wsgi:app`, or `flask --app wsgi ...` for commands."""

from config import Settings
from portal.app import create_app
from portal.usecases.failpoint import arm

settings = Settings.from_environment()
if settings.failpoints:
    arm(settings.failpoints)
app = create_app(settings)
