"""Why the deploy context says no."""

from functions.kernel import Conflict, Forbidden, Invalid, NotFound


class InvalidApplicationName(Invalid):
    """The name cannot be a host name."""


class InvalidRepository(Invalid):
    """The repository is not an address that git can clone over HTTP."""


class RepositoryNotAllowed(Invalid):
    """The repository's host may not be cloned from."""


class InvalidRef(Invalid):
    """This cannot be the name of a branch, a tag or a commit."""


class ApplicationNameTaken(Conflict):
    """There is an application of this name already."""


class ApplicationQuotaExceeded(Forbidden):
    """Your quota of applications is used up."""


class ApplicationNotFound(NotFound):
    """There is no such application, or it is not yours."""


class DeploymentNotFound(NotFound):
    """There is no such deployment of this application."""


class DeploymentInProgress(Conflict):
    """A deployment to this environment is running already."""
