"""The corpus: public repositories that Capsule deploys unchanged, with the command line alone. `./taskw corpus` runs it; docs/corpus.md describes it.

`rows/*.toml` is the table: repository, commit, the plan that Capsule should choose, and whether the application should answer or be refused, and why.
A row whose repository or package index cannot be reached is not tried and not counted. Nothing of the repositories is stored here.
"""
