"""The entry point: finds its packages, reads the settings and runs the command."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OWN_ENVIRONMENT = ROOT / '.venv'
STARTED_AGAIN = 'SYNAPSE_STARTED_AGAIN'


def main(arguments: list[str] | None = None) -> int:
    """Run the command line of Synapse and return its exit code."""
    ensure_packages()
    if 'PYTHONDONTWRITEBYTECODE' in os.environ:
        # Set for a whole machine or image, it would have each start and each run compile hundreds of our modules again.
        sys.dont_write_bytecode = False
    from synapse.cli.arguments import parse

    command = parse(sys.argv[1:] if arguments is None else arguments)
    if command.name == 'worker' or (command.name == 'serve' and command.settings.cluster is not None):
        ensure_packages('cluster')
    if command.name == 'open':
        from synapse.cli.client import open_link

        return open_link(command.settings, only_print=command.only_print, only_looks=command.only_looks, at=command.at)
    if command.name == 'run':
        from synapse.cli.client import run_pipeline

        return run_pipeline(command.settings, command.pipeline, command.values, profile=command.profile)
    if command.name == 'password':
        from synapse.cli.client import set_password

        return set_password(command.settings)
    if command.name == 'crontab':
        from synapse.cli.client import print_crontab

        return print_crontab(command.settings)
    if command.name == 'answer':
        from synapse.cli.client import answer_run

        return answer_run(command.settings, command.run, command.answer)
    if command.name == 'queue':
        from synapse.cli.queue import control_queue

        return control_queue(command)
    if command.name == 'machines':
        from synapse.cli.machines import control_machines

        return control_machines(command)
    if command.name == 'restore':
        from synapse.cli.restore import restore

        return restore(command)
    if command.name == 'service':
        from synapse.cli.service import control_service

        return control_service(command)
    if command.name == 'worker':
        from synapse.cli.worker import be_worker

        return be_worker(command)
    if command.name == 'why':
        from synapse.cli.client import say_why

        return say_why(command.settings, command.event, command.at)
    gc.disable()  # what is imported stays; looking for garbage meanwhile finds none. `GarbageCollector` enables it
    # NiceGUI reads it on import, and would otherwise keep its files in the working directory.
    storage = _variable('NICEGUI_STORAGE_PATH', str(command.settings.data / 'ui'))
    with storage, _hidden('aiohttp', 'requests'):  # NiceGUI's server does without them, and they take long
        import nicegui  # noqa: F401
    from pages.server import serve

    return serve(command.settings)


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable meanwhile; afterwards programs inherit what the person had."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextlib.contextmanager
def _hidden(*packages: str) -> Iterator[None]:
    """Let imports of packages that are optional to others fail meanwhile: None in `sys.modules` says so."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def ensure_packages(extra: str = '') -> None:
    """Return if every package is installed; otherwise install them beside this file and restart with them.

    Inside an active virtual environment nothing is installed: it prints the command to run and exits with 2.

    :param extra: name of an optional dependency group of `pyproject.toml` that is needed too
    """
    if not (ROOT / 'pyproject.toml').is_file():  # installed, with all it needs
        return
    if sys.version_info < (3, 11):  # noqa: UP036 - the message for users of older versions
        sys.exit(f'Synapse needs Python 3.11 or newer; this is {sys.version.split()[0]}.')
    doubtful = _not_seen(_requirements(extra))
    is_ours = Path(sys.prefix).resolve() == OWN_ENVIRONMENT.resolve()
    is_in_another = sys.prefix != sys.base_prefix and not is_ours
    python = OWN_ENVIRONMENT / ('Scripts/python.exe' if os.name == 'nt' else 'bin/python')
    is_ready = _stamp(extra).is_file() and python.is_file()
    if doubtful and is_ready and not is_ours and not is_in_another:
        _start_again(python)
    missing = [name for name in doubtful if not _is_installed(name)]
    if not missing and (not is_ours or is_ready):
        os.environ.pop(STARTED_AGAIN, None)
        return
    if is_in_another:
        target = f'{ROOT}[{extra}]' if extra else str(ROOT)
        _ = _texts()
        names, command = ', '.join(missing), f'{Path(sys.executable).name} -m pip install -e "{target}"'
        text = _('This virtual environment lacks {names}. Install with: {command}', names=names, command=command)
        print(text, file=sys.stderr)
        sys.exit(2)
    if not is_ready:
        _install(python, extra)
    _start_again(python)


def _texts() -> Callable[..., str]:
    """Return what says a text in the language of the person; it needs no package."""
    from synapse.cli.arguments import speak_as_asked
    from synapse.language import _

    speak_as_asked(sys.argv[1:])
    return _


def _requirements(extra: str) -> list[str]:
    import tomllib  # new in 3.11: an older Python must get as far as our message

    project = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']
    return [*project['dependencies'], *(project['optional-dependencies'][extra] if extra else [])]


def _not_seen(requirements: list[str]) -> list[str]:
    """Return what has no folder like `python_dateutil-2.9.0.dist-info`; it may be installed in another way."""
    listed = [entry for path in sys.path if os.path.isdir(path) for entry in os.listdir(path)]  # noqa: PTH112, PTH208
    seen = {entry.partition('-')[0].lower() for entry in listed if entry.endswith('.dist-info')}
    names = [re.split(r'[\s<>=!~;\[]', requirement, maxsplit=1)[0] for requirement in requirements]
    return [name for name in names if re.sub(r'[-_.]+', '_', name).lower() not in seen]


def _is_installed(name: str) -> bool:
    import importlib.metadata  # takes as long as Python itself to start

    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _stamp(extra: str) -> Path:
    """A file that exists if exactly these requirements were installed here completely."""
    digest = hashlib.sha256('\n'.join(_requirements(extra)).encode()).hexdigest()[:16]
    return OWN_ENVIRONMENT / f'synapse-{extra or "base"}-{digest}'


def _install(python: Path, extra: str) -> None:
    import subprocess

    _ = _texts()
    place = OWN_ENVIRONMENT
    print(_('Installing the packages of Synapse into {place} (once, about a minute) ...', place=place), flush=True)
    try:
        if not python.is_file():
            subprocess.run([sys.executable, '-m', 'venv', str(OWN_ENVIRONMENT)], check=True)
        target = f'{ROOT}[{extra}]' if extra else str(ROOT)
        _run_pip([str(python), '-m', 'pip', 'install', '--disable-pip-version-check', '--editable', target])
        # pip compiles what it copies; our own files stay where they are.
        sources = [str(ROOT / name) for name in ('synapse', 'storage', 'pages')]
        subprocess.run([str(python), '-m', 'compileall', '-q', *sources], check=False)
    except subprocess.CalledProcessError as error:
        hint = _('On Debian: apt install python3-venv.') if 'venv' in error.cmd else _('Is the network reachable?')
        sys.exit(
            _('The packages could not be installed. {hint} Nothing else was changed; start again to retry.', hint=hint)
        )
    for group in {'', extra}:
        _stamp(group).touch()


def _run_pip(command: list[str]) -> None:
    """Run pip and say how far it is: on a terminal in one line that changes, elsewhere once for each part.

    :raises subprocess.CalledProcessError: after it has printed what pip said last
    """
    import subprocess

    _texts()
    from synapse.language import _n

    last: list[str] = []
    found, is_terminal = 0, sys.stdout.isatty()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in pip.stdout or ():
            last = [*last[-9:], line]
            words = line.split()
            if line.startswith('Collecting'):
                found += 1
                if is_terminal:
                    name = re.split(r'[<>=!~;\[(]', words[1], maxsplit=1)[0]
                    text = _n('{count} package found: {name}', '{count} packages found: {name}', found, name=name)
                    print(f'\r\x1b[K{text}', end='', flush=True)
            elif line.startswith('Installing collected packages'):
                start, end = ('\r\x1b[K', '') if is_terminal else ('', '\n')
                text = _n(
                    '{count} package is here; unpacking it ...',
                    '{count} packages are here; unpacking them ...',
                    line.count(',') + 1,
                )
                print(f'{start}{text}', end=end, flush=True)
    if is_terminal:
        print('\r\x1b[K', end='', flush=True)
    if pip.returncode != 0:
        sys.stderr.writelines(last)
        raise subprocess.CalledProcessError(pip.returncode, command)


def _start_again(python: Path) -> None:
    # If packages are still missing in our own environment, restarting would loop forever.
    if os.environ.get(STARTED_AGAIN) == str(python):
        _ = _texts()
        sys.exit(_('Packages are missing in {place}. Delete that folder and start again.', place=OWN_ENVIRONMENT))
    os.environ[STARTED_AGAIN] = str(python)
    command = [str(python), *sys.argv]
    if os.name == 'nt':
        import subprocess

        sys.exit(subprocess.run(command, check=False).returncode)
    os.execv(python, command)  # noqa: S606 - no shell: replaces this process by the same program


def command() -> int:
    """Run the command line; what `synapse` calls where it is installed."""
    try:
        return main()
    except KeyboardInterrupt:  # while packages are imported or installed
        return 130


if __name__ == '__main__':
    sys.exit(command())
