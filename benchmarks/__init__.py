"""What the project costs in time, memory and storage: ``make bench``."""
