"""What a caller did wrong."""


class RequestError(ValueError):
    """A request that can't be answered: HTTP 400, gRPC INVALID_ARGUMENT."""


class TooLargeError(RequestError):
    """A body beyond the limit: HTTP 413."""


class NotServedError(LookupError):
    """A model or version that isn't served here: HTTP 404, gRPC NOT_FOUND."""

    def __str__(self) -> str:
        return str(self.args[0])


class BusyError(RuntimeError):
    """More requests than can be answered in time: HTTP 429 with Retry-After, gRPC RESOURCE_EXHAUSTED."""


class BackendError(RuntimeError):
    """The server behind this one doesn't answer: HTTP 503, gRPC UNAVAILABLE."""
