"""Attacks 37-47, 86, 87, 89, 90, 126-128 and 134: requests that no page of ours makes."""

import hashlib
import json
import re
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import inspect
from werkzeug.test import TestResponse

from portal.storage.rows import Row
from portal.web import strictness
from portal.web.access_log import redacted
from tests.rig.reader import Reader, header_problems
from tests.web.conftest import PORTAL_URL, Portal

FORM = "application/x-www-form-urlencoded"


def rows_digest(portal: Portal) -> str:
    """A digest of every row of every table."""
    found = hashlib.sha256()
    there = set(inspect(portal.house.ports.database.reader).get_table_names())
    with portal.house.ports.database.across() as session:
        for table in sorted(Row.metadata.tables.values(), key=lambda each: each.name):
            if table.name not in there:
                continue
            rows = session.execute(table.select().order_by(*table.primary_key.columns)).all()
            found.update(repr([tuple(row) for row in rows]).encode())
    return found.hexdigest()


def state_changing(portal: Portal, visit_id: str, token: str) -> Iterator[str]:
    """Every address that takes a POST, from the map of routes itself."""
    for rule in portal.app.url_map.iter_rules():
        if "POST" in (rule.methods or set()):
            address = (
                str(rule.rule)
                .replace("<slug:slug>", portal.slug)
                .replace("<token:token>", token)
                .replace("<visit:visit_id>", visit_id)
                .replace("<int:number>", "1")
                .replace("<int:limit_cents>", "20000")
                .replace("<to_on>", "2026-12-04")
                .replace("<any(account,ssn,username):way>", "username")
            )
            yield re.sub(r"<visit:\w+>", "0" * 32, address)


@pytest.fixture
def walked(portal: Portal) -> Reader:
    """A reader at the agreement page: every later POST would mean something."""
    return portal.at_agreement()


def visit_of(reader: Reader) -> str:
    return reader.path.split("/")[3]


def own(reader: Reader, **headers: str) -> dict[str, str]:
    return {"Origin": PORTAL_URL, "Sec-Fetch-Site": "same-origin", "Content-Type": FORM, **headers}


def test_attack_037_every_post_without_a_fitting_token_is_refused(portal: Portal, walked: Reader) -> None:
    stranger = portal.reader("198.51.100.4").open(portal.link())
    foreign = stranger.page.all("input", name="csrf_token")[0]["value"]
    before = rows_digest(portal)
    addresses = list(state_changing(portal, visit_of(walked), portal.tokens[0]))
    assert len(addresses) >= 10
    for address in addresses:
        for token in ("", "x", foreign):
            answer = walked.raw("POST", address, data={"csrf_token": token, "agreed": "yes"}, headers=own(walked))
            assert answer.status_code in (400, 403), address
            assert header_problems(answer) == []
    assert rows_digest(portal) == before
    assert portal.house.truth() == []


def test_attack_037_a_token_that_is_too_old_is_refused_with_a_way_on(portal: Portal, walked: Reader) -> None:
    form, button = walked.form_of("Pay $")
    values = {**walked.values_of(form, button), "agreed": "yes"}
    real = time.time
    try:
        time.time = lambda: real() + 9 * 3600
        walked.post(walked.url, values)
    finally:
        time.time = real
    assert walked.status == 400
    assert walked.heading == "Please open the page again"
    assert portal.house.truth() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:8080.evil.example"},
        {"Referer": "https://evil.example/x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": PORTAL_URL},
        {"Sec-Fetch-Site": "cross-site", "Origin": PORTAL_URL},
    ],
)
def test_attack_038_a_form_from_elsewhere_is_refused(portal: Portal, walked: Reader, headers: dict[str, str]) -> None:
    form, _ = walked.form_of("Pay $")
    values = {**walked.values_of(form), "agreed": "yes"}
    before = rows_digest(portal)
    for address in state_changing(portal, visit_of(walked), portal.tokens[0]):
        assert walked.raw("POST", address, data=values, headers=headers).status_code == 403
    assert rows_digest(portal) == before


def test_attack_038_a_browser_that_says_only_its_origin_is_let_in(portal: Portal) -> None:
    """Safari before 16.4 sends no Sec-Fetch-Site; its own page's form says `Origin`, as long as the page lets it."""
    reader = portal.reader().open(portal.link())
    form, pressed = reader.form_of("Continue")
    answer = reader.raw("POST", reader.path, data=reader.values_of(form, pressed), headers={"Origin": PORTAL_URL})
    assert answer.status_code == 303


def test_attack_039_reading_changes_nothing_and_writing_is_not_read(portal: Portal, walked: Reader) -> None:
    before = rows_digest(portal)
    visit_id, token = visit_of(walked), portal.tokens[0]
    for _ in range(2):
        for rule in portal.app.url_map.iter_rules():
            address = str(rule.rule).replace("<slug:slug>", portal.slug).replace("<token:token>", token)
            address = address.replace("<visit:visit_id>", visit_id).replace("<name>", "portal.css")
            address = (
                address.replace("<int:number>", "1")
                .replace("<int:limit_cents>", "20000")
                .replace("<to_on>", "2026-12-04")
            )
            if "GET" in (rule.methods or set()):
                assert walked.raw("GET", address).status_code < 500, address
                assert walked.raw("HEAD", address).status_code < 500, address
    assert rows_digest(portal) == before
    only_post = [f"/{portal.slug}/l/{token}/fresh", f"{walked.path.rsplit('/', 1)[0]}/result/again"]
    for address in only_post:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
            answer = walked.raw(method, address, headers=own(walked))
            assert answer.status_code in (405, 415), (method, address)


def test_attack_040_a_method_cannot_be_overridden(portal: Portal, walked: Reader) -> None:
    before = rows_digest(portal)
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        walked.raw("GET", f"{walked.path}?_method=POST&agreed=yes", headers={header: "POST"})
    assert rows_digest(portal) == before


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "multipart/form-data; boundary=x", "text/xml", ""])
def test_attack_041_only_plain_forms_are_read(portal: Portal, walked: Reader, kind: str) -> None:
    form, _ = walked.form_of("Pay $")
    values = {**walked.values_of(form), "agreed": "yes"}
    body = json.dumps(values) if "json" in kind else "&".join(f"{name}={value}" for name, value in values.items())
    headers = {**own(walked), "Content-Type": kind}
    assert walked.raw("POST", walked.path, data=body, headers=headers).status_code in (400, 415)
    assert portal.house.truth() == []


def test_attack_043_a_stale_form_under_htmx_is_a_part_and_not_a_loop(portal: Portal, walked: Reader) -> None:
    headers = own(walked, **{"HX-Request": "true", "HX-Target": "main#step"})
    answer = walked.raw("POST", walked.path, data={"csrf_token": "old", "agreed": "yes"}, headers=headers)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 400
    assert "<html" not in text
    assert '<main id="step"' in text
    assert not [name for name, _ in answer.headers if name.lower() in ("hx-redirect", "hx-refresh", "location")]


def test_attack_044_no_answer_may_be_framed(portal: Portal, walked: Reader) -> None:
    for address in (
        "/static/portal.css",
        "/nowhere",
        walked.path,
        portal.link(),
        f"/{portal.slug}/brand.css",
        "/healthz",
    ):
        assert "frame-ancestors 'none'" in walked.raw("GET", address).headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil", "https:evil", "%2f%2fevil", "\t//evil", "//a@evil.example"]
)
def test_attack_045_and_046_no_answer_leads_where_a_request_said(portal: Portal, walked: Reader, target: str) -> None:
    form, _ = walked.form_of("Pay $")
    values = {**walked.values_of(form), "next": target, "agreed": ""}
    answers = [
        walked.raw("POST", f"{walked.path}?language=es&next={target}", data=values, headers=own(walked)),
        walked.raw("GET", f"{walked.path}?next={target}", headers={"HX-Request": "true", "HX-Current-URL": target}),
        walked.raw("GET", walked.path.replace("agreement", "amount"),
                   headers={"HX-Request": "true", "HX-Target": "main#step", "HX-Current-URL": target}),
    ]  # fmt: skip
    for answer in answers:
        for name in ("Location", "HX-Redirect", "HX-Location", "HX-Push-Url", "HX-Retarget"):
            assert "evil" not in answer.headers.get(name, "")
            assert not answer.headers.get(name, "/").startswith("//")


def test_attack_047_what_an_address_claims_about_a_payment_is_not_looked_at(portal: Portal, walked: Reader) -> None:
    walked.open(f"{walked.path.replace('agreement', 'result')}?status=success&id=abc&success=1")
    assert walked.step == "agreement"
    assert portal.balance() == 50_000


def test_attack_086_a_log_line_stays_one_line(capsys: pytest.CaptureFixture[str], portal: Portal) -> None:
    reader = portal.reader()
    reader.headers["User-Agent"] = 'x"}\x1b[31m'
    reader.raw("GET", "/a%0d%0aGET%20/forged%20HTTP%1b[31m%22%7d")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert len(lines) == 1
    assert json.loads(lines[0])["status"] in (400, 404)
    for word in ("l", "card", "scheduled"):
        assert redacted(f"/x/{word}/secret-token/fresh") == f"/x/{word}/[redacted]/fresh"
    assert redacted("/X/L/secret-token") == "/X/L/[redacted]"
    assert "\u2028" not in redacted("/a\u2028b\u202e")


@pytest.mark.parametrize(
    "path",
    ["/static/..%2fapp.py", "/static/../../config.py", "/static/%2e%2e/app.py", "/static/built/x",
     "/static/manifest.json", "/..%2f/l/x", "/a/../b/brand.css", "/%00/brand.css", "/static/portal.css%00.js",
     "/static/portal.css/"],
)  # fmt: skip
def test_attack_087_no_path_leads_out_of_its_room(portal: Portal, path: str) -> None:
    assert portal.reader().raw("GET", path).status_code in (400, 404)


@pytest.mark.parametrize(
    "name", ["x.css", "result.css", "agreement;x", "agreement%0a", "agreement/x.js", "agreement.json"]
)
def test_attack_122_a_page_has_no_second_name_that_a_cache_would_keep(
    portal: Portal, walked: Reader, name: str
) -> None:
    assert walked.raw("GET", f"{walked.path.rsplit('/', 1)[0]}/{name}").status_code in (400, 404)


def test_attack_089_long_near_matches_are_refused_fast(portal: Portal) -> None:
    from portal.domain.money import parse_amount
    from portal.domain.payment_method import holds_card_number, is_nonce
    from portal.domain.refusal import Refused
    from portal.usecases.contact import refused

    long = ["1" * 50_000, "1," * 30_000, "4111-" * 20_000, "a@" * 30_000, "a." * 30_000 + "@", " " * 60_000]
    begun = time.perf_counter()
    for text in long:
        holds_card_number(text)
        is_nonce(text)
        refused({"email": text, "phone": text[:400], "name": text})
        with pytest.raises(Refused):
            parse_amount(text)
    assert time.perf_counter() - begun < 10  # one that goes back and forth takes minutes


@pytest.mark.parametrize("bad", ["%00", "a%00b", "%EF%BF%BD"])
def test_attack_090_bytes_that_are_no_text_are_refused_before_any_row(portal: Portal, bad: str) -> None:
    reader = portal.opened().follow("Something is wrong")
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    answer = reader.raw("POST", reader.path, data=f"csrf_token={token}&name={bad}", headers=own(reader))
    assert answer.status_code == 400


def test_attack_090_what_no_database_can_hold_is_refused_wherever_it_gets_to(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks in front are taken away: what stands behind them answers 400 as well, whichever page it is."""
    reader = portal.at_amount()
    monkeypatch.setattr(strictness, "NOT_TEXT", re.compile("(?!)"))
    form, _ = reader.form_of("Continue")
    values = {**reader.values_of(form), "choice": "whole", "method": "a\x00b"}
    answer = reader.raw("POST", reader.path, data=values, headers=own(reader))
    assert answer.status_code == 400
    assert "We could not read that request" in answer.get_data(as_text=True)


@pytest.mark.parametrize("address", ["http://[::", "http://[x]/amount", "\u00ff", "//", "a" * 5_000])
def test_attack_046_whatever_a_request_calls_its_page_is_answered(portal: Portal, address: str) -> None:
    reader = portal.at_amount()
    answer = reader.raw("GET", reader.path, headers={"HX-Request": "true", "HX-Current-URL": address})
    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == reader.path


@pytest.mark.parametrize("bad", ["%ED%A0%80", "%FF%FE", "%C0%80"])
def test_attack_090_bytes_that_are_no_utf_8_stay_as_they_were_written(portal: Portal, bad: str) -> None:
    reader = portal.opened().follow("Something is wrong")
    token = reader.page.all("input", name="csrf_token")[0]["value"]
    answer = reader.raw("POST", reader.path, data=f"csrf_token={token}&name={bad}", headers=own(reader))
    assert answer.status_code in (303, 400, 422)


@pytest.mark.parametrize("text", ["\u202egnissim", "a\u200bb", "\u202ax\u202c", "\ufeffx", "a\u2028b"])
def test_attack_090_signs_that_hide_text_are_refused_with_a_sentence(portal: Portal, text: str) -> None:
    reader = portal.opened().follow("Something is wrong")
    reader.fill("Full name", text).press("Send corrections")
    assert reader.status == 422
    assert reader.errors() == ["Use letters, numbers and usual punctuation only."]


def test_attack_090_emoji_and_accents_are_kept(portal: Portal) -> None:
    reader = portal.opened().follow("Something is wrong")
    assert reader.fill("Full name", "Ñoño 🎈 O’Brien").press("Send corrections").step == "amount"


def test_attack_126_fields_nobody_asked_for_change_nothing(portal: Portal, walked: Reader) -> None:
    form, _ = walked.form_of("Pay $")
    names = (
        "amount_cents", "amount", "status", "organisation_id", "account_id", "customer_id", "balance_cents", "is_admin",
        "role", "visit_id", "obligation_id", "offer_id", "payment_method_id", "card_nonce", "accepted_at", "ip",
        "version",         "forgiven_cents", "method",
    )  # fmt: skip
    extra = dict.fromkeys(names, "1")
    walked.post(walked.url, {**walked.values_of(form), **extra, "agreed": "yes"})
    assert walked.heading == "Payment received"
    assert [row["amount_cents"] for row in portal.house.truth()] == [50_000]


def test_attack_127_a_field_given_twice_is_refused(portal: Portal, walked: Reader) -> None:
    form, _ = walked.form_of("Pay $")
    values = walked.values_of(form)
    body = "&".join(f"{name}={value}" for name, value in values.items()) + "&agreed=yes&agreed=no"
    assert walked.raw("POST", walked.path, data=body, headers=own(walked)).status_code == 400
    assert portal.house.truth() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("a=" + "x" * 1_100_000, {413}),
        ("&".join(f"f{n}=1" for n in range(10_000)), {400, 413}),
        ("&" * 200_000, {400, 413, 403}),
        ("a[b][c][d]=1", {400}),
    ],
)
def test_attack_128_big_bodies_are_bounded(portal: Portal, walked: Reader, body: str, status: set[int]) -> None:
    begun = time.perf_counter()
    answer = walked.raw("POST", walked.path, data=body, headers=own(walked))
    assert answer.status_code in status
    assert time.perf_counter() - begun < 20
    assert header_problems(answer) == []


def test_attack_134_unknown_methods_are_refused(portal: Portal) -> None:
    for method in ("TRACE", "CONNECT", "PROPFIND", "BREW"):
        answer: TestResponse = portal.reader().raw(method, f"/{portal.slug}/brand.css")
        assert answer.status_code in (400, 405, 415)


def test_attack_133_machines_pages_tell_nothing_to_the_public(portal: Portal) -> None:
    outside = portal.reader("203.0.113.9")
    assert outside.raw("GET", "/metrics").status_code == 404
    assert outside.raw("GET", "/healthz").get_data() == b"ok\n"
    inside = portal.reader("127.0.0.1")
    text = inside.raw("GET", "/metrics").get_data(as_text=True)
    assert "portal_requests_total" in text
    assert not re.search(r"[0-9a-f]{32}", text)
    assert inside.raw("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 404
