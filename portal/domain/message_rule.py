"""Every rule that may hold a message back or stop it, as a table in the order they are asked; and the caps.

The outbox obeys the first that stands; `messages held` shows it. Whether one stands is asked of rows by
`portal.usecases.message_rule`; this file only names them.
"""

from dataclasses import dataclass
from datetime import timedelta

from portal.domain.message import Channel, MessageKind

CONFIRMED_WITHIN = timedelta(minutes=5)
ANSWER_FRESH = timedelta(minutes=15)  # so long a message still answers what the person has just done


@dataclass(frozen=True, slots=True)
class MessageRule:
    """`sentence` is for staff. `ends`: the message is stopped for good; else it waits until the rule falls.

    `is_moot`: what it would say is not so any more, so nobody has to say it otherwise.
    """

    code: str
    sentence: str
    source: str
    ends: bool = False
    is_moot: bool = False


MESSAGE_RULES: dict[str, MessageRule] = {
    row.code: row
    for row in (
        MessageRule("offer_over", "What it asks to sign or activate was signed, activated, cancelled, changed or "
                    "paid, or its time is over.",
                    "S1:38 (N4)", ends=True),
        MessageRule("no_address", "There is no address on file; it goes on paper.", "15 USC 7001(c) (C14)", ends=True),
        MessageRule("record_on_paper", "The customer took the consent to electronic records back: it goes on paper, "
                    "and no text carries it.", "15 USC 7001(c) (C14)", ends=True),
        MessageRule("address_bounced", "The address was refused for good ({reason}): nothing is sent to it until "
                    "staff say it works.", "good practice of mail servers and carriers", ends=True),
        MessageRule("late_confirmation", "A text that confirms an opt-out goes within five minutes, or not at all.",
                    "47 CFR 64.1200(a)(12) (C29)", ends=True),
        MessageRule("no_consent", "The customer has not agreed to texts to this number.",
                    "47 CFR 64.1200(a), CTIA (C27)", ends=True),
        MessageRule("opted_out", "The person asked for no more messages of this kind here, on {day}.",
                    "47 CFR 64.1200(a)(10), Reg F 1006.6(e) (C17, C28)", ends=True),
        MessageRule("medium_refused", "The customer asked not to be reached this way.",
                    "Reg F 1006.14(h)(1) (C19)", ends=True),
        MessageRule("work_address", "It is an address at work, and the customer has not agreed to be written to there.",
                    "Reg F 1006.22(f)(3) (C21)", ends=True),
        MessageRule("debt_disputed", "The customer disputes the debt since {day}: nothing asks for it before staff "
                    "have resolved it.", "Reg F 1006.38(d) (C25)"),
        MessageRule("payment_over", "What it tells is not so any more: the payment was made, skipped, cancelled or "
                    "paused meanwhile, or comes on another date; or the plan was resumed or has ended.",
                    "S1:42, Reg E 1005.10(c)",
                    ends=True, is_moot=True),
        MessageRule("quiet_hours", "It is before 8:00 or after 21:00 where the customer may be ({zones}).",
                    "Reg F 1006.6(b)(1)(i) (C18)"),
        MessageRule("inconvenient_time", "The customer said that this time does not suit them ({zones}).",
                    "Reg F 1006.6(b)(1) (C19)"),
        MessageRule("capped_answer", "{count} messages of this kind went there today, which is enough; this one "
                    "answers what the person asked for just now, so it does not wait.", "attack 129", ends=True),
        MessageRule("capped", "{count} messages of this kind went there today, which is enough.", "attack 129"),
    )
}  # fmt: skip

# How many messages of a kind go to one address or number in a day of the customer, and how many in all (attack 129).
PER_DAY: dict[tuple[MessageKind, Channel], int] = {
    (MessageKind.record, Channel.email): 20,
    (MessageKind.record, Channel.sms): 5,
    (MessageKind.notice, Channel.email): 10,
    (MessageKind.notice, Channel.sms): 3,
    (MessageKind.request, Channel.email): 5,
    (MessageKind.request, Channel.sms): 3,
    (MessageKind.reply, Channel.sms): 5,
    (MessageKind.house, Channel.email): 50,
}
ALL_PER_DAY = {Channel.email: 50, Channel.sms: 5}  # five texts a day to a number (attack 83)
