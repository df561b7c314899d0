"""Email through a real SMTP server: what arrives, what is refused, which failures are worth another try."""

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from portal.delivery.paper import Paper
from portal.delivery.smtp import SmtpMail
from portal.delivery.wording import Wording
from portal.domain.message import Attachment, DeliveryPermanent, DeliveryTemporary, MessageText
from tests.delivery.conftest import FACTS, RECEIPT, Mailbox
from tests.delivery.hostile import HEADERS

MESSAGE_ID = "<receipt.3f2b6c1e8a904d5fb7c2d1e0f9a8b7c6@pay.example>"
TEXT = MessageText("Your receipt", "Hello\n", '<!doctype html><html lang="en"><p>Hello</p></html>', None, "en")


def mail_to(mailbox: Mailbox) -> SmtpMail:
    return SmtpMail("127.0.0.1", mailbox.port, sender="payments@pay.example", timeout=5)


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize("locale", ["en", "es"])
def test_a_receipt_arrives_with_text_html_and_paper(
    mailbox: Mailbox, wording: Wording, paper: Paper, locale: str
) -> None:
    text = wording.message("receipt", locale, FACTS["receipt"])
    pdf = paper.receipt(RECEIPT, locale)
    mail_to(mailbox).send(
        "maria@customer.example", "Clínica Ángel", "help@harbor.example", MESSAGE_ID, text,
        [Attachment("receipt R-2026-000123.pdf", "application/pdf", pdf)],
    )  # fmt: skip
    (message,) = mailbox.messages
    assert mailbox.recipients == [["maria@customer.example"]]
    assert message["Message-ID"] == MESSAGE_ID
    assert message["From"].addresses[0].display_name == "Clínica Ángel"
    assert message["From"].addresses[0].addr_spec == "payments@pay.example"
    assert message["Reply-To"].addresses[0].addr_spec == "help@harbor.example"
    assert message["Subject"] == text.subject
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == locale
    assert message["Date"].datetime.tzinfo is not None
    assert body(message, "plain").replace("\r\n", "\n") == text.text
    assert body(message, "html").replace("\r\n", "\n") == text.html
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == "receipt R-2026-000123.pdf"
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_content() == pdf


def test_n2_a_repeat_carries_the_same_message_id_unfolded_however_long(mailbox: Mailbox) -> None:
    long_id = f"<{'receipt.' + 'a' * 60}@{'b' * 40}.example>"
    for _ in range(2):
        mail_to(mailbox).send("maria@customer.example", "Harbor", "", long_id, TEXT)
    raw = [message_from_bytes(message.as_bytes(policy=SMTP.clone(max_line_length=0))) for message in mailbox.messages]
    assert [str(message["Message-ID"]) for message in raw] == [long_id, long_id]


@pytest.mark.parametrize("value", HEADERS)
def test_attack_081_a_value_that_would_start_a_header_is_refused(mailbox: Mailbox, value: str) -> None:
    mail = mail_to(mailbox)
    for attempt in (
        lambda: mail.send("maria@customer.example", value, "", MESSAGE_ID, TEXT),
        lambda: mail.send(f"{value}@customer.example", "Harbor", "", MESSAGE_ID, TEXT),
        lambda: mail.send("maria@customer.example", "Harbor", f"help@harbor.example{value}", MESSAGE_ID, TEXT),
        lambda: mail.send("maria@customer.example", "Harbor", value, MESSAGE_ID, TEXT),
        lambda: mail.send("maria@customer.example", "Harbor", "", f"<{value}@pay.example>", TEXT),
        lambda: mail.send(
            "maria@customer.example", "Harbor", "", MESSAGE_ID, MessageText(value, "a", "<p>a</p>", None, "en")
        ),
    ):
        with pytest.raises(DeliveryPermanent):
            attempt()
    assert mailbox.messages == []


@pytest.mark.parametrize(
    "address",
    [
        "", "maria", "@x.example", "maria@", "maria@x.example,thief@evil.example",
        "maria@x.example thief@evil.example",
        "Maria <maria@x.example>", "<maria@x.example>", "maria@x.example>",
        '"a\r\nBcc: b"@x.example', "maría@x.example",
        "maria@[127.0.0.1]", "a" * 250 + "@x.example", "maria@x.example\n", "-@-.-", "maria..l@x.example",
    ],
)  # fmt: skip
def test_attack_081_only_one_plain_address_is_a_recipient(mailbox: Mailbox, address: str) -> None:
    with pytest.raises(DeliveryPermanent, match="bad_recipient"):
        mail_to(mailbox).send(address, "Harbor", "", MESSAGE_ID, TEXT)
    assert mailbox.messages == []


@pytest.mark.parametrize("name", ['Harbor "The" Receivables', "Harbor, Inc.", "Harbor <x@y.z>", "a\\b", "Ángel; x"])
def test_attack_081_punctuation_in_a_sender_stays_in_the_name(mailbox: Mailbox, name: str) -> None:
    mail_to(mailbox).send("maria@customer.example", name, "", MESSAGE_ID, TEXT)
    (address,) = mailbox.messages[0]["From"].addresses
    assert (address.display_name, address.addr_spec) == (name, "payments@pay.example")


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.pdf", "a/b.pdf", "a\r\nX: y.pdf", 'a".pdf', "a.pdf; x=y", ".pdf", "a", "ré.pdf"]
)
def test_attack_087_an_attachment_has_a_plain_file_name(mailbox: Mailbox, name: str) -> None:
    with pytest.raises(DeliveryPermanent, match="bad_attachment"):
        mail_to(mailbox).send(
            "maria@customer.example", "Harbor", "", MESSAGE_ID, TEXT, [Attachment(name, "application/pdf", b"%PDF")]
        )


@pytest.mark.parametrize(
    ("verb", "answer", "expected"),
    [
        ("RCPT", "550 5.1.1 No such user", DeliveryPermanent),
        ("RCPT", "450 4.2.0 Greylisted", DeliveryTemporary),
        ("RCPT", "452 4.2.2 Mailbox full", DeliveryTemporary),
        ("DATA", "554 5.7.1 Not wanted", DeliveryPermanent),
        ("DATA", "451 4.3.0 Try later", DeliveryTemporary),
        ("DATA", "421 4.3.2 Closing", DeliveryTemporary),
    ],
)
def test_what_the_server_says_decides_whether_to_try_again(
    mailbox: Mailbox, verb: str, answer: str, expected: type[Exception]
) -> None:
    mailbox.answers[verb] = answer
    with pytest.raises(expected) as failed:
        mail_to(mailbox).send("maria@customer.example", "Harbor", "", MESSAGE_ID, TEXT)
    assert answer[:3] in str(failed.value)
    assert "maria" not in str(failed.value)


def test_a_server_that_is_down_is_worth_another_try() -> None:
    with pytest.raises(DeliveryTemporary):
        SmtpMail("127.0.0.1", 1, sender="payments@pay.example", timeout=2).send(
            "maria@customer.example", "Harbor", "", MESSAGE_ID, TEXT
        )


def test_a_server_without_the_asked_for_encryption_gets_nothing(mailbox: Mailbox) -> None:
    for mail in (
        SmtpMail("127.0.0.1", mailbox.port, tls="starttls", sender="payments@pay.example", timeout=5),
        SmtpMail("127.0.0.1", mailbox.port, "user", "secret", sender="payments@pay.example", timeout=5),
    ):
        with pytest.raises(DeliveryTemporary):
            mail.send("maria@customer.example", "Harbor", "", MESSAGE_ID, TEXT)
    assert mailbox.messages == []


def test_a_wrong_sender_address_stops_the_start() -> None:
    with pytest.raises(DeliveryPermanent, match="bad_sender"):
        SmtpMail("127.0.0.1", 25, sender="not an address")
