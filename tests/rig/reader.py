"""Reads pages as a person without script does: finds by label and role, fills, presses; and audits every page it opens.

Used by tests/web. It knows nothing of the portal's insides: only its pages, cookies and addresses.
"""

import re
from collections import Counter
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask import Flask
from werkzeug.test import TestResponse

from tests.rig.document import Element, read


class PageIsWrong(AssertionError):
    """A page breaks a rule that all pages keep."""


class Reader:
    """One browser. `base` is the address the portal is known by; redirects are followed unless told otherwise."""

    def __init__(self, app: Flask, base: str = "http://127.0.0.1:8080", ip: str = "203.0.113.7") -> None:
        self.client = app.test_client()
        self.base = base
        self.ip = ip
        self.url = base
        self.response: TestResponse
        self.page: Element
        self.headers = {"User-Agent": "A reader of pages", "Accept-Language": "en"}
        self.filled: dict[str, str] = {}

    # --- going places ---

    def open(self, address: str, **headers: str) -> "Reader":
        """GET, following redirects, then audit."""
        return self._go("GET", address, None, headers)

    def post(self, address: str, form: dict[str, str], **headers: str) -> "Reader":
        """POST as a form would, following redirects, then audit."""
        return self._go("POST", address, form, headers)

    def raw(self, method: str, address: str, **options: Any) -> TestResponse:
        """One request with nothing added but cookies, host and address of the sender."""
        headers = {**self.headers, **options.pop("headers", {})}
        return self.client.open(
            urljoin(self.url, address), method=method, base_url=None, headers=headers,
            environ_overrides={"REMOTE_ADDR": self.ip}, **options,
        )  # fmt: skip

    def _go(self, method: str, address: str, form: dict[str, str] | None, headers: dict[str, str]) -> "Reader":
        target = urljoin(self.url, address)
        for _ in range(8):
            own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"} if method == "POST" else {}
            response = self.raw(method, target, data=form, headers={**own, **headers})
            self.url = target
            if response.status_code not in (301, 302, 303, 307, 308):
                break
            target = urljoin(target, response.headers["Location"])
            method, form = "GET", None
        else:
            raise PageIsWrong(f"redirected in circles at {target}")
        self.response = response
        self.filled = {}
        if response.mimetype == "text/html":
            self.page = read(response.get_data(as_text=True))
            audit(response, self.page)
        return self

    # --- seeing ---

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def step(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    @property
    def html(self) -> str:
        return self.response.get_data(as_text=True)

    @property
    def text(self) -> str:
        return self.page.all("main")[0].text

    @property
    def title(self) -> str:
        return self.page.all("title")[0].text

    @property
    def heading(self) -> str:
        return self.page.all("h1")[0].text

    @property
    def amount(self) -> str:
        return next(element.text for element in self.page.all("span") if element.get("class") == "amount")

    def rows(self) -> dict[str, str]:
        """What the rows of the page say, by their name."""
        return {
            row.all("dt")[0].text: row.all("dd")[0].text
            for row in self.page.walk()
            if "row" in row.get("class").split()
        }

    def errors(self) -> list[str]:
        summary = next(
            (each for each in self.page.walk() if each.get("id") == "error-summary" and not each.has("hidden")), None
        )
        return [item.text for item in summary.all("li")] if summary else []

    def sees(self, words: str) -> bool:
        return words in self.text

    # --- doing ---

    def fill(self, label: str, value: str) -> "Reader":
        field = self.field(label)
        self.filled[field["name"]] = value
        return self

    def choose(self, label: str) -> "Reader":
        """Picks the radio, or ticks the box, whose label holds these words."""
        field = self.field(label)
        self.filled[field["name"]] = field.get("value", "on")
        return self

    def untick(self, label: str) -> "Reader":
        """Takes the tick off a box."""
        self.field(label).attributes.pop("checked", None)
        return self

    def set_hidden(self, name: str, value: str) -> "Reader":
        """What a script of the gateway would put into a hidden field."""
        self.filled[name] = value
        return self

    def field(self, label: str) -> Element:
        found = [element for element in self.page.all("label") if label in element.text]
        if len(found) != 1:
            raise PageIsWrong(f"{len(found)} labels hold {label!r}: {[each.text for each in self.page.all('label')]}")
        target = found[0].get("for")
        return next(element for element in self.page.walk() if element.get("id") == target)

    def form_of(self, button: str) -> tuple[Element, Element]:
        for form in self.page.all("form"):
            for each in form.all("button"):
                if button in each.text and each.get("type", "submit") == "submit":
                    return form, each
        raise PageIsWrong(f"no button {button!r}: {[each.text for each in self.page.all('button')]}")

    def press(self, button: str, **headers: str) -> "Reader":
        """Submits the form of a button as a browser without script does."""
        form, pressed = self.form_of(button)
        to = pressed.get("formaction") or form.get("action") or self.url
        return self.post(to, self.values_of(form, pressed), **headers)

    def values_of(self, form: Element, pressed: Element | None = None) -> dict[str, str]:
        values: dict[str, str] = {}
        for element in form.all("input", "textarea", "select"):
            name = element.get("name")
            kind = element.get("type", "text")
            if not name or (kind in ("radio", "checkbox") and not element.has("checked")):
                continue
            if element.tag == "select":
                options = element.all("option")
                picked = next((each for each in options if each.has("selected")), options[0])
                values[name] = picked.get("value", picked.text)
                continue
            values[name] = element.get("value", "on" if kind in ("radio", "checkbox") else "")
        names = {element.get("name") for element in form.all("input", "textarea", "select")}
        values.update({name: value for name, value in self.filled.items() if name in names})
        if pressed is not None and pressed.get("name"):
            values[pressed["name"]] = pressed.get("value")
        return values

    def follow(self, link: str) -> "Reader":
        found = [element for element in self.page.all("a") if link in element.text]
        if not found:
            raise PageIsWrong(f"no link {link!r}: {[each.text for each in self.page.all('a')]}")
        return self.open(found[0]["href"])

    def action_of(self, button: str) -> str:
        form, _ = self.form_of(button)
        return urljoin(self.url, form.get("action") or self.url)


LABELLED = {"text", "tel", "email", "password", "number", "checkbox", "radio", "search", "url", "date"}


def audit(response: TestResponse, page: Element) -> None:
    """What every page keeps, whatever it is about."""
    problems: list[str] = []
    is_part = not page.all("html")
    if len(page.all("h1")) != 1:
        problems.append(f"{len(page.all('h1'))} h1")
    titles = page.all("title")
    if not titles or not titles[0].text:
        problems.append("no title")
    doubled = [
        name for name, number in Counter(each["id"] for each in page.walk() if each.get("id")).items() if number > 1
    ]
    if doubled:
        problems.append(f"ids used twice: {doubled}")
    ids = {each.get("id") for each in page.walk()}
    labels = {each.get("for") for each in page.all("label")}
    for field in page.all("input", "select", "textarea"):
        if field.get("type", "text") in LABELLED and field.get("id") not in labels:
            problems.append(f"no label: {field.attributes}")
        if field.has("required"):
            problems.append("required attribute: browsers would show bubbles of their own")
    for each in page.walk():
        if each.has("style") or any(name.startswith("on") for name in each.attributes):
            problems.append(f"inline style or handler: {each.attributes}")
        if each.has("hx-on") or any(name.startswith("hx-on") for name in each.attributes):
            problems.append(f"evaluated attribute: {each.attributes}")
        if '"' in each.get("class") + each.get("id"):
            problems.append(f"a quotation mark that was escaped once too often: {each.attributes}")
        for name in ("aria-describedby", "aria-labelledby"):
            missing = [word for word in each.get(name).split() if word not in ids]
            if missing:
                problems.append(f"{name} names nothing: {missing}")
        if each.tag == "form" and each.get("method") == "post":
            if not each.all("input", name="csrf_token"):
                problems.append(f"a form without a token: {each.attributes}")
        elif each.tag == "form":
            problems.append("a form that is not a post")
    if not is_part:
        problems += [f"no #{needed}" for needed in ("announcement", "alert", "step") if needed not in ids]
        if page.all("html")[0].get("lang") not in ("en", "es"):
            problems.append("no language")
    problems += header_problems(response)
    if problems:
        raise PageIsWrong(f"{response.request.path}: " + "; ".join(problems))


def header_problems(response: TestResponse) -> list[str]:
    """What is wrong with the security headers of an answer (attacks 44, 116, 119, 124)."""
    headers, problems = response.headers, []
    policy = headers.get("Content-Security-Policy", "")
    rules = (
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    problems += [f"policy lacks {rule}" for rule in rules if rule not in policy]
    if "unsafe" in policy or not re.search(r"script-src 'self' 'nonce-[A-Za-z0-9_-]{20,}'", policy):
        problems.append(f"script policy: {policy}")
    expected = {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    problems += [f"{name}: {headers.get(name)}" for name, value in expected.items() if headers.get(name) != value]
    if headers.get("Referrer-Policy") not in ("same-origin", "no-referrer, strict-origin"):
        problems.append("Referrer-Policy")
    if "payment=(self" not in headers.get("Permissions-Policy", ""):
        problems.append("Permissions-Policy")
    if any(name.lower().startswith("access-control-") for name, _ in headers):
        problems.append("CORS header")
    if "X-Powered-By" in headers or re.search(r"\d", headers.get("Server", "")):
        problems.append("tells its version")
    if response.mimetype == "text/html" and headers.get("Cache-Control") != "no-store":
        problems.append(f"page may be stored: {headers.get('Cache-Control')}")
    return problems
