"""The version, which is the library's (include/clformer/version.h)."""

__version__ = "0.1.0"
