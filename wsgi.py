"""The portal as a WSGI application: `granian --interface wsgi wsgi:app`, or `flask --app wsgi ...` for commands."""

from config import Settings
from portal.app import build_ports, create_app
from portal.usecases.deployment import DatabaseOfAnotherGateway, require_own_gateway
from portal.usecases.failpoint import arm

settings = Settings.from_environment()
if settings.failpoints:
    arm(settings.failpoints)
ports = build_ports(settings)
if ports.database.is_up():  # a portal that starts before its database says so on its pages, and sends nothing
    try:
        require_own_gateway(ports.database, settings.gateway)
    except DatabaseOfAnotherGateway as error:
        raise SystemExit(str(error)) from error
    finally:
        ports.database.dispose()  # nothing open may be taken over a fork
app = create_app(settings, ports)
