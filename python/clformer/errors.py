"""Exceptions: what a clf_status other than CLF_SUCCESS becomes."""


class Error(RuntimeError):
    """A call failed. Its text is the library's sentence: the argument, what was given, what is
    accepted; for a failed OpenCL call its name and code.

    status       the number of the C status, e.g. 161002; those of CANN where CANN has one
    status_name  its name, e.g. "CLF_ERR_PARAM_INVALID"
    sentence     the text
    """

    def __init__(self, sentence, status, status_name):
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status
        self.status_name = status_name

    def __str__(self):
        return f"{self.sentence} ({self.status_name}, {self.status})"

    def __reduce__(self):
        return type(self), (self.sentence, self.status, self.status_name)


class MissingArgumentError(Error, TypeError):
    """CLF_ERR_PARAM_NULLPTR: a required tensor or value is missing."""


class InvalidArgumentError(Error, ValueError):
    """CLF_ERR_PARAM_INVALID: data type, rank, shape, stride or attribute."""


class ArgumentTypeError(InvalidArgumentError, TypeError):
    """CLF_ERR_PARAM_INVALID: an object that is no array, no sequence of int, no text."""


class ConstraintError(Error, ValueError):
    """CLF_ERR_TILING: shapes or lengths break a constraint of the operator."""


class OutOfMemoryError(Error, MemoryError):
    """CLF_ERR_OUT_OF_MEMORY: host or device memory could not be had."""


class UnsupportedError(Error, NotImplementedError):
    """CLF_ERR_UNSUPPORTED: this device or build cannot do it."""


class NoDeviceError(Error, LookupError):
    """CLF_ERR_NO_DEVICE: no OpenCL device fits the selector, or several do."""


class DeviceRuntimeError(Error):
    """CLF_ERR_RUNTIME: an OpenCL call failed."""


class BuildError(Error):
    """CLF_ERR_BUILD: a kernel could not be built."""


class InternalError(Error):
    """CLF_ERR_INTERNAL: a defect of clformer; please report it."""


BY_STATUS_NAME = {
    "CLF_ERR_PARAM_NULLPTR": MissingArgumentError,
    "CLF_ERR_PARAM_INVALID": InvalidArgumentError,
    "CLF_ERR_TILING": ConstraintError,
    "CLF_ERR_OUT_OF_MEMORY": OutOfMemoryError,
    "CLF_ERR_UNSUPPORTED": UnsupportedError,
    "CLF_ERR_NO_DEVICE": NoDeviceError,
    "CLF_ERR_RUNTIME": DeviceRuntimeError,
    "CLF_ERR_BUILD": BuildError,
    "CLF_ERR_INTERNAL": InternalError,
}


def invalid(sentence):
    """The error for a value that this package itself refuses, before the library sees it."""
    return InvalidArgumentError(sentence, 161002, "CLF_ERR_PARAM_INVALID")
