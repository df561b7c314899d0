"""Printing what goes by mail: the papers a message would have carried, or what it says as a letter.

Called by the console. The same facts as the email's, read when it is printed. Writes nothing but the audit trail.
"""

import json

from portal.domain.message import Attachment
from portal.domain.record_letter import RecordLetter
from portal.domain.refusal import Refused
from portal.storage import Session, customer, erasure, message, organisation, paper_copy
from portal.storage.customer import Customer
from portal.storage.message import Message
from portal.usecases.organisation import record
from portal.usecases.outbox import message_facts, papers_of
from portal.usecases.payment_link import home
from portal.usecases.ports import Ports
from portal.usecases.schedule_message import authorization

WITH_PAPERS = frozenset({"receipt", "plan_signed", "plan_completed"})  # what goes with them is printed, and says it all
AUTHORIZED = frozenset({"schedule_made", "autopay_on"})
FOOT = "\n--\n"  # where the foot of every email begins


def print_copy(ports: Ports, organisation_id: str, copy_id: str, by: str) -> list[Attachment]:
    """The sheets to put in the envelope, and a line in the trail that they were opened.

    Refused `paper_unknown`, also when they were erased; DeliveryFailed when something cannot be printed.
    """
    with ports.database.read(organisation_id) as session:
        copy = paper_copy.by_id(session, copy_id)
        row = message.by_id(session, copy.message_id) if copy is not None else None
        if row is None or erasure.of_customer(session, row.customer_id) is not None:
            raise Refused("paper_unknown")
        letter = None if row.event in WITH_PAPERS else _letter(ports, session, row)
        papers = papers_of(ports, session, row)
    if letter is not None:
        printed = [Attachment("letter.pdf", "application/pdf", ports.paper.record_letter(letter, row.locale))]
    else:
        printed = papers()
    with ports.database.transaction(organisation_id) as session:
        record(session, by, "paper_opened", copy_id, ports.clock.now(), message_id=row.id)
    return printed


def envelope(about: Customer) -> tuple[str, ...]:
    """Where it is posted to, a line each; without a street there is only the name."""
    place = f"{about.city or ''}, {about.state or ''} {about.postal_code or ''}".strip(" ,")
    if not about.address_line1:
        return (about.full_name,)
    return tuple(line for line in (about.full_name, about.address_line1, about.address_line2, place) if line)


def _letter(ports: Ports, session: Session, row: Message) -> RecordLetter:
    sender, about = organisation.by_id(session, row.organisation_id), customer.by_id(session, row.customer_id)
    if about is None:
        raise Refused("paper_unknown")
    # the link of the email is in no row any more: on paper stands where one signs in
    signed_in = json.dumps({"link_url": f"{home(ports.portal_url, sender)}/account"})
    facts = message_facts(ports, session, message.twin(row, sealed_facts=ports.seal.seal(signed_in)), sender)
    facts |= {"discreet": False, "by_post": False}  # it lies in an envelope
    text = ports.wording.message(row.event, row.locale, facts)
    said = text.text.partition(FOOT)[0].strip()  # without the foot of an email
    if row.event in AUTHORIZED:  # with the authorization, word for word (C2)
        said = f"{said}\n\n{authorization(session, row).content.decode()}"
    return RecordLetter(
        subject=text.subject,
        paragraphs=tuple(each.strip() for each in said.split("\n\n") if each.strip()),
        organisation_name=sender.name,
        organisation_color=sender.brand_colour,
        contact=tuple(each for each in (sender.postal_address, sender.support_phone, sender.support_email) if each),
        addressee=envelope(about),
        written_at=row.created_at,
        time_zone=sender.timezone,
        check_code=facts.get("check_code"),
        check_url=facts.get("check_url"),
    )
