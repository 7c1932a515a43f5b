"""Sends everything that this process prints, logs and warns to the control room."""

from collections.abc import Callable

from .channel import Channel
from .log_records import take_records
from .loggers import take_loggers
from .streams import capture_streams


def capture(channel: Channel) -> Callable[[], None]:
    """Send everything that this process prints, logs and warns to the channel from now on.

    :return: a function that sends text that has no line end yet, as a line
    """
    out, err = capture_streams(channel)
    take_records(channel, (out, err))
    take_loggers(channel, (out, err))

    def finish() -> None:
        out.finish()
        err.finish()

    return finish
