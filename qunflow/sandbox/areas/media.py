"""
Files (wecom-api §7.6): kinds, sizes, and a life of three days on the sandbox clock.

Each way of uploading has a pool of its own: a file of one pool is 40007 where another is wanted. In `Media.kind` the
pool stands before the kind: ``image`` for messages, ``moments/image``, ``album/image``, ``material/video``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote

from qunflow.sandbox import ids
from qunflow.sandbox.areas.statistics import ZONE
from qunflow.sandbox.fields import Field
from qunflow.sandbox.files import kind_of, pixels_of, video_seconds, voice_seconds
from qunflow.sandbox.kept import Kept
from qunflow.sandbox.platform import Platform
from qunflow.sandbox.records import Media
from qunflow.sandbox.routing import Call, Effect, Endpoint, Result
from qunflow.sandbox.wire import Answer, Refusal

_MB = 1_000_000
_MOST_BYTES = {"image": 10 * _MB, "voice": 2 * _MB, "video": 10 * _MB, "file": 20 * _MB}
_UPLOADIMG_BYTES = 2 * _MB
_LEAST_BYTES = 6
_ATTACHMENT_POOLS = {"1": "moments/", "2": "album/"}
_MOMENT_PIXELS = 1_555_200
_MOMENT_VIDEO_S = 30
_JOB_LIFE_S = 3_600
MATERIAL = "material/"


@dataclass(frozen=True, slots=True)
class MediaBytes:
    """The content of an uploaded file, base64."""

    media_id: str
    content: str
    created_at: int


@dataclass(frozen=True, slots=True)
class UploadedImage:
    """A picture with a lasting address, from uploadimg; ``day`` is the Shanghai day it came on."""

    url: str
    day: str


@dataclass(frozen=True, slots=True)
class FetchJob:
    """A file the platform fetches itself; ``problem`` is its error, 0 when it comes well."""

    jobid: str
    kind: str
    filename: str
    at: int
    media_id: str
    problem: int = 0


BYTES = Kept(MediaBytes, lambda r: r.media_id)
IMAGES = Kept(UploadedImage, lambda r: r.url, day=lambda r: r.day, month=lambda r: r.day[:7])
JOBS = Kept(FetchJob, lambda r: r.jobid)


def upload(call: Call) -> Result:
    """A file for messages; ``created_at`` is a string on this call, as on the real one."""
    kind = call.query.get("type", "")
    if kind not in _MOST_BYTES:
        raise Refusal(40004)
    media = keep(call, kind)
    return {"type": kind, "media_id": media.media_id, "created_at": str(media.created_at)}, Effect(msgid=media.media_id)


def upload_attachment(call: Call) -> Result:
    """A file for moments (1) or product albums (2)."""
    kind, pool = call.query.get("media_type", ""), _ATTACHMENT_POOLS.get(call.query.get("attachment_type", ""))
    if kind not in ("image", "video", "file"):
        raise Refusal(40004)
    if pool is None:
        raise Refusal(41065)
    _require_attachment(kind, _content(call))
    media = keep(call, kind, pool=pool)
    return {"type": kind, "media_id": media.media_id, "created_at": str(media.created_at)}, Effect(msgid=media.media_id)


def uploadimg(call: Call) -> Result:
    """A picture with a lasting address; so many a day and a month."""
    platform, content = call.platform, _content(call)
    if len(content) > _UPLOADIMG_BYTES:
        raise Refusal(45001)
    if kind_of(content) != "image":
        raise Refusal(40123)
    day = datetime.fromtimestamp(platform.now(), UTC).astimezone(ZONE).date().isoformat()
    images, limits = IMAGES.of(platform), platform.limits
    if images.count("day", day) >= limits.images_per_day or images.count("month", day[:7]) >= limits.images_per_month:
        raise Refusal(45009)
    url = f"https://wework.qpic.cn/wwpic3az/{ids.media_id(platform.dice, platform.number('media'))}/0"
    images.put(UploadedImage(url, day))
    return {"url": url}, Effect(msgid=url)


def get(call: Call) -> Result:
    """The file itself."""
    platform, media_id = call.platform, call.body["media_id"]
    media, kept = platform.media.get(media_id), BYTES.of(platform).get(media_id)
    if media is None or kept is None or not _is_alive(platform, media):
        raise Refusal(40007)
    headers = {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f'attachment; filename="{quote(media.filename)}"',
    }
    return Answer(b64decode(kept.content), headers=headers), None


def upload_by_url(call: Call) -> Result:
    """Let the platform fetch a file; the sandbox opens nothing outside and takes it as fetched."""
    platform, body = call.platform, call.body
    if not body["url"].startswith(("http://", "https://")):
        raise Refusal(45034)
    number = platform.number("job")
    jobid = f"job{platform.dice.letters(32, '0123456789abcdef', 'job', number)}"
    media_id = ids.media_id(platform.dice, platform.number("media"))
    JOBS.of(platform).put(FetchJob(jobid, body["type"], body["filename"], platform.now(), media_id))
    return {"jobid": jobid}, Effect(msgid=jobid)


def get_upload_by_url_result(call: Call) -> Result:
    """How far the fetching is: 1 begun, 2 under way, 3 over, well or not."""
    platform = call.platform
    job, now = JOBS.of(platform).get(call.body["jobid"]), platform.now()
    if job is None or now - job.at > _JOB_LIFE_S:
        raise Refusal(40058, "jobid")
    ready = job.at + platform.limits.fetch_s
    if now < ready:
        return {"status": 1 if now == job.at else 2, "detail": {}}, None
    if job.problem:
        return {"status": 3, "detail": {"errcode": job.problem, "errmsg": "fetch failed"}}, None
    if job.media_id not in platform.media:
        platform.media.put(Media(job.media_id, f"{MATERIAL}{job.kind}", job.filename, 0, ready))
    detail = {"errcode": 0, "errmsg": "ok", "media_id": job.media_id, "created_at": str(ready)}
    return {"status": 3, "detail": detail}, None


def keep(call: Call, kind: str, *, pool: str = "") -> Media:
    """
    Keep the file of a call.

    Raises:
        Refusal: 44001 none, 40006 too small, 45001 too large, 45007 a recording over a minute, 40004 another kind.
    """
    platform, content = call.platform, _content(call)
    if len(content) > _MOST_BYTES[kind]:
        raise Refusal(45001)
    if kind == "voice" and voice_seconds(content) > 60:
        raise Refusal(45007)
    if platform.options.strict_media and kind != "file" and kind_of(content) != kind:
        raise Refusal(40004)
    name = call.upload.filename if call.upload else ""
    media_id = ids.media_id(platform.dice, platform.number("media"))
    _forget_dead(platform)
    BYTES.of(platform).put(MediaBytes(media_id, b64encode(content).decode(), platform.now()))
    return platform.media.put(Media(media_id, f"{pool}{kind}", name, len(content), platform.now()))


def require_file(platform: Platform, media_id: str, kind: str, *, pool: str = "") -> None:
    """
    Let only a living file of the right kind and pool pass.

    Raises:
        Refusal: 40007.
    """
    media = platform.media.get(media_id)
    if media is None or media.kind != f"{pool}{kind}" or not _is_alive(platform, media):
        raise Refusal(40007)


def fail_fetch(platform: Platform, jobid: str, code: int) -> None:
    """Let a file that is being fetched not come; an unknown job is a KeyError."""
    jobs = JOBS.of(platform)
    jobs.put(replace(jobs[jobid], problem=code))


def _is_alive(platform: Platform, media: Media) -> bool:
    return platform.now() < media.created_at + platform.limits.media_life_s


def _forget_dead(platform: Platform) -> None:
    kept = BYTES.of(platform)
    for old in kept:
        if old.created_at + platform.limits.media_life_s > platform.now():
            return
        kept.drop(old.media_id)


def _content(call: Call) -> bytes:
    if call.upload is None or not call.upload.content:
        raise Refusal(44001)
    if len(call.upload.content) < _LEAST_BYTES:
        raise Refusal(40006)
    return call.upload.content


def _require_attachment(kind: str, content: bytes) -> None:
    if kind == "image":
        if len(content) > _MOST_BYTES["image"]:
            raise Refusal(41080)
        if kind_of(content) != "image":
            raise Refusal(40123)
        if pixels_of(content) > _MOMENT_PIXELS:
            raise Refusal(41081)
    elif kind == "video":
        if len(content) > _MOST_BYTES["video"]:
            raise Refusal(41080)
        if kind_of(content) != "video":
            raise Refusal(41090)
        if video_seconds(content) > _MOMENT_VIDEO_S:
            raise Refusal(41082)


ENDPOINTS = (
    Endpoint("media/upload", upload, (Field("type"),), upload=True),
    Endpoint("media/upload_attachment", upload_attachment, upload=True),
    Endpoint("media/uploadimg", uploadimg, upload=True),
    Endpoint("media/get", get, (Field("media_id", required=True, missing=41006),), query=True),
    Endpoint(
        "media/upload_by_url",
        upload_by_url,
        (
            Field("scene", "number", required=True, choices=(1,)),
            Field("type", required=True, missing=40004, bad=40004, choices=("video", "file")),
            Field("filename", required=True, max_bytes=128),
            Field("url", required=True, max_bytes=1_024),
            Field("md5", required=True),
        ),
    ),
    Endpoint("media/get_upload_by_url_result", get_upload_by_url_result, (Field("jobid", required=True),)),
)
