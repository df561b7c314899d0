"""Mozilla's HTTP Observatory, run here: the tests it makes of an answer's headers and page, and the grade they come to.

After developer.mozilla.org, HTTP Observatory, "Scoring methodology": 100 to begin with; a bonus counts from 90 up.
What it asks of a server at port 80 (redirection) is the proxy's, and left out.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.rig.document import Element

GRADES = ((100, "A+"), (90, "A"), (85, "A-"), (80, "B+"), (70, "B"), (65, "B-"), (60, "C+"), (0, "F"))
SIX_MONTHS = 15_768_000


def score(headers: Mapping[str, str], cookies: list[str], page: Element, host: str) -> tuple[int, dict[str, int]]:
    """(points, what each test gave or took)."""
    found = {
        "csp": _policy(headers.get("Content-Security-Policy", "")),
        "cookies": _cookies(cookies),
        "cors": -50 if headers.get("Access-Control-Allow-Origin") == "*" else 0,
        "hsts": _hsts(headers.get("Strict-Transport-Security", "")),
        "referrer": _referrer(headers.get("Referrer-Policy", "")),
        "sri": _sri(page, host),
        "sniffing": 0 if headers.get("X-Content-Type-Options", "") == "nosniff" else -5,
        "framing": _framing(headers),
        "corp": 10 if headers.get("Cross-Origin-Resource-Policy") in ("same-origin", "same-site") else 0,
    }
    points = 100 + sum(each for each in found.values() if each < 0)
    if points >= 90:
        points += sum(each for each in found.values() if each > 0)
    return points, found


def grade(points: int) -> str:
    """A+ to F."""
    return next(name for least, name in GRADES if points >= least)


def _policy(said: str) -> int:
    rules = {words[0]: words[1:] for rule in said.split(";") if (words := rule.split())}
    if not rules:
        return -25
    scripts = rules.get("script-src", rules.get("default-src", ["*"]))
    styles = rules.get("style-src", rules.get("default-src", ["*"]))
    with_nonce = any(each.startswith(("'nonce-", "'sha256-")) for each in scripts)
    if {"*", "http:", "https:", "data:"} & set(scripts) or ("'unsafe-inline'" in scripts and not with_nonce):
        return -20
    if "'unsafe-eval'" in scripts:
        return -10
    if any(each.startswith("http://") for each in (*scripts, *styles)):
        return -20
    if "'unsafe-inline'" in styles:
        return 0
    return 10 if rules.get("default-src") == ["'none'"] else 5


def _cookies(given: list[str]) -> int:
    if not given:
        return 0
    for each in given:
        words = {word.strip().lower() for word in each.split(";")[1:]}
        if "secure" not in words:
            return -40
        if "httponly" not in words:
            return -30
        if not any(word.startswith("samesite=") for word in words):
            return 0
    return 5


def _hsts(said: str) -> int:
    found = re.search(r"max-age=(\d+)", said)
    if found is None:
        return -20
    return 0 if int(found[1]) >= SIX_MONTHS else -10


def _referrer(said: str) -> int:
    if not said:
        return 0
    private = {"no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin"}
    return 5 if said.rpartition(",")[2].strip() in private else -5  # of a list the last one counts


def _sri(page: Element, host: str) -> int:
    outside = [each for each in page.all("script") if urlsplit(each.get("src")).netloc not in ("", host)]
    if any(urlsplit(each.get("src")).scheme == "http" for each in outside):
        return -50
    return -5 if any(not each.has("integrity") for each in outside) else 0


def _framing(headers: Mapping[str, str]) -> int:
    if "frame-ancestors 'none'" in headers.get("Content-Security-Policy", ""):
        return 5
    return 0 if headers.get("X-Frame-Options", "").upper() in ("DENY", "SAMEORIGIN") else -20
