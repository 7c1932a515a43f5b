"""The main job delivers to real servers: the whole address without the password, and odd names found out first."""

from pathlib import Path

import pytest

from tests.destinations.conftest import Servers
from tests.parts.harness import make_video
from tests.parts.one_run import OneRun
from tests.parts.servers import PASSWORD


def published(tmp_path: Path, servers: Servers, kind: str, name: str) -> OneRun:
    server = servers.get(kind).with_folder('published')
    video = make_video(tmp_path / f'{name}.mp4', seconds=1)
    values = {'video': str(video), 'height': 480, 'quality': 'draft'}
    return OneRun(tmp_path / 'run', 'PublishVideo', values, destination=server.address, secrets=server.secrets).finish()


@pytest.mark.parametrize(('kind', 'name'), [('ftp', 'Talk #1 [id]'), ('s3', 'What is it?')])
def test_a_film_is_delivered_and_its_address_has_no_password(
    servers: Servers, tmp_path: Path, kind: str, name: str
) -> None:
    run = published(tmp_path, servers, kind, name)

    assert run.state == 'succeeded', run.error
    address = servers.get(kind).with_folder('published').address
    assert f'Delivered to {address}/{name}.mp4' in [text for _, text in run.lines]
    assert PASSWORD not in str(run.messages)


def test_a_name_that_the_server_forbids_is_found_before_the_render(servers: Servers, tmp_path: Path) -> None:
    run = published(tmp_path, servers, 'smb', 'What is it?')

    assert run.failed_step == 'ingest'
    refused = 'takes no file called What is it?.mp4: A name on a Windows share cannot contain ?.'
    assert run.error['message'].endswith(refused)
    assert run.error['hint'] == 'Give the file another name.'


def test_a_server_whose_key_nobody_has_accepted_is_refused_before_the_render(servers: Servers, tmp_path: Path) -> None:
    run = published(tmp_path, servers, 'sftp', 'plain')

    assert run.failed_step == 'ingest'
    assert 'is not known yet. Its ssh-ed25519 key has the fingerprint SHA256:' in run.error['message']
