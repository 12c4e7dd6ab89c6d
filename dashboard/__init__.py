"""The dashboard as code: queries, a build script, one page."""
