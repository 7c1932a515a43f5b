"""How Dask is set up in our processes: no pages of its own, and in the log only what people can use."""

import logging
from typing import Any

import dask
import distributed

from .dask_words import DaskWords

dask.config.set(
    {
        # Its pages say what runs, without a password.
        'distributed.scheduler.http.routes': [],
        'distributed.worker.http.routes': [],
        # A run is never repeated because its machine is gone: the control room decides that.
        'distributed.scheduler.allowed-failures': 0,
        'distributed.comm.timeouts.connect': '10s',
    }
)
__all__ = ['distributed']

_log = logging.getLogger('distributed')
for _name in [name for name in logging.root.manager.loggerDict if name.split('.')[0] == 'distributed']:
    _child = logging.getLogger(_name)
    _child.setLevel(logging.NOTSET)
    _child.handlers.clear()
    _child.propagate = True
_log.setLevel(logging.WARNING)
_log.handlers[:] = [DaskWords()]
_log.propagate = False
NO_PAGES: dict[str, Any] = {'dashboard': False, 'dashboard_address': '127.0.0.1:0'}
