"""Which messages exist: by which channels, the only facts each may carry, and what an opt-out does to each, as a table.

Read by use cases that promise a message, by the rules that hold one, and by delivery, which writes it. A fact that has
no row here (a service name, an expiry date) can reach no message at all. docs/messages.md says the same in words.
"""

from portal.domain.message import Channel, Event, Fact, FactKind, MessageKind

_SENDER = (
    Fact("organisation_name", FactKind.name),
    Fact("portal_url", FactKind.url),
    Fact("time_zone", FactKind.zone),
    Fact("discreet", FactKind.flag),
    Fact("organisation_color", FactKind.color, required=False),
    # At least one of the two below must be given: no message leaves without a way to get help.
    Fact("help_phone", FactKind.words, required=False),
    Fact("help_email", FactKind.email, required=False),
    Fact("help_hours", FactKind.words, required=False),
    Fact("stop_url", FactKind.url, required=False),  # ends emails to this address (Reg F 1006.6(e))
    Fact("check_code", FactKind.reference, required=False),  # by which anybody can check that it is ours
    Fact("check_url", FactKind.url, required=False),
    Fact("by_post", FactKind.flag, required=False),  # its paper goes by mail: the customer wants records so (C14)
    Fact("sender_in_texts", FactKind.name, required=False),  # how it names itself in texts
    Fact("first_text", FactKind.flag, required=False),  # nothing went to this number before (C30)
    Fact("collector", FactKind.flag, required=False),  # says that a debt collector writes (Reg F 1006.18(e), C23)
    Fact("collector_first", FactKind.flag, required=False),  # and what for: nothing went to this address before
)

_PAYER = (Fact("customer_name", FactKind.name), Fact("account_reference", FactKind.reference))
_PLAN = (*_PAYER, Fact("plan_reference", FactKind.reference))
_PAYMENT = (Fact("amount_cents", FactKind.cents), Fact("due_on", FactKind.day))
_CARD = (
    Fact("card_brand", FactKind.name, required=False),
    Fact("card_last4", FactKind.last4, required=False),
)

_SUBSCRIPTION = (*_PAYER, Fact("manager_name", FactKind.name), Fact("manager_phone", FactKind.words))

_BY_EITHER = frozenset({Channel.email, Channel.sms})
_UNTIL = (Fact("expires_at", FactKind.instant),)
_IN_PROGRAM = Fact("in_program", FactKind.flag, required=False)  # of a subscription, of which no one payment is moved
_LINK = (Fact("link_url", FactKind.url),)  # made when the message is sent, for its own purpose
_WHY_NOT = ("less_owed", "was_given_back", "is_off", "told_late", "gone_by")

EVENTS: dict[str, Event] = {
    row.name: row
    for row in (
        Event(
            "receipt",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.record,
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("amount_cents", FactKind.cents),
                Fact("paid_at", FactKind.instant),
                Fact("card_brand", FactKind.name, required=False),
                Fact("card_last4", FactKind.last4, required=False),
                Fact("receipt_number", FactKind.reference),
                Fact("account_reference", FactKind.reference),
                Fact("confirmation", FactKind.reference, required=False),
                Fact("balance_left_cents", FactKind.cents, required=False),
                Fact("settled", FactKind.flag, required=False),
                Fact("paper_attached", FactKind.flag, required=False),
            ),
            opt_out=True,
            goes_on="The customer's own record of money taken, which card rules require (Reg F 1006.14(h)(2)).",
        ),
        Event(
            "refund",
            frozenset({Channel.email}),
            MessageKind.record,
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("amount_cents", FactKind.cents),
                Fact("refunded_at", FactKind.instant),
                Fact("paid_at", FactKind.instant),
                Fact("paid_cents", FactKind.cents),
                Fact("card_brand", FactKind.name, required=False),
                Fact("card_last4", FactKind.last4, required=False),
                Fact("receipt_number", FactKind.reference),
                Fact("account_reference", FactKind.reference),
                Fact("voided", FactKind.flag, required=False),  # taken back before it was charged
                Fact("owed_again", FactKind.flag, required=False),
            ),
            opt_out=True,
            goes_on="The customer's own record of money given back, which ends the record their receipt began.",
        ),
        Event(
            "refund_failed",
            frozenset({Channel.email}),
            MessageKind.record,
            (
                *_SENDER,
                *_CARD,
                Fact("customer_name", FactKind.name),
                Fact("amount_cents", FactKind.cents),
                Fact("refunded_at", FactKind.instant),
                Fact("paid_at", FactKind.instant),
                Fact("paid_cents", FactKind.cents),
                Fact("receipt_number", FactKind.reference),
                Fact("account_reference", FactKind.reference),
                Fact("paid_again_cents", FactKind.cents, required=False),  # not owed any more, as before the refund
                Fact("theirs_cents", FactKind.cents, required=False),  # to be given to them by another way
            ),
            opt_out=True,
            goes_on="Corrects the record of money given back that they were sent, and ends the record of it.",
        ),
        Event(
            "schedule_made",
            frozenset({Channel.email}),
            MessageKind.record,
            (
                *_SENDER,
                *_PAYER,
                *_CARD,
                *_LINK,
                Fact("payments", FactKind.payments),
                Fact("total_cents", FactKind.cents),
                _IN_PROGRAM,
            ),
            opt_out=True,
            goes_on="The copy of an authorization must be provided (Reg E 1005.10(b), C2).",
        ),
        Event(
            "schedule_cancelled", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, *_PAYER, Fact("payments", FactKind.payments), Fact("under_way", FactKind.flag)),
            opt_out=True,
            goes_on="Confirms what the customer asked for, and that an authorization ended (Reg E 1005.10(c)).",
        ),
        Event(
            "payment_cancelled", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, *_PAYER, *_PAYMENT, *_LINK, Fact("skipped", FactKind.flag), Fact("under_way", FactKind.flag)),
            opt_out=True,
            goes_on="Confirms what the customer asked for, and that nothing is debited (Reg E 1005.10(c)).",
        ),
        Event(
            "payment_moved",
            frozenset({Channel.email}),
            MessageKind.notice,
            (*_SENDER, *_PAYER, *_PAYMENT, *_LINK, Fact("moved_from", FactKind.day), _IN_PROGRAM),
            opt_out=True,
            goes_on="A debit comes on another date than the one authorized (Reg E 1005.10(d)).",
        ),
        Event(
            "payment_upcoming",
            frozenset({Channel.email}),
            MessageKind.notice,
            (*_SENDER, *_PAYER, *_PAYMENT, *_CARD, *_LINK, _IN_PROGRAM),
            opt_out=True,
            goes_on="The law asks for this notice before the debit (15 USC 1692f(2), Reg F 1006.22(c), C22).",
        ),
        Event(
            "payment_declined",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.notice,
            (
                *_SENDER,
                *_PAYER,
                *_PAYMENT,
                *_CARD,
                Fact("link_url", FactKind.url),
                Fact("retry_on", FactKind.day, required=False),
                Fact("put_off_to", FactKind.day, required=False),
                Fact("rest_cancelled", FactKind.flag),
            ),
            opt_out=True,
        ),
        Event(
            "card_expiring", frozenset({Channel.email}), MessageKind.notice,
            (*_SENDER, *_PAYER, *_PAYMENT, *_CARD, *_LINK), opt_out=True,
        ),
        Event(
            "payment_stopped", frozenset({Channel.email}), MessageKind.record, (*_SENDER, *_PAYER, *_PAYMENT),
            opt_out=True,
            goes_on="Keeps a promise made when the payment was cancelled on its way: what became of the money.",
        ),
        Event(  # nothing, or less, was owed when its day came; or AutoPay may not charge it
            "payment_not_charged", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, *_PAYER, *_PAYMENT, *(Fact(why, FactKind.flag) for why in _WHY_NOT)),
            opt_out=True,
            goes_on="Takes back the notice of a debit that they were sent and may count on (Reg E 1005.10(d)).",
        ),
        Event(
            "payment_link",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.request,
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("link_url", FactKind.url),
                Fact("expires_at", FactKind.instant),
                Fact("fresh", FactKind.flag, required=False),  # the customer asked for it on an expired link
                Fact("balance_cents", FactKind.cents, required=False),  # never shown when discreet
            ),
            opt_out=True,
        ),
        *(
            Event(name, frozenset({Channel.sms}), MessageKind.reply, _SENDER, opt_out=False)
            for name in ("sms_stopped", "sms_started", "sms_help")  # answers to a text of theirs (C29, C30)
        ),
        Event(
            "schedule_link",  # the customer asked for it on an expired link to scheduled payments, or to their card
            frozenset({Channel.email, Channel.sms}),
            MessageKind.request,
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("link_url", FactKind.url),
                Fact("expires_at", FactKind.instant),
                Fact("for_card", FactKind.flag, required=False),
            ),
            opt_out=True,
        ),
        Event(
            "sign_in_code",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.request,
            (*_SENDER, Fact("code", FactKind.reference), Fact("expires_at", FactKind.instant)),
            opt_out=True,
        ),
        Event(
            "pin_reset",
            frozenset({Channel.email}),
            MessageKind.request,
            (*_SENDER, Fact("link_url", FactKind.url), Fact("expires_at", FactKind.instant)),
            opt_out=True,
        ),
        Event(
            "pin_changed", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, Fact("changed_at", FactKind.instant)), opt_out=True,
        ),
        Event(
            "document_ready",  # a paper behind the sign-in: says nothing of what is on it (45 CFR 164.502(b), C50)
            frozenset({Channel.email}),
            MessageKind.request,
            (*_SENDER, *_LINK),
            opt_out=True,
        ),
        Event(  # the copy itself opens after signing in (C2, C50)
            "autopay_on", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, *_PAYER, *_CARD, *_LINK, Fact("limit_cents", FactKind.cents)), opt_out=True,
            goes_on="The copy of an authorization must be provided (Reg E 1005.10(b), C2).",
        ),
        Event(
            "autopay_upcoming", frozenset({Channel.email}), MessageKind.notice,
            (*_SENDER, *_PAYER, *_PAYMENT, *_CARD, *_LINK), opt_out=True,
            goes_on="The law asks for this notice before the debit (Reg E 1005.10(d), Reg F 1006.22(c), C3, C22).",
        ),
        Event(
            "autopay_above_limit", frozenset({Channel.email}), MessageKind.request,
            (*_SENDER, *_PAYER, *_LINK, Fact("amount_cents", FactKind.cents), Fact("limit_cents", FactKind.cents)),
            opt_out=True,
        ),
        Event(
            "autopay_off", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, *_PAYER, *_LINK, Fact("under_way", FactKind.flag)), opt_out=True,
            goes_on="Confirms that an authorization ended and nothing more is debited (Reg E 1005.10(c)).",
        ),
        Event(
            "plan_offer",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.request,
            (
                *_SENDER,
                Fact("customer_name", FactKind.name),
                Fact("link_url", FactKind.url),
                Fact("expires_at", FactKind.instant),
                Fact("fresh", FactKind.flag),  # the customer asked for it on an expired offer
                Fact("changed", FactKind.flag),  # a new version of a plan that was signed
            ),
            opt_out=True,
        ),
        Event(
            "plan_reminder", _BY_EITHER, MessageKind.request,
            (*_SENDER, Fact("customer_name", FactKind.name), *_LINK, *_UNTIL), opt_out=True,
        ),
        Event(
            "plan_expired",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.notice,
            (*_SENDER, Fact("customer_name", FactKind.name), Fact("link_url", FactKind.url, required=False)),
            opt_out=True,
        ),
        Event(
            "plan_signed",
            frozenset({Channel.email}),
            MessageKind.record,
            (
                *_SENDER,
                *_PLAN,
                *_CARD,
                Fact("payments", FactKind.payments),
                Fact("total_cents", FactKind.cents),
                Fact("link_url", FactKind.url),
            ),
            opt_out=True,
            goes_on="The copy of what was signed must be provided (Reg E 1005.10(b), 15 USC 7001(c), C2).",
        ),
        Event(
            "plan_completed",
            frozenset({Channel.email}),
            MessageKind.record,
            (*_SENDER, *_PLAN, Fact("paid_cents", FactKind.cents), Fact("forgiven_cents", FactKind.cents)),
            opt_out=True,
            goes_on="The record that an authorization has ended and what is no longer owed (Reg E 1005.10(c)).",
        ),
        Event(
            "plan_cancelled",
            frozenset({Channel.email, Channel.sms}),
            MessageKind.record,
            (*_SENDER, *_PLAN, Fact("under_way", FactKind.flag)),
            opt_out=True,
            goes_on="Confirms that an authorization ended and nothing more is debited (S1:42, Reg E 1005.10(c)).",
        ),
        Event(
            "plan_paused",
            frozenset({Channel.email}),
            MessageKind.record,
            (*_SENDER, *_PLAN),
            opt_out=True,
            goes_on="Tells that debits the customer authorized and counts on do not come for now (Reg E 1005.10(d)).",
        ),
        Event(
            "plan_resumed",
            frozenset({Channel.email}),
            MessageKind.notice,
            (*_SENDER, *_PLAN, Fact("payments", FactKind.payments)),
            opt_out=True,
            goes_on="Debits come again, some on other dates than those authorized (Reg E 1005.10(d)).",
        ),
        Event(
            "plan_broken",
            frozenset({Channel.email}),
            MessageKind.record,
            (*_SENDER, *_PLAN),
            opt_out=True,
            goes_on="Tells that an authorization ended and nothing more is debited under it (Reg E 1005.10(c)).",
        ),
        *(
            Event(name, _BY_EITHER, MessageKind.request, (*_SENDER, *_SUBSCRIPTION, *_LINK, *_UNTIL), opt_out=True)
            for name in ("subscription_assigned", "subscription_reminder")
        ),
        Event("subscription_expired", _BY_EITHER, MessageKind.notice, (*_SENDER, *_SUBSCRIPTION), opt_out=True),
        Event(
            "subscription_last", frozenset({Channel.email}), MessageKind.notice,
            (*_SENDER, *_SUBSCRIPTION, *_PAYMENT, *_CARD), opt_out=True,
            goes_on="The notice before a debit, and that none follows (Reg E 1005.10(d), C22).",
        ),
        Event(
            "subscription_ended", frozenset({Channel.email}), MessageKind.record,
            (*_SENDER, *_SUBSCRIPTION, Fact("paid_cents", FactKind.cents)), opt_out=True,
            goes_on="The record that an authorization has ended and nothing more is debited (Reg E 1005.10(c)).",
        ),
        Event(
            "subscription_changed",
            frozenset({Channel.email}),
            MessageKind.notice,
            (
                *_SENDER,
                *_SUBSCRIPTION,
                Fact("payments", FactKind.payments),
                Fact("extended_to", FactKind.day, required=False),
                Fact("shortened_to", FactKind.day, required=False),
                Fact("is_paused", FactKind.flag),
                Fact("is_cancelled", FactKind.flag),
                Fact("goes_on", FactKind.flag),
            ),
            opt_out=True,
            goes_on="Debits differ from those before, come on added dates, or come no more (Reg E 1005.10(d), C3).",
        ),
        Event(
            "subscription_report",  # to the case manager; names nobody, says which subscription
            frozenset({Channel.email}),
            MessageKind.house,
            (
                *_SENDER,
                Fact("account_reference", FactKind.reference),
                Fact("requested_at", FactKind.instant),
                Fact("wants_stop", FactKind.flag),
            ),
            opt_out=False,
        ),
        Event(
            "contact_change_request",  # to the organisation's own mailbox; names nobody, says which account
            frozenset({Channel.email}),
            MessageKind.house,
            (
                *_SENDER,
                Fact("account_reference", FactKind.reference),
                Fact("requested_at", FactKind.instant),
                Fact("console_url", FactKind.url, required=False),
            ),
            opt_out=False,
        ),
    )
}  # fmt: skip
