"""What a repository declares has the limits of the application's settings, for which it stands in."""

from functions.deploy.domain import application_settings
from knative.builder.planning import declarations, project_file


def test_the_limits_are_those_of_the_settings() -> None:
    assert declarations.MAX_COMMAND_LENGTH == application_settings.MAX_COMMAND_LENGTH
    assert declarations.COMMAND.pattern == application_settings.COMMAND.pattern
    assert declarations.HEALTH_PATH.pattern == application_settings.HEALTH_PATH.pattern
    assert project_file.RESERVED_PORTS == application_settings.RESERVED_PORTS
