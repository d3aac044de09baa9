"""``qunflow sandbox``: the stand-in for WeCom with its simulated community, on loopback only."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from qunflow.errors import ConfigurationError
from qunflow.sandbox.options import QUOTA_MODES, Callback, Hooks, Limits, Options, limits_with, named_limits

_START = "2026-01-01T00:00:00+08:00"


def sandbox(
    *,
    port: Annotated[int, Parameter(help="端口,只在本机 (port, loopback only)")] = 18471,
    seed: Annotated[int, Parameter(help="随机种子,同种子同结果 (seed)")] = 1,
    db: Annotated[str, Parameter(help="状态文件,:memory: 不保存 (state file)")] = ":memory:",
    corp_id: Annotated[str, Parameter(help="企业 ID,或 QUNFLOW_WECOM_CORP_ID")] = "",
    secret: Annotated[str, Parameter(help="应用密钥,建议用 QUNFLOW_WECOM_SECRET")] = "",
    spec: Annotated[Path | None, Parameter(help="社群设定 YAML (the community, YAML)")] = None,
    start: Annotated[str, Parameter(help="过去从哪一刻开始 (first instant of the past)")] = _START,
    callback_url: Annotated[str, Parameter(help="事件回调地址 (callback address)")] = "",
    callback_token: Annotated[str, Parameter(help="回调 Token,或 QUNFLOW_WECOM_CALLBACK_TOKEN")] = "",
    callback_aes_key: Annotated[str, Parameter(help="EncodingAESKey,或 QUNFLOW_WECOM_CALLBACK_AES_KEY")] = "",
    hook_url: Annotated[str, Parameter(help="Qunflow 网页地址 (base address of qunflow web)")] = "",
    hook_secret: Annotated[str, Parameter(help="表单与订单签名密钥,或 QUNFLOW_HOOK_SECRET")] = "",
    quota_mode: Annotated[str, Parameter(help="群发额度 month_days|week_7|day_1|month_4")] = "month_days",
    rate: Annotated[
        float, Parameter(help="每秒走几秒,0 只在被叫时走 (simulated seconds a second, 0 stands still)")
    ] = 0.0,
    limit: Annotated[
        tuple[str, ...],
        Parameter(help=f"改一个平台限制,可重复 (change a platform limit): {', '.join(named_limits())}"),
    ] = (),
    empty: Annotated[bool, Parameter(help="只有员工和空群 (staff and empty groups only)")] = False,
) -> None:
    """
    Serve the sandbox until interrupted.

    The clock stands at the end of the past and moves when told to (``POST /_sandbox/clock``), or by itself at ``rate``.
    """
    from qunflow.sandbox.running import serve

    if quota_mode not in QUOTA_MODES:
        raise ConfigurationError(f"quota mode {quota_mode!r} is unknown", f"valid: {', '.join(QUOTA_MODES)}")
    options = Options(
        corp_id=_or_environment(corp_id, "QUNFLOW_WECOM_CORP_ID", "--corp-id ww0000000000000000"),
        secret=_or_environment(secret, "QUNFLOW_WECOM_SECRET", "--secret anything"),
        seed=seed,
        db=db,
        agent_id=int(os.environ.get("QUNFLOW_WECOM_AGENT_ID", "1000002")),
        start=_instant(start),
        callback=_callback(callback_url, callback_token, callback_aes_key),
        hooks=_hooks(hook_url, hook_secret),
        limits=limits_with(Limits(quota_mode=quota_mode), limit),
        rate=rate,
        spec=spec,
        populated=not empty,
    )
    serve(options, port)


def _callback(url: str, token: str, aes_key: str) -> Callback:
    if not url:
        return Callback()
    return Callback(
        url,
        _or_environment(token, "QUNFLOW_WECOM_CALLBACK_TOKEN", "--callback-token letters"),
        _or_environment(aes_key, "QUNFLOW_WECOM_CALLBACK_AES_KEY", "--callback-aes-key 43-letters"),
    )


def _hooks(url: str, secret: str) -> Hooks:
    if not url:
        return Hooks()
    return Hooks(url.rstrip("/"), _or_environment(secret, "QUNFLOW_HOOK_SECRET", "--hook-secret letters"))


def _or_environment(value: str, name: str, example: str) -> str:
    found = value or os.environ.get(name, "")
    if not found:
        raise ConfigurationError(f"the sandbox needs {name}", f"set it, or give {example}")
    return found


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"--start {text} is no instant", f"write it like {_START}") from error
    if found.tzinfo is None:
        raise ConfigurationError(f"--start {text} has no offset", f"write it like {_START}")
    return found
