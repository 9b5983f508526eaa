"""Why the deploy context says no."""

from functions.kernel import Conflict, Forbidden, Invalid, NotFound


class InvalidApplicationName(Invalid):
    """The name cannot be a host name."""


class HostNameReserved(Conflict):
    """The application's host name in this environment is reserved for the platform."""


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


class EnvironmentNotFound(NotFound):
    """This application has no such environment."""


class EnvironmentNameTaken(Conflict):
    """This application has an environment of this name already."""


class ReleaseNotFound(NotFound):
    """This application has no release of that number."""


class NothingReleased(Conflict):
    """Nothing is released in this environment yet."""


class NoEarlierRelease(Conflict):
    """There is no earlier release to go back to."""


class DeploymentEnded(Conflict):
    """This deployment has ended already."""


class InvalidConfiguration(Invalid):
    """These cannot be variables of an application."""


class InvalidScale(Invalid):
    """An application cannot run at this size."""


class InvalidSettings(Invalid):
    """An application cannot be set like this."""


class MemoryQuotaExceeded(Forbidden):
    """Your quota of memory is used up."""
