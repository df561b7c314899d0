"""Attack 118: the card page is looked at from outside, and a person is called when it is not the page we make."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from portal.app import create_app
from portal.domain.page_inventory import SCRIPTS, scripts_of
from portal.gateway.page_reader import HttpPageReader
from portal.storage import audit
from portal.usecases.page_watch import Look, watch, watch_due
from portal.web.own_pages import OwnPages
from tests.rig.house import House, build_ports, found
from tests.rig.simulator_process import SimulatorProcess
from tests.web.conftest import Portal, settings

Meddle = Callable[[str, Response], None]


@dataclass
class Site:
    """The portal behind a proxy that can be told to meddle, over real HTTP."""

    house: House
    pages: OwnPages
    meddle: Meddle | None = None

    def look(self) -> Look:
        return watch(self.house.ports, self.pages, self.house.organisation_id)

    def alarms(self) -> list[tuple[str, str]]:
        with self.house.ports.database.read(self.house.organisation_id) as session:
            return [(row.kind, str(row.facts.get("differences", ""))) for row in audit.open_alarms(session)]


@pytest.fixture
def site(house: House, world: SimulatorProcess) -> Iterator[Site]:
    held: dict[str, Any] = {}

    def front(environ: dict[str, Any], start_response: Any) -> Any:
        site: Site = held["site"]
        answer = Response.from_app(held["app"], environ, buffered=True)
        if site.meddle is not None:
            site.meddle(Request(environ).path, answer)
        return answer(environ, start_response)

    server = make_server("127.0.0.1", 0, front, threaded=True)
    url = f"http://127.0.0.1:{server.port}"
    ports = build_ports(house.ports.database, world, portal_url=url)
    house = found(ports, world)
    held["app"] = create_app(settings(world, portal_url=url), house.ports)
    held["site"] = Site(house, OwnPages(lambda: held["app"], HttpPageReader()))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield held["site"]
    server.shutdown()
    thread.join()


def added(html: str) -> Meddle:
    def meddle(path: str, answer: Response) -> None:
        if path.endswith("/card-page"):
            answer.set_data(answer.get_data(as_text=True).replace("</body>", f"{html}</body>"))

    return meddle


def test_attack_118_a_page_that_arrives_as_it_was_made_calls_nobody(site: Site) -> None:
    first, second = site.look(), site.look()
    assert first.reached
    assert first.differences == second.differences == ()
    assert first.scripts == second.scripts
    assert sorted(address.rsplit("/", 1)[1].split(".")[0] for address in first.scripts) == [
        "card_fields", "client", "hosted-fields", "htmx",
    ]  # fmt: skip
    assert site.alarms() == []


def test_attack_118_a_script_put_in_on_the_way_calls_a_person(site: Site) -> None:
    site.meddle = added('<script src="https://evil.example/skim.js"></script>')
    assert "script added: https://evil.example/skim.js" in site.look().differences
    [(kind, said)] = site.alarms()
    assert kind == "page_changed"
    assert "https://evil.example/skim.js" in said


def test_attack_118_an_inline_script_put_in_calls_a_person(site: Site) -> None:
    site.meddle = added("<script>steal()</script>")
    assert any(each.startswith("script added: inline:") for each in site.look().differences)


def test_attack_118_a_weaker_policy_calls_a_person(site: Site) -> None:
    def meddle(_path: str, answer: Response) -> None:
        answer.headers["Content-Security-Policy"] = "default-src *"

    site.meddle = meddle
    assert "header Content-Security-Policy" in site.look().differences


def test_attack_118_another_text_of_our_own_script_calls_a_person(site: Site) -> None:
    def meddle(path: str, answer: Response) -> None:
        if "card_fields" in path:
            del answer.headers["Content-Encoding"]
            answer.set_data("steal()")

    site.meddle = meddle
    [difference] = site.look().differences
    assert difference.startswith("text of ")
    assert "card_fields" in difference


def test_attack_118_another_text_of_the_gateways_script_calls_a_person(site: Site) -> None:
    house, known = site.house, site.look()
    gateway = [address for address in known.scripts if "client" in address]
    changed = OwnPages(lambda: create_app(SimpleNamespace(), house.ports), HttpPageReader())
    changed.made = site.pages.made  # type: ignore[method-assign]  # only what comes over the network differs here

    def received(url: str) -> Any:
        answer = site.pages.received(url)
        return type(answer)(answer.status, answer.headers, answer.body + b" ") if url in gateway and answer else answer

    changed.received = received  # type: ignore[method-assign]  # as above
    assert watch(house.ports, changed, house.organisation_id).differences == (f"text of {gateway[0]}",)


def test_attack_118_each_organisation_is_looked_at_once_a_day(site: Site) -> None:
    assert watch_due(site.house.ports, site.pages) >= 1
    assert watch_due(site.house.ports, site.pages) == 0
    site.house.clock.pass_(hours=25)
    assert watch_due(site.house.ports, site.pages) >= 1


def test_attack_118_a_page_nobody_reached_for_a_week_calls_a_person(site: Site) -> None:
    assert site.look().reached
    site.pages.received = lambda url: None  # type: ignore[method-assign]  # the network is away
    assert not site.look().reached
    assert site.alarms() == []
    site.house.clock.pass_(days=8)
    assert not site.look().reached
    assert [kind for kind, _ in site.alarms()] == ["page_unseen"]


def test_attack_118_the_watched_page_loads_what_the_amount_page_loads(portal: Portal) -> None:
    reader = portal.at_amount()
    amount = reader.raw("GET", reader.path)
    watched = reader.raw("GET", f"/{portal.slug}/card-page")
    assert scripts_of(watched.text) == scripts_of(amount.text)
    [base] = {each["data-script-base"] for each in reader.page.all("form") if each.has("data-script-base")}
    assert f'data-script-base="{base}"' in watched.text
    policies = [answer.headers["Content-Security-Policy"].split("nonce-")[1][24:] for answer in (amount, watched)]
    assert policies[0] == policies[1]


def test_attack_118_the_inventory_names_every_script_of_the_documents_table() -> None:
    from tests.web.test_pages import ROOT

    listed = (ROOT / "docs" / "payment_link.md").read_text()
    for script in SCRIPTS:
        assert f"{script.name}`" in listed, script.name
        assert script.reason
