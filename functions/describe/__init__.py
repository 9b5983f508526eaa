"""Generate OpenAPI, AsyncAPI, JSON Schemas and Knative manifests from the declarations.

`python -m functions.describe` writes the files. `--check` changes nothing and fails if a file differs, naming the command
that fixes it. The generators are pure: declarations in, documents out. `functions.runtime` runs functions from the same
declarations, so documents and behavior cannot differ.

The package does not own overlays, ConfigMaps and Secrets: operators write those (`knative/overlays`).
"""
