"""Addresses that somebody wrote lead to the open internet, and to one place only."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunflow.connectors.addresses import PublicAddress, is_public, require_public, resolved
from qunflow.errors import BadInput, ChannelUnavailable

PUBLIC = "93.184.216.34"
HOSTS = ("shop.example.com", "pay.example.com:8443")

SPELLINGS = [
    # loopback and this host, however it is spelt
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://017700000001/",
    "http://127.0.0.1.:80/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127.0.0.1%2f@shop.example.com/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::1%25lo]/",
    "http://[fe80::1]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://a.localhost/",
    "http://localhost.localdomain.local/",
    # the house and the cloud
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://100.100.100.200/",
    "http://metadata.google.internal/",
    "http://router.lan/",
    "http://intranet/",
    "http://db.corp/",
    "http://1.1.1.1/",
    # another host than it looks
    "http://shop.example.com@169.254.169.254/",
    "http://169.254.169.254@shop.example.com/",
    "http://user:secret@shop.example.com/",
    "http://@shop.example.com/",
    "http://shop.example.com\\@169.254.169.254/",
    "http://169.254.169.254\\.shop.example.com/",
    "http:\\\\169.254.169.254\\",
    "http:///169.254.169.254/",
    "http:169.254.169.254/",
    "//169.254.169.254/",
    "http://shop.example.com:80:80/",
    "http://shop.example.com:0/",
    "http://shop.example.com:99999/",
    "http://shop.example.com:x/",
    "http://[shop.example.com]/",
    "http://[::1/",
    "http://shop.example.com%00.evil.example/",
    "http://shop%2eexample.com/",
    "http://shop_.example.com/",
    "http://-shop.example.com/",
    "http://shop..example.com/",
    "http://shop.example.com./",
    "http://ѕhop.example.com/",
    "http://shop。example.com/",
    "http://ｓhop.example.com/",
    "http://shop.example.com\u200b/",
    # other protocols, and no address
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://shop.example.com/",
    "dict://shop.example.com:11211/",
    "javascript:alert(1)",
    "data:text/html,x",
    "unix:/var/run/docker.sock",
    "http+unix://%2fvar%2frun%2fdocker.sock/",
    "https://shop.example.com/\r\nHost: 169.254.169.254",
    "https://shop.example.com/ x",
    "https://shop.example.com/\x7f",
    "https://" + "a" * 64 + ".example.com/",
    "https://" + "a." * 130 + "com/",
    "https://shop.example.com/" + "x" * 2_048,
    "",
    "https://",
    "shop.example.com",
]

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "2002:a9fe:a9fe::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "not an address",
    "",
]


def never(host: str, port: int) -> Sequence[str]:
    raise AssertionError(f"{host} must not be looked up")


@pytest.mark.parametrize("url", SPELLINGS)
def test_what_is_no_plain_public_name_is_refused_before_it_is_looked_up(url: str) -> None:
    """Numbers in any spelling, user names, other protocols, foreign letters and the names of the house."""
    with pytest.raises(BadInput):
        require_public(url, resolve=never)


@pytest.mark.parametrize("ip", PRIVATE)
def test_a_public_name_that_leads_inside_is_refused(ip: str) -> None:
    """The name is anybody's; what it stands for is looked at, alone and among public answers."""
    assert not is_public(ip)
    for found in ([ip], [PUBLIC, ip], [ip, PUBLIC]):
        with pytest.raises(BadInput, match="leads into a private network"):
            require_public("https://shop.example.com/x", resolve=lambda host, port, found=found: found)


@pytest.mark.parametrize("ip", [PUBLIC, "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_the_open_internet_may_be_asked(ip: str) -> None:
    """Public addresses of both kinds pass, wrapped ones too."""
    assert is_public(ip)


def test_the_answer_of_the_one_look_up_is_kept() -> None:
    """A name that is bound anew afterwards leads nowhere: the first answer is what is connected to."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    found = require_public("https://shop.example.com/x?y=1", resolve=lambda host, port: next(answers))
    assert found == PublicAddress("https://shop.example.com/x?y=1", "shop.example.com", 443, PUBLIC)
    assert list(answers) == [["127.0.0.1"]]


@pytest.mark.parametrize(
    ("url", "passes"),
    [
        ("https://shop.example.com/a", True),
        ("https://SHOP.example.com/a", True),
        ("https://pay.example.com:8443/a", True),
        ("https://pay.example.com/a", False),
        ("https://pay.example.com:9000/a", False),
        ("https://evil.example.com/a", False),
        ("https://shop.example.com.evil.example/a", False),
        ("https://evilshop.example.com/a", False),
        ("https://evil.example/?shop.example.com", False),
        ("https://evil.example/#shop.example.com", False),
    ],
)
def test_a_list_of_hosts_is_taken_exactly(url: str, passes: bool) -> None:
    """No suffix, no port and no part of another address counts as the host."""
    if passes:
        assert require_public(url, resolve=lambda host, port: [PUBLIC], hosts=HOSTS).ip == PUBLIC
        return
    with pytest.raises(BadInput, match="is not on an allowed host"):
        require_public(url, resolve=never, hosts=HOSTS)


@pytest.mark.parametrize("port", [22, 3306, 6379, 8080])
def test_without_a_list_only_the_web_is_asked(port: int) -> None:
    """A database behind a public name is no web page."""
    with pytest.raises(BadInput, match=f"asks for port {port}"):
        require_public(f"http://shop.example.com:{port}/", resolve=never)


def test_a_name_without_an_answer_is_refused() -> None:
    """Nothing to connect to is not public either."""
    with pytest.raises(BadInput):
        require_public("https://shop.example.com/", resolve=lambda host, port: [])


def test_a_key_in_an_address_is_not_told() -> None:
    """The error names the host, not what stands behind the question mark."""
    with pytest.raises(BadInput) as caught:
        require_public("https://evil.example/send?key=canary", hosts=HOSTS, resolve=never)
    assert "canary" not in str(caught.value) and "evil.example" in str(caught.value)
    with pytest.raises(BadInput) as caught:
        require_public("https://user:canary@evil.example/", resolve=never)
    assert "canary" not in str(caught.value)


def test_the_machine_itself_knows_where_it_is() -> None:
    """The real look-up finds loopback, and tells an unknown name as something that may pass."""
    assert set(resolved("localhost", 80)) <= {"127.0.0.1", "::1"}
    with pytest.raises(ChannelUnavailable, match="was not found"):
        resolved("no such host.invalid", 80)


@given(st.text(max_size=40), st.sampled_from(["", "http://", "https://", "https://shop.example.com", "http://[", "//"]))
def test_whatever_is_written_is_an_address_or_refused(text: str, begin: str) -> None:
    """No address raises another error, and none that passes has a second host in it."""
    try:
        found = require_public(begin + text, resolve=lambda host, port: [PUBLIC])
    except BadInput:
        return
    assert found.host.isascii() and "@" not in found.url.split("/")[2]
