"""A debt collector's name on pages before it is known who looks (C20), as a person without script meets them."""

import pytest

from portal.domain.payment_link import Purpose
from portal.storage import account as accounts
from portal.storage import customer as customers
from portal.usecases.plan_life import cancel
from tests.rig.plans import offered
from tests.rig.series import link_to, scheduled
from tests.web.conftest import Portal
from tests.web.test_agreement import link


@pytest.mark.parametrize("chosen", ["", "Harbour Office"])
def test_c20_before_who_it_is_the_name_does_not_tell_of_debts_either(portal: Portal, chosen: str) -> None:
    """Harbour Recovery collects debts, so nobody reads that name who has not said who they are."""
    plan, shown = offered(portal.house), chosen or "(312) 555-0100"
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        accounts.lock(session, plan.account_id).creditor = "Lakeside Dental"
    portal.house.set("name_in_texts", value=chosen)
    reader = portal.reader().open(link(portal, plan.id))
    assert "Recovery" not in reader.response.text
    assert reader.sees(f"This page was made for you by {shown}.")
    reader.press("Continue")
    for _ in range(2):
        assert reader.step == "identity"
        assert "Recovery" not in reader.response.text
        assert reader.title.endswith(f"- {shown}")
        reader.fill("ZIP code", "00000").press("Continue")
    reader.fill("ZIP code", "60614").press("Continue")
    assert (reader.rows()["Pay to"], reader.rows()["Owed to"]) == ("Harbour Recovery", "Lakeside Dental")
    cancel(portal.house.ports, portal.house.organisation_id, plan.id, "staff")
    signing = reader.url
    for over in (portal.reader().open(link(portal, plan.id)), portal.reader().open(signing)):
        assert over.status in {403, 410}
        assert "Recovery" not in over.response.text


@pytest.mark.parametrize("collects", [True, False])
def test_c20_no_page_that_anybody_may_open_says_what_its_owner_does(portal: Portal, *, collects: bool) -> None:
    """Landing pages of the other links, what became of one, a visit that is another's: the envelope's name; a creditor
    in its own name, that is not discreet, is called what it is called.
    """
    house = portal.house
    house.set("debt_collector", value=collects)
    house.set("discreet_messages", value=False)
    made = scheduled(house)
    pages = [link_to(house, made.schedule_id, purpose) for purpose in (Purpose.schedule, Purpose.card)]
    pages += [f"/{house.slug}/l/{'x' * 32}", f"/{house.slug}/agreement/{'x' * 32}", f"/{house.slug}/fresh-link"]
    pages += [f"/{house.slug}/pay/{'0' * 32}/amount", f"/{house.slug}/stop/{'x' * 32}"]
    for path in pages:
        reader = portal.reader().open(path)
        assert ("Recovery" in reader.response.text) is not collects, path
        assert "(312) 555-0100" in reader.response.text


def test_who_asks_for_a_fresh_offer_in_spanish_is_answered_in_spanish(portal: Portal) -> None:
    """The page after it knows no token any more, and so nobody's language."""
    plan, house = offered(portal.house), portal.house
    with house.ports.database.transaction(house.organisation_id) as session:
        about = customers.by_id(session, house.customer_id)
        assert about is not None
        about.locale = "es"
    address = link(portal, plan.id)
    assert plan.expires_at is not None
    house.clock.at = plan.expires_at
    reader = portal.reader().open(address).press("Envíenme una nueva")
    assert reader.step == "fresh-link"
    assert reader.heading == "Busque un mensaje nuevo"
    assert portal.reader().open(f"/{house.slug}/fresh-link?language=xx").heading == "Look for a new message"


def test_the_page_behind_the_question_is_a_document_of_its_own_with_its_own_header(portal: Portal) -> None:
    """Swapped in, it would stand under the name that is meant for anybody."""
    reader = portal.reader().open(link(portal, offered(portal.house).id)).press("Continue")
    identity = f"http://localhost{reader.path}"
    reader.fill("ZIP code", "60614").press("Continue")
    by_htmx = {"HX-Request": "true", "HX-Target": "main#step"}
    answer = reader.raw("GET", reader.path, headers=by_htmx | {"HX-Current-URL": identity})
    assert answer.headers["HX-Redirect"] == reader.path
    answer = reader.raw("GET", reader.path, headers=by_htmx | {"HX-Current-URL": f"http://localhost{reader.path}"})
    assert "HX-Redirect" not in answer.headers
