"""The loader: fetches a bot's data from Chatfuel, lands it as served, and loads it into a warehouse."""

__version__ = "1.0.0"
