"""Pictures of what regkit's tools print: see commands.py for the list, CONTRIBUTING.md for how to add one."""
VERSION = "0.1.0"
