"""What an uploaded file is by its own bytes: its kind, the size of a picture, the length of a sound or film."""

from __future__ import annotations

from struct import unpack

_AMR = b"#!AMR\n"
_AMR_FRAME_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6)
_AMR_FRAME_S = 0.02
_FRAME_STARTS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def kind_of(content: bytes) -> str:
    """``image`` (JPG or PNG), ``video`` (MP4), ``voice`` (AMR), or ``file`` for all else."""
    if content.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff")):
        return "image"
    if content[4:8] == b"ftyp":
        return "video"
    return "voice" if content.startswith(_AMR) else "file"


def pixels_of(content: bytes) -> int:
    """Width times height of a JPG or PNG; 0 when they cannot be found."""
    if content.startswith(b"\x89PNG"):
        width, height = unpack(">II", content[16:24]) if len(content) >= 24 else (0, 0)
        return int(width * height)
    return _jpg_pixels(content)


def video_seconds(content: bytes) -> float:
    """The length of an MP4 by its movie header; 0 when it has none."""
    start = content.find(b"mvhd") + 4
    header = content[start : start + 32]
    if start < 4 or len(header) < 32:
        return 0.0
    scale, length = unpack(">IQ", header[20:32]) if header[0] == 1 else unpack(">II", header[12:20])
    return float(length / scale) if scale else 0.0


def voice_seconds(content: bytes) -> float:
    """The length of an AMR recording; 0 for anything else."""
    if not content.startswith(_AMR):
        return 0.0
    place, frames = len(_AMR), 0
    while place < len(content):
        kind = content[place] >> 3 & 0x0F
        place += _AMR_FRAME_BYTES[kind] if kind < len(_AMR_FRAME_BYTES) else 1
        frames += 1
    return frames * _AMR_FRAME_S


def _jpg_pixels(content: bytes) -> int:
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        length = int.from_bytes(content[place + 2 : place + 4], "big")
        if content[place + 1] in _FRAME_STARTS:
            height, width = unpack(">HH", content[place + 5 : place + 9])
            return int(width * height)
        place += 2 + length
    return 0
