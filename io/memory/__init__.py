"""What a pump remembers on disk, and what it has underway."""

from winnowry.io.memory.intents import Intent
from winnowry.io.memory.memory import Memory
from winnowry.io.memory.reservations import Reservation

__all__ = ["Intent", "Memory", "Reservation"]
