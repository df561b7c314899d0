"""The outbox: keeps the promises that other use cases wrote. Claim (commit), send (no transaction), mark (commit).

Called by RQ jobs and by the janitor. A message may leave twice after a crash, always with the same Message-ID; it
is never lost, and a poisoned one is set aside without holding up the next. Before each claim the rules of messages are
asked: one that may not leave now waits by itself, one that may not leave at all is stopped; both say why.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog

from portal.domain.discreet_name import name_outside
from portal.domain.message import (
    Attachment,
    DeliveryFailed,
    DeliveryPermanent,
    DeliveryTemporary,
    MessageKind,
    RecipientStopped,
)
from portal.domain.message_event import EVENTS
from portal.storage import Session, account, customer, message, organisation, paper_copy
from portal.storage.message import Message, Receipt
from portal.storage.organisation import Organisation
from portal.usecases.alarm import raise_alarm
from portal.usecases.autopay_message import OF_AUTOPAY, autopay_facts
from portal.usecases.check_code import PATH as CHECK_PATH
from portal.usecases.check_code import Kind, code_of
from portal.usecases.delivery_log import learn, note
from portal.usecases.failpoint import failpoint
from portal.usecases.message_rule import Letter, first_standing
from portal.usecases.opt_out import ONE_CLICK, make_link
from portal.usecases.organisation import OrganisationSettings, settings_of
from portal.usecases.paper_copy import put_on_paper
from portal.usecases.payment_link import home
from portal.usecases.plan_message import OF_PLAN, WITH_LINK, plan_attachments, plan_facts, plan_link_of
from portal.usecases.ports import Ports
from portal.usecases.receipt import paper_facts
from portal.usecases.refund_message import refund_facts, refund_failed_facts
from portal.usecases.schedule_message import (
    LINKS,
    OF_PAYMENT,
    OF_SCHEDULE,
    authorization,
    link_of,
    schedule_facts,
)
from portal.usecases.subscription_message import OF_SUBSCRIPTION, subscription_facts
from portal.usecases.text_status import status_url

log = structlog.get_logger()

SENDING_FOR = timedelta(seconds=90)  # how long a claimed message is left to its sender
TRIES_MAX = 12
BACKOFF_MAX = timedelta(hours=6)
LOOK_AGAIN = timedelta(hours=1)


def deliver(ports: Ports, organisation_id: str, message_id: str) -> bool:
    """Sends one message if it is due and nobody else is at it; True when it left now."""
    row = ports.database.run(organisation_id, lambda session: _claim(ports, session, message_id))
    if row is None:
        return False
    failpoint("outbox.before_send")
    ports.database.require_no_transaction()
    try:
        provider_id = _send(ports, row)
    except DeliveryFailed as error:
        _failed(ports, row, error)
        return False
    except Exception as error:
        log.error("message_poisoned", organisation_id=organisation_id, message_id=message_id, exc_info=error)
        _failed(ports, row, DeliveryTemporary(type(error).__name__))
        return False
    failpoint("outbox.after_send")
    ports.database.run(organisation_id, lambda session: _sent(session, message_id, provider_id, ports.clock.now()))
    failpoint("outbox.after_mark")
    return True


def _claim(ports: Ports, session: Session, message_id: str) -> Message | None:
    now = ports.clock.now()
    row = message.lock(session, message_id, skip_locked=True)
    if row is None or row.state != "queued" or row.next_try_at > now or not _let_go(session, row, now):
        return None
    row.tries += 1
    row.next_try_at = now + SENDING_FOR
    put_on_paper(session, row, now)
    if row.event in LINKS and row.sealed_facts is None:
        row.sealed_facts = link_of(ports, session, row, now)
    if row.event in WITH_LINK and row.sealed_facts is None:
        row.sealed_facts = plan_link_of(ports, session, row, now)
    if row.channel == "email" and row.sealed_stop is None and row.event in EVENTS and EVENTS[row.event].opt_out:
        row.sealed_stop = ports.seal.seal(make_link(ports, session, row, now))
    return row


def _let_go(session: Session, row: Message, now: datetime) -> bool:
    """Whether no rule stands against it now. One that waits comes again by itself when its rule falls."""
    if row.event not in EVENTS:
        return True  # the wording will refuse it
    found = first_standing(Letter(session, row, now))
    if found is None:
        row.held_by = row.held_until = None
        return True
    code, until = found.rule.code, found.until or now + LOOK_AGAIN
    if found.rule.ends:
        row.state, row.held_by, row.held_until, row.sealed_facts = "stopped", code, None, None
        note(session, row, "stopped", code, now, **found.facts)
        must_reach = bool(EVENTS[row.event].goes_on) and not found.rule.is_moot
        if must_reach and not put_on_paper(session, row, now) and not message.is_told_otherwise(session, row):
            raise_alarm(session, "message_must_reach", row.id, now, event=row.event, rule=code)
        return False
    if (row.held_by, row.held_until) != (code, until):
        note(session, row, "held", code, now, until=until.isoformat(), **found.facts)
    row.held_by, row.held_until, row.next_try_at = code, until, until
    return False


def _sent(session: Session, message_id: str, provider_id: str | None, now: datetime) -> None:
    row = message.lock(session, message_id)  # waits: a rival who only looks must not make us forget that it left
    if row is None or row.state == "sent":
        return
    row.state, row.sent_at, row.provider_id = "sent", now, provider_id
    row.last_error = row.sealed_facts = row.sealed_stop = None
    note(session, row, "handed_over", row.channel, now, provider_id=provider_id)


def _failed(ports: Ports, row: Message, error: DeliveryFailed) -> None:
    def work(session: Session) -> None:
        current = message.lock(session, row.id)
        if current is None or current.state != "queued":
            return
        now = ports.clock.now()
        current.last_error = error.reason
        is_over = isinstance(error, DeliveryPermanent) or current.tries >= TRIES_MAX
        note(session, current, "failed" if is_over else "tried", error.reason, now)
        if is_over:
            current.state, current.sealed_facts, current.sealed_stop = "failed", None, None
            learn(session, current, error, now)
            if not isinstance(error, RecipientStopped):  # their wish, not a fault: nothing to look at
                raise_alarm(session, "message_failed", current.id, now, event=current.event, reason=error.reason)
        else:
            current.next_try_at = now + min(timedelta(seconds=15 * 2**current.tries), BACKOFF_MAX)

    ports.database.run(row.organisation_id, work)


def _send(ports: Ports, row: Message) -> str | None:
    with ports.database.read(row.organisation_id) as session:
        sender = organisation.by_id(session, row.organisation_id)
        facts = message_facts(ports, session, row, sender)
        papers = papers_of(ports, session, row) if row.channel == "email" and not facts["by_post"] else None
    text = ports.wording.message(row.event, row.locale, facts)
    if row.channel == "sms":
        if text.sms is None:
            raise DeliveryPermanent("no_sms_wording")
        told = status_url(home(ports.portal_url, sender), row.id)
        return ports.carriers.of(row.organisation_id).send(row.recipient, text.sms, row.message_id, told)
    stop_url = facts["stop_url"] or ""
    if EVENTS[row.event].opt_out and not stop_url:
        raise DeliveryPermanent("no_opt_out")  # Reg F 1006.6(e): nothing about a debt leaves without it
    ports.mail.send(
        to=row.recipient,
        from_name=_envelope_name(row, facts, sender),
        reply_to=sender.support_email,
        message_id=f"<{row.message_id}@{ports.mail_domain}>",
        text=text,
        attachments=papers() if papers is not None else [],
        one_click_url=f"{stop_url}/{ONE_CLICK}" if stop_url else "",
    )
    return None


def _envelope_name(row: Message, facts: dict[str, Any], sender: Organisation) -> str:
    """Who an email says it is from, in a list that anybody may look at."""
    if EVENTS[row.event].kind is MessageKind.house:
        return sender.name
    chosen, phone = str(facts["sender_in_texts"]), str(facts["help_phone"])
    return name_outside(chosen, sender.name, phone, discreet=bool(facts["discreet"]))


def papers_of(ports: Ports, session: Session, row: Message) -> Callable[[], list[Attachment]]:
    """What goes with a message: read now, printed when called, with no transaction open."""
    if row.event == "schedule_made":
        sealed = authorization(session, row)
        return lambda: [sealed]
    if row.event != "receipt":
        kept = plan_attachments(ports, session, row)
        return lambda: kept
    receipt = _receipt_of(session, row)
    facts = paper_facts(ports, session, receipt)
    name = f"receipt-{receipt.number}.pdf"
    return lambda: [Attachment(name, "application/pdf", ports.paper.receipt(facts, row.locale))]


def _receipt_of(session: Session, row: Message) -> Receipt:
    receipt = message.receipt_by_id(session, row.subject_id)
    if receipt is None:
        raise DeliveryPermanent("receipt_missing")
    return receipt


def _check(ports: Ports, session: Session, row: Message, sender: Organisation) -> dict[str, Any]:
    """The code by which a message is checked; a receipt has one, wherever it stands."""
    is_receipt = row.event == "receipt"
    code = code_of(session, Kind.receipt if is_receipt else Kind.message, row.subject_id if is_receipt else row.id)
    if code is None:
        return {}
    return {"check_code": code, "check_url": f"{home(ports.portal_url, sender)}/{CHECK_PATH}"}


def _collector(session: Session, row: Message, rules: OrganisationSettings) -> dict[str, Any]:
    """What a debt collector says of itself in an email; more in the first one that goes to an address (1006.18(e))."""
    where = rules.words("collector_in_emails")
    if not rules.is_on("debt_collector") or row.channel != "email" or where == "page":
        return {}
    saying = {event.name for event in EVENTS.values() if event.opt_out and (where == "all" or event.tells_of_account)}
    if row.event not in saying:
        return {}
    return {"collector": True, "collector_first": not message.was_sent_any(session, "email", row.recipient, saying)}


def sender_facts(ports: Ports, rules: OrganisationSettings, sender: Organisation) -> dict[str, Any]:
    """Who writes, in the facts of every message."""
    return {
        "organisation_name": sender.name,
        "organisation_color": sender.brand_colour,
        "portal_url": home(ports.portal_url, sender),
        "time_zone": sender.timezone,
        "discreet": rules.is_discreet,
        "help_phone": sender.support_phone,
        "help_email": sender.support_email,
        "help_hours": rules.words("support_hours"),
        "sender_in_texts": rules.words("name_in_texts"),
    }


def message_facts(ports: Ports, session: Session, row: Message, sender: Organisation) -> dict[str, Any]:
    """The facts an event's wording needs."""
    rules = settings_of(session, sender)
    facts: dict[str, Any] = {
        **sender_facts(ports, rules, sender),
        "stop_url": ports.seal.open(row.sealed_stop) if row.sealed_stop else None,
        **_check(ports, session, row, sender),
        "by_post": row.channel == "email" and paper_copy.of_message(session, row.id) is not None,
        "first_text": row.channel == "sms" and message.latest_to(session, "sms", row.recipient) is None,
        **_collector(session, row, rules),
    }
    about = customer.by_id(session, row.customer_id)
    match row.event:
        case "receipt":
            receipt = _receipt_of(session, row)
            facts |= receipt.facts
            facts["paid_at"] = datetime.fromisoformat(receipt.facts["paid_at"])
            facts["paper_attached"] = row.channel == "email" and not facts["by_post"]
        case "refund":
            facts |= refund_facts(session, row.subject_id)
        case "refund_failed":
            facts |= refund_failed_facts(session, row.subject_id)
        case "payment_link" | "schedule_link":
            if row.sealed_facts is None or about is None:
                raise DeliveryPermanent("link_missing")
            opened = json.loads(ports.seal.open(row.sealed_facts))
            facts |= {
                "customer_name": about.full_name,
                "link_url": opened["link_url"],
                "expires_at": datetime.fromisoformat(opened["expires_at"]),
            }
            flag = "fresh" if row.event == "payment_link" else "for_card"
            facts[flag] = bool(opened.get(flag))
        case "sms_stopped" | "sms_started" | "sms_help":
            pass
        case "sign_in_code" | "pin_reset":
            if row.sealed_facts is None:
                raise DeliveryPermanent("code_missing")
            facts |= json.loads(ports.seal.open(row.sealed_facts))
            facts["expires_at"] = datetime.fromisoformat(facts["expires_at"])
        case "document_ready":
            facts["link_url"] = f"{facts['portal_url']}/account/documents/{row.subject_id}"
        case "pin_changed":
            facts["changed_at"] = row.created_at
        case event if event in OF_SCHEDULE | OF_PAYMENT:
            facts |= schedule_facts(ports, session, row, sender)
        case event if event in OF_PLAN:
            facts |= plan_facts(ports, session, row)
        case event if event in OF_AUTOPAY:
            facts |= autopay_facts(ports, session, row, sender)
        case event if event in OF_SUBSCRIPTION:
            facts |= subscription_facts(ports, session, row, sender)
        case "contact_change_request":
            request = customer.change_request_by_id(session, row.subject_id)
            owed_on = account.by_id(session, request.account_id) if request else None
            if request is None or owed_on is None:
                raise DeliveryPermanent("request_missing")
            facts |= {"account_reference": owed_on.reference, "requested_at": request.made_at}
        case _:
            raise DeliveryPermanent("event_unknown")
    return facts
