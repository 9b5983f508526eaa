"""The program of a build Job on one machine: turns a commit of a git repository into an image, the folder `image` of its workspace.

A build has two containers, one after the other: `clone` checks out the commit and alone mounts the credentials of the
repository, and the builder runs the repository's own scripts without them. They write their workspace and their
termination messages and nothing else. Their parameters are environment variables:

    REPOSITORY         URL of a git repository: http(s), ssh or git@host:owner/repository.git
    REF                branch, tag or commit; empty: the default branch
    APPLICATION        name of the application, for the log
    IMAGE              name of the image, without digest
    REPOSITORY_HOSTS   private hosts that may be cloned from (`host` or `host:port`)
    BUILD_ENVIRONMENT  names of the variables that installers see (proxies, mirrors, certificate authorities); they see no others
    BASE_DIRECTORY     folder of the application in the repository; empty: the root
    BUILDER            auto, native, dockerfile or buildpack; empty: auto
    START_COMMAND      replaces the image's command
    IMAGE_REFERENCE    an image of a registry, instead of a repository
    CLONE_FOLDER       folder of the clone's container alone, for its copies of the credentials (/tmp/clone)
    CACHE              folder that is kept between builds (/cache), if it exists
    LIMIT_SOURCE_MIB, LIMIT_IMAGE_MIB, LIMIT_ROOT_IMAGE_MIB (of an image with a root file system of its own),
    LIMIT_CACHE_MIB, LIMIT_SECONDS

It recognizes Python (uv.lock, poetry.lock, requirements.txt, pyproject.toml), Node.js (npm, pnpm and yarn by their lock
files), static sites with or without a build script, and any Procfile. Applications run on the Python and the Node.js of
this machine. `containers` builds a Dockerfile or pulls an image; the result has a root file system of its own.

The termination message of a successful build is {"commit", "kind"} and, if the Procfile has a `release:` line,
{"release"}; with other process types, {"processes"}, JSON of names and lines. The commit of an image is its digest, 64
hexadecimal digits. The platform copies the folder, computes its digest and adds {"image"}. The message of a failed build is
{"reason", "detail"}, and {"commit"} once it is known; the reasons are those of `failure`. On a cluster others build the
image (`knative/components`), and the message of `report` holds {"image"}.
"""
