"""Reading the one file of a multipart body, as loosely as the real platform does."""

from __future__ import annotations

import re

from qunflow.sandbox.routing import Upload
from qunflow.sandbox.wire import Refusal

_FILENAME = re.compile(rb'filename="([^"]*)"')


def single_file(content_type: str, content: bytes) -> Upload | None:
    """
    The first part that has a filename; neither its field name nor its own content type matters.

    Raises:
        Refusal: 40058 when the body is not multipart at all.
    """
    found = re.search(r'boundary="?([^";,]+)"?', content_type)
    if found is None:
        raise Refusal(40058, "not a multipart body")
    for part in content.split(b"--" + found.group(1).encode()):
        head, separator, rest = part.partition(b"\r\n\r\n")
        name = _FILENAME.search(head)
        if separator and name:
            return Upload(name.group(1).decode(errors="replace"), rest.removesuffix(b"\r\n"))
    return None
