"""What runs in a build Job on one machine: a repository at a commit becomes an image, the folder `image` of the workspace.

It holds no credential and writes nothing but its workspace and its termination message. It is told all it needs by its environment:

    REPOSITORY         http(s) address of a git repository
    REF                branch, tag or commit; empty: the default branch
    APPLICATION        the application's name, for the log
    IMAGE              what the image is called, without its digest
    REPOSITORY_HOSTS   private hosts that may be cloned from (`host` or `host:port`)
    BUILD_ENVIRONMENT  names of the variables that installers may see (proxies, mirrors, authorities), and no others
    BASE_DIRECTORY     the application's folder in the repository; empty: the top
    CACHE              a folder that is kept between builds, if there is one (/cache)
    LIMIT_SOURCE_MIB, LIMIT_IMAGE_MIB, LIMIT_CACHE_MIB, LIMIT_SECONDS

It recognizes Python (uv.lock, poetry.lock, requirements.txt, pyproject.toml), Node.js (npm, pnpm, yarn by their lock files), static sites, built or
not, and any Procfile. What runs is this machine's Python and Node.

On success its termination message is {"commit", "kind"} and, if the Procfile has one, {"release"}: the platform copies the folder, computes its
digest and adds {"image"}. On failure it is {"reason", "detail"} with a stable reason. On a cluster, Cloud Native Buildpacks do the same
(`buildpacks.yaml`), and their message holds {"image"}.
"""
