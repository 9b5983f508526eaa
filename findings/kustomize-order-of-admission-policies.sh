#!/usr/bin/env bash
# kustomize puts admission policies after the Deployments that they are to bound.
#
# Guess:   kustomize's default order is for applying: what others depend on comes first. A ValidatingAdmissionPolicy that stands first in the
#          resources, before the Deployment, is created before it.
# True:    the default order (legacy) is a fixed list of kinds that is older than admission policies. They count as unlisted and come after everything
#          that is listed at the front: namespaces, quotas, roles, Services, Deployments, StatefulSets, CronJobs. Whatever applies the output from
#          top to bottom creates the workloads before a policy can look at them, and none does until their next update.
#          With `sortOptions: {order: fifo}` the author's order stays.
# Version: kustomize v5.8.2
# Source:  observed; SortOrderTransformer of sigs.k8s.io/kustomize/api. Issue 3794 of kubernetes-sigs/kustomize is about the same for webhooks
set -euo pipefail
command -v go > /dev/null || { echo "Go is missing" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
GOBIN="$folder/bin" GOPATH="$folder/go" GOFLAGS="-modcacherw -trimpath" go install sigs.k8s.io/kustomize/kustomize/v5@v5.8.2 2> "$folder/install.log" ||
  { cat "$folder/install.log" >&2; exit 1; }

cat > "$folder/all.yaml" <<'YAML'
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  matchConstraints:
    resourceRules:
      - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  validations:
    - expression: object.spec.replicas <= 5
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: replicas}
spec: {policyName: replicas, validationActions: [Deny]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 9
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.org/web:1"}]}
YAML

order() {
  "$folder/bin/kustomize" build "$folder" | sed -n 's/^kind: //p' | paste -sd ' '
}
{
  echo "kustomize $("$folder/bin/kustomize" version)"
  echo "resources: [all.yaml]" > "$folder/kustomization.yaml"
  echo "default: $(order)"
  echo "sortOptions: {order: fifo}" >> "$folder/kustomization.yaml"
  echo "fifo: $(order)"
} | tee "$folder/seen"

cat > "$folder/recorded" <<'TEXT'
kustomize v5.8.2
default: Service Deployment ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding
fifo: ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding Service Deployment
TEXT
diff -u "$folder/recorded" "$folder/seen" || { echo "changed"; exit 1; }
echo "as recorded: by default the policy comes last"
