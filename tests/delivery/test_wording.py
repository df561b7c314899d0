"""Messages in words: what they say, what they never say, and what hostile facts do to them."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from portal.delivery.language import CatalogMissing
from portal.delivery.text_message import SEGMENTS_MAX, segments
from portal.delivery.wording import SUBJECT_MAX, Wording
from portal.domain.message import Channel, DeliveryPermanent, FactKind, MessageText
from portal.domain.message_event import EVENTS
from tests.delivery.conftest import FACTS, TEMPLATES
from tests.delivery.hostile import EVERYTHING, HEADERS, LINKS, MARKUP, TEMPLATE

DEBT_WORDS = re.compile(r"(?i)\b(debt|owe|owed|balance|collect\w*|settle\w*|deuda|debe|saldo|cobr\w*|liquid\w*)\b")
MAILED = [name for name, event in EVENTS.items() if Channel.email in event.channels]
TEXTED = [name for name, event in EVENTS.items() if Channel.sms in event.channels]
LINK = re.compile(r"(?i)(?:https?:)?//[^\s\"'<>]+")


class Page(HTMLParser):
    """The HTML as a mail program sees it: elements, attributes, words in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._skipped = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._skipped += tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).replace("\u034f", "").replace("\u00a0", "").split())


def with_text(event: str, text: str) -> dict[str, object]:
    """The facts of an event with every free text in them replaced."""
    kinds = {FactKind.name, FactKind.words, FactKind.reference}
    return FACTS[event] | {fact.name: text for fact in EVENTS[event].facts if fact.kind in kinds}


def parts(message: MessageText) -> list[str]:
    return [part for part in (message.subject, message.text, message.html, message.sms) if part is not None]


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("event", MAILED)
def test_every_event_has_every_part_in_every_language(wording: Wording, event: str, locale: str) -> None:
    message = wording.message(event, locale, FACTS[event])
    assert message.subject
    assert message.text
    assert (message.sms is not None) == (Channel.sms in EVENTS[event].channels)
    elements = Page(message.html).elements
    assert ("html", {"lang": locale, "dir": "ltr"}) in elements
    assert [tag for tag, _ in elements].count("h1") == 1
    assert not {tag for tag, _ in elements} & {"table", "script", "img", "link", "iframe", "form"}
    assert "Harbor Receivables" in message.text
    for help_contact in ("(212) 555-0100", "help@harbor.example"):
        assert help_contact in message.text
        assert help_contact in Page(message.html).text


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("event", MAILED)
def test_text_and_html_say_the_same(wording: Wording, event: str, locale: str) -> None:
    message = wording.message(event, locale, FACTS[event] | {"discreet": False})
    in_html = Page(message.html).text
    for value in re.findall(r"\$[\d,.]+|R-2026-\d+|HR-\d+|\b4242\b|\b2026\b|https://\S+", message.text):
        assert value in in_html or f'href="{value}"' in message.html


def test_the_receipt_says_what_was_paid(wording: Wording) -> None:
    message = wording.message("receipt", "en", FACTS["receipt"])
    assert "Amount paid: $1,234.56" in message.text
    assert "Date: November 22, 2026, 3:04 PM EST" in message.text
    assert "Paid with: Visa ending in 4242" in message.text
    assert "Balance left: $500.00" in message.text
    assert message.subject == "Your receipt from Harbor Receivables"


@pytest.mark.parametrize("unknown", [None, ""])
def test_a_card_we_know_nothing_of_is_called_a_card(wording: Wording, unknown: str | None) -> None:
    facts = FACTS["receipt"] | {
        "card_brand": unknown,
        "card_last4": unknown,
        "help_email": unknown,
        "confirmation": unknown,
    }
    message = wording.message("receipt", "es", facts)
    assert "\nPagado con: Tarjeta\n" in message.text
    assert "Tarjeta" in Page(message.html).text
    assert "ending" not in message.text
    assert "Confirmación" not in message.text


@pytest.mark.parametrize("event", ["schedule_made", "payment_moved", "payment_upcoming"])
def test_of_a_subscription_no_single_payment_is_offered_to_be_moved_or_cancelled(wording: Wording, event: str) -> None:
    usual, of_program = (wording.message(event, "en", FACTS[event] | {"in_program": each}) for each in (False, True))
    for offered in ("change your payments", "cancel a payment", "cancel or move it"):
        assert offered not in of_program.text
        assert offered not in Page(of_program.html).text
    assert "change your payments" in usual.text
    assert "See your payments" in Page(of_program.html).text


def test_who_allows_more_by_now_does_not_read_that_it_is_above_their_limit(wording: Wording) -> None:
    usual, raised = (
        wording.message("autopay_above_limit", "en", FACTS["autopay_above_limit"] | {"limit_cents": cents})
        for cents in (25_000, 123_456)
    )
    for said in (usual.text, Page(usual.html).text):
        assert "limit" in said
    for said in (raised.subject, raised.text, Page(raised.html).text):
        assert "limit" not in said


def test_spanish_is_spanish_in_every_part(wording: Wording) -> None:
    message = wording.message("receipt", "es-MX", FACTS["receipt"])
    assert message.locale == "es"
    assert message.subject == "Su recibo de Harbor Receivables"
    assert "Fecha: 22 de noviembre de 2026, 3:04 p.m. EST" in message.text
    assert message.sms is not None
    assert "recibimos su pago de $1,234.56" in message.sms


@pytest.mark.parametrize(
    ("hours", "shown", "lang"),
    [
        ("Monday to Friday, 9 a.m. to 5 p.m.", "De lunes a viernes, de 9 a.m. a 5 p.m.", "es"),
        ("Mondays until noon", "Mondays until noon", "en"),
    ],
)
def test_the_usual_hours_are_said_in_the_readers_language_and_others_as_they_were_typed(
    wording: Wording, hours: str, shown: str, lang: str
) -> None:
    message = wording.message("plan_signed", "es", FACTS["plan_signed"] | {"help_hours": hours})
    assert shown in message.text
    assert f'<span lang="{lang}">{shown}</span>' in message.html


def test_a_language_we_do_not_have_is_answered_in_english(wording: Wording) -> None:
    assert wording.message("receipt", "zz", FACTS["receipt"]).locale == "en"


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("event", ["receipt", "payment_link"])
def test_c20_a_discreet_message_shows_no_debt_amount_or_creditor_before_it_is_opened(
    wording: Wording, event: str, locale: str
) -> None:
    message = wording.message(event, locale, FACTS[event] | {"discreet": True})
    assert message.sms is not None
    previews = (message.subject, message.text[:200], Page(message.html).text[:130], message.sms)
    for preview in previews:
        assert "Harbor" not in preview.replace("https://pay.example/harbor", "")
        assert not re.search(r"\$|1,234|500", preview.replace("555-0100", ""))
        assert not DEBT_WORDS.search(preview)
    hidden = message.html.split("</div>")[0]
    assert hidden.count("&#847;") >= 80, "what follows the preview must not be pulled into it"


def test_c20_a_discreet_link_says_nothing_of_the_account_even_when_opened(wording: Wording) -> None:
    message = wording.message("payment_link", "en", FACTS["payment_link"] | {"discreet": True})
    for part in parts(message):
        assert "1,234.56" not in part
        assert not DEBT_WORDS.search(part)
        assert "payment" not in part.lower()


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("event", [name for name, event in EVENTS.items() if event.opt_out])
def test_c16_every_message_about_an_account_says_how_to_stop(wording: Wording, event: str, locale: str) -> None:
    message = wording.message(event, locale, FACTS[event])
    assert (message.sms is not None) == (Channel.sms in EVENTS[event].channels)
    if message.sms is not None:
        assert "STOP" in message.sms
    if event in MAILED:
        assert str(FACTS[event]["stop_url"]) in message.text
        assert ("a", str(FACTS[event]["stop_url"])) in [
            (tag, each.get("href")) for tag, each in Page(message.html).elements
        ]


@pytest.mark.parametrize("removed", ["{{ opt_out }}", "{{ stop_url }}"])
def test_c16_a_template_without_the_way_out_is_never_sent(translations: Path, tmp_path: Path, removed: str) -> None:
    copy = tmp_path / "templates"
    for source in (TEMPLATES / "message").rglob("*.*"):
        target = copy / source.relative_to(TEMPLATES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text().replace(removed, ""))
    with pytest.raises(DeliveryPermanent, match="no_opt_out"):
        Wording(copy, translations).message("receipt", "en", FACTS["receipt"])


@pytest.mark.parametrize("text", [*MARKUP, *EVERYTHING[-3:]])
@pytest.mark.parametrize("event", MAILED)
def test_attack_077_078_markup_in_a_name_is_only_words(wording: Wording, event: str, text: str) -> None:
    plain = Page(wording.message(event, "en", FACTS[event]).html)
    hostile = Page(wording.message(event, "en", with_text(event, text)).html)
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(a) for _, a in hostile.elements] == [sorted(a) for _, a in plain.elements]


@pytest.mark.parametrize("text", TEMPLATE)
@pytest.mark.parametrize("locale", ["en", "es"])
def test_attack_079_a_template_typed_as_a_name_is_printed_as_typed(wording: Wording, text: str, locale: str) -> None:
    message = wording.message("receipt", locale, FACTS["receipt"] | {"customer_name": text, "organisation_name": text})
    shown = text.replace("0.__class__", "0. __class__").replace("self.__init__", "self. __init__")
    assert shown in message.text
    assert shown in Page(message.html).text
    assert shown in message.subject
    assert "49" not in message.text.replace("$1,234.56", "")


@pytest.mark.parametrize("text", HEADERS)
@pytest.mark.parametrize("event", MAILED)
def test_attack_081_a_subject_is_always_one_line(wording: Wording, event: str, text: str) -> None:
    subject = wording.message(event, "en", with_text(event, text)).subject
    assert len(subject) <= SUBJECT_MAX
    assert subject == " ".join(subject.split())
    assert subject.isprintable()


@pytest.mark.parametrize("text", [*LINKS, *EVERYTHING])
@pytest.mark.parametrize("event", MAILED)
def test_attack_082_083_only_our_own_address_is_a_link(wording: Wording, event: str, text: str) -> None:
    message = wording.message(event, "en", with_text(event, text))
    for part in parts(message):
        for link in LINK.findall(part):
            assert link.startswith("https://pay.example/harbor")
        assert "evil.com" not in part
    for tag, attributes in Page(message.html).elements:
        assert tag != "a" or str(attributes["href"]).startswith("https://pay.example/harbor/")


@pytest.mark.parametrize("text", EVERYTHING)
@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("event", ["receipt", "payment_link"])
def test_attack_083_a_text_is_one_line_of_at_most_three_segments(
    wording: Wording, event: str, locale: str, text: str
) -> None:
    sms = wording.message(event, locale, with_text(event, text) | {"help_phone": "(212) 555-0100"}).sms
    assert sms is not None
    assert segments(sms) <= SEGMENTS_MAX
    assert sms == " ".join(sms.split())
    assert "STOP" in sms
    if event == "payment_link":
        assert str(FACTS[event]["link_url"]) in sms, "a link is whole or not there"


@pytest.mark.parametrize("event", ["receipt", "payment_link"])
def test_attack_083_an_ordinary_text_uses_the_cheap_alphabet(wording: Wording, event: str) -> None:
    for locale in ("en", "es"):
        sms = wording.message(event, locale, FACTS[event] | {"organisation_name": "Clínica Índigo – “Ángel”"}).sms
        assert sms is not None
        assert segments(sms) <= 2


@pytest.mark.parametrize("text", EVERYTHING)
def test_attack_090_every_part_can_be_sent_as_utf8(wording: Wording, text: str) -> None:
    for event in EVENTS:
        for part in parts(wording.message(event, "en", with_text(event, text))):
            part.encode("utf-8")
            assert not set(part) & set("\u202e\u2066\u2069\u200b\u200d\ufeff\x00\u2028\u2029\x85")


def test_n5_a_link_of_another_host_is_refused(wording: Wording) -> None:
    for url in (
        "https://evil.example/harbor/l/x",
        "https://pay.example/other/l/x",
        "https://pay.example/harbor.evil/x",
    ):
        with pytest.raises(DeliveryPermanent, match="foreign_link"):
            wording.message("payment_link", "en", FACTS["payment_link"] | {"link_url": url})
    with pytest.raises(DeliveryPermanent, match="bad_url"):
        wording.message("payment_link", "en", FACTS["payment_link"] | {"link_url": "javascript:alert(1)"})


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"card_expiry": "03/27"}, "unknown_fact"),
        ({"service_name": "Therapy"}, "unknown_fact"),
        ({"card_last4": "11114242"}, "bad_last4"),
        ({"card_last4": "４２４２"}, "bad_last4"),
        ({"amount_cents": 12.5}, "bad_cents"),
        ({"amount_cents": -1}, "bad_cents"),
        ({"amount_cents": True}, "bad_cents"),
        ({"customer_name": None}, "missing_fact"),
        ({"help_phone": None, "help_email": None}, "no_help_contact"),
        ({"help_email": "help@harbor.example\r\nBcc: x@y.z"}, "bad_email"),
        ({"time_zone": "Mars/Olympus"}, "cannot_be_written"),
        ({"time_zone": "../../etc/passwd"}, "cannot_be_written"),
        ({"paid_at": "yesterday"}, "bad_instant"),
    ],
)
def test_n6_c36_c50_facts_that_may_not_stand_in_a_message_are_set_aside(
    wording: Wording, facts: dict[str, object], reason: str
) -> None:
    with pytest.raises(DeliveryPermanent, match=reason):
        wording.message("receipt", "en", FACTS["receipt"] | facts)


def test_n6_a_broken_template_sets_one_message_aside(translations: Path, tmp_path: Path) -> None:
    broken = tmp_path / "message" / "receipt"
    broken.mkdir(parents=True)
    (broken / "body.txt").write_text("{{ nobody_said_this }}")
    with pytest.raises(DeliveryPermanent, match="cannot_be_written"):
        Wording(tmp_path, translations).message("receipt", "en", FACTS["receipt"])
    with pytest.raises(DeliveryPermanent, match="unknown_event"):
        Wording(tmp_path, translations).message("no_such_event", "en", {})


@pytest.mark.parametrize("locale", ["en", "es"])
def test_c36_a_receipt_holds_no_expiry_date_and_no_more_than_four_digits(wording: Wording, locale: str) -> None:
    facts = FACTS["receipt"] | {"customer_name": "4111 1111 1111 1111", "organisation_name": "4111111111111111"}
    for part in parts(wording.message("receipt", locale, facts)):
        assert "4111" not in part.replace("****1111", "")
        assert not re.search(r"\b(0[1-9]|1[0-2])/(\d{2}|\d{4})\b", part)
    assert not any("expir" in fact.name for fact in EVENTS["receipt"].facts)


def test_a_missing_catalog_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(CatalogMissing):
        Wording(TEMPLATES, tmp_path)


def test_every_event_has_a_folder_and_every_folder_an_event() -> None:
    folders = {path.name for path in (TEMPLATES / "message").iterdir() if path.is_dir()}
    assert folders == set(EVENTS)
    for name, event in EVENTS.items():
        expected = {"subject.txt", "body.txt", "body.html"} if Channel.email in event.channels else set()
        expected |= {"sms.txt"} if Channel.sms in event.channels else set()
        assert {path.name for path in (TEMPLATES / "message" / name).iterdir()} == expected


@pytest.mark.parametrize("locale", ["en", "es"])
@pytest.mark.parametrize("discreet", [True, False])
@pytest.mark.parametrize("event", TEXTED)
def test_c30_the_first_text_names_its_sender_the_way_out_and_help(
    wording: Wording, event: str, discreet: bool, locale: str
) -> None:
    facts = FACTS[event] | {"discreet": discreet, "first_text": True, "sender_in_texts": "Harbor Office"}
    sms = wording.message(event, locale, facts).sms
    assert sms is not None
    assert "Harbor Office" in sms
    assert "HELP" in sms
    if event != "sms_stopped":
        assert "STOP" in sms
    assert segments(sms) <= SEGMENTS_MAX


@pytest.mark.parametrize("event", ["payment_link", "receipt", "payment_declined", "sms_help"])
def test_c20_c30_a_discreet_text_without_a_name_for_texts_names_its_telephone_number(
    wording: Wording, event: str
) -> None:
    sms = wording.message(event, "en", FACTS[event] | {"discreet": True, "first_text": True}).sms
    assert sms is not None
    assert "(212) 555-0100" in sms
    assert "Harbor Receivables" not in sms


@pytest.mark.parametrize("locale", ["en", "es"])
def test_c29_a_confirmation_holds_no_promotion_and_no_link(wording: Wording, locale: str) -> None:
    sms = wording.message("sms_stopped", locale, FACTS["sms_stopped"]).sms
    assert sms is not None
    assert segments(sms) == 1
    assert "http" not in sms


def test_c30_help_names_the_sender_and_a_contact(wording: Wording) -> None:
    by_phone = wording.message("sms_help", "es", FACTS["sms_help"]).sms
    by_email = wording.message("sms_help", "en", FACTS["sms_help"] | {"help_phone": None}).sms
    assert by_phone is not None
    assert by_email is not None
    assert "Harbor Receivables" in by_phone
    assert "(212) 555-0100" in by_phone
    assert "help@harbor.example" in by_email
