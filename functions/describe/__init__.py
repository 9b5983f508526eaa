"""Everything that is written down about the functions, derived from their declarations.

`python -m functions.describe` writes OpenAPI, AsyncAPI, JSON Schemas and the Knative manifests; `--check` changes nothing and fails, with the
command that mends it, when a file on disk differs. The generators are pure: declarations in, documents out; what runs the functions
(`functions.runtime`) and what describes them are two readers of one declaration, so neither can drift from it alone.
"""
