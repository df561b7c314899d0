"""Attacks 23-36 and 123: what a link gives away, and what becomes of one that is guessed, scanned, copied or spent."""

import json
import secrets

import pytest
from sqlalchemy import event

from portal.domain.payment_link import TOKEN_BYTES, digest
from portal.storage import message, payment_link, visit
from tests.web.conftest import Portal, settings, settled


def visits_of(portal: Portal) -> int:
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        link = payment_link.by_token_sha256(session, digest(portal.tokens[-1]), "pay")
        assert link is not None
        return visit.count_of_link(session, link.id)


def test_attack_023_a_copy_of_the_database_holds_no_working_link(portal: Portal) -> None:
    portal.link()
    token = portal.tokens[0]
    assert TOKEN_BYTES >= 24
    assert len(token) == 32
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        row = payment_link.by_token_sha256(session, digest(token), "pay")
        assert row is not None
        stored = json.dumps({name: str(value) for name, value in vars(row).items()})
    assert token not in stored
    assert portal.reader().open(f"/{portal.slug}/l/{row.token_sha256[:32]}").status == 404


def test_attack_024_guessed_tokens_find_nothing_and_all_see_the_same_page(portal: Portal) -> None:
    pages = {settled(portal.reader().open(f"/{portal.slug}/l/{secrets.token_urlsafe(24)}").html) for _ in range(30)}
    assert len(pages) == 1
    assert "We do not know this link" in pages.pop()


def test_attack_024_one_address_cannot_guess_for_long(portal: Portal, world: object) -> None:
    from portal.app import create_app
    from tests.rig.reader import Reader

    app = create_app(settings(world), portal.house.ports)  # type: ignore[arg-type]  # only what the doors read
    guesser = Reader(app, ip="198.51.100.9")
    statuses = [guesser.raw("GET", f"/{portal.slug}/l/{secrets.token_urlsafe(24)}").status_code for _ in range(70)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
    assert Reader(app, ip="198.51.100.10").open(portal.link()).status == 200


def test_attack_025_scanners_that_open_and_submit_everything_leave_the_link_working(portal: Portal) -> None:
    link = portal.link()
    scanner = portal.reader("192.0.2.55")
    for method in ("HEAD", "OPTIONS", "GET"):
        assert scanner.raw(method, link).status_code == 200
    for _ in range(50):
        scanner.raw("GET", link, headers={"Sec-Purpose": "prefetch"})
    assert visits_of(portal) == 0
    scanner.open(link)
    for _ in range(12):  # a robot that submits every form it sees, as it stands
        forms = [each for each in scanner.page.all("main")[0].all("form") if each.get("method") == "post"]
        if not forms:
            break
        scanner.post(forms[0].get("action") or scanner.url, scanner.values_of(forms[0]))
    assert portal.house.truth() == []
    assert portal.house.doorbell.messages == []
    portal.card(portal.at_amount())
    person = portal.reader().open(link).press("Continue")
    assert person.step == "contact"


def test_attack_026_a_stored_card_needs_more_than_a_press(portal: Portal) -> None:
    kept = portal.house.card_on_file()
    reader = portal.at_amount()
    form, _ = reader.form_of("Continue")
    values = reader.values_of(form) | {"method": kept}
    for proof in ({}, {"proof_last4": "1111"}, {"proof_zip": "94107"}, {"proof_last4": "0000", "proof_zip": "94107"}):
        assert reader.post(reader.url, {**values, **proof}).status == 422
    reader.open(reader.url.replace("/amount", "/agreement"))
    assert reader.step == "amount"
    assert portal.house.truth() == []


def test_attack_026_a_card_cannot_be_proven_by_trying(portal: Portal) -> None:
    kept = portal.house.card_on_file()
    reader = portal.at_amount()
    form, _ = reader.form_of("Continue")
    values = reader.values_of(form) | {"method": kept, "choice": "whole", "proof_zip": "94107"}
    for guess in ("0000", "0001", "0002", "0003", "0004"):
        reader.post(reader.url, values | {"proof_last4": guess})
    reader.post(reader.url, values | {"proof_last4": "1111"})
    assert reader.errors() == [
        "There were too many wrong tries for this card. Use another card, or try again in an hour."
    ]


def test_attack_027_another_browser_gets_a_visit_of_its_own(portal: Portal) -> None:
    link = portal.link()
    first = portal.reader().open(link).press("Continue").press("Yes, continue")
    portal.card(first, amount="Minimum payment")
    other = portal.reader("198.51.100.3")
    assert other.open(first.url).status == 403
    other.open(link).press("Continue")
    assert other.step == "contact"
    other.press("Yes, continue")
    assert "1111" not in other.html
    assert other.path != first.path


def test_attack_028_the_token_leaves_the_address_and_every_log(
    capsys: pytest.CaptureFixture[str], portal: Portal
) -> None:
    reader = portal.reader()
    landing = reader.raw("GET", portal.link())
    assert landing.headers["Referrer-Policy"] == "no-referrer, strict-origin"  # the last one a browser knows counts
    origins = [part for part in landing.get_data(as_text=True).split('"') if part.startswith("http")]
    assert origins == ["http://www.w3.org/2000/svg"] or origins == []
    portal.opened(reader)
    assert portal.tokens[-1] not in reader.url + reader.html
    log = capsys.readouterr().out
    assert "/l/[redacted]" in log
    for token in portal.tokens:
        assert token not in log


def test_attack_030_spent_links_say_what_became_of_them(portal: Portal) -> None:
    reader = portal.reader()
    link = portal.link(days=1)
    portal.house.clock.pass_(days=2)
    assert reader.open(link).heading == "This link has expired"
    assert reader.status == 410
    portal.revoke()
    assert reader.open(link).heading == "This link was cancelled"
    assert reader.status == 410
    with pytest.raises(AssertionError, match="no button"):
        reader.press("Continue")
    portal.tokens.clear()
    portal.paid(amount="Whole balance")
    assert reader.open(portal.link()).heading == "There is nothing to pay"


def test_p4_attack_030_a_link_works_until_its_second_and_not_after_it(portal: Portal) -> None:
    link = portal.link(days=1)
    portal.house.clock.pass_(days=1, seconds=-1)
    assert portal.reader().open(link).status == 200
    reader = portal.reader().open(link).press("Continue").press("Yes, continue")
    portal.card(reader)
    reader.press("Confirm and continue")
    portal.house.clock.pass_(seconds=1)
    assert portal.reader().open(link).status == 410
    reader.choose("I have read this").press("Pay $")
    assert reader.heading == "This link has expired"
    assert portal.house.truth() == []


def test_attack_031_a_token_is_good_for_its_own_organisation_only(portal: Portal, world: object) -> None:
    from tests.rig.house import found

    other = found(portal.house.ports, world)  # type: ignore[arg-type]  # a fixture without a type
    link = portal.link()
    foreign = portal.reader().open(link.replace(portal.slug, other.slug))
    unknown = portal.reader().open(f"/{other.slug}/l/{secrets.token_urlsafe(24)}")
    assert foreign.status == unknown.status == 404
    assert settled(foreign.html) == settled(unknown.html)
    assert portal.reader().raw("GET", link, headers={"Host": "elsewhere.example"}).status_code == 404


def test_attack_032_only_the_exact_token_opens_a_link(portal: Portal) -> None:
    link = portal.link()
    for changed in (
        link[:-1], link + ".", link + "%00", link + "%0a", link.swapcase(), link + "=", link + "/", link + "%252f",
        link.replace("/l/", "/l/%2e%2e/"), link + ";x", link + "?x=1" * 0 + " ", link[:-1] + "%2541",
    ):  # fmt: skip
        answer = portal.reader().raw("GET", changed)
        assert answer.status_code in (400, 404), changed


def test_attack_033_a_fresh_link_goes_to_the_address_on_file_three_times_an_hour(portal: Portal) -> None:
    link = portal.link(days=1)
    portal.house.clock.pass_(days=2)
    answers = []
    for _ in range(5):
        reader = portal.reader().open(link).press("Send me a fresh link")
        answers.append(settled(reader.html))
    assert len(set(answers)) == 1
    assert len(portal.house.doorbell.messages) == 3
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        for _organisation, message_id in portal.house.doorbell.messages:
            row = message.lock(session, message_id)
            assert row is not None
            assert row.recipient == "ada@example.com"
            opened = json.loads(portal.house.ports.seal.open(row.sealed_facts or ""))
    assert portal.reader().open(opened["link_url"]).status == 200
    assert portal.reader().open(link).status == 410


def test_attack_033_a_typed_address_is_not_looked_at_and_a_live_link_sends_nothing(portal: Portal) -> None:
    link = portal.link()
    reader = portal.reader().open(link)
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    reader.post(f"{link}/fresh", {"csrf_token": token, "email": "thief@example.com"})
    assert reader.heading == "Your secure page"
    assert portal.house.doorbell.messages == []


def test_attack_034_a_forged_host_never_gets_into_a_link(portal: Portal) -> None:
    link = portal.link(days=1)
    portal.house.clock.pass_(days=2)
    reader = portal.reader().open(link)
    form, _ = reader.form_of("Send me")
    reader.post(
        form["action"], reader.values_of(form), **{"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    )
    with portal.house.ports.database.transaction(portal.house.organisation_id) as session:
        row = message.lock(session, portal.house.doorbell.messages[0][1])
        assert row is not None
        assert json.loads(portal.house.ports.seal.open(row.sealed_facts or ""))["link_url"].startswith(
            "http://127.0.0.1:8080/"
        )


def test_attack_035_a_near_miss_takes_as_long_as_a_far_one(portal: Portal) -> None:
    """The same statements with a digest in them: nothing compares the token itself, so nothing can take longer."""
    token = portal.link().rsplit("/", 1)[1]
    near, far = token[:-1] + ("A" if token[-1] != "A" else "B"), secrets.token_urlsafe(24)
    reader = portal.reader()
    asked: list[tuple[str, str]] = []
    reader.raw("GET", f"/{portal.slug}/l/{far}")  # what is looked up once and kept is kept now

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, str(parameters)))

    engines = {portal.house.ports.database.reader, portal.house.ports.database.writer}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        said = []
        for guess in (near, far):
            asked.clear()
            assert reader.raw("GET", f"/{portal.slug}/l/{guess}").status_code == 404
            assert any(digest(guess) in parameters for _, parameters in asked)
            assert not any(guess in parameters for _, parameters in asked)
            said.append([statement for statement, _ in asked])
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    assert said[0] == said[1]


def test_attack_036_a_link_for_another_purpose_is_not_found(portal: Portal) -> None:
    link = portal.link()
    with portal.house.ports.database.read(portal.house.organisation_id) as session:
        assert payment_link.by_token_sha256(session, digest(portal.tokens[0]), "agreement") is None
    assert portal.reader().open(link.replace("/l/", "/a/")).status == 404


def test_attack_123_without_cookies_there_is_a_clear_word_and_no_loop(portal: Portal) -> None:
    reader = portal.reader().open(portal.link())
    form, _ = reader.form_of("Continue")
    values = reader.values_of(form)
    reader.client.delete_cookie("session", domain="127.0.0.1")
    reader.client._cookies = {}
    reader.post(reader.url, values)
    assert reader.status == 400
    assert reader.sees("your browser blocks all cookies")
