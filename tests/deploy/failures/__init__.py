"""Ways in which a deployment fails: what the cluster shows → state, reason, message and next step.

`FAILURES` is the table. Each row happens to the second release of an application whose first release serves, unless
`is_first` says that nothing serves yet.

    failure.py       the row, and what can happen
    build.py         until there is an image
    start.py         release phase, and until the release serves
    observation.py   once it has the traffic
"""

from tests.deploy.failures.build import BUILD_FAILURES
from tests.deploy.failures.failure import Failure, success_report
from tests.deploy.failures.observation import OBSERVED_FAILURES
from tests.deploy.failures.start import RELEASE_PHASE_FAILURES, START_FAILURES

__all__ = ["FAILURES", "Failure", "success_report"]

FAILURES = (*BUILD_FAILURES, *RELEASE_PHASE_FAILURES, *START_FAILURES, *OBSERVED_FAILURES)
