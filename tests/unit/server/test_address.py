"""Addresses of servers."""

from base64 import b64decode

import pytest

from paramc.diagnostics.model import ServerError
from paramc.server.address import Address, read_address


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("gpu", "http://gpu:8188"),
        ("http://gpu", "http://gpu:80"),
        ("https://gpu.example/comfy/", "https://gpu.example:443/comfy"),
        ("http://[::1]:8188", "http://[::1]:8188"),
        ("http://me:secret@gpu:1", "http://gpu:1"),
    ],
)
def test_an_address_is_shown_as_it_is_meant(text: str, url: str) -> None:
    assert read_address(text).url == url


def test_a_login_is_kept_for_the_header_alone() -> None:
    address = read_address("http://me:s%40t@gpu")
    assert b64decode(address.login.removeprefix("Basic ")) == b"me:s@t"


@pytest.mark.parametrize(
    "text",
    ["", "ftp://gpu", "http://", "http://gpu:99999", "http://gpu:x", "http://a b", "http://gpu?x=1", "http://[::1"],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ServerError) as caught:
        read_address(text)
    assert caught.value.diagnostics[0].code == "PC840"


def test_a_secret_is_not_told_in_errors() -> None:
    with pytest.raises(ServerError) as caught:
        read_address("ftp://me:secret@gpu")
    assert "secret" not in str(caught.value)


def test_an_address_without_a_port_has_the_usual_one() -> None:
    assert read_address("gpu") == Address("gpu", 8188)
