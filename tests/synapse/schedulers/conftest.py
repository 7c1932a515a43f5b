from tests.parts.empty_calendar import one_room, room

__all__ = ['one_room', 'room']
