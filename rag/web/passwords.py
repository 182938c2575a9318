"""A password file: one `name:scrypt:salt:hash` a line, and nothing to read back from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from rag.errors import ConfigError

__all__ = ["add_user", "checker", "load_users"]

# 16 MiB and about 50 ms a try: cheap for a person, dear for a guesser.
_N, _R, _P = 2**14, 8, 1


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=_N, r=_R, p=_P)


def add_user(path: Path, name: str, password: str) -> None:
    """Add a name to the file or change its password; the file is readable by its owner only.

    Raises:
        ConfigError: a name with a colon or blank, or a password under 8 characters.
    """
    if not name or any(c in name for c in ":\n\r") or name != name.strip():
        raise ConfigError(f"user name {name!r}; expected one without colon, line break or outer blanks")
    if len(password) < 8:
        raise ConfigError(f"the password has {len(password)} characters; expected at least 8")
    users = load_users(path) if path.exists() else {}
    salt = secrets.token_bytes(16)
    users[name] = (salt, _hash(password, salt))
    lines = [f"{n}:scrypt:{s.hex()}:{h.hex()}\n" for n, (s, h) in users.items()]
    temporary = path.with_name(path.name + ".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(lines)
    os.replace(temporary, path)


def load_users(path: Path) -> dict[str, tuple[bytes, bytes]]:
    """Names with their salt and hash.

    Raises:
        ConfigError: the file is missing, empty or malformed; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--auth-file {path}: {error}; make one with `python app.py --add-user {path} NAME`"
        ) from error
    users: dict[str, tuple[bytes, bytes]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            name, scheme, salt, digest = line.split(":")
            if scheme != "scrypt":
                raise ValueError(f"scheme {scheme!r}")
            users[name] = (bytes.fromhex(salt), bytes.fromhex(digest))
        except ValueError as error:
            raise ConfigError(
                f"--auth-file {path}, line {number}: {error}; expected name:scrypt:salt:hash in hex"
            ) from error
    if not users:
        raise ConfigError(f"--auth-file {path} names nobody; add one with `python app.py --add-user`")
    return users


def checker(users: dict[str, tuple[bytes, bytes]]) -> Callable[[str, str], bool]:
    """A function that says whether a name and password belong together.

    An unknown name costs the same time as a wrong password, so that names can't be probed.
    """
    decoy = (secrets.token_bytes(16), secrets.token_bytes(64))

    def check(name: str, password: str) -> bool:
        known = name in users
        salt, digest = users.get(name, decoy)
        # A megabyte-long "password" must not cost a megabyte's hashing.
        matches = hmac.compare_digest(_hash(password[:1024], salt), digest)
        return known and matches

    return check
