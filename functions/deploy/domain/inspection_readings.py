"""Read the Job of an inspection (pure)."""

from collections.abc import Iterable

from functions.deploy.domain import observation as reasons
from functions.deploy.domain.cluster_readings import COMMIT, Object, read_build_job, termination_report, true_condition
from functions.deploy.domain.inspection import Outcome, read_plan
from functions.deploy.domain.observation import BuildJobFailed

TIMED_OUT = BuildJobFailed(reasons.TIMED_OUT, "The inspection exceeded its time limit and was stopped. A build has more time.")


def read_inspection_job(job: Object, pods: Iterable[Object]) -> Outcome | None:
    """Return the plan or why there is none; None while the Job runs. Its failures are those of a build."""
    pods = list(pods)
    if true_condition(job, "Complete"):
        report = termination_report(pods)
        commit = str(report.get("commit", ""))
        return read_plan(commit if COMMIT.fullmatch(commit) else "", report.get("plan"))
    failure = read_build_job(job, pods)
    if not isinstance(failure, BuildJobFailed):
        return None
    return TIMED_OUT if failure.reason == reasons.TIMED_OUT else failure
