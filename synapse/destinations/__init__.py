"""Delivers results to a folder or a server: whole files or none, and no file is overwritten unless asked."""

from .address import Address, check_destination, checked_address
from .destination import CHUNK, Destination, IfExists, Writer, destination_of
from .errors import DestinationError

__all__ = [
    'CHUNK',
    'Address',
    'Destination',
    'DestinationError',
    'IfExists',
    'Writer',
    'check_destination',
    'checked_address',
    'destination_of',
]
