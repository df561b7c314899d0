"""Secrets people remember (passwords, PINs) and numbers short enough to guess: made into what may be stored.

The only file that knows argon2. A pepper from the settings goes into everything, so a copy of the database alone lets
nobody guess (attacks 108, 109); the version of the pepper is stored beside each, so that it can be changed.
"""

import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from portal.domain.refusal import Refused

# OWASP Password Storage: argon2id, 19 MiB, two passes
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
AT_ONCE = 4  # of 19 MiB each
WAITING_MAX = 24  # whoever comes when so many wait is asked to try again (attack 128)
WAIT_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Kept:
    """What is stored of a secret: an argon2id hash, and which pepper went into it."""

    hash: str
    pepper_version: int


class Secrets:
    """Keeps and compares secrets for one process. Thread-safe; opens nothing."""

    def __init__(self, peppers: Mapping[int, str], *, memory_kib: int = MEMORY_KIB, at_once: int = AT_ONCE) -> None:
        """`peppers` by version; the highest is the one in use, the others only open what they closed."""
        self._peppers = dict(peppers)
        self.version = max(self._peppers)
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=memory_kib, parallelism=LANES)
        self._room = threading.BoundedSemaphore(at_once + WAITING_MAX)
        self._turn = threading.BoundedSemaphore(at_once)
        self._nobody = self._hasher.hash(b"nobody")

    def keep(self, purpose: str, organisation_id: str, owner_id: str, secret: str) -> Kept:
        """What to store. `owner_id` is the row it will stand in: in another row it opens nothing."""
        with self._a_turn():
            told = self._peppered(self.version, purpose, organisation_id, owner_id, secret)
            return Kept(self._hasher.hash(told), self.version)

    def fits(self, kept: Kept | None, purpose: str, organisation_id: str, owner_id: str, secret: str) -> bool:
        """Whether this is the secret. Takes as long when there is none to compare with (attack 1).

        Refused `sign_in_busy` when too many ask at once.
        """
        known = kept if kept is not None and kept.pepper_version in self._peppers else None
        version = known.pepper_version if known else self.version
        told = self._peppered(version, purpose, organisation_id, owner_id, secret)
        with self._a_turn():
            try:
                self._hasher.verify(known.hash if known else self._nobody, told)
            except (VerificationError, InvalidHashError):
                return False
        return known is not None

    def is_stale(self, kept: Kept) -> bool:
        """Whether it should be kept anew at the next chance: an older pepper, or cheaper hashing."""
        return kept.pepper_version != self.version or self._hasher.check_needs_rehash(kept.hash)

    def digest(self, purpose: str, organisation_id: str, value: str) -> str:
        """A keyed digest by which a short number can be found again; no two organisations share one."""
        return self._digest(self.version, purpose, organisation_id, value)

    def digests(self, purpose: str, organisation_id: str, value: str) -> list[str]:
        """The digests it may be stored under, newest pepper first."""
        versions = sorted(self._peppers, reverse=True)
        return [self._digest(version, purpose, organisation_id, value) for version in versions]

    def _digest(self, version: int, purpose: str, organisation_id: str, value: str) -> str:
        return hmac.new(self._key(version, purpose, organisation_id), value.encode(), hashlib.sha256).hexdigest()

    def _key(self, version: int, purpose: str, organisation_id: str) -> bytes:
        pepper = self._peppers[version].encode()
        return hmac.new(pepper, f"{purpose}:{organisation_id}".encode(), hashlib.sha256).digest()

    def _peppered(self, version: int, purpose: str, organisation_id: str, owner_id: str, secret: str) -> bytes:
        told = f"{owner_id}:{secret}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key(version, purpose, organisation_id), told, hashlib.sha256).digest()

    @contextmanager
    def _a_turn(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            raise Refused("sign_in_busy")
        try:
            if not self._turn.acquire(timeout=WAIT_SECONDS):
                raise Refused("sign_in_busy")
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._room.release()
