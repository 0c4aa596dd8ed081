"""Where the app can live: behind TLS upstreams, mounted below another app, named by an environment variable."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from interlingua import gateway
from interlingua.gateway import application
from interlingua.gateway.application import create_app
from interlingua.gateway.faults import ConnectFailed
from interlingua.gateway.pool import Pool
from interlingua.gateway.transport import Transport
from rig import KEY, config_document
from wire import ask


async def call(app: Any, scope: dict[str, Any]) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "query_string": b"", "headers": [], **scope}, receive, send)
    return sent


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config_document("http://127.0.0.1:9")))
    return path


def test_mounted_below_another_app(config_file: Path) -> None:
    app = create_app(config_file)
    headers = [(b"authorization", f"Bearer {KEY}".encode())]
    path = {"path": "/llm/v1/models", "raw_path": b"/llm/v1/models", "root_path": "/llm"}
    assert asyncio.run(call(app, {**path, "headers": headers}))[0]["status"] == 200


def test_app_of_the_environment_variable(config_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERLINGUA_CONFIG", raising=False)
    with pytest.raises(RuntimeError, match="INTERLINGUA_CONFIG"):
        _ = gateway.app
    monkeypatch.setenv("INTERLINGUA_CONFIG", str(config_file))
    app = gateway.app
    assert app is gateway.app
    monkeypatch.delattr(application, "app")
    assert asyncio.run(call(app, {"path": "/health/liveliness"}))[0]["status"] == 200


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=elsewhere"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


def test_tls(certificate: tuple[Path, Path]) -> None:
    key, cert = certificate
    trusting = ssl.create_default_context(cafile=str(cert))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(cert, key)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_side)
        port = server.sockets[0].getsockname()[1]
        for host, context, works in (
            ("127.0.0.1", trusting, True),
            ("127.0.0.1", None, False),  # nobody vouches for the certificate
            ("localhost", trusting, False),  # it is another host's
        ):
            transport = Transport(pool=Pool(max_head_bytes=65536, tls=context))
            url = f"https://{host}:{port}/x"
            if works:
                for _ in range(2):
                    answer = await ask(transport, url)
                    assert await answer.whole() == b"ok"
                    answer.release()
                assert transport.pool.idle_count() == 1
            else:
                with pytest.raises(ConnectFailed, match="TLS"):
                    await ask(transport, url)
            transport.close()
        server.close()

    asyncio.run(run())
