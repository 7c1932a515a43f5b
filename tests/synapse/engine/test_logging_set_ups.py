"""Logging set up in a pipeline file, as people do it: each record is one entry with its own level."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.parts.hosts import ELSEWHERE, WAYS, Bench, started

FILE = """
import logging, logging.config, logging.handlers, sys
from synapse import Pipeline, step

{at_import}

log = logging.getLogger('mine')

class Work(Pipeline):
    @step
    def go(self, run):
{in_step}
        log.debug('looked %s', 1)
        log.info('found %s', 2)
        log.warning('odd %s', 3)
        log.error('broke %s', 4)
"""
ALL = [
    ('debug', 'mine', 'looked 1'),
    ('info', 'mine', 'found 2'),
    ('warning', 'mine', 'odd 3'),
    ('error', 'mine', 'broke 4'),
]


@pytest.fixture(params=WAYS + ELSEWHERE)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with started(request.param, tmp_path) as engine:
        yield Bench(engine, tmp_path)


DICT = """logging.config.dictConfig({
    'version': 1, 'disable_existing_loggers': False,
    'formatters': {'long': {'format': '%(asctime)s %(name)s %(levelname)s %(message)s'}},
    'handlers': {'out': {'class': 'logging.StreamHandler', 'stream': 'ext://sys.stdout', 'formatter': 'long'}},
    ROOT
})"""
SET_UPS = {
    'none': ('', ALL[1:]),
    'own handler': ('logging.getLogger().addHandler(logging.StreamHandler())', ALL[1:]),
    'own handler of the logger': ("logging.getLogger('mine').addHandler(logging.StreamHandler(sys.stdout))", ALL[1:]),
    'no propagation': (
        "l = logging.getLogger('mine'); l.addHandler(logging.StreamHandler()); l.propagate = False; l.setLevel(10)",
        ALL,
    ),
    'two handlers': (
        'for stream in (sys.stdout, sys.stderr): logging.getLogger().addHandler(logging.StreamHandler(stream))',
        ALL[1:],
    ),
    'handler with a level': (
        'h = logging.StreamHandler(); h.setLevel(logging.ERROR); logging.getLogger().addHandler(h)',
        ALL[3:],
    ),
    'null handler': ("logging.getLogger('mine').addHandler(logging.NullHandler())", ALL[1:]),
    'basicConfig': ('logging.basicConfig()', ALL[1:]),
    'basicConfig debug': ('logging.basicConfig(level=logging.DEBUG)', ALL),
    'basicConfig to a file': (
        'import tempfile\n'
        "logging.basicConfig(level=logging.DEBUG, filename=tempfile.mkdtemp() + '/own.log')",
        ALL,
    ),
    'basicConfig force': (
        "logging.basicConfig(force=True, level='DEBUG', stream=sys.stdout, format='%(levelname)s|%(message)s')",
        ALL,
    ),
    'module functions': ("logging.debug('not shown')", ALL[1:]),
    'dictConfig': (DICT.replace('ROOT', "'root': {'level': 'DEBUG', 'handlers': ['out']}"), ALL),
    'dictConfig of a logger': (
        DICT.replace('ROOT', "'loggers': {'mine': {'level': 'WARNING', 'handlers': ['out'], 'propagate': False}}"),
        ALL[2:],
    ),
    'printing handler': (
        'class Printer(logging.Handler):\n    def emit(self, record): print("*", self.format(record))\n'
        'logging.getLogger().addHandler(Printer())',
        ALL[1:],
    ),
    'queue': (
        'import queue; q = queue.Queue(); listener = logging.handlers.QueueListener(q, logging.StreamHandler())\n'
        'listener.start(); logging.getLogger().addHandler(logging.handlers.QueueHandler(q))',
        ALL[1:],
    ),
    'rich': (
        'from rich.logging import RichHandler\n'
        'logging.basicConfig(level="NOTSET", format="%(message)s", datefmt="[%X]", handlers=[RichHandler()])',
        ALL,
    ),
}  # fmt: skip


@pytest.mark.parametrize('place', ['at import', 'in the step'])
@pytest.mark.parametrize('name', SET_UPS)
async def test_a_record_is_one_entry_with_its_level(bench: Bench, name: str, place: str) -> None:
    code, expected = SET_UPS[name]
    indented = '\n'.join(f'        {line}' for line in code.split('\n'))

    heard, _ = await bench.run_file(
        FILE.format(at_import=code, in_step='') if place == 'at import' else FILE.format(at_import='', in_step=indented)
    )

    assert heard.end == 'succeeded', heard.error
    assert heard.entries == expected


async def test_a_format_that_says_more_is_kept(bench: Bench) -> None:
    heard, _ = await bench.run_file("""
        import json, logging
        from synapse import Pipeline, step

        class AsJson(logging.Formatter):
            def format(self, record):
                return json.dumps({'said': record.getMessage(), 'more': sorted(set(vars(record)) - KNOWN)})

        KNOWN = set(vars(logging.LogRecord('', 0, '', 0, '', (), None)))

        class Work(Pipeline):
            @step
            def go(self, run):
                handler = logging.StreamHandler()
                handler.setFormatter(AsJson())
                log = logging.getLogger('json')
                log.addHandler(handler)
                log.warning('one', extra={'user': 7})
                handler.setFormatter(logging.Formatter('{user} {message}', style='{'))
                log.error('two', extra={'user': 7})
        """)

    assert heard.entries == [('warning', 'json', '{"said": "one", "more": ["user"]}'), ('error', 'json', '7 two')]


async def test_what_goes_wrong_in_a_handler_is_not_lost(bench: Bench) -> None:
    heard, _ = await bench.run("""
        import logging
        logging.getLogger().addHandler(logging.StreamHandler())
        logging.warning('%d', 'no number')
        """)

    assert '--- Logging error ---' in heard.printed
    assert 'TypeError: %d format: a real number is required, not str' in heard.printed


async def test_what_threads_print_while_a_handler_works_stays_theirs(bench: Bench) -> None:
    heard, _ = await bench.run("""
        import logging, threading, time
        logging.basicConfig(level='DEBUG')
        def chat():
            for n in range(500): print('chat', n)
        def record(name):
            for n in range(500): logging.getLogger(name).error('%s', n)
        threads = [threading.Thread(target=chat), *(threading.Thread(target=record, args=(n,)) for n in 'ab')]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """)

    assert [text for _, source, text in heard.entries if source == 'stdout'] == [f'chat {n}' for n in range(500)]
    for name in 'ab':
        said = [(level, text) for level, source, text in heard.entries if source == name]
        assert said == [('error', f'{n}') for n in range(500)]
    assert len(heard.entries) == 1500


async def test_loguru_keeps_its_levels(bench: Bench) -> None:
    heard, _ = await bench.run_file("""
        from loguru import logger
        from synapse import Pipeline, step

        class Work(Pipeline):
            @step
            def go(self, run):
                logger.debug('looked {}', 1)
                logger.success('done')
                logger.error('broke')
                try: 1 / 0
                except ZeroDivisionError: logger.exception('caught')
                import sys
                logger.remove()
                logger.add(sys.stdout, level='WARNING', format='{level} {extra[user]} {message}')
                logger.bind(user=7).info('hidden')
                logger.bind(user=7).warning('odd')
                print('printed')
        """)

    assert [(level, text.split('\n')[0]) for level, _, text in heard.entries] == [
        ('debug', 'looked 1'),
        ('success', 'done'),
        ('error', 'broke'),
        ('error', 'caught'),
        ('warning', 'WARNING 7 odd'),
        ('info', 'printed'),
    ]
    assert 'ZeroDivisionError: division by zero' in heard.entries[3][2]
    assert {source for _, source, _ in heard.entries} == {'synapse_pipeline_whole0', 'stdout'}


async def test_records_passed_on_to_loguru_are_not_doubled(bench: Bench) -> None:
    heard, _ = await bench.run_file("""
        import logging
        from loguru import logger
        from synapse import Pipeline, step

        class Intercept(logging.Handler):
            def emit(self, record):
                logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())

        class Work(Pipeline):
            @step
            def go(self, run):
                logging.basicConfig(handlers=[Intercept()], level=0, force=True)
                logging.getLogger('lib').debug('looked')
                logging.getLogger('lib').error('broke')
        """)

    assert heard.entries == [('debug', 'lib', 'looked'), ('error', 'lib', 'broke')]


async def test_structlog_keeps_its_levels(bench: Bench) -> None:
    heard, _ = await bench.run_file("""
        import logging
        import structlog
        from synapse import Pipeline, step

        class Work(Pipeline):
            @step
            def go(self, run):
                log = structlog.get_logger()
                log.debug('looked', at=1)
                log.error('broke', code=4)
                structlog.configure(
                    processors=[structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
                    logger_factory=structlog.stdlib.LoggerFactory(),
                )
                formatter = structlog.stdlib.ProcessorFormatter(processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()])
                handler = logging.StreamHandler()
                handler.setFormatter(formatter)
                logging.basicConfig(handlers=[handler], level='INFO')
                structlog.get_logger('two').warning('odd', code=3)
        """)

    assert [(level, ' '.join(text.split())) for level, _, text in heard.entries] == [
        ('debug', 'looked at=1'),
        ('error', 'broke code=4'),
        ('warning', '{"code": 3, "event": "odd", "level": "warning"}'),
    ]
