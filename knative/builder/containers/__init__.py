"""Images with a root file system of their own: built from a Dockerfile by buildah, or pulled by reference.

- `separation`: everything else of a build runs as an ordinary user with the usual system call filter; this package alone
  may mount
- `request`: what to build, handed from the one to the other
- `build`: one build from the request to the image's folder; `engine`: buildah's command lines; `configuration`: its
  files (registries, credentials, policy)
- `failures`: buildah's output as sentences (pure); `dockerfile`: the instructions that matter before a build (pure)
- `image_config` and `accounts`: what starts, as which user, on which port (pure); `root_folder`: the root file system

buildah runs as user 0 of the build's own user namespace, inside the build's sandbox (docs/security.md). What it or a RUN
instruction does there reaches nothing that another build's programs do not reach.
"""
