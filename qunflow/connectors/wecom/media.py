"""
Files: uploaded, and uploaded again before WeCom forgets them after three days.

What was uploaded is remembered in ``media_file``; the content itself is the caller's to keep.

Source: WeCom developer centre, page 96484 (2024-07-22).
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from qunflow.connectors.wecom import limits
from qunflow.connectors.wecom.answers import code_of, refusal
from qunflow.connectors.wecom.calls import Calls, given, needed, part
from qunflow.connectors.wecom.media_file import MediaFile, Upload
from qunflow.errors import BadInput

Kind: TypeAlias = Literal["image", "voice", "video", "file"]
Scene: TypeAlias = Literal["moment", "album"]

# WeCom forgets a file after three days.
UPLOAD_AGAIN_AFTER = timedelta(hours=60)
_MB = 1_000_000
_MOST_BYTES: dict[Kind, int] = {"image": 10 * _MB, "voice": 2 * _MB, "video": 10 * _MB, "file": 20 * _MB}
_LASTING_BYTES = 2 * _MB
_GROUP_WELCOME, _DONE = 1, 3
_SCENES: dict[Scene, str] = {"moment": "1", "album": "2"}


class Media:
    """The calls about files; each raises the typed errors of ``answers``, and BadInput for a size WeCom refuses."""

    def __init__(self, calls: Calls, uploads: MediaFile) -> None:
        self._calls = calls
        self._uploads = uploads

    def upload(self, kind: Kind, name: str, content: bytes) -> str:
        """Upload a file for messages; returns a media id that is valid for three days."""
        return self._upload("media/upload", "media_id", {"type": kind}, name, content, _MOST_BYTES[kind])

    def upload_attachment(
        self, scene: Scene, kind: Literal["image", "video", "file"], name: str, content: bytes
    ) -> str:
        """Upload a file for moments or product albums, which take no other; returns a media id for three days."""
        query = {"media_type": kind, "attachment_type": _SCENES[scene]}
        return self._upload("media/upload_attachment", "media_id", query, name, content, _MOST_BYTES[kind])

    def upload_lasting_image(self, name: str, content: bytes) -> str:
        """Upload a picture of at most 2 MB; returns an address that stays, and shows inside WeCom and WeChat only."""
        return self._upload("media/uploadimg", "url", {}, name, content, _LASTING_BYTES)

    def get(self, media_id: str) -> bytes:
        """The content of a file. Raises: ChannelRefused 40007 for one that is not there any more."""
        return self._calls.file("media/get", {"media_id": media_id})

    def fetch(self, kind: Literal["video", "file"], name: str, url: str, md5: str) -> str:
        """
        Let WeCom fetch a file of up to 200 MB itself, for group welcomes only; returns the id of a job.

        Args:
            name, url: at most 128 and 1,024 bytes; the server at ``url`` must give parts of the file.
            md5: of the whole file, 32 hexadecimal digits.
        """
        limits.require_bytes("name of a file to fetch", name, 128)
        limits.require_bytes("address of a file to fetch", url, 1_024)
        path = "media/upload_by_url"
        asked = {"scene": _GROUP_WELCOME, "type": kind, "filename": name, "url": url, "md5": md5}
        return needed(self._calls.call(path, "write", asked), "jobid", path)

    def fetched(self, jobid: str) -> str:
        """The media id of a fetched file, empty while it is under way. Raises: ChannelRefused when it did not come."""
        path = "media/get_upload_by_url_result"
        body = self._calls.call(path, "read", {"jobid": jobid})
        if body.get("status") != _DONE:
            return ""
        detail = part(body, "detail", path)
        if code := code_of(detail):
            raise refusal(code, path, "read")
        return given(detail, "media_id", path)

    def id_of(self, kind: Kind, name: str, content: bytes, at: datetime, scene: Scene | None = None) -> str:
        """
        A media id of this content that is good for at least twelve hours from ``at``, uploaded when there is none.

        All threads and processes with the same file of uploads get the same id, and only one of them uploads.

        Args:
            at: now.
            scene: for moments or product albums; without it for messages.
        """
        key = f"{scene or 'message'}/{kind}/{hashlib.sha256(content).hexdigest()}"
        with self._uploads.held() as uploads:
            upload = uploads.get(key)
            if upload is None or not _is_young(upload, at):
                upload = Upload(self._again(scene, kind, name, content), at)
                for old in [old for old, one in uploads.items() if not _is_young(one, at)]:
                    del uploads[old]
                uploads[key] = upload
            return upload.media_id

    def _again(self, scene: Scene | None, kind: Kind, name: str, content: bytes) -> str:
        if scene is None:
            return self.upload(kind, name, content)
        if kind == "voice":
            raise BadInput("moments and albums take no recordings", "use a picture, a film or a file")
        return self.upload_attachment(scene, kind, name, content)

    def _upload(self, path: str, key: str, query: dict[str, str], name: str, content: bytes, most: int) -> str:
        if len(content) <= 5:
            raise BadInput(f"the file {name} is empty", "upload a real file")
        if len(content) > most:
            raise BadInput(f"the file {name} has {len(content)} bytes", f"keep it within {most} bytes")
        body = self._calls.call(path, "write", query=query, files={"media": (name, content)})
        return needed(body, key, path)


def _is_young(upload: Upload, at: datetime) -> bool:
    # An upload of long after now is one of another clock.
    return abs(at - upload.at) < UPLOAD_AGAIN_AFTER
