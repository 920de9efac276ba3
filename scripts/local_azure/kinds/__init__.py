"""The resource kinds of the local Azure, one a module."""
