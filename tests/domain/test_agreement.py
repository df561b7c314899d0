"""The agreement's words: the same text for the same terms, another digest for any other."""

from dataclasses import replace

import pytest

from portal.domain.agreement import Terms, dollars, save_consent, text_of

TERMS = Terms(
    organisation="Harbour Recovery",
    support_phone="+1 312 555 0100",
    support_email="help@harbour.example",
    account_reference="A-1",
    amount_cents=125_050,
    forgiven_cents=0,
    card="my Visa ending in 1111",
    saves_card=False,
    own_terms="",
)


@pytest.mark.parametrize("locale", ["en", "es"])
def test_the_text_names_who_how_much_and_with_what(locale: str) -> None:
    text = text_of(TERMS, locale)
    for word in ("Harbour Recovery", "$1,250.50", "my Visa ending in 1111", "A-1", "+1 312 555 0100"):
        assert word in text.plain
    assert text.digest == text_of(TERMS, locale).digest


@pytest.mark.parametrize("locale", ["en", "es"])
def test_a_kept_card_and_a_settlement_have_sections_of_their_own(locale: str) -> None:
    plain = len(text_of(TERMS, locale).sections)
    both = text_of(replace(TERMS, saves_card=True, forgiven_cents=5_000, own_terms="Ours."), locale)
    assert len(both.sections) == plain + 3
    assert "$50.00" in both.plain
    assert both.sections[-1].paragraphs == ("Ours.",)


def test_any_change_of_terms_or_language_is_another_text() -> None:
    texts = [text_of(TERMS, "en"), text_of(TERMS, "es"), text_of(replace(TERMS, amount_cents=1), "en")]
    texts.append(text_of(replace(TERMS, saves_card=True), "en"))
    assert len({text.digest for text in texts}) == len(texts)


def test_dollars_are_grouped() -> None:
    assert [dollars(cents) for cents in (5, 100, 123_456_789)] == ["$0.05", "$1.00", "$1,234,567.89"]
    assert "Harbour" in save_consent("Harbour", "es")
