"""Members of a zip read within limits: no bomb unpacks, no archive lies about its size."""

from __future__ import annotations

import io
import zipfile
import zlib

from rag.errors import FileError

__all__ = ["Zipped"]

MAX_MEMBERS = 20_000
MAX_RATIO = 100
MAX_MEMBER = 200 * 2**20
# A small file may unpack to this without being a bomb: runs of blanks compress well.
_HARMLESS = 20 * 2**20


class Zipped:
    """An open zip file whose sizes have been looked at before anything is unpacked.

    Args:
        data: the file.
        called: what it should be, for messages.

    Raises:
        FileError: no zip, truncated, encrypted, or it would unpack to too much.
    """

    def __init__(self, data: bytes, called: str) -> None:
        self._called = called
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (
            zipfile.BadZipFile,
            ValueError,
            NotImplementedError,
            OSError,
            EOFError,
            OverflowError,
        ) as error:
            raise FileError(
                f"truncated, or no {called}: {error or 'not a zip file'}; copy it again"
            ) from error
        members = self._zip.infolist()
        total = sum(member.file_size for member in members)
        if len(members) > MAX_MEMBERS:
            raise FileError(f"{len(members):,} members; expected at most {MAX_MEMBERS:,} in a {called}")
        if total > max(_HARMLESS, MAX_RATIO * len(data)):
            raise FileError(
                f"would unpack to {total:,} bytes from {len(data):,}; expected at most {MAX_RATIO} times as many: "
                "it may be a zip bomb"
            )
        self.names = {member.filename: member for member in members}
        if any(member.flag_bits & 1 for member in members):
            raise FileError("protected with a password; save it without one to have it indexed")

    def read(self, name: str) -> bytes | None:
        """A member's bytes; None where there is no such member.

        Raises:
            FileError: damaged, or larger than it says or than is allowed.
        """
        member = self.names.get(name)
        if member is None:
            return None
        if member.file_size > MAX_MEMBER:
            raise FileError(
                f"its member {name!r} has {member.file_size:,} bytes; expected at most {MAX_MEMBER:,}"
            )
        try:
            with self._zip.open(member) as opened:
                data = opened.read(member.file_size + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            RuntimeError,
            ValueError,
            OSError,
            EOFError,
        ) as error:
            raise FileError(
                f"its member {name!r} is damaged ({str(error)[:100]}); copy the file again"
            ) from error
        if len(data) > member.file_size:
            raise FileError(
                f"its member {name!r} is larger than the {self._called} says; the file is damaged"
            )
        return data
