"""The LookML project, and what generates a part of it."""
