"""F8: keys of one gateway and payments of another never meet, whichever of them was exchanged."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from portal.storage import Database, organisation
from portal.usecases.deployment import GATEWAY, NOBODY, DatabaseOfAnotherGateway, require_own_gateway
from tests.rig.house import House


def stamped(database: Database) -> str | None:
    with database.across() as session:
        return organisation.stamp(session, GATEWAY)


@pytest.mark.parametrize("other", ["sandbox", "production"])
def test_f8_a_database_belongs_to_the_gateway_of_its_first_start(database: Database, other: str) -> None:
    require_own_gateway(database, "simulator")
    require_own_gateway(database, "simulator")
    with pytest.raises(DatabaseOfAnotherGateway, match=f"belongs to the gateway simulator, and GATEWAY is {other}"):
        require_own_gateway(database, other)
    assert stamped(database) == "simulator"


def test_f8_without_a_stamp_the_merchants_say_whose_it_is(house: House) -> None:
    database = house.ports.database
    with pytest.raises(DatabaseOfAnotherGateway, match="simulator"):
        require_own_gateway(database, "production")
    assert stamped(database) is None
    require_own_gateway(database, "simulator")
    assert stamped(database) == "simulator"


def test_f8_of_processes_that_start_at_once_the_first_one_decides(database: Database) -> None:
    def start(gateway: str) -> bool:
        try:
            require_own_gateway(database, gateway)
        except DatabaseOfAnotherGateway:
            return False
        return True

    gateways = ["sandbox", "production"] * 4
    with ThreadPoolExecutor(8) as pool:
        let_in = dict(zip(range(8), pool.map(start, gateways), strict=True))
    assert {gateways[number] for number, is_in in let_in.items() if is_in} == {stamped(database)}


def test_the_stamp_is_nobodys_and_written_in_one_statement(database: Database) -> None:
    with database.transaction(NOBODY) as session:
        organisation.stamp_once(session, GATEWAY, "sandbox")
        organisation.stamp_once(session, GATEWAY, "production")
    assert stamped(database) == "sandbox"


def test_a_database_without_tables_is_left_as_it_is(tmp_path: Path) -> None:
    require_own_gateway(Database(f"sqlite:///{tmp_path / 'empty.sqlite3'}"), "simulator")
