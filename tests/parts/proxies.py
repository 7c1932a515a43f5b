"""Real proxies in front of a program, each on a free port, with the configurations that `docs/reaching.md` gives."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.parts.harness import ROOT
from tests.parts.servers import free_port, start_sftp

NAME = 'synapse.example.com'
_SBIN = os.pathsep.join([os.environ.get('PATH', ''), '/usr/sbin', '/usr/local/sbin'])
NGINX = """
daemon off;
pid HOME/pid;
error_log HOME/error.log;
USER
events {}
http {
    access_log off;
    client_body_temp_path HOME/body;
    proxy_temp_path HOME/proxy;
    fastcgi_temp_path HOME/fastcgi;
    uwsgi_temp_path HOME/uwsgi;
    scgi_temp_path HOME/scgi;
    SNIPPET
}
"""
CADDY = """
{
	admin off
	local_certs
	skip_install_trust
	https_port PORT
	http_port OTHER
}
SNIPPET
"""
HAPROXY = """
defaults
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    timeout tunnel 1h

SNIPPET
"""


def snippet(title: str) -> str:
    """The configuration in the documentation that begins with this comment."""
    text = (ROOT / 'docs' / 'reaching.md').read_text(encoding='utf-8')
    found = re.search(rf'^```\w+\n(# {re.escape(title)}\n.*?)^```$', text, re.DOTALL | re.MULTILINE)
    assert found is not None, f'docs/reaching.md has no configuration {title!r}'
    return found[1]


def missing(program: str) -> str:
    """Why a proxy cannot be started here, empty if it can."""
    return '' if shutil.which(program, path=_SBIN) else f'{program} is not installed'


@contextlib.contextmanager
def nginx(home: Path, upstream: int, title: str, *, strips: bool = False) -> Iterator[int]:
    """Serve `NAME` over TLS, and return the port.

    :param upstream: the port of the program
    :param strips: remove the path before passing requests on
    """
    port, config = free_port(), home / 'nginx.conf'
    text = snippet(title).replace('listen 443', f'listen 127.0.0.1:{port}')
    text = _with_certificate(text, home).replace('127.0.0.1:8000;', f'127.0.0.1:{upstream}{"/" if strips else ""};')
    user = 'user root;' if os.geteuid() == 0 else ''
    config.write_text(NGINX.replace('SNIPPET', text).replace('HOME', str(home)).replace('USER', user))
    with _running(['nginx', '-e', f'{home}/error.log', '-c', str(config)], home, port):
        yield port


@contextlib.contextmanager
def caddy(home: Path, upstream: int, title: str) -> Iterator[int]:
    port, config = free_port(), home / 'Caddyfile'
    text = CADDY.replace('PORT', str(port)).replace('OTHER', str(free_port())).replace('SNIPPET', snippet(title))
    config.write_text(text.replace('127.0.0.1:8000', f'127.0.0.1:{upstream}'))
    with _running(['caddy', 'run', '--adapter', 'caddyfile', '--config', str(config)], home, port):
        yield port


@contextlib.contextmanager
def haproxy(home: Path, upstream: int, title: str) -> Iterator[int]:
    port, config = free_port(), home / 'haproxy.cfg'
    text = _with_certificate(snippet(title), home).replace('bind :443', f'bind 127.0.0.1:{port}')
    config.write_text(HAPROXY.replace('SNIPPET', text.replace('127.0.0.1:8000', f'127.0.0.1:{upstream}')))
    with _running(['haproxy', '-db', '-f', str(config)], home, port):
        yield port


@contextlib.contextmanager
def ssh(home: Path, upstream: int) -> Iterator[int]:
    """Forward a port by `ssh -L`, through a server of this test's own, and return it."""
    port, server = free_port(), start_sftp(home, None)
    there = re.match(r'sftp://127\.0\.0\.1:(\d+)', server.address)
    assert there is not None
    options = [f'UserKnownHostsFile={server.known_hosts}', 'ExitOnForwardFailure=yes', 'BatchMode=yes']
    command = ['ssh', '-F', 'none', '-N', '-L', f'{port}:127.0.0.1:{upstream}', '-i', str(home / 'user')]
    command += [f'-o{option}' for option in options]
    try:
        with _running([*command, '-p', there[1], '127.0.0.1'], home, port):
            yield port
    finally:
        server.program.cut()


@contextlib.contextmanager
def _running(command: list[str], home: Path, port: int) -> Iterator[None]:
    with (home / 'proxy.log').open('ab') as log:
        program = shutil.which(command[0], path=_SBIN) or command[0]
        # Caddy keeps its certificates in the folder of its user.
        own = os.environ | {'HOME': str(home), 'XDG_DATA_HOME': str(home), 'XDG_CONFIG_HOME': str(home)}
        process = subprocess.Popen([program, *command[1:]], cwd=home, stdout=log, stderr=log, env=own)
    try:
        _wait_for(port, process, home)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes], home: Path) -> None:
    import socket

    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1):
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f'The proxy did not start: {(home / "proxy.log").read_text(errors="replace")[-2000:]}')
        time.sleep(0.02)


def _with_certificate(text: str, home: Path) -> str:
    """The configuration with a certificate made for it."""
    key, certificate, both = home / 'name.key', home / 'name.pem', home / 'both.pem'
    command = ['openssl', 'req', '-x509', '-nodes', '-days', '2', '-subj', f'/CN={NAME}']
    command += ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-addext', f'subjectAltName=DNS:{NAME}']
    subprocess.run([*command, '-keyout', str(key), '-out', str(certificate)], check=True, capture_output=True)
    both.write_text(certificate.read_text() + key.read_text())
    both.chmod(0o600)
    text = text.replace(f'crt /etc/ssl/{NAME}.pem', f'crt {both}')
    return text.replace(f'/etc/ssl/{NAME}.pem', str(certificate)).replace(f'/etc/ssl/{NAME}.key', str(key))
