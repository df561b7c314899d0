"""Plans to act on in a founded house: made by staff, opened from their link, walked through and signed as people do."""

import base64
import io
from dataclasses import dataclass
from datetime import timedelta

from PIL import Image, ImageDraw

from portal.domain.due_date import Frequency, Rhythm
from portal.domain.plan import PlanKind, PlanWish
from portal.domain.schedule import Amounts, AmountsKind
from portal.storage import account as accounts
from portal.storage import obligation as obligations
from portal.storage import plan as plans
from portal.storage.account import Account
from portal.storage.obligation import Obligation
from portal.storage.plan import Plan
from portal.usecases.payment_method import NEW
from portal.usecases.plan import PlanOrder, make, offer
from portal.usecases.plan_offer import find, make_link
from portal.usecases.sign import Given, Signed, sign
from portal.usecases.signing import (
    CardTyped,
    SignWalk,
    agreement_shown,
    begin,
    choose_card,
    consent,
    look,
    open_document,
    start,
)
from portal.usecases.signing_identity import prove
from tests.rig.house import House
from tests.rig.series import today

IP, BROWSER = "192.0.2.7", "Mozilla/5.0 (a browser)"
NEVER = timedelta(days=400)


def wish(house: House, number: int = 3, **changes: object) -> PlanWish:
    """Three equal monthly parts of everything owed, from ten days on."""
    values: dict[str, object] = {
        "kind": PlanKind.total,
        "rhythm": Rhythm(Frequency.weekly, today(house) + timedelta(days=10)),
        "amounts": Amounts(AmountsKind.evenly, number),
    }
    return PlanWish(**values | changes)  # type: ignore[arg-type]  # the caller names the field


def settlement(house: House, total_cents: int = 24_000, number: int = 3, **changes: object) -> PlanWish:
    return wish(house, number, kind=PlanKind.settlement, total_cents=total_cents, **changes)


def offered(
    house: House, wanted: PlanWish | None = None, *, balance_cents: int = 50_000, account_id: str | None = None,
    **order: object,
) -> Plan:  # fmt: skip
    owed_on = account_id or house.account(balance_cents)
    order_ = PlanOrder(owed_on, wanted or wish(house), **order)  # type: ignore[arg-type]  # the caller names the field
    row = house.ports.database.run(
        house.organisation_id, lambda session: make(session, order_, "staff", house.ports.clock.now())
    )
    return offer(house.ports, house.organisation_id, row.id, "staff")


@dataclass
class Signer:
    """One person with one signing of a plan open."""

    house: House
    plan_id: str
    signing_id: str
    secret: str

    def walk(self) -> SignWalk:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            found = look(session, self.signing_id, self.secret, self.house.ports.clock.now())
        assert found is not None
        return found

    def act(self, work: object) -> None:
        """Does something to the walk under its locks, as a page does."""
        with self.house.ports.database.transaction(self.house.organisation_id) as session:
            found = look(session, self.signing_id, self.secret, self.house.ports.clock.now(), locked=True)
            assert found is not None
            work(found)  # type: ignore[operator]  # whatever the test wants done

    def read(
        self, card_id: str | None = None, *, last4: str = "1111", postal_code: str = "94107", nonce: str = ""
    ) -> "Signer":
        """All the way to the sign page, with a card on file or the one behind a nonce."""
        now = self.house.ports.clock.now()
        prove(self.house.ports, self.house.organisation_id, self.signing_id, self.secret, "60614")
        self.act(lambda walk: begin(walk, now))
        typed = (
            CardTyped(NEW, nonce, "", "")
            if nonce
            else CardTyped(card_id or self.house.card_on_file(), "", last4, postal_code)
        )
        refused = choose_card(self.house.ports, self.house.organisation_id, self.signing_id, self.secret, typed, IP)
        assert refused == {}
        return self.agree()

    def agree(self) -> "Signer":
        now = self.house.ports.clock.now()
        self.act(lambda walk: open_document(walk, now))
        self.act(lambda walk: consent(walk, agreement_shown(walk).digest, agreed=True, now=now))
        return self

    def digest(self) -> str:
        return agreement_shown(self.walk()).digest

    def sign(self, way: str = "typed", typed: str = "Ada Moss", drawing: str = "", **changes: str) -> Signed:
        given = Given(way, typed, drawing, changes.get("shown_digest") or self.digest())
        return sign(
            self.house.ports, self.house.organisation_id, self.signing_id, self.secret, given, ip=IP, user_agent=BROWSER
        )  # fmt: skip


def signer(house: House, plan: Plan, locale: str = "en") -> Signer:
    """Opens the offer's link as its customer does."""
    now = house.ports.clock.now()
    with house.ports.database.transaction(house.organisation_id) as session:
        row = plans.by_id(session, plan.id)
        assert row is not None
        token = make_link(session, row, expires_at=now + NEVER, now=now, made_by="test")
        found = find(session, token, now)
        assert found is not None
        signing_id, secret = start(session, found, ip=IP, user_agent=BROWSER, locale=locale, now=now)
    return Signer(house, plan.id, signing_id, secret)


def signed(
    house: House, wanted: PlanWish | None = None, *, balance_cents: int = 50_000, card: str | None = None
) -> Plan:
    """A plan under a signature, with a card on file that is approved unless another is named."""
    plan = offered(house, wanted, balance_cents=balance_cents)
    signer(house, plan).read(house.card_on_file(card) if card else None).sign()
    return plan_now(house, plan.id)


def plan_now(house: House, plan_id: str) -> Plan:
    with house.ports.database.read(house.organisation_id) as session:
        row = plans.by_id(session, plan_id)
    assert row is not None
    return row


def account_now(house: House, plan: Plan) -> Account:
    with house.ports.database.read(house.organisation_id) as session:
        row = accounts.by_id(session, plan.account_id)
    assert row is not None
    return row


def instalments(house: House, plan: Plan) -> list[Obligation]:
    with house.ports.database.read(house.organisation_id) as session:
        return obligations.of_subject(session, plan.schedule_id or "")


def drawn() -> str:
    """What a signature pad sends."""
    picture = Image.new("RGBA", (600, 200), 0)
    ImageDraw.Draw(picture).line([(30, 120), (150, 40), (300, 160), (560, 50)], fill=(0, 0, 0, 255), width=5)
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return "data:image/png;base64," + base64.b64encode(kept.getvalue()).decode()
