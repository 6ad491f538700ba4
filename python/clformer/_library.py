"""Finds and loads libclformer, checks its version, and calls it."""

import ctypes
import json
import os
import pathlib
import sys

from clformer import _declarations, errors
from clformer._version import __version__

if sys.platform == "win32":
    FILE_NAME = "clformer.dll"
elif sys.platform == "darwin":
    FILE_NAME = "libclformer.0.dylib"
else:
    FILE_NAME = "libclformer.so.0"


def _candidates():
    """What to try, in this order; with $CLFORMER_LIBRARY nothing else."""
    chosen = os.environ.get("CLFORMER_LIBRARY")
    if chosen:
        return [(chosen, "$CLFORMER_LIBRARY")]
    beside = pathlib.Path(__file__).resolve().parent / FILE_NAME
    return [(str(beside), "beside the package"), (FILE_NAME, "the system's libraries")]


def _load():
    tried = []
    for name, place in _candidates():
        try:
            return ctypes.CDLL(name), name
        except OSError as problem:
            tried.append(f"{place}: {name} ({problem})")
    raise ImportError(
        "the clformer library could not be loaded; tried " + "; ".join(tried)
        + ". Install clformer or set CLFORMER_LIBRARY to the file libclformer.so.0"
    )


def check_version(found, wanted, name):
    """Before 1.0 a minor version may change the interface; later a major one."""
    significant = 2 if wanted.startswith("0.") else 1
    if found.split(".")[:significant] != wanted.split(".")[:significant]:
        raise ImportError(
            f"{name} is clformer {found}, accepted: "
            f"{'.'.join(wanted.split('.')[:significant])}.x, for which this package was made"
        )


def _prepare(library, name):
    for function, (result, arguments) in _declarations.FUNCTIONS.items():
        try:
            entry = getattr(library, function)
        except AttributeError:
            raise ImportError(f"{name} has no function {function}: it is another version") from None
        entry.restype = result
        entry.argtypes = arguments
    check_version(library.clf_version().decode(), __version__, name)
    return library


_loaded, path = _load()
lib = _prepare(_loaded, path)


def check(status):
    """Raises the exception of a status that is not CLF_SUCCESS."""
    if status != 0:
        name = lib.clf_status_name(status).decode()
        sentence = lib.clf_last_error().decode(errors="replace")
        raise errors.BY_STATUS_NAME.get(name, errors.Error)(sentence, status, name)


def text_of(function, *arguments):
    """The JSON of a function that writes it into the caller's memory, as an object."""
    size = ctypes.c_size_t(0)
    check(function(*arguments, None, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    check(function(*arguments, text, ctypes.byref(size)))
    return json.loads(text.value.decode())
