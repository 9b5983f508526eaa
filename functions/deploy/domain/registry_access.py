"""What gives the pods of an application their images, and a build the right to push: the operator's login to the registry, copied into the
application's namespace.

The Secret is mounted by the steps of a build that talk to the registry and by no others (`knative/components`), and kubelet pulls with it. No
code of a tenant can read it: Capsule renders every pod of the namespace, and no pod has a token of the cluster.
"""

import base64

from functions.deploy.domain.manifests import MANAGED, Manifest
from functions.deploy.domain.names import namespace_of

SECRET = "capsule-registry"
"""In the platform's namespace too."""
CONFIG = ".dockerconfigjson"


def registry_access(application: str, config: str) -> tuple[Manifest, ...]:
    """Render the Secret, and the account of the namespace's pods that pulls with it. `config`: the content of a config.json of Docker; empty:
    the registry needs no login."""
    if not config:
        return ()
    namespace, labels = namespace_of(application), {MANAGED: "true"}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET, "namespace": namespace, "labels": labels},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {CONFIG: base64.b64encode(config.encode()).decode()},
    }
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
        "imagePullSecrets": [{"name": SECRET}],
    }
    return secret, account
