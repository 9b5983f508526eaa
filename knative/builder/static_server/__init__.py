"""The HTTP server of a static site. A build copies this package into the site's image, with Starlette and uvicorn beside it.

- `index`: the files of a site, listed by the build with their digests, and which of them answers a path (pure).
- `conditions`: conditional and range requests (pure).
- `server`: the program.

A path is looked up in the index and never opened as the name of a file: no request reaches a file that the build did not list. The package imports
nothing else of Capsule, because the image holds nothing else of it.
"""
