"""What can be wrong with a call. Classes with a status; no framework.

The first line of a class's docstring is its title in problem+json. `detail` is written for the caller and never carries
personal data or a secret.
"""


class CallerError(Exception):
    """The request cannot be served as it stands."""

    status = 400
    #: appended to the problem's `type` URI and stable for programs
    slug = "caller-error"

    def __init__(self, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class Unauthenticated(CallerError):
    """Sign in first."""

    status = 401
    slug = "unauthenticated"


class Forbidden(CallerError):
    """Your role does not allow this."""

    status = 403
    slug = "forbidden"


class Refused(CallerError):
    """The office must refuse this."""

    status = 403
    slug = "refused"


class NotFound(CallerError):
    """There is no such thing here."""

    status = 404
    slug = "not-found"


class Conflict(CallerError):
    """It does not fit what is already there."""

    status = 409
    slug = "conflict"


class Stale(CallerError):
    """Somebody changed it after you read it."""

    status = 412
    slug = "stale"


class Invalid(CallerError):
    """A value is not valid."""

    status = 422
    slug = "invalid"


class VersionRequired(CallerError):
    """Say which version you read."""

    status = 428
    slug = "version-required"


class Unprintable(Invalid):
    """A character cannot be printed here."""

    slug = "unprintable"


class PurposeRequired(CallerError):
    """Say for which purpose you look at personal data."""

    status = 428
    slug = "purpose-required"


class Unavailable(CallerError):
    """A part that is needed does not answer."""

    status = 503
    slug = "unavailable"
