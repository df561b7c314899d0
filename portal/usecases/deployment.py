"""Which gateway the money of a database is at: stamped at its first start, asked at every later one (F8).

Called by wsgi.py and worker.py before anything is done. A staging machine that was given a copy of the live
database, or its address, would otherwise end every payment that is due as not sent.
"""

from portal.storage import Database, organisation

GATEWAY = "gateway"
NOBODY = ""  # the stamp is above all organisations


class DatabaseOfAnotherGateway(Exception):
    """The text says what belongs to what, and what to do."""


def require_own_gateway(database: Database, gateway: str) -> None:
    """DatabaseOfAnotherGateway when what is in the database was made for another gateway than this process has."""
    with database.across() as session:
        if not organisation.is_migrated(session):
            return  # empty yet: nothing in it can be charged
        stamped = organisation.stamp(session, GATEWAY)
        known = {stamped} if stamped else organisation.gateway_environments(session)
    if not stamped and known <= {gateway}:
        with database.transaction(NOBODY) as session:
            organisation.stamp_once(session, GATEWAY, gateway)
        with database.across() as session:
            known = {organisation.stamp(session, GATEWAY) or gateway}
    if known != {gateway}:
        raise DatabaseOfAnotherGateway(
            f"Refused to start: this database belongs to the gateway {' and '.join(sorted(known))}, and GATEWAY is "
            f"{gateway}. Nothing was changed. Give this process the gateway of its database, or a database of its own."
        )
