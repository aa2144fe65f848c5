"""Servers that receive alerts: SMTP by aiosmtpd, and an HTTP server where Slack's and PagerDuty's would be."""

from __future__ import annotations

import email
import email.policy
import ipaddress
import json
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Received:
    """Mails as (recipients, subject, text), and posts as (path, content)."""

    port: int = 0
    mails: list[tuple[list[str], str, str]] = field(default_factory=list)
    posts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


LOGIN, PASSWORD = "warehouse", "canary-of-smtp"


@contextmanager
def smtp(pem: Path | None = None, *, starttls: bool = False) -> Iterator[Received]:
    """A mail server on 127.0.0.1 that keeps what it is given. With a certificate it speaks TLS only, from the start or
    after STARTTLS, and asks for LOGIN and PASSWORD."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult, LoginPassword

    got = Received()

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            body = message.get_body(("html", "plain"))
            got.mails.append((envelope.rcpt_tos, str(message["subject"]), body.get_content() if body else ""))
            return "250 OK"

    with socket.socket() as free:  # the controller takes no 0 for a port
        free.bind(("127.0.0.1", 0))
        got.port = free.getsockname()[1]
    secured: dict[str, Any] = {}
    if pem is not None:
        right = LoginPassword(LOGIN.encode(), PASSWORD.encode())
        secured = {
            "auth_required": True,
            "auth_require_tls": starttls,  # it takes STARTTLS alone for TLS
            "authenticator": lambda *asked: AuthResult(success=asked[-1] == right, handled=False),
            **({"tls_context": _tls(pem), "require_starttls": True} if starttls else {"ssl_context": _tls(pem)}),
        }
    controller = Controller(Handler(), hostname="127.0.0.1", port=got.port, **secured)
    controller.start()
    try:
        yield got
    finally:
        controller.stop()


def _tls(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    import datetime as dt

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def http(pem: Path | None = None) -> Iterator[Received]:
    """A web server on 127.0.0.1 that keeps every post, and says yes to it unless it is for /refused; over TLS with a
    certificate."""
    got = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = self.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
            content = dict(urllib.parse.parse_qsl(body)) if form else json.loads(body)
            got.posts.append((self.path, content))
            webhook = self.path.startswith("/services")
            answer = b"ok" if webhook else b'{"ok": true, "status": "success", "message": "", "dedup_key": "k"}'
            self.send_response(202 if self.path.startswith("/v2") else 404 if self.path.startswith("/refused") else 200)
            self.send_header("Content-Type", "text/plain" if webhook else "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    got.port = server.server_address[1]
    if pem is not None:
        server.socket = _tls(pem).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        thread.join()
