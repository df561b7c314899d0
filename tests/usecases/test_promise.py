"""A promise of a message: once per key, with a Message-ID made from it, kept only with the commit that made it true."""

import pytest

from portal.storage import customer, message
from portal.storage.message import Message
from portal.usecases.promise import promise
from tests.rig.house import House, found


def promised(house: House, key: str, recipient: str = "ada@example.com") -> str:
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        return promise(session, "receipt", "email", payer, recipient, "subject", key, house.clock.now())


def rows(house: House) -> list[Message]:
    with house.ports.database.read(house.organisation_id) as session:
        return session.query(Message).all()


def test_a_key_promises_one_message_however_often(house: House) -> None:
    assert len({promised(house, "receipt:1") for _ in range(3)}) == 1
    [row] = rows(house)
    assert (row.state, row.tries, row.recipient, row.locale) == ("queued", 0, "ada@example.com", "en")


def test_another_key_is_another_message(house: House) -> None:
    assert promised(house, "receipt:1") != promised(house, "receipt:2")
    assert len({row.message_id for row in rows(house)}) == 2


def test_the_message_id_follows_from_organisation_and_key_alone(house: House) -> None:
    """N2: made again from a lost row it is the same, and two organisations never share one."""
    neighbour = found(house.ports, house.simulator)
    promised(house, "receipt:1")
    promised(neighbour, "receipt:1")
    [ours], [theirs] = rows(house), rows(neighbour)
    assert ours.message_id != theirs.message_id
    with house.ports.database.transaction(house.organisation_id) as session:
        session.delete(session.merge(ours))
    promised(house, "receipt:1")
    [again] = rows(house)
    assert again.message_id == ours.message_id
    assert again.id != ours.id


def test_a_promise_falls_with_its_transaction(house: House) -> None:
    def work() -> None:
        with house.ports.database.transaction(house.organisation_id) as session:
            payer = customer.by_id(session, house.customer_id)
            assert payer is not None
            promise(session, "receipt", "email", payer, "x@example.com", "s", "k", house.clock.now())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert rows(house) == []


def test_a_message_is_written_in_the_language_of_the_customer(house: House) -> None:
    with house.ports.database.transaction(house.organisation_id) as session:
        payer = customer.by_id(session, house.customer_id)
        assert payer is not None
        payer.locale = "es"
    promised(house, "receipt:1")
    assert [row.locale for row in rows(house)] == ["es"]
    with house.ports.database.read(house.organisation_id) as session:
        assert message.by_dedupe_key(session, "receipt:1") is not None
        assert message.by_dedupe_key(session, "receipt:2") is None
