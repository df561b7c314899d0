"""The books of money given back, and of money that was to be given back and did not arrive. Append only, in pairs.

Called inside a transaction that holds the account's lock, by `portal.usecases.refund_outcome` and by whoever hears that
a refund failed. Asks nobody and sends nothing. Why so: docs/decisions/money-given-back.md.
"""

from dataclasses import dataclass
from datetime import datetime

from portal.domain.ledger import Recipe
from portal.domain.service import EntryKind, Share
from portal.storage import Session, charge, ledger, obligation, offer, plan, service
from portal.storage.account import Account
from portal.storage.charge import Charge
from portal.storage.obligation import Obligation
from portal.storage.offer import Offer
from portal.storage.plan import Plan
from portal.storage.refund import Refund
from portal.usecases.alarm import raise_alarm
from portal.usecases.ledger import free_cents, post
from portal.usecases.share import of_refund


@dataclass(frozen=True, slots=True)
class Kept:
    """What a refund that failed came to: owed no more by the account, and the customer's own, left with us."""

    paid_again_cents: int
    theirs_cents: int


@dataclass(frozen=True, slots=True)
class _Moved:
    """What was posted for one charge so far, by recipe."""

    by_recipe: dict[str, tuple[int, int]]

    def cents(self, recipe: Recipe) -> int:
        return self.by_recipe.get(recipe, (0, 0))[0]

    def entries(self, recipe: Recipe) -> int:
        return self.by_recipe.get(recipe, (0, 0))[1]

    @property
    def reopened_cents(self) -> int:
        """What is owed again of the payment."""
        return self.cents(Recipe.payment_returned) - self.cents(Recipe.return_failed)

    @property
    def theirs_cents(self) -> int:
        """What refunds that failed have left with us, and no later one gave back."""
        return self.cents(Recipe.return_kept) - self.cents(Recipe.return_made_good)

    @property
    def owed_again_cents(self) -> int:
        """What is owed again of the payment, whoever took it back: we, a bank, or a gateway that never paid it out."""
        lost = self.cents(Recipe.chargeback_lost) - self.cents(Recipe.chargeback_restored)
        return self.reopened_cents + lost + self.cents(Recipe.payment_lost)

    @property
    def forgiven_cents(self) -> int:
        """What the payment forgives at this moment."""
        return self.cents(Recipe.settlement_forgiven) - self.cents(Recipe.settlement_restored)


def moved_of(session: Session, paid: Charge) -> _Moved:
    """What the entries say of a charge, those of this transaction included."""
    session.flush()
    return _Moved(ledger.moved_of_charge(session, paid.account_id, paid.id))


def theirs_cents(session: Session, paid: Charge) -> int:
    """The customer's own money that refunds which failed have left with us."""
    return moved_of(session, paid).theirs_cents


def book_given_back(session: Session, row: Refund, paid: Charge, owed_on: Account, now: datetime) -> None:
    """Money went back: first what an earlier refund failed to bring, the rest is owed again or never was."""
    again_cents = min(row.amount_cents, theirs_cents(session, paid))
    if again_cents:
        _post(session, row, paid, owed_on, Recipe.return_made_good, again_cents, now)
    if row.amount_cents > again_cents:
        recipe = Recipe.payment_returned if row.reopens_balance else Recipe.payment_corrected
        shares = of_refund(session, row.id)
        _post(session, row, paid, owed_on, recipe, row.amount_cents - again_cents, now, shares)
    is_reopening = row.reopens_balance and again_cents < row.amount_cents
    if is_reopening and moved_of(session, paid).reopened_cents >= paid.amount_cents:
        restore_settlement(session, paid, owed_on, row.asked_by, now)


def book_not_arrived(session: Session, row: Refund, paid: Charge, owed_on: Account, now: datetime) -> Kept:
    """Takes the entries of a refund back. What is not owed any more because the customer paid it again meanwhile, and
    what was never owed, is the customer's own until a later refund brings it to them.
    """
    returned = ledger.of_event(session, f"{Recipe.payment_returned.value}:{row.id}")
    reopened_cents = returned.amount_cents if returned is not None else 0
    before = moved_of(session, paid)
    if before.reopened_cents >= paid.amount_cents > before.reopened_cents - reopened_cents:
        settle_again(session, row, paid, owed_on, now)
    again_cents = min(reopened_cents, free_cents(session, owed_on))
    if again_cents and returned is not None:
        moved = service.changes_of_event(session, returned.event_key, EntryKind.returned)
        shares = [Share(service_id, cents) for service_id, cents in sorted(moved.items())]
        _post(session, row, paid, owed_on, Recipe.return_failed, again_cents, now, shares)
    kept_cents = row.amount_cents - again_cents
    if kept_cents:
        _post(session, row, paid, owed_on, Recipe.return_kept, kept_cents, now)
    return Kept(again_cents, kept_cents)


def kept_of(session: Session, refund_id: str) -> Kept:
    """What was booked when a refund failed."""
    entries = [
        ledger.of_event(session, f"{recipe.value}:{refund_id}") for recipe in (Recipe.return_failed, Recipe.return_kept)
    ]
    again_cents, kept_cents = (entry.amount_cents if entry is not None else 0 for entry in entries)
    return Kept(again_cents, kept_cents)


def restore_settlement(session: Session, paid: Charge, owed_on: Account, by: str, now: datetime) -> None:
    """A settlement that was not paid after all forgives nothing: the forgiven part is owed again, the offer is open."""
    settling = settling_charge(session, paid)
    moved = moved_of(session, settling)
    if moved.forgiven_cents > 0:
        post(
            session,
            owed_on,
            Recipe.settlement_restored,
            moved.forgiven_cents,
            event_key=_key(moved, Recipe.settlement_restored, settling),
            posted_at=now,
            posted_by=by,
            charge_id=settling.id,
        )
        call_for_a_letter(session, paid, now, owed_again_cents=moved.forgiven_cents)
    taken = _offer(session, paid)
    if taken is not None and taken.status == "taken":
        taken.status = "open"  # and shown again for as long as it is valid


def settle_again(session: Session, row: Refund, paid: Charge, owed_on: Account, now: datetime) -> None:
    """The payment that settled stands after all: it forgives again what it forgave, as far as that is still owed.

    Not where the offer was taken by another payment meanwhile: then that one forgives; and not while another instalment
    of a plan is owed again.
    """
    taken = _offer(session, paid)
    if (taken is not None and taken.status != "open") or not others_stand(session, paid):
        return
    settling = settling_charge(session, paid)
    moved = moved_of(session, settling)
    wanted_cents = obligation.fresh(session, settling.obligation_id).forgiven_cents - moved.forgiven_cents
    cents = min(wanted_cents, free_cents(session, owed_on))
    if cents > 0:
        post(
            session,
            owed_on,
            Recipe.settlement_forgiven,
            cents,
            event_key=_key(moved, Recipe.settlement_forgiven, settling),
            posted_at=now,
            posted_by=row.asked_by,
            charge_id=settling.id,
        )
    if taken is not None:
        taken.status = "taken"


def settling_charge(session: Session, paid: Charge) -> Charge:
    """The charge with which a settlement forgave: the payment's own; for any instalment of a plan, the last one's."""
    for due in _instalments(session, paid):
        if due.forgiven_cents:
            return next(each for each in charge.of_obligation(session, due.id) if each.state == "succeeded")
    return paid


def others_stand(session: Session, paid: Charge) -> bool:
    """Whether no other instalment of the same settlement is owed again whole."""
    return not any(
        moved_of(session, each).owed_again_cents >= each.amount_cents
        for due in _instalments(session, paid)
        if due.id != paid.obligation_id
        for each in charge.of_obligation(session, due.id)
        if each.state == "succeeded"
    )


def call_for_a_letter(session: Session, paid: Charge, now: datetime, *, owed_again_cents: int) -> None:
    """The customer holds a letter that says it is no longer owed: a person tells them what has changed."""
    settled = _settled_plan(session, paid)
    if settled is not None:
        raise_alarm(
            session,
            "plan_settlement_undone",
            settled.id,
            now,
            reference=settled.reference,
            owed_again_cents=owed_again_cents,
        )


def _settled_plan(session: Session, paid: Charge) -> Plan | None:
    """The settlement in parts that a payment was an instalment of, once it was kept."""
    due = obligation.fresh(session, paid.obligation_id)
    found = plan.of_schedule(session, due.subject_id)
    return found if found is not None and found.kind == "settlement" and found.state == "completed" else None


def _instalments(session: Session, paid: Charge) -> list[Obligation]:
    settled = _settled_plan(session, paid)
    payments = obligation.of_subject(session, settled.schedule_id or "") if settled is not None else []
    return [each for each in payments if each.status == "paid"]


def _offer(session: Session, paid: Charge) -> Offer | None:
    settled = obligation.fresh(session, paid.obligation_id)
    return offer.by_id(session, settled.offer_id) if settled.offer_id else None


def _key(moved: _Moved, recipe: Recipe, paid: Charge) -> str:
    """The name of an event that may come again: a settlement undone, taken up, and undone once more."""
    times = moved.entries(recipe)
    return f"{recipe.value}:{paid.id}" if not times else f"{recipe.value}:{paid.id}:{times + 1}"


def _post(
    session: Session,
    row: Refund,
    paid: Charge,
    owed_on: Account,
    recipe: Recipe,
    amount_cents: int,
    now: datetime,
    shares: list[Share] | None = None,
) -> None:
    post(
        session,
        owed_on,
        recipe,
        amount_cents,
        event_key=f"{recipe.value}:{row.id}",
        posted_at=now,
        posted_by=row.asked_by,
        charge_id=paid.id,
        shares=shares or (),
    )
