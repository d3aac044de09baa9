"""
wechatpy's last stable release on a leash: one JSON command a line on stdin, one JSON answer a line on stdout.

It runs in an environment of its own, as it and the pre-release cannot be installed together; it knows nothing of the
tests. Arguments: base address, corp id, secret, callback token, EncodingAESKey.
"""

from __future__ import annotations

import json
import sys
from operator import attrgetter
from typing import Any

import wechatpy
from wechatpy.enterprise import WeChatClient
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatClientException

BASE, CORP, SECRET, TOKEN, AES_KEY = sys.argv[1:]


class SandboxClient(WeChatClient):
    """The client with both of its addresses pointed at the sandbox; nothing else is changed."""

    API_BASE_URL = f"{BASE}/cgi-bin/"

    def fetch_access_token(self) -> Any:
        """Ask the sandbox, not the address that is written into the client."""
        return self._fetch_access_token(
            url=f"{BASE}/cgi-bin/gettoken", params={"corpid": self.corp_id, "corpsecret": self.secret}
        )


def answered(client: SandboxClient, command: dict[str, Any]) -> dict[str, Any]:
    """What a method of the client returns or refuses."""
    if command["method"] == "version":
        return {"answer": wechatpy.__version__}
    if command["method"] == "decrypt":
        return {"answer": WeChatCrypto(TOKEN, AES_KEY, CORP).decrypt_message(*command["args"])}
    if command["method"] == "media.upload":
        kind, file = command["args"]
        with open(file, "rb") as stream:  # noqa: PTH123 - the client takes what open gives
            return {"answer": client.media.upload(kind, stream)}
    try:
        return {"answer": attrgetter(command["method"])(client)(*command["args"], **command["named"])}
    except WeChatClientException as refusal:
        return {"errcode": refusal.errcode}


def main() -> None:
    """Answer until the input ends."""
    client = SandboxClient(CORP, SECRET)
    for line in sys.stdin:
        print(json.dumps(answered(client, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
