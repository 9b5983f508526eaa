"""The environment variables that the collector of a cluster reads."""

from functions.deploy.adapters.variables import COLLECTION_SECONDS
from functions.runtime.config.variables import AMQP_URL, REQUIRE_TLS
from functions.wire.settings import Section, Setting, forms

READER = "collector"

KUBELET_TLS = Setting(
    "CAPSULE_KUBELET_TLS",
    forms.one_of("verified", "unverified"),
    "Whether the certificate of the node's kubelet must be of the cluster's authority. Many clusters leave kubelets with certificates that they have "
    "signed themselves. The connection does not leave the node.",
    default="unverified",
)
NODE = Setting("CAPSULE_NODE", forms.text("the name of a node"), "The node of this pod.", default=None)
NODE_ADDRESS = Setting("CAPSULE_NODE_ADDRESS", forms.text("an IP address"), "The address of this node's kubelet.", default=None)
STATE = Setting("CAPSULE_COLLECTOR_STATE", forms.path(), "The folder of what a restart continues from.", default="/var/lib/capsule-collector")

SECTIONS = (
    Section(
        "Collector of a cluster",
        READER,
        "In the manifest of the DaemonSet `capsule-collector`, as a patch of an overlay.",
        (KUBELET_TLS, COLLECTION_SECONDS, REQUIRE_TLS, AMQP_URL),
    ),
    Section(
        "Set by Capsule for the collector",
        READER,
        "In the manifest of the DaemonSet `capsule-collector`. Do not change them.",
        (NODE, NODE_ADDRESS, STATE),
    ),
)
