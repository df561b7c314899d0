"""What a debt collector is called on an envelope, and what its emails must say of it (C20, C23), on both databases."""

from email.utils import parseaddr

import pytest

from portal.storage import customer, message
from portal.usecases.plan_life import cancel
from tests.rig.house import House
from tests.rig.plans import offered, signed, signer
from tests.rig.series import told

SAYS = {
    "en": ("This message is from a debt collector.", "This is an attempt to collect a debt, and any information"),
    "es": ("Este mensaje es de un cobrador de deudas.", "Esto es un intento de cobrar una deuda, y toda"),
}


@pytest.mark.parametrize(
    ("chosen", "collects", "sender"),
    [
        ("", True, "+1 312 555 0100"),
        ("Harbour Office", True, "Harbour Office"),
        ("Harbour Office", False, "Harbour Recovery"),
    ],
)
def test_c20_the_sender_of_an_email_does_not_tell_of_debts(
    house: House, chosen: str, collects: bool, sender: str
) -> None:
    """A list of mails shows who wrote before anybody opens one: a collector's name is chosen, or its number."""
    house.set("name_in_texts", value=chosen)
    house.set("debt_collector", value=collects)
    house.set("discreet_messages", value=False)
    mail_to(house, f"{house.slug}@example.com")
    signed(house)
    told(house)
    mails = house.simulator.call("GET", f"/mailbox.json?recipient={house.slug}@")
    assert {str(parseaddr(each["from"])[0]) for each in mails} == {sender}


@pytest.mark.parametrize(
    ("where", "locale", "said"),
    [
        ("accounts", "en", {"plan_offer": "nothing", "plan_signed": "all", "plan_cancelled": "who"}),
        ("accounts", "es", {"plan_offer": "nothing", "plan_signed": "all", "plan_cancelled": "who"}),
        ("all", "en", {"plan_offer": "all", "plan_signed": "who", "plan_cancelled": "who"}),
        ("page", "en", {"plan_offer": "nothing", "plan_signed": "nothing", "plan_cancelled": "nothing"}),
    ],
)
def test_c23_the_first_email_says_what_a_debt_collector_must_as_it_is_set(
    house: House, where: str, locale: str, said: dict[str, str]
) -> None:
    """Reg F 1006.18(e): all of it in the first one that tells of the debt, who writes in those after it."""
    house.set("collector_in_emails", value=where)
    mail_to(house, f"{house.slug}@example.com", locale)
    plan = offered(house)
    told(house)
    signer(house, plan, locale).read().sign()
    told(house)
    cancel(house.ports, house.organisation_id, plan.id, "staff")
    told(house)
    with house.ports.database.read(house.organisation_id) as session:
        events = {row.message_id: row.event for row in message.of_customer(session, house.customer_id)}
    found = {}
    for mail in house.simulator.call("GET", f"/mailbox.json?recipient={house.slug}@"):
        who, what = SAYS[locale]
        says = {{(False, False): "nothing", (True, False): "who", (True, True): "all"}[who in part, what in part]
                for part in (mail["text"], " ".join(mail["html"].split()))}  # fmt: skip
        assert len(says) == 1, "text and page say the same"
        found[events[mail["message_id"][1:].partition("@")[0]]] = says.pop()
        assert who not in mail["text"][:200], "no preview shows it (C20)"
    assert found == said


def mail_to(house: House, email: str, locale: str = "en") -> None:
    """An address of the test's own: the mailbox is shared."""
    with house.ports.database.transaction(house.organisation_id) as session:
        row = customer.by_id(session, house.customer_id)
        assert row is not None
        row.email, row.locale = email, locale
