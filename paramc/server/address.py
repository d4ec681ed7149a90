"""Where a server is: a URL taken apart once, so that nothing else ever puts one together from texts."""

from base64 import b64encode
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from paramc.diagnostics.codes import diagnose
from paramc.diagnostics.model import ServerError

PORT: Final = 8188  # where the server listens when nobody says otherwise
SCHEMES: Final = {"http": 80, "https": 443}


class Address(NamedTuple):
    """`base` stands before every path, without a slash at its end; `login` is what the header of that name says."""

    host: str
    port: int
    secure: bool = False
    base: str = ""
    login: str = ""

    @property
    def url(self) -> str:
        """The address as people write it, without what is secret in it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{self.base}"


def read_address(text: str) -> Address:
    """`http://host:port/base`, or `host` alone with the usual port. Raises ServerError for anything else."""
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ServerError(diagnose("PC840", url=_shown(text), reason=error)) from error
    wrong = not host or not host.isprintable() or " " in host or parts.query or parts.fragment
    if host is None or wrong or parts.scheme not in SCHEMES:
        raise ServerError(diagnose("PC840", url=_shown(text), reason="it is no address of a server"))
    usual = PORT if bare else SCHEMES[parts.scheme]
    login = _login(parts.username, parts.password or "") if parts.username else ""
    return Address(host, usual if port is None else port, parts.scheme == "https", parts.path.rstrip("/"), login)


def _login(name: str, password: str) -> str:
    pair = f"{unquote(name)}:{unquote(password)}"
    return f"Basic {b64encode(pair.encode('utf-8', 'replace')).decode()}"


def _shown(text: str) -> str:
    return text.rpartition("@")[2][:200]
