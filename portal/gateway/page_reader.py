"""Reads a page or script over the network as a browser would be sent it. Called by the page watch alone.

Follows no redirect, sends no cookie, runs nothing, and stops at a size no page of ours has.
"""

import requests

from portal.domain.page_inventory import Received

TIMEOUT_SECONDS = 15
BYTES_MAX = 2 * 1024 * 1024


class HttpPageReader:
    """Answers None when nothing came back."""

    def received(self, url: str) -> Received | None:
        """What stands at an address now, seen from here."""
        try:
            with requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
                body = b""
                for part in answer.iter_content(64 * 1024):
                    body += part
                    if len(body) > BYTES_MAX:
                        return None
                return Received(answer.status_code, dict(answer.headers), body)
        except requests.RequestException:
            return None
