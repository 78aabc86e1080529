"""A peer of Shoal that is written from docs/protocol.md alone. Nothing here knows of Shoal's sources."""

# Whoever imports anything from here has a `wire` that knows all types of messages.
from . import gossip as gossip
