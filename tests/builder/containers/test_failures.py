"""buildah's output becomes one sentence."""

import pytest

from knative.builder.containers.failures import explain

PULL = "Error: creating build container: initializing source docker://"


@pytest.mark.parametrize(
    ("lines", "reason", "words"),
    [
        (
            ["STEP 2/3: RUN make", "cc: fatal", "make: *** [all]", 'Error: building at STEP "RUN make": exit status 2'],
            "build-failed", "Dockerfile: `RUN make` failed with exit code 2.",
        ),
        (
            ['Error: building at STEP "COPY a /b": checking on sources under "/workspace/source": copier: stat: "/a": no such file or directory'],
            "build-failed", "Dockerfile: `COPY a /b` found nothing to copy. The file is not in the build's folder, or .dockerignore excludes it.",
        ),
        (
            ['Error: building at STEP "ADD http://h/x /": reading "http://h/x": Get "http://h/x": dial tcp: connect: connection refused'],
            "build-failed", "Dockerfile: `ADD http://h/x /` cannot fetch http://h/x: connection refused.",
        ),
        (
            ['Error: building at STEP "ADD http://h/x /": reading "http://h/x": invalid response status 404'],
            "build-failed", "Dockerfile: `ADD http://h/x /` cannot fetch http://h/x: invalid response status 404.",
        ),
        (
            ['Error: building at STEP "RUNN ": Build error: Unknown instruction: "RUNN" &x.Step{}'],
            "build-failed", "Dockerfile: RUNN is not an instruction.",
        ),
        (
            [f"{PULL}r.example/a:1: reading manifest 1 in r.example/a: manifest unknown: manifest unknown"],
            "image-unavailable", "Image r.example/a:1 does not exist: check its name and tag.",
        ),
        (
            [f"{PULL}r.example/a:1: reading manifest 1 in r.example/a: unauthorized: authentication required"],
            "image-unavailable",
            "Image r.example/a:1 does not exist or is private (authentication required). Check its name; for a private registry, set "
            "REGISTRY_USERNAME and REGISTRY_PASSWORD.",
        ),
        (
            [f'{PULL}a:1: pinging container registry registry-1.docker.io: Get "https://registry-1.docker.io/v2/": dial tcp: no such host'],
            "image-unavailable",
            "The registry of image a:1 cannot be reached (no such host). Check its name; an operator can name a mirror with "
            "CAPSULE_BUILD_REGISTRY_MIRROR.",
        ),
        (
            [f"{PULL}a:1: choosing an image from manifest list docker://a:1: no image found in manifest list for architecture amd64"],
            "image-unavailable", "Image a:1 has no variant for this machine's processor.",
        ),
        (
            ["Error: COPY --from=nosuch:2: no stage or image found with that name"],
            "build-failed", "The Dockerfile: COPY --from=nosuch:2: there is no stage of this name, and no such image can be pulled.",
        ),
        (
            ['Error: committing container for step {}: copying layers: write /workspace/x: no space left on device'],
            "too-large", "The Dockerfile needs more disk than a build has: use a smaller base image, or several stages, of which the last is small.",
        ),
        (["Error: something else"], "build-failed", "The Dockerfile cannot be built: something else"),
        ([], "build-failed", "The Dockerfile cannot be built: no output"),
    ],
)  # fmt: skip
def test_each_failure_has_its_sentence(lines: list[str], reason: str, words: str) -> None:
    failure = explain(lines, "The Dockerfile")
    assert (failure.reason, failure.detail) == (reason, words)


def test_the_output_of_the_failing_step_is_kept_and_nothing_else() -> None:
    lines = [
        "STEP 1/2: FROM a",
        "Copying blob sha256:1",
        "STEP 2/2: RUN make",
        "cc: fatal",
        "subprocess exited with status 2",
        'Error: building at STEP "RUN make": exit status 2',
    ]
    assert explain(lines, "x").output == "cc: fatal"
