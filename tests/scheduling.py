"""Which tests one worker of pytest-xdist runs together: those of a file, and those of files that share a server.

A fixture of a session or package is set up by each worker that runs one of its tests. A machine or cluster takes seconds of CPU, so the files that
share one go to one worker. So do the files with property tests: hypothesis parses all of the project for constants, once in a process.
A group must not take so long that the other workers wait for its end: `selection.LONGEST` starts it early.
"""

from xdist.scheduler.loadfile import LoadFileScheduling

TOGETHER = (
    (
        *("tests/auth/test_canonical_json.py", "tests/billing/test_usage_is_billed_once.py", "tests/cli/test_audit_verification.py"),
        *("tests/knative/images/test_unpack.py", "tests/monitor/test_log_index.py", "tests/wire/test_cloudevents.py"),
    ),
    ("tests/generated/test_manifests.py", "tests/generated/test_object_policy.py", "tests/generated/test_rbac.py"),
    (
        "tests/cluster/test_configuration_version.py",
        "tests/cluster/test_rollout.py",
        "tests/cluster/test_unchanged.py",
        "tests/cluster/test_wrong_inputs.py",
    ),
    ("tests/knative/conformance/",),
    ("tests/knative/api/deploy_account/",),
    ("tests/knative/api/",),
    ("tests/knative/jobs/",),
    ("tests/knative/sandbox/test_applications.py", "tests/knative/sandbox/test_builds.py", "tests/knative/sandbox/test_networks.py"),
    ("tests/knative/serving/test_serving_path.py", "tests/knative/serving/test_services.py", "tests/knative/serving/test_stream_ends.py"),
    (
        *("tests/knative/serving/test_error_responses.py", "tests/knative/serving/test_h", "tests/knative/serving/test_ingress.py"),
        *("tests/knative/serving/test_isolation.py", "tests/knative/serving/test_maintenance.py", "tests/knative/serving/test_relays.py"),
        *("tests/knative/serving/test_usage.py", "tests/knative/serving/test_weights.py"),
    ),
    ("tests/machine/test_rabbitmq_permissions.py", "tests/machine/test_rabbitmq_users.py", "tests/adapters/test_monitor_queues.py"),
    ("tests/adapters/test_deploy_builds.py", "tests/adapters/test_deploy_cluster.py", "tests/adapters/test_deploy_inspection_jobs.py"),
)
"""Groups, by how the paths of their files begin. The first that fits counts."""
ALONE = ("tests/knative/serving/test_host_ownership.py", "tests/knative/api/test_kubectl.py", "tests/knative/api/test_objects.py")
"""Files that have servers of their own, take long, or measure the memory of a server with few objects."""


class GroupScheduling(LoadFileScheduling):
    """As `--dist loadfile`, with groups of files."""

    def _split_scope(self, nodeid: str) -> str:
        group = None if nodeid.startswith(ALONE) else next((group for group in TOGETHER if nodeid.startswith(group)), None)
        return " ".join(group) if group else super()._split_scope(nodeid)
